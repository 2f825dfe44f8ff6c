"""The latent code: its distribution (Eq 1, 2), a sample (Eq 6, 13) and what the sample costs (Eq 10, 11).

The paper uses sigma for three things. Here it is the posterior's standard deviation; the logistic function is
`sigmoid`, and the filters' width appears only as `sigma_squared`.
"""

from ..backend import np
from .arguments import takes
from .linear import bounded_exp, linear


@takes(
    h_enc="batch hidden",
    mu_params={"W": "hidden latent", "b": "latent"},
    sigma_params={"W": "hidden latent", "b": "latent"},
)
def posterior(mu_params, sigma_params, h_enc):
    """Mean and standard deviation of Q(Z_t | h_enc), a diagonal Gaussian: Eq. (1), Eq. (2).

    Parameters: those of two linear maps, and `h_enc` of shape (batch, hidden).
    Returns mu and sigma, each of shape (batch, latent).
    """
    mu = linear(mu_params, h_enc)
    sigma = bounded_exp(linear(sigma_params, h_enc))
    return mu, sigma


@takes(mu="batch latent", sigma="batch latent", noise="batch latent")
def sample(mu, sigma, noise):
    """A reparameterised sample z ~ Q(Z_t | h_enc): Eq. (6).

    The randomness comes in as `noise` ~ N(0, 1), so that z is a differentiable function of mu and sigma. With mu = 0
    and sigma = 1, z = noise is a sample of the prior, Eq. (13). All of shape (batch, latent).
    """
    return mu + sigma * noise


@takes(mu="batch latent", sigma="batch latent")
def kl(mu, sigma):
    """KL(Q || P) of one step from the standard normal prior, in nats for each image: a term of Eq. (10), Eq. (11).

    Eq 11 prints the constant as -T/2. Summed over Z latent units it is -TZ/2, and with the printed one a posterior
    equal to the prior would cost T(Z-1)/2 nats instead of none. No gradient sees it, every reported bound does.

    Parameters: `mu` and `sigma` of shape (batch, latent). Returns shape (batch,).

    >>> equations.kl(np.array([[0.0, 0.0], [1.0, 0.0]]), np.ones((2, 2))).tolist()
    [0.0, 0.5]
    """
    return 0.5 * np.sum(mu**2 + sigma**2 - np.log(sigma**2) - 1.0, axis=1)


@takes(mu="batch latent", sigma="batch latent", noise="batch latent")
def log_posterior_over_prior(mu, sigma, noise):
    """log Q(z | x) - log P(z) at z = mu + sigma noise, in nats: Eq 10 before its expectation is taken.

    Its mean over the noise is `kl`. Importance sampling needs the value itself. Returns shape (batch,).
    """
    z = sample(mu, sigma, noise)
    return 0.5 * np.sum(z**2 - noise**2 - np.log(sigma**2), axis=1)
