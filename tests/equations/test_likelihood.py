"""The image model D(X | c) (Eq 3, 9, 16) against a loop over its pixels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draw_np import equations, kernels
from draw_np.backend import value_and_grad

BATCH, HEIGHT, WIDTH = 2, 8, 7
every_channel_count = pytest.mark.parametrize("channels", [1, 3])


def reference_sigmoid(v):
    return 1 / (1 + math.exp(-v))


def reference_eq_03(x, c):
    """The error image of one image, planes x[k][b][a], pixel by pixel."""
    return [
        [[v - reference_sigmoid(logit) for v, logit in zip(*rows)] for rows in zip(*planes)] for planes in zip(x, c)
    ]


def reference_eq_09(x, c):
    """-log D(x | c_T) of one image: the log of a product of Bernoulli probabilities, term by term."""
    nats = 0.0
    for plane_x, plane_c in zip(x, c):
        for row_x, row_c in zip(plane_x, plane_c):
            for v, logit in zip(row_x, row_c):
                p = reference_sigmoid(logit)
                nats -= v * math.log(p) + (1 - v) * math.log(1 - p)
    return nats


def case(channels, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((BATCH, channels, HEIGHT, WIDTH)), 2 * rng.normal(size=(BATCH, channels, HEIGHT, WIDTH))


@every_channel_count
@pytest.mark.equation(3)
def test_error_image(channels):
    x, c = case(channels)
    expected = [reference_eq_03(*pair) for pair in zip(x.tolist(), c.tolist())]
    np.testing.assert_allclose(equations.error_image(x, c), expected, rtol=1e-12)


@every_channel_count
@pytest.mark.equation(9)
def test_negative_log_likelihood(channels):
    x, c = case(channels)
    for images in (x, np.round(x)):  # intensities, and bits
        expected = [reference_eq_09(*pair) for pair in zip(images.tolist(), c.tolist())]
        np.testing.assert_allclose(equations.negative_log_likelihood(images, c), expected, rtol=1e-12)


@pytest.mark.equation(3, 9)
def test_its_gradient_is_the_error_image():
    x, c = case(3)
    _, gradient = value_and_grad(lambda p: equations.negative_log_likelihood(x, p["c"]), {"c": c})
    np.testing.assert_allclose(gradient["c"], -equations.error_image(x, c), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hopeless_logits_cost_what_they_say(dtype):
    """log(p + 1e-8) would stop at 18.4 nats a pixel, log(p) at infinity."""
    x, c = np.array([[1, 0, 1, 0]], dtype), np.array([[-1e4, 1e4, 1e4, -1e4]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, gradient = value_and_grad(lambda p: equations.negative_log_likelihood(x, p["c"]), {"c": c})
    assert value == [2e4]
    assert gradient["c"].tolist() == [[-1, 1, 0, 0]]
    assert gradient["c"].dtype == dtype


@given(st.floats(0.01, 0.99), st.floats(-9, 9))
@settings(deadline=None, derandomize=True)
def test_intensities_cost_at_least_their_entropy(x, c):
    """Between 0 and 1 it is a cross-entropy, whose minimum is not 0."""
    entropy = -x * math.log(x) - (1 - x) * math.log(1 - x)
    best = np.array([[math.log(x / (1 - x))]])
    assert equations.negative_log_likelihood(np.array([[x]]), np.array([[c]]))[0] >= entropy - 1e-12
    np.testing.assert_allclose(equations.negative_log_likelihood(np.array([[x]]), best), entropy, rtol=1e-9)


@pytest.mark.equation(16)
def test_sample_image():
    _, c = case(3)
    uniform = np.random.default_rng(1).random(c.shape)
    expected = [1.0 if u < reference_sigmoid(logit) else 0.0 for u, logit in zip(uniform.flat, c.flat)]
    assert equations.sample_image(c, uniform).ravel().tolist() == expected


@pytest.mark.equation(16)
def test_sampled_pixels_are_on_as_often_as_their_means_say():
    _, c = case(1)
    samples = 20_000
    uniform = np.random.default_rng(2).random((samples,) + c.shape, dtype=np.float32)
    p = equations.pixel_means(c)
    standard_error = np.sqrt(p * (1 - p) / samples)
    sampled = equations.sample_image(np.broadcast_to(c, uniform.shape), uniform)
    assert np.all(np.abs(sampled.mean(axis=0) - p) < 5 * standard_error)


def test_sampled_pixels_at_the_ends():
    ends = np.array([-1e4, 1e4], np.float32)  # probability 0 and 1
    for uniform in (0.0, np.nextafter(np.float32(1), np.float32(0))):
        sampled = equations.sample_image(ends, np.full(2, uniform))
        assert sampled.tolist() == [0, 1] and sampled.dtype == np.float32


@pytest.mark.parametrize("ops", [equations, kernels])
@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 5), (2, 2, 2, 3, 1)])
def test_the_gradient_is_the_error_image_of_images_of_any_axes(ops, shape):
    rng = np.random.default_rng(3)
    x, c = rng.random(shape), rng.normal(size=shape)
    _, gradient = value_and_grad(lambda c: ops.negative_log_likelihood(x, c), c)
    np.testing.assert_allclose(gradient, -equations.error_image(x, c), rtol=1e-12)
