"""Adam (Kingma & Ba 2014), the paper's optimiser, on nested dicts, and the clipping and averaging around it."""

from typing import NamedTuple

import numpy as np

from .trees import map_leaves


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
    mean = map_leaves(lambda m, g: beta1 * m + (1 - beta1) * g, state.mean, gradient)
    mean_square = map_leaves(lambda v, g: beta2 * v + (1 - beta2) * g * g, state.mean_square, gradient)
    mean_bias, square_bias = 1 - beta1**count, 1 - beta2**count  # both means start at zero: undo that

    def step(p, m, v):
        return p - (rate / mean_bias) * m / (np.sqrt(v / square_bias) + epsilon)

    return map_leaves(step, params, mean, mean_square), AdamState(count, mean, mean_square)


def clip_by_global_norm(gradient, norm, limit):
    """The gradient, shortened to `limit` if its global `norm` is longer; its direction is kept.

    DRAW's norms are mostly in the hundreds (median 220, at most 8,934 in the run of the shipped `mnist`), so with a
    limit of 10 nearly every update is shortened.
    """
    return gradient if norm <= limit else map_leaves(lambda g: g * (limit / norm), gradient)


def update_average(average, params, count, fraction):
    """The running average of the weights, over about the last `fraction` of the `count` updates so far.

    A decay of fixed length lags behind while the loss falls fast; this one starts short and grows with the run.
    """
    keep = 1 - 1 / (1 + fraction * count)
    return map_leaves(lambda a, p: keep * a + (1 - keep) * p, average, params)
