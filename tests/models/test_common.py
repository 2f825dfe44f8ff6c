"""New weights, and images as planes and back."""

import dataclasses
import json

import numpy as np
import pytest

from draw_np.models import draw, glimpse_classifier, vae
from draw_np.models.common import from_planes, new_linear, new_lstm, to_planes
from draw_np.training.checkpoint import describe

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


@pytest.mark.parametrize("model", [draw, vae, glimpse_classifier])
@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int16])
def test_sizes_may_be_whole_numbers_of_numpy(model, kind):
    """They become Python's: the JSON of a file of weights has no others."""
    for field in dataclasses.fields(model.Config):
        config = dataclasses.replace(model.Config(), **{field.name: kind(5)})
        assert type(getattr(config, field.name)) is int and getattr(config, field.name) == 5
        assert config == dataclasses.replace(model.Config(), **{field.name: 5}) and json.dumps(describe("", config))
        for wrong in (True, np.True_, kind(0), np.float64(5), 5.0, "5", [5]):
            with pytest.raises(ValueError, match=f"{field.name} must be a whole number of at least 1"):
                dataclasses.replace(model.Config(), **{field.name: wrong})


@pytest.mark.parametrize("model", [draw, vae])
def test_noise_that_cannot_be(model):
    config, rng = model.Config(height=HEIGHT, width=WIDTH, hidden=3, latent=2), np.random.default_rng(0)
    for wrong in (np.random.RandomState(0), None, 0, [rng]):
        with pytest.raises(ValueError, match="rng is a .*: pass a Generator like np.random.default_rng"):
            model.sample_noise(config, BATCH, wrong)
    for wrong in (0, -1, 2.0, "2", None, True, [2]):
        with pytest.raises(ValueError, match="batch must be a whole number of at least 1, got"):
            model.sample_noise(config, wrong, rng)
    assert model.sample_noise(config, np.int64(BATCH), rng).shape[1:] == (BATCH, 2)
    params, noise = model.init_params(config, rng), model.sample_noise(config, BATCH, rng)
    for wrong in (noise.tolist(), None, "noise"):
        with pytest.raises(ValueError, match="noise must be an array, as sample_noise makes it, got a "):
            model.generate(params, config, wrong)
        with pytest.raises(ValueError, match="noise must be an array, as sample_noise makes it, got a "):
            model.loss(params, config, np.zeros((BATCH, HEIGHT, WIDTH)), wrong)


def test_forget_gates_start_open():
    i, f, o, g = np.split(new_lstm(np.random.default_rng(3), INPUTS, HIDDEN, np.float32)["b"], 4)
    assert np.all(f == 1) and not np.any([i, o, g])
