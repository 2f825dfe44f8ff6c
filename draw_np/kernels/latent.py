"""Kernels of the latent code: its distribution, a sample, and what the sample costs."""

from .. import equations
from ..backend import arrays as np
from ..backend import fused
from ..equations.arguments import takes
from .linear import clipped_exp
from .primitive import ADDED, kernel, shared


@takes(**equations.posterior.takes)
def posterior(mu_params, sigma_params, h_enc):
    """Mean and deviation, as `equations.posterior`, Eq (1), Eq (2): linear maps; dlog sigma = sigma dsigma."""
    return posterior_kernel(shared(mu_params), shared(sigma_params), h_enc)


@kernel
def posterior_kernel(mu_params, sigma_params, h_enc):
    mu = mu_params.apply(h_enc)
    sigma, slope = clipped_exp(sigma_params.apply(h_enc))

    def backward(d_mu, d_sigma):
        d_h = mu_params.pull_back(h_enc, d_mu)
        d_h += sigma_params.pull_back(h_enc, d_sigma * slope)
        return ADDED, ADDED, d_h

    return (mu, sigma), backward


@takes(**equations.sample.takes)
@kernel
def sample(mu, sigma, noise):
    """A reparameterised sample, as `equations.sample`, Eq (6): dmu = dz, dsigma = noise dz."""
    return mu + sigma * noise, lambda d_z: (d_z, d_z * noise, lambda: d_z * sigma)


@takes(**equations.kl.takes)
@kernel
def kl(mu, sigma):
    """KL(Q || P) of one step, as `equations.kl`, Eq (10), Eq (11): dmu = mu, dsigma = sigma - 1 / sigma."""
    return kl_sum(mu, sigma), lambda d_nats: kl_slopes(d_nats[:, None], mu, sigma)


@fused
def kl_sum(mu, sigma):
    squares = mu * mu
    squares += sigma * sigma
    squares -= 2 * np.log(sigma)
    squares -= 1
    return 0.5 * np.sum(squares, axis=1)


@fused
def kl_slopes(d_nats, mu, sigma):
    return d_nats * mu, d_nats * (sigma - 1 / sigma)


@takes(**equations.log_posterior_over_prior.takes)
@kernel
def log_posterior_over_prior(mu, sigma, noise):
    """log Q(z | x) - log P(z), as `equations.log_posterior_over_prior`.

    With z = mu + sigma noise:  dmu = z,  dsigma = z noise - 1 / sigma,  dnoise = z sigma - noise.
    """
    z = mu + sigma * noise
    terms = z * z - noise * noise - 2 * np.log(sigma)

    def backward(d_nats):
        d_nats = d_nats[:, None]
        return d_nats * z, d_nats * (z * noise - 1 / sigma), lambda: d_nats * (z * sigma - noise)

    return 0.5 * terms.sum(axis=1), backward
