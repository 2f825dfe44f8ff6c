"""Training images in the order of training, with labels where there are any, and a position to save and take up."""

import numpy as np

from .. import datasets
from ..backend import to_device


class Shuffled:
    """Batches of a fixed set of images, in a new random order every epoch. An incomplete last batch is left out."""

    def __init__(self, images, batch, rng):
        if batch > len(images):
            raise ValueError(f"a batch of {batch} is more than the {len(images)} training images")
        self.images, self.batch, self.rng = images, batch, rng
        self.per_epoch = len(images) // batch
        self.start_epoch()

    def start_epoch(self):
        self.epoch_start, self.position = self.rng.bit_generator.state, 0
        self.order = self.rng.permutation(len(self.images))

    def next(self):
        """The next batch, a Split of images, float32 of shape (batch, height, width[, channels]), without labels."""
        if self.position == self.per_epoch:
            self.start_epoch()
        chosen = self.order[self.position * self.batch : (self.position + 1) * self.batch]
        self.position += 1
        return datasets.Split(self.images[to_device(chosen)].astype(np.float32, copy=False), None)

    def state(self):
        """Where it stands: JSON-able, for `restore`."""
        return {"rng": self.epoch_start, "position": self.position}

    def restore(self, state):
        self.rng.bit_generator.state = state["rng"]
        self.start_epoch()
        self.position = state["position"]


class Endless:
    """Batches of images that are made anew each time, by a data set that can."""

    def __init__(self, dataset, batch, rng, per_epoch=50_000):
        self.dataset, self.batch, self.rng = dataset, batch, rng
        self.per_epoch = per_epoch // batch

    def next(self, **options):
        """The next batch, a Split of images as those of `Shuffled` and their labels; `options` of the data set."""
        return datasets.sample(self.dataset, self.rng, self.batch, **options)

    def state(self):
        return {"rng": self.rng.bit_generator.state}

    def restore(self, state):
        self.rng.bit_generator.state = state["rng"]
