"""How numbers lie in memory, in which byte order and in which precision, is nobody's business but the kernels'."""

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.backend import add_product, value_and_grad
from draw_np.backend import np as traced
from draw_np.models import draw
from draw_np.training.gradient_check import LAYOUTS, as_tuple, function_cases, laid_out, model_cases
from draw_np.training.trees import from_named_leaves, map_leaves, named_leaves

PRECISIONS = {"half": np.float16, "single": np.float32, "long": np.longdouble, "single, swapped": ">f4"}
WAYS = {**LAYOUTS, **{name: lambda a, t=dtype: a.astype(t) for name, dtype in PRECISIONS.items()}}
EVERY = pytest.mark.parametrize("way", WAYS)
OPS = pytest.mark.parametrize("ops", [equations, kernels], ids=["equations", "kernels"])


def case(cases, ops, name):
    """A function and its arguments, of numbers that every precision holds exactly."""
    function, arguments = cases(ops, np.random.default_rng(1))[name]
    return function, map_leaves(lambda leaf: leaf.astype(np.float16).astype(float), arguments)


def outputs_and_gradient(function, arguments, wanted):
    """All outputs, and the gradient of a weighted sum of them with respect to the leaves that are `wanted`."""
    leaves, found = named_leaves(arguments), as_tuple(function(arguments))
    rng = np.random.default_rng(5)
    weights = [rng.standard_normal(np.shape(output)) for output in found]
    held = {name: leaf for name, leaf in leaves.items() if name not in wanted}

    def scalar(moving):
        outputs = as_tuple(function(from_named_leaves({**held, **dict(moving.items())})))
        return sum(traced.sum(w * output) for w, output in zip(weights, outputs))

    _, gradient = value_and_grad(scalar, {name: leaves[name] for name in wanted})
    return found, gradient


def assert_same(function, arguments, other, wanted, exact):
    """Equal but for rounding: of a gradient to the precision of its array, of outputs to the one that all promote to.

    The equations are for reading: parts of them compute with the least precise arrays alone.
    """
    outputs, gradient = outputs_and_gradient(function, arguments, wanted)
    found, found_gradient = outputs_and_gradient(function, other, wanted)
    types = {name: leaf.dtype for name, leaf in named_leaves(other).items()}
    least = min(types.values(), key=lambda dtype: np.finfo(dtype).precision)
    for k, (one, two) in enumerate(zip(outputs, found)):
        close(two, one, np.result_type(*types.values()) if exact else least, f"output {k}")
    for name in wanted:
        close(found_gradient[name], gradient[name], types[name] if exact else least, name)


def close(found, expected, dtype, name):
    tolerance = 30 * max(np.finfo(dtype).eps, 1e-14)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max(), err_msg=name)


FUNCTIONS = sorted(function_cases(equations, np.random.default_rng(0)))
MODELS = sorted(model_cases(equations, np.random.default_rng(0)))


@OPS
@pytest.mark.parametrize("name", FUNCTIONS)
@EVERY
def test_every_function_and_its_gradient(ops, name, way):
    """Every argument by itself in another way, with a gradient of its own and without, and all of them."""
    function, arguments = case(function_cases, ops, name)
    leaves = named_leaves(arguments)
    for changed in [[leaf] for leaf in leaves] + ([list(leaves)] if way in LAYOUTS else []):
        other = from_named_leaves({k: WAYS[way](leaf) if k in changed else leaf for k, leaf in leaves.items()})
        rest = [leaf for leaf in leaves if leaf not in changed] or list(leaves)[:1]
        for wanted in rest, list(leaves):
            assert_same(function, arguments, other, wanted, ops is kernels)


@OPS
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("turn", range(len(LAYOUTS)))
def test_whole_models_in_mixed_layouts(ops, name, turn):
    function, arguments = case(model_cases, ops, name)
    assert_same(function, arguments, laid_out(arguments, turn), list(named_leaves(arguments)), ops is kernels)


@pytest.mark.parametrize("sizes", [{}, {"read_size": None, "write_size": None}], ids=["attention", "none"])
@EVERY
def test_training_with_weights_from_elsewhere(sizes, way):
    """Stored (outputs, inputs) and transposed, swapped, half as precise: images are not traced, as in training."""
    config = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, **{"read_size": 2, "write_size": 4, **sizes})
    rng = np.random.default_rng(2)
    params = map_leaves(lambda leaf: leaf.astype(np.float16).astype(float), draw.init_params(config, rng, dtype=float))
    images, noise = rng.random((3, 8, 7)).round(2), draw.sample_noise(config, 3, rng, float)
    gradients = []
    for p in params, map_leaves(WAYS[way], params):
        _, gradient = value_and_grad(lambda p: draw.loss(p, config, images, noise, kernels), p)
        gradients.append(named_leaves(gradient))
    for name, expected in gradients[0].items():
        close(gradients[1][name], expected, named_leaves(map_leaves(WAYS[way], params))[name].dtype, name)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f4", ">f8"])
@pytest.mark.parametrize("layout", ["by rows", "by columns", "every other entry", "backwards"])
def test_a_product_is_added_to_any_matrix(dtype, layout):
    rng = np.random.default_rng(3)
    a, b, start = (rng.integers(-8, 8, shape).astype(float) for shape in ((5, 3), (5, 4), (3, 4)))
    for left in LAYOUTS.values():
        for right in LAYOUTS.values():
            total = LAYOUTS[layout](start.astype(dtype))
            add_product(total, left(a.astype(dtype)), right(b.astype(np.float32)))
            np.testing.assert_array_equal(total, start + a.T @ b)


def test_a_product_is_added_to_a_matrix_across_bytes_and_to_none_that_is_read_only():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(8.0).reshape(2, 4)
    total = np.zeros(12 * 8 + 1, np.uint8)[1:].view(float).reshape(3, 4)
    assert not total.flags.aligned
    add_product(total, a, b)
    np.testing.assert_array_equal(total, a.T @ b)
    constant = np.zeros((3, 4))
    constant.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        add_product(constant, a, b)
    assert not constant.any()


@pytest.mark.parametrize("dtype", [int, np.int8, bool, complex])
def test_only_floating_point_numbers_have_a_gradient(dtype):
    params = {"W": np.ones((3, 4), dtype), "b": np.zeros(4)}
    for ops in equations, kernels:
        with pytest.raises(ValueError, match=rf"^only floating-point arrays have a gradient, not {np.dtype(dtype)}"):
            value_and_grad(lambda p: traced.sum(ops.linear(p, np.ones((2, 3)))), params)  # noqa: B023


@pytest.mark.parametrize("dtype", [int, np.uint8, bool])
@pytest.mark.parametrize(
    "name", ["read", "glimpse", "read_without_attention", "error_image", "negative_log_likelihood"]
)
def test_images_may_be_whole_numbers(name, dtype):
    _, arguments = function_cases(kernels, np.random.default_rng(4))[name]
    arguments["x"] = (arguments["x"] > 0.5).astype(float)
    others = [leaf for leaf in arguments if leaf != "x"]
    for ops in equations, kernels:
        function = function_cases(ops, np.random.default_rng(4))[name][0]
        (outputs, gradient), (found, found_gradient) = (
            outputs_and_gradient(function, {**arguments, "x": x}, others)
            for x in (arguments["x"], arguments["x"].astype(dtype))
        )
        for one, two in zip((*outputs, *gradient.values()), (*found, *found_gradient.values())):
            np.testing.assert_allclose(two, one, rtol=1e-12)
