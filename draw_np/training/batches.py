"""Batches of training images, with labels where there are any, and a position that can be saved and restored."""

import numpy as np

from ..backend import to_device
from ..datasets import DatasetError, Split
from ..names import shown


def floats(images):
    """Images as float32: bytes from 0 to 255 become [0, 1]."""
    return images / np.float32(255) if images.dtype == np.uint8 else images.astype(np.float32, copy=False)


class Shuffled:
    """Batches of a fixed set of images, in a new random order every epoch. An incomplete last batch is left out.

    Its place is counted in images, so that `batch`, the size of the batches to come, may be changed. Raises
    DatasetError for a batch larger than the number of images.
    """

    def __init__(self, images, batch, rng, augment=None):
        if batch > len(images):
            raise DatasetError(f"a batch of {batch} is more than the {len(images)} training images: use a smaller one")
        self.images, self.batch, self.rng, self.augment = images, batch, rng, augment
        (self.augment_rng,) = rng.spawn(1)
        self.start_epoch()

    @property
    def per_epoch(self):
        """The batches of an epoch."""
        return len(self.images) // self.batch

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
            raise ValueError(f"after image {shown(state['place'])}, and there are {len(self.images):,} now")
        self.rng.bit_generator.state = state["rng"]
        self.start_epoch()
        self.place = state["place"]
        self.augment_rng.bit_generator.state = state["augment"]


class Endless:
    """Batches of new images, made by `sample(rng, count, **options)`; `epoch` images count as an epoch."""

    def __init__(self, sample, batch, rng, epoch=50_000):
        self.sample, self.batch, self.rng, self.epoch = sample, batch, rng, epoch

    @property
    def per_epoch(self):
        """The batches of an epoch, one at least."""
        return max(1, self.epoch // self.batch)

    def next(self, **options):
        """The next batch, a Split of images and their labels, made with these `options` of the data set."""
        return self.sample(self.rng, self.batch, **options)

    def state(self):
        """Where it stands: JSON-able, for `restore`."""
        return {"rng": self.rng.bit_generator.state}

    def restore(self, state):
        """Go to where `state` was taken. Raises KeyError, TypeError or ValueError for what is no such place."""
        self.rng.bit_generator.state = state["rng"]
