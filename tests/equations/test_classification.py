"""Softmax and cross-entropy, one number at a time."""

import math

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.backend import value_and_grad

both = pytest.mark.parametrize("ops", [equations, kernels])
LOGITS = np.random.default_rng(0).normal(0, 3, (4, 5))
LABELS = np.array([3, 0, 4, 3])


@both
def test_softmax_and_cross_entropy(ops):
    for a, label, p, nats in zip(LOGITS, LABELS, ops.softmax(LOGITS), ops.cross_entropy(LOGITS, LABELS)):
        Z = sum(math.exp(v) for v in a)
        np.testing.assert_allclose(p, [math.exp(v) / Z for v in a], rtol=1e-13)
        assert nats == pytest.approx(-math.log(math.exp(a[label]) / Z), rel=1e-12)


@both
def test_ignorance_costs_the_log_of_the_number_of_classes(ops):
    np.testing.assert_allclose(ops.cross_entropy(np.full((3, 10), 7.0), np.array([0, 5, 9])), math.log(10), rtol=1e-13)


@both
def test_only_differences_of_logits_matter(ops):
    np.testing.assert_allclose(ops.softmax(LOGITS + 50), ops.softmax(LOGITS), rtol=1e-12)
    np.testing.assert_allclose(ops.cross_entropy(LOGITS - 50, LABELS), ops.cross_entropy(LOGITS, LABELS), rtol=1e-12)


@both
def test_gradient_is_probability_less_truth(ops):
    """And an image's gradient is its own."""
    weights = np.array([1.0, -2.0, 0.0, 3.0])
    _, gradient = value_and_grad(lambda a: (ops.cross_entropy(a, LABELS) * weights).sum(), LOGITS)
    truth = np.eye(5)[LABELS]
    np.testing.assert_allclose(gradient, weights[:, None] * (ops.softmax(LOGITS) - truth), atol=1e-14)


@both
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_are_finite(ops, dtype):
    logits = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4]], dtype)
    labels = np.array([1, 2])
    p, nats = ops.softmax(logits), ops.cross_entropy(logits, labels)
    assert p.dtype == nats.dtype == dtype
    np.testing.assert_allclose(p, [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)
    np.testing.assert_allclose(nats, [2e4, math.log(3)], rtol=1e-6)
    _, gradient = value_and_grad(lambda a: ops.cross_entropy(a, labels).sum(), logits)
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient, p - np.eye(3)[labels], atol=1e-6)
