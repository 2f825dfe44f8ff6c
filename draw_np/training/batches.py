"""Training images in the order of training, with labels where there are any, and a position to save and take up."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import datasets
from ..backend import to_device
from ..datasets import Split


@dataclass(frozen=True)
class Images:
    """A data set of one's own: images of shape (count, height, width[, channels]), float in [0, 1] or bytes.

    `train` and `valid` are to train and to validate on; `train` may be larger than memory (np.load with mmap_mode).
    `augment(images, rng)`, if given, makes the float32 images to be shown out of some of `train`, anew at every epoch:
    crops at random places, say.
    """

    train: np.ndarray
    valid: np.ndarray
    augment: Callable | None = None


def prepare(run, data_rng, mean_rng):
    """What a Run trains on: its batches, the Split to validate on, and the mean of its training images or of many."""
    recipe, count = run.recipe, run.recipe.validation_images
    if isinstance(run.data, str) and datasets.is_endless(run.data):
        valid, labels = datasets.load(run.data, "valid")
        sample = datasets.sample(run.data, mean_rng, 1000).images
        return Endless(run.data, recipe.batch, data_rng), Split(valid[:count], labels[:count]), sample.mean(axis=0)
    if isinstance(run.data, str):
        images, valid, augment = *(datasets.load(run.data, split).images for split in ("train", "valid")), None
    else:
        images, valid, augment = run.data.train, run.data.valid, run.data.augment
    images = images[: recipe.images]
    batches = Shuffled(to_device(images) if augment is None else images, recipe.batch, data_rng, augment)
    if augment:
        mean = augment(images[:1000], mean_rng).mean(axis=0)
    else:  # of the bytes themselves: as floats they might be larger than memory
        mean = images.mean(axis=0, dtype=np.float64) / (255 if images.dtype == np.uint8 else 1)
    return batches, Split(floats(valid[:count]), None), mean


def floats(images):
    """Images as float32: bytes from 0 to 255 become [0, 1]."""
    return images / np.float32(255) if images.dtype == np.uint8 else images.astype(np.float32, copy=False)


class Shuffled:
    """Batches of a fixed set of images, in a new random order every epoch. An incomplete last batch is left out.

    Its place is counted in images, so that it means the same for batches of any size.
    """

    def __init__(self, images, batch, rng, augment=None):
        if batch > len(images):
            raise ValueError(f"a batch of {batch} is more than the {len(images)} training images")
        self.images, self.batch, self.rng, self.augment = images, batch, rng, augment
        (self.augment_rng,) = rng.spawn(1)
        self.per_epoch = len(images) // batch
        self.start_epoch()

    def start_epoch(self):
        self.epoch_start, self.place = self.rng.bit_generator.state, 0
        self.order = self.rng.permutation(len(self.images))

    def next(self):
        """The next batch, a Split of images, float32 of shape (batch, height, width[, channels]), without labels."""
        if self.place + self.batch > len(self.images):
            self.start_epoch()
        chosen = self.order[self.place : self.place + self.batch]
        self.place += self.batch
        if self.augment:
            return Split(to_device(self.augment(self.images[np.sort(chosen)], self.augment_rng)), None)
        return Split(floats(self.images[to_device(chosen)]), None)

    def state(self):
        """Where it stands: JSON-able, for `restore`."""
        return {"rng": self.epoch_start, "place": self.place, "augment": self.augment_rng.bit_generator.state}

    def restore(self, state):
        """Go to where `state` was taken. Raises KeyError, TypeError or ValueError for what is no such place."""
        if type(state["place"]) is not int or not 0 <= state["place"] <= len(self.images):
            raise ValueError(f"there is no image {state['place']!r}")
        self.rng.bit_generator.state = state["rng"]
        self.start_epoch()
        self.place = state["place"]
        self.augment_rng.bit_generator.state = state["augment"]


class Endless:
    """Batches of images that are made anew each time, by a data set that can."""

    def __init__(self, dataset, batch, rng, per_epoch=50_000):
        self.dataset, self.batch, self.rng = dataset, batch, rng
        self.per_epoch = per_epoch // batch

    def next(self, **options):
        """The next batch, a Split of images as those of `Shuffled` and their labels; `options` of the data set."""
        return datasets.sample(self.dataset, self.rng, self.batch, **options)

    def state(self):
        """Where it stands: JSON-able, for `restore`."""
        return {"rng": self.rng.bit_generator.state}

    def restore(self, state):
        """Go to where `state` was taken. Raises KeyError, TypeError or ValueError for what is no such place."""
        self.rng.bit_generator.state = state["rng"]
