"""Kernels of selective attention: the window, its filters, reading and writing."""

from .. import equations
from ..backend import arrays as np
from ..backend import constant, fused, inner, plain
from ..equations.arguments import takes
from ..equations.attention import Window
from ..equations.linear import row_shape
from .linear import clipped_exp, linear_kernel
from .primitive import ADDED, LoopInvariant, kernel, shared


@takes(**equations.attention_window.takes)
def attention_window(params, h_dec, N, height, width):
    """The window that the decoder's output asks for, as `equations.attention_window`: Eq (21) to Eq (24).

    Each parameter depends on one emitted number: dg~_X = (A + 1) / 2 dg_X, and likewise for Y; for the three emitted
    logarithms, exp is its own derivative: dlog delta = delta d(delta), 0 where the logarithm was clipped.
    """
    return Window(*window_kernel(shared(params), h_dec, N, height, width))


@kernel
def window_kernel(params, h_dec, N, height, width):
    emitted = params.apply(h_dec)  # (batch, 5)
    logs, slopes = clipped_exp(emitted[:, 2:])  # (batch, 3): sigma^2, delta~, gamma
    units = (width + 1) / 2, (height + 1) / 2, 1.0, (max(width, height) - 1) / max(N - 1, 1), 1.0
    unit = constant(units, logs.dtype)
    values = np.concatenate([emitted[:, :2] + 1, logs], axis=1)
    values *= unit
    g_X, g_Y, sigma_squared, delta, gamma = (values[:, k : k + 1] for k in range(5))  # each (batch, 1)

    def backward(d_g_X, d_g_Y, d_delta, d_sigma_squared, d_gamma):
        d_emitted = np.concatenate([d_g_X, d_g_Y, d_sigma_squared, d_delta, d_gamma], axis=1)
        d_emitted *= unit
        d_emitted[:, 2:] *= slopes
        return ADDED, params.pull_back(h_dec, d_emitted), None, None, None

    return (g_X, g_Y, delta, sigma_squared, gamma), backward


def offsets(N, dtype):
    """i - N / 2 - 0.5 for i = 1 ... N: how many strides each filter is from the centre."""
    return np.arange(1, N + 1, dtype=dtype) - (N / 2 + 0.5)


@takes(**equations.filter_means.takes)
@kernel
def filter_means(g, delta, N):
    """The N filters' centres, as `equations.filter_means`, Eq (19), Eq (20): dg = sum of dmu, ddelta weighs them."""
    i = offsets(N, g.dtype)

    def backward(d_mu):
        return d_mu.sum(axis=1, keepdims=True), (d_mu @ i)[:, None], None

    return g + i * delta, backward


def gaussian_rows(mu, sigma_squared, pixels):
    """Eq (25), Eq (26) for plain arrays: F of shape (batch, N, pixels), and its derivative.

    F is a softmax over pixels of -(a - mu)^2 / (2 sigma^2). With E = F (dF - sum over pixels of F dF), the softmax's
    derivative:  dmu = sum over a of E (a - mu) / sigma^2,  dsigma^2 = sum over i and a of E (a - mu)^2 / (2 sigma^4).
    """
    a = np.arange(1, pixels + 1, dtype=mu.dtype)
    F = row_weights(a, mu[:, :, None], sigma_squared[:, :, None], pixels)  # (batch, N, pixels)
    F /= F.sum(axis=2, keepdims=True)

    def backward(d_F):
        distance = a - mu[:, :, None]
        E = softmax_slope(F, d_F, inner(F, d_F, 1)[:, :, None])
        d_mu = inner(E, distance, 1)
        d_mu /= sigma_squared
        d_sigma_squared = inner(E, distance * distance, 2)[:, None]
        d_sigma_squared /= 2 * sigma_squared * sigma_squared
        return d_mu, d_sigma_squared

    return F, backward


@fused
def row_weights(a, mu, sigma_squared, pixels):
    """Each row's weights before they are made to sum to 1, the largest being 1."""
    distance = a - mu
    F = distance * distance
    nearest = np.clip(np.rint(mu), 1, pixels) - mu  # see `equations.filterbank`
    F -= nearest * nearest
    F *= -0.5 / sigma_squared
    np.exp(F, out=F)
    return F


@fused
def softmax_slope(F, d_F, mean):
    return F * (d_F - mean)


@takes(**equations.filterbank.takes)
@kernel
def filterbank(mu, sigma_squared, pixels):
    """N Gaussian filters along one axis, as `equations.filterbank`, Eq (25), Eq (26); see `gaussian_rows`."""
    F, rows_backward = gaussian_rows(mu, sigma_squared, pixels)
    return F, lambda d_F: (*rows_backward(d_F), None)


@takes(**equations.filterbanks.takes)
def filterbanks(window, N, height, width):
    """Both filterbanks of a window, as `equations.filterbanks`; see `filter_means` and `gaussian_rows`."""
    return filterbanks_kernel(window.g_X, window.g_Y, window.delta, window.sigma_squared, N, height, width)


@kernel
def filterbanks_kernel(g_X, g_Y, delta, sigma_squared, N, height, width):
    i = offsets(N, g_X.dtype)
    F_X, backward_X = gaussian_rows(g_X + i * delta, sigma_squared, width)
    F_Y, backward_Y = gaussian_rows(g_Y + i * delta, sigma_squared, height)

    def backward(d_F_X, d_F_Y):
        d_mu_X, d_sigma_squared = backward_X(d_F_X)
        d_mu_Y, more = backward_Y(d_F_Y)
        d_sigma_squared += more
        d_g_X, d_g_Y = d_mu_X.sum(axis=1, keepdims=True), d_mu_Y.sum(axis=1, keepdims=True)
        d_mu_X += d_mu_Y
        return d_g_X, d_g_Y, (d_mu_X @ i)[:, None], d_sigma_squared, None, None, None

    return (F_X, F_Y), backward


@takes(**equations.glimpse.takes)
@kernel
def glimpse(x, F_X, F_Y, gamma):
    """Read one patch, as `equations.glimpse`.

    With A = F_Y x, the one large product, and P = A F_X^T for each image, r = gamma P:  dgamma = sum of P dr,
    dP = gamma dr,  dF_X = dP^T A,  dA = dP F_X,  dF_Y = dA x^T,  dx = F_Y^T dA; the filters' are summed over channels.
    """
    A = F_Y[:, None] @ x  # (batch, channels, N, width)
    P = A @ F_X.swapaxes(1, 2)[:, None]  # (batch, channels, N, N)
    flat = P.reshape(row_shape(P))

    def backward(d_r):
        d_gamma = inner(flat, d_r, 1)[:, None]
        d_P = (gamma * d_r).reshape(P.shape)
        d_A = d_P @ F_X[:, None]
        d_F_X = (d_P.swapaxes(2, 3) @ A).sum(axis=1)
        d_F_Y = (d_A @ x.swapaxes(2, 3)).sum(axis=1)
        return lambda: F_Y.swapaxes(1, 2)[:, None] @ d_A, d_F_X, d_F_Y, d_gamma  # the image's: seldom wanted

    return gamma * flat, backward


def sum_over_planes(parts):
    """The sum of arrays (batch, channels, ...) over all their channels."""
    return np.concatenate(list(parts), axis=1).sum(axis=1)


@takes(**equations.read.takes)
@kernel
def read(x, x_hat, F_X, F_Y, gamma):
    """Read two patches, as `equations.read`: Eq (27).

    With P = F_Y A and A = x F_X^T for each image, r = gamma P:  dgamma = sum of P dr,  dP = gamma dr,
    dA = F_Y^T dP,  dF_Y = dP A^T,  dF_X = dA^T x,  dx = dA F_X; the filters' gradients are summed over images.
    """
    channels = x.shape[1]
    F_X_transposed = F_X.swapaxes(1, 2)[:, None]
    As = [image @ F_X_transposed for image in (x, x_hat)]  # each (batch, channels, height, N)
    P = np.concatenate([F_Y[:, None] @ A for A in As], axis=1)  # (batch, 2 channels, N, N)
    flat = P.reshape(row_shape(P))

    def backward(d_r):
        d_gamma = inner(flat, d_r, 1)[:, None]
        d_P = (gamma * d_r).reshape(P.shape)
        d_A = F_Y.swapaxes(1, 2)[:, None] @ d_P  # (batch, 2 channels, height, N)
        d_Ps, d_As = ((d[:, :channels], d[:, channels:]) for d in (d_P, d_A))
        d_F_Y = sum_over_planes(d @ A.swapaxes(2, 3) for d, A in zip(d_Ps, As))
        d_F_X = sum_over_planes(d.swapaxes(2, 3) @ image for d, image in zip(d_As, (x, x_hat)))
        return (
            lambda: d_As[0] @ F_X[:, None],  # of the image itself: only asked for by the gradient check
            d_As[1] @ F_X[:, None],
            d_F_X,
            d_F_Y,
            d_gamma,
        )

    return gamma * flat, backward


@takes(**equations.read_without_attention.takes)
def read_without_attention(x, x_hat):
    """Read everything, as `equations.read_without_attention`, Eq (17): images become rows."""
    return tuple(
        part if isinstance(plain(part), LoopInvariant) else reshape(part, row_shape(part)) for part in (x, x_hat)
    )


@kernel
def reshape(array, shape):
    return array.reshape(shape), lambda d: (d.reshape(array.shape), None)


@takes(**equations.writing_patch.takes)
def writing_patch(params, h_dec, N, channels):
    """The patch to write, as `equations.writing_patch`, Eq (28): a linear map."""
    return reshape(linear_kernel(shared(params), h_dec), (len(h_dec), channels, N, N))


@takes(**equations.write.takes)
@kernel
def write(w, F_X, F_Y, gamma):
    """Write a patch, as `equations.write`: Eq (29).

    With v = w / gamma and c = F_Y^T (v F_X):  dF_Y = (v F_X) dc^T,  dF_X = v^T (F_Y dc),  dv = (F_Y dc) F_X^T,
    dw = dv / gamma,  dgamma = -sum of dv v / gamma; the filters' gradients are summed over channels.
    """
    v = w / gamma[:, :, None, None]  # (batch, channels, N, N)
    rows = v @ F_X[:, None]  # (batch, channels, N, width)

    def backward(d_c):
        d_rows = F_Y[:, None] @ d_c  # (batch, channels, N, width)
        d_F_Y = (rows @ d_c.swapaxes(2, 3)).sum(axis=1)
        d_F_X = (v.swapaxes(2, 3) @ d_rows).sum(axis=1)
        d_w = d_rows @ F_X.swapaxes(1, 2)[:, None]
        d_w /= gamma[:, :, None, None]
        return d_w, d_F_X, d_F_Y, -inner(d_w, v, 3)[:, None]

    return F_Y.swapaxes(1, 2)[:, None] @ rows, backward


@takes(**equations.write_without_attention.takes)
def write_without_attention(params, h_dec, channels, height, width):
    """Write everywhere, as `equations.write_without_attention`, Eq (18): a linear map."""
    return reshape(linear_kernel(shared(params), h_dec), (len(h_dec), channels, height, width))
