"""Levels of the loss on 28 x 28 images that can be known without training."""

import dataclasses
import math

import numpy as np
import pytest

from draw_np import datasets, equations
from draw_np.models import draw
from draw_np.training.trees import map_leaves

PIXELS = 28 * 28


@pytest.mark.equation(9)
@pytest.mark.parametrize("attention", [True, False])
def test_first_loss_on_a_zero_canvas(attention):
    """A decoder that writes nothing leaves every pixel at 1/2, whatever the image: 784 ln 2 nats."""
    config = draw.Config(steps=2, hidden=6, latent=5)
    if not attention:
        config = dataclasses.replace(config, read_size=None, write_size=None)
    rng = np.random.default_rng(0)
    params = draw.init_params(config, rng, dtype=np.float64)
    name = "write_patch" if attention else "write"
    params[name] = map_leaves(np.zeros_like, params[name])
    images, noise = rng.random((3, 28, 28)), draw.sample_noise(config, 3, rng, np.float64)
    reconstruction, _ = draw.bound(params, config, images, noise)
    np.testing.assert_allclose(reconstruction, PIXELS * math.log(2), rtol=1e-12)
    assert f"{reconstruction[0]:.2f}" == "543.43"


@pytest.mark.equation(9)
def test_levels_of_models_that_know_only_how_often_pixels_are_on():
    """Fitted to the training images, paid for on the test images.

    One probability for all pixels; then one for each, the plateau where training waits for the reading to
    begin. There, half an image counts as on and half as off: some pixels never are on in training.
    """
    train, test = (datasets.load("binarized-mnist", split).images for split in ("train", "test"))
    assert np.all((test == 0) | (test == 1))  # grey digits would come out the same: so does their mean image
    on = train.sum(axis=0, dtype=np.float64)  # (28, 28)
    mean_image = test.mean(axis=0, dtype=np.float64)  # costs what images cost on average: Eq 9 is linear in x

    def level(p):
        canvas = np.broadcast_to(np.log(p / (1 - p)), (1, 28, 28))
        return equations.negative_log_likelihood(mean_image[None], canvas)[0]

    assert f"{level(on.mean() / len(train)):.1f}" == "306.7"
    assert f"{level((on + 0.5) / (len(train) + 1)):.1f}" == "205.8"
