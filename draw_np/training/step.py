"""One update: loss, gradient, clipping, Adam and the weight average; and the two schedules that steer it."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy

from ..backend import np, value_and_grad
from .adam import AdamState, adam_init, adam_update, clip_by_global_norm, update_average
from .trees import global_norm, map_leaves


class Weights(NamedTuple):
    """All that an update changes."""

    params: dict
    average: dict
    adam: AdamState


def first_weights(params):
    """The state before the first update."""
    return Weights(params, params, adam_init(params))


def losses(params, model, config, images, noise, ops):
    """[L^x, L^z] in nats, summed over the images, of shape (2,)."""
    reconstruction, latent = model.bound(params, config, images, noise, ops)
    return np.stack([np.sum(reconstruction), np.sum(latent)])


def losses_and_gradient(params, model, config, images, noise, ops, threads=1):
    """[L^x, L^z] in nats per image and the gradient of their sum, Eq. (12), with respect to the parameters.

    With more than one of `threads`, each takes a shard of the batch through a forward and backward pass of its own,
    side by side, and the sums are added in the order of the shards: the same bits every time, and the same numbers up
    to rounding whatever the number of shards. NumPy releases the interpreter's lock while it computes.
    """

    def shard(images, noise):
        with numpy.errstate(
            over="ignore", invalid="ignore"
        ):  # `update` returns what is not finite, and its caller looks
            return value_and_grad(lambda params: losses(params, model, config, images, noise, ops), params)

    if threads == 1:
        shards = [shard(images, noise)]
    else:
        parts = numpy.array_split(images, threads), numpy.array_split(noise, threads, axis=1)
        with ThreadPoolExecutor(threads) as pool:
            shards = list(pool.map(shard, *parts))
    nats = numpy.sum([nats for nats, _ in shards], axis=0) / len(images)
    gradient = map_leaves(lambda *leaves: sum(leaves[1:], leaves[0]) / len(images), *(g for _, g in shards))
    return nats.tolist(), gradient


def update(weights, model, config, images, noise, recipe, rate, ops, threads=1):
    """Make one update. Returns (Weights, {"L_x", "L_z", "gradient_norm"}), the norm as it was before clipping.

    A quantity that is not finite means that the new weights are worthless; the caller is to look.
    """
    (L_x, L_z), gradient = losses_and_gradient(weights.params, model, config, images, noise, ops, threads)
    with numpy.errstate(over="ignore", invalid="ignore"):
        norm = global_norm(gradient)
        gradient = clip_by_global_norm(gradient, norm, recipe.clip)
        params, adam = adam_update(weights.params, gradient, weights.adam, rate)
        average = update_average(weights.average, params, adam.count, recipe.average) if recipe.average else params
    return Weights(params, average, adam), {"L_x": L_x, "L_z": L_z, "gradient_norm": norm}


def rate_at(recipe, done, length):
    """The learning rate after `done` updates: a linear rise, then half a cosine down to zero at the run's end."""
    rise = min(1.0, (done + 1) / recipe.warm_up)
    return recipe.rate * rise * 0.5 * (1 + math.cos(math.pi * done / length))


def steps_at(recipe, config, done, length):
    """T after `done` updates, as `recipe.grow` says; 1 for a model without steps."""
    until = 0.0
    for steps, fraction in recipe.grow:
        until += fraction
        if done < until * length:
            return steps
    return getattr(config, "steps", 1)
