"""Cluttered MNIST (section 4.1; Mnih et al., 2014): one digit to find among fragments of others on 100x100.

Eight distractors, each an 8x8 piece of some digit of the same split, then one whole digit, all at random
places; sums are clipped at one. The recipe is that of github.com/deepmind/mnist-cluttered.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from draw_np.datasets import mnist
from draw_np.datasets.base import Split, check_whole
from draw_np.datasets.collage import add_clipped, place, random_corners

SOURCE = "made from mnist as Mnih et al. (2014) did"
LICENCE = "as mnist"
SIDE, DIGIT = 100, 28  # pixels
DISTRACTORS, PIECE = 8, 8  # how many, and their side in pixels
FIXED_SHA256 = {  # of the fixed sets' images, then labels
    "valid": "c1da17aebfe6054f98c6f1ffcaf073d3e6a7d868903d4b1ae32a69342aaee2d3",
    "test": "3357c2d1fcb004231d8a7e2ba681e8a890c7db985509f67c696811f129eab5fd",
}


def check(side=SIDE, distractors=DISTRACTORS):
    """Raise DatasetError unless side is a whole number, 28 or more, and distractors one, 0 or more."""
    check_whole("side", side, DIGIT)
    check_whole("distractors", distractors, 0)


def sample(rng, count, split, side=SIDE, distractors=DISTRACTORS):
    """Return `count` new images, (count, side, side), and labels, (count,), made from the digits of `split`.

    An easier task than the paper's, to begin with, has a smaller `side` in pixels and fewer `distractors`.

    The draws of the NumPy Generator `rng`, in order: which digits lend a piece, the pieces' rows and columns
    in them, the pieces' rows and columns in the image; which digit is whole, its row, its column.
    Raises DatasetError as `check`.
    """
    check(side, distractors)
    pixels, labels = mnist.digits(split)
    pieces = (count, distractors)
    lender = rng.integers(len(pixels), size=pieces)
    from_row = random_corners(rng, pieces, DIGIT, PIECE)
    from_column = random_corners(rng, pieces, DIGIT, PIECE)
    rows = random_corners(rng, pieces, side, PIECE)
    columns = random_corners(rng, pieces, side, PIECE)
    windows = sliding_window_view(pixels, (PIECE, PIECE), axis=(1, 2))  # a view: all pieces of all digits
    cut = windows[lender, from_row, from_column]  # (count, distractors, 8, 8)
    clutter = place(cut, rows, columns, side, side)  # (count, side, side)

    whole = rng.integers(len(pixels), size=(count, 1))
    row = random_corners(rng, (count, 1), side, DIGIT)
    column = random_corners(rng, (count, 1), side, DIGIT)
    digit = place(pixels[whole], row, column, side, side)  # (count, side, side)
    return Split(mnist.grey_levels(add_clipped(clutter, digit)), labels[whole[:, 0]].astype(np.int64))
