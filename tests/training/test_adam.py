"""Adam against Algorithm 1 of Kingma & Ba, number by number, the clipping and averaging around it, and Schedule-Free
Adam against its authors' algorithm.
"""

import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from draw_np.training.adam import (
    AdamState,
    adam_init,
    adam_update,
    clip_by_global_norm,
    schedule_free_update,
    shrink_matrices,
    update_average,
)
from draw_np.training.trees import BLOCK, global_norm, map_elements, map_leaves, named_leaves

SHAPES = {"W": (7, 8), "inner": {"U": (5, 6), "b": (3,)}, "scale": ()}


def tree(rng, dtype=np.float64, scale=1.0, shapes=SHAPES):
    return {
        name: tree(rng, dtype, scale, shape)
        if isinstance(shape, dict)
        else (scale * rng.normal(size=shape)).astype(dtype)
        for name, shape in shapes.items()
    }


def algorithm_1(theta, gradients, rates, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """One number's way through Algorithm 1, as the paper prints it."""
    m = v = 0.0
    for t, (g, alpha) in enumerate(zip(gradients, rates), start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta = theta - alpha * m_hat / (math.sqrt(v_hat) + epsilon)
    return theta


@pytest.mark.parametrize("betas", [{}, {"beta1": 0.5, "beta2": 0.7, "epsilon": 0.1}])
def test_algorithm_1(betas):
    rng = np.random.default_rng(0)
    start, rates = tree(rng), [0.1, 0.3, 0.2, 0.05]
    gradients = [tree(rng, scale=scale) for scale in (1, 1e-3, 10, 1e-9)]
    params, state = start, adam_init(start)
    for gradient, rate in zip(gradients, rates):
        params, state = adam_update(params, gradient, state, rate, **betas)
    assert state.count == 4
    leaves, gradients = named_leaves(params), [named_leaves(gradient) for gradient in gradients]
    assert leaves.keys() == {"W", "inner/U", "inner/b", "scale"}
    for name, theta in named_leaves(start).items():
        assert leaves[name].shape == theta.shape
        for k in np.ndindex(theta.shape):
            expected = algorithm_1(float(theta[k]), [float(g[name][k]) for g in gradients], rates, **betas)
            assert leaves[name][k] == pytest.approx(expected, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_the_first_step_is_the_rate_whatever_the_gradient_s_scale(scale):
    params = tree(np.random.default_rng(1))
    gradient = tree(np.random.default_rng(2), scale=scale)
    after, _ = adam_update(params, gradient, adam_init(params), 0.25)
    moves = map_leaves(lambda p, q, g: (p - q) * np.sign(g), params, after, gradient)
    for move in named_leaves(moves).values():
        np.testing.assert_allclose(move, 0.25, rtol=0.01)


def test_nothing_passed_in_is_changed():
    rng = np.random.default_rng(3)
    params, gradient, average = tree(rng), tree(rng), tree(rng)
    _, state = adam_update(params, gradient, adam_init(params), 0.1)
    before = copy.deepcopy((params, gradient, average, state))
    adam_update(params, gradient, state, 0.1)
    clip_by_global_norm(gradient, global_norm(gradient), 0.1)
    update_average(average, params, 3, 0.05)
    shrink_matrices(params, 0.1)
    for was, now in zip(before, (params, gradient, average, state)):
        was, now = (x._asdict() if hasattr(x, "_asdict") else x for x in (was, now))
        for name, leaf in named_leaves(was).items():
            assert np.array_equal(leaf, named_leaves(now)[name])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_of_the_weights_is_kept(dtype):
    rng = np.random.default_rng(4)
    params, gradient = tree(rng, dtype), tree(rng, dtype)
    clipped = clip_by_global_norm(gradient, global_norm(gradient), 0.1)
    after, state = params, adam_init(params)
    for _ in range(3):
        after, state = adam_update(after, clipped, state, 1e-3)
    average = update_average(params, after, state.count, 0.05)
    for result in (clipped, shrink_matrices(after, np.float64(0.1)), after, state.mean, state.mean_square, average):
        assert {leaf.dtype for leaf in named_leaves(result).values()} == {np.dtype(dtype)}


def test_the_global_norm_is_of_all_leaves_together():
    numbers = tree(np.random.default_rng(5))
    squares = [float(x) ** 2 for leaf in named_leaves(numbers).values() for x in np.ravel(leaf)]
    assert global_norm(numbers) == pytest.approx(math.sqrt(math.fsum(squares)), rel=1e-14)
    assert isinstance(global_norm(numbers), float)
    many = {"W": np.full(1 << 24, 1e-4, np.float32)}  # a float32 sum of so many loses digits
    assert global_norm(many) == pytest.approx(1e-4 * 4096, rel=1e-6)


def test_the_norm_does_not_depend_on_the_order_of_the_leaves():
    rng = np.random.default_rng(0)
    leaves = {name: rng.standard_normal(50) for name in "abcdefgh"}
    for _ in range(20):
        other = {name: leaves[name] for name in rng.permutation([*leaves])}
        assert global_norm(other) == global_norm(leaves)


def test_clipping_keeps_the_direction():
    gradient = tree(np.random.default_rng(6))
    norm = global_norm(gradient)
    clipped = clip_by_global_norm(gradient, norm, 0.5)
    assert global_norm(clipped) == pytest.approx(0.5, rel=1e-12)
    for name, leaf in named_leaves(clipped).items():
        np.testing.assert_allclose(leaf * norm, 0.5 * named_leaves(gradient)[name], rtol=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_a_gradient_that_is_short_enough_is_left_alone(scale):
    gradient = tree(np.random.default_rng(7), scale=scale)
    norm = global_norm(gradient)
    for limit in (norm, norm + 1):
        for name, leaf in named_leaves(clip_by_global_norm(gradient, norm, limit)).items():
            assert np.array_equal(leaf, named_leaves(gradient)[name])


def test_weight_decay_shortens_the_matrices_and_nothing_else():
    params = tree(np.random.default_rng(9))
    shorter = shrink_matrices(params, 0.25)
    assert named_leaves(shorter).keys() == named_leaves(params).keys()
    for name, leaf in named_leaves(shorter).items():
        factor = 0.75 if name in ("W", "inner/U") else 1
        assert np.array_equal(leaf, factor * named_leaves(params)[name])


def test_the_average_is_over_a_fraction_of_the_run():
    rng = np.random.default_rng(8)
    history = [tree(rng) for _ in range(6)]
    for fraction in (0.05, 0.3):
        average = history[0]
        for count, params in enumerate(history[1:], start=1):
            average = update_average(average, params, count, fraction)
        expected = float(history[0]["W"][2, 3])
        for count, params in enumerate(history[1:], start=1):
            weight = 1 / (1 + fraction * count)  # of the newest
            expected = (1 - weight) * expected + weight * float(params["W"][2, 3])
        assert average["W"][2, 3] == pytest.approx(expected, rel=1e-12)


def test_the_average_over_a_whole_run_is_the_plain_mean_and_over_none_of_it_the_last_weights():
    history = [tree(np.random.default_rng(seed)) for seed in range(6)]
    whole = none = history[0]
    for count, params in enumerate(history[1:], start=1):
        whole, none = update_average(whole, params, count, 1.0), update_average(none, params, count, 0.0)
    np.testing.assert_allclose(whole["W"], np.mean([params["W"] for params in history], axis=0), rtol=1e-12)
    assert np.array_equal(none["W"], history[-1]["W"])


def test_schedule_free_adam_is_the_algorithm_of_its_paper():
    """Algorithm 1 of Defazio et al. 2024 with a z of its own, but for our running average in place of a plain mean."""
    rng = np.random.default_rng(0)
    x = z = y = rng.normal(size=7)
    v, count = np.ones(7), 40
    params, average, state = {"w": y}, {"w": x}, AdamState(count, {"w": rng.normal(size=7)}, {"w": v})
    for _ in range(5):
        g = rng.normal(size=7)
        params, average, state = schedule_free_update(params, average, {"w": g}, state, 0.01, 0.05, beta1=0.9)
        count += 1
        v = 0.999 * v + 0.001 * g**2
        z = z - 0.01 * g / (np.sqrt(v / (1 - 0.999**count)) + 1e-8)
        c = 1 / (1 + 0.05 * count)
        x = (1 - c) * x + c * z
        y = 0.1 * z + 0.9 * x
        assert state.count == count
        for ours, theirs in ((params, y), (average, x), (state.mean_square, v)):
            np.testing.assert_allclose(ours["w"], theirs, rtol=1e-10)


def test_schedule_free_adam_keeps_the_type_of_the_weights():
    rng = np.random.default_rng(10)
    params, gradient = tree(rng, np.float32), tree(rng, np.float32)
    found = schedule_free_update(params, params, gradient, adam_init(params), np.float64(1e-3), 0.05)
    for result in (*found[:2], found[2].mean_square):
        assert {leaf.dtype for leaf in named_leaves(result).values()} == {np.dtype(np.float32)}


@given(size=st.sampled_from([0, 1, 5, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7]), axes=st.integers(1, 3))
def test_blocks_of_elements_give_the_same_bits(size, axes):
    rng = np.random.default_rng(size)
    shape = (1,) * (axes - 1) + (size,)
    x, y = (np.asfortranarray(rng.normal(size=shape)).astype(np.float32) for _ in range(2))
    calls = []

    def function(a, b):
        calls.append(a.size)
        return a * b + a, (a < b)

    found = map_elements(function, {"W": {"a": x}}, {"W": {"a": y}})
    for each, expected in zip(found, function(x, y)):
        assert each["W"]["a"].dtype == expected.dtype
        np.testing.assert_array_equal(each["W"]["a"], expected)
    assert max(calls[:-1]) <= BLOCK and sum(calls[:-1]) == size


def test_a_gradient_of_another_shape_is_refused():
    """A transpose has as many elements, and flat they would be taken one by one."""
    params = tree(np.random.default_rng(0))
    for wrong in ({**params, "W": params["W"].T}, {**params, "scale": np.zeros(1)}):
        with pytest.raises(ValueError, match="^arrays of one name must be of one shape, got "):
            adam_update(params, wrong, adam_init(params), 0.1)
