"""Slopes of a function from its values alone: what gradients are compared with."""

from typing import NamedTuple

import numpy

STEP = 1e-3
ROUNDING = 10 * numpy.finfo(float).eps  # of a value that several operations made, as a part of it


class Slope(NamedTuple):
    """f'(0), how far it may be off, as the differences themselves show, and how much of that is rounding."""

    value: float
    doubt: float
    rounding: float


def slope(f, size=1.0, enough=3e-6):
    """f'(0) by central differences, with the step that fits, as a Slope; NaN if `f` is no number around 0.

    No single step is right: a logarithm bends within 1e-3 of its zero, and a million hardly changes by that much. With
    smaller steps the differences over h and over 2h approach each other, until rounding parts them. So the step is made
    smaller, or larger where rounding is the greater error, until they agree to `enough` (f'(0) is then known to
    TOLERANCE of `gradient_check` even if the third derivative is 0), until they part again, or until it is too large.

    Parameters: `f(h)` is a number, at a distance h along some direction; `size` that of what is moved.
    """
    h, factor, best = STEP * min(1.0, size), None, Slope(numpy.nan, numpy.inf, numpy.nan)
    with numpy.errstate(all="ignore"):  # a step may leave the function's domain
        for _ in range(20):
            found, parted, rounding = differences(f, h, size)
            if parted + rounding < best.doubt:
                best = Slope(found, parted + rounding, rounding)
            rounded = rounding > parted
            turned = factor == (0.1 if rounded else 10.0)
            if parted + rounding <= enough * abs(found) or turned or (rounded and h > 0.05 * max(1.0, size)):
                break
            factor = 10.0 if rounded else 0.1
            h *= factor
    return best


def differences(f, h, size):
    """f'(0) by central differences over h and 2h, by how much the two part, and what rounding may do.

    They are combined so that their h^2 errors cancel: the error is O(h^4).
    """
    values = [float(f(step)) for step in (h, -h, 2 * h, -2 * h)]
    near, far = (values[0] - values[1]) / (2 * h), (values[2] - values[3]) / (4 * h)
    found = (4 * near - far) / 3
    return found, abs(far - near), ROUNDING * (max(map(abs, values)) + abs(found) * size) / h


def size_of(array):
    """The size of the largest entry, or 1 where all are zero."""
    return float(numpy.max(numpy.abs(array), initial=0.0)) or 1.0


def moved(tree, name, change):
    """A copy of the nested dict with `change` added to the leaf of this name."""
    key, _, rest = name.partition("/")
    return {**tree, key: moved(tree[key], rest, change) if rest else tree[key] + change}
