"""W(.) and the two functions behind it, against loops over scalars."""

import math

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.backend import value_and_grad
from draw_np.equations.linear import LOG_LIMIT, bounded_exp

BATCH, INPUTS, OUTPUTS = 2, 6, 5


def reference_linear(W, b, a):
    """b = W(a) of section 2.1 for one vector."""
    return [b[k] + sum(a[m] * W[m][k] for m in range(len(a))) for k in range(len(b))]


def reference_sigmoid(x):
    """The logistic function as printed below Eq 8."""
    return 1 / (1 + math.exp(-x))


def test_linear():
    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(INPUTS, OUTPUTS)), "b": rng.normal(size=OUTPUTS)}
    a = rng.normal(size=(BATCH, INPUTS))
    expected = [reference_linear(params["W"], params["b"], vector) for vector in a]
    np.testing.assert_allclose(equations.linear(params, a), expected, rtol=1e-12)


@pytest.mark.equation(3)  # the definition stands in the sentence below it
def test_sigmoid():
    x = np.linspace(-9, 7, 33)
    np.testing.assert_allclose(equations.sigmoid(x), [reference_sigmoid(value) for value in x], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_saturates_without_overflow(dtype):
    x = np.array([-1e30, -1e4, 0, 1e4, 1e30], dtype)
    with np.errstate(all="raise"):
        saturated = equations.sigmoid(x)
    with np.errstate(over="ignore"):  # autograd divides by cosh^2, and 1 / infinity is the right 0
        _, gradient = value_and_grad(lambda p: equations.sigmoid(p["x"]), {"x": x})
    assert saturated.tolist() == [0, 0, 0.5, 1, 1]
    assert gradient["x"].tolist() == [0, 0, 0.25, 0, 0]
    assert saturated.dtype == gradient["x"].dtype == dtype


def test_bounded_exp_is_exp_up_to_the_limit():
    log = np.linspace(-LOG_LIMIT, LOG_LIMIT, 17)
    np.testing.assert_allclose(bounded_exp(log), [math.exp(value) for value in log], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bounded_exp_is_constant_beyond_the_limit(dtype):
    log = np.array([-1e30, -LOG_LIMIT - 1, LOG_LIMIT + 1, 1e30], dtype)
    with np.errstate(all="raise"):
        value, gradient = value_and_grad(lambda p: bounded_exp(p["log"]), {"log": log})
    low, high = math.exp(-LOG_LIMIT), math.exp(LOG_LIMIT)
    np.testing.assert_allclose(value, [low, low, high, high], rtol=1e-6)
    assert gradient["log"].tolist() == [0, 0, 0, 0]
    assert gradient["log"].dtype == dtype


def test_filters_at_the_limit_are_as_wide_as_its_docstring_says():
    narrow, wide = np.sqrt(bounded_exp(np.array([-LOG_LIMIT, LOG_LIMIT])))
    assert f"{narrow:.0e} {wide:.0e}" == "5e-05 2e+04"  # pixels


@pytest.mark.parametrize("ops", [equations, kernels])
def test_bounded_exp_has_no_slope_at_the_limit_itself(ops):
    log = np.array([-LOG_LIMIT, LOG_LIMIT])
    _, gradient = value_and_grad(lambda log: ops.bounded_exp(log), log)
    assert gradient.tolist() == [0, 0]
