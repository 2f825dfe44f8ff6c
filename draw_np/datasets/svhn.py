"""Street View House Numbers (Netzer et al., 2011), whole numbers in colour as the paper's section 4.4 has them.

Goodfellow et al. (2013) cut a square of 64x64 around the digits of each photograph; training sees pieces of 54x54
at random places of it, validation and test its centre. The squares are kept as uint8 in three .npy files, made once
from the published archives (see svhn_archives) and mapped into memory from then on. Files with fewer images than
the whole set are taken as they are.

The paper has 231,053 images for training and 4,701 for validation, one fewer than the 33,402 and 202,353 that were
published: one, chosen by the seed like the validation images, is in neither.
"""

import numpy as np

from draw_np.datasets.base import SPLITS, DatasetError, Split, data_root
from draw_np.datasets.download import download
from draw_np.datasets.mnist import grey_levels

HOME = "http://ufldl.stanford.edu/housenumbers"
SOURCE = "Netzer et al., ufldl.stanford.edu/housenumbers, format 1"
LICENCE = "for non-commercial use only"
COUNTS = {"train": 231_053, "valid": 4_701, "test": 13_068}
SIDE, CROP = 64, 54  # pixels
SHAPE = (SIDE, SIDE, 3)  # height, width, colour
ARCHIVES = {  # name -> photographs, bytes; their hashes are not published
    "train": (33_402, 404_141_560),
    "extra": (202_353, 1_955_489_752),
    "test": (13_068, 276_555_967),
}
DOWNLOAD = sum(size for _, size in ARCHIVES.values())  # bytes
SEED = 2013  # decides which photographs of train and extra are for validation
PLACES = SIDE - CROP + 1  # rows, and columns, that a crop may begin at
FETCH = "run `python -m draw_np datasets fetch svhn`"
ANEW = f"delete it and {FETCH}"


def load(split, count=None):
    """Return the centre crops of `split`, images of shape (count, 54, 54, 3), without labels.

    All of them, or the first `count`: 231,053 take 8 GB, so training takes `raw` pixels instead. Nothing is
    downloaded; raises DatasetError for a file that is absent or damaged.
    """
    pixels = raw(split)[:count]
    centre = np.full(len(pixels), (SIDE - CROP) // 2)
    return Split(crops(pixels, centre, centre), None)


def raw(split):
    """Return the pixels of `split`: uint8 of shape (count, 64, 64, 3), read-only and mapped into memory.

    Raises DatasetError for a file that is absent or damaged.
    """
    if not path(split).exists():
        raise DatasetError(f"{path(split)} is not there: {FETCH}")
    try:
        pixels = np.load(path(split), mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy refuses a damaged header in many ways, tokenize's own errors among them
        reason = str(error).partition("\n")[0]
        raise DatasetError(f"{path(split)} cannot be read as an array ({reason}): {ANEW}") from None
    if not isinstance(pixels, np.ndarray):
        raise DatasetError(f"{path(split)} holds several arrays, not one: {ANEW}")
    if pixels.dtype != np.uint8 or pixels.shape[1:] != SHAPE or not len(pixels):
        raise DatasetError(
            f"{path(split)} holds {pixels.dtype} of shape {pixels.shape}, not uint8 of (count, 64, 64, 3): {ANEW}"
        )
    return pixels


def augment(pixels, rng):
    """Return training images, float32 in [0, 1] of shape (batch, 54, 54, 3): a random piece of each picture.

    `pixels` is a batch of raw pixels, uint8 (batch, 64, 64, 3); `rng` is a NumPy Generator, of which all rows are
    drawn, then all columns.
    """
    rows = rng.integers(PLACES, size=len(pixels))
    columns = rng.integers(PLACES, size=len(pixels))
    return crops(pixels, rows, columns)


def crops(pixels, rows, columns):
    """Return a piece of each picture, float32 in [0, 1] of shape (count, 54, 54, 3).

    `pixels` is uint8 (count, 64, 64, 3); `rows` and `columns`, whole numbers 0-10 of shape (count,), say where the
    upper left pixel of each piece lies. Raises ValueError for another place.
    """
    if not all(np.all((0 <= places) & (places < PLACES)) for places in (rows, columns)):
        raise ValueError(f"a piece begins at row and column 0 to {PLACES - 1}")
    pieces = np.empty((len(pixels), CROP, CROP, 3), np.uint8)
    for piece, picture, row, column in zip(pieces, pixels, rows, columns, strict=True):
        piece[:] = picture[row : row + CROP, column : column + CROP]
    return grey_levels(pieces)


def fetch():
    """Bring the three files into place: download the archives and preprocess them, where a file is missing.

    The archives take 2.6 GB, the files 3.1 GB. A run that breaks off is gone on with by the next. The archives may
    be deleted afterwards. Raises DatasetError for a download that fails, a bad archive, a bad file and a full disk.
    """
    _make(["test"], ["test"])
    _make(["valid", "train"], ["train", "extra"])
    for split in SPLITS:
        raw(split)


def verify():
    """Return a line for each file in place, which no published hash is known of; raise DatasetError for a bad one."""
    return [
        f"{path(split).name}: {len(raw(split)):,} of {whole:,} images, uint8 {SHAPE}; no hash of it is published"
        for split, whole in COUNTS.items()
    ]


def folder():
    """Return the folder of this set's files."""
    return data_root() / "svhn"


def path(split):
    """Return where the pixels of `split` are kept."""
    return folder() / f"{split}.npy"


def paths():
    """Return the files that are in place: pixels, archives and what was made of them."""
    return [file for file in folder().glob("*") if file.is_file()]


def archive(name):
    """Return where the archive "train", "extra" or "test" is looked for, and put when downloaded."""
    return folder() / f"{name}.tar.gz"


def is_here():
    """Return whether all three splits can be read."""
    try:
        return all(len(raw(split)) for split in SPLITS)
    except DatasetError:
        return False


def counts():
    """Return how many images each split has here, split -> number; of the whole set if it is not here."""
    return {split: len(raw(split)) for split in SPLITS} if is_here() else COUNTS


def chosen(total):
    """Return which of the `total` photographs of train and extra, one after the other, have which split.

    Two int arrays: those for validation, drawn at random, and those for training, drawn from the others.
    """
    order = np.random.Generator(np.random.PCG64(SEED)).permutation(total)
    valid, train, _ = np.split(order, [COUNTS["valid"], COUNTS["valid"] + COUNTS["train"]])
    return valid, train


def _make(splits, names):
    splits = [split for split in splits if not path(split).exists()]
    if not splits:
        return
    from draw_np.datasets import svhn_archives  # here: it needs processes, which a browser has not

    for name in names:
        _bring(name)
    tables = [svhn_archives.boxes(archive(name), ARCHIVES[name][0]) for name in names]
    target = np.full(sum(map(len, tables)), -1)
    members = dict(zip(("valid", "train"), chosen(len(target)))) | {"test": slice(None)}
    for i, split in enumerate(splits):
        target[members[split]] = i
    rng = np.random.Generator(np.random.PCG64(SEED))
    orders = [rng.permutation(np.sum(target == i)) if split == "valid" else None for i, split in enumerate(splits)]
    svhn_archives.preprocess([archive(name) for name in names], tables, target, list(map(path, splits)), orders)


def _bring(name):
    if not archive(name).exists():
        download(f"{HOME}/{name}.tar.gz", archive(name), ARCHIVES[name][1])
    found, size = archive(name).stat().st_size, ARCHIVES[name][1]
    if found != size:
        raise DatasetError(f"{archive(name)} holds {found:,} bytes, not {size:,}: {ANEW}")
