"""Two digits (section 4.3): two MNIST digits at random places on a black 60x60 image, sums clipped at one."""

import numpy as np

from draw_np.datasets import mnist
from draw_np.datasets.base import DatasetError, Split
from draw_np.datasets.collage import place, random_corners

SOURCE = "made from mnist as the paper's section 4.3 says"
LICENCE = "as mnist"
HEIGHT, WIDTH, DIGIT = 60, 60, 28  # pixels
STARTS = {1: [(16, 16)], 2: [(16, 4), (16, 28)]}  # rows and columns of corners: in the middle, or side by side
FIXED_SHA256 = {  # of the fixed sets' images, then labels
    "valid": "a98fa436344d3c64248d02e273322cfeb9b8b5412473e72e9550a78b1ac63594",
    "test": "8d01f803005b416da44fa6558aa3c2fef7a50d3c0852501f7e8e208cf0711c85",
}


def sample(rng, count, split, digits=2, spread=100, second=100):
    """Return `count` new images, (count, 60, 60), and labels, (count, digits), made from the digits of `split`.

    Easier tasks than the paper's, to begin with, have one digit in place of 2; digits that have gone only `spread`
    percent of the way from STARTS, the left one to the place further left; or two looks at each image, (count, 2, 60,
    60), the image itself last, in the first of which the right digit has only `second` percent of its light.

    The draws of the NumPy Generator `rng`, in order: which digits, their rows, their columns.
    Raises DatasetError for another number of digits, and unless spread and second are whole numbers from 0 to 100.
    """
    if digits not in STARTS:
        raise DatasetError(f"digits is {digits!r}: pass 1 or 2")
    for name, value in {"spread": spread, "second": second}.items():
        if value not in range(101):
            raise DatasetError(f"{name} is {value!r}: pass a whole number from 0 to 100")
    pixels, labels = mnist.digits(split)
    which = rng.integers(len(pixels), size=(count, digits))
    rows = random_corners(rng, (count, digits), HEIGHT, DIGIT)
    columns = random_corners(rng, (count, digits), WIDTH, DIGIT)
    if (digits, spread, second) != (2, 100, 100):
        rows, columns = on_the_way(rows, columns, spread / 100)
    images = mnist.grey_levels(place(pixels[which], rows, columns, HEIGHT, WIDTH))  # (count, 60, 60)
    if second < 100:
        left = mnist.grey_levels(place(pixels[which[:, :1]], rows[:, :1], columns[:, :1], HEIGHT, WIDTH))
        images = np.stack([left + np.float32(second / 100) * (images - left), images], axis=1)  # (count, 2, 60, 60)
    return Split(images, labels[which].astype(np.int64))


def on_the_way(rows, columns, part):
    """Return rows and columns, (count, digits), that have gone `part` of the way from STARTS to these, left to left."""
    from_left, starts = np.argsort(columns, axis=1, kind="stable"), STARTS[columns.shape[1]]
    ends = (np.take_along_axis(axis, from_left, axis=1) for axis in (rows, columns))
    return (np.rint((1 - part) * np.array(start) + part * end).astype(int) for start, end in zip(zip(*starts), ends))
