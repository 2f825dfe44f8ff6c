"""Two digits (section 4.3): two MNIST digits at random places on a black 60x60 image, sums clipped at one."""

import numpy as np

from draw_np.datasets import mnist
from draw_np.datasets.base import DatasetError, Split
from draw_np.datasets.collage import place, random_corners

SOURCE = "made from mnist as the paper's section 4.3 says"
LICENCE = "as mnist"
HEIGHT, WIDTH, DIGIT = 60, 60, 28  # pixels
SIDE_BY_SIDE = (16, 4), (16, 28)  # row and column of two corners: in the middle, 24 pixels from each other
FIXED_SHA256 = {  # of the fixed sets' images, then labels
    "valid": "a98fa436344d3c64248d02e273322cfeb9b8b5412473e72e9550a78b1ac63594",
    "test": "8d01f803005b416da44fa6558aa3c2fef7a50d3c0852501f7e8e208cf0711c85",
}


def sample(rng, count, split, spread=100):
    """Return `count` new images, (count, 60, 60), and labels, (count, 2), made from the digits of `split`.

    `spread` is 100 in the paper's task. With 0, the easiest, the digits always stand side by side in the middle. In
    between they have gone so many percent of the way from there to random places, the left one to that further left.

    The draws of the NumPy Generator `rng`, in order: which digits, their rows, their columns.
    Raises DatasetError for a spread that is not a whole number from 0 to 100.
    """
    if spread not in range(101):
        raise DatasetError(f"spread is {spread!r}: pass a whole number from 0 to 100")
    pixels, labels = mnist.digits(split)
    which = rng.integers(len(pixels), size=(count, 2))
    rows = random_corners(rng, (count, 2), HEIGHT, DIGIT)
    columns = random_corners(rng, (count, 2), WIDTH, DIGIT)
    if spread < 100:
        rows, columns = on_the_way(rows, columns, spread / 100)
    images = place(pixels[which], rows, columns, HEIGHT, WIDTH)  # (count, 60, 60)
    return Split(mnist.grey_levels(images), labels[which].astype(np.int64))


def on_the_way(rows, columns, part):
    """Return rows and columns, (count, 2), of corners that have gone `part` of the way from SIDE_BY_SIDE to these."""
    left_first = np.argsort(columns, axis=1, kind="stable")
    there = (np.take_along_axis(axis, left_first, axis=1) for axis in (rows, columns))
    return (
        np.rint((1 - part) * np.array(start) + part * end).astype(int) for start, end in zip(zip(*SIDE_BY_SIDE), there)
    )
