"""Whole numbers for counts, always Python's own: those of NumPy overflow, and JSON does not take them."""

import operator

from .names import shown


def in_python(value):
    """NumPy's numbers, and arrays that are one number, as Python's, also in a dict; anything else as it is."""
    if isinstance(value, dict):
        return {key: in_python(each) for key, each in value.items()}
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def whole(value, least=None, most=None):
    """The whole number that this is, as Python's int; None for anything else, a truth value among them, and outside
    the bounds.
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
    """The whole number `value`, as Python's int. Raises ValueError for anything else, and outside the bounds."""
    number = whole(value, least, most)
    if number is None:
        span = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"
        raise ValueError(f"{name} must be a whole number {span}, got {shown(value)}")
    return number
