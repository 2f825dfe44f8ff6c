"""A larger model draws in the middle of its canvas what the smaller one draws."""

import dataclasses

import numpy as np
import pytest

from draw_np.models import draw
from draw_np.models.enlarge import BLACK, enlarge
from draw_np.training.trees import map_leaves, named_leaves

BATCH, STEPS, LATENT, HIDDEN, WIDTH, HEIGHT, READ, WRITE = 2, 3, 5, 6, 17, 20, 2, 4
SMALL = draw.Config(HEIGHT, WIDTH, 1, STEPS, HIDDEN, LATENT, READ, WRITE)


def narrow_params(config=SMALL):
    """Weights whose windows, some 6 pixels wide, see nothing of the image's edge; their filters lie close together."""
    rng = np.random.default_rng(0)
    params = map_leaves(lambda leaf: rng.normal(0, 0.4, leaf.shape), draw.init_params(config, rng))
    for name in ("read_window", "write_window"):
        params[name]["W"] *= 0.3
        params[name]["b"][:] = 0.1, -0.1, -2.0, np.log(5 / 19), 0.2
    params["initial"]["canvas"][:] = BLACK
    return params


@pytest.mark.parametrize("read_size", [2, 3, 5])
@pytest.mark.parametrize("height, width", [(32, 31), (24, 43), (HEIGHT, WIDTH)])
def test_the_same_is_drawn_in_the_middle(read_size, height, width):
    params = narrow_params()
    larger = dataclasses.replace(SMALL, height=height, width=width, read_size=read_size)
    top, left = (height - HEIGHT) // 2, (width - WIDTH) // 2
    rng = np.random.default_rng(1)
    images, noise = rng.random((BATCH, HEIGHT, WIDTH)), draw.sample_noise(SMALL, BATCH, rng, np.float64)
    middle = np.zeros((BATCH, height, width))
    middle[:, top : top + HEIGHT, left : left + WIDTH] = images
    small = draw.infer(params, SMALL, images, noise)
    large = draw.infer(enlarge(params, SMALL, larger), larger, middle, noise)
    assert np.ptp(small.canvases[-1]) > 1  # something was drawn
    for c, d in zip(small.canvases, large.canvases):
        inside = np.s_[:, :, top : top + HEIGHT, left : left + WIDTH]
        np.testing.assert_allclose(d[inside], c, atol=1e-6)
        outside = d.copy()
        outside[inside] = BLACK
        np.testing.assert_allclose(outside, BLACK, atol=1e-6)
    for name in ("mu", "sigma"):
        np.testing.assert_allclose(getattr(large, name), getattr(small, name), atol=1e-6)
    for window, other in zip(small.write_windows, large.write_windows):
        np.testing.assert_allclose(other.g_X - left, window.g_X, rtol=1e-9)
        np.testing.assert_allclose(other.g_Y - top, window.g_Y, rtol=1e-9)
        np.testing.assert_allclose(other.delta, window.delta, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_they_are_parameters_of_the_larger_model(dtype):
    larger = dataclasses.replace(SMALL, height=30, width=40, read_size=3, steps=7)
    params = map_leaves(lambda leaf: leaf.astype(dtype), narrow_params())
    before = map_leaves(np.copy, params)
    found, expected = (
        named_leaves(enlarge(params, SMALL, larger)),
        named_leaves(draw.init_params(larger, np.random.default_rng(0))),
    )
    assert {name: leaf.shape for name, leaf in found.items()} == {n: leaf.shape for n, leaf in expected.items()}
    assert {leaf.dtype for leaf in found.values()} == {np.dtype(dtype)}
    for name, leaf in named_leaves(before).items():
        assert np.array_equal(leaf, named_leaves(params)[name])  # the smaller model's are left alone


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": 7},
        {"latent": 6},
        {"channels": 3},
        {"write_size": 5},
        {"read_size": None, "write_size": None},
        {"height": HEIGHT - 1},
        {"width": WIDTH - 1},
        {"read_size": 1},
    ],
)
def test_what_is_not_larger_is_refused(change):
    with pytest.raises(ValueError, match="may change|does not contain") as error:
        enlarge(narrow_params(), SMALL, dataclasses.replace(SMALL, **change))
    assert "\n" not in str(error.value)


def test_a_model_of_colour_images_is_refused():
    """Its readings have more patches than the two that are spread out."""
    config = dataclasses.replace(SMALL, channels=3)
    with pytest.raises(ValueError, match="^only a grey model can be enlarged: "):
        enlarge(draw.init_params(config, np.random.default_rng(0)), config, dataclasses.replace(config, read_size=3))


def test_a_grid_that_does_not_contain_the_other_is_refused():
    config = dataclasses.replace(SMALL, read_size=3)
    with pytest.raises(ValueError, match="does not contain"):
        enlarge(narrow_params(config), config, dataclasses.replace(config, read_size=4))
    without = dataclasses.replace(SMALL, read_size=None, write_size=None)
    with pytest.raises(ValueError, match="with attention"):
        enlarge(draw.init_params(without, np.random.default_rng(0)), without, without)


def test_a_grid_of_one_filter_is_contained_in_itself_alone():
    config = draw.Config(20, 17, 1, 3, 6, 5, 1, 4)
    params = draw.init_params(config, np.random.default_rng(0))
    with pytest.raises(ValueError, match="does not contain"):
        enlarge(params, config, dataclasses.replace(config, read_size=3))
    enlarge(params, config, dataclasses.replace(config, height=30))
