"""A recorded function gives the bits of one that is not, with other numbers than those it was recorded with, too."""

import gc
import weakref

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.backend import Recorded, stop_gradient, value_and_grad
from draw_np.backend import np as traced
from draw_np.models import draw, glimpse_classifier, vae
from draw_np.training.trees import map_leaves, named_leaves
from draw_np.training.update import RecordedLosses, losses_and_gradient

SIZES = {"height": 9, "width": 7, "hidden": 6}
ATTENTION = {**SIZES, "steps": 4, "latent": 5, "read_size": 2, "write_size": 4}
MODELS = {
    "attention": (draw, draw.Config(**ATTENTION)),
    "colour": (draw, draw.Config(**ATTENTION, channels=3)),
    "no attention": (draw, draw.Config(**{**ATTENTION, "read_size": None, "write_size": None})),
    "auto-encoder": (vae, vae.Config(**SIZES, latent=5)),
    "classifier": (glimpse_classifier, glimpse_classifier.Config(**SIZES, steps=4, read_size=3, classes=5)),
}
HOW = {
    "as it is": {},
    "little kept": {"keep_every": 2},
    "LSTM clipped": {"lstm_clip": 1e-3},
    "part of a batch": {"batch": 12},
    "KL counts less": {"kl_weight": np.array([1.0, 0.3], np.float32)},
}


def numbers(model, config, rng, batch=3, stages=(), dtype=np.float32):
    params = model.init_params(config, rng)
    params = map_leaves(lambda leaf: leaf + 0.1 * rng.standard_normal(leaf.shape, np.float32), params)
    colour = (config.channels,) * (config.channels > 1) if model is draw else ()
    images = rng.random((batch, *stages, config.height, config.width, *colour), np.float32)
    given = model.given(config, rng.integers(5, size=batch), batch, rng)
    return params, model, config, (images > 0.5 if dtype is bool else images), given


def assert_same(recorded, plain):
    (nats, gradient), (expected_nats, expected) = recorded, plain
    assert nats == expected_nats
    gradient, expected = named_leaves(gradient), named_leaves(expected)
    assert list(gradient) == list(expected)
    for name, leaf in expected.items():
        assert gradient[name].dtype == leaf.dtype
        np.testing.assert_array_equal(gradient[name], leaf, err_msg=name)


@pytest.mark.parametrize("ops", [equations, kernels], ids=["equations", "kernels"])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", MODELS)
def test_replayed_bits(name, how, ops):
    model, config = MODELS[name]
    if model is not draw and "keep_every" in HOW[how] or model is glimpse_classifier and "kl_weight" in HOW[how]:
        pytest.skip("the model knows no such thing")
    rng, recorded = np.random.default_rng(0), RecordedLosses()
    for _ in range(3):
        case = *numbers(model, config, rng), ops
        assert_same(recorded(*case, **HOW[how]), losses_and_gradient(*case, **HOW[how]))
    assert recorded.recorded.program.instructions


def test_other_shapes_types_stages_and_options_are_recorded_anew():
    rng, recorded = np.random.default_rng(1), RecordedLosses()
    model, config = MODELS["attention"]
    for options, how in [
        ({}, {}), ({"batch": 2}, {}), ({"dtype": bool}, {}), ({"stages": (2,)}, {}), ({"stages": (2,)}, {"batch": 9}),
        ({}, {"keep_every": 3}),
    ]:  # fmt: skip
        for _ in range(2):
            case = *numbers(model, config, rng, **options), kernels
            assert_same(recorded(*case, **how), losses_and_gradient(*case, **how))
    *others, noise = numbers(model, config, rng)
    for steps in 4, 3:
        assert_same(recorded(*others, noise[:steps], kernels), losses_and_gradient(*others, noise[:steps], kernels))


def test_weights_in_another_order():
    function = lambda p: traced.sum(p["a"] @ p["b"])  # noqa: E731
    a, b = np.random.default_rng(5).random((2, 3, 3))
    recorded = Recorded(function)
    for p in {"a": a, "b": b}, {"b": b, "a": a}:
        value, gradient = recorded(p)
        assert value == np.sum(a @ b)
        np.testing.assert_array_equal(gradient["a"], value_and_grad(function, p)[1]["a"])


def test_what_is_refused_is_refused_at_every_call():
    rng, recorded = np.random.default_rng(2), RecordedLosses()
    params, model, config, images, noise = numbers(*MODELS["attention"], rng)
    recorded(params, model, config, images, noise, kernels)
    for wrong in images + 1, images - 1, np.full_like(images, np.nan):
        with pytest.raises(ValueError, match=r"^images must lie in \[0, 1\]"):
            recorded(params, model, config, wrong, noise, kernels)
    params, model, config, images, labels = numbers(*MODELS["classifier"], rng)
    recorded(params, model, config, images, labels, kernels)
    with pytest.raises(ValueError, match="^cross_entropy: labels must be from 0 to 4|^labels must be from 0 to 4"):
        recorded(params, model, config, images, labels + 5, kernels)


def test_operations_without_a_derivative_are_replayed_too():
    """What is rounded, compared or held constant at one call has other numbers at the next."""

    def function(p, x):
        rounded, held = traced.rint(4 * p["a"]), stop_gradient(traced.exp(p["a"]))
        return traced.sum(rounded * p["b"] + held * p["a"] * x + (x > 0.5) * p["b"] + traced.max(x, axis=0) * p["a"])

    rng, recorded = np.random.default_rng(3), Recorded(function)
    for _ in range(3):
        p, x = {"a": rng.random(5), "b": rng.random(5)}, rng.random((4, 5))
        value, gradient = recorded(p, x)
        expected, slopes = value_and_grad(lambda p: function(p, x), p)  # noqa: B023
        assert value == expected
        for name in p:
            np.testing.assert_array_equal(gradient[name], slopes[name])


def test_nothing_is_kept_between_two_calls():
    rng, recorded = np.random.default_rng(4), RecordedLosses()
    for how in {}, {"keep_every": 2}:
        case = numbers(*MODELS["attention"], rng)
        kept = [weakref.ref(leaf) for leaf in (*named_leaves(case[0]).values(), *case[3:])]
        recorded(*case, kernels, **how)
        del case
        gc.collect()
        assert not any(array() is not None for array in kept)
