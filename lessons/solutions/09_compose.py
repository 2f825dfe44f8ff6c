# %% [markdown]
# # Exercises of lesson 09, Compose
#
# Do the lesson first: [09 Compose](../09_compose.ipynb). Every exercise has a text, a cell where you write your answer
# in place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what it expected and what
# it got; when it prints nothing but "right", go on. No check needs another exercise's answer. Stuck? Click on Hint. Run
# the next cell first.

# %%
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
from matplotlib import pyplot as plt

from draw_np import backend, datasets, equations, kernels, load_pretrained, plotting
from draw_np.checks import assert_close
from draw_np.datasets.collage import place
from draw_np.models import draw
from draw_np.models.enlarge import enlarge
from draw_np.training.trees import named_leaves

plotting.use_style()
rng = np.random.default_rng(109)
digits = datasets.load("mnist", "test").images  # (10000, 28, 28), values in [0, 1]

# %% [markdown]
# ## Exercise 9.1 The price of a pixel
#
# (Easy, 10 minutes.) Make the picture of a DRAW one pixel larger. How many more parameters has the model? Think of
# every place where a pixel meets a weight: the two images that are read, what is written, and the first canvas. In
# colour a pixel has three numbers.
#
# <details><summary>Hint</summary>
#
# Without attention each number of $x$ and of $\hat{x}$ has a weight for every cell of the encoder's four gates, and
# what is written is a linear map: weights and a bias for each number.
#
# </details>

# %%
def price_of_a_pixel(hidden, channels, attention):
    """The parameters that one more pixel costs.

    Parameters: `hidden`, the cells of each LSTM; `channels`, 1 in grey and 3 in colour; `attention`, True or False.
    """
    # BEGIN SOLUTION
    first_canvas = channels
    if attention:
        return first_canvas
    read = 2 * channels * 4 * hidden  # x and x_hat, each into four gates
    write = channels * (hidden + 1)  # weights and a bias
    return first_canvas + read + write
    # END SOLUTION

# %%
# Check 9.1
def parameters(width, hidden, channels, size):
    config = draw.Config(5, width, channels, hidden=hidden, latent=4, read_size=size, write_size=size)
    return sum(leaf.size for leaf in named_leaves(draw.init_params(config, rng)).values())

for hidden, channels, size in (8, 1, 3), (8, 1, None), (7, 3, 3), (7, 3, None):
    expected = (parameters(7, hidden, channels, size) - parameters(6, hidden, channels, size)) / 5  # a column of 5
    name = f"the price with H = {hidden}, {channels} channels, {'attention' if size else 'no attention'}"
    assert_close(name, price_of_a_pixel(hidden, channels, size is not None), expected)
assert_close("the lesson's model, without attention", price_of_a_pixel(256, 1, False), 2306)
print("9.1 is right")

# %% [markdown]
# ## Exercise 9.2 Any number of digits
#
# (Harder, 15 minutes.) Compose one picture of $K$ digits:
#
# $$x[b, a] = \min\Big(1, \sum_{k=1}^{K} d_k[b - q_k + 1, \; a - p_k + 1]\Big) ,$$
#
# where $d_k$ is 0 outside its pixels. You may loop over the digits, but not over pixels: cut a piece out of the
# picture, or write through sharp filters as the lesson does. Rows and columns count from 1, as in the paper; Python's
# slices do not.
#
# <details><summary>Hint</summary>
#
# A digit of 28 rows with its first in row $q = 1$ covers rows 1 to 28: in Python these are `x[0:28]`. Which slice is it
# for any $q$? What is there already stays: add. And clip when all digits are in.
#
# </details>

# %%
def compose(d, q, p, B, A):
    """The picture, (B, A).

    Parameters: digits `d` of shape (K, height, width); `q` and `p`, arrays of K whole numbers: the row and the column,
    counted from 1, of every digit's first pixel; do not change them.
    """
    # BEGIN SOLUTION
    x = np.zeros((B, A))
    for digit, row, column in zip(d, q, p):
        height, width = digit.shape
        x[row - 1 : row - 1 + height, column - 1 : column - 1 + width] += digit
    return np.minimum(x, 1)
    # END SOLUTION

# %%
# Check 9.2
one, q, p = np.ones((1, 2, 3)), np.array([1]), np.array([2])
assert_close("a block of 2 x 3 ones at row 1, column 2 of 3 x 4", compose(one, q, p, 3, 4),
             [[0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]])
for K, B, A, white in (1, 28, 40, 255), (2, 60, 60, 255), (5, 50, 70, 99):  # the last digits are faint
    raw = rng.integers(white + 1, size=(K, 28, 28)).astype(np.uint8)
    q, p = rng.integers(B - 27, size=K) + 1, rng.integers(A - 27, size=K) + 1
    expected, old = place(raw[None], q[None] - 1, p[None] - 1, B, A)[0] / 255, np.array([q, p])
    assert_close(f"{K} patches on {B} x {A}", compose(raw / 255, q, p, B, A), expected)
    assert_close("q and p, after the call", np.array([q, p]), old)
print("9.2 is right")

# %% [markdown]
# ## Exercise 9.3 A larger canvas, the same pen
#
# (Hard, 30 minutes.) A model that was trained on $A \times B$ pixels is to draw on $A' \times B'$. Put it there as it
# is, and its drawing is stretched, for Eq. 22-24 count in parts of the picture:
#
# $$g_X = \frac{A+1}{2} (\tilde{g}_X + 1), \qquad g_Y = \frac{B+1}{2} (\tilde{g}_Y + 1), \qquad
# \delta = \frac{\max(A, B) - 1}{N - 1} \, \tilde{\delta} .$$
#
# We want the windows that it would have had on the small canvas, moved right by `right` pixels and down by `down`:
# $g_X' = g_X + \text{right}$, $g_Y' = g_Y + \text{down}$, and $\delta' = \delta$, $\sigma' = \sigma$,
# $\gamma' = \gamma$, whatever $h^{dec}$ is. The network emits (Eq. 21)
#
# $$(\tilde{g}_X, \tilde{g}_Y, \log \sigma^2, \log \tilde{\delta}, \log \gamma) = h^{dec} \, W + b ,$$
#
# so find what has to be emitted now, and from it the new $W$ and $b$. Each of the five numbers has a column of $W$.
#
# <details><summary>Hint</summary>
#
# Solve $\frac{A'+1}{2} (\tilde{g}_X' + 1) = \frac{A+1}{2} (\tilde{g}_X + 1) + \text{right}$ for $\tilde{g}_X'$: it is
# a number times $\tilde{g}_X$ plus another number. The first multiplies a column of $W$ and its $b$, the second is
# added to $b$. For the stride only a logarithm is added.
#
# </details>

# %%
def moved(W, b, small, large, right, down):
    """The new W (hidden, 5) and b (5,) of a window; do not change the old ones.

    Parameters: `small` and `large`, the pairs (B, A) and (B', A') of heights and widths; `right` and `down` in pixels.
    """
    # BEGIN SOLUTION
    (B, A), (B_new, A_new) = small, large
    W, b = W.copy(), b.copy()
    for column, was, now, shift in (0, A, A_new, right), (1, B, B_new, down):
        shrink = (was + 1) / (now + 1)
        W[:, column] *= shrink  # (now + 1) / 2 (g_new + 1) = (was + 1) / 2 (g + 1) + shift, solved for g_new
        b[column] = shrink * (b[column] + 1) + 2 * shift / (now + 1) - 1
    b[3] += np.log((max(A, B) - 1) / (max(A_new, B_new) - 1))
    return W, b
    # END SOLUTION

# %%
# Check 9.3
W, b, h_dec = rng.standard_normal((6, 5)), rng.standard_normal(5), rng.standard_normal((4, 6))
old = {"W": W.copy(), "b": b.copy()}
for small, large, right, down in ((60, 60), (100, 100), 20, 20), ((30, 40), (70, 50), 0, 40), ((9, 7), (9, 7), -2, 3):
    before = equations.attention_window({"W": W, "b": b}, h_dec, 5, *small)
    new_W, new_b = moved(W, b, small, large, right, down)
    assert_close("the number of columns of W", np.shape(new_W)[1], 5)
    assert_close("the old W, after the call", W, old["W"])
    assert_close("the old b, after the call", b, old["b"])
    after = equations.attention_window({"W": new_W, "b": new_b}, h_dec, 5, *large)
    shifts = {"g_X": right, "g_Y": down}
    for name, was, now in zip(before._fields, before, after):
        assert_close(f"{name}, from {small} to {large}", now, was + shifts.get(name, 0))
print("9.3 is right")

# %% [markdown]
# Now the model draws on 100 × 100, the same $z$ at two places. Its first canvas goes along, continued with the values
# at its edge. Before you run the cell: will it be exactly the same drawing? The cell prints by how much of the ink
# they differ. Then it compares what single steps wrote: steps whose filters all lay inside the small canvas, three
# $\sigma$ and all, and steps whose window met its rim.

# %%
params, config = load_pretrained("two-digit-mnist")
z, wide = draw.sample_noise(config, 5, rng), replace(config, height=100, width=100)
small = draw.generate(params, config, z)
w, before = small.windows, equations.sigmoid(small.canvases[-1])  # (5, 60, 60)
reach = (config.write_size - 1) / 2 * w.delta + 3 * np.sqrt(w.sigma_squared)
at_rim = np.maximum(abs(w.g_X - 30.5), abs(w.g_Y - 30.5)) + reach > 30  # (steps, 5)
wrote = np.diff(small.canvases, axis=0)  # by every step but the first: (steps - 1, 5, 60, 60)
rows = [np.pad(before, ((0, 0), (20, 20), (20, 20)))]
for right, down in (40, 40), (0, 20):
    c_0 = np.pad(params["initial"]["canvas"], ((0, 0), (down, 40 - down), (right, 40 - right)), mode="edge")
    new = {**params, "initial": {**params["initial"], "canvas": c_0}}
    W, b = moved(**params["write_window"], small=(60, 60), large=(100, 100), right=right, down=down)
    new["write_window"] = {"W": W.astype(np.float32), "b": b.astype(np.float32)}
    canvases = draw.generate(new, wide, z).canvases
    rows.append(equations.sigmoid(canvases[-1]))
    there = np.s_[..., down : down + 60, right : right + 60]
    off = np.abs(rows[-1][there] - before).sum() / before.sum()
    print(f"right {right}, down {down}: the drawings differ by {off:.0%} of the ink")
    for name, which in ("all inside", ~at_rim[1:]), ("at the rim", at_rim[1:]):
        off = np.abs(np.diff(canvases, axis=0)[there] - wrote)[which].sum() / np.abs(wrote)[which].sum()
        print(f"    {which.sum()} writes with their filters {name} differ by {off:.2g} of what they wrote")
axes = plt.figure(figsize=(13, 8)).add_subplot()
plotting.show_image(axes, plotting.grid(np.concatenate(rows), columns=5, border=3))
_ = axes.set_yticks([53, 156, 259], ["60 × 60", "right 40\ndown 40", "down 20"])

# %% [markdown]
# Almost, but not exactly. Where all filters lay inside, the writes are the same to rounding. At the rim they are not: a
# filter that was cut off there still summed to 1, so that all its light fell onto the small canvas. On the large one it
# has room, and part of the light falls outside. The first windows of a drawing are large and always meet the rim, so
# every picture changes. The same five numbers mean another stroke where the paper ends elsewhere.
#
# ## An experiment: one digit, or three
#
# Nothing to write here. Apart from the beginning of its training, the model has always been asked for two digits.
# Before you run the next cell: can it redraw a picture with one digit? With three, with four? The cell measures the
# ink that is missing or too much, $\sum |x - \sigma(c_T)|$, for each unit of ink in the picture.

# %%
def picture(K):
    q, p = rng.integers(33, size=(2, K)) + 1
    x = place((255 * digits[rng.integers(10000, size=K)]).astype(np.uint8)[None], q[None] - 1, p[None] - 1, 60, 60)
    return x[0] / np.float32(255)

figure, axes = plt.subplots(2, 4, figsize=(15, 8))
for K, above, below in zip([1, 2, 3, 4], *axes):
    x = np.stack([picture(K) for _ in range(100)])
    trace = draw.infer(params, config, x, draw.sample_noise(config, 100, rng), kernels)
    redrawn = equations.sigmoid(trace.canvases[-1][:, 0])
    wrong = np.abs(x - redrawn).sum(axis=(1, 2)) / x.sum(axis=(1, 2))
    plotting.show_image(above, plotting.grid(x[:4], 2), f"digits: {K}")
    plotting.show_image(below, plotting.grid(redrawn[:4], 2), f"redrawn\nwrong ink: {wrong.mean():.0%}")
plt.show()

# %% [markdown]
# It knows one digit from the beginning of its training. Of three or four, what does it draw, and what does it leave
# out? Part 3 has shown its plan: a digit in the first half of the steps, a digit in the second. What does the model
# lack: steps, nats, or practice? Give it more steps (`replace(config, steps=...)`) and see.
#
# ## An experiment: how it learned
#
# Nothing to write here either. Part 7 tells how the model was made. First the start, before any training with pairs:
# above `mnist` on 28 × 28, below on 60 × 60, the same $z$.

# %%
params_one, one = load_pretrained("mnist")
larger = replace(one, height=60, width=60, read_size=config.read_size)
assert replace(larger, steps=config.steps) == config  # the sizes of our model
begun = enlarge(params_one, one, larger)
begun["initial"]["canvas"][:, 16:44, 16:44] = params_one["initial"]["canvas"]  # else all black: a digit may be anywhere
z = draw.sample_noise(one, 6, rng)
small, large = draw.generate(params_one, one, z), draw.generate(begun, larger, z)
np.testing.assert_allclose(large.windows.g_X, small.windows.g_X + 16, atol=1e-3)
np.testing.assert_allclose(large.windows.delta, small.windows.delta, rtol=1e-4)
figure, axes = plt.subplots(2, 6, figsize=(16, 5.6))
for row, made_there in zip(axes, (small, large)):
    for panel, logits in zip(row, made_there.canvases[-1]):
        plotting.show_image(panel, equations.sigmoid(logits))
_ = [row[0].set_ylabel(name) for row, name in zip(axes, ["28 × 28", "60 × 60"])]

# %% [markdown]
# Then what made learning hard for the encoder. The derivative of a picture's loss with respect to the very first
# noise, $\partial \mathcal{L} / \partial \epsilon_1$, tells how much depends on the first stroke. The cell takes its
# length for each of 200 pictures, in one backward pass, once as it is and once with the derivatives at the
# pre-activations of the LSTMs clipped to 10 nats. How much of the sum do the five largest make? (This is the trained
# encoder. When it began to learn, it was worse.)

# %%
x = np.stack([picture(2) for _ in range(200)])

def first_slopes(lstm):  # the length of dL / d(noise of step 1) for each picture
    ops = SimpleNamespace(**{**vars(kernels), "lstm": lstm})
    def total(noise):
        L_x, L_z = draw.bound(params, config, x, noise, ops)
        return backend.np.sum(L_x) + backend.np.sum(L_z)
    noise = draw.sample_noise(config, len(x), np.random.default_rng(9))
    return np.linalg.norm(backend.value_and_grad(total, noise)[1][0], axis=1)

axes = plt.figure(figsize=(11, 4)).add_subplot(xlabel="|dL / d(first noise)| of a picture, in nats", ylabel="pictures")
for name, limit, colour in ("as it is", None, "C0"), ("clipped", 10.0, "C1"):
    slopes = np.sort(first_slopes(partial(kernels.lstm, limit=limit)))
    axes.hist(slopes, bins=np.geomspace(0.1, 1e4, 31), histtype="step", linewidth=3, color=colour, label=name)
    print(f"{name}: half of the pictures have less than {np.median(slopes):.3g}, the largest {slopes[-1]:.3g}; "
          f"the 5 largest of 200 make {slopes[-5:].sum() / slopes.sum():.0%} of the sum")
axes.set_xscale("log")
_ = axes.legend()
