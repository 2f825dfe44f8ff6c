"""The checker of gradients is itself checked: a rule planted wrong must not pass, nor a check that proves nothing."""

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from autograd.extend import defvjp, primitive

from draw_np import equations
from draw_np.backend import np as anp
from draw_np.backend import stop_gradient
from draw_np.models import draw
from draw_np.training import gradient_check
from draw_np.training.finite_differences import STEP, differences, slope
from draw_np.training.gradient_check import (
    TOLERANCE,
    Derivative,
    Row,
    assert_gradient,
    check_gradient,
    function_cases,
    gradient_table,
    model_case,
)
from draw_np.training.trees import named_leaves

UNDIFFERENTIABLE = {
    "LSTMState": "a tuple",
    "Window": "a tuple",
    "shared": "the identity; what the kernels gather there is in the rows of whole models",
    "loop_invariant": "the identity; no gradient flows back to what the kernels make of it",
    "sample_image": "a comparison with noise, whose derivative is zero wherever it has one",
}


def altered(change):
    """The identity, with a derivative rule that passes its gradient through `change` on the way back."""
    function = primitive(lambda x: x * 1.0)
    defvjp(function, lambda answer, x: change)
    return function


doubled = altered(lambda g: 2 * g)


def rng():
    return np.random.default_rng(0)


def arguments():
    """Two arguments, one of them nested, of an expression in which every entry counts."""
    return {"a": rng().normal(size=(2, 7)), "params": {"W": rng().normal(size=(7, 8)), "b": rng().normal(size=8)}}


def expression(x, scale=1.0, a=lambda a: a, W=lambda W: W, b=lambda b: b):
    return scale * anp.tanh(anp.dot(a(x["a"]), W(x["params"]["W"])) + b(x["params"]["b"]))


SCALES = pytest.mark.parametrize("scale", [1e-200, 1e-8, 1e-3, 1.0, 1e8, 1e200])


@SCALES
def test_right_rules_pass(scale):
    found = check_gradient(lambda x: expression(x, scale), arguments(), rng())
    assert [d.argument for d in found] == ["a", "params/W", "params/b"]
    assert all(d.relative_error < 1e-9 for d in found)
    assert_gradient(lambda x: expression(x, scale), arguments(), rng())


@SCALES
@pytest.mark.parametrize("which, name", [("a", "a"), ("W", "params/W"), ("b", "params/b")])
def test_a_factor_of_two_is_caught_and_its_argument_named(scale, which, name):
    def planted(x):
        return expression(x, scale, **{which: doubled})

    errors = {d.argument: d.relative_error for d in check_gradient(planted, arguments(), rng())}
    assert errors.pop(name) == pytest.approx(0.5, rel=1e-6)
    assert max(errors.values()) < 1e-9  # the others are right, and said to be
    with pytest.raises(AssertionError, match="a factor of ") as error:
        assert_gradient(planted, arguments(), rng())
    assert f"with respect to {name} is off" in str(error.value)
    assert str(error.value).count("with respect to") == 1


@SCALES
@pytest.mark.parametrize("change", [lambda e: 2 * e, lambda e: 0 * e, lambda e: -e, lambda e: e * (1 + 1e-4)])
def test_one_wrong_element_of_a_matrix_is_caught(scale, change):
    def plant(gradient):
        gradient = gradient.copy()
        gradient[3, 4] = change(gradient[3, 4])
        return gradient

    found = check_gradient(lambda x: expression(x, scale, W=altered(plant)), arguments(), rng())
    assert [d.argument for d in found if not d.relative_error <= TOLERANCE] == ["params/W"]


@pytest.mark.parametrize(
    "change", [lambda g: g[:, ::-1], lambda g: g * g, lambda g: g + 1e-3, lambda g: g[::-1], lambda g: g * (1 + 1e-5)]
)
def test_rules_wrong_in_other_ways_are_caught(change):
    with pytest.raises(AssertionError, match="with respect to a is off"):
        assert_gradient(lambda x: expression(x, a=altered(change)), arguments(), rng())


def test_an_error_in_any_of_several_outputs_is_caught():
    def planted(x):
        return anp.sin(x["a"]), equations.LSTMState(anp.cos(x["a"]), anp.exp(x["a"]))[1], doubled(x["a"] ** 2)

    with pytest.raises(AssertionError, match="with respect to a is off"):
        assert_gradient(planted, {"a": rng().normal(size=(2, 7))}, rng())


def test_an_error_is_caught_where_all_parameters_are_zero():
    zero = {"a": rng().normal(size=(2, 7)), "params": {"W": np.zeros((7, 8)), "b": np.zeros(8)}}
    with pytest.raises(AssertionError, match="with respect to params/W is off"):
        assert_gradient(lambda x: anp.exp(expression(x, W=doubled)) * x["a"].sum(), zero, rng())


@pytest.mark.parametrize("scale", [1e-8, 1.0])
def test_a_gradient_that_is_identically_zero_is_refused(scale):
    with pytest.raises(ValueError, match="params/W is identically zero"):
        check_gradient(lambda x: expression(x, scale, W=stop_gradient), arguments(), rng())


@pytest.mark.parametrize("dtype", [np.float32, np.float16, int])
def test_only_float64_is_checked(dtype):
    x = arguments()
    x["params"]["b"] = x["params"]["b"].astype(dtype)
    with pytest.raises(ValueError, match=f"params/b must be a float64 array to be checked, not {np.dtype(dtype)}"):
        check_gradient(expression, x, rng())


@pytest.mark.parametrize(
    "given, answer, generator, words",
    [
        (np.ones(3), None, rng(), "arguments must be a dict of arrays by name, got array"),
        ((np.ones(3),), None, rng(), "arguments must be a dict"),
        ({"x": [1.0, 2.0]}, None, rng(), "x must be a float64 array to be checked, not [1.0, 2.0]"),
        ({"x": {"W": 2.0}}, None, rng(), "x/W must be a float64 array to be checked, not 2.0"),
        ({"x": np.ones(3)}, 3.0, rng(), "the function must return an array, or a tuple of arrays, got 3.0"),
        ({"x": np.ones(3)}, None, rng(), "got None"),
        ({"x": np.ones(3)}, {"y": np.ones(3)}, rng(), "got {'y': array"),
        ({"x": np.ones(3)}, np.ones(3), 0, "rng is a int: pass a Generator like"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_a_line(given, answer, generator, words):
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        check_gradient(lambda a: answer, given, generator)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_a_number_fails(bad):
    def one(gradient):
        gradient = gradient.copy()
        gradient[1, 2] = bad
        return gradient

    for change in (one, lambda g: g * bad):
        with np.errstate(invalid="ignore"), pytest.raises(AssertionError, match="params/W is off by nan"):
            assert_gradient(lambda x, plant=change: expression(x, W=altered(plant)), arguments(), rng())


def test_a_value_that_is_not_a_number_fails():
    """And the line does not blame the rule."""
    with np.errstate(invalid="ignore"), pytest.raises(AssertionError, match="a cannot be checked here, .* say nan"):
        assert_gradient(lambda x: anp.log(x["a"]), {"a": np.array([1.0, -1.0])}, rng())


def test_one_direction_that_leads_to_no_number_is_the_worst():
    """Along the gradient, that of x_1, all is well; along others there is no number."""
    f = primitive(lambda x: 1e9 * x[0] if x[1] == 0 else np.nan)
    defvjp(f, lambda answer, x: lambda g: g * np.array([1e9, 0.0]))
    with pytest.raises(AssertionError, match="x cannot be checked here, .* say nan"):
        assert_gradient(lambda x: f(x["x"]), {"x": np.array([1.0, 0.0])}, rng())


SIZES = pytest.mark.parametrize("size", [1e-12, 1e-6, 1e-3, 1e-2, 1.0, 1e3, 1e6, 1e10])
BENT = {  # functions of an argument and its size that bend over a distance of that size
    "log": lambda x, size: anp.log(x),
    "sqrt": lambda x, size: anp.sqrt(x),
    "power": lambda x, size: x**-1.5,
    "exp": lambda x, size: anp.exp(x / size),
}


@SIZES
@pytest.mark.parametrize("name", BENT)
def test_right_rules_pass_whatever_the_size_of_an_argument(size, name):
    x = size * rng().uniform(0.5, 1, (2, 7))
    assert_gradient(lambda a: BENT[name](a["x"], size), {"x": x}, rng())


@SIZES
@pytest.mark.parametrize("name", BENT)
@pytest.mark.parametrize("change", [lambda g: 2 * g, lambda g: g * (1 + 1e-5), lambda g: g[:, ::-1]])
def test_wrong_rules_are_caught_whatever_the_size_of_an_argument(size, name, change):
    x = size * rng().uniform(0.5, 1, (2, 7))
    with pytest.raises(AssertionError, match="with respect to x is off"):
        assert_gradient(lambda a: BENT[name](altered(change)(a["x"]), size), {"x": x}, rng())


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e4])
def test_the_step_fits_a_function_whose_scale_is_not_its_argument_s(size):
    """Biases that happen to be nearly zero or large, of functions that bend over a distance of 1."""
    x = size * rng().uniform(0.5, 1, (2, 7))
    assert_gradient(lambda a: anp.sin(a["x"] + 1), {"x": x}, rng())
    with pytest.raises(AssertionError, match="with respect to x is off"):
        assert_gradient(lambda a: anp.sin(altered(lambda g: g * 1.001)(a["x"]) + 1), {"x": x}, rng())


@pytest.mark.parametrize(
    "error, passed", [(0.0, True), (TOLERANCE, True), (2e-6, False), (np.inf, False), (np.nan, False)]
)
def test_a_row_passes_within_the_tolerance_only(error, passed):
    assert TOLERANCE == 1e-6
    assert Row("equations", "kl", 1, Derivative("mu", error, 1.0, 1.0)).passed is passed


def test_what_is_passed_in_is_left_as_it_is():
    x, before = arguments(), arguments()
    check_gradient(expression, x, rng())
    for name, leaf in named_leaves(before).items():
        assert np.array_equal(leaf, named_leaves(x)[name])


def test_the_differences_are_of_fourth_order():
    assert differences(lambda h: (1 + h) ** 3, STEP, 1.0)[0] == pytest.approx(3, rel=1e-12)
    coarse, fine = (abs(differences(lambda h: math.exp(1 + h), h, 1.0)[0] - math.e) for h in (0.1, 0.05))
    assert coarse / fine == pytest.approx(16, rel=0.05)


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e6])
def test_of_a_constant_few_values_are_asked_for_and_none_from_far_away(size):
    asked = []
    assert slope(lambda h: asked.append(h) or 7.0, size).value == 0
    assert max(asked) <= 2 * max(1, size) and len(asked) < 80
    assert np.isnan(slope(lambda h: math.nan, size).value)


def test_the_message_is_one_line_with_the_numbers():
    line = str(Derivative("params/W", 0.5, 1.5, 3.0))
    assert line == (
        "the derivative with respect to params/W is off by 0.5: finite differences say 1.5, the rule says 3, a factor "
        "of 2"
    )
    assert "factor" not in str(Derivative("params/W", 1.0, 0.0, 3.0))


def test_the_table_holds_every_differentiable_function():
    cases = function_cases(equations, rng())
    assert cases.keys() == set(equations.__all__) - UNDIFFERENTIABLE.keys()
    assert UNDIFFERENTIABLE.keys() <= set(equations.__all__)


CASES = {
    (name, argument): (function, x)
    for name, (function, x) in function_cases(equations, rng()).items()
    for argument in named_leaves(x)
}


@pytest.mark.parametrize("name, argument", CASES)
def test_no_argument_of_any_function_could_be_wrong_unseen(name, argument):
    function, x = CASES[name, argument]

    def planted(x):
        def walk(tree, prefix=""):
            if hasattr(tree, "items"):  # a dict, or autograd's box around one
                return {key: walk(value, f"{prefix}/{key}" if prefix else key) for key, value in tree.items()}
            return doubled(tree) if prefix == argument else tree

        return function(walk(x))

    found = check_gradient(planted, x, rng())
    assert [d.argument for d in found if not d.relative_error <= TOLERANCE] == [argument]


def planted(name):
    """The equations, but the derivatives of one function's outputs are twice what they should be."""

    def function(*args, **kwargs):
        answer = getattr(equations, name)(*args, **kwargs)
        if not isinstance(answer, tuple):
            return doubled(answer)
        parts = [part if part is None else doubled(part) for part in answer]
        return type(answer)(*parts) if hasattr(answer, "_fields") else tuple(parts)

    return SimpleNamespace(**{**vars(equations), name: function})


@pytest.mark.parametrize("name", function_cases(equations, rng()))
def test_a_function_planted_wrong_is_caught(name):
    """So each row is of the operations that it is given."""
    found = check_gradient(*function_cases(planted(name), rng())[name], rng())
    assert all(d.relative_error == pytest.approx(0.5, rel=1e-3) for d in found)


@pytest.mark.parametrize("name", ["lstm", "read", "filterbanks", "write", "sample", "kl", "negative_log_likelihood"])
def test_a_whole_model_feels_it(name):
    config = draw.Config(height=3, width=4, steps=2, hidden=2, latent=1, read_size=1, write_size=2)
    check_gradient(*model_case(draw, config, equations, rng()), rng(), directions=1)
    found = check_gradient(*model_case(draw, config, planted(name), rng()), rng(), directions=1)
    assert any(d.relative_error > 1e-3 for d in found)


def test_the_table_s_rows():
    rows = list(gradient_table({"equations": equations}, rng()))
    assert all(row.passed and row.worst.relative_error < TOLERANCE for row in rows)
    names, functions = [row.function for row in rows], function_cases(equations, rng())
    assert names[: len(functions)] == list(functions)
    assert sum("DRAW" in name for name in names) >= 3 and "variational auto-encoder" in names
    for row in rows:
        assert row.ops == "equations"
        if row.function in functions:
            assert row.arguments == len(named_leaves(functions[row.function][1]))


def test_one_wrong_element_of_ten_thousand_is_caught():
    def plant(gradient):
        gradient = gradient.copy()
        gradient[3, 4] *= 1.003
        return gradient

    (found,) = check_gradient(lambda x: anp.sin(altered(plant)(x["W"])), {"W": rng().normal(size=(100, 100))}, rng())
    assert not found.relative_error <= TOLERANCE


def test_the_table_s_arguments_lie_in_memory_in_many_ways(monkeypatch):
    seen, check = [], gradient_check.check_gradient

    def checking(function, arguments, rng):
        seen.extend(named_leaves(arguments).values())
        return check(function, arguments, rng)

    monkeypatch.setattr(gradient_check, "check_gradient", checking)
    next(gradient_check.gradient_table({"equations": equations}, rng()))  # `linear`
    assert [(leaf.flags.c_contiguous, leaf.flags.f_contiguous) for leaf in seen if leaf.ndim == 2] != [
        (True, False)
    ] * 2
