"""Selective attention: where to look (Eq 19-26), reading (Eq 17, 27) and writing (Eq 18, 28, 29).

Images here are stacks of planes, (batch, channels, height, width), a grey image having one channel. Width is the
paper's A and height its B: the paper calls x an "A x B input image" but multiplies F_Y x F_X^T with F_X of N x A and
F_Y of N x B, so x is stored as B rows of A pixels. Filters and pixels are counted from 1, as Eq 19-23 count them.
"""

from typing import NamedTuple

from ..backend import np, stop_gradient
from .arguments import takes
from .linear import bounded_exp, linear, row_shape


class Window(NamedTuple):
    """The five attention parameters of a batch in pixels, each of shape (batch, 1).

    The grid's centre (g_X, g_Y), counted from 1; the stride delta; the filters' variance sigma^2; the intensity gamma.
    """

    g_X: np.ndarray
    g_Y: np.ndarray
    delta: np.ndarray
    sigma_squared: np.ndarray
    gamma: np.ndarray


@takes(h_dec="batch hidden", params={"W": "hidden 5", "b": "5"}, N=int, height=int, width=int)
def attention_window(params, h_dec, N, height, width):
    """The window that the decoder's output asks for: Eq. (21), Eq. (22), Eq. (23), Eq. (24).

    Eq 21 emits log sigma^2, so sigma^2 = exp(.) is the variance already and is not squared again. For N = 1 Eq 24
    divides by zero; the stride then multiplies nothing (the one filter sits at the centre), and 1 takes the place of
    N - 1.

    Parameters: `params` of the linear map to five numbers; `h_dec` of shape (batch, hidden); `N` filters a side; the
    image's `height` and `width` in pixels. Returns a Window.
    """
    emitted = linear(params, h_dec)  # (batch, 5)
    g_X, g_Y, log_sigma_squared, log_delta, log_gamma = np.split(emitted, 5, axis=1)  # each (batch, 1)
    return Window(
        g_X=(width + 1) / 2 * (g_X + 1),
        g_Y=(height + 1) / 2 * (g_Y + 1),
        delta=(max(width, height) - 1) / max(N - 1, 1) * bounded_exp(log_delta),
        sigma_squared=bounded_exp(log_sigma_squared),
        gamma=bounded_exp(log_gamma),
    )


@takes(g="batch 1", delta="batch 1", N=int)
def filter_means(g, delta, N):
    """The N filters' centres along one axis, in pixels counted from 1: Eq. (19), Eq. (20).

    Parameters: the grid's centre `g` and stride `delta`, each of shape (batch, 1). Returns mu of shape (batch, N).

    >>> equations.filter_means(np.array([[14.5]]), np.array([[2.0]]), N=4).tolist()
    [[11.5, 13.5, 15.5, 17.5]]
    """
    i = np.arange(1, N + 1, dtype=g.dtype)
    return g + (i - N / 2 - 0.5) * delta


def nearest_square(mu, pixels):
    """The squared distance of each filter's centre to the nearest pixel, of the shape of `mu`, as a constant."""
    mu = stop_gradient(mu)
    return (np.clip(np.round(mu), 1, pixels) - mu) ** 2


@takes(mu="batch N", sigma_squared="batch 1", pixels=int)
def filterbank(mu, sigma_squared, pixels):
    """N Gaussian filters along one axis, each a row that sums to 1: Eq. (25), Eq. (26).

    Written as the equations are, a row whose window lies far outside the image, or whose sigma is tiny, is 0 / 0. Only
    ratios matter, so the squared distance of the nearest pixel is taken off first: that pixel then weighs exp(0) = 1,
    and Z is never below 1. The shift cancels in the ratio, so it may count as a constant.

    Parameters: `mu` of shape (batch, N), `sigma_squared` of shape (batch, 1), the number of `pixels` along the axis.
    Returns F of shape (batch, N, pixels).

    >>> equations.filterbank(np.array([[2.0, 4.0]]), np.array([[0.25]]), pixels=5).round(2).tolist()
    [[[0.11, 0.79, 0.11, 0.0, 0.0], [0.0, 0.0, 0.11, 0.79, 0.11]]]
    """
    a = np.arange(1, pixels + 1, dtype=mu.dtype)
    squares = (a - mu[:, :, None]) ** 2  # (batch, N, pixels)
    squares = squares - nearest_square(mu, pixels)[:, :, None]
    weights = np.exp(squares * (-0.5 / sigma_squared[:, :, None]))  # (batch, N, pixels)
    return weights / np.sum(weights, axis=2, keepdims=True)


@takes(window=Window(*["batch 1"] * 4, gamma=None), N=int, height=int, width=int)
def filterbanks(window, N, height, width):
    """Both filterbanks of a window: F_X of shape (batch, N, width) and F_Y of shape (batch, N, height)."""
    F_X = filterbank(filter_means(window.g_X, window.delta, N), window.sigma_squared, width)
    F_Y = filterbank(filter_means(window.g_Y, window.delta, N), window.sigma_squared, height)
    return F_X, F_Y


@takes(x="batch channels height width", F_X="batch N width", F_Y="batch N height", gamma="batch 1")
def glimpse(x, F_X, F_Y, gamma):
    """Read one N x N patch of one image: a half of Eq 27, and all that a classifier needs (section 4.1).

    Rows of the filterbanks sum to 1, so gamma alone sets the patch's intensity.

    Parameters: `x` of shape (batch, channels, height, width), the filterbanks, `gamma` of shape (batch, 1).
    Returns gamma F_Y x F_X^T as a vector of shape (batch, channels N N).
    """
    F_X_transposed = np.swapaxes(F_X, 1, 2)[:, None]  # (batch, 1, width, N): one filterbank for all channels
    patch = F_Y[:, None] @ x @ F_X_transposed  # (batch, channels, N, N)
    return gamma * np.reshape(patch, row_shape(patch))  # (batch, channels N N)


@takes(
    x="batch channels height width", x_hat="batch channels height width", F_X="batch N width", F_Y="batch N height",
    gamma="batch 1",
)  # fmt: skip
def read(x, x_hat, F_X, F_Y, gamma):
    """Read two N x N patches, of the image and of the error image, through the same filters: Eq. (27).

    Parameters: `x` and `x_hat` of shape (batch, channels, height, width), the filterbanks, `gamma` of shape (batch, 1).
    Returns gamma [F_Y x F_X^T, F_Y x_hat F_X^T] as a vector of shape (batch, 2 channels N N).
    """
    return np.concatenate([glimpse(image, F_X, F_Y, gamma) for image in (x, x_hat)], axis=1)


@takes(x="batch ...", x_hat="batch ...")
def read_without_attention(x, x_hat):
    """Read everything: Eq. (17). Returns [x, x_hat] in its two parts, each of shape (batch, channels height width)."""
    return tuple(np.reshape(image, row_shape(image)) for image in (x, x_hat))


@takes(h_dec="batch hidden", params={"W": "hidden outputs", "b": "outputs"}, N=int, channels=int)
def writing_patch(params, h_dec, N, channels):
    """The patch that the decoder's output asks to write: Eq. (28). Returns w of shape (batch, channels, N, N)."""
    return np.reshape(linear(params, h_dec), (len(h_dec), channels, N, N))


@takes(w="batch channels N N", F_X="batch N width", F_Y="batch N height", gamma="batch 1")
def write(w, F_X, F_Y, gamma):
    """Write a patch through the filters of a window of its own: Eq. (29).

    This window's gamma-hat is inverted: had reading multiplied by the same number, writing would undo it.

    Parameters: `w` of shape (batch, channels, N, N), the filterbanks, `gamma` of shape (batch, 1).
    Returns 1 / gamma F_Y^T w F_X of shape (batch, channels, height, width), to be added to the canvas.
    """
    F_Y_transposed = np.swapaxes(F_Y, 1, 2)[:, None]  # (batch, 1, height, N)
    return F_Y_transposed @ (w / gamma[:, :, None, None]) @ F_X[:, None]


@takes(h_dec="batch hidden", params={"W": "hidden outputs", "b": "outputs"}, channels=int, height=int, width=int)
def write_without_attention(params, h_dec, channels, height, width):
    """Write everywhere: Eq. (18). Returns W(h_dec) of shape (batch, channels, height, width)."""
    return np.reshape(linear(params, h_dec), (len(h_dec), channels, height, width))
