"""New weights, and images as planes and back."""

import numpy as np
import pytest

from draw_np.models import draw
from draw_np.models.common import from_planes, new_linear, new_lstm, to_planes

BATCH, HEIGHT, WIDTH, INPUTS, HIDDEN = 2, 8, 7, 5, 6


@pytest.mark.parametrize("channels", [1, 3])
def test_planes_and_back(channels):
    config = draw.Config(height=HEIGHT, width=WIDTH, channels=channels)
    shape = (BATCH, HEIGHT, WIDTH) + ((channels,) if channels > 1 else ())
    images = np.random.default_rng(0).random(shape)
    planes = to_planes(images, config)
    assert planes.shape == (BATCH, channels, HEIGHT, WIDTH)
    for n, k, b, a in np.ndindex(planes.shape):
        assert planes[n, k, b, a] == (images[n, b, a, k] if channels > 1 else images[n, b, a])
    assert np.array_equal(from_planes(planes), images)
    assert np.array_equal(from_planes(planes[None]), images[None])  # steps before the batch


def test_images_may_be_bits_of_any_type():
    config = draw.Config(height=HEIGHT, width=WIDTH)
    bits = np.random.default_rng(1).integers(0, 2, (BATCH, HEIGHT, WIDTH))
    for images in (bits.astype(bool), bits.astype(np.uint8), bits.tolist()):
        assert np.array_equal(to_planes(images, config)[:, 0], bits)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_new_weights(dtype):
    rng = np.random.default_rng(2)
    linear, lstm = new_linear(rng, INPUTS, HIDDEN, dtype), new_lstm(rng, INPUTS, HIDDEN, dtype)
    shapes = {name: value.shape for name, value in lstm.items()}
    assert shapes == {"W": (INPUTS, 4 * HIDDEN), "U": (HIDDEN, 4 * HIDDEN), "b": (4 * HIDDEN,)}
    assert linear["W"].shape == (INPUTS, HIDDEN) and linear["b"].tolist() == [0] * HIDDEN
    assert {value.dtype for value in (*linear.values(), *lstm.values())} == {np.dtype(dtype)}
    for weights, bound in ((linear["W"], INPUTS**-0.5), (lstm["W"], HIDDEN**-0.5), (lstm["U"], HIDDEN**-0.5)):
        assert np.abs(weights).max() <= bound and np.abs(weights).max() > 0.8 * bound
        assert len(np.unique(weights)) == weights.size


def test_forget_gates_start_open():
    i, f, o, g = np.split(new_lstm(np.random.default_rng(3), INPUTS, HIDDEN, np.float32)["b"], 4)
    assert np.all(f == 1) and not np.any([i, o, g])
