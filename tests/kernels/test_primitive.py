"""What autograd follows, kernels follow: weights in any container, used at any number of steps."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from autograd import grad, hessian, make_jvp, make_vjp

from draw_np import equations, kernels
from draw_np.backend import np as traced
from draw_np.backend import value_and_grad
from draw_np.training.gradient_check import function_cases
from draw_np.training.trees import named_leaves

BATCH, INPUTS, HIDDEN = 2, 5, 3


def lstm_case():
    rng = np.random.default_rng(0)
    shapes = {"W": (INPUTS, 4 * HIDDEN), "U": (HIDDEN, 4 * HIDDEN), "b": (4 * HIDDEN,)}
    params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return params, rng.standard_normal((2, BATCH, INPUTS)), rng.standard_normal((2, BATCH, HIDDEN))


def two_steps(ops, params, x, start):
    params = ops.shared(params)
    state = ops.LSTMState(*start)
    for part in x:
        state = ops.lstm(params, part, state)
    return traced.sum(state.h * state.cell)


CONTAINERS = {  # what is differentiated, made of the LSTM's weights, and how the weights are made of it
    "a dict": (lambda p: p, lambda tree: tree),
    "a list of arrays": (lambda p: list(p.values()), lambda tree: dict(zip("WUb", tree))),
    "a tuple of arrays": (lambda p: tuple(p.values()), lambda tree: {"b": tree[2], "W": tree[0], "U": tree[1]}),
    "a list of dicts": (lambda p: [{"not": p["b"]}, p], lambda tree: tree[1]),
    "a dict made inside": (lambda p: p, lambda tree: {name: 2 * tree[name] for name in "WUb"}),
    "a dict of which W is constant": (
        lambda p: p,
        lambda tree: {**{n: tree[n] for n in "Ub"}, "W": lstm_case()[0]["W"]},
    ),
    "one array": (lambda p: p["W"], lambda W: {**lstm_case()[0], "W": traced.tanh(W)}),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_in_any_container(container, dtype):
    pack, unpack = CONTAINERS[container]
    params, x, start = lstm_case()
    tree = pack({name: leaf.astype(dtype) for name, leaf in params.items()})
    found = [
        value_and_grad(lambda tree: two_steps(ops, unpack(tree), x, start), tree)  # noqa: B023
        for ops in (equations, kernels)
    ]
    (value, gradient), (fast_value, fast_gradient) = found
    assert fast_value == pytest.approx(value, rel=1e-12)
    for one, other in zip(leaves(gradient), leaves(fast_gradient), strict=True):
        assert other.dtype == one.dtype
        np.testing.assert_allclose(other, one, rtol=1e-4 if dtype is np.float32 else 1e-11, atol=1e-12)


def leaves(tree):
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in leaves(part)]
    return list(named_leaves(tree).values())


def test_images_that_stand_still_and_weights_made_inside():
    rng = np.random.default_rng(1)
    params, _, start = lstm_case()
    x = rng.standard_normal((BATCH, INPUTS - 1))
    extra = rng.standard_normal((2, BATCH, 1))
    gradients = []
    for ops in equations, kernels:

        def nats(p, ops=ops):
            shared, held = ops.shared({name: 2 * p[name] for name in p}), ops.loop_invariant(x)
            state = ops.LSTMState(*start)
            for part in extra:
                state = ops.lstm(shared, (*ops.read_without_attention(held, x), part)[::2], state)
            return traced.sum(state.h)

        gradients.append(value_and_grad(nats, params)[1])
    for name in params:
        np.testing.assert_allclose(gradients[1][name], gradients[0][name], rtol=1e-11, err_msg=name)


@pytest.mark.parametrize("batches", [(5, 1), (1, 5), (5, 2)], ids=str)
def test_weights_that_are_shared_by_batches_of_other_sizes(batches):
    rng = np.random.default_rng(2)
    params = {"W": rng.standard_normal((3, 4)), "b": rng.standard_normal(4)}
    inputs = [rng.standard_normal((batch, 3)) for batch in batches]

    def nats(p, ops):
        weights = ops.shared(p)
        return sum(traced.sum(traced.tanh(ops.linear(weights, x))) for x in inputs)

    assert_same_gradient(nats, params)


@pytest.mark.parametrize("held", [(True, True), (True, False), (False, True)], ids=["two", "then none", "at last"])
def test_weights_that_are_shared_by_several_images(held):
    """What is loop-invariant may change on the way, and cease to be."""
    rng = np.random.default_rng(3)
    params, _, start = lstm_case()
    images = rng.standard_normal((2, BATCH, INPUTS - 1))
    extra = rng.standard_normal((BATCH, 1))

    def nats(p, ops):
        weights, state = ops.shared(p), ops.LSTMState(*start)
        for image, still in zip(images, held):
            state = ops.lstm(weights, (ops.loop_invariant(image) if still else image, extra), state)
        return traced.sum(state.h)

    assert_same_gradient(nats, params)


def assert_same_gradient(nats, params):
    gradient, fast = (value_and_grad(lambda p: nats(p, ops), params)[1] for ops in (equations, kernels))  # noqa: B023
    for name in params:
        np.testing.assert_allclose(fast[name], gradient[name], rtol=1e-11, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("second", [hessian, lambda f: grad(lambda x: traced.sum(grad(f)(x)))])
def test_second_derivatives_are_refused(second):
    for function, arguments in function_cases(kernels, np.random.default_rng(0)).values():
        first = next(iter(arguments))

        def scalar(value, function=function, first=first, arguments=arguments):
            outputs = function({**arguments, first: value})
            return sum(traced.sum(o**2) for o in (outputs if isinstance(outputs, tuple) else (outputs,)))

        if not isinstance(arguments[first], dict):
            with pytest.raises(ValueError, match="kernels are differentiated once; for more use the equations"):
                second(scalar)(arguments[first])
    assert np.all(np.isfinite(hessian(lambda a: traced.sum(equations.kl(a, a)))(np.ones((1, 2)))))


@pytest.mark.parametrize("name", function_cases(kernels, np.random.default_rng(0)))
def test_derivatives_forwards_are_refused(name):
    function, arguments = function_cases(kernels, np.random.default_rng(0))[name]
    first = next(key for key, value in arguments.items() if not isinstance(value, dict))
    with pytest.raises(ValueError, match="kernels are differentiated backwards; for more use the equations"):
        make_jvp(lambda value: function({**arguments, first: value}))(arguments[first])(np.ones_like(arguments[first]))


WITHOUT_SCIPY = """
    import sys

    class Blocked:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "scipy":
                raise ImportError("SciPy is not installed")

    if "without" in sys.argv:
        sys.meta_path.insert(0, Blocked())
    import numpy as np
    import draw_np
    from draw_np.backend import value_and_grad
    from draw_np.models import draw
    from draw_np.training.trees import named_leaves

    assert "scipy" not in sys.modules, "importing draw_np loads SciPy"
    config = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=2, write_size=4)
    rng = np.random.default_rng(0)
    params, images = draw.init_params(config, rng), rng.random((2, 8, 7), np.float32)
    noise = draw.sample_noise(config, 2, rng)
    _, gradient = value_and_grad(lambda p: draw.loss(p, config, images, noise, draw_np.kernels), params)
    assert ("scipy" in sys.modules) == ("without" not in sys.argv)
    np.savez(sys.argv[1], **named_leaves(gradient))
"""


def test_without_scipy_the_gradient_is_the_same_but_for_rounding(tmp_path):
    """A browser may import the package without it; where it is there, it is loaded for the first gradient."""
    root = Path(__file__).parents[2]
    gradients = []
    for how in "with", "without":
        file = tmp_path / f"{how}.npz"
        command = [sys.executable, "-c", textwrap.dedent(WITHOUT_SCIPY), str(file), how]
        subprocess.run(command, check=True, cwd=root)
        gradients.append(np.load(file))
    assert len(gradients[0].files) > 20
    for name in gradients[0].files:
        expected = gradients[0][name]
        np.testing.assert_allclose(gradients[1][name], expected, rtol=0, atol=1e-6 * abs(expected).max(), err_msg=name)


def test_a_kernel_inside_another_gradient_of_other_arguments_is_refused():
    """Of sigma while mu is followed from further outside: its own tape would take mu for a constant."""
    ones = np.ones((1, 2))

    def outer(mu):
        pull_back, _ = make_vjp(lambda sigma: traced.sum(kernels.kl(mu, sigma)))(ones)
        return traced.sum(pull_back(1.0))

    with pytest.raises(ValueError, match="kernels are differentiated once"):
        make_vjp(outer)(ones)
