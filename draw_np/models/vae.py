"""The conventional variational auto-encoder of Fig 2 left: the same latent code and loss, one step, no recurrence.

The paper draws it and gives no sizes; here encoder and decoder have one hidden layer of tanh units each.
"""

from dataclasses import dataclass

import numpy

from .. import equations
from ..backend import np
from .common import (
    Generation,
    check_call,
    check_config,
    check_counts,
    check_noise,
    check_rng,
    from_planes,
    initial_canvas,
    linear_shapes,
    new_noise,
    new_params,
    to_planes,
)

LOSSES, MEASURE, BATCH_AXIS, FREE = ("L_x", "L_z"), "bound", 1, ()  # as those of draw


@dataclass(frozen=True)
class Config:
    """The sizes of a VAE."""

    height: int = 28
    width: int = 28
    channels: int = 1
    hidden: int = 500
    latent: int = 50

    def __post_init__(self):
        check_counts(self)


def init_params(config, rng, mean_image=None, dtype=numpy.float32):
    """New parameters, a nested dict of arrays. The canvas starts at the logits of `mean_image`, if given."""
    check_config(config, Config)
    check_rng(rng)
    params = new_params(shapes(config), rng, dtype)
    params["canvas"]["b"] = initial_canvas(config, mean_image).reshape(-1).astype(dtype)
    return params


def shapes(config):
    """The shapes of the parameters that `init_params` makes, a nested dict."""
    hidden, latent, size = config.hidden, config.latent, config.channels * config.height * config.width
    return {
        "canvas": linear_shapes(hidden, size),  # first, as `init_params` draws it
        "encoder": linear_shapes(size, hidden),
        "mu": linear_shapes(hidden, latent),
        "sigma": linear_shapes(hidden, latent),
        "decoder": linear_shapes(latent, hidden),
    }


def drawing(config):
    """The names among `shapes` of what `generate` uses."""
    return "decoder", "canvas"


def sample_noise(config, batch, rng, dtype=numpy.float32):
    """The randomness of one pass: N(0, 1), new for every image and latent unit, (1, batch, latent)."""
    check_config(config, Config)
    return new_noise(rng, (1, batch, config.latent), dtype)


def given(config, labels, batch, rng):
    """What the loss of a batch takes besides images: the noise. `labels` are not used."""
    return sample_noise(config, batch, rng)


def infer(params, config, images, noise, ops=equations):
    """Look at images and redraw them in one step: Eq. (1), Eq. (2), Eq. (6).

    Parameters: `images` of shape (batch, height, width[, channels]) in [0, 1]; `noise` as `sample_noise` makes it.
    Returns x and the canvas, each of shape (batch, channels, height, width), mu and sigma, each (batch, latent). Raises
    ValueError on a wrong shape or range.
    """
    check_call(params, config, ops, Config, shapes)
    x = to_planes(images, config)
    check_noise(noise, (1, len(x), config.latent))
    hidden = np.tanh(ops.linear(params["encoder"], np.reshape(x, (len(x), -1))))
    mu, sigma = ops.posterior(params["mu"], params["sigma"], hidden)
    return x, decode(params, config, ops.sample(mu, sigma, noise[0]), ops), mu, sigma


def decode(params, config, z, ops):
    """The canvas, logits of shape (batch, channels, height, width), that the code `z` (batch, latent) stands for."""
    canvas = ops.linear(params["canvas"], np.tanh(ops.linear(params["decoder"], z)))
    return np.reshape(canvas, (len(z), config.channels, config.height, config.width))


def bound(params, config, images, noise, ops=equations):
    """The two losses of each image in nats: L^x of shape (batch,) and L^z of shape (1, batch): Eq. (9), Eq. (10).

    Parameters and errors as of `infer`.
    """
    x, canvas, mu, sigma = infer(params, config, images, noise, ops)
    return ops.negative_log_likelihood(x, canvas), ops.kl(mu, sigma)[None]


losses = bound  # the terms of the loss, by the name that training calls them with


def loss(params, config, images, noise, ops=equations):
    """L = L^x + L^z, nats per image averaged over the batch, with one sample of z: Eq. (12).

    Parameters and errors as of `infer`.
    """
    reconstruction, latent = bound(params, config, images, noise, ops)
    return (np.sum(reconstruction) + np.sum(latent)) / len(images)


def log_importance_weight(params, config, images, noise, ops=equations):
    """log p(x, z) - log q(z | x) in nats at the sampled z, of shape (batch,). Parameters and errors as of `infer`."""
    x, canvas, mu, sigma = infer(params, config, images, noise, ops)
    return -ops.negative_log_likelihood(x, canvas) - ops.log_posterior_over_prior(mu, sigma, noise[0])


@numpy.errstate(all="ignore")  # of weights that are of no use the canvases say so
def generate(params, config, noise, ops=equations):
    """Draw from the prior: Eq. (13). Returns a Generation of one canvas, (1, batch, height, width[, channels]).

    Parameters: `noise` as `sample_noise` makes it; it is z itself. Raises ValueError on a wrong shape.
    """
    check_call(params, config, ops, Config, drawing)
    check_noise(noise, (1, "batch", config.latent))
    return Generation(from_planes(decode(params, config, noise[0], ops)[None]), None)
