"""Every kernel against its equation: values and gradients, on random shapes and at the extremes."""

import inspect

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from draw_np import equations, kernels
from draw_np.backend import np as traced
from draw_np.backend import value_and_grad
from draw_np.models import draw, vae
from draw_np.training.gradient_check import as_tuple, function_cases, gradient_table, model_cases
from draw_np.training.trees import map_leaves, named_leaves
from draw_np.training.update import losses_and_gradient

FUNCTIONS = sorted(function_cases(equations, np.random.default_rng(0)))
SIZES = {name: st.integers(1, 6) for name in ("batch", "N", "latent", "hidden", "width", "height", "channels")}
ROUNDING = 4 * np.finfo(float).eps
"""Of a gradient that is a difference of the outputs' weights: a softmax that is nearly sure has one of 1e-8, say."""


def value_and_gradient(function, arguments, weights):
    """Outputs, and the gradient of their sum with fixed weights."""

    def scalar(arguments):
        outputs = as_tuple(function(arguments))
        return sum(traced.sum(w * output) for w, output in zip(weights, outputs))

    return as_tuple(function(arguments)), named_leaves(value_and_grad(scalar, arguments)[1])


def assert_same(name, seed=0, change=None, rtol=1e-10, rounding=0.0, **sizes):
    cases = [function_cases(ops, np.random.default_rng(seed), **sizes)[name] for ops in (equations, kernels)]
    arguments = cases[0][1] if change is None else change(cases[0][1])
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal(np.shape(output)) for output in as_tuple(cases[0][0](arguments))]
    with np.errstate(over="ignore"):
        (values, gradients), (fast_values, fast_gradients) = (
            value_and_gradient(function, arguments, weights) for function, _ in cases
        )
    for value, fast in zip(values, fast_values):
        np.testing.assert_allclose(fast, value, rtol=rtol, atol=rtol * np.abs(value).max())
    assert gradients.keys() == fast_gradients.keys()
    for leaf, gradient in gradients.items():
        assert np.isfinite(gradient).all(), leaf
        scale = max(1e-30, np.abs(gradient).max())  # below that only rounding is left
        atol = max(rtol * scale, rounding * max(np.abs(w).max() for w in weights))
        np.testing.assert_allclose(fast_gradients[leaf], gradient, rtol=rtol, atol=atol, err_msg=leaf)
    return gradients


def test_same_names_and_signatures():
    assert kernels.__all__ == equations.__all__
    for name in equations.__all__:
        one, other = getattr(equations, name), getattr(kernels, name)
        assert inspect.signature(one) == inspect.signature(other), name


def test_every_kernel_is_a_kernel():
    """Nothing but what has no gradient of its own is taken over from the equations."""
    same = {name for name in equations.__all__ if getattr(equations, name) is getattr(kernels, name)}
    assert same == {"LSTMState", "Window", "sample_image"}


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), sizes=st.fixed_dictionaries(SIZES))
@example(seed=3_887_516_686, sizes=dict.fromkeys(SIZES, 1))  # logits 17 apart
def test_equal_on_random_shapes(name, seed, sizes):
    assert_same(name, seed, rounding=ROUNDING, **sizes)


@pytest.mark.parametrize("ops", [equations, kernels])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_of_no_images_come_no_numbers(ops, name):
    """An empty batch, as a choice of images may leave it, is a batch: outputs without rows, and gradients of zeros."""
    (function, arguments), (fuller, others) = (
        function_cases(ops, np.random.default_rng(0), batch=batch)[name] for batch in (0, 3)
    )
    outputs = as_tuple(fuller(others))
    values, gradients = value_and_gradient(function, arguments, [1.0] * len(outputs))
    assert [value.shape for value in values] == [(0, *output.shape[1:]) for output in outputs]
    assert not any(gradient.any() for gradient in gradients.values())


EXTREMES = {
    "a window far outside the image": ("filterbanks", {"g_X": 1e4, "g_Y": -1e4}),
    "a tiny sigma": ("filterbanks", {"sigma_squared": 2e-9}),
    "a huge sigma": ("filterbanks", {"sigma_squared": 5e8}),
    "a huge stride": ("filterbanks", {"delta": 5e8}),
    "a tiny sigma far outside": ("filterbank", {"mu": 1e3, "sigma_squared": 2e-9}),
    "saturated gates": ("lstm", {"params/b": 200.0}),
    "gates saturated the other way": ("lstm", {"params/b": -200.0}),
    "logits of 1e4": ("negative_log_likelihood", {"c": 1e4}),
    "logits of -1e4": ("negative_log_likelihood", {"c": -1e4}),
    "an error image of a certain canvas": ("error_image", {"c": 1e4}),
    "a vanishing posterior": ("kl", {"sigma": 2e-9}),
    "a vast posterior": ("kl", {"sigma": 5e8}),
    "a log sigma beyond the limit": ("posterior", {"sigma_params/b": 50.0}),
    "logs beyond the limit": ("attention_window", {"params/b": -50.0}),
    "an intensity of 2e-9": ("write", {"gamma": 2e-9}),
    "a class that is certain": ("cross_entropy", {"logits": 1e4}),
    "a glimpse of an intensity of 5e8": ("glimpse", {"gamma": 5e8}),
}


@pytest.mark.parametrize("extreme", EXTREMES)
def test_equal_and_finite_at_extremes(extreme):
    name, values = EXTREMES[extreme]

    def change(arguments):
        def at(path, leaf):
            return np.full_like(leaf, values[path]) + 0.01 * values[path] * leaf if path in values else leaf

        return {
            key: {k: at(f"{key}/{k}", v) for k, v in value.items()} if isinstance(value, dict) else at(key, value)
            for key, value in arguments.items()
        }

    assert_same(name, change=change, rtol=1e-9)


@pytest.mark.parametrize("name", sorted(model_cases(equations, np.random.default_rng(0))))
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-10), (np.float32, 2e-3)])
def test_whole_models_are_equal(name, dtype, tolerance):
    found = []
    for ops in (equations, kernels):
        function, arguments = model_cases(ops, np.random.default_rng(1))[name]
        arguments = map_leaves(lambda leaf: leaf.astype(dtype), arguments)
        value, gradient = value_and_grad(function, arguments)
        found.append((value, named_leaves(gradient)))
    (value, gradient), (fast_value, fast_gradient) = found
    assert fast_value == pytest.approx(value, rel=tolerance / 10)
    for leaf in gradient:
        assert fast_gradient[leaf].dtype == dtype, leaf
        scale = np.abs(gradient[leaf]).max()
        np.testing.assert_allclose(fast_gradient[leaf], gradient[leaf], atol=tolerance * scale, err_msg=leaf)


@pytest.mark.parametrize("model", ["draw", "draw without attention", "draw in colour without attention"])
def test_training_gradients_are_equal(model):
    """With images that are plain arrays, as in training, and not traced: what stands still is multiplied once."""
    sizes = {"read_size": None, "write_size": None} if "without" in model else {}
    config = draw.Config(
        height=5, width=4, steps=3, hidden=6, latent=2, channels=3 if "colour" in model else 1, **sizes
    )
    rng = np.random.default_rng(5)
    params = draw.init_params(config, rng, dtype=np.float64)
    images = rng.random((7, 5, 4, 3) if "colour" in model else (7, 5, 4))
    noise = draw.sample_noise(config, 7, rng, np.float64)
    nats, gradient = losses_and_gradient(params, draw, config, images, noise, equations)
    fast_nats, fast_gradient = losses_and_gradient(params, draw, config, images, noise, kernels)
    np.testing.assert_allclose(fast_nats, nats, rtol=1e-12)
    for name, leaf in named_leaves(gradient).items():
        scale = np.abs(leaf).max()
        np.testing.assert_allclose(named_leaves(fast_gradient)[name], leaf, atol=1e-10 * scale, err_msg=name)


def test_every_gradient_by_finite_differences():
    rows = list(gradient_table({"kernels": kernels}, np.random.default_rng(2)))
    assert {row.function for row in rows} >= set(FUNCTIONS)
    assert [str(row.worst) for row in rows if not row.passed] == []


def test_one_tape_serves_two_gradients():
    """Shared weights start again at zero: pulling back twice through one tape gives the same gradient twice."""
    from autograd import make_vjp

    rng = np.random.default_rng(0)
    config = draw.Config(height=5, width=4, steps=3, hidden=3, latent=2)
    params = draw.init_params(config, rng, dtype=np.float64)
    images, noise = rng.random((2, 5, 4)), draw.sample_noise(config, 2, rng, np.float64)
    pull_back, _ = make_vjp(lambda p: draw.loss(p, config, images, noise, kernels))(params)
    first, second = named_leaves(pull_back(1.0)), named_leaves(pull_back(1.0))
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_outputs_used_twice_or_not_at_all():
    """Gradients of a kernel's outputs add up, and an output that is not used costs and counts nothing."""
    rng = np.random.default_rng(0)
    window = [rng.random((2, 1)) + 1 for _ in range(5)]

    def scalar(ops):
        def function(g):
            F_X, F_Y = ops.filterbanks(ops.Window(g, *window[1:]), 3, 5, 4)
            return traced.sum(F_X**2) + traced.sum(F_X[:, :, 1]) * 2.0  # twice F_X, never F_Y

        return value_and_grad(function, window[0])

    (value, gradient), (fast_value, fast_gradient) = scalar(equations), scalar(kernels)
    assert fast_value == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(fast_gradient, gradient, rtol=1e-10)


def test_arguments_are_left_as_they_are():
    for name, (function, arguments) in function_cases(kernels, np.random.default_rng(3)).items():
        before = {leaf: value.copy() for leaf, value in named_leaves(arguments).items()}
        weights = [np.ones(np.shape(output)) for output in as_tuple(function(arguments))]
        value_and_gradient(function, arguments, weights)
        for leaf, value in named_leaves(arguments).items():
            np.testing.assert_array_equal(value, before[leaf], err_msg=f"{name} {leaf}")


@pytest.mark.parametrize("model, config", [(draw, draw.Config(steps=2)), (vae, vae.Config())])
def test_generation_and_weights_are_equal(model, config):
    rng = np.random.default_rng(4)
    params = model.init_params(config, rng)
    noise, images = model.sample_noise(config, 3, rng), rng.random((3, 28, 28), np.float32)
    canvases = [model.generate(params, config, noise, ops).canvases for ops in (equations, kernels)]
    np.testing.assert_allclose(*canvases, rtol=1e-4, atol=1e-5)
    weights = [model.log_importance_weight(params, config, images, noise, ops) for ops in (equations, kernels)]
    np.testing.assert_allclose(*weights, rtol=1e-5)


def test_the_gradient_of_the_noise_of_the_log_ratio():
    rng = np.random.default_rng(6)
    mu, sigma, noise = rng.normal(size=(2, 3)), np.exp(rng.normal(size=(2, 3))), rng.normal(size=(2, 3))
    slope, fast = (
        value_and_grad(lambda noise, f=ops.log_posterior_over_prior: f(mu, sigma, noise), noise)[1]
        for ops in (equations, kernels)
    )
    np.testing.assert_allclose(fast, slope, rtol=1e-12, atol=1e-14)


def test_a_loop_invariant_image_counts_for_the_type():
    rng = np.random.default_rng(0)
    params = {"W": rng.random((5, 12)), "U": rng.random((3, 12)), "b": rng.random(12)}
    params = {name: leaf.astype(np.float32) for name, leaf in params.items()}
    x, extra, state = rng.random((2, 4)), rng.random((2, 1)).astype("f4"), rng.random((2, 2, 3)).astype("f4")
    found = kernels.lstm(kernels.shared(params), (kernels.loop_invariant(x), extra), kernels.LSTMState(*state))
    assert found.h.dtype == found.cell.dtype == np.float64


@pytest.mark.parametrize("inputs, hidden", [(0, 3), (4, 0), (0, 0)])
def test_an_lstm_of_no_inputs_or_no_units(inputs, hidden):
    rng = np.random.default_rng(0)
    params = {"W": rng.random((inputs, 4 * hidden)), "U": rng.random((hidden, 4 * hidden)), "b": rng.random(4 * hidden)}
    x, state = rng.random((2, inputs)), rng.random((2, 2, hidden))

    def two_steps(params, ops):
        weights, first = ops.shared(params), ops.LSTMState(*state)
        return traced.sum(ops.lstm(weights, x, ops.lstm(weights, x, first)).h)

    (value, slopes), (found, gradient) = (
        value_and_grad(lambda params, ops=ops: two_steps(params, ops), params) for ops in (equations, kernels)
    )
    np.testing.assert_allclose(found, value, rtol=1e-12)
    for name, slope in slopes.items():
        np.testing.assert_allclose(gradient[name], slope, rtol=1e-10, err_msg=name)


def test_of_no_inputs_b_alone_is_left():
    params, a = {"W": np.zeros((0, 4)), "b": np.arange(4.0)}, np.zeros((2, 0))
    for ops in equations, kernels:
        value, gradient = value_and_grad(lambda p, f=ops.linear: traced.sum(f(p, a)), params)
        assert value == 12 and gradient["W"].shape == (0, 4) and gradient["b"].tolist() == [2] * 4
