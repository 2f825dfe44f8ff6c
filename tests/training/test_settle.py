"""The last part of a run: silent units are cut off and stay so, and Schedule-Free Adam is what its authors write."""

import numpy as np
import pytest
from draw_np.training.settle import heard_only, nats_of_units, schedule_free_update, settle
from draw_np.training.step import Weights, first_weights, losses_and_gradient, update

from draw_np import equations, kernels
from draw_np.models import draw
from draw_np.training.adam import AdamState, clip_by_global_norm
from draw_np.training.presets import Recipe
from draw_np.training.trees import global_norm, map_leaves, named_leaves

CONFIG = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=2, write_size=4)
IMAGES = 4


def case(dtype):
    rng = np.random.default_rng(0)
    params = draw.init_params(CONFIG, rng, dtype=dtype)
    return params, rng.random((IMAGES, 8, 7)).astype(dtype), draw.sample_noise(CONFIG, IMAGES, rng, dtype)


def speaking(params, units):
    """Parameters whose posteriors say much with these units and nothing with the others."""
    params = map_leaves(np.copy, params)
    for name in ("mu", "sigma"):
        for leaf in params[name].values():
            leaf[..., [unit for unit in range(CONFIG.latent) if unit not in units]] = 0
    params["mu"]["b"][units] = 1  # a mean of 1 with sigma 1 is half a nat
    return params


def test_the_nats_of_the_units_are_the_kl_without_its_sum():
    params, images, noise = case(np.float64)
    trace = draw.infer(params, CONFIG, images, noise)
    kl = draw.kl_of_steps(trace, equations)  # (steps, batch)
    found = nats_of_units(trace, equations)
    assert found.shape == (CONFIG.latent,)
    assert np.sum(found) == pytest.approx(np.sum(np.mean(kl, axis=1)), rel=1e-12)
    expected = sum((m**2 + s**2 - np.log(s**2) - 1) / 2 for m, s in zip(trace.mu, trace.sigma)).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("ops", [equations, kernels])
def test_silent_units_are_cut_off_from_the_decoder_and_nothing_else_changes(ops):
    params, images, noise = case(np.float64)
    params = speaking(params, [1, 3])
    settled = settle(params, CONFIG, images, noise, ops)
    before, after = named_leaves(params), named_leaves(settled)
    assert {name for name in before if not np.array_equal(before[name], after[name])} == {"decoder/W"}
    W = settled["decoder"]["W"]
    assert not W[[0, 2, 4]].any() and np.array_equal(W[[1, 3]], params["decoder"]["W"][[1, 3]])
    other = noise.copy()
    other[..., [0, 2, 4]] += 1
    for x, y in zip(draw.infer(settled, CONFIG, images, noise).canvases, draw.infer(settled, CONFIG, images, other)[0]):
        np.testing.assert_array_equal(x, y)  # what the silent units sample is not heard


def test_schedule_free_adam_is_the_algorithm_of_its_paper():
    """Algorithm 1 of Defazio et al. 2024 with a z of its own, but for our running average in place of a plain mean."""
    rng = np.random.default_rng(0)
    x = z = y = rng.normal(size=7)
    v, count = np.ones(7), 40
    params, average, state = {"w": y}, {"w": x}, AdamState(count, {"w": rng.normal(size=7)}, {"w": v})
    for _ in range(5):
        g = rng.normal(size=7)
        params, average, state = schedule_free_update(params, average, {"w": g}, state, 0.01, 0.05, near=0.9)
        count += 1
        v = 0.999 * v + 0.001 * g**2
        z = z - 0.01 * g / (np.sqrt(v / (1 - 0.999**count)) + 1e-8)
        c = 1 / (1 + 0.05 * count)
        x = (1 - c) * x + c * z
        y = 0.1 * z + 0.9 * x
        assert state.count == count
        for ours, theirs in ((params, y), (average, x), (state.mean_square, v)):
            np.testing.assert_allclose(ours["w"], theirs, rtol=1e-10)


def test_an_update_that_settles():
    params, images, noise = case(np.float64)
    params = settle(speaking(params, [1, 3]), CONFIG, images, noise, equations)
    weights = Weights(params, params, first_weights(params).adam)
    recipe = Recipe("mnist", epochs=1, clip=0.5, weight_decay=7.0)  # the decay counts no more
    after, quantities = update(weights, draw, CONFIG, images, noise, recipe, 0.01, equations, settling=True)
    _, gradient = losses_and_gradient(params, draw, CONFIG, images, noise, equations)
    gradient = heard_only(gradient, params)
    norm = global_norm(gradient)
    short = clip_by_global_norm(gradient, norm, 0.5)
    expected = schedule_free_update(params, params, short, weights.adam, 0.01, recipe.average)
    assert quantities["gradient_norm"] == pytest.approx(norm)
    for ours, theirs in zip(after[:2], expected):
        ours, theirs = named_leaves(ours), named_leaves(theirs)
        for name in theirs:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-8, atol=1e-12)
    assert not after.params["decoder"]["W"][[0, 2, 4]].any() and not after.average["decoder"]["W"][[0, 2, 4]].any()
    assert (after.params["decoder"]["W"][[1, 3]] != params["decoder"]["W"][[1, 3]]).all()


def test_it_keeps_float32():
    params, images, noise = case(np.float32)
    params = settle(params, CONFIG, images, noise, kernels)
    weights = Weights(params, params, first_weights(params).adam)
    for _ in range(2):
        weights, _ = update(
            weights, draw, CONFIG, images, noise, Recipe("mnist", epochs=1), 0.01, kernels, settling=True
        )
    assert {leaf.dtype for tree in weights[:2] for leaf in named_leaves(tree).values()} == {np.dtype(np.float32)}
