"""How good a model is: the bound on -log p(x), an estimate of -log p(x) by importance sampling, or the error."""

from collections.abc import Sized
from typing import NamedTuple

import numpy as np

from .. import equations
from ..backend import to_device, to_host
from ..counts import check_count
from ..datasets import floor
from ..models.common import check_rng
from ..names import shown

BATCH = 250


class Evaluation(NamedTuple):
    """All in nats per image: the bound L = L^x + L^z (Eq 12) with its standard error over images, and its two parts;
    the floor of L^x, which is the images' entropy, 0 for binary ones; L^z step by step, shape (steps,); and, with K > 1
    importance samples, an estimate of -log p with its standard error.
    """

    nll_bound: float
    standard_error: float
    reconstruction: float
    floor: float
    kl: float
    kl_per_step: np.ndarray
    nll_estimate: float | None
    nll_estimate_standard_error: float | None
    images: int
    importance_samples: int


@np.errstate(all="ignore")  # the result tells of weights that are of no use
def evaluate(model, params, config, images, rng, importance_samples=1, ops=equations, progress=iter):
    """Evaluate `model` on `images` (count, height, width[, channels]) with noise from `rng`.

    The bound takes one sample of z for each image; the paper says so of training (Eq 12), and not of its Table 2. The
    estimate takes K: -log of the mean of p(x, z) / q(z | x), at least -log p(x) on average and closer to it with every
    sample. `progress` wraps the iterator over batches. Returns an Evaluation. Raises ValueError when there are no
    images or they are of another size than the model's, and for any other bad argument.
    """
    check_images(images)
    check_rng(rng)
    importance_samples = check_count("importance_samples", importance_samples)
    params, parts, estimates = to_device(params), [], []
    importance_rng = rng.spawn(1)[0]  # its own, so that the bound does not depend on K
    for start in progress(range(0, len(images), BATCH)):
        batch = to_device(images[start : start + BATCH])
        noise = to_device(model.sample_noise(config, len(batch), rng))
        reconstruction, latent = to_host(model.bound(params, config, batch, noise, ops))
        parts.append(np.vstack([reconstruction, latent]))  # (1 + steps, batch)
        if importance_samples > 1:
            log_weights = []
            for _ in range(importance_samples):
                noise = to_device(model.sample_noise(config, len(batch), importance_rng))
                found = to_host(model.log_importance_weight(params, config, batch, noise, ops))
                log_weights.append(found.astype(np.float64))
            estimates.append(np.log(importance_samples) - np.logaddexp.reduce(log_weights, axis=0))  # (batch,)
    parts = np.concatenate(parts, axis=1).astype(np.float64)  # (1 + steps, count)
    bounds = parts.sum(axis=0)  # (count,)
    estimates = np.concatenate(estimates) if estimates else None
    return Evaluation(
        nll_bound=float(bounds.mean()),
        standard_error=standard_error(bounds),
        reconstruction=float(parts[0].mean()),
        floor=floor(images),
        kl=float(parts[1:].sum(axis=0).mean()),
        kl_per_step=parts[1:].mean(axis=1),
        nll_estimate=None if estimates is None else float(estimates.mean()),
        nll_estimate_standard_error=None if estimates is None else standard_error(estimates),
        images=len(images),
        importance_samples=importance_samples,
    )


class Classification(NamedTuple):
    """The error in percent with its standard error, and the cross-entropy in nats per image."""

    error: float
    standard_error: float
    cross_entropy: float
    images: int


@np.errstate(all="ignore")
def evaluate_classifier(model, params, config, images, labels, ops=equations, progress=iter):
    """Evaluate a classifier on images and their labels: a class is right if no other has a larger logit.

    `progress` wraps the iterator over batches. Returns a Classification. Raises ValueError when there are no images,
    and for labels that the loss would refuse.
    """
    check_images(images)
    labels = model.check_labels(np.asarray(labels), config, len(images))
    params, wrong, nats = to_device(params), [], []
    for start in progress(range(0, len(images), BATCH)):
        batch, right = images[start : start + BATCH], labels[start : start + BATCH]
        logits = model.look(params, config, to_device(batch), ops).logits
        wrong.append(to_host(logits).argmax(axis=1) != right)
        nats.append(to_host(ops.cross_entropy(logits, to_device(right))))
    wrong = 100.0 * np.concatenate(wrong)
    nats = np.concatenate(nats).astype(np.float64)
    return Classification(float(wrong.mean()), standard_error(wrong), float(nats.mean()), len(images))


def check_images(images):
    """Raise ValueError unless there are images; the model checks their size."""
    if not isinstance(images, Sized) or getattr(images, "ndim", 1) == 0 or len(images) == 0:
        raise ValueError(f"nothing to evaluate: no images, but {shown(images)}")


def standard_error(values):
    """Standard error of the mean of independent values; 0 for a single one."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def bound_score(model, params, config, split, seed, ops):
    """The bound in nats, with the same noise every time: as numbers, {"": nats}, and in words.

    For images whose pixels are no bits also how far it is above their floor: {"_above_floor": nats}.
    """
    found = evaluate(model, params, config, split.images, np.random.default_rng(seed), ops=ops)
    numbers = {"": round(found.nll_bound, 3)}
    words = f"bound {numbers['']:.2f} nats"
    if found.floor:
        numbers["_above_floor"] = round(found.nll_bound - found.floor, 3)
        words += f", {numbers['_above_floor']:.2f} above the floor"
    return numbers, words


def error_score(model, params, config, split, seed, ops):
    """A classifier's error in percent and its cross-entropy in nats, {"": error, "_nats": nats}; the error in words."""
    found = evaluate_classifier(model, params, config, *split, ops)
    numbers = {"": round(found.error, 3), "_nats": round(found.cross_entropy, 5)}
    return numbers, f"error {numbers['']:.2f} %"


MEASURES = {"bound": bound_score, "error": error_score}
"""What a model's `MEASURE` names: how training scores it."""
