"""Kernels of the linear map and of the two functions its outputs pass through."""

from .. import equations
from ..backend import arrays as np
from ..backend import fused
from ..equations.arguments import takes
from ..equations.linear import LOG_LIMIT
from .primitive import ADDED, kernel, shared


@takes(**equations.linear.takes)
def linear(params, a):
    """b = W(a), as `equations.linear`.

    With y = a W + b:  dW = a^T dy,  db = sum over the batch of dy,  da = dy W^T.
    """
    return linear_kernel(shared(params), a)


@kernel
def linear_kernel(params, a):
    return params.apply(a), lambda d_y: (ADDED, params.pull_back(a, d_y))


def to_logistic(x):
    """Turn a plain array into 1 / (1 + exp(-x)) in place; returns it."""
    x *= 0.5
    np.tanh(x, out=x)
    x *= 0.5
    x += 0.5
    return x


@fused
def logistic(x):
    """1 / (1 + exp(-x)) of a plain array, in one new array."""
    return to_logistic(x.copy())


@kernel
def sigmoid(x):
    """The logistic function, as `equations.sigmoid`: s' = s (1 - s)."""
    s = logistic(np.asarray(x))
    return s, lambda d_s: d_s * s * (1 - s)


@fused
def clipped_exp(log):
    """exp of a plain array within +-LOG_LIMIT, and its derivative: the value itself, 0 where it was clipped."""
    value = np.exp(np.clip(log, -LOG_LIMIT, LOG_LIMIT))
    return value, value * (np.abs(log) < LOG_LIMIT)


@kernel
def bounded_exp(log):
    """exp of a logarithm that a network emits, as `equations.bounded_exp`: its own derivative, 0 where clipped."""
    value, slope = clipped_exp(log)
    return value, lambda d_value: d_value * slope
