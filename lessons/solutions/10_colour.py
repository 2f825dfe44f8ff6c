# %% [markdown]
# # Exercises of lesson 10, Colour
#
# Do the lesson first: [10 Colour](../10_colour.ipynb). Every exercise has a text, a cell where you write your answer in
# place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what it expected and what it
# got; when it prints nothing but "right", go on. No check needs another exercise's answer. Stuck? Click on Hint. Run
# the next cell first.

# %%
import numpy as np

from draw_np import datasets, equations
from draw_np.checks import assert_close, assert_derivatives

rng = np.random.default_rng(110)

# %% [markdown]
# ## Exercise 10.1 The floor
#
# (Easy, 10 minutes.) The least that a model can pay for an image is the sum of the entropies of its numbers,
# $H(x) = -x \log x - (1 - x) \log(1 - x)$. Compute it for a set of images, in nats an image: the mean over the images,
# not over the numbers. Many numbers are exactly 0 or exactly 1. There $H$ is 0, its limit, and no number may be moved
# to get there.
#
# <details><summary>Hint</summary>
#
# $x \log x$ is nearly 0 where $x$ is nearly 0. The computer makes `nan` of 0 times infinity. So take the logarithm of
# something harmless, of 1 for example, where $x$ is 0: `np.where(x > 0, x, 1)`. Then do the same for $1 - x$.
#
# </details>

# %%
def floor(images):
    """The mean entropy of the images in nats an image, one number.

    Parameters: `images` of shape (count, height, width, channels), numbers from 0 to 1, both included.
    """
    # BEGIN SOLUTION
    def x_log_x(x):
        return x * np.log(np.where(x > 0, x, 1))

    return -(x_log_x(images) + x_log_x(1 - images)).sum() / len(images)
    # END SOLUTION

# %%
# Check 10.1
images = rng.random((4, 7, 9, 3))
assert_close("the floor of random intensities", floor(images), datasets.floor(images))
assert_close("the floor of a flat grey, 2 numbers", floor(np.full((1, 1, 2, 1), 0.5)), 2 * np.log(2))
bits = (rng.random((5, 6, 7, 3)) < 0.5).astype(float)
assert_close("the floor of images of 0 and 1", floor(bits), 0.0, atol=0)
mixed = np.concatenate([images[..., :1] * 0, images[..., 1:2] * 0 + 1, images[..., 2:]], axis=3)
assert_close("the floor of images with red 0 and green 1", floor(mixed), datasets.floor(mixed))
print("10.1 is right")

# %% [markdown]
# ## Exercise 10.2 The nearest image
#
# (Harder, 15 minutes.) Fig. 9 and Fig. 12 show beside a generated image the training image that is nearest to it. The
# distance of two images $s$ and $y$ with $n$ numbers each, all pixels and all three channels, is
# $\sqrt{\frac{1}{n} \sum (s - y)^2}$. For each image find which of the others is nearest, and how far it is. There may
# be many others, so use one matrix product instead of a loop over pairs. A copy may be among them: its distance is 0.
#
# <details><summary>Hint</summary>
#
# Make a row of $n$ numbers of each image. Then $\|s - y\|^2 = \|s\|^2 - 2 \, s \cdot y + \|y\|^2$. Rounding can make
# this slightly negative for a copy, and the root of that is `nan`: compute the distance to the chosen one anew.
#
# </details>

# %%
def nearest(images, others):
    """Which of the others is nearest to each image, counted from 0, and the distance: two arrays of shape (count,).

    Parameters: `images` of shape (count, height, width, 3) and `others` of shape (many, height, width, 3).
    """
    # BEGIN SOLUTION
    s, y = images.reshape(len(images), -1), others.reshape(len(others), -1)
    squared = (s**2).sum(axis=1)[:, None] - 2 * s @ y.T + (y**2).sum(axis=1)  # (count, many)
    chosen = squared.argmin(axis=1)
    return chosen, np.sqrt(((s - y[chosen]) ** 2).mean(axis=1))
    # END SOLUTION

# %%
# Check 10.2
others = rng.random((11, 8, 7, 3))
images = np.clip(others[[6, 2, 9, 2, 0]] + 0.4 * rng.standard_normal((5, 8, 7, 3)), 0, 1)
others[3] = images[4] / 4  # the same colours, darker
others[4] = images[0].mean(axis=2, keepdims=True)  # the same greys in no colour
others[5] = images[1][..., [1, 2, 0]]  # the same numbers in other colours
others[7, ..., 0] = images[2][..., 0]  # the same red
others[8] = 1  # the longest
others[10] = images[3]  # a copy
chosen, distance = nearest(images, others)
for k, image in enumerate(images):
    all_distances = [np.sqrt(np.mean((image - other) ** 2)) for other in others]
    assert_close(f"the nearest to image {k}", np.asarray(chosen)[k], np.argmin(all_distances))
    assert_close(f"the distance of image {k}", np.asarray(distance)[k], min(all_distances), atol=1e-6)
print("10.2 is right")

# %% [markdown]
# ## Exercise 10.3 What the planes share
#
# (Hard, 25 minutes.) All planes of an image are read through one window: $\text{patch}_k = \gamma \, F_Y \, x_k \,
# F_X^T$ for $k = 1, \dots, C$. (In DRAW $C$ is 6: three planes of $x$, three of $\hat{x}$.) The gradient has come back
# as far as the patches, $G_k = \frac{d\mathcal{L}}{d\,\text{patch}_k}$. Work out what $x$, $F_X$, $F_Y$ and $\gamma$
# receive. Which of the four have a sum over $k$ in them, and why?
#
# <details><summary>Hint</summary>
#
# $d\mathcal{L} = \sum_k \sum_j \sum_i G_k[j, i] \, d\,\text{patch}_k[j, i]$. Write out $\text{patch}_k[j, i]$ and
# collect what stands beside $dF_X[i, a]$: there is one $F_X$, so everything that all the planes say about it is added.
# Beside $dx_k[b, a]$ stands only what plane $k$ says.
#
# </details>

# %%
def read_backwards(G, x, F_X, F_Y, gamma):
    """The derivatives for one image: a dict with "x", "F_X", "F_Y" and "gamma", each of the shape of the thing itself.

    Parameters: `G` (C, N, N), the gradient at the patches; the planes `x` (C, B, A); `F_X` (N, A); `F_Y` (N, B);
    `gamma` a number.
    """
    # BEGIN SOLUTION
    G_transposed, x_transposed = np.swapaxes(G, 1, 2), np.swapaxes(x, 1, 2)
    return {
        "x": gamma * (F_Y.T @ G @ F_X),  # (C, B, A): each plane for itself
        "F_X": gamma * (G_transposed @ F_Y @ x).sum(axis=0),  # (N, A)
        "F_Y": gamma * (G @ F_X @ x_transposed).sum(axis=0),  # (N, B)
        "gamma": np.sum(G * (F_Y @ x @ F_X.T)),
    }
    # END SOLUTION

# %%
# Check 10.3
G, gamma = rng.standard_normal((5, 4, 4)), np.array(0.7)
things = {"x": rng.random((5, 8, 7)), "F_X": rng.random((4, 7)), "F_Y": rng.random((4, 8)), "gamma": gamma}
got = read_backwards(G, *things.values())
assert_derivatives(lambda a: np.sum(G * a["gamma"] * (a["F_Y"] @ a["x"] @ a["F_X"].T)), things, got)
print("10.3 is right")

# %% [markdown]
# ## Exercise 10.4 The missing constant
#
# (Harder, 20 minutes.) If $e^{-CE(x, p)}$ is to be a probability of the 256 values $x = k / 255$, it has to be divided
# by
#
# $$Z(p) = \sum_{k=0}^{255} p^{k/255} \, (1 - p)^{1 - k/255} .$$
#
# DRAW's canvas holds logits, $p = \sigma(c)$, and they may be large. Compute $\log Z$ from $c$, for $c$ from -10,000 to
# 10,000. Try the formula as it stands at $c = -50$ and at $c = 50$ first, with `p = 1 / (1 + np.exp(-c))`: one of them
# comes out wrong. Why?
#
# <details><summary>Hint</summary>
#
# $\log \left( p^x (1 - p)^{1 - x} \right) = x \, c - \log(1 + e^c)$, and `np.logaddexp(0, c)` is the last term. Take
# the largest $x \, c$ out of the sum before `exp`. Or use that $Z$ is the same for $c$ and $-c$: then no exponent has
# to be positive. (As it stands: `1 - p` is 0 for the computer from $c = 37$ on, and `p` only below $c = -709$, where
# `np.exp(-c)` overflows. `equations.sigmoid` is a tanh plus 1, halved, and so it rounds to 0 at -50, too.)
#
# </details>

# %%
def log_Z(c):
    """log Z(sigma(c)), of the shape of `c`, an array of logits of any shape."""
    # BEGIN SOLUTION
    c = np.abs(c)
    terms = np.exp(-c[..., None] * np.arange(256) / 255)  # the largest is 1
    return np.log(terms.sum(axis=-1)) - np.log1p(np.exp(-c))
    # END SOLUTION

# %%
# Check 10.4
c = rng.uniform(-5, 5, (3, 4))
p = equations.sigmoid(c)
expected = np.log(sum(p ** (k / 255) * (1 - p) ** (1 - k / 255) for k in range(256)))
assert_close("log Z for c between -5 and 5", log_Z(c), expected)
assert_close("log Z at c = 0", log_Z(np.array(0.0)), np.log(128))
assert_close("log Z at c = -1e-12 and 1e-12", log_Z(np.array([-1e-12, 1e-12])), [np.log(128)] * 2)
for large in 50.0, 1_000.0, 10_000.0:
    ratio = np.exp(-large / 255)  # of each term to the next larger one; so far out, 1 + e^-c is 1
    expected = np.log((1 - ratio**256) / (1 - ratio))
    assert_close(f"log Z at c = -{large:.0f} and {large:.0f}", log_Z(np.array([-large, large])), [expected, expected])
print("10.4 is right")
