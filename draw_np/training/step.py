"""One update: loss, gradient, clipping, Adam and the weight average; and the two schedules that steer it."""

import functools
import itertools
import math
from types import SimpleNamespace
from typing import NamedTuple

import numpy

from ..backend import np, value_and_grad
from ..models import draw, is_classifier
from ..models.common import image_shape
from .adam import AdamState, adam_init, adam_update, clip_by_global_norm, shrink_matrices, update_average
from .settle import heard_only, schedule_free_update
from .trees import global_norm, map_leaves


class Weights(NamedTuple):
    """All that an update changes."""

    params: dict
    average: dict
    adam: AdamState


def first_weights(params):
    """The state before the first update."""
    return Weights(params, params, adam_init(params))


def loss_names(model):
    """What the loss of a model is the sum of."""
    return ("cross_entropy",) if is_classifier(model) else ("L_x", "L_z")


def losses(params, model, config, images, given, ops, batch=None, keep_every=None, lstm_clip=None):
    """[L^x, L^z] or, of a classifier, [cross-entropy]: nats per image averaged over the batch.

    `images` with one more axis, behind the first, are looks: see `draw.bound_in_turn`. `given` is what the loss takes
    besides images: the noise, or a classifier's labels. `batch` is the number of images to average over, if these are
    a part of them only; `keep_every` computes in parts, in less memory (draw.bound_in_parts). `lstm_clip` is the
    largest derivative of an image's loss that the backward pass lets through to a pre-activation of an LSTM.
    """
    batch = batch or len(images)
    if lstm_clip is not None:
        lstm = functools.partial(ops.lstm, limit=lstm_clip / batch)
        ops = SimpleNamespace(**{**vars(ops), "lstm": lstm})
    if is_classifier(model):
        parts = (model.cross_entropy(params, config, images, given, ops),)
    elif images.ndim > 1 + len(image_shape(config)):
        parts = model.bound_in_turn(params, config, images, given, ops)
    else:
        bound = functools.partial(model.bound_in_parts, keep_every=keep_every) if keep_every else model.bound
        parts = bound(params, config, images, given, ops)
    return np.stack([np.sum(part) for part in parts]) / batch


def losses_and_gradient(params, model, config, images, given, ops, kl_weight=None, **how):
    """The `losses` and the gradient of their sum, Eq. (12), with respect to the parameters.

    `kl_weight`, an array (2,) as `kl_weight_at` makes it, is what L^x and L^z count in the gradient instead of 1; `how`
    is what `losses` takes besides.
    """
    with numpy.errstate(over="ignore", invalid="ignore"):  # the training loop looks for what is not finite
        return value_and_grad(
            lambda params: losses(params, model, config, images, given, ops, **how), params, kl_weight
        )


def update(
    weights,
    model,
    config,
    images,
    given,
    recipe,
    rate,
    ops,
    gradient_of=losses_and_gradient,
    kl_weight=None,
    settling=False,
    resting=False,
):
    """Make one update. Returns (Weights, the losses by name with "gradient_norm", before clipping, and "weight_norm").

    `gradient_of` may be another way to the same numbers, such as `shards.Shards.losses_and_gradient`. `settling` is
    whether the run is in its last part: see `settle`; `resting`, whether the decoder rests where its average is, and
    only the encoder learns.
    A quantity that is not finite means that the new weights are worthless; the caller is to look.
    """
    params, average, adam = weights
    if resting:
        params = draw.with_decoder_of(params, average)
    nats, gradient = gradient_of(params, model, config, images, given, ops, kl_weight=kl_weight)
    with numpy.errstate(over="ignore", invalid="ignore"):
        if settling:
            gradient = heard_only(gradient, params)
        if resting:
            gradient = draw.with_decoder_of(gradient, map_leaves(np.zeros_like, gradient))
        norm = global_norm(gradient)
        gradient = clip_by_global_norm(gradient, norm, recipe.clip)
        if settling:
            params, average, adam = schedule_free_update(params, average, gradient, adam, rate, recipe.average)
        else:
            params = shrink_matrices(params, rate * recipe.weight_decay) if recipe.weight_decay else params
            params, adam = adam_update(params, gradient, adam, rate)
            average = update_average(average, params, adam.count, recipe.average) if recipe.average else params
        if resting:  # Adam's momentum would carry it on
            params, average = (draw.with_decoder_of(tree, weights.average) for tree in (params, average))
        size = global_norm(params)
    quantities = {**dict(zip(loss_names(model), nats)), "gradient_norm": norm, "weight_norm": size}
    return Weights(params, average, adam), quantities


def rate_at(recipe, done, length):
    """The learning rate after `done` updates: a linear rise, then half a cosine down to zero at the run's end.

    A run that settles keeps the rate with which it begins to: Schedule-Free Adam averages instead. If the rate fell to
    zero, the average would follow z to where it comes to a halt.
    """
    rise = min(1.0, (done + 1) / recipe.warm_up)
    end = 1 if recipe.settle is None else recipe.settle
    return recipe.rate * rise * 0.5 * (1 + math.cos(math.pi * min(done / length, end)))


def kl_weight_at(recipe, done):
    """What L^x and L^z count after `done` updates, an array (2,), or None if the recipe has them count 1 always.

    L^z counts little at first. With its full weight, before the decoder has learned to use them, silencing latent units
    is the quickest way down, and the silenced do not come back.
    """
    if not recipe.kl_warm_up:
        return None
    return numpy.array([1, min(1, (done + 1) / recipe.kl_warm_up)], numpy.float32)


def steps_at(recipe, config, done, length):
    """T after `done` updates, as `recipe.grow` says; 1 for a model without steps."""
    for steps, until in phases(recipe, config, length):
        if done < until:
            return steps
    return getattr(config, "steps", 1)


def steps_until(recipe, config, done, length):
    """The number of steps t that the first `done` updates take together: the work, for a progress bar."""
    total, start = 0, 0
    for steps, until in phases(recipe, config, length):
        total += steps * max(0, min(done, until) - start)
        start = max(start, until)
    return total


def ends(parts, length):
    """[(a part without its share, the update before which it ends), ...] of parts (..., share of the run) in order."""
    fractions = itertools.accumulate(part[-1] for part in parts)
    return [(part[:-1], math.ceil(fraction * length)) for part, fraction in zip(parts, fractions)]


def options_at(recipe, done, length):
    """What images are made like after `done` updates, options of the data set's `sample`; {} for its own way."""
    start = 0
    for (options,), end in ends(recipe.easier, length):
        if done < end:
            return {name: value_at(value, (done - start) / (end - start)) for name, value in options.items()}
        start = end
    return {}


def value_at(value, part):
    """The value or, of a pair, what is due at `part` of a time that passes from its first whole number to its last."""
    first, last = value if isinstance(value, tuple | list) else (value, value)
    return first + int(part * (last - first + 1))


def phases(recipe, config, length):
    """[(T, the update before which it ends), ...] up to the run's end."""
    grown = [(steps, end) for (steps,), end in ends(recipe.grow, length)]
    return [*grown, (getattr(config, "steps", 1), length)]
