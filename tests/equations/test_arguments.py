"""What does not fit is refused at the door, by equations and kernels alike, in one line that says what does."""

import inspect

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.backend import np as traced
from draw_np.backend import value_and_grad
from draw_np.equations.arguments import takes
from draw_np.training.gradient_check import as_tuple, function_cases
from draw_np.training.trees import from_named_leaves, named_leaves

OPS = pytest.mark.parametrize("ops", [equations, kernels], ids=["equations", "kernels"])
ANY_SHAPE = {"sigmoid", "bounded_exp", "pixel_means"}  # element by element
ONE_BATCH = {  # no second array that the batch must fit
    "softmax": "logits", "linear": "a", "attention_window": "h_dec", "writing_patch": "h_dec",
    "write_without_attention": "h_dec", "posterior": "h_enc", "cross_entropy": "logits",
}  # fmt: skip


def cases(ops):
    return function_cases(ops, np.random.default_rng(0))


ARGUMENTS = [
    (name, leaf)
    for name, (_, arguments) in cases(equations).items()
    for leaf in named_leaves(arguments)
    if name not in ANY_SHAPE
]


def assert_refused(name, function, arguments, changed=None):
    """With a plain array and inside a gradient; the line names the function and is one."""
    leaves = {**named_leaves(arguments), **(changed or {})}
    with pytest.raises(ValueError, match=rf"^{name}: [^\n]+ must be [^\n]+, got [^\n]+$"):
        function(from_named_leaves(leaves))
    if all(getattr(leaf, "dtype", None) == np.float64 for leaf in leaves.values()):
        with pytest.raises(ValueError, match=rf"^{name}: [^\n]+ must be [^\n]+, got [^\n]+$"):
            value_and_grad(lambda tree: sum(map(traced.sum, as_tuple(function(tree)))), from_named_leaves(leaves))


@OPS
@pytest.mark.parametrize("name, leaf", ARGUMENTS)
def test_an_axis_too_few_or_too_many(ops, name, leaf):
    function, arguments = cases(ops)[name]
    value = named_leaves(arguments)[leaf]
    for wrong in (value[0], value[None], value[..., None], value.sum()):
        assert_refused(name, function, arguments, {leaf: wrong})


@OPS
@pytest.mark.parametrize("name, leaf", [case for case in ARGUMENTS if case not in ONE_BATCH.items()])
def test_another_batch(ops, name, leaf):
    """Of one too many, and of one, which NumPy would repeat."""
    function, arguments = cases(ops)[name]
    value = named_leaves(arguments)[leaf]
    for wrong in (np.concatenate([value, value[:1]]), value[:1]):
        assert_refused(name, function, arguments, {leaf: wrong})


@OPS
@pytest.mark.parametrize("name, leaf", ARGUMENTS)
@pytest.mark.parametrize("kind", [complex, object, str, list, float, type(None)])
def test_what_is_no_array_of_real_numbers(ops, name, leaf, kind):
    function, arguments = cases(ops)[name]
    value = named_leaves(arguments)[leaf]
    wrong = {list: value.tolist(), float: 1.5, type(None): None}.get(kind)
    wrong = value.astype(kind) if kind in (complex, object, str) else wrong
    assert_refused(name, function, arguments, {leaf: wrong})


SIZES = {  # a size that two arguments share and that is not the batch
    "glimpse": ("F_X", 1), "read": ("F_Y", 1), "write": ("w", 2), "kl": ("mu", 1), "sample": ("sigma", 1),
    "lstm": ("cell", 1), "linear": ("a", 1), "posterior": ("sigma_params/W", 1), "error_image": ("c", 3),
    "negative_log_likelihood": ("x", 2), "read_without_attention": ("x_hat", 1), "attention_window": ("params/W", 1),
    "log_posterior_over_prior": ("mu", 1), "filterbank": ("sigma_squared", 1), "filterbanks": ("g_Y", 1),
    "filter_means": ("delta", 1), "write_without_attention": ("h_dec", 1), "writing_patch": ("params/b", 0),
}  # fmt: skip


@OPS
@pytest.mark.parametrize("name", SIZES)
def test_another_size(ops, name):
    function, arguments = cases(ops)[name]
    leaf, axis = SIZES[name]
    assert_refused(name, function, arguments, {leaf: np.repeat(named_leaves(arguments)[leaf], 3, axis=axis)})


def test_sizes_of_another_axis_are_looked_at_wherever_there_are_two_arrays():
    assert SIZES.keys() == cases(equations).keys() - ANY_SHAPE - {"softmax", "cross_entropy"}


@OPS
def test_images_without_a_channel_axis_are_not_read_through_every_window(ops):
    rng = np.random.default_rng(0)
    images, F_X, F_Y, gamma = rng.random((2, 8, 7)), rng.random((2, 3, 7)), rng.random((2, 3, 8)), np.ones((2, 1))
    said = r"x must be an array of shape \(batch, channels, height, width\), got \(2, 8, 7\)$"
    with pytest.raises(ValueError, match=f"^glimpse: {said}"):
        ops.glimpse(images, F_X, F_Y, gamma)
    with pytest.raises(ValueError, match=f"^read: {said}"):
        ops.read(images, images, F_X, F_Y, gamma=gamma)
    assert ops.glimpse(images[:, None], F_X, F_Y, gamma).shape == (2, 9)


@OPS
def test_the_size_that_was_wanted_is_said(ops):
    with pytest.raises(ValueError, match=r"sigma must be an array of shape \(batch = 2, latent\), got \(3, 4\)$"):
        ops.kl(np.ones((2, 4)), np.ones((3, 4)))
    state = ops.LSTMState(np.ones((2, 3)), np.ones((2, 3)))
    params = {"W": np.ones((5, 10)), "U": np.ones((3, 10)), "b": np.ones(10)}
    with pytest.raises(ValueError, match=r"W must be an array of shape \(inputs, 4\*hidden = 12\), got \(5, 10\)$"):
        ops.lstm(params, np.ones((2, 5)), state)


@OPS
@pytest.mark.parametrize("count", [0, -1, 2.5, "2", None, True, np.True_, np.array([2, 3])])
def test_counts_are_whole_numbers_above_zero(ops, count):
    one = np.ones((2, 1))
    with pytest.raises(ValueError, match="^filterbank: pixels must be a whole number of at least 1, got "):
        ops.filterbank(one, one, count)
    with pytest.raises(ValueError, match="^filter_means: N must be a whole number of at least 1, got "):
        ops.filter_means(one, delta=one, N=count)
    assert ops.filterbank(one, one, np.int64(3)).shape == (2, 1, 3)


@OPS
def test_counts_in_eight_bits_are_computed_with_as_python_s(ops):
    """255 + 1 is 0 in them, and so would be the middle of the image."""
    h_dec, params = np.zeros((2, 3)), {"W": np.zeros((3, 5)), "b": np.zeros(5)}
    for kind in (np.uint8, np.array):
        sizes = {"N": kind(4), "height": kind(200), "width": kind(255)}
        window = ops.attention_window(params, h_dec, **sizes)
        assert window.g_X.tolist() == [[128.0]] * 2 and window.g_Y.tolist() == [[100.5]] * 2
        F_X, F_Y = ops.filterbanks(window, *sizes.values())
        assert F_X.shape == (2, 4, 255) and F_Y.shape == (2, 4, 200)
        assert ops.writing_patch({"W": np.zeros((3, 48)), "b": np.zeros(48)}, h_dec, kind(4), kind(3)).shape[1] == 3


@OPS
def test_parts_that_stand_side_by_side(ops):
    rng = np.random.default_rng(0)
    params = {"W": rng.random((5, 12)), "U": rng.random((3, 12)), "b": rng.random(12)}
    state = ops.LSTMState(rng.random((2, 3)), rng.random((2, 3)))
    x = rng.random((2, 5))
    whole, split = (ops.lstm(params, x_in, state) for x_in in (x, (x[:, :1], x[:, 1:])))
    np.testing.assert_allclose(split, whole, rtol=1e-12)
    deeper = x[None, :, :1], x[None, :, 1:]
    listed = [x[:, :1], x[:, 1:]]
    for parts in ((x[:, :1], x[:1, 1:]), (x[:, :1], x[0, 1:]), (x, x), (), (x[:, :1], 2.0), listed, deeper):
        with pytest.raises(ValueError, match="^lstm: (x|x, or its parts,|W) must be "):
            ops.lstm(params, parts, state)


@OPS
@pytest.mark.parametrize(
    "name, weights", [("linear", "params"), ("lstm", "params"), ("attention_window", "params"),
    ("posterior", "mu_params"), ("posterior", "sigma_params"), ("writing_patch", "params"),
    ("write_without_attention", "params")],
)  # fmt: skip
def test_weights_of_other_names(ops, name, weights):
    """One too many would receive no gradient, and nobody would hear of it."""
    function, arguments = cases(ops)[name]
    given = arguments[weights]
    for wrong in ({**given, "scale": given["b"]}, {"W": given["W"]}, {}, given["W"], [given["W"], given["b"]], None):
        broken = {**arguments, weights: wrong}
        with pytest.raises(ValueError, match=rf"^{name}: {weights} must be a dict with just the weights W, "):
            function(broken)
        if isinstance(wrong, dict) and wrong:
            with pytest.raises(ValueError, match=f"{weights} must be a dict with just the weights W, "):
                value_and_grad(lambda tree: sum(map(traced.sum, as_tuple(function(tree)))), broken)


@OPS
@pytest.mark.parametrize("given", [{"W": np.ones((2, 3))}, {"W": 1, "b": 2, "c": 3}, {}, None, [np.ones((2, 3))]])
def test_weights_for_every_step_of_other_names(ops, given):
    x = np.ones((4, 2))
    with pytest.raises(ValueError, match="must be a dict"):
        ops.linear(ops.shared(given), x)


@OPS
def test_a_window_or_a_state_that_is_none(ops):
    with pytest.raises(ValueError, match="^filterbanks: window must be of type Window, got a tuple$"):
        ops.filterbanks(tuple(np.ones((5, 2, 1))), 3, 8, 7)
    with pytest.raises(ValueError, match="^lstm: state must be of type LSTMState, got a tuple$"):
        ops.lstm({}, np.ones((2, 5)), (np.ones((2, 3)), np.ones((2, 3))))


@OPS
def test_a_missing_argument_is_python_s_own_error(ops):
    with pytest.raises(TypeError, match="missing a required argument: 'sigma'"):
        ops.kl(np.ones((2, 3)))


@OPS
@pytest.mark.parametrize("name", sorted(set(cases(equations)) - ANY_SHAPE))
@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
def test_whole_numbers_are_computed_with_as_the_floats_they_are(ops, name, kind):
    """In eight bits 100 + 100 is -56, and squares are wrong from 12 on."""
    function, arguments = cases(ops)[name]
    leaves = {leaf: np.minimum(np.ceil(40 * abs(value)), 120) for leaf, value in named_leaves(arguments).items()}
    with np.errstate(all="ignore"):
        expected = as_tuple(function(from_named_leaves(leaves)))
        found = as_tuple(function(from_named_leaves({leaf: value.astype(kind) for leaf, value in leaves.items()})))
    for one, other in zip(found, expected):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@OPS
@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("name, leaf", ARGUMENTS)
@pytest.mark.parametrize("kind", [np.matrix, np.ma.masked_array])
def test_arrays_that_compute_otherwise(ops, name, leaf, kind):
    """To a matrix * is another product, and a sum leaves out what is masked: silently, and in some operations only."""
    function, arguments = cases(ops)[name]
    leaves = named_leaves(arguments)
    if kind is not np.matrix or leaves[leaf].ndim == 2:
        odd = from_named_leaves({**leaves, leaf: kind(leaves[leaf])})
        with pytest.raises(ValueError, match=rf"^{name}: \w+ is a \w+, which computes otherwise than an array: pass a"):
            function(odd)


@OPS
def test_masked_labels(ops):
    with pytest.raises(ValueError, match="^labels is a MaskedArray, which computes otherwise"):
        ops.cross_entropy(np.zeros((2, 3)), np.ma.masked_array([0, 1], [0, 1]))


@OPS
@pytest.mark.parametrize(
    "labels, said",
    [
        (np.eye(3, dtype=int)[[0, 2]], r"labels must be whole numbers of shape \(2,\), got int64 of \(2, 3\)"),
        (np.array([[0], [2]]), r"got int64 of \(2, 1\)"),
        (np.array([0, 1, 2]), r"got int64 of \(3,\)"),
        (np.array([0.0, 2.0]), r"got float64 of \(2,\)"),
        (np.array([False, True]), r"got bool of \(2,\)"),
        (np.array([0, 3]), "labels must be from 0 to 2, got 0 to 3"),
        (np.array([-1, 2]), "labels must be from 0 to 2, got -1 to 2"),
        ([0, 2], "got a list"),
    ],
)
def test_labels(ops, labels, said):
    logits = np.zeros((2, 3))
    with pytest.raises(ValueError, match=f"{said}$"):
        ops.cross_entropy(logits, labels)
    with pytest.raises(ValueError, match=f"{said}$"):
        value_and_grad(lambda a: traced.sum(ops.cross_entropy(a, labels)), logits)


@pytest.mark.parametrize("name", equations.__all__)
def test_kernels_take_what_the_equations_take(name):
    one, other = (getattr(getattr(ops, name), "takes", None) for ops in (equations, kernels))
    assert one is other or one == other
    exempt = ANY_SHAPE | {"LSTMState", "Window", "shared", "loop_invariant"}
    assert (one is None) == (name in exempt)
    if one:
        arrays = set(inspect.signature(getattr(equations, name)).parameters) - {"limit", "labels"}
        assert set(one) == arrays, "every argument is looked at"


def test_rules():
    @takes(b="batch n 5 ...", a="...", c="batch 3*n")
    def function(a, b, c=None):
        return "taken"

    a, b, c = np.ones((6, 7)), np.ones((4, 2, 5, 6, 7)), np.ones((4, 6))
    assert function.takes == {"b": "batch n 5 ...", "a": "...", "c": "batch 3*n"}
    assert function(a, b, c) == function(c=c, a=a, b=b) == function(a, c=c, b=b) == "taken"
    refused = [
        ((a, b, np.ones((4, 5))), r"c must be an array of shape \(batch, 3\*n = 6\), got \(4, 5\)"),
        ((a, b, np.ones((3, 6))), r"c must be an array of shape \(batch = 4, 3\*n\), got \(3, 6\)"),
        ((np.ones((6, 8)), b, c), r"a must be an array of shape \(6, 7\), got \(6, 8\)"),
        ((a, np.ones((4, 2)), c), r"b must be an array of shape \(batch, n, 5, \.\.\.\), got \(4, 2\)"),
        ((a, np.ones((4, 2, 6, 7)), c), r"b must be an array of shape \(batch, n, 5, \.\.\.\), got \(4, 2, 6, 7\)"),
        ((a, None, c), r"b must be an array of shape \(batch, n, 5, \.\.\.\), got a NoneType"),
    ]
    for arguments, said in refused:
        with pytest.raises(ValueError, match=f"^function: {said}$"):
            function(*arguments)


def lstm_case(rng):
    params = {"W": rng.random((5, 12)), "U": rng.random((3, 12)), "b": rng.random(12)}
    return params, rng.random((2, 5)), equations.LSTMState(rng.random((2, 3)), rng.random((2, 3)))


@OPS
def test_truth_values_are_computed_with_as_the_floats_they_are(ops):
    b = np.random.default_rng(0).random((3, 4)) > 0.5
    np.testing.assert_array_equal(ops.softmax(b), ops.softmax(b.astype(float)))
    one = np.ones((3, 4), bool)
    np.testing.assert_array_equal(ops.kl(b, one), ops.kl(b.astype(float), one.astype(float)))


@OPS
def test_parts_of_strange_kinds(ops):
    params, x, state = lstm_case(np.random.default_rng(0))
    whole, strange = x[:, :1].astype(int), x[:, 1:].astype(complex)
    for parts in (whole, strange), (x[:, 1:].astype(complex), whole):
        with pytest.raises(ValueError, match="^lstm: x must be an array of real numbers, got complex128$"):
            ops.lstm(params, parts, state)
    with pytest.raises(ValueError, match="^lstm: x is a MaskedArray, which computes otherwise than an array"):
        ops.lstm(params, (x[:, :1], np.ma.masked_array(x[:, 1:])), state)


@OPS
def test_whole_numbers_become_what_numpy_makes_of_them_beside_the_others(ops):
    mu = np.ones((2, 3), np.float32)
    for kind, wanted in (np.int8, np.float32), (np.int64, np.float64):
        assert ops.kl(mu, np.ones((2, 3), kind)).dtype == wanted


@OPS
def test_one_axis(ops):
    with pytest.raises(ValueError, match=r"b must be an array of shape \(5,\), got \(4,\)$"):
        ops.attention_window({"W": np.ones((3, 5)), "b": np.ones(4)}, np.ones((2, 3)), 2, 8, 7)


@OPS
def test_durations_are_no_real_numbers(ops):
    with pytest.raises(ValueError, match=r"^kl: mu must be an array of real numbers, got timedelta64"):
        ops.kl(np.ones((2, 3), "m8[s]"), np.ones((2, 3)))
