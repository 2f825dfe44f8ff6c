# %% [markdown]
# # Exercises of lesson 02, Be uncertain
#
# Do the lesson first: [02 Be uncertain](../02_be_uncertain.ipynb). Every exercise has a text, a cell where you write
# your answer in place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what it
# expected and what it got; when it prints nothing but "right", go on. No check needs another exercise's answer.
# Stuck? Click on Hint. Run the next cell first.

# %%
import numpy as np

from draw_np import equations
from draw_np.checks import assert_close, assert_derivatives

rng = np.random.default_rng(102)

# %% [markdown]
# ## Exercise 2.1 The price, differentiated
#
# (Easy, 5 minutes.) The price of a code in nats, for one image and one step, is (Eq. 11)
#
# $$\mathcal{L}^z = \frac{1}{2} \sum_i \left[ \mu_i^2 + \sigma_i^2 - \log \sigma_i^2 - 1 \right] .$$
#
# Work out $\frac{d\mathcal{L}^z}{d\mu_i}$ and $\frac{d\mathcal{L}^z}{d\sigma_i}$ on paper, and write them.
#
# <details><summary>Hint</summary>
#
# $\log \sigma^2 = 2 \log \sigma$. And do not forget the $\frac{1}{2}$ in front of the sum.
#
# </details>

# %%
def kl_gradient(mu, sigma):
    """dL^z/dmu and dL^z/dsigma, each of shape (Z,), from mu and sigma, each of shape (Z,)."""
    # BEGIN SOLUTION
    return mu, sigma - 1 / sigma
    # END SOLUTION

# %%
# Check 2.1
code = {"mu": np.array([-2.0, -0.3, 0.1, 1.5]), "sigma": np.array([0.1, 0.8, 1.3, 3.0])}
d_mu, d_sigma = kl_gradient(code["mu"].copy(), code["sigma"].copy())
assert_derivatives(lambda a: equations.kl(a["mu"][None], a["sigma"][None])[0], code, {"mu": d_mu, "sigma": d_sigma})
for name, slope in zip(("mu", "sigma"), kl_gradient(np.zeros(3), np.ones(3))):
    assert_close(f"dL^z/d{name} where Q is the prior", slope, np.zeros(3))
print("2.1 is right")

# %% [markdown]
# ## Exercise 2.2 A baseline that is fair
#
# (Harder, 15 minutes.) The score function estimates $\frac{d}{d\mu} \langle f(z) \rangle$,
# $z \sim \mathcal{N}(\mu, \sigma)$, by the mean of
#
# $$(f(z_k) - b_k) \, \frac{z_k - \mu}{\sigma^2}$$
#
# over $n$ draws $z_k$. The average stays right whatever $b_k$ is, as long as it does not depend on $z_k$. Take for
# $b_k$ the mean of the **other** $n - 1$ values of $f$. Draws are in the last axis; other axes may stand before it.
#
# <details><summary>Hint</summary>
#
# The sum of the others is the sum of all, minus the draw's own. With `keepdims=True` the sum of all keeps its axis, so
# it can be subtracted from.
#
# </details>

# %%
def score_estimate(f, z, mu, sigma):
    """One estimate for each row of draws: f and z of shape (..., n) with n >= 2, mu and sigma numbers; shape (...)."""
    # BEGIN SOLUTION
    n = f.shape[-1]
    others = (f.sum(axis=-1, keepdims=True) - f) / (n - 1)
    return np.mean((f - others) * (z - mu) / sigma**2, axis=-1)
    # END SOLUTION

# %%
# Check 2.2
assert_close("the estimate from two draws", score_estimate(np.array([3.0, 1.0]), np.array([2.0, 0.0]), 0.5, 0.5), 8.0)
f, z = np.array([[5.0, 1, 0, 3], [0, 0, 4, 0]]), np.array([[1.0, 3, 0, 4], [2, 5, 1, 0]])
by_hand = np.zeros((2, 4))  # each draw's part: its f minus the mean of the three others, times its score
for row in range(2):
    for k in range(4):
        others = [f[row, other] for other in range(4) if other != k]
        by_hand[row, k] = (f[row, k] - sum(others) / 3) * (z[row, k] - 0.5) / 2.0**2
assert_close("the estimates from two rows of four draws", score_estimate(f, z, 0.5, 2.0), by_hand.sum(axis=1) / 4)
f, z = rng.standard_normal((2, 3, 2, 5))
others = np.stack([np.delete(f, k, axis=2).mean(axis=2) for k in range(5)], axis=2)
expected = np.mean((f - others) * (z - 0.5) / 2.0**2, axis=2)
assert_close("the estimates for f of shape (3, 2, 5)", score_estimate(f, z, 0.5, 2.0), expected)
z = 1.0 + 0.5 * rng.standard_normal((200_000, 3))  # f(z) = z^2 + 100: the answer is 2 mu = 2
estimates = score_estimate(z**2 + 100, z, 1.0, 0.5)
assert_close("the mean of 200,000 estimates from three draws each", estimates.mean(), 2.0, rtol=0.03)
f, score = z**2 + 100, (z - 1.0) / 0.5**2
without, simple = np.mean(f * score, axis=1), np.mean((f - f.mean(axis=1, keepdims=True)) * score, axis=1)
print(f"2.2 is right: variance {estimates.var():.1f}, without a baseline {without.var():.1f}")
print(f"with the mean of all three as a baseline the estimates' mean is {simple.mean():.2f} instead of 2")

# %% [markdown]
# ## Exercise 2.3 All the way through
#
# (Hard, 20 minutes.) One image $x$ of $P$ pixels, a code of $Z$ numbers, and a decoder that is one linear map. The
# encoder answered $\mu$ and $\lambda = \log \sigma$; the noise was $\varepsilon$:
#
# $$z = \mu + \exp(\lambda) \, \varepsilon, \qquad c = z W + b, \qquad
# \mathcal{L} = \underbrace{\sum_j \left[ \log(1 + \exp(c_j)) - x_j c_j \right]}_{\mathcal{L}^x}
# + \underbrace{\frac{1}{2} \sum_i \left[ \mu_i^2 + \exp(2 \lambda_i) - 2 \lambda_i - 1 \right]}_{\mathcal{L}^z} .$$
#
# Work out $\frac{d\mathcal{L}}{d\mu}$ and $\frac{d\mathcal{L}}{d\lambda}$ by hand. Begin with $\frac{d\mathcal{L}}{dc}
# = \sigma(c) - x$, go back to $z$, and do not forget that both numbers also have a price.
#
# <details><summary>Hint</summary>
#
# What does $z$ receive through the matrix product? Then: by how much does $z_i$ change with $\mu_i$, by how much with
# $\lambda_i$? Two roads lead to each of them, so add the derivatives of the price.
#
# </details>

# %%
def code_gradient(x, W, b, mu, log_sigma, noise):
    """dL/dmu and dL/dlog_sigma, each (Z,), from x (P,), W (Z, P), b (P,), and mu, log_sigma and noise, each (Z,)."""
    # BEGIN SOLUTION
    sigma = np.exp(log_sigma)
    c = (mu + sigma * noise) @ W + b
    d_z = W @ (equations.sigmoid(c) - x)
    return d_z + mu, d_z * noise * sigma + sigma**2 - 1
    # END SOLUTION

# %%
# Check 2.3
x, W, b = rng.integers(0, 2, 7).astype(float), rng.standard_normal((4, 7)), rng.standard_normal(7)
noise, code = rng.standard_normal(4), {"mu": rng.standard_normal(4), "log_sigma": 0.5 * rng.standard_normal(4)}

def loss(a):
    mu, sigma = a["mu"][None], np.exp(a["log_sigma"])[None]
    c = equations.linear({"W": W, "b": b}, equations.sample(mu, sigma, noise[None]))
    return (equations.negative_log_likelihood(x[None], c) + equations.kl(mu, sigma))[0]

d_mu, d_log_sigma = code_gradient(x, W, b, code["mu"].copy(), code["log_sigma"].copy(), noise)
assert_derivatives(loss, code, {"mu": d_mu, "log_sigma": d_log_sigma})
print("2.3 is right")
