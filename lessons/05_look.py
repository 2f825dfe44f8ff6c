# %% [markdown]
# # 05 Look
#
# **How can looking be differentiable?**
#
# ## What you'll do
# Build DRAW's attention: a grid of Gaussian filters that reads a small patch from anywhere in an image. Then
# lose the window, and let it find its digit again with nothing but the gradient to lead it.
#
# ## What you'll learn
# - why an index has no useful derivative and a Gaussian has one;
# - Eq. 19-26 line by line: from five numbers to a window, from a window to a patch, and back onto the image;
# - three mistakes that are easily made here, and how each one looks.
#
# ## What you'll need
# NumPy, matrix products, the idea of a gradient (lesson 01). About an hour and a quarter.

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
# little more and the value jumps. The derivative is 0, or there is none: gradient descent has nothing to
# follow.
#
# DRAW looks through a Gaussian instead. A filter is a row of weights, one for each pixel (Eq. 25), and it
# reads the pixels' weighted mean $r$:
#
# $$F[a] = \frac{1}{Z} \exp\left(-\frac{(a - \mu)^2}{2 \sigma^2}\right), \quad
# Z \text{ such that } \sum_a F[a] = 1, \qquad r = \sum_a F[a] \, x_a .$$
#
# Now $\mu$ may lie between two pixels, and $\sigma$ says how wide an area is averaged. The first cell draws
# three filters. The second moves one along a row of a real digit. The chain rule gives its derivative (try
# it on paper), and the cell compares it with the one that the program finds:
#
# $$\frac{dr}{d\mu} = \sum_a F[a] \, \frac{a - \mu}{\sigma^2} \, (x_a - r) .$$
#
# Every pixel pulls. One to the right of $\mu$ and brighter than $r$ says: there is more to read further
# right.
#
# (The functions in `draw_np.equations` take a batch. Ours has one member, hence the brackets in `[[mu]]`.)

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
# ## 2. A bank of filters (10 minutes)
#
# One number is not a picture. Put $N$ filters side by side, $\delta$ pixels apart, their middle at $g_X$
# (Eq. 19). They are the rows of a matrix $F_X$ of $N \times A$ numbers (Eq. 25):
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
for bank in "filterbank_in_loops", "filterbank_in_arrays":
    seconds = min(timeit.repeat(f"{bank}(12.0, 4.0, 2.25, 5, 28)", globals=globals(), number=50)) / 50
    print(f"{bank}: {seconds * 1e6:.0f} microseconds")
plt.figure(figsize=(12, 4)).add_subplot(xlabel="pixel a", ylabel="weight $F_X[i, a]$", ylim=(0, 0.34))
plt.plot(range(1, 29), F_X.T, ".-")
for i, mean in enumerate(mu[0], 1):
    plt.text(mean, 0.29, f"$\\mu_X^{i}$ = {mean:.0f}", ha="center")
plt.show()

# %% [markdown]
# ## 3. In two dimensions (10 minutes)
#
# A second bank $F_Y$ stands upright: the same formulas with $g_Y$, $j$ and $b$ (Eq. 20, Eq. 26), the same
# $\delta$ and $\sigma$. A patch pixel is a weighted mean over the whole image, and all of them together are
# two matrix products:
#
# $$\text{patch}[j, i] = \sum_{b=1}^{B} \sum_{a=1}^{A} F_Y[j, b] \; x[b, a] \; F_X[i, a] , \qquad
# \text{patch} = F_Y \, x \, F_X^T .$$
#
# **Which side is which?** The paper calls $x$ "an $A \times B$ input image"; $F_X$ has $N \times A$ numbers
# and $F_Y$ has $N \times B$. The product exists only if $x$ is stored as $B$ rows of $A$ pixels. So $A$ is
# the width and $B$ the height. On a square image a swap goes unnoticed: we read from one that is 56 wide and
# 28 high.
#
# This is the heart of reading, Eq. 27. There, two images are read through the same filters, and the patches
# are multiplied by the fifth number, $\gamma$. Here $\gamma = 1$.
#
# The second cell shows the three settings of the paper's Fig. 3. A small $\delta$ zooms in, a large one
# takes in the whole image. A large $\sigma$ blurs. The rectangle is the window; the thicker its border, the
# larger $\sigma$.

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
plotting.draw_window(axes[0], (42.0, 14.5, 2.2, 1.0, 1.0), N)
plt.show()

# %%
def in_pixels(g_X, g_Y, delta, sigma):
    return equations.Window(*np.array([g_X, g_Y, delta, sigma**2, 1.0])[:, None, None])  # each (1, 1)

def look(above, below, x, window, N=12):
    """Draw the window on x, and below it the patch that is read through it."""
    F_X, F_Y = equations.filterbanks(window, N, *x.shape)  # (1, N, A) and (1, N, B)
    plotting.show_image(above, x)
    plotting.draw_window(above, window, N)
    plotting.show_image(below, F_Y[0] @ x @ F_X[0].T)

figure, axes = plt.subplots(2, 3, figsize=(12, 8))
for above, below, delta, sigma in zip(*axes, [1.0, 2.2, 2.2], [1.2, 0.5, 3.0]):
    look(above, below, digits[15], in_pixels(14.5, 14.5, delta, sigma))
    above.set_title(f"$\\delta$ = {delta}, $\\sigma$ = {sigma}")
plt.show()

# %% [markdown]
# ## 4. From five numbers to a window (10 minutes)
#
# The network says where to look with five numbers, a linear map of its decoder's output (Eq. 21-24):
#
# $$(\tilde{g}_X, \tilde{g}_Y, \log \sigma^2, \log \tilde{\delta}, \log \gamma) = W(h^{\text{dec}})$$
#
# $$g_X = \frac{A+1}{2} (\tilde{g}_X + 1), \qquad g_Y = \frac{B+1}{2} (\tilde{g}_Y + 1), \qquad
# \delta = \frac{\max(A, B) - 1}{N - 1} \, \tilde{\delta}$$
#
# - A linear map gives negative numbers as readily as positive ones. A variance, a stride and an intensity
#   must be positive, so the map gives their logarithms.
# - The third number is the logarithm of the variance. Its `exp` is $\sigma^2$ already: do not square it
#   again.
# - At $\tilde{g}_X = 0$ the window is in the middle. At $-1$ and $1$ its centre is just outside the image,
#   at 0 and $A + 1$. So the five numbers need not grow with the image.
# - For $N = 1$, Eq. 24 divides by 0. The one bracket in Eq. 19 is then 0, so $\delta$ does not matter, and
#   `draw_np` puts 1 in the place of $N - 1$.
#
# **Do the parameters depend on the number of pixels?** Readers of the paper ask this. Those of the attention
# do not: it takes five numbers to look at any image. One thing in the model does, its learned first canvas
# $c_0$. The cell counts.

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
# ## 5. Two traps (10 minutes)
#
# **Counting from 0.** Python's `range(N)` counts from 0. Put that $i$ into Eq. 19, keep the $-N/2 - 0.5$
# that was made for counting from 1, and every filter moves by one stride: the window looks at the wrong
# place. It is easily done, and nothing crashes. Counted from 0 throughout, pixels
# too, the right formula is $\mu_i = g + (i - (N - 1)/2) \, \delta$ with
# $g = \frac{A+1}{2} (\tilde{g} + 1) - 1$. The first cell shows it.
#
# **Covering is not seeing.** The scaling in Eq. 22-24 "is chosen to ensure that the initial patch (with a
# randomly initialised network) roughly covers the whole input image". Such a network emits numbers near 0,
# so $\sigma$ is about 1. With the $N = 2$ that the paper reads MNIST with, the filters stand 27 pixels
# apart, one in each corner. The window covers the image and sees four corners, where there is no ink. The
# second cell shows what they see, and what they see with $\sigma = \delta / 2$. That is how `draw_np`
# begins.

# %%
g_X, g_Y, delta, _, _ = window_of(np.zeros(5), 5, A=28, B=28)  # five times 0: the middle, so g_X = g_Y
paper = g_X + (np.arange(1, 6) - 5 / 2 - 0.5) * delta
mixed = g_X + (np.arange(0, 5) - 5 / 2 - 0.5) * delta  # i from 0, the offset for i from 1
from_0 = (g_X - 1) + (np.arange(0, 5) - (5 - 1) / 2) * delta  # everything from 0, pixels too
np.testing.assert_allclose(from_0, paper - 1)
print(f"the stride is {delta}; mixed counts move the filters by {mixed - paper}")
figure, axes = plt.subplots(1, 4, figsize=(16, 4.5))
for k, name, mu, colour in [(0, "counted from 1", paper, "C4"), (2, "counts mixed", mixed, "C1")]:
    axes[k].imshow(digits[15], extent=(0.5, 28.5, 28.5, 0.5))  # pixels 1 to 28
    axes[k].plot(*np.meshgrid(mu, mu), "o", color=colour, markersize=9)
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
# ## 6. An empty window (5 minutes)
#
# Nothing in Eq. 22 keeps a window inside the image. Far outside, every `exp` of a row is too small for the
# computer and becomes 0. Then $Z = 0$, and $0/0$ is `nan`. The same happens inside when $\sigma$ is tiny and
# $\mu$ falls between two pixels. One `nan` spoils everything that is computed from it.
#
# A common remedy divides by $Z + \varepsilon$. The `nan` is gone, but the model is another: rows no longer
# sum to 1. A better remedy changes nothing. Multiply all weights of a row by one factor, and $Z$ grows by
# the same factor. So take the row's smallest squared distance off first:
#
# $$F[a] = \frac{1}{Z} \exp\left(-\frac{(a - \mu)^2 - m}{2 \sigma^2}\right), \qquad
# m = \min_a \, (a - \mu)^2 .$$
#
# Now the nearest pixel weighs $\exp(0) = 1$ before the division, and $Z$ is at least 1. (Eq. 25 is a softmax
# over the pixels, and softmaxes are computed this way.) The cell uses 32-bit numbers, as training does.

# %%
def rows(mu, sigma, epsilon=0.0, shift=False):
    squares = (np.arange(1, 29, dtype=np.float32) - mu) ** 2  # (places, 28)
    weights = np.exp(-(squares - shift * squares.min(axis=1, keepdims=True)) / (2 * sigma**2))
    return weights / (weights.sum(axis=1, keepdims=True) + epsilon)
mu = np.linspace(-18, 6, 97, dtype=np.float32)[:, None]  # (97, 1)
np.testing.assert_allclose(rows(mu, 1, shift=True), equations.filterbank(mu, mu**0, 28)[:, 0], rtol=1e-4)
plt.figure(figsize=(12, 4.5)).add_subplot(xlabel="filter at $\\mu$ (pixels)", ylabel="sum of its weights")
ways = {"as it stands": {}, "Z + 0.0001": {"epsilon": 1e-4}, "minus m": {"shift": True}}
for (name, way), width in zip(ways.items(), [9, 5, 2]):
    with np.errstate(invalid="ignore"):  # 0 / 0
        sums, tiny = rows(mu, 1, **way).sum(axis=1), rows(np.float32([[14.5]]), 0.03, **way).sum()
    plt.plot(mu, sums, linewidth=width, label=f"{name}: nan at {np.isnan(sums).sum()} of 97 places")
    print(f"{name}: between two pixels, with sigma = 0.03, the sum is {tiny:.2f}")
plt.legend()
plt.show()

# %% [markdown]
# ## 7. Back onto the image, and down the gradient (15 minutes)
#
# DRAW writes through filters of the same kind, transposed: each pixel of a patch $w$ puts its own Gaussian
# onto the canvas, as bright as the pixel says (Eq. 29, without the hats that mark the writing's own window):
#
# $$\text{write} = \frac{1}{\gamma} \, F_Y^T \, w \, F_X .$$
#
# Reading takes means: a patch is about as bright as the image, with one pixel where the image has
# $\delta^2$. Writing keeps the light of each patch pixel, since a filter's weights sum to 1, and spreads it.
# So the picture comes back darker by $\delta^2$, unless $1 / \gamma = \delta^2$. The first cell is the
# paper's Fig. 4.
#
# **Then we lose the window.** We keep the image and the patch, 144 numbers. Where was the window, how large,
# how sharp? Begin with a window that covers everything, and measure how far its patch is from the one we
# kept: the sum of the squared differences. This number has a gradient with respect to the numbers of Eq. 21,
# all the way through Eq. 19-26. Follow it downhill; Adam, the optimiser of the paper, chooses the lengths of
# the steps. Nobody says that there is a digit, or where.

# %%
scene, delta = np.pad(digits[15], ((44, 3), (68, 4))), 2.2  # B = 75 rows of A = 100 pixels
hidden = in_pixels(82.5, 58.5, delta, sigma=1.1)
F_X, F_Y = equations.filterbanks(hidden, 12, 75, 100)  # (1, 12, 100) and (1, 12, 75)
patch = F_Y[0] @ scene @ F_X[0].T
written = delta**2 * F_Y[0].T @ patch @ F_X[0]  # (75, 100)
by_equation = equations.write(patch[None, None], F_X, F_Y, np.array([[1 / delta**2]]))[0, 0]
np.testing.assert_allclose(written, by_equation, atol=1e-12)
print(f"light in the image {scene.sum():.0f}, in the patch {patch.sum():.0f}, written {written.sum():.0f}")
two = sum(np.outer(F_Y[0, k], F_X[0, k]) for k in (0, -1))  # the first filter and the last
images = {"x": scene, "read": patch, "written back": written, "two filters": two / two.max()}
figure, axes = plt.subplots(1, 4, figsize=(16, 4), width_ratios=[100, 75, 100, 100])
for ax, (name, image) in zip(axes, images.items()):
    plotting.show_image(ax, image, f"{name}\n{image.shape[0]} × {image.shape[1]}")
plotting.draw_window(axes[0], hidden, 12)
plt.show()

# %%
def window_at(five, height=75, width=100):  # W(.) is the identity: the five numbers are our own
    return equations.attention_window({"W": np.eye(5), "b": np.zeros(5)}, five, 12, height, width)

def miss(five):
    F_X, F_Y = equations.filterbanks(window_at(five), 12, 75, 100)
    return ((F_Y[0] @ scene @ F_X[0].T - patch) ** 2).sum()

walk = [np.array([[0, 0, 2 * np.log(4.5), 0, 0]])]  # delta = 9: the whole image; sigma = delta / 2
state = adam_init(walk[0])
for _ in range(200):
    _, gradient = value_and_grad(miss, walk[-1])
    five, state = adam_update(walk[-1], gradient, state, rate=0.02)
    walk.append(five)
np.testing.assert_allclose(np.ravel(window_at(walk[-1])), np.ravel(hidden), rtol=0.01)

# %%
figure, axes = plt.subplots(2, 6, figsize=(17, 6))
for step, above, below in zip([0, 15, 30, 45, 70, 200], *axes):
    look(above, below, scene, window_at(walk[step]))
    above.set_title(f"step {step}\nmiss {miss(walk[step]):.3f}", pad=24)
plt.show()
for name, was, found in zip(hidden._fields, hidden, window_at(walk[-1])):
    print(f"{name}: was {was.item():.3f}, found {found.item():.3f}")

# %% [markdown]
# It moved, zoomed and focused, all at once, and nothing was trained. In DRAW the same gradient goes on, back
# through Eq. 21 into the weights of the decoder: that is how the network learns where to look.
#
# ## 8. With your own hands (5 minutes)
#
# First a window with one number of Eq. 21 changed at a time (the names leave out the tildes; a rectangle
# that leaves the image is cut off a little outside it). Below it, if you run this lesson in Jupyter, the
# same four numbers as sliders.

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
# ## On your own
#
# [`exercises/05_look.ipynb`](exercises/05_look.ipynb) has a place for each answer and a cell that checks it.
#
# 1. **Where the filters stand** (easy). Eq. 19 without a loop. What does a negative stride do?
# 2. **The five numbers for a window** (harder). Solve Eq. 21-24 for what the network must emit.
# 3. **Writing is the derivative of reading** (harder). What does the image receive when a patch that was read
#    from it receives $G$?
# 4. **How a filter learns its width** (hard). The derivative of a reading with respect to $\sigma^2$.
#
# The notebook ends with an experiment: where the gradient does not lead, from a sharp beginning and with two
# digits. Guess what happens before you run it.
#
# ## Further reading
#
# - The paper, section 3.2. `draw_np/equations/attention.py` is all of this lesson in one file, and
#   `figures/figure_03.py` and `figures/figure_04.py` draw the two figures.
# - Graves, "Generating Sequences With Recurrent Neural Networks" (2013), section 5: the same idea in one
#   dimension, reading a text with Gaussians.
# - Mnih, Heess, Graves and Kavukcuoglu, "Recurrent Models of Visual Attention" (2014): looking by index,
#   trained by trial and reward.
# - Jaderberg, Simonyan, Zisserman and Kavukcuoglu, "Spatial Transformer Networks" (2015): differentiable
#   looking that may also turn and shear.
