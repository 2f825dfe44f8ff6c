"""Street View House Numbers (Netzer et al., 2011), whole numbers in colour as the paper's section 4.4 has them.

Goodfellow et al. (2013) cut a square of 64x64 around the digits of each photograph; training sees pieces of 54x54
at random places of it, validation and test its centre. The squares are kept as uint8 in three .npy files, made once
from the published archives (see svhn_archives) and mapped into memory from then on, and the digits of each number in
a second file beside each. Files with fewer images than the whole set are taken as they are, without digits too.

The paper has 231,053 images for training and 4,701 for validation, one fewer than the 33,402 and 202,353 that were
published: one, chosen by the seed like the validation images, is in neither.
"""

import numpy as np

from draw_np.datasets.base import SPLITS, DatasetError, Split, data_root
from draw_np.datasets.digit_struct import DIGITS, NO_DIGIT
from draw_np.datasets.download import alone, download
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
    """Return the centre crops of `split`, images of shape (count, 54, 54, 3), labels of shape (count, 5).

    All of them, or the first `count`: 231,053 take 8 GB, so training takes `raw` pixels instead. The labels are a
    number's digits, the leftmost first, then 10s; None where their file is not here. Nothing is downloaded; raises
    DatasetError for a file that is absent or damaged.
    """
    numbers = digits(split)
    return Split(centres(raw(split)[:count]), None if numbers is None else numbers[:count].astype(np.int64))


def raw(split):
    """Return the pixels of `split`: uint8 of shape (count, 64, 64, 3), read-only and mapped into memory.

    Raises DatasetError for a file that is absent or damaged.
    """
    if not path(split).exists():
        raise DatasetError(f"{path(split)} is not there: {FETCH}")
    return _mapped(path(split), SHAPE, ANEW)


def digits(split):
    """Return the digits of the numbers of `split`: uint8 of shape (count, 5), read-only, None if they are not here.

    The leftmost digit is the first; 10 stands for none. Of a number of six digits five are told. Raises DatasetError
    for a file that is damaged, and for one that is not as long as that of the pixels.
    """
    file = digits_path(split)
    if not file.exists():
        return None
    without = "delete it to go without labels, or all .npy files here to fetch svhn again"
    numbers, count = _mapped(file, (DIGITS,), without), len(raw(split))
    if numbers.max() > NO_DIGIT:
        raise DatasetError(f"{file} holds a digit {numbers.max()}, not 0 to {NO_DIGIT}: {without}")
    if len(numbers) != count:
        raise DatasetError(f"{file} has {len(numbers):,} numbers for {count:,} images: {without}")
    return numbers


def augment(pixels, rng):
    """Return training images, float32 in [0, 1] of shape (batch, 54, 54, 3): a random piece of each picture.

    `pixels` is a batch of raw pixels, uint8 (batch, 64, 64, 3); `rng` is a NumPy Generator, of which all rows are
    drawn, then all columns.
    """
    rows = rng.integers(PLACES, size=len(pixels))
    columns = rng.integers(PLACES, size=len(pixels))
    return crops(pixels, rows, columns)


def centres(pixels):
    """Return the centres, float32 in [0, 1] of shape (count, 54, 54, 3), of raw pixels, uint8 (count, 64, 64, 3)."""
    middle = np.full(len(pixels), (SIDE - CROP) // 2)
    return crops(pixels, middle, middle)


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
    """Bring the files of pixels into place: download the archives and preprocess them, where one is missing.

    The archives take 2.6 GB, the files 3.1 GB. A run that breaks off is gone on with by the next. The archives may
    be deleted afterwards. Raises DatasetError for a download that fails, a bad archive, a bad file and a full disk.
    """
    _make(["test"], ["test"])
    _make(["valid", "train"], ["train", "extra"])
    for split in SPLITS:
        raw(split)
        digits(split)


def verify():
    """Return a line for each file in place, which no published hash is known of; raise DatasetError for a bad one."""
    lines = []
    for split, whole in COUNTS.items():
        told = "no digits beside it" if digits(split) is None else f"digits in {digits_path(split).name}"
        images = f"{len(raw(split)):,} of {whole:,} images, uint8 {SHAPE}, {told}"
        lines.append(f"{path(split).name}: {images}; no hash of it is published")
    return lines


def folder():
    """Return the folder of this set's files."""
    return data_root() / "svhn"


def path(split):
    """Return where the pixels of `split` are kept."""
    return folder() / f"{split}.npy"


def digits_path(split):
    """Return where the digits of the numbers of `split` are kept."""
    return folder() / f"{split}_digits.npy"


def paths():
    """Return the files that are in place: pixels, digits, archives and what was made of them."""
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
    if all(path(split).exists() for split in splits):
        return
    for name in names:
        _bring(name)
    with alone(folder()):  # two that append to one file would make a mixture
        if splits := [split for split in splits if not path(split).exists()]:
            _preprocess(splits, names)


def _preprocess(splits, names):
    from draw_np.datasets import svhn_archives  # here: it needs processes, which a browser has not

    tables = [svhn_archives.boxes(archive(name), ARCHIVES[name][0]) for name in names]
    target = np.full(sum(map(len, tables)), -1)
    members = dict(zip(("valid", "train"), chosen(len(target)))) | {"test": slice(None)}
    for i, split in enumerate(splits):
        target[members[split]] = i
    rng = np.random.Generator(np.random.PCG64(SEED))
    orders = [rng.permutation(np.sum(target == i)) if split == "valid" else None for i, split in enumerate(splits)]
    numbers = np.concatenate([table["digits"] for table in tables])
    for i, (split, order) in enumerate(zip(splits, orders)):  # before the pixels: once those are there all is done
        mine = numbers[target == i]
        svhn_archives.save(digits_path(split), mine if order is None else mine[order])
    svhn_archives.preprocess([archive(name) for name in names], tables, target, list(map(path, splits)), orders)


def _mapped(file, shape, repair):
    """Return the array uint8 (count, *shape) of the .npy file `file`, mapped into memory, or raise DatasetError."""
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy refuses a damaged header in many ways, tokenize's own errors among them
        reason = str(error).partition("\n")[0]
        raise DatasetError(f"{file} cannot be read as an array ({reason}): {repair}") from None
    if not isinstance(array, np.ndarray):
        raise DatasetError(f"{file} holds several arrays, not one: {repair}")
    if array.dtype != np.uint8 or array.shape[1:] != shape or not len(array):
        wanted = f"uint8 of (count, {', '.join(map(str, shape))})"
        raise DatasetError(f"{file} holds {array.dtype} of shape {array.shape}, not {wanted}: {repair}")
    return array


def _bring(name):
    if not archive(name).exists():
        download(f"{HOME}/{name}.tar.gz", archive(name), ARCHIVES[name][1])
    found, size = archive(name).stat().st_size, ARCHIVES[name][1]
    if found != size:
        raise DatasetError(f"{archive(name)} holds {found:,} bytes, not {size:,}: {ANEW}")
