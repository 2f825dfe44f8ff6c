"""Whole numbers, where a count is meant: Python's own, whoever's they were. NumPy's overflow, and JSON has none."""

import operator

from .names import shown


def in_python(value):
    """A number of NumPy, or an array that is one number, as Python's, also in a dict; all else as it is."""
    if isinstance(value, dict):
        return {key: in_python(each) for key, each in value.items()}
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def whole(value, least=None, most=None):
    """The whole number that this is, as an int of Python; None for anything else, for a truth value and outside the
    bounds.
    """
    value = in_python(value)
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None
    if number is None or (least is not None and number < least) or (most is not None and number > most):
        return None
    return number


def check_count(name, value, least=1, most=None):
    """The whole number `value`, as an int of Python. Raises ValueError for anything else, and outside the bounds."""
    number = whole(value, least, most)
    if number is None:
        span = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"
        raise ValueError(f"{name} must be a whole number {span}, got {shown(value)}")
    return number
