"""What every data set shares: its splits, its error, and where downloaded files live."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from draw_np.counts import whole
from draw_np.names import shown

SPLITS = ("train", "valid", "test")


class DatasetError(Exception):
    """Bad input or a bad file: one line that says what is wrong and what to do."""


class Split(NamedTuple):
    """Images float32 in [0, 1], and their labels.

    `images` are of shape (count, height, width) or, in colour, (count, height, width, 3); staged ones, which
    two_digit_mnist makes, (count, stages, height, width).
    `labels` are int64 of shape (count,), or (count, 2) for two digits, or (count, 5) for a number, or None where the
    set has none.
    """

    images: np.ndarray
    labels: np.ndarray | None


def data_root():
    """Return the folder of downloaded files: $DRAW_NP_DATA, else ~/.cache/draw_np.

    Raises DatasetError where the home folder that begins it is not known.
    """
    named = os.environ.get("DRAW_NP_DATA") or "~/.cache/draw_np"
    try:
        return Path(named).expanduser()
    except RuntimeError:
        raise DatasetError(f"the home folder in {named} is not known: name a folder in DRAW_NP_DATA") from None


def check_rng(rng):
    """Raise DatasetError unless `rng` is a NumPy Generator."""
    if not isinstance(rng, np.random.Generator):
        raise DatasetError(f"rng is a {type(rng).__name__}: pass a Generator like np.random.default_rng(0)")


def check_whole(name, value, least, most=None):
    """The whole number `value`, as an int of Python; raises DatasetError unless it is one, from `least` to `most`."""
    number = whole(value, least, most)
    if number is None:
        span = f"{least} or more" if most is None else f"from {least} to {most}"
        raise DatasetError(f"{name} is {shown(value)}: pass a whole number, {span}")
    return number


def check_pixels(pixels):
    """Raise DatasetError unless `pixels` is an array of bytes, 0 to 255."""
    if getattr(pixels, "dtype", None) != np.uint8:
        kind = getattr(pixels, "dtype", type(pixels).__name__)
        raise DatasetError(f"pixels are {kind}: pass an array of uint8, 0 to 255")


def check_bits(name, images):
    """Raise DatasetError if bytes are 0 and 1 alone: as bytes, 255 being white, these images would all be black."""
    if images.dtype == np.uint8 and not any(np.any(image > 1) for image in images) and np.any(images):
        raise DatasetError(f"{name} holds bytes of 0 and 1 alone, where 255 is white: make them float32, or bool")


def read_file(path, limit, repair):
    """Return the bytes of the file `path`.

    Raises DatasetError, which ends with what to do, `repair`, if it cannot be read, has more than `limit` bytes, or is
    no file of a disk: a pipe or a device could be read for ever.
    """
    try:
        if path.exists() and not path.is_file():
            raise DatasetError(f"{path} cannot be read (it is no regular file): {repair}")
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}): {repair}") from None
    if len(data) > limit:
        raise DatasetError(f"{path} cannot be read (it has more than {limit:,} bytes): {repair}")
    return data
