"""The variational auto-encoder of Fig 2 left: against a loop over scalars, and what it promises."""

import dataclasses
import math
import re

import numpy as np
import pytest

from draw_np.backend import value_and_grad
from draw_np.models import vae
from draw_np.training.trees import map_leaves, named_leaves

BATCH = 2
GREY = vae.Config(height=8, width=7, channels=1, hidden=6, latent=5)
COLOUR = dataclasses.replace(GREY, channels=3)
every_config = pytest.mark.parametrize("config", [GREY, COLOUR], ids=["grey", "colour"])


def random_case(config, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    params = vae.init_params(config, rng, dtype=dtype)
    params = map_leaves(lambda leaf: (0.4 * rng.normal(size=leaf.shape)).astype(dtype), params)
    shape = (BATCH, config.height, config.width) + ((config.channels,) if config.channels > 1 else ())
    return params, rng.random(shape).astype(dtype), vae.sample_noise(config, BATCH, rng, dtype)


def reference_W(p, a):
    return [p["b"][k] + sum(a[m] * p["W"][m][k] for m in range(len(a))) for k in range(len(p["b"]))]


def reference_decode(params, z):
    """Logits, plane by plane and row by row."""
    return reference_W(params["canvas"], [math.tanh(v) for v in reference_W(params["decoder"], z)])


def reference_vae(params, x, epsilon):
    """One image as a flat list, plane by plane: L^x, L^z, the canvas and log p(x, z) - log q(z | x)."""
    hidden = [math.tanh(v) for v in reference_W(params["encoder"], x)]
    mu = reference_W(params["mu"], hidden)  # Eq 1
    sigma = [math.exp(v) for v in reference_W(params["sigma"], hidden)]  # Eq 2
    z = [m + s * e for m, s, e in zip(mu, sigma, epsilon)]  # Eq 6
    canvas = reference_decode(params, z)
    L_x = 0.0
    for v, logit in zip(x, canvas):
        p, one_minus_p = 1 / (1 + math.exp(-logit)), 1 / (1 + math.exp(logit))
        L_x -= v * math.log(p) + (1 - v) * math.log(one_minus_p)  # Eq 9
    L_z = 0.5 * sum(m**2 + s**2 - math.log(s**2) for m, s in zip(mu, sigma)) - len(mu) / 2  # Eq 11
    log_p = sum(reference_log_normal(v, 0.0, 1.0) for v in z)
    log_q = sum(reference_log_normal(*unit) for unit in zip(z, mu, sigma))
    return L_x, L_z, canvas, -L_x + log_p - log_q


def reference_log_normal(z, mu, sigma):
    return -0.5 * math.log(2 * math.pi) - math.log(sigma) - (z - mu) ** 2 / (2 * sigma**2)


def planes_of(image, config):
    """One image (height, width[, channels]) as a flat list, plane by plane."""
    rows = image.reshape(config.height, config.width, config.channels)
    return [v for k in range(config.channels) for row in rows for v in row[:, k].tolist()]


@every_config
@pytest.mark.equation(1, 2, 6, 9, 10, 11, 12)
def test_bound_loss_and_importance_weight(config):
    params, images, noise = random_case(config)
    expected = [reference_vae(params, planes_of(images[n], config), noise[0, n]) for n in range(BATCH)]
    L_x, L_z, _, log_weight = zip(*expected)
    reconstruction, latent = vae.bound(params, config, images, noise)
    assert latent.shape == (1, BATCH)
    np.testing.assert_allclose(reconstruction, L_x, rtol=1e-12)
    np.testing.assert_allclose(latent[0], L_z, rtol=1e-12)
    loss = vae.loss(params, config, images, noise)
    np.testing.assert_allclose(loss, (sum(L_x) + sum(L_z)) / BATCH, rtol=1e-12)
    weights = vae.log_importance_weight(params, config, images, noise)
    np.testing.assert_allclose(weights, log_weight, rtol=1e-12)


@every_config
@pytest.mark.equation(13)
def test_generate(config):
    params, images, noise = random_case(config, seed=1)
    for name in ("encoder", "mu", "sigma"):  # not involved
        params[name] = map_leaves(lambda leaf: np.full_like(leaf, np.nan), params[name])
    canvases, windows = vae.generate(params, config, noise)
    assert canvases.shape == (1,) + images.shape and windows is None
    for n in range(BATCH):
        expected = reference_decode(params, noise[0, n])
        np.testing.assert_allclose(planes_of(canvases[0, n], config), expected, rtol=1e-11)


@every_config
def test_float32_stays_float32_and_every_parameter_matters(config):
    params, images, noise = random_case(config, dtype=np.float32)
    assert noise.shape == (1, BATCH, config.latent)
    assert vae.loss(params, config, images, noise).dtype == np.float32
    _, gradient = value_and_grad(lambda p: vae.loss(p, config, images, noise), params)
    for name, leaf in named_leaves(gradient).items():
        assert leaf.dtype == np.float32 and np.all(leaf != 0), name


def test_every_single_number_of_the_noise_matters_to_its_own_image_only():
    params, images, noise = random_case(GREY)
    before, _ = vae.bound(params, GREY, images, noise)
    for n, k in np.ndindex(noise.shape[1:]):
        other = noise.copy()
        other[0, n, k] += 1
        after, _ = vae.bound(params, GREY, images, other)
        assert np.flatnonzero(after != before).tolist() == [n]


@every_config
def test_canvas_starts_at_the_mean_image(config):
    _, images, _ = random_case(config)
    params = vae.init_params(config, np.random.default_rng(0), mean_image=images[0])
    start = 1 / (1 + np.exp(-params["canvas"]["b"]))
    np.testing.assert_allclose(start, np.clip(planes_of(images[0], config), 1e-3, 1 - 1e-3), rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 2, 5), (1, 3, 5), (1, 2, 6), (2, 5), (1, 0, 5)], ids=str)
def test_noise_of_a_wrong_shape(shape):
    params, images, _ = random_case(GREY)
    with pytest.raises(ValueError, match=re.escape("(1, 2, 5)") + ".*" + re.escape(str(shape))):
        vae.loss(params, GREY, images, np.zeros(shape))


@pytest.mark.parametrize("shape", [(BATCH, 7, 8), (0, 8, 7), (BATCH, 8, 7, 1)], ids=str)
def test_images_of_a_wrong_shape(shape):
    params, _, noise = random_case(GREY)
    with pytest.raises(ValueError, match=re.escape("(batch, 8, 7)") + ".*" + re.escape(str(shape))):
        vae.loss(params, GREY, np.zeros(shape), noise)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(vae.Config)])
@pytest.mark.parametrize("value", [0, -1, True, 2.0, None])
def test_sizes_must_be_whole_numbers_above_zero(field, value):
    with pytest.raises(ValueError, match=field):
        vae.Config(**{field: value})


@pytest.mark.parametrize("shape", [(3, 2, 5), (1, 2, 6), (2, 5), (1, 0, 5)], ids=str)
def test_noise_of_a_wrong_shape_to_draw_from(shape):
    config = vae.Config(height=8, width=7, channels=1, hidden=6, latent=5)
    params = vae.init_params(config, np.random.default_rng(0))
    with pytest.raises(ValueError, match=re.escape("(1, batch, 5)") + ".*" + re.escape(str(shape))):
        vae.generate(params, config, np.zeros(shape))
