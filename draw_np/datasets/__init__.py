"""The paper's data sets: load("mnist", "train") if fixed, sample("two-digit-mnist", rng, 100) if endless.

An endless set makes its training images anew, so that none is seen twice; its validation and test sets are
fixed. The training images of a colour set are made from raw pixels, batch by batch: raw("svhn", "train"), augment.
"""

import hashlib
import inspect
from pathlib import Path
from typing import NamedTuple

import numpy as np

from draw_np.counts import in_python
from draw_np.datasets import binarized_mnist, cifar10, cluttered_mnist, mnist, svhn, two_digit_mnist
from draw_np.datasets.base import SPLITS, DatasetError, Split, check_pixels, check_rng, check_whole, data_root
from draw_np.datasets.entropy import floor
from draw_np.datasets.mnist import binarize
from draw_np.datasets.own import read as read_own
from draw_np.names import did_you_mean, shown

__all__ = [
    "NAMES",
    "SPLITS",
    "DatasetError",
    "Row",
    "Split",
    "augment",
    "binarize",
    "centres",
    "check_options",
    "data_root",
    "fetch",
    "floor",
    "is_endless",
    "is_raw",
    "listing",
    "load",
    "raw",
    "read_own",
    "sample",
    "verify",
]

MODULES = {
    "mnist": mnist,
    "binarized-mnist": binarized_mnist,
    "two-digit-mnist": two_digit_mnist,
    "cluttered-mnist": cluttered_mnist,
    "cifar10": cifar10,
    "svhn": svhn,
}
NAMES = tuple(MODULES)
FIXED_COUNT = 10_000  # images in the fixed sets of an endless one
FIXED_SEEDS = {"valid": 2014, "test": 2015}


class Row(NamedTuple):
    """One data set as `python -m draw_np datasets list` shows it."""

    name: str
    here: bool  # False where fetch(name) has something to download
    images: dict  # split -> number of images, None where endless
    whole: dict  # the same of the set as published, of which fewer may be here
    bytes: int  # of its own files on disk, or to download where not here
    source: str
    licence: str
    path: Path  # the folder of its files, or of those it is made from


def load(name, split, count=None):
    """Return the Split "train", "valid" or "test" of the data set `name`: all of it, or its first `count` images.

    Raises DatasetError for an unknown name or split, for the training images of an endless set, and for files
    that are damaged or cannot be downloaded.

    >>> images, labels = datasets.load("mnist", "test", 3)
    >>> images.shape, labels.tolist()
    ((3, 28, 28), [7, 2, 1])
    >>> np.unique(datasets.binarize(images, np.random.default_rng(0))).tolist()
    [0.0, 1.0]
    """
    module = _module(name, split)
    if count is not None:
        count = check_whole("count", count, 1)
    if is_raw(name):
        return module.load(split, count)
    if not is_endless(name):
        return Split(*(part if part is None else part[:count] for part in module.load(split)))
    if split == "train":
        raise DatasetError(
            f"{name}'s training images are made without end: take valid or test, or in Python datasets.sample"
        )
    rng = np.random.Generator(np.random.PCG64(FIXED_SEEDS[split]))  # by name: NumPy may change default_rng
    return Split(*(part[:count] for part in module.sample(rng, FIXED_COUNT, split)))


def sample(name, rng, count, split="train", **options):
    """Return a Split of `count` images of the endless set `name`, made just now from the digits of `split`.

    `rng` is a NumPy Generator; `options` are the set's own, see its module's `sample`. Raises DatasetError for
    an unknown name or split, a fixed set, or a bad rng, count or option.

    >>> images, labels = datasets.sample("two-digit-mnist", np.random.default_rng(0), 5)
    >>> images.shape, labels.shape
    ((5, 60, 60), (5, 2))
    """
    module = _module(name, split)
    if not is_endless(name):
        raise DatasetError(f"{name} is a fixed set: use load({name!r}, {split!r})")
    check_rng(rng)
    count, options = check_whole("count", count, 1), in_python(options)
    check_options(name, options)
    return module.sample(rng, count, split, **options)


def check_options(name, options):
    """Raise DatasetError unless `options`, a dict, are options that `sample` takes of the data set `name`."""
    check = getattr(_module(name), "check", lambda: None)
    known = inspect.signature(check).parameters
    for option in options:
        if option not in known:
            raise DatasetError(f"{name} has no option {shown(option)}: there are {', '.join(known) or 'none'}")
    check(**options)


def is_endless(name):
    """Return whether the training images of the data set `name` are made anew by sample."""
    return hasattr(_module(name), "sample")


def is_raw(name):
    """Return whether the training images of the data set `name` are made from raw pixels by augment."""
    return hasattr(_module(name), "raw")


def raw(name, split):
    """Return the raw pixels of a colour set: uint8 of shape (count, height, width, 3), read-only, on disk if large.

    Raises DatasetError as load does, and for a set that has none.
    """
    return _raw_module(name, split).raw(split)


def augment(name, pixels, rng):
    """Return the training images of some raw `pixels` of the colour set `name`, float32 in [0, 1].

    They are (batch, height, width, 3), as large as those that load returns, which need not be as large as the pixels.
    `pixels` is a batch of what raw returned, (batch, height, width, 3); `rng` is a NumPy Generator, drawn from
    where a set's training images are random pieces. Raises DatasetError for anything else.
    """
    module = _raw_module(name)
    _check_raw(name, module, pixels)
    check_rng(rng)
    return module.augment(pixels, rng)


def centres(name, pixels):
    """Return the images that load makes of some raw `pixels` of the colour set `name`, float32 in [0, 1].

    Shapes are those of augment. Raises DatasetError for other pixels.
    """
    module = _raw_module(name)
    _check_raw(name, module, pixels)
    return module.centres(pixels)


def listing():
    """Return a Row for every data set."""
    rows = []
    for name, module in MODULES.items():
        if is_endless(name):
            files, size, images = mnist, 0, {"train": None, "valid": FIXED_COUNT, "test": FIXED_COUNT}
        else:
            files, size, images = module, module.DOWNLOAD, module.COUNTS
            if module.is_here():
                size = sum(path.stat().st_size for path in module.paths())
        whole = images
        if hasattr(module, "counts"):
            images = module.counts()
        rows.append(Row(name, files.is_here(), images, whole, size, module.SOURCE, module.LICENCE, files.folder()))
    return rows


def fetch(name):
    """Bring the files of the data set `name` into place, downloading what is not there.

    Returns what there is to say of them, a list of lines, which may be empty. Raises DatasetError for an unknown name,
    a damaged file, and a download that fails.
    """
    module = _module(name)
    return (mnist if is_endless(name) else module).fetch() or []


def verify(name):
    """Return a line for each part of the data set `name` after comparing its hash with the known one.

    Raises DatasetError for an unknown name and at the first part that is absent or altered.
    """
    module = _module(name)
    if not is_endless(name):
        return module.verify()
    lines = mnist.verify()
    for split, known in module.FIXED_SHA256.items():
        images, labels = load(name, split)
        digest = hashlib.sha256(images)
        digest.update(labels)
        if digest.hexdigest() != known:
            raise DatasetError(
                f"the {split} images of {name} come out otherwise than they should: NumPy "
                f"{np.__version__} draws other random numbers, so install an earlier one"
            )
        lines.append(f"{name} {split}: SHA-256 of images and labels as known")
    return lines


def _check_raw(name, module, pixels):
    check_pixels(pixels)
    if pixels.shape[1:] != module.SHAPE:
        sides = ", ".join(map(str, module.SHAPE))
        raise DatasetError(f"pixels are of shape {pixels.shape}: pass some of raw({name!r}, ...), (batch, {sides})")


def _raw_module(name, split="train"):
    module = _module(name, split)
    if not is_raw(name):
        raise DatasetError(f"{name} has no raw pixels: use {'sample' if is_endless(name) else 'load'}({name!r}, ...)")
    return module


def _module(name, split="train"):
    for kind, value, known in (("data set", name, NAMES), ("split", split, SPLITS)):
        if not isinstance(value, str) or value not in known:
            raise DatasetError(
                f"unknown {kind} {shown(value)}{did_you_mean(value, known)}: there are {', '.join(known)}"
            )
    return MODULES[name]
