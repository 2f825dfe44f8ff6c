"""Gradients of trees: each array's own, in memory of its own."""

import autograd
import numpy as np
import pytest
from autograd import make_vjp

from draw_np import backend
from draw_np.backend import np as traced
from draw_np.backend import value_and_grad
from draw_np.backend.tape import make_pull_back


def nested():
    rng = np.random.default_rng(0)
    return {"a": rng.random((2, 3)), "more": [rng.random((2, 3)), {"b": rng.random(3)}], "unused": rng.random(4)}


def total(tree):
    a, c, inner = tree["a"], tree["more"][0], tree["more"][1]
    return traced.sum(traced.tanh(a @ c.T)) + traced.sum(a[0] * a[1] * inner["b"]) + traced.sum(c)


def test_gradient_of_a_tree_is_that_of_autograd():
    tree = nested()
    value, gradient = value_and_grad(total, tree)
    pull_back, expected = make_vjp(total)(tree)
    assert value == expected
    expected = pull_back(1.0)
    np.testing.assert_array_equal(gradient["a"], expected["a"])
    np.testing.assert_array_equal(gradient["more"][0], expected["more"][0])
    np.testing.assert_array_equal(gradient["more"][1]["b"], expected["more"][1]["b"])
    assert not gradient["unused"].any() and gradient["unused"].shape == (4,)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f8"])
def test_gradients_can_be_written_to_one_by_one(dtype):
    """Whoever clips or adds in place changes no other gradient; here all are one array, or parts of it."""

    def together(p):
        return traced.sum((p["a"] + p["b"] + traced.reshape(p["c"], (2, 3)) + p["d"].T) ** 2)

    tree = {"a": np.ones((2, 3)), "b": np.ones((2, 3)), "c": np.ones(6), "d": np.ones((3, 2))}
    tree = {name: leaf.astype(dtype) for name, leaf in tree.items()}
    gradient = value_and_grad(together, tree)[1]
    for k, (name, leaf) in enumerate(gradient.items()):
        assert (leaf.dtype, leaf.shape) == (tree[name].dtype, tree[name].shape) and leaf.flags.c_contiguous
        np.testing.assert_array_equal(leaf, 8)
        leaf += k + 1
    for k, leaf in enumerate(gradient.values()):
        np.testing.assert_array_equal(leaf, 9 + k)


def test_nothing_depends_on_the_tree():
    value, gradient = value_and_grad(lambda p: np.float64(3.0), {"a": np.ones(2)})
    assert value == 3.0 and not gradient["a"].any()


def test_what_depends_on_an_outer_tape_alone():
    """The inner gradient is zero, and the value goes on being followed by the outer tape."""

    def outer(x):
        value, pull_back = make_pull_back(lambda tree: traced.sum(x * x), {"a": np.ones(2)}, backend.arrays)
        assert not pull_back(1.0)["a"].any()
        return value

    pull_back, value = make_vjp(outer)(np.arange(3.0))
    assert value == 5
    np.testing.assert_array_equal(pull_back(1.0), 2 * np.arange(3.0))


def test_second_derivatives_of_what_is_computed_again():
    again = backend.recomputed(lambda tree: traced.sum(traced.sin(tree) ** 2))
    x = np.array([0.3, 0.7])
    second = autograd.grad(lambda x: traced.sum(autograd.grad(again)(x) * np.array([1.0, 2.0])))(x)
    np.testing.assert_allclose(second, 2 * np.cos(2 * x) * [1, 2], rtol=1e-12)
