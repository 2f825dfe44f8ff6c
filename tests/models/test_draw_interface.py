"""What draw.py promises its callers: types, shapes, starting values, errors, and arguments left alone."""

import dataclasses
import re

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.backend import value_and_grad
from draw_np.models import draw
from draw_np.models.common import to_planes
from draw_np.training.trees import map_leaves, named_leaves

BATCH = 2
ATTENTION = draw.Config(height=8, width=7, channels=1, steps=3, hidden=6, latent=5, read_size=4, write_size=9)
COLOUR = dataclasses.replace(ATTENTION, channels=3, steps=10)
WHOLE = dataclasses.replace(ATTENTION, read_size=None, write_size=None)
every_config = pytest.mark.parametrize("config", [ATTENTION, COLOUR, WHOLE], ids=["grey", "colour", "whole"])


def new_case(config, seed=0, dtype=np.float32):
    """New parameters, images and noise."""
    rng = np.random.default_rng(seed)
    shape = (BATCH, config.height, config.width) + ((config.channels,) if config.channels > 1 else ())
    params = draw.init_params(config, rng, dtype=dtype)
    return params, rng.random(shape).astype(dtype), draw.sample_noise(config, BATCH, rng, dtype)


# The steps by themselves


@every_config
@pytest.mark.parametrize("ops", [equations, kernels])
def test_steps_refuse_what_are_no_planes_in_a_line_that_names_them(config, ops):
    """As in exercise 4.3, where the first thing to go wrong is a channel axis that is left out."""
    params, images, noise = new_case(config)
    state, x = draw.initial_state(params, BATCH, ops), to_planes(images, config)
    assert len(draw.infer_steps(params, config, x, state, noise, ops)[1].canvases) == config.steps
    wanted = re.escape(str((BATCH, config.channels, config.height, config.width)))
    for wrong in (images, x[:, 0], x[:1], x[..., None], x.reshape(BATCH, -1), x.tolist(), None):
        with pytest.raises(ValueError, match=rf"^x must be planes of shape {wanted}, .* images\[:, None\], got "):
            draw.infer_steps(params, config, wrong, state, noise, ops)
    for wrong in (noise[0], noise[:, :1], noise[..., 1:], noise[:0], noise.tolist(), None):
        with pytest.raises(ValueError, match="^noise must be "):
            draw.infer_steps(params, config, x, state, wrong, ops)
    for wrong in (None, state.canvas, tuple(state)):
        with pytest.raises(ValueError, match="^state must be a State, as initial_state makes it, got a "):
            draw.infer_steps(params, config, x, wrong, noise, ops)
    for wrong in (images, None, 0, 1.5):
        with pytest.raises(ValueError, match="^batch must be a whole number of at least 1, got "):
            draw.initial_state(params, wrong, ops)


# Types


@every_config
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_type_from_parameters_to_gradients(config, dtype):
    params, images, noise = new_case(config, dtype=dtype)
    outputs = [
        draw.loss(params, config, images, noise),
        draw.log_importance_weight(params, config, images, noise),
        *draw.bound(params, config, images, noise),
        *draw.infer(params, config, images, noise).canvases,
        draw.generate(params, config, noise).canvases,
    ]
    assert {output.dtype for output in outputs} == {np.dtype(dtype)}
    value, gradient = value_and_grad(lambda p: draw.loss(p, config, images, noise), params)
    assert value == outputs[0]
    described, wanted = ({name: (leaf.dtype, leaf.shape) for name, leaf in named_leaves(tree).items()}
                         for tree in (gradient, params))  # fmt: skip
    assert described == wanted
    assert {leaf.dtype for leaf in named_leaves(params).values()} == {np.dtype(dtype)}


@every_config
def test_arguments_are_left_alone(config):
    params, images, noise = new_case(config)
    before = map_leaves(np.copy, {"params": params, "images": images, "noise": noise})
    for array in (*named_leaves(params).values(), images, noise):
        array.flags.writeable = False
    value_and_grad(lambda p: draw.loss(p, config, images, noise), params)
    draw.generate(params, config, noise)
    map_leaves(np.testing.assert_array_equal, before, {"params": params, "images": images, "noise": noise})


@every_config
def test_same_seed_same_bits(config):
    results = []
    for _ in range(2):
        params, images, noise = new_case(config, seed=7)
        value, gradient = value_and_grad(lambda p: draw.loss(p, config, images, noise), params)  # noqa: B023
        canvases = draw.generate(params, config, noise).canvases
        results.append([value, *(leaf.tobytes() for leaf in (canvases, *named_leaves(gradient).values()))])
    assert results[0] == results[1]
    other, _, _ = new_case(config, seed=8)
    assert draw.loss(other, config, images, noise) != value


@every_config
def test_loss_has_a_gradient_with_respect_to_images(config):
    """What the model looks at can be asked of it: the slope along a direction is the gradient's."""
    params, images, noise = new_case(config, dtype=np.float64)
    images = 0.1 + 0.8 * images  # room for a step to either side

    def nats(p):
        return draw.loss(params, config, p["images"], noise)

    _, gradient = value_and_grad(nats, {"images": images})
    direction = np.random.default_rng(1).normal(size=images.shape)
    up, down = (nats({"images": images + step * direction}) for step in (1e-5, -1e-5))
    np.testing.assert_allclose(np.sum(gradient["images"] * direction), (up - down) / 2e-5, rtol=1e-5)


@every_config
def test_generation_has_the_shape_of_images_and_finite_windows(config):
    params, images, noise = new_case(config)
    canvases, windows = draw.generate(params, config, noise)
    assert canvases.shape == (config.steps,) + images.shape
    if config.attention:
        assert isinstance(windows, equations.Window)
        assert all(field.shape == (config.steps, BATCH) for field in windows)
    else:
        assert windows is None


# Extremes


@pytest.mark.parametrize("config", [ATTENTION, COLOUR, draw.Config(steps=4)], ids=["grey", "colour", "28x28"])
@pytest.mark.parametrize("seed", range(3))
def test_weights_ten_thousand_times_too_large_stay_finite(config, seed):
    params, images, noise = new_case(config, seed)
    params = map_leaves(lambda leaf: 1e4 * leaf, params)
    params = map_leaves(lambda leaf: leaf.astype(np.float32), params)
    with np.errstate(over="ignore"):  # autograd divides by cosh^2, and 1 / infinity is the right 0
        value, gradient = value_and_grad(lambda p: draw.loss(p, config, images, noise), params)
    assert np.isfinite(value)
    assert all(np.all(np.isfinite(leaf)) for leaf in named_leaves(gradient).values())


def test_windows_of_a_single_filter():
    """Eq 24 divides by N - 1."""
    config = dataclasses.replace(ATTENTION, read_size=1, write_size=1)
    params, images, noise = new_case(config)
    value, gradient = value_and_grad(lambda p: draw.loss(p, config, images, noise), params)
    assert np.isfinite(value)
    assert all(np.all(np.isfinite(leaf)) for leaf in named_leaves(gradient).values())
    trace = draw.infer(params, config, images, noise)
    np.testing.assert_array_equal(trace.read_windows[0].g_X, (config.width + 1) / 2)  # h_dec = 0: the centre


def test_two_pixels_and_one_of_everything_else():
    config = draw.Config(height=1, width=2, steps=1, hidden=1, latent=1, read_size=1, write_size=1)
    params, images, noise = new_case(config)
    assert np.isfinite(draw.loss(params, config, images, noise))


# Starting values


@pytest.mark.parametrize(
    "config, count",
    [(draw.Config(), 961_275), (draw.Config(read_size=None, write_size=None), 2_751_208)],
    ids=["attention", "no attention"],
)
def test_number_of_parameters(config, count):
    params = draw.init_params(config, np.random.default_rng(0))
    assert sum(leaf.size for leaf in named_leaves(params).values()) == count


def test_default_is_table_3():
    expected = dict(steps=64, hidden=256, latent=100, read_size=2, write_size=5)
    assert dataclasses.asdict(draw.Config()) == dict(height=28, width=28, channels=1) | expected


@pytest.mark.parametrize("config", [draw.Config(steps=1), ATTENTION], ids=["28 x 28", "8 x 7"])
def test_first_window_tiles_the_longer_side(config):
    """h_dec starts at 0: filters from the first pixel to the last, half a stride wide."""
    params, images, noise = new_case(config)
    window = draw.infer(params, config, images, noise[:1]).read_windows[0]
    longer = max(config.height, config.width)
    g = window.g_X if config.width == longer else window.g_Y
    mu = equations.filter_means(g, window.delta, config.read_size)
    np.testing.assert_allclose(mu[:, [0, -1]], [[1, longer]] * BATCH, rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(window.sigma_squared), window.delta / 2, rtol=1e-6)


@pytest.mark.parametrize("config", [ATTENTION, COLOUR], ids=["grey", "colour"])
def test_mean_image_becomes_the_first_canvas(config):
    _, images, _ = new_case(config)
    mean = images[0].copy()
    mean[0, 0], mean[-1, -1] = 0, 1  # pixels that are never, or always, on
    params = draw.init_params(config, np.random.default_rng(0), mean_image=mean)
    c_0 = params["initial"]["canvas"]
    assert c_0.shape == (config.channels, config.height, config.width) and c_0.dtype == np.float32
    shown = np.moveaxis(equations.pixel_means(c_0), 0, 2).reshape(mean.shape)
    np.testing.assert_allclose(shown, np.clip(mean, 1e-3, 1 - 1e-3), rtol=1e-4)


# Errors


@pytest.mark.parametrize(
    "config, shape",
    [
        (ATTENTION, (BATCH, 7, 8)),
        (ATTENTION, (BATCH, 8, 7, 1)),
        (ATTENTION, (BATCH, 56)),
        (ATTENTION, (8, 7)),
        (ATTENTION, (0, 8, 7)),
        (ATTENTION, ()),
        (ATTENTION, (BATCH, 0, 8, 7)),
        (COLOUR, (BATCH, 8, 7)),
        (COLOUR, (BATCH, 3, 8, 7)),
        (COLOUR, (BATCH, 8, 7, 4)),
    ],
    ids=str,
)
def test_images_of_a_wrong_shape(config, shape):
    params, _, noise = new_case(config)
    expected = "(batch, 8, 7, 3)" if config.channels == 3 else "(batch, 8, 7)"
    for function in (draw.infer, draw.bound, draw.loss, draw.log_importance_weight):
        with pytest.raises(ValueError, match=re.escape(expected) + ".*" + re.escape(str(shape))):
            function(params, config, np.zeros(shape, np.float32), noise)


@pytest.mark.parametrize("value", [-0.01, 1.01, 255, np.nan, np.inf, -np.inf])
def test_images_out_of_range(value):
    params, images, noise = new_case(ATTENTION)
    images[1, 2, 3] = value
    with pytest.raises(ValueError, match=re.escape("must lie in [0, 1]")):
        draw.loss(params, ATTENTION, images, noise)


@pytest.mark.parametrize("shape", [(3, 3, 5), (3, 2, 6), (2, 5), (0, 2, 5), (3, 0, 5), (3, 2, 5, 1)], ids=str)
def test_noise_of_a_wrong_shape(shape):
    params, images, _ = new_case(ATTENTION)
    noise = np.zeros(shape, np.float32)
    with pytest.raises(ValueError, match=re.escape("(steps, 2, 5)") + ".*" + re.escape(str(shape))):
        draw.loss(params, ATTENTION, images, noise)
    if shape != (3, 3, 5):  # any batch will do where there are no images
        with pytest.raises(ValueError, match=re.escape("(steps, batch, 5)") + ".*" + re.escape(str(shape))):
            draw.generate(params, ATTENTION, noise)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(draw.Config)])
@pytest.mark.parametrize("value", [0, -1, True, 2.0, "2", np.nan])
def test_sizes_must_be_whole_numbers_above_zero(field, value):
    with pytest.raises(ValueError, match=field):
        draw.Config(**{field: value})


@pytest.mark.parametrize("field", ["height", "width", "channels", "steps", "hidden", "latent"])
def test_only_the_window_sizes_may_be_none(field):
    with pytest.raises(ValueError, match=field):
        draw.Config(**{field: None})


@pytest.mark.parametrize("field", ["read_size", "write_size"])
def test_attention_is_for_both_or_for_neither(field):
    with pytest.raises(ValueError, match="read_size and write_size"):
        draw.Config(**{field: None})
    assert not draw.Config(read_size=None, write_size=None).attention and draw.Config().attention


def test_mean_image_of_a_wrong_shape():
    with pytest.raises(ValueError, match="shape"):
        draw.init_params(ATTENTION, np.random.default_rng(0), mean_image=np.zeros((7, 8)))


@every_config
@pytest.mark.parametrize("ops", [equations, kernels])
def test_a_canvas_of_another_size_is_not_repeated_to_fit(config, ops):
    """Without its channel axis c_0 would be drawn on once for every channel, or image, of another axis."""
    params, images, noise = new_case(config)
    canvas = params["initial"]["canvas"]
    for wrong in (canvas[0], canvas[:, 0], canvas.sum(), canvas[None], canvas.swapaxes(1, 2)):
        other = {**params, "initial": {**params["initial"], "canvas": wrong}}
        said = re.escape(f"must be of shape {canvas.shape}, as config says, got {wrong.shape}")
        for call in (
            lambda tree: draw.generate(tree, config, noise, ops),
            lambda tree: draw.loss(tree, config, images, noise, ops),
            lambda tree: draw.infer(tree, config, images, noise, ops),
            lambda tree: draw.log_importance_weight(tree, config, images, noise, ops),
            lambda tree: value_and_grad(lambda tree: draw.loss(tree, config, images, noise, ops), tree),
        ):
            with pytest.raises(ValueError, match=f"^the canvas in params.'initial'. {said}$"):
                call(other)


def test_one_pixel_and_one_of_everything():
    config = draw.Config(height=1, width=1, steps=1, hidden=1, latent=1, read_size=1, write_size=1)
    params = draw.init_params(config, np.random.default_rng(0))
    for name in "read_window", "write_window":
        assert params[name]["b"][2] == np.float32(2 * np.log(0.5))
    assert np.isfinite(
        draw.loss(params, config, np.ones((1, 1, 1)), draw.sample_noise(config, 1, np.random.default_rng(1)))
    )


@pytest.mark.parametrize("name, size", [("read_window", "read_size"), ("write_window", "write_size")])
def test_both_first_windows_tile_the_longer_side(name, size):
    config = dataclasses.replace(ATTENTION, read_size=2, write_size=4)
    params = draw.init_params(config, np.random.default_rng(0))
    N = getattr(config, size)
    window = equations.attention_window(params[name], np.zeros((1, 6), np.float32), N, config.height, config.width)
    np.testing.assert_allclose(np.sqrt(window.sigma_squared), window.delta / 2, rtol=1e-6)


def test_drawing_without_attention_needs_what_it_writes_with():
    config = dataclasses.replace(ATTENTION, read_size=None, write_size=None)
    rng = np.random.default_rng(0)
    params, noise = draw.init_params(config, rng), draw.sample_noise(config, 2, rng)
    del params["write"]
    with pytest.raises(ValueError, match="got params without 'write'$"):
        draw.generate(params, config, noise)


def test_noise_is_what_the_generator_draws_in_this_precision():
    """A seed stands for these numbers in every file of weights and in every figure."""
    for dtype in np.float32, np.float64:
        found = draw.sample_noise(ATTENTION, 2, np.random.default_rng(5), dtype)
        np.testing.assert_array_equal(found, np.random.default_rng(5).standard_normal((3, 2, 5), dtype))
