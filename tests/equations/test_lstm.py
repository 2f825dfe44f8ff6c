"""The recurrent step (Eq 5, 7, 14) against a loop over its units."""

import math

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.backend import np as traced
from draw_np.backend import value_and_grad

BATCH, INPUTS, HIDDEN = 2, 5, 6


def reference_lstm(W, U, b, x, h, cell):
    """One LSTM step with forget gates for one example: the next h and cell."""

    def sigmoid(v):
        return 1 / (1 + math.exp(-v))

    def into(column):
        return (
            b[column]
            + sum(x[m] * W[m][column] for m in range(len(x)))
            + sum(h[m] * U[m][column] for m in range(len(h)))
        )

    next_h, next_cell = [], []
    for k in range(len(h)):
        i, f, o = (sigmoid(into(gate * len(h) + k)) for gate in range(3))
        g = math.tanh(into(3 * len(h) + k))
        next_cell.append(f * cell[k] + i * g)
        next_h.append(o * math.tanh(next_cell[k]))
    return next_h, next_cell


def case(rng, scale=1.0, dtype=np.float64):
    shapes = {"W": (INPUTS, 4 * HIDDEN), "U": (HIDDEN, 4 * HIDDEN), "b": (4 * HIDDEN,)}
    params = {name: (scale * rng.normal(size=shape)).astype(dtype) for name, shape in shapes.items()}
    x = rng.normal(size=(BATCH, INPUTS)).astype(dtype)
    h, cell = rng.normal(size=(2, BATCH, HIDDEN)).astype(dtype)
    return params, x, equations.LSTMState(h, cell)


@pytest.mark.equation(5, 7, 14)
def test_step():
    params, x, state = case(np.random.default_rng(0))
    after = equations.lstm(params, x, state)
    for n in range(BATCH):
        h, cell = reference_lstm(params["W"], params["U"], params["b"], x[n], state.h[n], state.cell[n])
        np.testing.assert_allclose(after.h[n], h, rtol=1e-12)
        np.testing.assert_allclose(after.cell[n], cell, rtol=1e-12)


def test_an_input_may_come_in_parts():
    params, x, state = case(np.random.default_rng(4))
    for whole, parts in zip(equations.lstm(params, x, state), equations.lstm(params, (x[:, :1], x[:, 1:]), state)):
        np.testing.assert_array_equal(parts, whole)


@pytest.mark.parametrize("ops", [equations, kernels])
def test_a_limit_clips_the_derivatives_of_the_pre_activations_and_changes_no_value(ops):
    params, x, state = case(np.random.default_rng(5))
    x, state = x[:1], equations.LSTMState(*(part[:1] for part in state))  # of one example: db is da

    def total(limit):
        def of(arguments):
            h, cell = ops.lstm(arguments["params"], arguments["x"], state, limit)
            return traced.sum(h) + traced.sum(cell)

        return value_and_grad(of, {"params": params, "x": x})

    (value, free), (same, clipped) = total(None), total(0.1)
    da = np.clip(free["params"]["b"], -0.1, 0.1)
    assert same == value and 0 < np.sum(da != free["params"]["b"]) < da.size
    np.testing.assert_allclose(clipped["params"]["b"], da, rtol=1e-12)
    np.testing.assert_allclose(clipped["params"]["W"], x.T @ da[None], rtol=1e-12)
    np.testing.assert_allclose(clipped["x"], da[None] @ params["W"].T, rtol=1e-12)


def test_open_forget_gate_and_shut_input_gate_keep_the_cell():
    params, x, state = case(np.random.default_rng(1))
    params["b"][:HIDDEN] = -1e3  # i
    params["b"][HIDDEN : 2 * HIDDEN] = 1e3  # f
    for _ in range(50):
        after = equations.lstm(params, x, state)
        assert np.array_equal(after.cell, state.cell)
        state = after


def test_shut_forget_gate_forgets_the_cell():
    params, x, state = case(np.random.default_rng(2))
    params["b"][HIDDEN : 2 * HIDDEN] = -1e3
    other = equations.LSTMState(state.h, state.cell + 5)
    assert np.array_equal(equations.lstm(params, x, state).cell, equations.lstm(params, x, other).cell)


def test_float32_stays_float32_and_finite_at_huge_weights():
    params, x, state = case(np.random.default_rng(3), scale=1e4, dtype=np.float32)
    with np.errstate(over="raise", invalid="raise"):
        after = equations.lstm(params, x, state)
    assert after.h.dtype == after.cell.dtype == np.float32
    assert np.all(np.abs(after.h) <= 1) and np.all(np.isfinite(after.cell))


@pytest.mark.parametrize("ops", [equations, kernels])
def test_a_limit_of_zero_lets_nothing_through(ops):
    params, x, state = case(np.random.default_rng(6))
    _, gradient = value_and_grad(lambda p: traced.sum(ops.lstm(p, x, state, 0.0).h), params)
    assert not any(leaf.any() for leaf in gradient.values())
