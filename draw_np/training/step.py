"""One update: loss, gradient, clipping, Adam and the weight average; and the two schedules that steer it."""

import math
from typing import NamedTuple

import numpy

from ..backend import np, value_and_grad
from .adam import AdamState, adam_init, adam_update, clip_by_global_norm, update_average
from .trees import global_norm


class Weights(NamedTuple):
    """All that an update changes."""

    params: dict
    average: dict
    adam: AdamState


def first_weights(params):
    """The state before the first update."""
    return Weights(params, params, adam_init(params))


def losses(params, model, config, images, noise, ops):
    """[L^x, L^z], nats per image averaged over the batch, of shape (2,)."""
    reconstruction, latent = model.bound(params, config, images, noise, ops)
    return np.stack([np.sum(reconstruction), np.sum(latent)]) / len(images)


def losses_and_gradient(params, model, config, images, noise, ops):
    """[L^x, L^z] and the gradient of their sum, Eq. (12), with respect to the parameters."""
    with numpy.errstate(over="ignore", invalid="ignore"):  # the training loop looks for what is not finite
        return value_and_grad(lambda params: losses(params, model, config, images, noise, ops), params)


def update(weights, model, config, images, noise, recipe, rate, ops, gradient_of=losses_and_gradient):
    """Make one update. Returns (Weights, {"L_x", "L_z", "gradient_norm"}), the norm as it was before clipping.

    `gradient_of` may be another way to the same numbers, such as `shards.Shards.losses_and_gradient`.
    A quantity that is not finite means that the new weights are worthless; the caller is to look.
    """
    (L_x, L_z), gradient = gradient_of(weights.params, model, config, images, noise, ops)
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
