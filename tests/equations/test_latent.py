"""The latent code (Eq 1, 2, 6, 10, 11, 13) against scalars, an integral and Monte Carlo."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draw_np import equations
from draw_np.backend import value_and_grad

BATCH, HIDDEN, LATENT = 2, 6, 5


def reference_eq_01_02(mu_params, sigma_params, h_enc):
    """mu and sigma of one image, unit by unit."""

    def W(params, k):
        return params["b"][k] + sum(h_enc[m] * params["W"][m][k] for m in range(len(h_enc)))

    units = range(len(mu_params["b"]))
    return [W(mu_params, k) for k in units], [math.exp(W(sigma_params, k)) for k in units]


def reference_eq_10(mu, sigma, half_width=12.0, intervals=4000):
    """KL(Q || P) of one image by its definition, the integral of q log(q / p), summed over its units."""
    total = 0.0
    for m, s in zip(mu, sigma):
        dz = 2 * half_width * s / intervals
        for k in range(intervals + 1):  # the trapezoidal rule; q is zero to machine precision at both ends
            z = m - half_width * s + k * dz
            log_q, log_p = reference_log_normal(z, m, s), reference_log_normal(z, 0.0, 1.0)
            total += math.exp(log_q) * (log_q - log_p) * dz
    return total


def reference_eq_11(mu, sigma):
    """Eq 11 for one image and T = 1, with its constant counted once for each unit."""
    Z = len(mu)
    return 0.5 * sum(mu[k] ** 2 + sigma[k] ** 2 - math.log(sigma[k] ** 2) for k in range(Z)) - 1 * Z / 2


def reference_log_normal(z, mu, sigma):
    return -0.5 * math.log(2 * math.pi) - math.log(sigma) - (z - mu) ** 2 / (2 * sigma**2)


def posterior_case(rng):
    return rng.normal(size=(BATCH, LATENT)), np.exp(0.5 * rng.normal(size=(BATCH, LATENT)))


@pytest.mark.equation(1, 2)
def test_posterior():
    rng = np.random.default_rng(0)
    mu_params, sigma_params = ({"W": rng.normal(size=(HIDDEN, LATENT)), "b": rng.normal(size=LATENT)} for _ in range(2))
    h_enc = rng.normal(size=(BATCH, HIDDEN))
    mu, sigma = equations.posterior(mu_params, sigma_params, h_enc)
    for n in range(BATCH):
        expected_mu, expected_sigma = reference_eq_01_02(mu_params, sigma_params, h_enc[n])
        np.testing.assert_allclose(mu[n], expected_mu, rtol=1e-12)
        np.testing.assert_allclose(sigma[n], expected_sigma, rtol=1e-12)


@pytest.mark.equation(6)
def test_sample():
    rng = np.random.default_rng(1)
    mu, sigma = posterior_case(rng)
    noise = rng.normal(size=(BATCH, LATENT))
    expected = [[mu[n, k] + sigma[n, k] * noise[n, k] for k in range(LATENT)] for n in range(BATCH)]
    np.testing.assert_allclose(equations.sample(mu, sigma, noise), expected, rtol=1e-12)


@pytest.mark.equation(13)
def test_sample_of_the_prior_is_the_noise_itself():
    noise = np.random.default_rng(2).normal(size=(BATCH, LATENT))
    assert np.array_equal(equations.sample(np.zeros_like(noise), np.ones_like(noise), noise), noise)


@pytest.mark.equation(10)
def test_kl_is_the_integral_that_defines_it():
    mu, sigma = posterior_case(np.random.default_rng(3))
    expected = [reference_eq_10(mu[n], sigma[n]) for n in range(BATCH)]
    np.testing.assert_allclose(equations.kl(mu, sigma), expected, rtol=1e-9)


@pytest.mark.equation(11)
def test_kl_closed_form():
    mu, sigma = posterior_case(np.random.default_rng(4))
    expected = [reference_eq_11(mu[n], sigma[n]) for n in range(BATCH)]
    np.testing.assert_allclose(equations.kl(mu, sigma), expected, rtol=1e-12)


@pytest.mark.equation(11)
@pytest.mark.parametrize("latent", [1, 5, 100])
def test_posterior_equal_to_the_prior_costs_nothing(latent):
    """With the constant as printed, -T/2, it would cost (Z - 1) / 2 nats a step."""
    assert equations.kl(np.zeros((BATCH, latent)), np.ones((BATCH, latent))).tolist() == [0.0] * BATCH


@given(st.floats(-1e3, 1e3), st.floats(-20, 20))
@settings(deadline=None, derandomize=True)
def test_kl_is_never_negative(mu, log_sigma):
    assert equations.kl(np.array([[mu]]), np.array([[math.exp(log_sigma)]]))[0] >= -1e-15


def test_log_posterior_over_prior():
    rng = np.random.default_rng(5)
    mu, sigma = posterior_case(rng)
    noise = rng.normal(size=(BATCH, LATENT))
    expected = [
        sum(
            reference_log_normal(m + s * e, m, s) - reference_log_normal(m + s * e, 0.0, 1.0)
            for m, s, e in zip(mu[n], sigma[n], noise[n])
        )
        for n in range(BATCH)
    ]
    np.testing.assert_allclose(equations.log_posterior_over_prior(mu, sigma, noise), expected, rtol=1e-12)


@pytest.mark.equation(10)
def test_kl_is_the_mean_of_the_log_ratio():
    rng = np.random.default_rng(6)
    (mu,), (sigma,) = (value[:1] for value in posterior_case(rng))
    samples = 200_000
    every_mu, every_sigma = (np.broadcast_to(value, (samples, LATENT)) for value in (mu, sigma))
    ratios = equations.log_posterior_over_prior(every_mu, every_sigma, rng.normal(size=(samples, LATENT)))
    standard_error = ratios.std() / math.sqrt(samples)
    assert standard_error < 0.01  # else the next line would say little
    assert abs(ratios.mean() - equations.kl(mu[None], sigma[None])[0]) < 4 * standard_error


def test_float32_stays_finite_at_huge_weights():
    rng = np.random.default_rng(7)
    h_enc, noise = np.ones((BATCH, HIDDEN), np.float32), np.ones((BATCH, LATENT), np.float32)
    params = {
        name: {"W": W, "b": np.zeros(LATENT, np.float32)}
        for name, W in zip(("mu", "sigma"), 1e4 * rng.normal(size=(2, HIDDEN, LATENT)).astype(np.float32))
    }

    def nats(p):
        mu, sigma = equations.posterior(p["mu"], p["sigma"], h_enc)
        return equations.kl(mu, sigma) + equations.sample(mu, sigma, noise).sum(axis=1)

    assert nats(params).dtype == np.float32
    value, gradient = value_and_grad(nats, params)
    leaves = [leaf for part in gradient.values() for leaf in part.values()]
    assert np.all(np.isfinite(value)) and all(np.all(np.isfinite(leaf)) for leaf in leaves)
    assert {leaf.dtype for leaf in leaves} == {np.dtype(np.float32)}
