"""What the scripts of this folder share to find the training images that are nearest to others, by the L2 distance.

The training set is read block by block, from disk where it lies there: 231,053 house numbers need no more memory than
1,000. Training shows a house number in 121 pieces, at 11 x 11 places; here it has nine, at the corners, the middles of
the sides and the centre, so that the nearest of the 121 is at most 3 pixels away.
"""

from itertools import product

import numpy as np

from draw_np import datasets
from draw_np.datasets import svhn

BLOCK = 250  # pictures
PLACES = tuple(product((0, 5, 10), repeat=2))  # row and column that a piece of a house number begins at


def is_here(name):
    """Whether the images of a data set can be read without a network."""
    return next(row.here for row in datasets.listing() if row.name == name)


def training_blocks(name):
    """The training images of a colour set as training shows them, block by block, float32 (count, height, width, 3)."""
    pixels = datasets.raw(name, "train")
    for start in range(0, len(pixels), BLOCK):
        block = pixels[start : start + BLOCK]
        if name != "svhn":
            yield datasets.centres(name, block)
            continue
        for row, column in PLACES:
            yield svhn.crops(block, np.full(len(block), row), np.full(len(block), column))


def nearest(images, blocks):
    """For each of `images` (count, ...) the one in `blocks`, arrays (any, ...), with the smallest L2 distance.

    Returns these, of the shape of `images`, and their distances, (count,): the root of the mean squared difference of
    their pixels.
    """
    x = images.reshape(len(images), -1)
    best, found = np.full(len(x), np.inf), np.empty_like(images)
    for block in blocks:
        y = block.reshape(len(block), -1)
        squared = np.sum(y**2, axis=1) - 2 * x @ y.T  # |y - x|^2 less |x|^2, which is the same for all: (count, block)
        chosen, least = squared.argmin(axis=1), squared.min(axis=1)
        nearer = least < best
        best[nearer], found[nearer] = least[nearer], block[chosen[nearer]]
    return found, np.sqrt(np.mean((found - images).reshape(x.shape) ** 2, axis=1))
