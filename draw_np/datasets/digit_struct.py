"""SVHN's digitStruct.mat: which photograph has its digits where. MATLAB 7.3 writes HDF5, so h5py reads it.

`digitStruct/name` and `digitStruct/bbox` hold one object reference a photograph: to the characters of its name, and
to a group with `left`, `top`, `width`, `height` and `label`. Each of these holds the value itself for one digit, and
references to the values for several. The label of the digit 0 is 10.
"""

import re

import numpy as np

NAME = r"\d{1,9}\.png"
DIGITS, NO_DIGIT = 5, 10  # digits of a number that are kept (one photograph has six); what follows a number's last
ENTRY = np.dtype([("name", "U13"), ("box", np.float64, 4), ("digits", np.uint8, DIGITS)])

# What h5py raises, by fault: no HDF5, an absent name, a null reference, an array where a group should be, ...
FAULTS = (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError, OverflowError)


def length(path):
    """Return how many photographs the digitStruct.mat `path` tells of; raise ValueError if it is none."""
    return _read(path, _length)


def entries(path, start, stop):
    """Return names, boxes and digits of photographs `start` to `stop`, an array of ENTRY.

    A box is the smallest around all digits: left, top, right and bottom in pixels. The digits are 0-9, the leftmost
    first, then NO_DIGIT. Raises ValueError, of one line, if `path` is no digitStruct.mat, or names the first
    photograph that lacks a name, a box or digits.
    """
    return _read(path, lambda file: _entries(file, start, stop))


def _read(path, function):
    import h5py  # here, because nothing else needs it

    try:
        with h5py.File(path, "r") as file:
            return function(file)
    except FAULTS as error:
        raise ValueError(_one_line(error)) from None


def _length(file):
    for name in ("digitStruct/name", "digitStruct/bbox"):
        if name not in file:
            raise ValueError(f"it has no {name}")
    names, boxes = len(file["digitStruct/name"]), len(file["digitStruct/bbox"])
    if names != boxes:
        raise ValueError(f"it has {names:,} names and {boxes:,} boxes")
    return names


def _entries(file, start, stop):
    names, boxes = (file[f"digitStruct/{name}"][start:stop, 0] for name in ("name", "bbox"))  # references
    found = np.empty(stop - start, ENTRY)
    for i in range(stop - start):
        try:
            found[i] = _name(file[names[i]]), _union(file, file[boxes[i]]), _digits(file, file[boxes[i]])
        except FAULTS as error:
            raise ValueError(f"photograph {start + i + 1} lacks a name, a box or digits, {_one_line(error)}") from None
    return found


def _name(characters):
    name = "".join(map(chr, characters[()].ravel()))
    if not re.fullmatch(NAME, name, re.ASCII):
        raise ValueError(f"it is called {name!r}")
    return name


def _union(file, group):
    left, top, width, height = (_numbers(file, group[field]) for field in ("left", "top", "width", "height"))
    return min(left), min(top), max(left + width), max(top + height)


def _digits(file, group):
    labels = _numbers(file, group["label"])
    if not np.all(np.isin(labels, range(1, 11))):
        raise ValueError(f"its digits are labelled {', '.join(f'{label:g}' for label in labels)}, not 1 to 10")
    digits = np.full(DIGITS, NO_DIGIT)
    digits[: len(labels)] = labels[:DIGITS] % 10
    return digits


def _numbers(file, values):
    values = values[()].ravel()  # (digits,), numbers or references to one number each
    if values.dtype.hasobject:
        values = [file[reference][()].item() for reference in values]
    return np.asarray(values, np.float64)


def _one_line(error):
    return " ".join(str(error).split())
