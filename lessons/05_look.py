# %% [markdown]
# # 05 Look
#
# **How can looking be differentiable?**
#
# ## What you'll do
# Build DRAW's attention: a grid of Gaussian filters that reads a small patch from anywhere in an image. Then
# lose the window, and let it find its digit again with nothing but the gradient to guide it.
#
# ## What you'll learn
# - why an index has no useful derivative and a Gaussian has one;
# - Eq. 19-26 line by line: from five numbers to a window, from a window to a patch, and back onto the image;
# - three mistakes that are easy to make here, and what each of them looks like.
#
# ## What you'll need
# NumPy, matrix products, gradients and the chain rule (lesson 01). About an hour and a quarter.

# %%
import timeit

import numpy as np
from ipywidgets import interact
from matplotlib import pyplot as plt

from draw_np import datasets, equations, plotting
from draw_np.backend import value_and_grad
from draw_np.models import draw
from draw_np.training.adam import adam_init, adam_update
from draw_np.training.trees import named_leaves

plotting.use_style()
digits = datasets.load("mnist", "test").images.astype(float)  # (10000, 28, 28), values in [0, 1]
rng = np.random.default_rng(5)

# %% [markdown]
# ## 1. One filter (10 minutes)
#
# Take one row of an image: $A$ pixels $x_a$, counted from 1 as the paper counts them. The obvious way to
# look at the place $\mu$ is an index, `x[round(mu)]`. Move $\mu$ a little and nothing changes. Move it a
# little more and the value jumps. The derivative is 0, or there is none: gradient descent (lesson 01) has
# nothing to follow.
#
# DRAW looks through a Gaussian, a bell-shaped curve, instead. A **filter** is a row of weights, one for each
# pixel (Eq. 25). It reads a weighted mean of the pixels, $r$:
#
# $$F[a] = \frac{1}{Z} \exp\left(-\frac{(a - \mu)^2}{2 \sigma^2}\right), \quad
# Z \text{ such that } \sum_a F[a] = 1, \qquad r = \sum_a F[a] \, x_a .$$
#
# Now $\mu$ may lie between two pixels, and $\sigma$ says how wide an area is averaged. The first cell draws
# three filters. The second moves one along a row of a real digit. The chain rule gives its derivative (try
# it on paper), and the cell compares it with the one that autograd finds:
#
# $$\frac{dr}{d\mu} = \sum_a F[a] \, \frac{a - \mu}{\sigma^2} \, (x_a - r) .$$
#
# Every pixel pulls. One to the right of $\mu$ and brighter than $r$ says: there is more to read further
# right.
#
# (The functions in `draw_np.equations` take a **batch**, several images at once along the first axis. Our
# batch has one member, hence the brackets in `[[mu]]`.)
#
# **Predict first.** The row in the second picture has two strokes. A Gaussian filter slides over it from left to
# right. At which places is the derivative of its reading 0?

# %%
def filter_row(mu, sigma, A):
    a = np.arange(1, A + 1)  # the pixels
    F = np.exp(-((a - mu) ** 2) / (2 * sigma**2))
    return F / F.sum()  # 1 / Z

figure, axes = plt.subplots(1, 3, figsize=(14, 4), sharey=True)
for ax, name, mu, sigma in zip(axes, ["one filter", "moved", "widened"], [8, 16.4, 16.4], [1.5, 1.5, 4]):
    F = filter_row(mu, sigma, 28)
    np.testing.assert_allclose(F, equations.filterbank(np.array([[mu]]), np.array([[sigma**2]]), 28)[0, 0])
    ax.bar(range(1, 29), F, color=plotting.SKY)
    ax.axvline(mu, color=plotting.RED)
    ax.set(title=f"{name}: $\\mu$ = {mu}, $\\sigma$ = {sigma}\nsum of F = {F.sum():.3f}", xlabel="pixel a")
axes[0].set_ylabel("weight F[a]")
plt.show()

# %%
x, a, mu, sigma = digits[3][13], np.arange(1, 29), np.linspace(1, 28, 500), 1.5  # row 14 of a zero
F = np.stack([filter_row(place, sigma, 28) for place in mu])  # (500, 28): one filter for each place
r = {"index": x[np.rint(mu).astype(int) - 1], "Gaussian": F @ x}  # each (500,)
slope = (F * (a - mu[:, None]) / sigma**2 * (x - r["Gaussian"][:, None])).sum(axis=1)  # (500,)
_, found = value_and_grad(lambda m: equations.filterbank(m, np.full((500, 1), sigma**2), 28) @ x, mu[:, None])
np.testing.assert_allclose(slope, found[:, 0], atol=1e-9)
figure, axes = plt.subplots(2, 1, figsize=(12, 6), sharex=True)
axes[0].bar(a, x, color="0.85")
for name, colour, derivative in [("index", plotting.RED, 0 * mu), ("Gaussian", plotting.BLUE, slope)]:
    axes[0].plot(mu, r[name], colour, label=f"{name}: {np.mean(np.diff(r[name]) != 0):.0%} of steps change r")
    axes[1].plot(mu, derivative, colour)
axes[0].set(ylabel="reading r", ylim=(0, 1.7))
axes[1].set(ylabel="derivative", xlabel="where we look, $\\mu$ (pixels)")
axes[0].legend(loc="upper left")
plt.show()

# %% [markdown]
# **Answer.** On top of each stroke and half-way between the two, where left and right pull equally; and far from
# all ink, where hardly anything pulls. A filter that starts there learns nothing. The index has derivative 0
# everywhere but at its jumps, where it has none.
#
# ## 2. A bank of filters (10 minutes)
#
# One number is not a picture. Put $N$ filters side by side. Neighbours are $\delta$ pixels apart, the
# **stride**, and their middle is at $g_X$ (Eq. 19). Together they are a **filterbank**, the rows of a matrix $F_X$
# of $N \times A$ numbers (Eq. 25):
#
# $$\mu_X^i = g_X + (i - N/2 - 0.5) \, \delta, \qquad
# F_X[i, a] = \frac{1}{Z_X} \exp\left(-\frac{(a - \mu_X^i)^2}{2 \sigma^2}\right), \qquad
# \sum_a F_X[i, a] = 1 .$$
#
# The last formula holds for each $i$: there is one $Z_X$ for each row, not one for the matrix. Filters count
# from 1, $i = 1, \dots, N$. With $N = 5$ the brackets are $-2, -1, 0, 1, 2$: as many to the left as to the
# right.
#
# First in loops, index by index. Then in arrays, where a loop over $i$ or $a$ becomes an axis.
#
# **Predict first.** The picture shows five filters with $g_X = 12$, $\delta = 4$ and $\sigma = 1.5$. Where does each
# stand? And if $\sigma$ were twice as large, what would happen to the height of the curves, and to their sums?

# %%
def filterbank_in_loops(g_X, delta, sigma_squared, N, A):
    F_X = np.zeros((N, A))
    for i in range(1, N + 1):  # filters count from 1
        mu = g_X + (i - N / 2 - 0.5) * delta  # Eq. 19
        for a in range(1, A + 1):  # pixels count from 1
            F_X[i - 1, a - 1] = np.exp(-((a - mu) ** 2) / (2 * sigma_squared))  # Eq. 25
        F_X[i - 1] /= F_X[i - 1].sum()  # Z_X of this row
    return F_X

mu = equations.filter_means(np.array([[12.0]]), np.array([[4.0]]), 5)  # g_X = 12, delta = 4, N = 5
np.testing.assert_allclose(mu, [[4, 8, 12, 16, 20]])
F_X = equations.filterbank(mu, np.array([[2.25]]), 28)[0]  # (N, A)
np.testing.assert_allclose(filterbank_in_loops(12.0, 4.0, 2.25, N=5, A=28), F_X)

# %%
def filterbank_in_arrays(g_X, delta, sigma_squared, N, A):
    i, a = np.arange(1, N + 1)[:, None], np.arange(1, A + 1)  # (N, 1) and (A,)
    mu = g_X + (i - N / 2 - 0.5) * delta  # Eq. 19, (N, 1)
    F_X = np.exp(-((a - mu) ** 2) / (2 * sigma_squared))  # Eq. 25, (N, A)
    return F_X / F_X.sum(axis=1, keepdims=True)  # Z_X of every row

np.testing.assert_allclose(filterbank_in_arrays(12.0, 4.0, 2.25, N=5, A=28), F_X)
wider = filterbank_in_arrays(12.0, 4.0, 4 * 2.25, N=5, A=28)
print(f"third row: height {F_X[2].max():.3f}, sum {F_X[2].sum():.3f};",
      f"with twice the sigma: height {wider[2].max():.3f}, sum {wider[2].sum():.3f}")
plt.figure(figsize=(12, 4)).add_subplot(xlabel="pixel a", ylabel="weight $F_X[i, a]$", ylim=(0, 0.34))
plt.plot(range(1, 29), F_X.T, ".-")
for i, mean in enumerate(mu[0], 1):
    plt.text(mean, 0.29, f"$\\mu_X^{i}$ = {mean:.0f}", ha="center")
plt.show()

# %% [markdown]
# **Answer.** At 4, 8, 12, 16 and 20. With twice the $\sigma$ the curves are half as high, and every row still sums to
# 1: the cell prints both.
#
# ## 3. In two dimensions (10 minutes)
#
# A second bank $F_Y$ stands upright: the same formulas with $g_Y$, $j$ and $b$ (Eq. 20, Eq. 26), the same
# $\delta$ and $\sigma$. What is read is a small picture of $N \times N$ pixels, a **patch**. Each patch pixel is a
# weighted mean over the whole image, and all of them together are two matrix products:
#
# $$\text{patch}[j, i] = \sum_{b=1}^{B} \sum_{a=1}^{A} F_Y[j, b] \; x[b, a] \; F_X[i, a] , \qquad
# \text{patch} = F_Y \, x \, F_X^T .$$
#
# **Which side is which?** The paper calls $x$ "an $A \times B$ input image"; $F_X$ has $N \times A$ numbers
# and $F_Y$ has $N \times B$. The product exists only if $x$ is stored as $B$ rows of $A$ pixels. So $A$ is
# the width and $B$ the height. On a square image a swap goes unnoticed, so we read from one that is 56 wide and
# 28 high. The first cell reads in loops and in matrix products, and prints how long each takes: this is why all
# code from here on is written in arrays.
#
# This is the heart of reading, Eq. 27. There, two images are read through the same filters, and the patches
# are multiplied by a fifth number, the **intensity** $\gamma$. Here $\gamma = 1$.
#
# The second cell shows the three settings of the paper's Fig. 3. The rectangle is the **window**, the area that the
# filters cover; the thicker its border, the larger $\sigma$. In this course a window that reads is green, and one
# that writes is red.
#
# **Predict first.** All three windows are in the middle of a five. One has $\delta = 1$ and $\sigma = 1.2$, one
# $\delta = 2.2$ and $\sigma = 0.5$, one $\delta = 2.2$ and $\sigma = 3$. Through which one can you still tell that it
# is a five?

# %%
x, N = np.hstack([digits[4], digits[1]]), 12  # B = 28 rows of A = 56 pixels
F_X, F_Y = (filterbank_in_arrays(g, 2.2, 1.0, N, pixels) for g, pixels in [(42.0, 56), (14.5, 28)])
def read_in_loops():
    return [[sum(F_Y[j, b] * x[b, a] * F_X[i, a] for b in range(28) for a in range(56)) for i in range(N)]
            for j in range(N)]

np.testing.assert_allclose(F_Y @ x @ F_X.T, read_in_loops())
for read in "read_in_loops()", "F_Y @ x @ F_X.T":
    print(f"{read}: {min(timeit.repeat(read, globals=globals(), number=1, repeat=3)) * 1e3:.3f} ms")
images = {"$x$": x, "$x F_X^T$": x @ F_X.T, "$F_Y x$": F_Y @ x, "$F_Y x F_X^T$": F_Y @ x @ F_X.T}
figure, axes = plt.subplots(1, 4, figsize=(15, 4), width_ratios=[56, 12, 56, 12])
for ax, (name, image) in zip(axes, images.items()):
    plotting.show_image(ax, image, f"{name}\n{image.shape[0]} × {image.shape[1]}")
plotting.draw_window(axes[0], (42.0, 14.5, 2.2, 1.0, 1.0), N, plotting.GREEN)
plt.show()

# %%
def in_pixels(g_X, g_Y, delta, sigma):
    return equations.Window(*np.array([g_X, g_Y, delta, sigma**2, 1.0])[:, None, None])  # each (1, 1)

def look(above, below, x, window, N=12):
    """Draw the window on x, and below it the patch that is read through it."""
    F_X, F_Y = equations.filterbanks(window, N, *x.shape)  # (1, N, A) and (1, N, B)
    plotting.show_image(above, x)
    plotting.draw_window(above, window, N, plotting.GREEN)
    plotting.show_image(below, F_Y[0] @ x @ F_X[0].T)

figure, axes = plt.subplots(2, 3, figsize=(12, 8))
for above, below, delta, sigma in zip(*axes, [1.0, 2.2, 2.2], [1.2, 0.5, 3.0]):
    look(above, below, digits[15], in_pixels(14.5, 14.5, delta, sigma))
    above.set_title(f"$\\delta$ = {delta}, $\\sigma$ = {sigma}")
plt.show()

# %% [markdown]
# **Answer.** Through the second. A small $\delta$ zooms in: the first patch shows the middle of the digit, enlarged. A
# large $\sigma$ blurs: the third shows the whole digit, but as a smudge.
#
# ## 4. From five numbers to a window (10 minutes)
#
# In DRAW a network decides where to look. Its **decoder**, the part that draws (lesson 04), has an output
# $h^{dec}$, a list of numbers. A **linear map**, $W(h) = h \, W + b$, makes five numbers of them (Eq. 21), and
# these say where the window is (Eq. 22-24):
#
# $$(\tilde{g}_X, \tilde{g}_Y, \log \sigma^2, \log \tilde{\delta}, \log \gamma) = W(h^{dec})$$
#
# $$g_X = \frac{A+1}{2} (\tilde{g}_X + 1), \qquad g_Y = \frac{B+1}{2} (\tilde{g}_Y + 1), \qquad
# \delta = \frac{\max(A, B) - 1}{N - 1} \, \tilde{\delta}$$
#
# - A linear map gives negative numbers as readily as positive ones. A variance, a stride and an intensity
#   must be positive, so the map gives their logarithms.
# - The third number is the logarithm of the variance. Its `exp` is already $\sigma^2$: do not square it
#   again.
# - At $\tilde{g}_X = 0$ the window is in the middle. At $-1$ and $1$ its centre is just outside the image,
#   at 0 and $A + 1$. So the five numbers need not grow with the image.
# - For $N = 1$, Eq. 24 divides by 0. The one bracket in Eq. 19 is then 0, so $\delta$ does not matter, and
#   `draw_np` puts 1 in the place of $N - 1$.
#
# One thing in DRAW does have the size of the image: its learned first canvas $c_0$, the empty sheet on which it
# starts to draw. The cell counts.
#
# **Predict first.** Does the number of parameters depend on the number of pixels? By how much does a DRAW grow from
# images of 28 × 28 to images of 100 × 75, and how many more numbers do its windows need?

# %%
def window_of(emitted, N, A, B):
    g_X, g_Y, log_sigma_squared, log_delta, log_gamma = emitted
    g_X, g_Y = (A + 1) / 2 * (g_X + 1), (B + 1) / 2 * (g_Y + 1)  # Eq. 22, Eq. 23
    delta = (max(A, B) - 1) / (N - 1) * np.exp(log_delta)  # Eq. 24
    return g_X, g_Y, delta, np.exp(log_sigma_squared), np.exp(log_gamma)

W, b, h_dec = rng.standard_normal((256, 5)) / 16, rng.standard_normal(5), rng.standard_normal(256)
window = equations.attention_window({"W": W, "b": b}, h_dec[None], N=5, height=75, width=100)
np.testing.assert_allclose(window_of(h_dec @ W + b, 5, A=100, B=75), np.ravel(window))  # Eq. 21
for A, B in (28, 28), (100, 75):
    params = draw.init_params(draw.Config(height=B, width=A), rng)
    sizes = {name: leaf.size for name, leaf in named_leaves(params).items()}
    five, c_0 = sizes["read_window/W"] + sizes["read_window/b"], sizes.pop("initial/canvas")
    print(f"{A} x {B} pixels: c_0 has {c_0} parameters, the rest {sum(sizes.values())}, the window {five}")

# %% [markdown]
# **Answer.** Only $c_0$ grows, by one parameter for each new pixel. The windows need none: it takes five numbers to
# look at an image of any size. (Lesson 09 counts what attention saves.)
#
# ## 5. Two traps (10 minutes)
#
# **Counting from 0.** Python's `range(N)` counts from 0. Put that $i$ into Eq. 19, keep the $-N/2 - 0.5$
# that was made for counting from 1, and the window looks at the wrong place. It is an easy mistake, and nothing
# crashes. If you count everything from 0, pixels too, the right formula is
# $\mu_i = g + (i - (N - 1)/2) \, \delta$ with $g = \frac{A+1}{2} (\tilde{g} + 1) - 1$. The first cell shows it.
#
# **Covering is not seeing.** The scaling in Eq. 22-24 "is chosen to ensure that the initial patch (with a
# randomly initialised network) roughly covers the whole input image". Such a network emits numbers near 0,
# so $\sigma$ is about 1. The paper reads MNIST with $N = 2$: then the filters stand 27 pixels apart, one in each
# corner. The second cell shows what they see, and what they see with $\sigma = \delta / 2$.
#
# **Predict first.** In the first trap, which way does the window move, and how far? In the second, how much of a
# digit's ink do the four corner filters see?

# %%
g_X, g_Y, delta, _, _ = window_of(np.zeros(5), 5, A=28, B=28)  # five times 0: the middle, so g_X = g_Y
paper = g_X + (np.arange(1, 6) - 5 / 2 - 0.5) * delta
mixed = g_X + (np.arange(0, 5) - 5 / 2 - 0.5) * delta  # i from 0, the offset for i from 1
from_0 = (g_X - 1) + (np.arange(0, 5) - (5 - 1) / 2) * delta  # everything from 0, pixels too
np.testing.assert_allclose(from_0, paper - 1)
print(f"the stride is {delta}; mixed counts move the filters by {mixed - paper}")
figure, axes = plt.subplots(1, 4, figsize=(16, 4.5))
for k, name, mu in [(0, "counted from 1", paper), (2, "counts mixed", mixed)]:
    axes[k].imshow(digits[15], extent=(0.5, 28.5, 28.5, 0.5))  # pixels 1 to 28
    axes[k].plot(*np.meshgrid(mu, mu), "o", color=plotting.GREEN, markersize=9)
    axes[k].set(title=name, xlabel="pixel a", ylabel="pixel b", xlim=(-9, 31), ylim=(31, -9))
    F = equations.filterbank(mu[None], np.array([[4.0]]), 28)[0]
    plotting.show_image(axes[k + 1], 2 * F @ digits[15] @ F.T, "its 5 × 5 patch\n(twice as bright)")
plt.show()

# %%
figure, axes = plt.subplots(1, 3, figsize=(14, 5.2))
plotting.show_image(axes[0], digits.mean(axis=0), "the mean of all digits")
for ax, sigma in zip(axes[1:], [1.0, 27 / 2]):
    F_X, F_Y = equations.filterbanks(in_pixels(14.5, 14.5, 27.0, sigma), 2, 28, 28)
    weights = F_Y[0].T @ np.ones((2, 2)) @ F_X[0]  # what the four filters together see of each pixel
    plotting.show_image(ax, weights / weights.max(), f"$\\sigma$ = {sigma}: the white is seen")
    r = (F_Y @ digits @ np.swapaxes(F_X, 1, 2)).mean(axis=(1, 2))  # (10000,)
    print(f"sigma = {sigma}: the mean digit reads {r.mean():.1e}, the median digit {np.median(r):.1e}")
params = draw.init_params(draw.Config(read_size=2), rng)
np.testing.assert_allclose(params["read_window"]["b"], [0, 0, np.log((27 / 2) ** 2), 0, 0], rtol=1e-6)
plt.show()

# %% [markdown]
# **Answer.** Mixed counts move the window by one whole stride, up and to the left. And the corner filters see almost
# nothing, for digits have no ink in the corners: the printed reading is near 0, so the first looks of training teach
# nothing. With $\sigma = \delta / 2$ the same four filters see the whole image. That is how `draw_np` begins.
#
# ## 6. An empty window (5 minutes)
#
# Nothing in Eq. 22 keeps a window inside the image. Far outside, every `exp` of a row is too small for the
# computer and becomes 0. Then $Z = 0$, and $0/0$ is `nan`, "not a number". The same happens inside when $\sigma$ is
# tiny and $\mu$ falls between two pixels. One `nan` spoils everything that is computed from it.
#
# A common remedy divides by $Z + \varepsilon$. That removes the `nan`, but it changes the model: rows no longer
# sum to 1. A better remedy changes nothing. If all weights of a row are multiplied by one factor, so is $Z$, and the
# factor cancels. So subtract the row's smallest squared distance first:
#
# $$F[a] = \frac{1}{Z} \exp\left(-\frac{(a - \mu)^2 - m}{2 \sigma^2}\right), \qquad
# m = \min_a \, (a - \mu)^2 .$$
#
# Now the nearest pixel weighs $\exp(0) = 1$ before the division, and $Z$ is at least 1. (A **softmax** makes weights
# that sum to 1 of any numbers $s_a$: $e^{s_a} / \sum_b e^{s_b}$. Eq. 25 is a softmax over the pixels, and this is how
# softmaxes are computed.) The cell uses 32-bit numbers, as training does.
#
# **Predict first.** The picture moves a filter with $\sigma = 1$ out of the image to the left. Each panel shows the
# sum of its weights, which should be 1. From where on does each of the two first ways fail?

# %%
def rows(mu, sigma, epsilon=0.0, shift=False):
    squares = (np.arange(1, 29, dtype=np.float32) - mu) ** 2  # (places, 28)
    weights = np.exp(-(squares - shift * squares.min(axis=1, keepdims=True)) / (2 * sigma**2))
    return weights / (weights.sum(axis=1, keepdims=True) + epsilon)
mu = np.linspace(-18, 6, 97, dtype=np.float32)[:, None]  # (97, 1)
np.testing.assert_allclose(rows(mu, 1, shift=True), equations.filterbank(mu, mu**0, 28)[:, 0], rtol=1e-4)
figure, axes = plt.subplots(1, 3, figsize=(15, 4), sharey=True)
ways = {"as it stands": {}, "Z + 0.0001": {"epsilon": 1e-4}, "minus m": {"shift": True}}
for ax, (name, way) in zip(axes, ways.items()):
    with np.errstate(invalid="ignore"):  # 0 / 0
        sums, tiny = rows(mu, 1, **way).sum(axis=1), rows(np.float32([[14.5]]), 0.03, **way).sum()
    ax.plot(mu, sums)
    ax.set(title=f"{name}: nan at {np.isnan(sums).sum()} of 97 places", xlabel="filter at $\\mu$ (pixels)")
    print(f"{name}: between two pixels, with sigma = 0.03, the sum is {tiny:.2f}")
_ = axes[0].set(ylabel="sum of its weights", xlim=(-18.5, 6.5), ylim=(-0.05, 1.1))

# %% [markdown]
# **Answer.** As it stands it gives `nan` from $\mu = -13.5$ on, 14.5 pixels from the first one, where $e^{-14.5^2/2}$
# is 0 in 32 bits. With $\varepsilon$ the sum falls from about 4 pixels outside on, and such a filter hardly reads or
# writes any more. The third way is right everywhere.
#
# ## 7. Back onto the image, and down the gradient (15 minutes)
#
# DRAW writes through filters of the same kind, transposed: each pixel of a patch $w$ puts its own Gaussian
# onto the canvas, as bright as the pixel says (Eq. 29, without the hats that mark the window for writing):
#
# $$\text{write} = \frac{1}{\gamma} \, F_Y^T \, w \, F_X .$$
#
# Reading takes means: a patch is about as bright as the image, with one pixel where the image has
# $\delta^2$. Writing keeps the light of each patch pixel, since a filter's weights sum to 1, and spreads it.
# So the picture comes back darker by $\delta^2$, unless $1 / \gamma = \delta^2$. The first cell is the
# paper's Fig. 4. Its last panel shows what a single patch pixel writes, for the first and for the last of the 144.
#
# **Then we lose the window.** We keep the image and the patch, 144 numbers. Where was the window, how large,
# how sharp? Begin with a window that covers everything, and measure how far its patch is from the one we
# kept: the sum of the squared differences, the **loss**. It has a gradient with respect to the five numbers of Eq. 21,
# all the way through Eq. 19-26. (The fifth, $\log \gamma$, has no part in this patch, so its derivative is 0.) Follow
# it downhill for 200 steps. (Adam, the optimiser of the paper, chooses how far to go in each step; lesson 01.) Nobody
# says that there is a digit, or where.
#
# **Predict first.** Will the window find the digit? What will be right first: its place, its size or its sharpness?

# %%
scene, delta = np.pad(digits[15], ((44, 3), (68, 4))), 2.2  # B = 75 rows of A = 100 pixels
hidden = in_pixels(82.5, 58.5, delta, sigma=1.1)
F_X, F_Y = equations.filterbanks(hidden, 12, 75, 100)  # (1, 12, 100) and (1, 12, 75)
patch = F_Y[0] @ scene @ F_X[0].T
written = delta**2 * F_Y[0].T @ patch @ F_X[0]  # (75, 100)
by_equation = equations.write(patch[None, None], F_X, F_Y, np.array([[1 / delta**2]]))[0, 0]
np.testing.assert_allclose(written, by_equation, atol=1e-12)
print(f"sum of all pixels: image {scene.sum():.0f}, patch {patch.sum():.0f}, written {written.sum():.0f}")
two = sum(np.outer(F_Y[0, k], F_X[0, k]) for k in (0, -1))  # the first patch pixel and the last
images = {"image": scene, "patch": patch, "written back": written, "two pixels of it": two / two.max()}
figure, axes = plt.subplots(1, 4, figsize=(16, 4), width_ratios=[100, 75, 100, 100])
for ax, (name, image) in zip(axes, images.items()):
    plotting.show_image(ax, image, f"{name}\n{image.shape[0]} × {image.shape[1]}")
_ = [plotting.draw_window(axes[k], hidden, 12, colour) for k, colour in ((0, plotting.GREEN), (2, plotting.RED))]

# %%
def window_at(five, height=75, width=100):  # W(.) is the identity: the five numbers are our own
    return equations.attention_window({"W": np.eye(5), "b": np.zeros(5)}, five, 12, height, width)

def loss(five):
    F_X, F_Y = equations.filterbanks(window_at(five), 12, 75, 100)
    return ((F_Y[0] @ scene @ F_X[0].T - patch) ** 2).sum()

walk = [np.array([[0, 0, 2 * np.log(4.5), 0, 0]])]  # delta = 9: the whole image; sigma = delta / 2
state = adam_init(walk[0])
for _ in range(200):
    _, gradient = value_and_grad(loss, walk[-1])
    five, state = adam_update(walk[-1], gradient, state, rate=0.02)
    walk.append(five)
np.testing.assert_allclose(np.ravel(window_at(walk[-1])), np.ravel(hidden), rtol=0.01)

# %%
figure, axes = plt.subplots(2, 6, figsize=(17, 6))
for step, above, below in zip([0, 15, 30, 45, 70, 200], *axes):
    look(above, below, scene, window_at(walk[step]))
    above.set_title(f"step {step}\nloss {loss(walk[step]):.3f}", pad=24)
plt.show()
for step in 0, 30, 60, 100, 200:
    g_X, g_Y, delta, sigma_squared, _ = np.ravel(window_at(walk[step]))
    off = np.hypot(g_X - hidden.g_X.item(), g_Y - hidden.g_Y.item())
    print(f"step {step}: {off:.2f} pixels off, delta {delta:.2f} (was 2.2), sigma {sigma_squared**0.5:.2f} (was 1.1)")

# %% [markdown]
# **Answer.** It finds it. At step 60 the place and the size are nearly right; only then does it become sharp. Nothing
# was trained here. In DRAW the same gradient goes on, back through Eq. 21 into the weights of the decoder: that is how
# the network learns where to look.
#
# ## 8. With your own hands (5 minutes)
#
# First a window with one number of Eq. 21 changed at a time (the names leave out the tildes; a rectangle
# that leaves the image is cut off a little outside it). Below it, if you run this lesson in Jupyter, the
# same four numbers as sliders.
#
# **Predict first.** When the window moves to the right, which way does the digit move in the patch?

# %%
def window_from(g_X=0.0, g_Y=0.0, log_sigma_squared=0.0, log_delta=0.0):
    return window_at(np.array([[g_X, g_Y, log_sigma_squared, log_delta, 0.0]]), 28, 28)

figure, axes = plt.subplots(2, 5, figsize=(16, 6.5))
changes = {}, {"g_X": 0.5}, {"g_Y": -0.5}, {"log_sigma_squared": 3.0}, {"log_delta": -1.0}
for change, above, below in zip(changes, *axes):
    look(above, below, digits[0], window_from(**change))
    above.set_title(" ".join(f"{name} = {value}" for name, value in change.items()) or "all at 0", pad=28)
plt.show()

@interact(g_X=(-1.5, 1.5), g_Y=(-1.5, 1.5), log_sigma_squared=(-4.0, 6.0), log_delta=(-3.0, 1.0))
def slide(g_X=0.0, g_Y=0.0, log_sigma_squared=0.0, log_delta=0.0):
    _, axes = plt.subplots(1, 2, figsize=(9, 4.5))
    look(*axes, digits[0], window_from(g_X, g_Y, log_sigma_squared, log_delta))
    plt.show()

# %% [markdown]
# **Answer.** To the left: the second patch shows it.
#
# **Take away.** Looking through Gaussian filters is a smooth function of place, stride and width, so gradients can
# move a window. Five numbers are enough to look at an image of any size, and reading is two matrix products,
# $F_Y \, x \, F_X^T$. A gradient knows only what the filters see: begin wide and blurred, count from 1 throughout, and
# normalise in a way that cannot divide by 0.
#
# ## On your own
#
# [`exercises/05_look.ipynb`](exercises/05_look.ipynb) has a place for each answer and a cell that checks it.
#
# 1. **Where the filters stand** (easy, 5 minutes). Eq. 19 without a loop. What does a negative stride do?
# 2. **The five numbers for a window** (harder, 15 minutes). Solve Eq. 21-24 for what the network must emit.
# 3. **Writing is the derivative of reading** (harder, 15 minutes). What does the image receive when a patch that was
#    read from it receives $G$?
# 4. **How a filter learns its width** (hard, 25 minutes). The derivative of a reading with respect to $\sigma^2$.
#
# The notebook ends with an experiment: where the gradient does not lead, from a sharp beginning and with two
# digits. Guess what happens before you run it.
#
# ## Further reading
#
# - The paper, section 3.2. `draw_np/equations/attention.py` is all of this lesson in one file, and
#   `figures/figure_03.py` and `figures/figure_04.py` draw the two figures.
# - A. Graves, [Generating Sequences With Recurrent Neural Networks](https://arxiv.org/abs/1308.0850), 2013, section 5:
#   the same idea in one dimension, reading a text with Gaussians.
# - V. Mnih and others, [Recurrent Models of Visual Attention](https://arxiv.org/abs/1406.6247), 2014: looking by index,
#   trained by trial and reward.
# - M. Jaderberg and others, [Spatial Transformer Networks](https://arxiv.org/abs/1506.02025), 2015: differentiable
#   looking that may also turn and shear.
