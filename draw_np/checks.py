"""What the exercises of the course check an answer with: every message says expected and got."""

import numpy as np

from .training.finite_differences import moved, size_of, slope
from .training.gradient_check import TOLERANCE
from .training.trees import named_leaves


def assert_close(name, got, expected, rtol=1e-6, atol=1e-9):
    """Raise AssertionError, naming the worst entry, unless `got` equals `expected` in shape and, nearly, in value.

    Parameters: `name` of what was computed, as the task calls it; numbers or arrays of any shape. An entry may differ
    by `atol + rtol |expected|`.
    """
    got, expected = numbers(name, got), np.asarray(expected, dtype=float)
    if got.shape != expected.shape:
        raise AssertionError(f"{name}: expected the shape {expected.shape}, got {got.shape}")
    with np.errstate(invalid="ignore"):  # inf - inf
        off = np.where(got == expected, 0.0, abs(got - expected) - rtol * abs(expected))
    wrong = ~(off <= atol)  # NaN is wrong
    if wrong.any():
        worst = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off)), off.shape)
        raise AssertionError(
            f"{name}{index(worst)}: expected {expected[worst]:.8g}, got {got[worst]:.8g}{share(wrong)}"
        )


def assert_derivatives(loss, arguments, gradients, tolerance=TOLERANCE):
    """Raise AssertionError, saying which derivative is off and by how much, unless finite differences agree.

    Every entry is moved by itself, so use small arrays. Parameters: `loss(arguments)` returns one number;
    `arguments` is a nested dict of float64 arrays; `gradients`, the answer, is a dict like it.
    """
    leaves = named_leaves(arguments)
    answers = named_leaves(gradients) if isinstance(gradients, dict) else gradients
    if not isinstance(answers, dict) or set(answers) != set(leaves):
        got = ", ".join(map(str, answers)) or "none" if isinstance(answers, dict) else f"a {type(answers).__name__}"
        raise AssertionError(f"expected a dict with the derivatives for {', '.join(leaves)}, got {got}")
    for name, leaf in leaves.items():
        expected, rounding = measured(loss, arguments, name, leaf)
        assert_derivative(name, numbers(f"dL/d{name}", answers[name]), expected, tolerance, rounding)


def assert_derivative(name, got, expected, tolerance, rounding):
    """The part of `assert_derivatives` that is about one argument."""
    if got.shape != expected.shape:
        raise AssertionError(f"the derivative with respect to {name}: expected {expected.shape}, got {got.shape}")
    scale = np.maximum(np.maximum(abs(got), abs(expected)), np.sqrt(np.mean(expected**2)))
    off = abs(got - expected)
    wrong = ~(off <= tolerance * scale + rounding) | ~np.isfinite(got)
    if wrong.any():
        worst = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off)), off.shape)
        times = f", {got[worst] / expected[worst]:.4g} times that" if expected[worst] else ""
        raise AssertionError(
            f"the derivative with respect to {name}{index(worst)} is off: expected {expected[worst]:.8g} by finite "
            f"differences, got {got[worst]:.8g}{times}{share(wrong)}"
        )


def measured(loss, arguments, name, leaf):
    """The derivative with respect to every entry of one argument by finite differences, and what rounding may do to it;
    each of the shape of `leaf`.
    """
    found, rounding = np.zeros(np.shape(leaf)), np.zeros(np.shape(leaf))
    for place in np.ndindex(found.shape):
        unit = np.zeros(found.shape)
        unit[place] = 1.0
        found[place], _, rounding[place] = slope(
            lambda h, unit=unit: loss(moved(arguments, name, h * unit)), size_of(np.asarray(leaf)[place])
        )
    return found, rounding


def numbers(name, got):
    """The answer as an array of floats; AssertionError for None, and for what is not made of real numbers."""
    if got is None:
        raise AssertionError(f"{name}: expected numbers, got None: does the function return its answer?")
    kind = type(got).__name__
    try:
        array = np.asarray(got)
    except Exception:  # whatever an object's own conversion raises
        raise AssertionError(f"{name}: expected numbers, got {kind} that does not make one array") from None
    if array.dtype.kind not in "fiu":
        strange = [type(entry).__name__ for entry in array.ravel().tolist() if type(entry) not in (int, float)]
        inside = f" with {strange[0]} in it" if strange and strange[0] != kind else ""
        raise AssertionError(f"{name}: expected {'real ' * (array.dtype.kind == 'c')}numbers, got {kind}{inside}")
    if np.ma.is_masked(got):
        raise AssertionError(f"{name}: expected numbers, got {kind} with masked entries")
    return array.astype(float)


def index(place):
    """Where an entry stands, "[2, 3]", or nothing for a single number."""
    return f"[{', '.join(map(str, place))}]" if place else ""


def share(wrong):
    """How many entries are wrong, if there are several."""
    return f" ({wrong.sum()} of {wrong.size} entries are off)" if wrong.size > 1 else ""
