"""The exercises' checks: they pass what is right and say in numbers what is not."""

import re

import numpy as np
import pytest

from draw_np.checks import assert_close, assert_derivatives


def test_what_is_right_passes():
    assert_close("c", 2, 2.0)
    assert_close("c", [[1, np.inf]], np.array([[1 + 1e-9, np.inf]]))


@pytest.mark.parametrize(
    "got, expected, said",
    [
        (3.0, 2.0, "mu: expected 2, got 3"),
        ([1, 2, 4], [1, 2, 3], "mu[2]: expected 3, got 4 (1 of 3 entries are off)"),
        (np.ones((2, 3)), np.eye(2, 3), "mu[0, 1]: expected 0, got 1 (4 of 6 entries are off)"),
        ([1, np.nan], [5, 2], "mu[1]: expected 2, got nan (2 of 2 entries are off)"),
        (np.inf, 2.0, "mu: expected 2, got inf"),
        (np.ones((2, 3)), np.ones((3, 2)), "mu: expected the shape (3, 2), got (2, 3)"),
        (None, 2.0, "mu: expected numbers, got None: does the function return its answer?"),
        ("two", 2.0, "mu: expected numbers, got str"),
        (np.ones((2, 3)), np.full((2, 3), np.nan), "mu[0, 0]: expected nan, got 1 (6 of 6 entries are off)"),
    ],
)
def test_a_wrong_value_is_named(got, expected, said):
    with pytest.raises(AssertionError, match=f"^{re.escape(said)}$"):
        assert_close("mu", got, expected)


class Reluctant:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("detach me first")


def generator():
    yield 2.0


NO_NUMBERS = {  # each of them would pass for 2 or [2, 2], or be no line of ours, if NumPy made what it can of it
    "complex": (2 + 5j, "real numbers, got complex"),
    "an array of complex numbers": (np.array([2 + 5j, 2]), "real numbers, got ndarray with complex in it"),
    "a list of complex numbers": ([2 + 0j, 2], "real numbers, got list with complex in it"),
    "text": ("2", "numbers, got str"),
    "bytes": (b"2", "numbers, got bytes"),
    "a list of text": (["2", "2"], "numbers, got list with str in it"),
    "numbers and text": ([2.0, "2"], "numbers, got list with str in it"),
    "a truth value": (True, "numbers, got bool"),
    "an array of truth values": (np.array([True, True]), "numbers, got ndarray with bool in it"),
    "a list with None": ([2.0, None], "numbers, got list with NoneType in it"),
    "a ragged list": ([[2.0], [2.0, 2.0]], "numbers, got list that does not make one array"),
    "masked entries": (np.ma.array([2.0, 2.0], mask=[False, True]), "numbers, got MaskedArray with masked entries"),
    "a dict": ({"a": 2.0}, "numbers, got dict"),
    "a set": ({2.0}, "numbers, got set"),
    "a function": (generator, "numbers, got function"),
    "a generator": (generator(), "numbers, got generator"),
    "an object": (object(), "numbers, got object"),
    "an object that refuses": (Reluctant(), "numbers, got Reluctant that does not make one array"),
    "a date": (np.datetime64("2015-02-16"), "numbers, got datetime64 with date in it"),
    "an array of objects": (np.array([2.0, 2.0], object), "numbers, got ndarray"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_is_not_made_of_numbers_is_named(name):
    got, said = NO_NUMBERS[name]
    for expected in (2.0, [2.0, 2.0]):
        with pytest.raises(AssertionError, match=f"^mu: expected {re.escape(said)}$"):
            assert_close("mu", got, expected)
    said = "expected a dict .* got layer/W, b/a, unused" if name == "a dict" else f"dL/db: expected {re.escape(said)}"
    with pytest.raises(AssertionError, match=f"^{said}$"):
        assert_derivatives(loss, arguments(), {**right(arguments()), "b": got})


@pytest.mark.parametrize(
    "got", [[2, 2], (2.0, 2.0), np.float32([2, 2]), np.array([2, 2], ">i2"), np.longdouble([2, 2])]
)
def test_numbers_of_every_kind_pass(got):
    assert_close("mu", got, [2.0, 2.0])
    assert_close("mu", np.ma.array([2.0, 2.0]), got)


def loss(a):
    return np.sum(np.sin(a["layer"]["W"]) * a["b"]) + 0.0 * np.sum(a["unused"])


def arguments():
    rng = np.random.default_rng(3)
    return {"layer": {"W": rng.standard_normal((2, 3))}, "b": rng.standard_normal(3), "unused": np.ones(2)}


def right(a):
    W, b = a["layer"]["W"], a["b"]
    return {"layer": {"W": np.cos(W) * b}, "b": np.sin(W).sum(axis=0), "unused": np.zeros(2)}


def test_right_derivatives_pass():
    assert_derivatives(loss, arguments(), right(arguments()))


def test_a_wrong_derivative_is_named_with_its_factor():
    gradients = right(arguments())
    gradients["layer"]["W"][1, 2] *= 2
    said = r"with respect to layer/W\[1, 2\] is off: expected \S+ by finite differences, got \S+, 2 times that \(1 of 6"
    with pytest.raises(AssertionError, match=said):
        assert_derivatives(loss, arguments(), gradients)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"unused": np.array([0.0, 1e-3])}, r"unused\[1\] is off: expected 0 by .*, got 0.001 \(1 of 2 entries"),
        ({"b": np.zeros(3)}, r"respect to b\[\d\] is off"),
        ({"b": np.full(3, np.nan)}, r"respect to b\[0\] is off: .* got nan"),
        ({"b": np.full(3, np.inf)}, r"respect to b\[0\] is off: .* got inf"),
        ({"b": np.full(3, -np.inf)}, r"respect to b\[0\] is off: .* got -inf"),
        ({2: 1.0}, "expected a dict with the derivatives for layer/W, b, unused, got layer/W, b, unused, 2"),
        ({"b": np.zeros((1, 3))}, r"respect to b: expected \(3,\), got \(1, 3\)"),
        ({"b": None}, "dL/db: expected numbers, got None"),
        ({"c": 1.0}, "expected a dict with the derivatives for layer/W, b, unused, got layer/W, b, unused, c"),
    ],
)
def test_other_wrong_answers_are_named(change, said):
    with pytest.raises(AssertionError, match=said):
        assert_derivatives(loss, arguments(), {**right(arguments()), **change})


@pytest.mark.parametrize("got, said", [(None, "a NoneType"), ([1, 2], "a list"), ({}, "none"), (2.0, "a float")])
def test_an_answer_that_is_no_dict_is_named(got, said):
    with pytest.raises(AssertionError, match=f"^expected a dict with the derivatives for .*, got {said}$"):
        assert_derivatives(loss, arguments(), got)


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e-3, 1e-2, 1e3, 1e10])
def test_derivatives_of_arguments_of_every_size(size):
    """A step that does not fit would leave a logarithm's domain, or not be felt."""
    places = {"x": size * np.array([0.6, 1.0, 2.0])}

    def bent(a):
        return np.sum(np.log(a["x"]) ** 2)

    answer = {"x": 2 * np.log(places["x"]) / places["x"]}
    assert_derivatives(bent, places, answer)
    for factor in (1 + 1e-4, -1, 2):
        with pytest.raises(AssertionError, match="respect to x.* is off"):
            assert_derivatives(bent, places, {"x": factor * answer["x"]})
