"""A DRAW network without its inactive latent units: fewer numbers to compute, the same drawings.

Most of DRAW's units become inactive in training: their posterior becomes the prior, and all that the decoder gets from
them, at every step, is noise. The paper does not mention it.
"""

import numpy

from ..backend import arrays as np
from .draw import infer

ACTIVE = 0.05
"""Nats an image, over all steps; a latent unit with fewer says nothing that the decoder could use: it is inactive."""


def nats_of_units(params, config, images, noise, ops):
    """L^z of every latent unit in nats an image, (latent,): Eq. (10) without its sum over units, over all steps."""
    trace = infer(params, config, images, noise, ops)
    pairs = zip(trace.mu, trace.sigma)
    units = [ops.kl(mu.reshape(-1, 1), sigma.reshape(-1, 1)).reshape(mu.shape) for mu, sigma in pairs]
    return np.sum(sum(units), axis=0) / len(images)


def pruned(params, kept):
    """The parameters, or another tree of their form, of NumPy arrays, of the latent units `kept` alone."""
    return with_units(params, lambda leaf, axis: numpy.take(leaf, kept, axis))


def restored(params, kept, latent):
    """The inverse of `pruned`: all `latent` units, the inactive ones with the prior for a posterior, and not used."""

    def put_back(leaf, axis):
        whole = numpy.zeros((*leaf.shape[:axis], latent, *leaf.shape[axis + 1 :]), leaf.dtype)
        whole[(slice(None),) * axis + (numpy.asarray(kept),)] = leaf
        return whole

    return with_units(params, put_back)


def with_units(params, change):
    """The parameters with `change(leaf, axis)` in place of each leaf that has an axis of latent units."""
    decoder = {**params["decoder"], "W": change(params["decoder"]["W"], 0)}
    posterior = {
        name: {"W": change(params[name]["W"], 1), "b": change(params[name]["b"], 0)} for name in ("mu", "sigma")
    }
    return {**params, "decoder": decoder, **posterior}
