"""Adam (Kingma & Ba 2014), the paper's optimiser, on nested dicts, and the decay, clipping and averaging around it;
and Schedule-Free Adam (Defazio et al. 2024, "The Road Less Scheduled").
"""

from typing import NamedTuple

from ..backend import arrays as np
from ..backend import fused
from .trees import from_named_leaves, map_elements, map_leaves, named_leaves


class AdamState(NamedTuple):
    """Number of updates made, and the running means of the gradient and of its square."""

    count: int
    mean: dict
    mean_square: dict


class Weights(NamedTuple):
    """All that an update changes: the parameters, their average over the last updates, and Adam's state."""

    params: dict
    average: dict
    adam: AdamState


def first_weights(params):
    """The Weights before the first update: the average begins as the parameters."""
    return Weights(params, params, adam_init(params))


def adam_init(params):
    """The AdamState before the first update: both means begin at zero."""
    return AdamState(0, map_leaves(np.zeros_like, params), map_leaves(np.zeros_like, params))


def adam_update(params, gradient, state, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """One update, Algorithm 1 of Kingma & Ba. Returns (params, state); the arguments are left as they are."""

    def step(p, g, m, v):
        return adam(p, g, m, v, *at_count(state.count + 1, rate, beta1, beta2, p.dtype), beta1, beta2, epsilon)

    params, mean, mean_square = map_elements(step, params, gradient, state.mean, state.mean_square)
    return params, AdamState(state.count + 1, mean, mean_square)


def at_count(count, rate, beta1, beta2, dtype):
    """The rate and the bias of the mean square at an update: they make up for both means starting at zero."""
    return np.asarray(rate / (1 - beta1**count), dtype), np.asarray(1 - beta2**count, dtype)


@fused
def adam(p, g, m, v, rate, square_bias, beta1, beta2, epsilon):
    """One array's update: its new values and their two means."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return p - rate * m / (np.sqrt(v / square_bias) + epsilon), m, v


def shrink_matrices(params, part):
    """The parameters with the matrices W and U shorter by `part` of their length: weight decay.

    Decoupled from Adam (Loshchilov & Hutter 2017): `part` is the rate times a constant. Adam divides a gradient by its
    noise, so weights that hardly matter walk at random, away from zero; this brings them back. Biases and the initial
    state are left alone.
    """
    leaves = named_leaves(params)
    for name, leaf in leaves.items():
        if name.rpartition("/")[2] in ("W", "U"):
            leaves[name] = leaf * np.asarray(1 - part, leaf.dtype)
    return from_named_leaves(leaves)


def clip_by_global_norm(gradient, norm, limit):
    """The gradient, shortened to `limit` if its global `norm` is longer; its direction is kept.

    DRAW's norms are large (median 141, at most 165,761 in the run of the shipped `mnist`), so with a limit of 10 nearly
    every update is shortened.
    """
    short = norm <= limit
    shorter = np.where(short, 1.0, limit / np.where(short, 1.0, norm))
    return map_leaves(lambda g: g * np.asarray(shorter, g.dtype), gradient)


def update_average(average, params, count, fraction):
    """The running average of the weights, over about the last `fraction` of the `count` updates so far.

    A decay of fixed length lags behind while the loss falls fast; this one starts short and grows with the run.
    """
    (average,) = map_elements(lambda a, p: (averaged(a, p, count, fraction),), average, params)
    return average


def averaged(a, p, count, fraction):
    """One array's part of `update_average`."""
    keep = 1 - 1 / (1 + fraction * count)
    return np.asarray(keep, a.dtype) * a + np.asarray(1 - keep, a.dtype) * p


def schedule_free_update(params, average, gradient, state, rate, fraction, beta1=0.97, beta2=0.999, epsilon=1e-8):
    """One update of Schedule-Free Adam, from `gradient` at `params`. Returns (params, average, AdamState).

    A point z makes Adam's steps, without momentum; `average` x follows it, as in `update_average`; and the next
    gradient is taken at params y = beta1 * x + (1 - beta1) * z, so z need not be stored. Plain Adam takes it at z,
    which swings across a narrow valley and back every few updates: there it tells of little else. Near the average it
    tells where the valley leads.
    """

    def step(y, x, g, v):
        z = x + (y - x) / (1 - beta1)
        z, _, v = adam(z, g, 0.0, v, *at_count(count, rate, 0.0, beta2, z.dtype), 0.0, beta2, epsilon)
        x = averaged(x, z, count, fraction)
        return x + (1 - beta1) * (z - x), x, v

    count = state.count + 1
    params, average, mean_square = map_elements(step, params, average, gradient, state.mean_square)
    return params, average, AdamState(count, state.mean, mean_square)  # nothing here uses the mean of the gradient


def adam_step(weights, gradient, rate, recipe):
    """The Weights after an update of Adam with the weight decay and the average of a recipe."""
    params, average, state = weights
    params = shrink_matrices(params, rate * recipe.decay) if recipe.decay else params
    params, state = adam_update(params, gradient, state, rate)
    return Weights(params, update_average(average, params, state.count, recipe.average), state)


def schedule_free_step(weights, gradient, rate, recipe):
    """The Weights after an update of Schedule-Free Adam, which has no weight decay."""
    return Weights(*schedule_free_update(*weights[:2], gradient, weights.adam, rate, recipe.average))


OPTIMISERS = {"adam": adam_step, "schedule-free": schedule_free_step}
