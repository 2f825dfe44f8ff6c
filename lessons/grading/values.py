"""How values are written for another process: as text, JSON, with the bytes of arrays behind it; nothing read is run.

Numbers, texts, arrays, lists, tuples, dicts and the records of draw_np are written as they are. For everything else a
function `give` finds words, and a function `take` what they stand for. Pickle would run whatever the writer likes.
"""

import dataclasses
import importlib
import types

import numpy as np

KINDS = "biufcSU"  # of arrays that are plain bytes


def pack(value, blobs, give):
    """Return what JSON can say of a value, adding the bytes of arrays to `blobs`; `give(value)` says the rest."""
    if value is None or isinstance(value, bool):
        return value
    for kind in int, float, str:
        if isinstance(value, kind) and not isinstance(value, np.generic):
            return kind(value)
    if isinstance(value, complex) and not isinstance(value, np.generic):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, np.ndarray | np.generic):
        return pack_array(value, blobs, give)
    if is_of_draw_np(type(value).__module__) and is_record(type(value)):
        names = getattr(value, "_fields", None) or [field.name for field in dataclasses.fields(value)]
        fields = [[name, pack(getattr(value, name), blobs, give)] for name in names]
        return {"record": [type(value).__module__, type(value).__qualname__, fields]}
    if isinstance(value, types.ModuleType) and is_of_draw_np(value.__name__):
        return {"module": value.__name__}
    if isinstance(value, tuple):
        return {"tuple": [pack(item, blobs, give) for item in value]}
    if isinstance(value, list):
        return {"list": [pack(item, blobs, give) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[pack(key, blobs, give), pack(item, blobs, give)] for key, item in value.items()]}
    return give(value)


def pack_array(value, blobs, give):
    if isinstance(value, np.ma.MaskedArray):
        parts = np.ma.getdata(value), np.ma.getmaskarray(value)
        return {"masked": [pack_array(part, blobs, give) for part in parts]}
    if value.dtype.kind in KINDS:
        blobs.append(np.asarray(value).tobytes())
        return {"array": [value.dtype.str, value.shape, len(blobs) - 1, isinstance(value, np.generic)]}
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        return {"objects": [value.shape, [pack(item, blobs, give) for item in value.ravel()]]}
    return give(value)


def unpack(tree, blobs, take):
    """Return the value that `pack` has told of; raises anything for what it would not have said."""
    if not isinstance(tree, dict | list):
        return tree
    ((kind, told),) = tree.items()
    if kind == "complex":
        return complex(*told)
    if kind == "array":
        dtype, shape, place, scalar = told
        if np.dtype(dtype).kind not in KINDS:
            raise ValueError
        array = np.frombuffer(blobs[place], dtype).reshape(shape).copy()
        return array[()] if scalar else array
    if kind == "objects":
        array = np.empty(len(told[1]), object)
        array[:] = [unpack(item, blobs, take) for item in told[1]]
        return array.reshape(told[0])
    if kind == "masked":
        return np.ma.array(unpack(told[0], blobs, take), mask=unpack(told[1], blobs, take))
    if kind == "record":
        return record(*told[:2], {name: unpack(item, blobs, take) for name, item in told[2]})
    if kind == "module":
        return module(told)
    if kind == "dict":
        return {unpack(key, blobs, take): unpack(item, blobs, take) for key, item in told}
    if kind in ("list", "tuple"):
        items = [unpack(item, blobs, take) for item in told]
        return items if kind == "list" else tuple(items)
    return take(kind, told)


def record(home, name, fields):
    """A record of draw_np, a named tuple or a dataclass, made anew from its fields."""
    kind = getattr(module(home), name)
    if not is_record(kind):
        raise ValueError
    return kind(**fields)


def module(name):
    if not is_of_draw_np(name):
        raise ValueError
    return importlib.import_module(name)


def is_of_draw_np(name):
    return name.split(".")[0] == "draw_np"


def is_record(kind):
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"))
