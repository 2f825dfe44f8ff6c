"""One update is the loss, its gradient, clipping, the optimiser's step and the average in that order."""

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
from draw_np.models import draw, glimpse_classifier
from draw_np.training.adam import (
    AdamState,
    Weights,
    adam_update,
    clip_by_global_norm,
    first_weights,
    schedule_free_update,
    shrink_matrices,
    update_average,
)
from draw_np.training.recipe import Recipe
from draw_np.training.trees import global_norm, map_leaves, named_leaves
from draw_np.training.update import Work, learning, losses_and_gradient, update, where

BATCH = 4
CONFIG = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=2, write_size=4)
RECIPE = Recipe(phases=(), clip=1e9, average=0.3)
WORK = Work(draw, CONFIG, equations, RECIPE)


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
@pytest.mark.parametrize("keep_every", [None, 1, 2])
def test_images_may_be_staged(ops, keep_every):
    params, images, noise = case(np.float64)
    looks = np.stack([images[::-1], images], axis=1)
    nats, gradient = losses_and_gradient(params, draw, CONFIG, looks, noise, ops, keep_every=keep_every)

    def sums(params):
        parts = draw.bound(params, CONFIG, looks, noise, ops)
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


@pytest.mark.parametrize("optimiser", ["adam", "schedule-free"])
def test_a_frozen_decoder_stays_where_it_is(optimiser):
    """Whatever Adam's momentum says; and its gradient does not count in the norm that is clipped."""
    params, images, noise = case(np.float64)
    weights = Weights(params, params, AdamState(5, map_leaves(np.ones_like, params), first_weights(params).adam.mean))
    learns = learning(params, draw.DECODER)
    work = Work(draw, CONFIG, kernels, dataclasses.replace(RECIPE, decay=7.0), optimiser, learns)
    _, gradient = losses_and_gradient(params, draw, CONFIG, images, noise, kernels)
    others = where(learns, gradient, map_leaves(np.zeros_like, params))
    for number in range(3):
        weights, nats = update(weights, images, noise, 0.01, None, work)
        if number == 0:
            assert nats["gradient_norm"] == pytest.approx(global_norm(others), rel=1e-12)
            assert nats["gradient_norm"] < 0.9 * global_norm(gradient)
    for tree in weights[:2]:
        after, before = (draw.generate(one, CONFIG, noise).canvases for one in (tree, params))
        np.testing.assert_array_equal(after, before)
        for name in ("encoder/W", "mu/b", "sigma/W", "read_window/b", "initial/h_enc", "initial/cell_enc"):
            assert not np.allclose(named_leaves(tree)[name], named_leaves(params)[name], atol=1e-4), name


def test_what_is_named_as_frozen_does_not_learn():
    params = draw.init_params(CONFIG, np.random.default_rng(0))
    learns = named_leaves(learning(params, ("write", "write_patch", "initial/h_dec", "mu/b")))
    still = {name for name, value in learns.items() if not value}
    assert learns.keys() == named_leaves(params).keys()
    assert still == {"write_patch/W", "write_patch/b", "initial/h_dec", "mu/b"}  # "write" is no leaf of write_window's
    drawn = {name for name, value in named_leaves(learning(params, draw.DECODER)).items() if not value}
    noise = draw.sample_noise(CONFIG, BATCH, np.random.default_rng(1))
    _, slopes = value_and_grad(lambda p: backend_np.sum(draw.generate(p, CONFIG, noise).canvases), params)
    assert drawn == {name for name, slope in named_leaves(slopes).items() if np.any(slope)}


@pytest.mark.parametrize("hidden, batch", [(CONFIG.hidden, 40), (90, 3)])  # states are large, or weights
def test_keeping_few_states_takes_less_memory(hidden, batch):
    config, rng = dataclasses.replace(CONFIG, steps=36, hidden=hidden), np.random.default_rng(1)
    params = draw.init_params(config, rng)
    case = params, draw, config, rng.random((batch, 8, 7), np.float32), draw.sample_noise(config, batch, rng), kernels

    def peak(**options):
        tracemalloc.start()
        losses_and_gradient(*case, **options)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    weights = sum(leaf.nbytes for leaf in named_leaves(params).values())
    peak(keep_every=6)  # what is kept after a first call is not to count
    assert peak(keep_every=6) < 0.5 * peak() + 3 * weights  # the gradient, what comes to it, and a few rows of it


@pytest.mark.parametrize("clip, decay", [(1e9, 0.0), (0.5, 0.0), (0.5, 7.0)])
@pytest.mark.parametrize("optimiser", ["adam", "schedule-free"])
def test_two_updates(clip, decay, optimiser):
    params, images, noise = case(np.float64)
    work = Work(draw, CONFIG, equations, dataclasses.replace(RECIPE, clip=clip, decay=decay), optimiser)
    weights = first_weights(params)
    expected, average, adam = params, params, weights.adam
    for _ in range(2):
        reconstruction, latent = draw.bound(expected, CONFIG, images, noise)
        _, gradient = value_and_grad(lambda p: draw.loss(p, CONFIG, images, noise), expected)
        norm = global_norm(gradient)
        assert norm > 1  # so that 0.5 shortens it
        short = clip_by_global_norm(gradient, norm, clip)
        if optimiser == "adam":
            expected = shrink_matrices(expected, 0.01 * decay)
            expected, adam = adam_update(expected, short, adam, 0.01)
            average = update_average(average, expected, adam.count, 0.3)
        else:  # which knows no decay
            expected, average, adam = schedule_free_update(expected, average, short, adam, 0.01, 0.3)
        before = copy.deepcopy(weights)
        after, nats = update(weights, images, noise, 0.01, None, work)
        assert equal(weights.params, before.params) and equal(weights.adam.mean, before.adam.mean)
        weights = after
        assert nats.keys() >= {"L_x", "L_z", "gradient_norm"}
        assert nats["L_x"] == pytest.approx(math.fsum(reconstruction) / BATCH, rel=1e-12)
        assert nats["L_z"] == pytest.approx(math.fsum(np.ravel(latent)) / BATCH, rel=1e-12)
        assert nats["gradient_norm"] == pytest.approx(norm, rel=1e-10)  # as it was before it was shortened
        assert nats["weight_norm"] == pytest.approx(global_norm(expected), rel=1e-10)
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
    work = Work(glimpse_classifier, config, equations, RECIPE)
    weights, nats = update(first_weights(params), images, labels, 0.01, None, work)
    assert nats.keys() == {"cross_entropy", "gradient_norm", "weight_norm"}
    assert nats["cross_entropy"] == pytest.approx(loss, rel=1e-12) and close(weights.params, expected)


@pytest.mark.parametrize("optimiser", ["adam", "schedule-free"])
def test_an_update_keeps_float32_and_is_the_same_bits_every_time(optimiser):
    params, images, noise = case()
    work = WORK._replace(optimiser=optimiser, recipe=dataclasses.replace(RECIPE, decay=0.1))
    one, two = (update(first_weights(params), images, noise, 0.01, None, work)[0] for _ in range(2))
    one, two = (update(weights, images, noise, 0.02, None, work)[0] for weights in (one, two))
    for a, b in zip((*one[:2], *one.adam[1:]), (*two[:2], *two.adam[1:])):
        assert equal(a, b) and {leaf.dtype for leaf in named_leaves(a).values()} == {np.dtype(np.float32)}


def test_the_gradient_may_come_another_way():
    params, images, noise = case(np.float64)
    asked = []

    def gradient_of(*args, **more):
        asked.append((*args, more))
        return [3.0, 4.0], map_leaves(np.ones_like, params)

    weights, nats = update(first_weights(params), images, noise, 0.25, 0.5, WORK._replace(gradient_of=gradient_of))
    assert asked == [(params, draw, CONFIG, images, noise, equations, {"kl_weight": 0.5})]
    assert (nats["L_x"], nats["L_z"]) == (3.0, 4.0)
    moved = map_leaves(lambda old, new: old - new, params, weights.params)
    assert all(np.allclose(leaf, 0.25) for leaf in named_leaves(moved).values())


def test_without_an_average_it_is_the_weights():
    params, images, noise = case()
    work = WORK._replace(recipe=dataclasses.replace(RECIPE, average=0))
    weights, _ = update(first_weights(params), images, noise, 0.01, None, work)
    assert equal(weights.average, weights.params) and not equal(weights.params, params)


def test_worthless_numbers_come_back_in_silence():
    params, images, noise = case()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        huge = map_leaves(lambda leaf: np.full_like(leaf, 1e38), params)
        _, nats = update(first_weights(huge), images, noise, 0.01, None, WORK)
    assert not math.isfinite(nats["L_x"])
