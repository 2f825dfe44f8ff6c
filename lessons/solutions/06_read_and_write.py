# %% [markdown]
# # Exercises of lesson 06, Read and write
#
# Do the lesson first: [06 Read and write](../06_read_and_write.ipynb). Every exercise has a text, a cell where you
# write your answer in place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what it
# expected and what it got; when it prints nothing but "right", go on. No check needs another exercise's answer. Stuck?
# Click on Hint. Run the next cell first.

# %%
import numpy as np

from draw_np import equations
from draw_np.checks import assert_close, assert_derivatives

rng = np.random.default_rng(106)

def some_window(batch, N, height, width):
    """Random filterbanks, F_X (batch, N, width) and F_Y (batch, N, height), and gamma (batch, 1)."""
    W, b = rng.standard_normal((3, 5)), np.array([0.0, 0.0, 0.5, -1.0, 0.3])
    window = equations.attention_window({"W": W, "b": b}, rng.standard_normal((batch, 3)), N, height, width)
    return *equations.filterbanks(window, N, height, width), window.gamma

# %% [markdown]
# ## Exercise 6.1 Light
#
# (Easy, 5 minutes.) How much does a write (Eq. 29) add to the whole canvas, all pixels together? Work it out from the
# patch and the intensity alone: your function does not get the filters. (A row of a filterbank sums to 1.)
#
# <details><summary>Hint</summary>
#
# Sum Eq. 29 over $b$ and $a$ first: $\sum_b \hat{F}_Y[j, b] = 1$ for every $j$.
#
# </details>

# %%
def light(w, gamma):
    """The sum over all pixels of write, Eq. 29.

    Parameters: the patches `w` (batch, N, N) and the intensities `gamma` (batch, 1). Returns shape (batch,).
    """
    # BEGIN SOLUTION
    return w.sum(axis=(1, 2)) / gamma[:, 0]
    # END SOLUTION

# %%
# Check 6.1
for batch, N in (4, 5), (1, 3):
    w = rng.standard_normal((batch, N, N))
    F_X, F_Y, gamma = some_window(batch, N, height=20, width=31)
    expected = equations.write(w[:, None], F_X, F_Y, gamma).sum(axis=(1, 2, 3))
    assert_close(f"light, batch {batch}, {N} x {N}", light(w, gamma), expected)
print("6.1 is right")

# %% [markdown]
# ## Exercise 6.2 In colour
#
# (Harder, 15 minutes.) "For colour images each point in the input and error image [...] is an RGB triple. In this case
# the same reading and writing filters are used for all three channels" (section 3.3). Read from colour images, whose
# channels are the last axis. A reading is first the three patches of $x$, red, green and blue, then those of
# $\hat{x}$, and each patch row by row. Try it without a loop over the batch.
#
# <details><summary>Hint</summary>
#
# Name every axis by a letter: `n` the image, `b` the row, `a` the column, `c` the channel, `j` and `i` the filters.
# Then $F_Y$ is `njb`, and `np.einsum` multiplies and sums over every letter that the result does not name. In which
# order should the result have its letters? Or move the channels to the second axis with `np.moveaxis` and use `@`.
#
# </details>

# %%
def read_colour(x, x_hat, F_X, F_Y, gamma):
    """Eq. 27 for colour images.

    Parameters: `x` and `x_hat` (batch, height, width, 3); `F_X` (batch, N, width); `F_Y` (batch, N, height);
    `gamma` (batch, 1). Returns r of shape (batch, 6 N N).
    """
    # BEGIN SOLUTION
    patches = [np.einsum("njb,nbac,nia->ncji", F_Y, image, F_X) for image in (x, x_hat)]  # (batch, 3, N, N)
    return gamma * np.concatenate([patch.reshape(len(x), -1) for patch in patches], axis=1)
    # END SOLUTION

# %%
# Check 6.2
parts = ["x, red", "x, green", "x, blue", "x_hat, red", "x_hat, green", "x_hat, blue"]
for batch, N, height, width in (2, 4, 7, 9), (1, 3, 8, 5):
    x, x_hat = rng.uniform(-1, 1, (2, batch, height, width, 3))
    F_X, F_Y, gamma = some_window(batch, N, height, width)
    expected = equations.read(np.moveaxis(x, 3, 1), np.moveaxis(x_hat, 3, 1), F_X, F_Y, gamma)
    got, shape = np.asarray(read_colour(x, x_hat, F_X, F_Y, gamma)), (batch, 6 * N * N)
    assert got.shape == shape, f"expected 6 N N = {shape[1]} numbers for each image, the shape {shape}, got {got.shape}"
    for part, mine, its in zip(parts, np.split(got, 6, axis=1), np.split(expected, 6, axis=1)):
        assert_close(f"the patch of {part}, batch {batch}, N = {N}", mine, its)
print("6.2 is right")

# %% [markdown]
# ## Exercise 6.3 Write, backwards
#
# (Hard, 30 minutes.) The loss has a gradient with respect to every pixel that is written, $G =
# \frac{d\mathcal{L}}{d\,\text{write}}$. Work out on paper the gradients with respect to the four things that a write
# is made of,
#
# $$\text{write}[b, a] = \frac{1}{\hat{\gamma}} \sum_j \sum_i \hat{F}_Y[j, b] \; w[j, i] \; \hat{F}_X[i, a] ,$$
#
# and write them down as matrix products. The check compares every entry with finite differences.
#
# <details><summary>Hint</summary>
#
# $d\mathcal{L} = \sum_b \sum_a G[b, a] \, d\,\text{write}[b, a]$. Put in the formula, and collect what stands beside
# $dw[j, i]$, beside $d\hat{F}_X[i, a]$ and beside $d\hat{F}_Y[j, b]$. For $\hat{\gamma}$: the derivative of
# $1 / \hat{\gamma}$ is $-1 / \hat{\gamma}^2$.
#
# </details>

# %%
def write_backwards(G, w, F_X, F_Y, gamma):
    """The gradients of a loss with respect to what Eq. 29 is made of, for one image.

    Parameters: `G` (height, width), the gradient with respect to what is written; `w` (N, N); `F_X` (N, width);
    `F_Y` (N, height); `gamma` a number. Returns dL/dw, dL/dF_X, dL/dF_Y and dL/dgamma, each of the shape of
    the thing itself.
    """
    # BEGIN SOLUTION
    dw = F_Y @ G @ F_X.T / gamma  # (N, N): reading
    dF_X = (F_Y.T @ w).T @ G / gamma  # (N, width)
    dF_Y = w @ F_X @ G.T / gamma  # (N, height)
    dgamma = -np.sum(dw * w) / gamma  # only w / gamma matters: gamma dL/dgamma = -sum(w dL/dw)
    return dw, dF_X, dF_Y, dgamma
    # END SOLUTION

# %%
# Check 6.3
G, gamma = rng.standard_normal((7, 9)), np.array(0.7)
things = {"w": rng.standard_normal((4, 4)), "F_X": rng.random((4, 9)), "F_Y": rng.random((4, 7)), "gamma": gamma}
got = write_backwards(G, *things.values())
assert len(got) == 4, f"expected four gradients, got {len(got)}"

def loss(a):
    return np.sum(G * (a["F_Y"].T @ a["w"] @ a["F_X"]) / a["gamma"])

assert_derivatives(loss, things, dict(zip(things, got)))
print("6.3 is right")
