"""Does every function know its derivative? Gradients compared with finite differences, in float64.

`autograd.test_util.check_grads` compares absolute differences at one random direction: a rule that is wrong by a factor
of two passes it when the output's scale is below 1e-6 or when the parameters are zero. Here errors are relative, every
argument is checked by itself along several directions, and a gradient that is identically zero is refused, because
such a check cannot fail.
"""

import dataclasses
import itertools
from typing import NamedTuple

import numpy

from ..backend import np, to_device, to_host, value_and_grad
from ..models import draw, glimpse_classifier, vae
from ..models.common import check_rng, image_shape
from ..names import require, shown
from .finite_differences import moved, size_of, slope
from .trees import map_leaves, named_leaves

TOLERANCE = 1e-6


class Derivative(NamedTuple):
    """The worst direction found for one argument: the slope by finite differences, by the rule, and their difference
    relative to the larger (or to the gradient's root mean square, if both are far below it). `doubt` is how far the
    finite differences themselves may be off.
    """

    argument: str
    relative_error: float
    numerical: float
    analytic: float
    doubt: float = 0.0

    def __str__(self):
        if numpy.isfinite(self.analytic) and not abs(self.numerical - self.analytic) > self.doubt:  # or NaN
            return (
                f"the derivative with respect to {self.argument} cannot be checked here, whatever the rule is: finite "
                f"differences say {self.numerical:.8g} +- {self.doubt:.2g}, the rule says {self.analytic:.8g}"
            )
        factor = f", a factor of {self.analytic / self.numerical:.6g}" if self.numerical else ""
        return (
            f"the derivative with respect to {self.argument} is off by {self.relative_error:.2g}: finite differences "
            f"say {self.numerical:.8g}, the rule says {self.analytic:.8g}{factor}"
        )


class Row(NamedTuple):
    """One function of the gradient table: how many arguments were checked, and the worst of them."""

    ops: str
    function: str
    arguments: int
    worst: Derivative

    @property
    def passed(self):
        return self.worst.relative_error <= TOLERANCE  # False for NaN


def check_gradient(function, arguments, rng, directions=4):
    """Compare the gradient of `function` with central differences, argument by argument.

    Parameters: `function(arguments)` returns an array, or a tuple of arrays; `arguments` is a nested dict of float64
    arrays; `rng` makes the `directions`. Every output entry counts: their sum with fixed random weights is what is
    differentiated. Returns a list of Derivative, one for each array in `arguments`, the worst of its directions.
    Raises ValueError for an argument that is not float64, for a gradient that is identically zero, and for what is not
    of these kinds.
    """
    require(isinstance(arguments, dict), f"arguments must be a dict of arrays by name, got {shown(arguments)}")
    check_rng(rng)
    leaves = named_leaves(arguments)
    for name, leaf in leaves.items():
        words = f"{name} must be a float64 array to be checked, not"
        require(hasattr(leaf, "dtype"), f"{words} {shown(leaf)}")
        require(leaf.dtype.newbyteorder("=") == numpy.float64, f"{words} {leaf.dtype}")
    outputs = as_tuple(function(to_device(arguments)))
    for output in outputs:
        words = f"the function must return an array, or a tuple of arrays, got {shown(output)}"
        require(hasattr(output, "shape"), words)
    weights = to_device([rng.standard_normal(output.shape) for output in outputs])

    def scalar(arguments):
        return sum(np.sum(w * output) for w, output in zip(weights, as_tuple(function(arguments))))

    gradients = named_leaves(to_host(value_and_grad(scalar, to_device(arguments))[1]))
    return [check_argument(scalar, arguments, name, gradients[name], rng, directions) for name in leaves]


def check_argument(scalar, arguments, name, gradient, rng, directions):
    """The worst Derivative of one argument: along the gradient itself, then along random directions of length 1."""
    largest = numpy.max(numpy.abs(gradient), initial=0.0)
    norm = largest * numpy.sqrt(numpy.sum((gradient / (largest or 1)) ** 2))  # else squares may underflow, or overflow
    if not numpy.isfinite(norm):  # nor would the directions be
        return Derivative(name, numpy.nan, numpy.nan, float(norm))
    if norm == 0:
        raise ValueError(f"the gradient with respect to {name} is identically zero: checking it would prove nothing")
    found, size = [], size_of(named_leaves(arguments)[name])
    for k in range(directions):
        direction = rng.standard_normal(gradient.shape) if k else gradient / largest
        direction = direction / numpy.sqrt(numpy.sum(direction**2))
        numerical, doubt, _ = slope(
            lambda h, step=direction: to_host(scalar(to_device(moved(arguments, name, h * step)))), size
        )
        analytic = float(numpy.sum(gradient * direction))
        scale = max(abs(numerical), abs(analytic), norm / numpy.sqrt(gradient.size))
        found.append(Derivative(name, abs(numerical - analytic) / scale, numerical, analytic, doubt))
    return worst_of(found)


def worst_of(derivatives):
    """The Derivative with the largest relative error; one that is NaN is the worst."""
    return max(derivatives, key=lambda d: (d.relative_error != d.relative_error, d.relative_error))


def assert_gradient(function, arguments, rng, tolerance=TOLERANCE):
    """Raise AssertionError, saying which derivative of which argument is off by how much, unless all are right."""
    wrong = [d for d in check_gradient(function, arguments, rng) if not d.relative_error <= tolerance]
    if wrong:
        raise AssertionError("; ".join(map(str, wrong)))


def as_tuple(output):
    return tuple(output) if isinstance(output, (tuple, list)) else (output,)


def gradient_table(ops_sets, rng):
    """Check every function of every set of operations, and every whole model with it: yields a Row each.

    Parameters: `ops_sets` a dict {"equations": module, ...}. Sizes are small, odd and pairwise distinct, and the arrays
    lie in memory in many ways: see `laid_out`.
    """
    for ops_name, ops in ops_sets.items():
        for name, (function, arguments) in {**function_cases(ops, rng), **model_cases(ops, rng)}.items():
            arguments = laid_out(arguments)
            try:
                derivatives = check_gradient(function, arguments, rng)
            except ValueError as error:
                raise ValueError(f"{ops_name} {name}: {error}") from error
            yield Row(ops_name, name, len(derivatives), worst_of(derivatives))


LAYOUTS = {  # ways for the same numbers to lie in memory
    "by rows": numpy.ascontiguousarray,
    "by columns": numpy.asfortranarray,
    "every other entry": lambda a: numpy.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: numpy.ascontiguousarray(a[::-1])[::-1],
    "in the other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "across bytes": lambda a: numpy.frombuffer(b"-" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),  # read-only too
}


def laid_out(tree, turn=0):
    """The nested dict with its arrays in all LAYOUTS in turn: no derivative may depend on them."""
    layouts = itertools.islice(itertools.cycle(LAYOUTS.values()), turn, None)
    return map_leaves(lambda leaf: next(layouts)(leaf), tree)


def function_cases(ops, rng, batch=2, N=4, latent=5, hidden=6, width=7, height=9, channels=3):
    """One case for each differentiable function of a set of operations: {name: (function, arguments)}."""

    def normal(*shape):
        return rng.standard_normal(shape)

    def positive(*shape):
        return numpy.exp(0.3 * rng.standard_normal(shape))

    def linear(inputs, outputs):
        return {"W": normal(inputs, outputs), "b": normal(outputs)}

    window = {
        "g_X": 4 + normal(batch, 1), "g_Y": 5 + normal(batch, 1), "delta": positive(batch, 1),
        "sigma_squared": positive(batch, 1), "gamma": positive(batch, 1),
    }  # fmt: skip
    lstm_params = {"W": normal(latent, 4 * hidden), "U": normal(hidden, 4 * hidden), "b": normal(4 * hidden)}
    h = normal(batch, hidden)
    images = {"x": normal(batch, channels, height, width), "x_hat": normal(batch, channels, height, width)}
    filters = {"F_X": normal(batch, N, width), "F_Y": normal(batch, N, height), "gamma": positive(batch, 1)}
    code = {"mu": normal(batch, latent), "sigma": positive(batch, latent)}
    noise = to_device(normal(batch, latent))
    x, c = rng.random((batch, channels, height, width)), normal(batch, channels, height, width)
    classes = latent + 1  # of one class nothing changes
    logits, labels = 3 * normal(batch, classes), to_device(rng.integers(classes, size=batch))
    to_patch, to_canvas = linear(hidden, channels * N * N), linear(hidden, channels * height * width)
    return {
        "linear": (lambda a: ops.linear(a["params"], a["a"]), {"params": linear(hidden, latent), "a": h}),
        "sigmoid": (lambda a: ops.sigmoid(a["x"]), {"x": h}),
        "bounded_exp": (lambda a: ops.bounded_exp(a["log"]), {"log": h}),
        "lstm": (
            lambda a: ops.lstm(a["params"], a["x"], ops.LSTMState(a["h"], a["cell"])),
            {"params": lstm_params, "x": normal(batch, latent), "h": h, "cell": normal(batch, hidden)},
        ),
        "attention_window": (
            lambda a: ops.attention_window(a["params"], a["h_dec"], N, height, width),
            {"params": linear(hidden, 5), "h_dec": h},
        ),
        "filter_means": (lambda a: ops.filter_means(a["g_X"], a["delta"], N), pick(window, "g_X", "delta")),
        "filterbank": (
            lambda a: ops.filterbank(a["mu"], a["sigma_squared"], width),
            {"mu": 4 + 2 * normal(batch, N), "sigma_squared": window["sigma_squared"]},
        ),
        "filterbanks": (
            lambda a: ops.filterbanks(ops.Window(**a, gamma=None), N, height, width),
            pick(window, "g_X", "g_Y", "delta", "sigma_squared"),
        ),
        "glimpse": (lambda a: ops.glimpse(**a), {"x": images["x"], **filters}),
        "read": (lambda a: ops.read(**a), {**images, **filters}),
        "read_without_attention": (lambda a: ops.read_without_attention(**a), images),
        "writing_patch": (
            lambda a: ops.writing_patch(a["params"], a["h_dec"], N, channels), {"params": to_patch, "h_dec": h},
        ),
        "write": (lambda a: ops.write(**a), {"w": normal(batch, channels, N, N), **filters}),
        "write_without_attention": (
            lambda a: ops.write_without_attention(a["params"], a["h_dec"], channels, height, width),
            {"params": to_canvas, "h_dec": h},
        ),
        "posterior": (
            lambda a: ops.posterior(a["mu_params"], a["sigma_params"], a["h_enc"]),
            {"mu_params": linear(hidden, latent), "sigma_params": linear(hidden, latent), "h_enc": h},
        ),
        "sample": (lambda a: ops.sample(a["mu"], a["sigma"], noise), code),
        "kl": (lambda a: ops.kl(**a), code),
        "log_posterior_over_prior": (lambda a: ops.log_posterior_over_prior(**a, noise=noise), code),
        "pixel_means": (lambda a: ops.pixel_means(a["c"]), {"c": c}),
        "error_image": (lambda a: ops.error_image(**a), {"x": x, "c": c}),
        "negative_log_likelihood": (lambda a: ops.negative_log_likelihood(**a), {"x": x, "c": c}),
        "softmax": (lambda a: ops.softmax(**a), {"logits": logits}),
        "cross_entropy": (lambda a: ops.cross_entropy(a["logits"], labels), {"logits": logits}),
    }  # fmt: skip


def pick(tree, *names):
    return {name: tree[name] for name in names}


def model_cases(ops, rng):
    """The loss of each whole model, of all parameters and inputs: {name: (function, arguments)}."""
    sizes = {"height": 9, "width": 7, "hidden": 6}
    attention = draw.Config(**sizes, steps=3, latent=5, read_size=2, write_size=4)
    classifier = glimpse_classifier.Config(**sizes, steps=4, read_size=3, classes=5)
    configs = {
        "DRAW, T = 3": (draw, attention),
        "DRAW without attention, T = 3": (draw, dataclasses.replace(attention, read_size=None, write_size=None)),
        "DRAW in colour, T = 3": (draw, dataclasses.replace(attention, channels=3)),
        "variational auto-encoder": (vae, vae.Config(**sizes, latent=5)),
        "glimpse classifier, 4 glimpses": (glimpse_classifier, classifier),
    }
    return {name: model_case(model, config, ops, rng) for name, (model, config) in configs.items()}


def model_case(model, config, ops, rng, batch=2):
    """A model's loss as a function of parameters, images and, but for a classifier, noise; none is zero, where an
    error could hide.
    """
    params = model.init_params(config, rng, dtype=numpy.float64)
    labels = to_device(rng.integers(config.classes, size=batch)) if model is glimpse_classifier else None
    arguments = {
        "params": map_leaves(lambda leaf: leaf + 0.1 * rng.standard_normal(leaf.shape), params),
        "images": rng.uniform(0.1, 0.9, (batch, *image_shape(config))),
    }
    if labels is None:
        arguments["noise"] = model.sample_noise(config, batch, rng, numpy.float64)
    return lambda a: model.loss(a["params"], config, a["images"], a.get("noise", labels), ops), arguments
