"""Two digits (section 4.3): two MNIST digits at random places on a black 60x60 image, sums clipped at one."""

import numpy as np

from draw_np.datasets import mnist
from draw_np.datasets.base import DatasetError, Split, check_whole
from draw_np.datasets.collage import place, random_corners
from draw_np.names import shown

SOURCE = "made from mnist as the paper's section 4.3 says"
LICENCE = "as mnist"
HEIGHT, WIDTH, DIGIT = 60, 60, 28  # pixels
MIDDLE = (HEIGHT - DIGIT) // 2  # row and column of the corner of a digit in the middle
DOUBT = 5.0  # pixels: which of two digits is further left is told only so exactly
FIXED_SHA256 = {  # of the fixed sets' images, then labels
    "valid": "a98fa436344d3c64248d02e273322cfeb9b8b5412473e72e9550a78b1ac63594",
    "test": "8d01f803005b416da44fa6558aa3c2fef7a50d3c0852501f7e8e208cf0711c85",
}


def check(digits=2, spread=100, staged=False):
    """Raise DatasetError unless digits is 1 or 2, spread a whole number from 0 to 100, and staged True or False."""
    check_whole("digits", digits, 1, 2)
    check_whole("spread", spread, 0, 100)
    if staged is not True and staged is not False:
        raise DatasetError(f"staged is {shown(staged)}: pass True or False")


def sample(rng, count, split, digits=2, spread=100, staged=False):
    """Return `count` new images, (count, 60, 60), and labels, (count, digits), made from the digits of `split`.

    Easier tasks than the paper's, to begin with, have one digit in place of 2; digits only `spread` percent as far from
    the middle; or, `staged`, two stages of each image, (count, 2, 60, 60), the image itself last, in the first one
    digit alone: the one further left. Where two are about as far left it may be either, for who sees both at once
    could not tell.

    The draws of the NumPy Generator `rng`, in order: which digits, their rows, their columns, the doubts of the stages.
    Raises DatasetError as `check`.
    """
    check(digits, spread, staged)
    pixels, labels = mnist.digits(split)
    which = rng.integers(len(pixels), size=(count, digits))
    corners = (random_corners(rng, (count, digits), side, DIGIT) for side in (HEIGHT, WIDTH))
    rows, columns = (MIDDLE + (corner - MIDDLE) * spread // 100 for corner in corners)
    images = mnist.grey_levels(place(pixels[which], rows, columns, HEIGHT, WIDTH))  # (count, 60, 60)
    if staged:
        seen = columns + DOUBT * rng.standard_normal((count, digits))
        left = np.arange(count)[:, None], seen.argmin(axis=1)[:, None]  # indices of shape (count, 1)
        first = mnist.grey_levels(place(pixels[which[left]], rows[left], columns[left], HEIGHT, WIDTH))
        images = np.stack([first, images], axis=1)  # (count, 2, 60, 60)
    return Split(images, labels[which].astype(np.int64))
