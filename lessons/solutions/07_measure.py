# %% [markdown]
# # Exercises of lesson 07, Measure
#
# Do the lesson first: [07 Measure](../07_measure.ipynb). Every exercise has a text, a cell where you write your answer
# in place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what it expected and what
# it got; when it prints nothing but "right", go on. No check needs another exercise's answer. Run the next cell first.

# %%
import numpy as np
from autograd.extend import defvjp_argnums, primitive

from draw_np import equations
from draw_np.training.gradient_check import assert_gradient

rng = np.random.default_rng(107)

# %% [markdown]
# ## Exercise 7.1 Bits
#
# (Easy.) Scores of models of different images cannot be compared in nats per image: a larger image costs more. Turn
# nats per image into bits per pixel. (A colour image has three numbers a pixel; here they count as three pixels.)


# %%
def bits_per_pixel(nats, height, width, channels=1):
    """The cost in bits of one number of an image that costs `nats` in all."""
    # BEGIN SOLUTION
    return nats / np.log(2) / (height * width * channels)
    # END SOLUTION


# %%
# Check 7.1
for shape in (28, 28), (7, 9), (54, 54, 3):
    coin = equations.negative_log_likelihood(np.ones((1, *shape)), np.zeros((1, *shape)))[0]
    got = bits_per_pixel(coin, *shape)
    assert np.isclose(got, 1), f"a coin costs 1 bit a pixel: for {shape} expected 1, got {got}"
got = bits_per_pixel(80.0, 28, 28)
assert np.isclose(got, 80 / 784 * 1.4426950409), (
    f"80 nats for 28 x 28: expected {80 / 784 * 1.442695:.6f}, got {got:.6f}"
)
print(f"7.1 is right: 80 nats are {got:.3f} bits a pixel")

# %% [markdown]
# ## Exercise 7.2 What the KL asks for
#
# (Harder.) Take the closed form for one latent unit,
#
# $$KL = \frac{\mu^2 + \sigma^2 - \log \sigma^2 - 1}{2} ,$$
#
# and work out its derivatives with respect to $\mu$ and $\sigma$ on paper. Which way does each push, and where do both
# rest?


# %%
def kl_gradient(mu, sigma):
    """dKL/dmu and dKL/dsigma, two arrays of the shape of `mu` and `sigma`."""
    # BEGIN SOLUTION
    return mu, sigma - 1 / sigma
    # END SOLUTION


# %%
# Check 7.2
got = kl_gradient(np.zeros(5), np.ones(5))
assert len(got) == 2, f"expected two arrays, got {len(got)}"
assert np.allclose(got, 0), f"at mu = 0, sigma = 1 Q is P and nothing pushes: expected zeros, got {got}"


@primitive
def my_kl(mu, sigma):
    return (mu**2 + sigma**2 - np.log(sigma**2) - 1) / 2


def my_rule(argnums, answer, arguments, _):
    return lambda g: [g * np.asarray(kl_gradient(*arguments)[k]) for k in argnums]


defvjp_argnums(my_kl, my_rule)
arguments = {"mu": rng.standard_normal(5), "sigma": np.exp(0.5 * rng.standard_normal(5))}
assert_gradient(lambda a: my_kl(a["mu"], a["sigma"]), arguments, rng)
print("7.2 is right: both derivatives agree with finite differences")

# %% [markdown]
# ## Exercise 7.3 An estimate that survives
#
# (Hard.) From $K$ log weights for each image compute the estimate of its $-\log p(x)$,
#
# $$-\log \frac{1}{K} \sum_k w_k ,$$
#
# and how many equal weights would do as well, the effective number of samples:
#
# $$\frac{\left( \sum_k w_k \right)^2}{\sum_k w_k^2} .$$
#
# A weight of an image is often as small as $e^{-1000}$, which a computer takes for 0. So never leave the logarithms
# without taking the largest one out. What does a common factor do to either number?


# %%
def estimate(log_w):
    """Two arrays of shape (images,) from log weights (K, images): the estimate in nats, the effective samples."""
    # BEGIN SOLUTION
    top = log_w.max(axis=0)
    w = np.exp(log_w - top)  # the largest is 1
    return -(top + np.log(w.mean(axis=0))), w.sum(axis=0) ** 2 / (w**2).sum(axis=0)
    # END SOLUTION


# %%
# Check 7.3
log_w = np.log([[1.0, 2.0, 1e-6], [1.0, 4.0, 1.0], [1.0, 6.0, 1e-6]])
expected = -np.log([1.0, 4.0, 1 / 3 + 2e-6 / 3]), np.array([3.0, 144 / 56, 1.000004])
for shift in 0, -1000, 1000:
    got = estimate(log_w + shift)
    for name, e, g in zip(("estimate", "effective number"), (expected[0] - shift, expected[1]), got):
        assert np.shape(g) == (3,), f"the {name}: expected shape (3,), got {np.shape(g)}"
        assert np.allclose(e, g), f"the {name}, {shift:+} on all log weights: expected {e}, got {np.asarray(g)}"

z, dz = np.linspace(-8, 8, 4001, retstep=True)  # the toy of the lesson's part 2
x, slope = np.array([1.0, 0.0, 1.0]), np.array([4.0, -3.0, 1.0])


def log_D(z):
    c = slope * z[..., None]
    return (x * c - np.logaddexp(0, c)).sum(axis=-1)


exact = -np.log((np.exp(log_D(z) - z**2 / 2) / np.sqrt(2 * np.pi)).sum() * dz)
e = rng.standard_normal((100_000, 1))
z = 1.0 + 0.8 * e  # from Q
got, effective = estimate(log_D(z) - (z**2 - e**2 - np.log(0.64)) / 2)
assert abs(got[0] - exact) < 0.02, f"the toy: expected {exact:.4f}, got {got[0]:.4f}"
print(f"7.3 is right: the toy has {exact:.4f} nats, you found {got[0]:.4f} with {effective[0]:,.0f} effective samples")
