"""Pruning: inactive latent units are found, left out and put back, and nobody can tell the networks apart."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draw_np import equations, kernels
from draw_np.models import draw
from draw_np.models.prune import ACTIVE, nats_of_units, pruned, restored
from draw_np.training.trees import map_leaves, named_leaves

LATENT, IMAGES = 5, 4
CONFIG = draw.Config(height=8, width=7, steps=3, hidden=6, latent=LATENT, read_size=2, write_size=4)
OPS = pytest.mark.parametrize("ops", [equations, kernels])
KEPT = st.sets(st.integers(0, LATENT - 1), min_size=1).map(sorted)


def case(config=CONFIG, dtype=np.float64):
    rng = np.random.default_rng(0)
    params = draw.init_params(config, rng, dtype=dtype)
    params = map_leaves(lambda leaf: leaf + (0.2 * rng.normal(size=leaf.shape)).astype(dtype), params)
    return params, rng.random((IMAGES, 8, 7)).astype(dtype), draw.sample_noise(config, IMAGES, rng, dtype)


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


@OPS
@pytest.mark.equation(10)
def test_the_nats_of_the_units_are_the_kl_without_its_sum(ops):
    params, images, noise = case()
    found = nats_of_units(params, CONFIG, images, noise, ops)
    _, latent = draw.bound(params, CONFIG, images, noise)  # (steps, batch)
    assert found.shape == (LATENT,)
    assert np.sum(found) == pytest.approx(np.sum(np.mean(latent, axis=1)), rel=1e-12)
    trace = draw.infer(params, CONFIG, images, noise)
    expected = sum((m**2 + s**2 - np.log(s**2) - 1) / 2 for m, s in zip(trace.mu, trace.sigma)).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_unit_whose_posterior_is_the_prior_is_inactive_and_half_a_nat_is_heard():
    params, images, noise = case()
    for name in ("mu", "sigma"):
        for leaf in params[name].values():
            leaf[..., [0, 2, 4]] = 0
            leaf[..., [1, 3]] = 0
    params["mu"]["b"][[1, 3]] = 1  # a mean of 1 with sigma 1 is half a nat
    found = nats_of_units(params, CONFIG, images, noise, kernels)
    assert_close(found, [0, 1.5, 0, 1.5, 0])  # in three steps
    assert 0 < ACTIVE < 1.5


@given(kept=KEPT)
@settings(deadline=None, derandomize=True)
def test_pruned_and_restored_are_inverses(kept):
    """Of parameters, and of Adam's moments, which are trees of the same form; other leaves are left alone."""
    params, _, _ = case()
    small = pruned(params, kept)
    fresh = draw.init_params(dataclasses.replace(CONFIG, latent=len(kept)), np.random.default_rng(0))
    assert {name: leaf.shape for name, leaf in named_leaves(small).items()} == {
        name: leaf.shape for name, leaf in named_leaves(fresh).items()
    }
    before, after = named_leaves(params), named_leaves(restored(small, kept, LATENT))
    inactive = [unit for unit in range(LATENT) if unit not in kept]
    assert before.keys() == after.keys()
    for name, leaf in after.items():
        axis = {"decoder/W": 0, "mu/W": 1, "sigma/W": 1, "mu/b": 0, "sigma/b": 0}.get(name)
        assert leaf.shape == before[name].shape and leaf.dtype == before[name].dtype
        if axis is None:
            assert np.array_equal(leaf, before[name])
        else:
            assert np.array_equal(np.take(leaf, kept, axis), np.take(before[name], kept, axis))
            assert not np.take(leaf, inactive, axis).any()
    for name, leaf in named_leaves(pruned(restored(small, kept, LATENT), kept)).items():
        assert np.array_equal(leaf, named_leaves(small)[name])


@OPS
@pytest.mark.parametrize("kept", [[1, 3], [0, 1, 2, 4], [4]])
@pytest.mark.parametrize("sizes", [{}, {"read_size": None, "write_size": None}], ids=["attention", "no attention"])
def test_a_restored_network_is_the_pruned_one_whatever_the_inactive_units_sample(ops, kept, sizes):
    config = dataclasses.replace(CONFIG, **sizes)
    params, images, noise = case(config)
    small = pruned(params, kept)
    few, whole = dataclasses.replace(config, latent=len(kept)), restored(small, kept, LATENT)
    inactive = [unit for unit in range(LATENT) if unit not in kept]
    expected, heard = draw.infer(small, few, images, noise[..., kept], ops), noise[..., kept]
    for change in (0.0, 1.0, -7.5):
        noise[..., inactive] += change
        for part, theirs in zip(draw.bound(whole, config, images, noise, ops),
                                draw.bound(small, few, images, heard, ops)):  # fmt: skip
            assert_close(part, theirs)
        assert_close(draw.infer(whole, config, images, noise, ops).canvases, expected.canvases)
        assert_close(draw.generate(whole, config, noise, ops).canvases, draw.generate(small, few, heard, ops).canvases)
        nats = nats_of_units(whole, config, images, noise, ops)
        assert np.all(nats[inactive] == 0)  # exactly: nothing is left to be told
        assert_close(nats[kept], nats_of_units(small, few, images, heard, ops))


def test_it_keeps_float32_and_leaves_what_it_is_given():
    params, _, _ = case(dtype=np.float32)
    before = map_leaves(np.copy, params)
    for found in (pruned(params, [1, 3]), restored(pruned(params, [1, 3]), [1, 3], LATENT)):
        assert {leaf.dtype for leaf in named_leaves(found).values()} == {np.dtype(np.float32)}
    assert all(np.array_equal(leaf, named_leaves(params)[name]) for name, leaf in named_leaves(before).items())
