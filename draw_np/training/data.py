"""What `train` needs of a data set, and three that have it: arrays, images made without end, and the paper's by name.

A data set has `valid`, a Split (images, labels or None) to validate on; `mean(rng)`, the mean of (many) training
images; `source`, the name of the place they come from; and `batches(batch, rng)`, which returns an object like
`batches.Shuffled`. That has `batch`, how many images, which may be changed; `per_epoch`, how many batches an epoch has,
after which training validates (if they are few, after several epochs); `next(**options)`, which returns a Split of
float32 images in [0, 1], of shape (batch, height, width[, channels]); `state()`, where it stands, as JSON can hold it;
and `restore(state)`. The options are those of `Phase.shown`; a data set that takes any has a function `sample`.
"""

import dataclasses
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from .. import datasets
from ..backend import to_device
from ..counts import check_count
from ..datasets import DatasetError, Split
from ..datasets.base import check_bits
from ..models import MODELS
from ..models.common import to_planes
from .batches import Endless, Shuffled, floats

NEEDED = "valid", "batches", "mean", "source"
MANY = 1000


@dataclass(frozen=True)
class Images:
    """Your own images, of shape (count, height, width[, channels]), float in [0, 1] or bytes.

    `train` may be larger than memory (np.load with mmap_mode). `augment(images, rng)`, if given, makes from some of
    `train` the float32 images that are shown, new ones in every epoch: crops at random places, say. `to_validate` are
    shown as they are.
    """

    train: np.ndarray
    to_validate: np.ndarray
    augment: Callable | None = None
    source: str = "images"

    def __post_init__(self):
        for name in ("train", "to_validate"):
            images = getattr(self, name)
            if not len(getattr(images, "shape", ())) > 2 or not len(images):
                got = getattr(images, "shape", f"a {type(images).__name__}")
                raise DatasetError(f"{name} must be an array (count, height, width[, channels]), got {got}")
        check_bits("train", self.train)

    @property
    def valid(self):
        return Split(self.to_validate, None)

    def batches(self, batch, rng):
        return Shuffled(self.train if self.augment else to_device(self.train), batch, rng, self.augment)

    def mean(self, rng):
        if self.augment:
            return self.augment(self.train[:MANY], rng).mean(axis=0)
        scale = 255 if self.train.dtype == np.uint8 else 1  # as floats the whole might be larger than memory
        return self.train.mean(axis=0, dtype=np.float64) / scale


@dataclass(frozen=True)
class Made:
    """Images without end: `sample(rng, count, **options)` returns a Split of new ones."""

    sample: Callable
    valid: Split
    source: str = "images"

    def batches(self, batch, rng):
        return Endless(self.sample, batch, rng)

    def mean(self, rng):
        return self.sample(rng, MANY).images.mean(axis=0)


def named(name):
    """One of the paper's data sets. Raises DatasetError."""
    valid = datasets.load(name, "valid")
    if datasets.is_endless(name):
        return Made(partial(datasets.sample, name), valid, name)
    if datasets.is_raw(name):
        return Images(datasets.raw(name, "train"), valid.images, partial(datasets.augment, name), name)
    return Images(datasets.load(name, "train").images, valid.images, source=name)


def prepare(run, rng):
    """The data of a Run, its batches, and the Split to validate on: float32 images, and labels where there are any.

    Raises DatasetError if they cannot be validated on, which would else be found at the end of the first epoch.
    """
    data, recipe = named(run.data) if isinstance(run.data, str) else run.data, run.recipe
    if recipe.images:
        data = dataclasses.replace(data, train=data.train[: recipe.images])
    images, labels = (part if part is None else part[: recipe.validation_images] for part in data.valid)
    validation, model = Split(floats(images), labels), MODELS[run.model]
    try:
        to_planes(to_device(validation.images), run.config)
        if model.MEASURE == "error":
            model.check_labels(labels, run.config, len(images))
    except ValueError as error:
        raise DatasetError(f"{run.name} cannot be validated on these images: {error}") from error
    batches = data.batches(max(recipe.batch_sizes), rng)
    check_batches(run, batches)
    return data, batches, validation


def check_batches(run, batches):
    """Raise DatasetError for batches of one's own that training would stumble over."""
    name = f"{run.name}: the batches of {run.data_name}"
    for part in ("batch", "next", "per_epoch", "restore", "state"):
        if getattr(batches, part, None) is None:
            raise DatasetError(f"{name} lack {part}: the docstring of training/data.py says what they need")
    try:
        check_count("per_epoch", batches.per_epoch)
        json.dumps(batches.state())
    except (TypeError, ValueError) as error:  # of JSON
        raise DatasetError(f"{name} are at fault: {error}") from error


def digest(*arrays):
    """A checksum of arrays, to compare them by."""
    mark = 0
    for array in arrays:
        mark = zlib.crc32(np.ascontiguousarray(array), mark)
    return mark


def of_images(run, images, source):
    """A Run like `run` on all of your own images, with a model of their size.

    A tenth of them, chosen at random but always the same, is for validation. Raises ValueError, in one line, for a run
    whose recipe needs its own data, and for fewer images than two batches.
    """
    recipe = run.recipe
    if recipe.start or "L_x" not in MODELS[run.model].LOSSES or any(phase.shown for phase in recipe.phases):
        preset = f"the preset {run.name} is for the data set {run.data_name} alone"
        raise ValueError(f"{preset}: train another preset on images of your own")
    if len(images) < 2 * max(recipe.batch_sizes):
        few = f"{source} has {len(images):,} images and {run.name} trains with batches of {max(recipe.batch_sizes)}"
        raise ValueError(f"{few}: pass at least {2 * max(recipe.batch_sizes)}")
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(images))
    held = max(1, len(images) // 10)
    train, valid = np.sort(order[:-held]), np.sort(order[-held:])
    height, width, channels = (*images.shape[1:], 1)[:3]
    config = dataclasses.replace(run.config, height=height, width=width, channels=channels)
    data = Images(images[train], images[valid], source=source)
    return dataclasses.replace(run, config=config, data=data, recipe=dataclasses.replace(recipe, images=None))
