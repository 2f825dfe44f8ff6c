"""One update is the loss, its gradient, clipping, Adam and the average in that order; and the two schedules."""

import copy
import dataclasses
import math
import tracemalloc
import warnings
from functools import partial

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.backend import np as backend_np
from draw_np.backend import value_and_grad
from draw_np.models import MODELS, draw, glimpse_classifier, vae
from draw_np.training.adam import AdamState, adam_update, clip_by_global_norm, shrink_matrices, update_average
from draw_np.training.presets import PRESETS, Recipe, find_preset
from draw_np.training.step import (
    Weights,
    first_weights,
    kl_weight_at,
    losses_and_gradient,
    options_at,
    rate_at,
    steps_at,
    steps_until,
    update,
)
from draw_np.training.trees import global_norm, map_leaves, named_leaves

BATCH = 4
CONFIG = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=2, write_size=4)
RECIPE = Recipe("mnist", epochs=1, clip=1e9, average=0.3)


def case(dtype=np.float32):
    rng = np.random.default_rng(0)
    params = draw.init_params(CONFIG, rng, dtype=dtype)
    return params, rng.random((BATCH, 8, 7)).astype(dtype), draw.sample_noise(CONFIG, BATCH, rng, dtype)


def agree(compare, a, b):
    a, b = named_leaves(a), named_leaves(b)
    return a.keys() == b.keys() and all(compare(a[name], b[name]) for name in a)


equal = partial(agree, np.array_equal)
close = partial(agree, partial(np.allclose, rtol=1e-8, atol=1e-12))


@pytest.mark.parametrize("ops", [equations, kernels])
@pytest.mark.parametrize("model", ["attention", "no attention"])
@pytest.mark.parametrize("keep_every", [1, 2, 3, 5])  # of three steps
def test_keeping_few_states_changes_no_number(ops, model, keep_every):
    sizes = {"read_size": None, "write_size": None} if model == "no attention" else {}
    config, rng = dataclasses.replace(CONFIG, **sizes), np.random.default_rng(1)
    params = draw.init_params(config, rng, dtype=np.float64)
    case = params, draw, config, rng.random((BATCH, 8, 7)), draw.sample_noise(config, BATCH, rng, np.float64), ops
    nats, gradient = losses_and_gradient(*case)
    nats_in_parts, gradient_in_parts = losses_and_gradient(*case, keep_every=keep_every)
    np.testing.assert_allclose(nats_in_parts, nats, rtol=1e-13)
    assert close(gradient_in_parts, gradient)


@pytest.mark.parametrize("ops", [equations, kernels])
def test_images_with_one_more_axis_are_looks(ops):
    params, images, noise = case(np.float64)
    looks = np.stack([images[::-1], images], axis=1)
    nats, gradient = losses_and_gradient(params, draw, CONFIG, looks, noise, ops)

    def sums(params):
        parts = draw.bound_in_turn(params, CONFIG, looks, noise, ops)
        return backend_np.stack([backend_np.sum(part) for part in parts]) / BATCH

    expected, its_gradient = value_and_grad(sums, params, None)
    np.testing.assert_allclose(nats, expected, rtol=1e-13)
    assert close(gradient, its_gradient)
    assert not np.allclose(nats, losses_and_gradient(params, draw, CONFIG, images, noise, ops)[0])


@pytest.mark.parametrize("ops", [equations, kernels])
@pytest.mark.parametrize("keep_every", [None, 2])
def test_the_kl_counts_in_the_gradient_what_its_weight_says(ops, keep_every):
    params, images, noise = case(np.float64)
    weight = np.array([1, 0.25], np.float32)
    nats, gradient = losses_and_gradient(
        params, draw, CONFIG, images, noise, ops, keep_every=keep_every, kl_weight=weight
    )

    def weighted(params):
        reconstruction, latent = draw.bound(params, CONFIG, images, noise)
        return np.sum(reconstruction) / BATCH + 0.25 * np.sum(latent) / BATCH

    assert nats == pytest.approx(losses_and_gradient(params, draw, CONFIG, images, noise, ops)[0], rel=1e-13)
    assert close(gradient, value_and_grad(weighted, params)[1])


@pytest.mark.parametrize("ops", [equations, kernels])
@pytest.mark.parametrize("keep_every", [None, 2])
def test_an_lstm_is_clipped_image_by_image(ops, keep_every):
    """Alone in its batch or one of many, an image loses as much of its derivatives, and nothing of its loss."""
    params, images, noise = case(np.float64)
    how = {"keep_every": keep_every, "lstm_clip": 0.02}
    cases = [(params, draw, CONFIG, images[[n]], noise[:, [n]], ops) for n in range(BATCH)]
    nats, gradients = zip(*(losses_and_gradient(*one, **how) for one in cases))
    whole_nats, whole = losses_and_gradient(params, draw, CONFIG, images, noise, ops, **how)
    np.testing.assert_allclose(whole_nats, np.mean(nats, axis=0), rtol=1e-12)
    assert close(whole, map_leaves(lambda *leaves: sum(leaves) / BATCH, *gradients))
    free_nats, free = losses_and_gradient(params, draw, CONFIG, images, noise, ops, keep_every=keep_every)
    np.testing.assert_allclose(free_nats, whole_nats, rtol=1e-13)
    assert 0 < global_norm(whole["encoder"]) < 0.9 * global_norm(free["encoder"])


@pytest.mark.parametrize("settling", [False, True])
def test_a_decoder_that_rests_stays_where_its_average_is(settling):
    params, images, noise = case(np.float64)
    moved = map_leaves(lambda leaf: leaf + 0.1, params)
    momentum = map_leaves(np.ones_like, params)
    weights = Weights(moved, params, AdamState(5, momentum, momentum))
    for _ in range(3):
        weights, _ = update(
            weights, draw, CONFIG, images, noise, RECIPE, 0.01, kernels, settling=settling, resting=True
        )
    for tree in weights[:2]:
        after, before = (draw.generate(one, CONFIG, noise).canvases for one in (tree, params))
        np.testing.assert_array_equal(after, before)
        for name in ("encoder/W", "mu/b", "sigma/W", "read_window/b", "initial/h_enc", "initial/cell_enc"):
            assert not np.allclose(named_leaves(tree)[name], named_leaves(params)[name], atol=1e-4), name


def test_the_weight_of_the_kl_rises_evenly_to_one_and_stays_there():
    recipe = dataclasses.replace(RECIPE, kl_warm_up=4)
    weights = [kl_weight_at(recipe, done) for done in range(6)]
    np.testing.assert_array_equal(weights, [[1, beta] for beta in (0.25, 0.5, 0.75, 1, 1, 1)])
    assert kl_weight_at(RECIPE, 0) is None


def test_keeping_few_states_takes_less_memory():
    config, rng = dataclasses.replace(CONFIG, steps=36), np.random.default_rng(1)
    params = draw.init_params(config, rng)
    case = params, draw, config, rng.random((40, 8, 7), np.float32), draw.sample_noise(config, 40, rng), kernels

    def peak(**options):
        tracemalloc.start()
        losses_and_gradient(*case, **options)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(keep_every=6) < 0.5 * peak()


@pytest.mark.parametrize("clip, weight_decay", [(1e9, 0.0), (0.5, 0.0), (0.5, 7.0)])
def test_two_updates(clip, weight_decay):
    params, images, noise = case(np.float64)
    recipe = dataclasses.replace(RECIPE, clip=clip, weight_decay=weight_decay)
    weights = first_weights(params)
    expected, average, adam = params, params, weights.adam
    for _ in range(2):
        reconstruction, latent = draw.bound(expected, CONFIG, images, noise)
        _, gradient = value_and_grad(lambda p: draw.loss(p, CONFIG, images, noise), expected)
        norm = global_norm(gradient)
        assert norm > 1  # so that 0.5 shortens it
        expected = shrink_matrices(expected, 0.01 * weight_decay)
        expected, adam = adam_update(expected, clip_by_global_norm(gradient, norm, clip), adam, 0.01)
        average = update_average(average, expected, adam.count, 0.3)
        before = copy.deepcopy(weights)
        after, nats = update(weights, draw, CONFIG, images, noise, recipe, 0.01, equations)
        assert equal(weights.params, before.params) and equal(weights.adam.mean, before.adam.mean)
        weights = after
        assert nats.keys() >= {"L_x", "L_z", "gradient_norm"}
        assert nats["L_x"] == pytest.approx(math.fsum(reconstruction) / BATCH, rel=1e-12)
        assert nats["L_z"] == pytest.approx(math.fsum(np.ravel(latent)) / BATCH, rel=1e-12)
        assert nats["gradient_norm"] == pytest.approx(norm, rel=1e-10)  # as it was before it was shortened
    assert weights.adam.count == 2
    for ours, theirs in zip((*weights[:2], *weights.adam[1:]), (expected, average, *adam[1:])):
        assert close(ours, theirs)


def test_a_classifier_learns_from_labels_by_its_cross_entropy():
    config = glimpse_classifier.Config(height=8, width=7, steps=3, hidden=6, read_size=4, classes=5)
    rng = np.random.default_rng(0)
    params = glimpse_classifier.init_params(config, rng, dtype=np.float64)
    images, labels = rng.random((BATCH, 8, 7)), np.array([0, 4, 2, 4])
    loss, gradient = value_and_grad(lambda p: glimpse_classifier.loss(p, config, images, labels), params)
    expected, _ = adam_update(params, gradient, first_weights(params).adam, 0.01)
    weights, nats = update(first_weights(params), glimpse_classifier, config, images, labels, RECIPE, 0.01, equations)
    assert nats.keys() == {"cross_entropy", "gradient_norm", "weight_norm"}
    assert nats["cross_entropy"] == pytest.approx(loss, rel=1e-12) and close(weights.params, expected)


def test_an_update_keeps_float32_and_is_the_same_bits_every_time():
    params, images, noise = case()
    one, two = (
        update(first_weights(params), draw, CONFIG, images, noise, RECIPE, 0.01, equations)[0] for _ in range(2)
    )
    for a, b in zip((*one[:2], *one.adam[1:]), (*two[:2], *two.adam[1:])):
        assert equal(a, b) and {leaf.dtype for leaf in named_leaves(a).values()} == {np.dtype(np.float32)}


def test_the_gradient_may_come_another_way():
    params, images, noise = case(np.float64)
    asked = []

    def gradient_of(*args, **more):
        asked.append((*args, more))
        return [3.0, 4.0], map_leaves(np.ones_like, params)

    weights, nats = update(
        first_weights(params), draw, CONFIG, images, noise, RECIPE, 0.25, equations, gradient_of, 0.5
    )
    assert asked == [(params, draw, CONFIG, images, noise, equations, {"kl_weight": 0.5})]
    assert (nats["L_x"], nats["L_z"]) == (3.0, 4.0)
    moved = map_leaves(lambda old, new: old - new, params, weights.params)
    assert all(np.allclose(leaf, 0.25) for leaf in named_leaves(moved).values())


def test_without_an_average_it_is_the_weights():
    params, images, noise = case()
    recipe = dataclasses.replace(RECIPE, average=0)
    weights, _ = update(first_weights(params), draw, CONFIG, images, noise, recipe, 0.01, equations)
    assert equal(weights.average, weights.params) and not equal(weights.params, params)


def test_worthless_numbers_come_back_in_silence():
    params, images, noise = case()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        huge = map_leaves(lambda leaf: np.full_like(leaf, 1e38), params)
        _, nats = update(first_weights(huge), draw, CONFIG, images, noise, RECIPE, 0.01, equations)
    assert not math.isfinite(nats["L_x"])


def test_the_rate_rises_and_falls_to_zero():
    recipe, length = Recipe("mnist", epochs=1, rate=0.5, warm_up=4), 1000
    rates = [rate_at(recipe, done, length) for done in range(length + 1)]
    for done in range(4):  # a linear rise, the cosine being 1 to four digits
        assert rates[done] == pytest.approx(0.5 * (done + 1) / 4, rel=1e-4)
    assert all(a > b > 0 for a, b in zip(rates[4:], rates[5:-1])) and rates[-1] == 0
    assert rates[500] == pytest.approx(0.25)  # half-way down
    assert rates[250] == pytest.approx(0.25 * (1 + math.sqrt(0.5)))
    assert all(type(rate) is float for rate in rates)  # a NumPy number would turn float32 weights into float64


def test_a_run_that_settles_keeps_the_rate_from_there_on():
    recipe = Recipe("mnist", epochs=1, rate=0.5, warm_up=4)
    recipes = recipe, dataclasses.replace(recipe, settle=0.6)
    plain, settling = ([rate_at(each, done, 1000) for done in range(1000)] for each in recipes)
    assert settling[:601] == plain[:601] and set(settling[600:]) == {plain[600]}
    at_once = dataclasses.replace(recipe, settle=0.0)
    assert [rate_at(at_once, done, 1000) for done in (0, 3, 4, 999)] == [0.125, 0.5, 0.5, 0.5]


def test_T_grows_by_fractions_of_the_run():
    config, recipe = draw.Config(steps=64), Recipe("mnist", epochs=1, grow=((8, 0.2), (16, 0.3)))
    assert [steps_at(recipe, config, done, 10) for done in range(10)] == [8] * 2 + [16] * 3 + [64] * 5
    assert [steps_at(recipe, config, done, 4) for done in range(4)] == [8, 16, 64, 64]
    assert [steps_at(RECIPE, config, done, 4) for done in range(4)] == [64] * 4
    assert steps_at(recipe, config, 999, 1000) == 64


def test_easier_tasks_come_first():
    small, larger = {"side": 48, "distractors": 2}, {"side": 70, "distractors": 4}
    recipe = Recipe("cluttered-mnist", epochs=1, easier=((small, 0.25), (larger, 0.25)))
    assert [options_at(recipe, done, 10) for done in range(10)] == [small] * 3 + [larger] * 2 + [{}] * 5
    assert options_at(RECIPE, 0, 10) == {}


@pytest.mark.parametrize("pair", [(3, 5), [3, 5]])  # as written, and as a file keeps it
def test_a_task_may_become_harder_evenly(pair):
    recipe = Recipe(
        "two-digit-mnist", epochs=1, easier=(({"spread": (0, 1)}, 0.2), ({"other": 2, "spread": pair}, 0.6))
    )
    spread = [options_at(recipe, done, 10).get("spread") for done in range(10)]
    assert spread == [0, 1, 3, 3, 4, 4, 5, 5, None, None]
    assert options_at(recipe, 4, 10) == {"other": 2, "spread": 4}


def test_a_model_without_steps_has_one():
    assert steps_at(RECIPE, vae.Config(), 0, 10) == 1


@pytest.mark.parametrize("grow", [(), ((8, 0.2), (16, 0.3)), ((1, 0.1), (2, 0.2), (3, 0.7)), ((5, 1.0),)])
@pytest.mark.parametrize("length", [1, 7, 10, 30])
def test_the_work_of_a_run_is_the_sum_of_its_steps(grow, length):
    config, recipe = draw.Config(steps=64), Recipe("mnist", epochs=1, grow=grow)
    work = 0
    for done in range(length + 1):
        assert steps_until(recipe, config, done, length) == work
        work += steps_at(recipe, config, done, length)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_make_sense(name):
    model, config, recipe = find_preset(name)
    steps = [steps_at(recipe, config, done, 100) for done in range(100)]
    assert steps == sorted(steps) and steps[-1] == getattr(config, "steps", 1)
    assert model in MODELS and recipe.epochs >= 1


def test_an_unknown_preset_gets_the_nearest_and_all_the_known():
    with pytest.raises(ValueError, match="did you mean tiny") as error:
        find_preset("tinny")
    assert all(name in str(error.value) for name in PRESETS) and "\n" not in str(error.value)
    with pytest.raises(ValueError, match="unknown preset"):
        find_preset("")
