"""Adam (Kingma & Ba 2014), the paper's optimiser, on nested dicts, and the decay, clipping and averaging around it."""

from typing import NamedTuple

from ..backend import arrays as np
from ..backend import fused
from .trees import from_named_leaves, map_leaves, named_leaves


class AdamState(NamedTuple):
    """Number of updates made, and the running means of the gradient and of its square."""

    count: int
    mean: dict
    mean_square: dict


def adam_init(params):
    """The state before the first update."""
    return AdamState(0, map_leaves(np.zeros_like, params), map_leaves(np.zeros_like, params))


def adam_update(params, gradient, state, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """One update, Algorithm 1 of Kingma & Ba. Returns (params, state); the arguments are left as they are."""
    count = state.count + 1
    mean_bias, square_bias = 1 - beta1**count, 1 - beta2**count  # both means start at zero: undo that

    def step(p, g, m, v):
        numbers = np.asarray(rate / mean_bias, p.dtype), np.asarray(square_bias, p.dtype)
        return adam(p, g, m, v, *numbers, beta1, beta2, epsilon)

    steps = map_leaves(step, params, gradient, state.mean, state.mean_square)
    params, mean, mean_square = (map_leaves(lambda found, k=k: found[k], steps) for k in range(3))
    return params, AdamState(count, mean, mean_square)


@fused
def adam(p, g, m, v, rate, square_bias, beta1, beta2, epsilon):
    """One array's update: its new values and their two means."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return p - rate * m / (np.sqrt(v / square_bias) + epsilon), m, v


def shrink_matrices(params, part):
    """The parameters with the matrices W and U shorter by `part` of their length: weight decay.

    Decoupled from Adam (Loshchilov & Hutter 2017), `part` being the rate times a constant. Adam divides a gradient by
    its noise, so weights that hardly matter walk at random, away from zero; this calls them back. Biases and the
    initial state are left alone.
    """
    leaves = named_leaves(params)
    for name, leaf in leaves.items():
        if name.rpartition("/")[2] in ("W", "U"):
            leaves[name] = leaf * np.asarray(1 - part, leaf.dtype)
    return from_named_leaves(leaves)


def clip_by_global_norm(gradient, norm, limit):
    """The gradient, shortened to `limit` if its global `norm` is longer; its direction is kept.

    DRAW's norms are mostly in the hundreds (median 231, at most 98,014 in the run of the shipped `mnist`), so with a
    limit of 10 nearly every update is shortened.
    """
    short = norm <= limit
    shorter = np.where(short, 1.0, limit / np.where(short, 1.0, norm))
    return map_leaves(lambda g: g * np.asarray(shorter, g.dtype), gradient)


def update_average(average, params, count, fraction):
    """The running average of the weights, over about the last `fraction` of the `count` updates so far.

    A decay of fixed length lags behind while the loss falls fast; this one starts short and grows with the run.
    """
    keep = 1 - 1 / (1 + fraction * count)
    return map_leaves(lambda a, p: np.asarray(keep, a.dtype) * a + np.asarray(1 - keep, a.dtype) * p, average, params)
