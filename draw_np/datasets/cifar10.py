"""CIFAR-10 (Krizhevsky, 2009): 60,000 colour photographs of ten classes, 32x32, in the published binary version.

Of the 50,000 training images the last 5,000, in the order published, are for validation. The binary version is
plain bytes: no pickle is opened.
"""

import hashlib
import math
import tarfile
import zlib

import numpy as np

from draw_np.datasets import disk
from draw_np.datasets.base import DatasetError, Split, data_root
from draw_np.datasets.download import download
from draw_np.datasets.mnist import grey_levels

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
SOURCE = "Krizhevsky, www.cs.toronto.edu/~kriz/cifar.html"
LICENCE = "none stated; Krizhevsky asks to cite his technical report of 2009"
COUNTS = {"train": 45_000, "valid": 5_000, "test": 10_000}
SHAPE = (32, 32, 3)  # height, width, colour
DOWNLOAD = 170_052_171  # bytes
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
BATCH = 10_000  # images in a file
PART_OF = {  # split -> files, and which of their images
    "train": (list(MD5)[:5], slice(45_000)),
    "valid": (["data_batch_5.bin"], slice(5_000, None)),
    "test": (["test_batch.bin"], slice(None)),
}
FETCH = "run `python -m draw_np datasets fetch cifar10`"
ANEW = f"delete it and {FETCH}"


def load(split, count=None):
    """Return the photographs of `split`, images of shape (count, 32, 32, 3), labels 0-9 of shape (count,).

    All of them, or the first `count`. Reads the batches in place, else unpacks the archive, else downloads that;
    raises DatasetError if none works.
    """
    pixels, labels = _read(split)
    return Split(augment(pixels[:count]), labels[:count].astype(np.int64))


def raw(split):
    """Return the pixels of `split`: uint8 of shape (count, 32, 32, 3), read-only, to be batched for augment."""
    pixels, _ = _read(split)
    pixels.flags.writeable = False
    return pixels


def augment(pixels, rng=None):
    """Return training images, float32 in [0, 1] of the same shape, of a batch of raw pixels (batch, 32, 32, 3).

    Nothing is random in them: `rng` is there because other sets need one.
    """
    return grey_levels(pixels)


centres = augment  # what `load` makes of raw pixels: all of a picture is its centre


def fetch():
    """Bring the six batches into place, downloading the archive if need be, and check them."""
    for name in MD5:
        _records(name)


def verify():
    """Return a line for each batch whose MD5 is the published one; raise DatasetError if one is not as published."""
    for name in MD5:
        if not path(name).exists():
            raise DatasetError(f"{path(name)} is not there: {FETCH}")
        _records(name)
    return [f"{name}: MD5 as published" for name in MD5]


def folder():
    """Return the folder of the six batches."""
    return data_root() / "cifar-10-batches-bin"


def path(name):
    """Return where the batch of this name is looked for, and put when unpacked."""
    return folder() / name


def archive():
    """Return where the archive is looked for, and put when downloaded; once unpacked it may be deleted."""
    return data_root() / "cifar-10-binary.tar.gz"


def paths():
    """Return the files that are in place: the batches and the archive."""
    return [file for file in (*map(path, MD5), archive()) if file.exists()]


def is_here():
    """Return whether all six batches are in place."""
    return all(path(name).exists() for name in MD5)


def _read(split):
    """Return pixels, uint8 (count, 32, 32, 3), and labels, uint8 (count,), of `split`."""
    names, part = PART_OF[split]
    height, width, colours = SHAPE
    pixels = np.empty((BATCH * len(names), *SHAPE), np.uint8)
    labels = np.empty(len(pixels), np.uint8)
    for i, name in enumerate(names):
        records = _records(name)  # (10,000, 1 + 3,072): a label, then all red, all green, all blue
        labels[i * BATCH : (i + 1) * BATCH] = records[:, 0]
        planes = records[:, 1:].reshape(BATCH, colours, height, width)
        pixels[i * BATCH : (i + 1) * BATCH] = planes.transpose(0, 2, 3, 1)  # (10,000, height, width, colour)
    return pixels[part], labels[part]


def _records(name):
    if not path(name).exists():
        _unpack()
    try:
        records = np.fromfile(path(name), np.uint8)
    except OSError as error:
        raise DatasetError(f"{path(name)} cannot be read ({error.strerror or error})") from None
    size = BATCH * (1 + math.prod(SHAPE))
    if len(records) != size:
        raise DatasetError(f"{path(name)} holds {len(records):,} bytes, not {size:,}: {ANEW}")
    if hashlib.md5(records, usedforsecurity=False).hexdigest() != MD5[name]:
        raise DatasetError(f"{path(name)} is not the published file (its MD5 differs): {ANEW}")
    return records.reshape(BATCH, -1)


def _unpack():
    """Write the batches that are not in place from the archive: by name, so nothing else in it is touched."""
    if not archive().exists():
        download(URL, archive(), DOWNLOAD, f"md5:{ARCHIVE_MD5}")
    if disk.md5(archive()) != ARCHIVE_MD5:
        raise DatasetError(f"{archive()} is not the published file (its MD5 differs): {ANEW}")
    members = {f"{folder().name}/{name}": name for name in MD5 if not path(name).exists()}
    try:
        with tarfile.open(archive(), "r:gz") as tar:
            for member in tar:
                if member.isreg() and member.name in members:
                    disk.write(path(members.pop(member.name)), [tar.extractfile(member).read()])
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DatasetError(f"{archive()} cannot be read ({error}): {ANEW}") from None
    if members:
        raise DatasetError(f"{archive()} lacks {', '.join(members)}: {ANEW}")
