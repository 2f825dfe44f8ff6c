"""The fixed binarized MNIST (Salakhutdinov and Murray, 2008), on which the bounds of Table 2 are compared.

Hugo Larochelle's three text files, downloaded once and then kept as bits, eight pixels a byte. Their order is
not MNIST's and they have no labels.
"""

import hashlib
import warnings

import numpy as np

from draw_np.datasets.base import SPLITS, DatasetError, Split, data_root
from draw_np.datasets.download import download
from draw_np.files import replacing

HOME = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist"
SOURCE = "Larochelle, www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist"
LICENCE = "none stated; derived from mnist"
COUNTS = {"train": 50_000, "valid": 10_000, "test": 10_000}
HEIGHT, WIDTH = 28, 28
PIXELS = HEIGHT * WIDTH
DOWNLOAD = 2 * PIXELS * sum(COUNTS.values())  # bytes: every 0 or 1 is followed by a blank or a newline
SHA256 = {  # of the bits as np.packbits(pixels, axis=1) gives them: 98 bytes an image
    "train": "727146c35424b019f3e350e1e69faa05644a0abaf787e3f4e1a9632220a13906",
    "valid": "a256ac44ae26be720fad8616a05ed6ecfd1619930d9a208379bb2a4405df5b6d",
    "test": "9fcd8da6f0fdf09b2ba30fe63a0bb784042a0de82563172530229b983e294ff2",
}
FETCH = "run `python -m draw_np datasets fetch binarized-mnist`"
ANEW = f"delete it and {FETCH}"


def load(split):
    """Return the binary images of `split`, 0.0 or 1.0, of shape (count, 28, 28), without labels.

    Reads the kept bits, else the text file in place, else downloads that; raises DatasetError if none works.
    """
    pixels = np.unpackbits(_bits(split), axis=1)  # (count, 784)
    return Split(pixels.reshape(-1, HEIGHT, WIDTH).astype(np.float32), None)


def fetch():
    """Bring all three splits into place, downloading what is not there."""
    for split in SPLITS:
        _bits(split)


def verify():
    """Return a line for each file that holds the known bits; raise DatasetError if one is not as known."""
    lines = []
    for split in SPLITS:
        if not paths([split]):
            raise DatasetError(f"{text_path(split)} is not there: {FETCH}")
        for path in paths([split]):
            _read(path, split)
            lines.append(f"{path.name}: SHA-256 of the bits as known")
    return lines


def folder():
    """Return the folder of this set's files."""
    return data_root() / "binarized_mnist"


def bits_path(split):
    """Return where the bits of `split` are kept; `sha256sum` of that file gives SHA256[split]."""
    return folder() / f"binarized_mnist_{split}.bits"


def text_path(split):
    """Return where the text file of `split` is looked for, and put when downloaded."""
    return folder() / f"binarized_mnist_{split}.amat"


def paths(splits=SPLITS):
    """Return the files of `splits` that are in place: kept bits and text files."""
    return [path for split in splits for path in (bits_path(split), text_path(split)) if path.exists()]


def is_here():
    """Return whether no split need be downloaded."""
    return all(paths([split]) for split in SPLITS)


def parse(text, path):
    """Return the pixels, uint8 0 or 1 of shape (count, 784), of a text of 0s and 1s between blanks.

    Raises DatasetError, naming `path`, for anything else and for half an image.
    """
    text = np.frombuffer(text, np.uint8)
    ink = text > ord(" ")  # blanks, tabs and line ends are not
    pixels = text[ink] - ord("0")  # anything below "0" wraps around to far above 1
    if np.any(pixels > 1) or np.any(ink[1:] & ink[:-1]):
        raise DatasetError(f"{path} holds something else than 0s and 1s between blanks: {ANEW}")
    if len(pixels) % PIXELS:
        raise DatasetError(f"{path} holds {len(pixels):,} numbers, no multiple of {PIXELS}: {ANEW}")
    return pixels.reshape(-1, PIXELS)


def _bits(split):
    if bits_path(split).exists():
        return _read(bits_path(split), split)
    if not text_path(split).exists():
        download(f"{HOME}/{text_path(split).name}", text_path(split))
    bits = _read(text_path(split), split)
    _keep(bits_path(split), bits)
    return bits


def _read(path, split):
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror})") from None
    if path.suffix == ".amat":
        data = np.packbits(parse(data, path), axis=1).tobytes()
    if hashlib.sha256(data).hexdigest() != SHA256[split]:
        raise DatasetError(f"{path} does not hold the known bits (their SHA-256 differs): {ANEW}")
    return np.frombuffer(data, np.uint8).reshape(COUNTS[split], PIXELS // 8)


def _keep(path, bits):
    try:
        with replacing(path) as file:
            file.write(bits)
    except OSError as error:  # a full or read-only disk: the bits are known all the same
        warnings.warn(
            f"{path} cannot be written ({error.strerror}): the text will be read again next time", stacklevel=2
        )
