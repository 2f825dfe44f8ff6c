"""A recorded function gives the bits of one that is not, with other numbers than those it was recorded with, too."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest
from autograd.extend import defvjp, primitive

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


def test_a_recorded_loss_has_a_gradient_with_respect_to_images():
    config = draw.Config(height=9, width=7, hidden=6, steps=2, latent=5, read_size=None, write_size=None)
    rng = np.random.default_rng(0)
    params, noise = draw.init_params(config, rng, dtype=float), draw.sample_noise(config, 2, rng, float)
    images = {"images": rng.random((2, 9, 7))}
    loss = lambda p: draw.loss(params, config, p["images"], noise, kernels)  # noqa: E731
    (value, gradient), (expected, slopes) = Recorded(loss)(images), value_and_grad(loss, images)
    assert value == expected
    np.testing.assert_array_equal(gradient["images"], slopes["images"])


@pytest.mark.parametrize("dtype", [int, bool, complex])
def test_recorded_only_floating_point_numbers_have_a_gradient(dtype):
    with pytest.raises(ValueError, match="^only floating-point arrays have a gradient"):
        Recorded(lambda p: traced.sum(p["a"] * 1.0))({"a": np.ones(3, dtype)})


@pytest.mark.parametrize("gradient_of", [value_and_grad, lambda f, p: Recorded(f)(p)])
@pytest.mark.parametrize("before", [True, False])
def test_the_garbage_collector_is_left_as_it_was(gradient_of, before):
    def fails(p):
        assert not gc.isenabled()
        raise KeyError("x")

    try:
        (gc.enable if before else gc.disable)()
        gradient_of(lambda p: traced.sum(p["a"]), {"a": np.ones(3)})
        assert gc.isenabled() == before
        with pytest.raises(KeyError):
            gradient_of(fails, {"a": np.ones(3)})
        assert gc.isenabled() == before
    finally:
        gc.enable()


def test_a_function_is_called_once_for_all_arrays_of_one_form():
    """Then its program is replayed. In eight bits 100 squared is 16: what was noted for floats does not fit."""
    calls = []

    def function(p, x, scale):
        calls.append(1)
        return traced.sum(p["a"] * scale * equations.kl(x, x))

    recorded, p, scale = Recorded(function), {"a": np.arange(3.0)}, np.array(2.0)
    for x, called in [
        (np.full((3, 2), 100.0), 1), (np.full((3, 2), 90.0), 1), (np.full((3, 2), 100, np.int8), 2),
        (np.full((3, 2), 90, np.int8), 2), (np.full((3, 3), 100, np.int8), 3),
    ]:  # fmt: skip
        value, gradient = recorded(p, x, scale)
        assert len(calls) == called
        assert value == np.sum(p["a"] * 2 * equations.kl(x, x))
        np.testing.assert_array_equal(gradient["a"], 2 * equations.kl(x, x))


def test_weights_are_of_the_value_s_type():
    seen = []
    looks = primitive(lambda x: x)
    defvjp(looks, lambda answer, x: lambda g: seen.append(g.dtype) or g)
    p = np.ones(3, np.float32)
    for gradient_of in value_and_grad, lambda f, p, w: Recorded(f)(p, weights=w):
        gradient_of(lambda p: looks(p * p), p, np.ones(3))
    assert seen == [np.float32] * 2


@pytest.mark.parametrize("turned", [False, True])
def test_gradients_that_arrive_as_one_array_are_not_added_to_in_place(turned):
    def function(p):
        terms = [traced.sum(term) for term in ((p["a"] + p["b"]) * p["c"], traced.tanh(p["a"]), traced.tanh(p["b"]))]
        return sum(terms[::-1] if turned else terms)

    p = dict(zip("abc", np.random.default_rng(0).random((3, 4))))
    _, gradient = Recorded(function)(p)
    for name, slope in value_and_grad(function, p)[1].items():
        np.testing.assert_allclose(gradient[name], slope, rtol=1e-12, err_msg=name)


def test_a_value_that_nothing_needs_any_longer_is_let_go():
    def function(p):
        x = p["a"]
        for _ in range(40):
            x = x + 1.0  # its derivative needs no value
        return traced.sum(x)

    recorded, p = Recorded(function), {"a": np.ones(100_000)}
    recorded(p)
    tracemalloc.start()
    recorded(p)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10 * p["a"].nbytes


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f8"])
def test_recorded_gradients_can_be_written_to_one_by_one(dtype):
    def together(p):
        return traced.sum((p["a"] + p["b"] + traced.reshape(p["c"], (2, 3)) + p["d"].T) ** 2)

    tree = {"a": np.ones((2, 3)), "b": np.ones((2, 3)), "c": np.ones(6), "d": np.ones((3, 2)), "unused": np.ones(4)}
    tree = {name: leaf.astype(dtype) for name, leaf in tree.items()}
    gradient = Recorded(together)(tree)[1]
    for k, (name, leaf) in enumerate(gradient.items()):
        assert (leaf.dtype, leaf.shape) == (tree[name].dtype, tree[name].shape) and leaf.flags.c_contiguous
        np.testing.assert_array_equal(leaf, 0 if name == "unused" else 8)
        leaf += k + 1
    for k, (name, leaf) in enumerate(gradient.items()):
        np.testing.assert_array_equal(leaf, k + 1 + 8 * (name != "unused"))


def test_an_operation_without_a_derivative_is_named():
    lonely = primitive(lambda x: x * 2.0)
    lonely.__name__ = "lonely"
    with pytest.raises(NotImplementedError, match="has no derivative"):
        Recorded(lambda p: traced.sum(lonely(p)))(np.ones(3))
