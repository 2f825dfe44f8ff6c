"""A .npy file of uint8 that grows from run to run: it has its final header, and fewer pictures than that says."""

import io
import math
import os

import numpy as np

from draw_np.datasets import disk


def begin(part, shape):
    """Return the file `part`, open after the pictures it holds whole, and their number.

    `shape` is what it is to have in the end, (count, ...). A part of another shape is begun anew, half a picture
    is cut off. Raises DatasetError if it cannot be written.
    """
    header, picture = _header(shape), math.prod(shape[1:])
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        if part.is_symlink():  # whoever put it there: it is not to lead the pictures elsewhere
            part.unlink()
        file = open(part, "a+b", buffering=0)  # unbuffered: what is written outlives a kill
        file.seek(0)
        if file.read(len(header)) != header:
            file.truncate(0)
            file.write(header)
        whole = (file.seek(0, os.SEEK_END) - len(header)) // picture
        file.truncate(len(header) + whole * picture)
    except OSError as error:
        raise disk.cannot_write(part, error) from None
    return file, whole


def append(file, part, picture):
    """Write one more `picture`, uint8, to the open `file` of the path `part`; raise DatasetError if it fails."""
    left = memoryview(picture).cast("B")
    try:
        while left:  # a write on a full disk may be short; the next one then fails
            left = left[file.write(left) :]
    except OSError as error:
        raise disk.cannot_write(part, error) from None


def finish(part, path, order=None):
    """Give the full file `part` its final name `path`, its pictures in this `order` if there is one.

    Raises DatasetError if it cannot be written.
    """
    if order is not None:
        pictures = np.load(part, allow_pickle=False)
        disk.write(path, [_header(pictures.shape), *(pictures[i] for i in order)])
        return part.unlink()
    try:
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise disk.cannot_write(path, error) from None


def _header(shape):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()
