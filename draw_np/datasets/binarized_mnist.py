"""The fixed binarized MNIST (Salakhutdinov and Murray, 2008), on which the bounds of Table 2 are compared.

Hugo Larochelle's three text files, whose order is not MNIST's and which have no labels. The 10,000 images for
validation are copies of digits from anywhere among MNIST's 60,000 for training, not of the last 10,000 as those of
`mnist`. The pixels ship with the package, eight to a byte; the texts themselves are downloaded only to compare.
"""

import hashlib
import io
import os
from pathlib import Path

import numpy as np

from draw_np.datasets.base import SPLITS, DatasetError, Split, data_root, read_file
from draw_np.datasets.download import download

HOME = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist"
SOURCE = "Larochelle, www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist"
LICENCE = "none stated; derived from mnist"
COUNTS = {"train": 50_000, "valid": 10_000, "test": 10_000}
HEIGHT, WIDTH = 28, 28
PIXELS = HEIGHT * WIDTH
DOWNLOAD = 0  # bytes
REPAIR = "install draw_np again"
ANEW = "delete it and run `python -m draw_np datasets fetch binarized-mnist`"
FILES = Path(__file__).parent / "files"
BITS = FILES / "binarized_mnist_bits.npz"  # for each split np.packbits(pixels, axis=1): 98 bytes an image
BITS_BYTES = 2_336_176
BITS_SHA256 = "df14a884cb4aa7ac6692463fb31798a687c4e762c73c23a8ae3114fbec4e6093"  # of that file
SHA256 = {  # of the bits
    "train": "727146c35424b019f3e350e1e69faa05644a0abaf787e3f4e1a9632220a13906",
    "valid": "a256ac44ae26be720fad8616a05ed6ecfd1619930d9a208379bb2a4405df5b6d",
    "test": "9fcd8da6f0fdf09b2ba30fe63a0bb784042a0de82563172530229b983e294ff2",
}
TEXT_BYTES = {split: 2 * PIXELS * count for split, count in COUNTS.items()}
TEXT_SHA256 = {  # of Larochelle's texts, as TensorFlow Datasets publishes them too
    "train": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
    "valid": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
    "test": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
}


def load(split):
    """Return the binary images of `split`, 0.0 or 1.0, of shape (count, 28, 28), without labels.

    Raises DatasetError if the file that ships is absent or altered.
    """
    return Split(pixels(split).reshape(-1, HEIGHT, WIDTH).astype(np.float32), None)


def pixels(split):
    """Return the pixels of `split`, uint8 0 or 1 of shape (count, 784)."""
    return np.unpackbits(_bits(split), axis=1)


def text(split):
    """Return the text of `split` as Larochelle has it: a line an image, 784 times 0 or 1 with blanks between."""
    lines = np.full((COUNTS[split], PIXELS, 2), ord(" "), np.uint8)
    lines[:, :, 0] = ord("0") + pixels(split)
    lines[:, -1, 1] = ord("\n")
    return lines.tobytes()


def fetch():
    """Bring the texts into place, downloading what is not there, and return what `verify` returns."""
    for split in SPLITS:
        path = text_path(split)
        if not os.path.exists(path):
            download(f"{HOME}/{path.name}", path, TEXT_BYTES[split], f"sha256:{TEXT_SHA256[split]}")
    return verify()


def verify():
    """Return a line for each split whose bits are the known ones, and for each text in place that says the same.

    Raises DatasetError at the first that does not.
    """
    lines = []
    for split in SPLITS:
        if hashlib.sha256(_bits(split)).hexdigest() != SHA256[split]:
            raise DatasetError(f"{BITS} does not hold the known {split} bits (their SHA-256 differs): {REPAIR}")
        lines.append(f"{BITS.name}, {split}: SHA-256 of the bits as known")
    for split in SPLITS:
        path = text_path(split)
        if os.path.exists(path):  # of a folder that may not be looked into it says no
            if read_file(path, TEXT_BYTES[split], ANEW) != text(split):
                raise DatasetError(f"{path} does not hold the bits that come with the package: {ANEW}")
            lines.append(f"{path.name}: every pixel as in the bits that come with the package")
    return lines


def folder():
    """Return the folder of this set's file."""
    return FILES


def text_path(split):
    """Return where the text file of `split` is looked for, and put when downloaded."""
    return data_root() / "binarized_mnist" / f"binarized_mnist_{split}.amat"


def paths():
    """Return the file of this set."""
    return [BITS]


def is_here():
    """Return whether that file is in place."""
    return BITS.exists()


def _bits(split):
    data = read_file(BITS, BITS_BYTES, REPAIR)
    if hashlib.sha256(data).hexdigest() != BITS_SHA256:
        raise DatasetError(f"{BITS} is not the file that ships (its SHA-256 differs): {REPAIR}")
    with np.load(io.BytesIO(data)) as arrays:
        return arrays[split]  # (count, 98)
