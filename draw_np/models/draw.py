"""DRAW: the recurrent encoder and decoder of Fig 2 right, its loss and how it generates (Eq 3-16).

`ops` is the set of operations to compute with: `draw_np.equations` to read and to learn, `draw_np.kernels` to train.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy

from .. import equations
from ..backend import np, recomputed, traced_dict, traced_tuple
from ..counts import check_count
from .common import (
    Generation,
    check_call,
    check_config,
    check_counts,
    check_noise,
    check_planes,
    check_rng,
    from_planes,
    image_shape,
    initial_canvas,
    linear_shapes,
    lstm_shapes,
    new_noise,
    new_params,
    tile,
    to_planes,
)

LOSSES, MEASURE, BATCH_AXIS, FREE = ("L_x", "L_z"), "bound", 1, ("steps",)
"""What training must know of a model: the names of its loss's terms, what measures it, the axis of the batch in what is
`given` besides images, and the sizes that its parameters do not depend on.
"""
DECODER = ("decoder", "write_window", "write_patch", "write", "initial/canvas", "initial/h_dec", "initial/cell_dec")
"""The parameters that `generate` uses."""


@dataclass(frozen=True)
class Config:
    """The sizes of a DRAW model; the default is Table 3's "MNIST Model".

    `steps` is the paper's T, `latent` the number of z's per step, `read_size` and `write_size` the paper's N. Both
    None: DRAW without attention (section 3.1). The parameters do not depend on `steps`: a model may run at any T.
    Raises ValueError for a size that is no whole number of at least 1.

    >>> draw.Config(steps=8, hidden=32).latent
    100
    """

    height: int = 28
    width: int = 28
    channels: int = 1
    steps: int = 64
    hidden: int = 256
    latent: int = 100
    read_size: int | None = 2
    write_size: int | None = 5

    def __post_init__(self):
        check_counts(self)
        if (self.read_size is None) != (self.write_size is None):
            raise ValueError("read_size and write_size must both be numbers or both None (no attention)")

    @property
    def attention(self):
        return self.read_size is not None


class Trace(NamedTuple):
    """Everything that happened while the model looked at a batch: one entry a step in each list.

    `canvases` c_t (batch, channels, height, width); `mu` and `sigma` (batch, latent);
    `read_windows` and `write_windows`: equations.Window, or None each without attention.
    """

    canvases: list
    mu: list
    sigma: list
    read_windows: list
    write_windows: list


def init_params(config, rng, mean_image=None, dtype=numpy.float32):
    """New parameters, a nested dict of arrays.

    The paper says that c_0, h_0^enc and h_0^dec are "learned biases" and gives no starting values; the cells' initial
    values, which it does not mention, are learned here too. Two choices are ours:

    - the filters start out tiling the patch, sigma = delta / 2. With sigma = 1 the "initial patch" has the right
      extent but its 2 x 2 filters see little more than the corner pixels, where a digit is hardly ever found;
    - c_0 starts at the logits of `mean_image`, (height, width[, channels]) in [0, 1], if given, else at 0, grey.

    >>> params = draw.init_params(draw.Config(hidden=6, latent=5), np.random.default_rng(0))
    >>> params["mu"]["W"].shape
    (6, 5)
    """
    check_config(config, Config)
    check_rng(rng)
    params = new_params(shapes(config), rng, dtype)
    if config.attention:
        tile(params["read_window"], config, config.read_size)
        tile(params["write_window"], config, config.write_size)
    params["initial"]["canvas"] = initial_canvas(config, mean_image).astype(dtype)
    return params


def shapes(config):
    """The shapes of the parameters that `init_params` makes, a nested dict: no size is too large to ask for."""
    hidden, channels, size = config.hidden, config.channels, config.channels * config.height * config.width
    if config.attention:
        reading = 2 * channels * config.read_size**2
        attention = {
            "read_window": linear_shapes(hidden, 5),
            "write_window": linear_shapes(hidden, 5),
            "write_patch": linear_shapes(hidden, channels * config.write_size**2),
        }
    else:
        reading = 2 * size
        attention = {"write": linear_shapes(hidden, size)}
    return {
        **attention,  # first, as `init_params` draws them
        "encoder": lstm_shapes(reading + hidden, hidden),  # its input is [r_t, h_dec]
        "decoder": lstm_shapes(config.latent, hidden),
        "mu": linear_shapes(hidden, config.latent),
        "sigma": linear_shapes(hidden, config.latent),
        "initial": {
            "canvas": (channels, config.height, config.width),
            **{name: (hidden,) for name in ("h_enc", "cell_enc", "h_dec", "cell_dec")},
        },
    }


def sample_noise(config, batch, rng, dtype=numpy.float32):
    """The randomness of one pass: N(0, 1), new for every step, image and latent unit, (steps, batch, latent).

    Raises ValueError where `rng` is no NumPy Generator, `config` no Config, and for a batch of less than 1.

    >>> draw.sample_noise(draw.Config(steps=3, latent=5), 2, np.random.default_rng(0)).shape
    (3, 2, 5)
    """
    check_config(config, Config)
    return new_noise(rng, (config.steps, batch, config.latent), dtype)


def given(config, labels, batch, rng):
    """What the loss of a batch takes besides images: the noise. `labels` are not used."""
    return sample_noise(config, batch, rng)


def drawing(config):
    """The names among `shapes` of what `generate` uses."""
    return [name for name in shapes(config) if name in ("initial", *DECODER)]


def check(params, config, ops, names_of=shapes):
    """As `check_call`; and c_0 must be as large as the images, or NumPy would repeat what is added to it to fit."""
    check_call(params, config, ops, Config, names_of)
    shape, wanted = getattr(params["initial"]["canvas"], "shape", None), (config.channels, config.height, config.width)
    if shape != wanted:
        raise ValueError(f"the canvas in params['initial'] must be of shape {wanted}, as config says, got {shape}")


def for_every_step(params, ops):
    """The parameters with those that every step uses marked as shared, so that kernels can gather their gradients."""
    return {name: value if name == "initial" else ops.shared(value) for name, value in params.items()}


class State(NamedTuple):
    """What one step hands to the next: the canvas c_t (batch, channels, height, width) and two ops.LSTMState."""

    canvas: np.ndarray
    encoder: Any
    decoder: Any


def initial_state(params, batch, ops):
    """The learned c_0 (Eq 3), h_0 and cells, repeated for every image of the batch. Raises ValueError for no batch."""
    batch = check_count("batch", batch)

    def repeat(value):  # adding zeros: a broadcast whose gradient autograd sums over the batch
        return value + np.zeros((batch,) + value.shape, value.dtype)

    initial = params["initial"]
    encoder = ops.LSTMState(repeat(initial["h_enc"]), repeat(initial["cell_enc"]))
    decoder = ops.LSTMState(repeat(initial["h_dec"]), repeat(initial["cell_dec"]))
    return State(repeat(initial["canvas"]), encoder, decoder)


def read(params, config, x, x_hat, h_dec, ops):
    """read(x, x_hat_t, h_dec_{t-1}) of Eq. (4): the reading r_t, in parts, and the window it was read through, or None.

    The paper writes x_t for its first argument; nothing but x is meant.
    """
    if not config.attention:
        return ops.read_without_attention(x, x_hat), None
    window = ops.attention_window(params["read_window"], h_dec, config.read_size, config.height, config.width)
    F_X, F_Y = ops.filterbanks(window, config.read_size, config.height, config.width)
    return (ops.read(x, x_hat, F_X, F_Y, window.gamma),), window


def write(params, config, h_dec, ops):
    """write(h_dec_t) of Eq. (8) and Eq. (15): what to add to the canvas and the window it goes through, or None.

    The window is not the one that was read through: its linear map has weights of its own (section 3.3).
    """
    if not config.attention:
        return ops.write_without_attention(params["write"], h_dec, config.channels, config.height, config.width), None
    window = ops.attention_window(params["write_window"], h_dec, config.write_size, config.height, config.width)
    F_X, F_Y = ops.filterbanks(window, config.write_size, config.height, config.width)
    w = ops.writing_patch(params["write_patch"], h_dec, config.write_size, config.channels)
    return ops.write(w, F_X, F_Y, window.gamma), window


def infer(params, config, images, noise, ops=equations):
    """Look at images and redraw them: Eq. (3) to Eq. (8) for t = 1 ... T.

    Parameters: `images` of shape (batch, height, width[, channels]) in [0, 1]; `noise` as `sample_noise` makes it: its
    first axis, not `config.steps`, decides T. Returns a Trace. Raises ValueError on a wrong shape or range.
    """
    check(params, config, ops)
    x = to_planes(images, config)
    return infer_steps(params, config, x, initial_state(params, len(x), ops), noise, ops)[1]


def infer_steps(params, config, x, state, noise, ops):
    """As many steps as `noise` has, from `state` on. Returns the State after them and their Trace.

    Parameters: `x` are planes, (batch, channels, height, width): of grey images `images[:, None]`; `state` as
    `initial_state` or the steps before return it; `noise` (steps, batch, latent). Raises ValueError on a wrong shape.
    """
    if not isinstance(state, State):
        raise ValueError(f"state must be a State, as initial_state makes it, got a {type(state).__name__}")
    check_planes(x, state.canvas.shape)
    check_noise(noise, ("steps", len(x), config.latent))
    params = for_every_step(params, ops)
    c, encoder, decoder = state
    x_read = x if config.attention else ops.loop_invariant(x)
    trace = Trace([], [], [], [], [])
    for noise_t in noise:
        x_hat = ops.error_image(x, c)  # Eq. (3)
        r, read_window = read(params, config, x_read, x_hat, decoder.h, ops)  # Eq. (4)
        encoder = ops.lstm(params["encoder"], (*r, decoder.h), encoder)  # Eq. (5)
        mu, sigma = ops.posterior(params["mu"], params["sigma"], encoder.h)
        z = ops.sample(mu, sigma, noise_t)  # Eq. (6)
        c, decoder, write_window = decode(params, config, z, c, decoder, ops)
        for record, value in zip(trace, (c, mu, sigma, read_window, write_window)):
            record.append(value)
    return State(c, encoder, decoder), trace


def decode(params, config, z, c, decoder, ops):
    """The decoder's step of inference and generation: Eq. (8), Eq. (15). Returns c_t, the state and the window."""
    decoder = ops.lstm(params["decoder"], z, decoder)  # Eq. (7), Eq. (14)
    written, window = write(params, config, decoder.h, ops)
    return c + written, decoder, window  # Eq. (8), Eq. (15)


def bound(params, config, images, noise, ops=equations, keep_every=None):
    """The two losses of each image in nats: L^x of shape (batch,) and L^z of every step, (steps, batch).

    Their sum is an upper bound on -log p(x), estimated with the one sample of z that `noise` gives.

    Parameters: those of `infer`. To help training, images may be staged: (batch, stages, height, width[, channels]),
    the images themselves last. The T steps are cut into equal parts, and in the k-th of them x in Eq. (3) and Eq. (4)
    is the k-th stage. That bounds -log p of the images all the same, since a posterior may depend on anything, and the
    decoder never sees an image. With `keep_every` the backward pass takes less memory: of every so many steps one state
    is kept, and the others are computed again: the same numbers, for another forward pass. Raises ValueError on a wrong
    shape or range, and for more stages than steps.

    >>> params, config = load_pretrained("mnist")
    >>> images, rng = datasets.load("binarized-mnist", "test", 2).images, np.random.default_rng(0)
    >>> reconstruction, latent = draw.bound(params, config, images, draw.sample_noise(config, 2, rng))
    >>> reconstruction.shape, latent.shape == (config.steps, 2)
    ((2,), True)
    """
    check(params, config, ops)
    keep_every = None if keep_every is None else check_count("keep_every", keep_every)
    shown = stages(images, config)
    check_noise(noise, ("steps", len(shown[0]), config.latent))
    state, latent = initial_state(params, len(shown[0]), ops), []
    if keep_every:
        params = without_names(params)  # once: what the segments add to the gradient of one value is added at once
    for x, steps in zip(shown, equal_parts(noise, len(shown))):
        segment = recomputed_segment(config, ops) if keep_every else partial(run_segment, config, ops)
        for start in range(0, len(steps), keep_every or len(steps)):
            state, kl = segment((params, state), x, steps[start : start + (keep_every or len(steps))])
            latent.append(kl)
    return ops.negative_log_likelihood(x, state[0]), np.concatenate(latent)  # Eq. (9)


losses = bound  # the terms of the loss, by the name that training calls them with


def stages(images, config):
    """The stages of images as `bound` takes them, in order, each as planes; one, if they are not staged."""
    images = images if hasattr(images, "shape") else numpy.asarray(images)
    if images.shape[2:] == image_shape(config) and images.shape[1] > 0:
        return [to_planes(images[:, k], config) for k in range(images.shape[1])]
    return [to_planes(images, config)]


def equal_parts(noise, count):
    """The noise of T steps in `count` parts, as equal as can be. Raises ValueError if there are fewer steps."""
    steps = len(noise)
    if count > steps:
        raise ValueError(f"{count} stages are more than the {steps} steps")
    return [noise[steps * k // count : steps * (k + 1) // count] for k in range(count)]


def run_segment(config, ops, params_and_state, x, noise):
    """Some steps in a row, from (parameters, State) on: the State after them and their L^z, (steps, batch)."""
    state, trace = infer_steps(params_and_state[0], config, x, params_and_state[1], noise, ops)
    return state, kl_of_steps(trace, ops)


def recomputed_segment(config, ops):
    """`run_segment` computed again in the backward pass; its State goes in and out as plain tuples."""

    @recomputed
    def segment(params_and_state, x, noise):
        params, (c, encoder, decoder) = params_and_state
        state = State(c, ops.LSTMState(*encoder), ops.LSTMState(*decoder))
        return without_names(run_segment(config, ops, (params, state), x, noise))

    return lambda params_and_state, x, noise: segment(without_names(params_and_state), x, noise)


def kl_of_steps(trace, ops):
    """L^z of every step of a Trace, of shape (steps, batch): Eq. (10), Eq. (11)."""
    return np.stack([ops.kl(mu, sigma) for mu, sigma in zip(trace.mu, trace.sigma)])


def without_names(value):
    """Nested dicts and tuples, named ones as plain ones, as one value that autograd can follow."""
    if isinstance(value, dict):
        return traced_dict({name: without_names(part) for name, part in value.items()})
    return traced_tuple(tuple(map(without_names, value))) if isinstance(value, tuple) else value


def loss(params, config, images, noise, ops=equations):
    """L = L^x + L^z, nats per image averaged over the batch, with one sample of z: Eq. (12).

    Parameters and errors as of `bound`. A model that knows nothing, all whose pixels are even odds, needs log 2 nats
    for each, and this is what a new one comes to:

    >>> config, rng = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5), np.random.default_rng(0)
    >>> params, noise = draw.init_params(config, rng), draw.sample_noise(config, 2, rng)
    >>> images = np.zeros((2, 8, 7))
    >>> bool(abs(draw.loss(params, config, images, noise) - 8 * 7 * np.log(2)) < 1)
    True
    """
    reconstruction, latent = bound(params, config, images, noise, ops)
    return (np.sum(reconstruction) + np.sum(latent)) / len(images)


def log_importance_weight(params, config, images, noise, ops=equations):
    """log p(x, z) - log q(z | x) in nats at the sampled z, of shape (batch,).

    The log of this weight's mean over K samples is an estimate of log p(x) from below, closer with every K. Parameters
    and errors as of `infer`.
    """
    check(params, config, ops)
    x = to_planes(images, config)
    _, trace = infer_steps(params, config, x, initial_state(params, len(x), ops), noise, ops)
    reconstruction = ops.negative_log_likelihood(x, trace.canvases[-1])
    ratio = sum(ops.log_posterior_over_prior(*step) for step in zip(trace.mu, trace.sigma, noise))
    return -reconstruction - ratio


@numpy.errstate(all="ignore")  # of weights that are of no use the canvases say so
def generate(params, config, noise, ops=equations):
    """Draw from the prior, without any image or encoder: Eq. (13), Eq. (14), Eq. (15).

    Parameters: `noise` as `sample_noise` makes it; it is z itself, and its first axis decides T. Returns a Generation.
    The paper's Fig 6 shows the means `ops.pixel_means(canvases[-1])`; `ops.sample_image` draws an image from them,
    Eq 16. Raises ValueError on a wrong shape.

    >>> params, config = load_pretrained("mnist")
    >>> canvases, windows = draw.generate(params, config, draw.sample_noise(config, 2, np.random.default_rng(0)))
    >>> equations.pixel_means(canvases[-1]).shape, windows.delta.shape == (config.steps, 2)
    ((2, 28, 28), True)
    """
    check(params, config, ops, drawing)
    check_noise(noise, ("steps", "batch", config.latent))
    params = for_every_step(params, ops)
    c, _, decoder = initial_state(params, noise.shape[1], ops)
    canvases, windows = [], []
    for z in noise:  # Eq. (13)
        c, decoder, window = decode(params, config, z, c, decoder, ops)  # Eq. (14), Eq. (15)
        canvases.append(c)
        windows.append(window)
    if config.attention:
        fields = (np.stack([value[:, 0] for value in values]) for values in zip(*windows))  # each (steps, batch)
        windows = ops.Window(*fields)
    return Generation(from_planes(np.stack(canvases)), windows if config.attention else None)
