"""MNIST (LeCun, Bottou, Bengio and Haffner, 1998): 70,000 grey 28x28 digits, shipped with the package.

The 60,000 training digits are split, as is usual, into the first 50,000 for training and the last 10,000 for
validation; the 10,000 test digits are as published. The fixed binarized MNIST has another split.
"""

import hashlib
import math
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from draw_np.datasets.base import DatasetError, Split, check_pixels, check_rng, read_file

SOURCE = "LeCun, Cortes and Burges, yann.lecun.com/exdb/mnist"
LICENCE = "commonly given as CC BY-SA 3.0, Yann LeCun and Corinna Cortes"
COUNTS = {"train": 50_000, "valid": 10_000, "test": 10_000}
DOWNLOAD = 0  # bytes
REPAIR = "install draw_np again"
FILES = Path(__file__).parent / "files"
RAW = {  # shape, and MD5 of the published file before gzip
    "train-images-idx3-ubyte": ((60_000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": ((60_000,), "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": ((10_000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": ((10_000,), "27ae3e4e09519cfbb04c329615203637"),
}
PART_OF = {  # split -> published set, and which of its digits
    "train": ("train", slice(50_000)),
    "valid": ("train", slice(50_000, None)),
    "test": ("t10k", slice(None)),
}


def load(split):
    """Return the grey digits of `split`, images of shape (count, 28, 28), labels 0-9 of shape (count,)."""
    pixels, labels = digits(split)
    return Split(grey_levels(pixels), labels.astype(np.int64))


def digits(split):
    """Return the raw digits of `split`: uint8 pixels (count, 28, 28) and labels (count,), both read-only."""
    name, part = PART_OF[split]
    return _read(f"{name}-images-idx3-ubyte")[part], _read(f"{name}-labels-idx1-ubyte")[part]


def grey_levels(pixels):
    """Return uint8 pixels 0-255 as float32 grey levels in [0, 1], of the same shape.

    Raises DatasetError for anything but uint8.
    """
    check_pixels(pixels)
    return np.divide(pixels, 255, dtype=np.float32)


def binarize(images, rng):
    """Return binary images, float32 0 or 1: each pixel an independent Bernoulli with its grey level as mean.

    `images` are floats in [0, 1] of any shape; `rng` is a NumPy Generator. This is how Salakhutdinov and Murray (2008)
    made their fixed set; drawing anew at every epoch is the common "dynamic" binarization. Raises DatasetError for
    anything else, above all for pixels 0-255, of which every one that is not 0 would become 1.
    """
    check_rng(rng)
    if np.ma.isMaskedArray(images):
        raise DatasetError("images are masked: fill in what is, images.filled(0), or leave those images out")
    images = np.asarray(images)
    if images.dtype.kind != "f":
        raise DatasetError(f"images are {images.dtype}: pass floats in [0, 1], as load gives them")
    if images.size and not (images.min() >= 0 and images.max() <= 1):  # nan is neither
        raise DatasetError(f"images reach from {images.min():g} to {images.max():g}: pass floats in [0, 1]")
    return (rng.random(images.shape, dtype=np.float32) < images).astype(np.float32)


def folder():
    """Return the folder of the four files."""
    return FILES


def paths():
    """Return the four files."""
    return [FILES / f"{name}.gz" for name in RAW]


def is_here():
    """Return whether all four files are in place."""
    return all(path.exists() for path in paths())


def fetch():
    """Download nothing, MNIST ships with the package; raise DatasetError if a file cannot be read."""
    for name in RAW:
        _read(name)


def verify():
    """Return a line for each file whose MD5 is the published one; raise DatasetError if one is not."""
    for name, (shape, md5) in RAW.items():
        path = FILES / f"{name}.gz"
        if hashlib.md5(_decompress(path, shape), usedforsecurity=False).hexdigest() != md5:
            raise DatasetError(f"{path} is not the published file (its MD5 differs): {REPAIR}")
    return [f"{path.name}: MD5 as published" for path in paths()]


def _read(name):
    return read_idx(FILES / f"{name}.gz", RAW[name][0])


@cache  # endless sets draw from the digits for every batch
def read_idx(path, shape):
    """Return the read-only uint8 array of `shape` in the gzipped IDX file `path`; raise DatasetError if it is another.

    IDX is: two zero bytes, a type (8 is unsigned byte), the number of axes, the big-endian length of each
    axis, the numbers.
    """
    data, header = _decompress(path, shape), _header(shape)
    if not data.startswith(header):
        raise DatasetError(f"{path} is not an IDX file of unsigned bytes of shape {shape}: {REPAIR}")
    if len(data) != len(header) + math.prod(shape):
        raise DatasetError(f"{path} does not hold the {math.prod(shape):,} numbers that it announces: {REPAIR}")
    return np.frombuffer(data, np.uint8, offset=len(header)).reshape(shape)


def _header(shape):
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def _decompress(path, shape):
    """Return what the gzip file `path` holds, at most one byte more than an IDX file of `shape` has."""
    size = len(_header(shape)) + math.prod(shape)
    data = read_file(path, size + size // 100 + 1000, REPAIR)  # gzip makes nothing much longer than it was
    unpacker = zlib.decompressobj(wbits=31)  # one gzip member
    try:
        raw = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise DatasetError(f"{path} cannot be read ({error}): {REPAIR}") from None
    if len(raw) <= size and not unpacker.eof:
        raise DatasetError(f"{path} cannot be read (it ends too early): {REPAIR}")
    if len(raw) > size or unpacker.unused_data:
        raise DatasetError(f"{path} cannot be read (it holds more than {size:,} bytes): {REPAIR}")
    return raw
