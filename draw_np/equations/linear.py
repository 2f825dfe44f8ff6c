"""The linear map that the paper writes W(.), and the two functions its outputs pass through."""

import math

from ..backend import np
from .arguments import takes

LOG_LIMIT = 20.0
"""A logarithm that a network emits is clipped to [-20, 20], a departure from the paper that no useful model can feel.

Unbounded, one bad update makes exp overflow and the run ends in NaN. At the limits a filter is 5e-5 pixels or 2e4
pixels wide, no longer distinguishable from a single pixel or from a plain average.
"""


@takes(a="batch inputs", params={"W": "inputs outputs", "b": "outputs"})
def linear(params, a):
    """The paper's b = W(a): "a linear weight matrix with bias" (section 2.1).

    Parameters: `params` {"W": (inputs, outputs), "b": (outputs,)}, `a` of shape (batch, inputs).
    Returns b of shape (batch, outputs).
    """
    return a @ params["W"] + params["b"]


def row_shape(a):
    """The shape of `a` with a row for each image, (batch, numbers). Of an empty batch -1 could be any."""
    return len(a), math.prod(a.shape[1:])


def shared(params):
    """Weights for use at every step: here just `params`. The kernels gather the gradients of all steps here."""
    return params


def loop_invariant(x):
    """What is the same at every step: here just `x`. The kernels multiply it once and not at every step."""
    return x


def sigmoid(x):
    """The logistic function 1 / (1 + exp(-x)) of Eq. (3), as a tanh, which is finite whatever x is."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def bounded_exp(log):
    """exp of a logarithm that a network emits (Eq 2, 21), kept finite: see `LOG_LIMIT`."""
    return np.exp(np.clip(log, -LOG_LIMIT, LOG_LIMIT))
