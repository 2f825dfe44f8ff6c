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
    ],
)
def test_a_wrong_value_is_named(got, expected, said):
    with pytest.raises(AssertionError, match=f"^{re.escape(said)}$"):
        assert_close("mu", got, expected)


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
        ({"b": np.zeros((1, 3))}, r"respect to b: expected \(3,\), got \(1, 3\)"),
        ({"b": None}, "dL/db: expected numbers, got None"),
        ({"c": 1.0}, "expected a dict with the derivatives for layer/W, b, unused, got layer/W, b, unused, c"),
    ],
)
def test_other_wrong_answers_are_named(change, said):
    with pytest.raises(AssertionError, match=said):
        assert_derivatives(loss, arguments(), {**right(arguments()), **change})


def test_an_answer_that_is_no_dict_is_named():
    with pytest.raises(AssertionError, match="got a NoneType"):
        assert_derivatives(loss, arguments(), None)
