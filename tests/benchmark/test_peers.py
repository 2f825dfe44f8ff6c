"""The peers compute what the equations compute: the same loss, and every gradient the same."""

import dataclasses
import importlib

import numpy as np
import pytest

from draw_np import equations
from draw_np.backend import value_and_grad
from draw_np.models import draw
from draw_np.training.trees import map_leaves, named_leaves

GREY = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=2, write_size=4)
COLOUR = dataclasses.replace(GREY, channels=3)
COLOUR_WITHOUT_ATTENTION = dataclasses.replace(COLOUR, read_size=None, write_size=None)


@pytest.fixture(params=["torch", "jax"])
def peer(request):
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    module = importlib.import_module(f"draw_np.benchmark.{request.param}_peer")
    if request.param == "torch":
        yield module
        return
    options = {"jax_enable_x64": True, "jax_disable_most_optimizations": True}  # the latter compiles faster
    for name, value in options.items():
        module.jax.config.update(name, value)
    yield module
    for name in options:
        module.jax.config.update(name, False)


def task(config, dtype):
    """Parameters, none zero or alike, images and noise."""
    rng = np.random.default_rng(0)
    params = draw.init_params(config, rng, dtype=dtype)
    params = map_leaves(lambda leaf: (leaf + 0.1 * rng.standard_normal(leaf.shape)).astype(dtype), params)
    colours = (config.channels,) if config.channels > 1 else ()
    images = (rng.random((2, config.height, config.width, *colours)) < 0.5).astype(dtype)
    return params, config, images, draw.sample_noise(config, 2, rng, dtype)


@pytest.mark.parametrize(
    "config, dtype, tolerance",
    [(GREY, np.float32, 1e-5), (COLOUR_WITHOUT_ATTENTION, np.float32, 1e-5), (COLOUR, np.float64, 1e-12)],
    ids=["grey", "colour without attention", "colour in float64"],
)
def test_loss_and_gradients_equal_those_of_the_equations(peer, config, dtype, tolerance):
    params, config, images, noise = task(config, dtype)
    expected, gradient = value_and_grad(lambda p: draw.loss(p, config, images, noise, equations), params)
    step = peer.training_step(params, config, images, noise)
    step()
    nats, found = step()  # again, since it is timed again and again
    assert nats == pytest.approx(expected, rel=tolerance)
    gradient, found = named_leaves(gradient), named_leaves(found)
    assert sorted(found) == sorted(named_leaves(params))
    for name, leaf in gradient.items():
        assert found[name].dtype == dtype
        np.testing.assert_allclose(found[name], leaf, rtol=0, atol=tolerance * np.abs(leaf).max(), err_msg=name)
