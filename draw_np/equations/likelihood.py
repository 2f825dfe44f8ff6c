"""The image model D(X | c): Bernoulli pixels whose logits are the canvas (Eq 3, 9, 16)."""

from ..backend import np
from .arguments import takes
from .linear import row_shape, sigmoid


def pixel_means(c):
    """Probability of each pixel being on, sigma(c), section 2.2. Same shape as the canvas `c`."""
    return sigmoid(c)


@takes(x="...", c="...")
def error_image(x, c):
    """What the canvas still gets wrong: Eq. (3). Same shape as the image `x` and the canvas `c`."""
    return x - sigmoid(c)


@takes(x="batch ...", c="batch ...")
def negative_log_likelihood(x, c):
    """-log D(x | c) summed over pixels, in nats for each image: Eq. (9).

    From logits, -log sigma(c)^x (1 - sigma(c))^(1-x) = log(1 + exp(c)) - x c, which neither overflows nor needs a
    small number added inside a logarithm. For x between 0 and 1 it is a cross-entropy, not a code length, and its
    minimum is not 0.

    Parameters: `x` in [0, 1] and `c`, of one shape (batch, ...). Returns shape (batch,).

    >>> x = np.array([[0.0, 1.0], [0.0, 1.0]])
    >>> equations.negative_log_likelihood(x, np.array([[0.0, 0.0], [-1000.0, 1000.0]])).round(4).tolist()
    [1.3863, 0.0]
    """
    nats = np.logaddexp(0.0, c) - x * c
    return np.sum(np.reshape(nats, row_shape(nats)), axis=1)


@takes(c="...", uniform="...")
def sample_image(c, uniform):
    """An image x ~ D(X | c): Eq. (16). `uniform` noise in [0, 1) decides each pixel. Same shape as the canvas."""
    return (uniform < sigmoid(c)).astype(c.dtype)
