"""One update: the loss, its gradient, clipping, the optimiser's step."""

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy

from ..backend import Recorded, np, value_and_grad
from .adam import OPTIMISERS, Weights, clip_by_global_norm
from .trees import from_named_leaves, global_norm, map_leaves, named_leaves


def losses(params, model, config, images, given, ops, batch=None, keep_every=None, lstm_clip=None):
    """The terms of a model's loss, `model.LOSSES`: nats per image averaged over the batch, an array of as many.

    Parameters: `given` is what the loss takes besides images, as `model.given` makes it; `batch` is the number of
    images to average over, if these are only some of them; `keep_every` saves memory: see `draw.bound`. `lstm_clip` is
    the largest derivative of an image's loss that the backward pass lets through to a pre-activation of an LSTM, as in
    Graves (2013).
    """
    batch = batch or len(images)
    if lstm_clip is not None:
        lstm = functools.partial(ops.lstm, limit=lstm_clip / batch)
        ops = SimpleNamespace(**{**vars(ops), "lstm": lstm})
    how = {"keep_every": keep_every} if keep_every else {}
    terms = model.losses(params, config, images, given, ops, **how)
    return np.stack([np.sum(term) for term in terms]) / batch


def losses_and_gradient(params, model, config, images, given, ops, kl_weight=None, **how):
    """The `losses` and the gradient of their sum, Eq. (12), with respect to the parameters.

    `kl_weight`, an array (2,), holds the weights of L^x and L^z in the gradient, if they are not 1; `how` is passed on
    to `losses`.
    """
    with numpy.errstate(over="ignore", invalid="ignore"):  # the training loop looks for what is not finite
        return value_and_grad(
            lambda params: losses(params, model, config, images, given, ops, **how), params, kl_weight
        )


class RecordedLosses:
    """`losses_and_gradient`, with the same bits, and faster from the second call on: see `backend.Recorded`."""

    def __init__(self):
        self.what, self.recorded = None, None

    def __call__(self, params, model, config, images, given, ops, kl_weight=None, **how):
        what = model, config, ops, how
        if what != self.what:
            self.what = what
            self.recorded = Recorded(
                lambda params, images, given: losses(params, model, config, images, given, ops, **how)
            )
        with numpy.errstate(over="ignore", invalid="ignore"):
            return self.recorded(params, images, given, weights=kl_weight)


class Work(NamedTuple):
    """How the updates of a phase are made."""

    model: Any
    config: Any  # the model's, as it is in this phase
    ops: Any  # equations or kernels
    recipe: Any
    optimiser: str = "adam"  # a name in adam.OPTIMISERS
    learns: dict | None = None  # whether each parameter learns, a tree like theirs; None: all do
    gradient_of: Callable = losses_and_gradient  # or another function with the same result, as shards.Shards has


def update(weights, images, given, rate, kl_weight, work):
    """Make one update. Returns (Weights, the losses by name with "gradient_norm", before clipping, and "weight_norm").

    A quantity that is not finite means that the new weights are worthless: the caller must look.
    """
    nats, gradient = work.gradient_of(
        weights.params, work.model, work.config, images, given, work.ops, kl_weight=kl_weight
    )
    with numpy.errstate(over="ignore", invalid="ignore"):
        if work.learns:
            gradient = where(work.learns, gradient, map_leaves(np.zeros_like, gradient))
        norm = global_norm(gradient)
        gradient = clip_by_global_norm(gradient, norm, work.recipe.clip)
        after = OPTIMISERS[work.optimiser](weights, gradient, rate, work.recipe)
        params, average = (where(work.learns, new, old) for new, old in zip(after, weights[:2]))
        size = global_norm(params)
    quantities = {**dict(zip(work.model.LOSSES, nats)), "gradient_norm": norm, "weight_norm": size}
    return Weights(params, average, after.adam), quantities


def where(learns, new, old):
    """`new` in the leaves that learn, `old` in the others, which Adam's momentum would go on moving."""
    return map_leaves(lambda learns, new, old: new if learns else old, learns, new, old) if learns else new


def learning(params, frozen):
    """Whether each parameter learns, a tree like theirs: all but those that `frozen` names, whole or by branch."""
    names = named_leaves(params)
    return from_named_leaves({name: not any(f"{name}/".startswith(f"{one}/") for one in frozen) for name in names})
