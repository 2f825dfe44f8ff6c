"""What the operations take: their arguments are looked at once at the door, of equations and kernels alike.

NumPy broadcasts what does not fit. Images without their channel axis would be read through every window of the batch,
and nothing but the shape of the result would tell. So each operation says what it takes, and refuses all else.
"""

import functools
import inspect

from ..backend import ODD, checked, floating, leaves, map_arrays, plain
from ..counts import check_count, whole

WHOLE = "whole numbers"
"""Stands among the sizes where an array has them."""


def takes(**rules):
    """Have a function look at its arguments before it computes. A rule says what the argument of this name must be:

    - "batch 5 4*hidden": an array with three axes. A name stands for one size in all arguments, here of `hidden` the
      one that an earlier rule found. "batch ...": with any axes after the first, the same ones in all arguments.
      "batch inputs+": or a tuple of arrays that stand side by side;
    - a dict {"W": "inputs outputs", ...}: weights of just these names;
    - a NamedTuple of such strings, None for a field that is not looked at;
    - int: a whole number of at least 1.

    Anything else is a ValueError of one line. Arrays of whole numbers, which may be too short for what is computed of
    them, come in as the floating-point ones that NumPy makes of them beside the others. `takes` of the function are its
    rules.
    """

    def decorate(function):
        signature = inspect.signature(function)
        names = list(signature.parameters)
        checks = [(names.index(name), name, check_of(rule)) for name, rule in rules.items()]
        last = max(place for place, _, _ in checks)
        counts = [names.index(name) for name, rule in rules.items() if rule is int]
        arrays = [names.index(name) for name, rule in rules.items() if rule is not int]
        numbers = {word: int(word) for word in words_of(rules) if word.isdigit()}

        @functools.wraps(function)
        def checked(*arguments, **keywords):
            given = arguments if len(arguments) > last else signature.bind(*arguments, **keywords).args
            sizes = numbers.copy()
            try:
                for place, name, check in checks:
                    check(name, given[place], sizes)
            except ValueError as error:
                raise ValueError(f"{function.__name__}: {error}") from None
            if WHOLE in sizes or any(type(given[place]) is not int for place in counts):  # in eight bits 255 + 1 is 0
                given = list(signature.bind(*arguments, **keywords).args)
                values = map(plain, leaves([given[place] for place in arrays]))
                dtype = floating({value.dtype for value in values if hasattr(value, "dtype")})
                for place in arrays:
                    given[place] = map_arrays(functools.partial(in_floats, dtype), given[place])
                for place in counts:
                    given[place] = whole(given[place])
                return function(*given)
            return function(*arguments, **keywords)

        checked.takes = rules
        return checked

    return decorate


def in_floats(dtype, value):
    """An array of whole numbers as one of this type; all else as it is."""
    return value.astype(dtype) if hasattr(value, "astype") and value.dtype.kind in "iub" else value


def words_of(rule):
    """All names of axes in a rule, or in a dict of rules."""
    if isinstance(rule, str):
        return rule.rstrip("+").split()
    parts = rule.values() if isinstance(rule, dict) else rule if isinstance(rule, tuple) else ()
    return [word for part in parts for word in words_of(part)]


def check_of(rule):
    """The function `check(name, value, sizes)` for a rule: notes the `sizes` of axes by name, raises ValueError."""
    if rule is int:
        return check_whole
    if isinstance(rule, str):
        return Axes(rule).check
    if isinstance(rule, dict):
        return functools.partial(check_weights, {part: Axes(axes).check for part, axes in rule.items()})
    fields = {field: Axes(axes).check for field, axes in rule._asdict().items() if axes}
    return functools.partial(check_fields, type(rule), fields)


def check_whole(name, value, sizes):
    """Raise ValueError unless it is a whole number of at least 1."""
    if type(value) is not int or value < 1:  # else, and that is nearly always, all is said
        check_count(name, value)


def check_weights(checks, name, value, sizes):
    """Raise ValueError unless it is a dict of just these arrays."""
    value = plain(value)
    if not isinstance(value, dict) or value.keys() != checks.keys():
        got = f"those of {list(value)}" if isinstance(value, dict) else f"a {type(value).__name__}"
        raise ValueError(f"{name} must be a dict with just the weights {', '.join(checks)}, got {got}")
    for part, check in checks.items():
        check(part, value[part], sizes)


def check_fields(kind, checks, name, value, sizes):
    """Raise ValueError unless it has these arrays as attributes."""
    for field, check in checks.items():
        if not hasattr(value, field):
            raise ValueError(f"{name} must be of type {kind.__name__}, got a {type(value).__name__}")
        check(field, getattr(value, field), sizes)


class Axes:
    """The axes of an array, as a rule of `takes` writes them: `names` without the "...", some of them `multiples`."""

    def __init__(self, rule):
        self.parts = rule.endswith("+")
        self.words = words_of(rule)
        self.more = self.words[-1] == "..."
        self.names = self.words[: len(self.words) - self.more]
        self.count = len(self.names)
        self.multiples = [word for word in self.names if "*" in word]

    def check(self, name, value, sizes):
        """Raise ValueError unless it is an array of real numbers with these axes; notes their `sizes`."""
        try:
            if self.parts:
                shape, dtype = beside(name, value if type(value) is tuple else (value,))
            else:
                value = getattr(value, "_value", value)  # an autograd box looks attributes up the long way round
                shape, dtype = value.shape, value.dtype
        except AttributeError:
            self.refuse(name, f"a {type(value).__name__}")
        if dtype.kind != "f":
            if dtype.kind not in "iub":
                raise ValueError(f"{name} must be an array of real numbers, got {dtype}")
            sizes[WHOLE] = True
        if isinstance(value, ODD):
            refuse_odd(name, value)
        if len(shape) != self.count and not (self.more and len(shape) > self.count):
            self.refuse(name, shape)
        for word in self.multiples:
            times, _, axis = word.partition("*")
            sizes[word] = int(times) * sizes[axis]
        for axis, size in zip(self.names, shape):
            if sizes.setdefault(axis, size) != size:
                self.refuse(name, shape, sizes)
        if self.more and sizes.setdefault("...", shape[self.count :]) != shape[self.count :]:
            self.refuse(name, shape, sizes)

    def refuse(self, name, got, sizes=None):
        """Raise the ValueError that says what was wanted; where another size was, with that size."""
        words = list(self.words)
        for k, (word, size) in enumerate(zip(self.names, got if sizes else ())):
            if sizes.get(word, size) != size and not word.isdigit():
                words[k] += f" = {sizes[word]}"
        if sizes and self.more:
            words[-1:] = map(str, sizes.get("...", ["..."]))
        shape = ", ".join(words) + "," * (self.count == 1 and not self.more)
        raise ValueError(f"{name} must be an array of shape ({shape}), got {got}")


def beside(name, parts):
    """Shape and type of arrays of rows that stand side by side. (What the kernels call `loop_invariant` has `rows`.)"""
    parts = [getattr(part, "rows", part) for part in map(plain, parts)]
    for part in parts:
        if isinstance(part, ODD):
            refuse_odd(name, part)
    shapes = [part.shape for part in parts]
    if any(len(shape) != 2 or shape[0] != shapes[0][0] for shape in shapes) or not parts:
        raise ValueError(f"{name}, or its parts, must be of shape (batch, inputs), got {', '.join(map(str, shapes))}")
    strange = [part.dtype for part in parts if part.dtype.kind != "f"]
    strange.sort(key=lambda dtype: dtype.kind in "iub")
    return (shapes[0][0], sum([size for _, size in shapes])), strange[0] if strange else parts[0].dtype


def refuse_odd(name, value):
    """Raise the ValueError for an ODD array."""
    raise ValueError(f"{name} is a {type(value).__name__}, which computes otherwise than an array: pass a plain one")


def check_labels(labels, batch, classes):
    """The labels, if they are `batch` whole numbers from 0 to below `classes`; raises ValueError otherwise."""
    if isinstance(labels, ODD):
        refuse_odd("labels", labels)
    if not hasattr(labels, "shape") or labels.shape != (batch,) or labels.dtype.kind not in "iu":
        got = f"{labels.dtype} of {labels.shape}" if hasattr(labels, "shape") else f"a {type(labels).__name__}"
        raise ValueError(f"labels must be whole numbers of shape ({batch},), got {got}")

    def check(values):
        if batch and (values.min() < 0 or values.max() >= classes):
            raise ValueError(f"labels must be from 0 to {classes - 1}, got {values.min()} to {values.max()}")

    return checked(labels, check)
