"""The last part of a run: what it takes to come to rest where the loss is lowest.

Until then the weights swing to and fro across a narrow valley, a period being a few updates, nats above their average,
and momentum keeps them swinging; the gradient tells them about little else. Schedule-Free Adam (Defazio et al. 2024,
"The Road Less Scheduled") takes it near the average instead: there it tells where the valley leads.
"""

from ..backend import arrays as np
from ..backend import to_device
from ..models import draw
from .adam import adam_update, update_average
from .trees import map_leaves

SILENT = 0.05
"""Nats an image, over all steps; a latent unit with fewer says nothing that the decoder could use."""


def settle(params, config, images, noise, ops):
    """The parameters to settle from: `params`, the average of the run so far, with the silent latent units cut off.

    Most of DRAW's units fall silent: their posterior becomes the prior. What the decoder hears from them, at every
    step, is noise, so their rows of its W become zero here, and `heard_only` keeps them so.
    """
    trace = draw.infer(params, config, images, to_device(noise), ops)
    return rows_of_decoder(params, nats_of_units(trace, ops) >= SILENT)


def nats_of_units(trace, ops):
    """L^z of every latent unit in nats, (latent,): Eq. (10) without its sum over units, over all steps and a batch."""
    pairs = zip(trace.mu, trace.sigma)
    units = [ops.kl(mu.reshape(-1, 1), sigma.reshape(-1, 1)).reshape(mu.shape) for mu, sigma in pairs]
    return np.sum(sum(units), axis=0) / len(units[0])


def heard_only(gradient, params):
    """The gradient without the rows of the decoder's W that are zero in `params`: Adam leaves these as they are."""
    return rows_of_decoder(gradient, np.sum(np.square(params["decoder"]["W"]), axis=1) > 0)


def rows_of_decoder(tree, kept):
    """A tree of parameters with the rows of the decoder's W, one for each latent unit, zero where `kept` is False."""
    W = tree["decoder"]["W"]
    return {**tree, "decoder": {**tree["decoder"], "W": W * kept[:, None].astype(W.dtype)}}


def schedule_free_update(params, average, gradient, state, rate, fraction, near=0.97):
    """One update of Schedule-Free Adam, from `gradient` at `params`. Returns (params, average, AdamState).

    A point z makes Adam's steps, without momentum; `average` x follows it, as in `adam.update_average`; and the next
    gradient is taken at params y = near * x + (1 - near) * z. So z need not be stored.
    """

    def mixed(share):
        return lambda x, z: x + share * (z - x)

    z = map_leaves(mixed(1 / (1 - near)), average, params)
    z, state = adam_update(z, gradient, state, rate, beta1=0.0)
    average = update_average(average, z, state.count, fraction)
    return map_leaves(mixed(1 - near), average, z), average, state
