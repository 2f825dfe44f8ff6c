"""`.npz` files of strangers: what one says of itself is checked before anything is unpacked.

A few bytes can claim to be more than any memory holds. So an array is read only if the directory of the archive and the
array's own header agree on its size and whoever reads it wants it, and never more than a MiB at once.
"""

import contextlib
import io
import math
import os
import warnings
import zipfile
from typing import NamedTuple

import numpy as np

from ..names import require

PIECE = 1 << 20  # bytes that are read at once, of a directory too
MEMBERS, DEPTH, LENGTH = 256, 8, 200  # the most arrays, parts of a name, characters of a name: ours have 85, 4 and 42
HEADER = 1000  # bytes of an array's header: ours have 118
PACKED = 20  # a file may unpack to so many times its size: ours are as large as what is in them
TEXT = 4 << 20  # bytes of the text "meta"


class Form(NamedTuple):
    """What the header of an array says; `start` is the number of bytes before its numbers."""

    shape: tuple
    dtype: np.dtype
    fortran: bool
    start: int


class Pieces(io.BufferedReader):
    """A file that is only read in pieces: the module zipfile would read a directory of any length."""

    def read(self, size=-1):
        require(size <= PIECE, "the directory of the archive is longer than that of any weights")
        return super().read(size)


@contextlib.contextmanager
def reading(file):
    """A `.npz` file, to be looked at before it is read, in a `with`: (meta, forms, read).

    `meta` is the text of that name, `forms` has the Form of each other array by name, and `read(names)` returns the
    arrays of these names, a dict. Parameter: `file` as `files.opened` opens it. Raises MemoryError, and any other
    exception for a file of another kind.
    """
    size = os.fstat(file.fileno()).st_size
    require(size, "it is empty")
    with Pieces(file) as pieces, zipfile.ZipFile(pieces) as archive:
        members = directory(archive, size)
        forms = {name: form(archive, member) for name, member in members.items()}
        meta = forms.pop("meta")
        require(meta.shape == () and meta.dtype.kind == "U" and meta.dtype.itemsize <= TEXT, "its meta is no text")
        text = array(archive, members["meta"], meta).item()
        yield text, forms, lambda names: {name: array(archive, members[name], forms[name]) for name in names}


def directory(archive, size):
    """The members of an archive in a file of `size` bytes, {name of the array: ZipInfo}."""
    found = archive.infolist()
    require(len(found) <= MEMBERS, f"it holds {len(found):,} arrays: no weights are so many")
    plain = all(each.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for each in found)
    require(plain, "it is packed in a way that is not read: store it, or deflate it")
    small = sum(each.file_size for each in found) <= PACKED * size + PIECE
    require(small, "it claims to hold far more than fits into so small a file")
    members = {each.filename.removesuffix(".npy"): each for each in found}
    named = len(members) == len(found) and all(is_name(each.filename) for each in found)
    require(named, "it holds something else than arrays with names")
    branches = {"/".join(name.split("/")[:depth]) for name in members for depth in range(1, name.count("/") + 1)}
    require(not branches & members.keys(), "an array and a branch have one name")
    require("meta" in members, "it does not say which model it is")
    return members


def is_name(filename):
    """Whether this may be the name of an array."""
    short = len(filename) <= LENGTH and filename.count("/") < DEPTH
    return short and filename.endswith(".npy") and filename.isprintable()


def form(archive, member):
    """The Form of an array, which must be as large as the directory says."""
    with archive.open(member) as file, warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy warns of headers at which it guesses
        version = np.lib.format.read_magic(file)
        require(version in ((1, 0), (2, 0)), "an array is in a format that is not read")
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        try:
            shape, fortran, dtype = reader(file, max_header_size=HEADER)
        except (MemoryError, RecursionError):  # so Python's parser calls what is nested too deeply
            raise ValueError("the header of an array cannot be read") from None
        require(not dtype.hasobject, "it holds pickled objects, which are never loaded")
        numbers = not dtype.subdtype and dtype.itemsize and min(shape, default=0) >= 0
        require(numbers, "it holds something else than numbers")
        size = math.prod(shape) * dtype.itemsize + file.tell()
        require(size == member.file_size, "an array is not as large as its header says")
        return Form(shape, dtype, fortran, file.tell())


def array(archive, member, form):
    """The array of a member. Its checksum is compared when its last byte is read."""
    data = np.empty(member.file_size - form.start, np.uint8)
    with archive.open(member) as file:
        file.read(form.start)
        for place in range(0, len(data), PIECE):
            piece = memoryview(data)[place : place + PIECE]
            require(file.readinto(piece) == len(piece), "an array ends too early")
    return np.ndarray(form.shape, form.dtype, data, order="F" if form.fortran else "C")
