"""Kernels of the image model: Bernoulli pixels whose logits are the canvas."""

from .. import equations
from ..backend import arrays as np
from ..backend import fused
from ..equations.arguments import takes
from ..equations.linear import row_shape
from .linear import logistic, sigmoid
from .primitive import kernel


def pixel_means(c):
    """Probability of each pixel being on, as `equations.pixel_means`."""
    return sigmoid(c)


@takes(**equations.error_image.takes)
@kernel
def error_image(x, c):
    """What the canvas still gets wrong, as `equations.error_image`, Eq (3): dx = 1, dc = -s (1 - s).

    s is not kept for the way back: it is x less the error image, which reading keeps.
    """
    error = x - logistic(c)

    def backward(d_error):
        return lambda: d_error, error_slope(x - error, d_error)

    return error, backward


@fused
def error_slope(s, d_error):
    d_c = s - 1
    d_c *= s
    d_c *= d_error
    return d_c


@takes(**equations.negative_log_likelihood.takes)
@kernel
def negative_log_likelihood(x, c):
    """-log D(x | c), as `equations.negative_log_likelihood`, Eq (9): dc = sigma(c) - x, dx = -c."""
    nats = np.logaddexp(c, c.dtype.type(0))
    nats -= x * c
    column = (len(x),) + (1,) * (x.ndim - 1)

    def backward(d_nats):
        d_nats = d_nats.reshape(column)
        return lambda: -c * d_nats, (logistic(c) - x) * d_nats

    return nats.reshape(row_shape(nats)).sum(axis=1), backward
