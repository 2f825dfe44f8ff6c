# %% [markdown]
# # Exercises of lesson 07, Measure
#
# Do the lesson first: [07 Measure](../07_measure.ipynb). Every exercise has a text, a cell where you write your answer
# in place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what it expected and what
# it got; when it prints nothing but "right", go on. No check needs another exercise's answer. Stuck? Click on Hint. Run
# the next cell first.

# %%
import numpy as np

from draw_np import equations
from draw_np.checks import assert_close, assert_derivatives

rng = np.random.default_rng(107)

# %% [markdown]
# ## Exercise 7.1 Bits
#
# (Easy, 5 minutes.) Scores of models of different images cannot be compared in nats per image: a larger image costs
# more. Turn nats per image into bits per pixel. (A colour image has three numbers a pixel; here they count as three
# pixels.)
#
# <details><summary>Hint</summary>
#
# 1 bit is $\log 2$ nats, so there are fewer nats than bits.
#
# </details>

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
    assert_close(f"a coin, shape {shape}", bits_per_pixel(coin, *shape), 1)
assert_close("80 nats for 28 x 28 pixels", bits_per_pixel(80.0, 28, 28), 0.14721378)
print("7.1 is right")

# %% [markdown]
# ## Exercise 7.2 What the KL asks for
#
# (Harder, 10 minutes.) Take the closed form for one latent unit,
#
# $$KL = \frac{\mu^2 + \sigma^2 - \log \sigma^2 - 1}{2} ,$$
#
# and work out its derivatives with respect to $\mu$ and $\sigma$ on paper. Which way does each push, and where do both
# rest?
#
# <details><summary>Hint</summary>
#
# $\log \sigma^2 = 2 \log \sigma$.
#
# </details>

# %%
def kl_gradient(mu, sigma):
    """dKL/dmu and dKL/dsigma, two arrays of the shape of `mu` and `sigma`."""
    # BEGIN SOLUTION
    return mu, sigma - 1 / sigma
    # END SOLUTION

# %%
# Check 7.2
places = {"mu": rng.standard_normal((3, 2)), "sigma": np.exp(0.5 * rng.standard_normal((3, 2)))}
places["mu"][0], places["sigma"][0] = (-1, 2), (0.02, 3)  # both signs, and a sigma near 0
got = kl_gradient(places["mu"], places["sigma"])
assert len(got) == 2, f"expected two arrays, got {len(got)}"
assert_derivatives(lambda a: equations.kl(a["mu"], a["sigma"]).sum(), places, dict(zip(places, got)))
assert_close("both at the prior, mu = 0 and sigma = 1", kl_gradient(np.zeros(5), np.ones(5)), np.zeros((2, 5)))
print("7.2 is right")

# %% [markdown]
# ## Exercise 7.3 An estimate that survives
#
# (Hard, 20 minutes.) From $K$ log weights for each image compute the estimate of its $-\log p(x)$,
#
# $$-\log \frac{1}{K} \sum_k w_k ,$$
#
# and how many equal weights would do as well, the effective number of samples:
#
# $$\frac{\left( \sum_k w_k \right)^2}{\sum_k w_k^2} .$$
#
# A weight of an image is often as small as $e^{-1000}$, which a computer takes for 0, and its largest weight may be
# $e^{2000}$ times the smallest. So never leave the logarithms without taking the largest one out. What does a common
# factor do to either number?
#
# <details><summary>Hint</summary>
#
# For each image take $m = \max_k \log w_k$ and compute with $w_k e^{-m}$, which is at most 1. The estimate then lacks
# $-m$; the effective number lacks nothing.
#
# </details>

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
log_w = np.c_[log_w, [0.0, 2000.0, 0.0]]  # the fourth image: one weight has all
expected = np.append(expected[0], np.log(3) - 2000), np.append(expected[1], 1)
for shift in np.array([[0, 0, 0, 0], [-1000, -1000, -1000, 0], [1000, 1000, 1000, 0], [0, -1000, 1000, -3000]]):
    got, effective = estimate(log_w + shift)
    assert_close(f"the estimates, log weights moved by {shift}", got, expected[0] - shift)
    assert_close(f"the effective numbers, log weights moved by {shift}", effective, expected[1])

z, dz = np.linspace(-8, 8, 4001, retstep=True)  # the toy of the lesson's part 2
x, slope = np.array([1.0, 0.0, 1.0]), np.array([4.0, -3.0, 1.0])

def log_D(z):
    c = slope * z[..., None]
    return (x * c - np.logaddexp(0, c)).sum(axis=-1)


exact = -np.log((np.exp(log_D(z) - z**2 / 2) / np.sqrt(2 * np.pi)).sum() * dz)
e = rng.standard_normal((100_000, 1))
z = 1.0 + 0.8 * e  # from Q
log_w = log_D(z) - (z**2 - e**2 - np.log(0.64)) / 2  # (100000, 1)
got, effective = estimate(log_w)
w = np.exp(log_w)  # none too small
assert_close("the toy of the lesson, exact value and estimate", got[0], exact, atol=0.02)
assert_close("the toy of the lesson, the effective number", effective[0], w.sum() ** 2 / (w**2).sum())
print(f"7.3 is right: {exact:.4f} nats, estimated {got[0]:.4f} from {effective[0]:,.0f} effective samples")
