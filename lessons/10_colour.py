# %% [markdown]
# # 10 Colour
#
# **What does a loss in colour say?**
#
# ## What you'll do
# Read a coloured digit through one window. Take the loss of a photograph apart, number by number, and find out what it
# is and what it is not. Then train a small DRAW on coloured digits, and learn to read the paper's figures in colour.
#
# ## What you'll learn
# - Eq. 27-29 for three colours: one pair of filterbanks, one intensity, three patches;
# - why no model can bring this loss to 0, and why it is no code length;
# - what the number says all the same, what crops do to it, and what a nearest image proves.
#
# ## What you'll need
# Reading and writing (lesson 06); nats, bounds and code lengths (lesson 07). An hour and 20 minutes.

# %%
import zlib
from types import SimpleNamespace

import numpy as np
from matplotlib import cbook
from matplotlib import pyplot as plt
from tqdm.notebook import tqdm

from draw_np import datasets, equations, kernels, plotting, pretrained
from draw_np.models import draw
from draw_np.training import adam, recipe, update

plotting.use_style()
rng = np.random.default_rng(10)
digits = {split: datasets.load("mnist", split) for split in ("train", "test")}  # images (count, 28, 28), labels

# %% [markdown]
# ## 1. Three planes, one window (10 minutes)
#
# A pixel of a coloured image is three numbers between 0 and 1: how much red, how much green, how much blue. DRAW takes
# the image as three **planes** (the paper's "channels"), one for each colour, one behind the other. Reading and writing
# change in one thing, says section 3.3: "the same reading and writing filters are used for all three channels". So
# there is one window, with its five numbers, one $F_X$, one $F_Y$ and one $\gamma$, and there are three patches
# (Eq. 27), one for each plane $k$:
#
# $$\text{patch}_k[j, i] = \gamma \sum_b \sum_a F_Y[j, b] \; x_k[b, a] \; F_X[i, a], \qquad k = 1, 2, 3 .$$
#
# $\hat{x}_t$ gives three more, and to write (Eq. 28 and Eq. 29) three patches of $w_t$ go through one window onto three
# planes of the canvas. In code nothing changes: `@` multiplies the last two axes and takes the planes along.
#
# Our images are MNIST's digits, each in two random colours, of the paper and of the ink:
# $x = \text{paper} + (\text{ink} - \text{paper}) \cdot \text{grey}$. The first cell makes some. The last reads one in
# colours that we have chosen. Its window is green, and the patches are shown before they are multiplied by $\gamma$.
#
# **Predict first.** The ink has red 0.9, green 0.4 and blue 0.1, the paper 0.1, 0.4 and 0.8. What does the digit look
# like in each of the three planes? And will a patch have other colours than the image?

# %%
def paint(grey, paper, ink):
    return paper + (ink - paper) * grey[..., None]  # (..., height, width, 3)

def two_coloured(rng, count, split="train"):
    which = rng.integers(len(digits[split].labels), size=count)
    grey, (paper, ink) = digits[split].images[which], rng.random((2, count, 1, 1, 3), np.float32)
    label = digits[split].labels[which]
    return SimpleNamespace(x=paint(grey, paper, ink), grey=grey, label=label, paper=paper, ink=ink)

plotting.show_image(plt.figure(figsize=(14, 3.4)).add_subplot(), plotting.grid(two_coloured(rng, 20).x, columns=10))

# %%
def read_in_loops(x, x_hat, F_X, F_Y, gamma):  # three planes each, (3, B, A)
    (N, A), B, r = F_X.shape, F_Y.shape[1], []
    for plane in (*x, *x_hat):  # the same filters and the same gamma for all
        for j in range(N):
            for i in range(N):
                r.append(gamma * sum(F_Y[j, b] * plane[b, a] * F_X[i, a] for b in range(B) for a in range(A)))
    return np.array(r)  # (2 * 3 N N,)

def read_in_arrays(x, x_hat, F_X, F_Y, gamma):
    return gamma * np.ravel([F_Y @ planes @ F_X.T for planes in (x, x_hat)])  # each (3, N, N)

def write_in_arrays(w, F_X, F_Y, gamma):
    return F_Y.T @ w @ F_X / gamma  # (3, B, A)

# %%
image = paint(digits["test"].images[15].astype(float), np.array([0.1, 0.4, 0.8]), np.array([0.9, 0.4, 0.1]))
x, N = np.moveaxis(image, 2, 0), 10  # planes, (3, 28, 28)
window = equations.Window(*np.array([15.0, 10.0, 1.4, 0.5, 0.8])[:, None, None])  # each (1, 1)
F_X, F_Y = equations.filterbanks(window, N, 28, 28)  # each (1, N, 28)
r = equations.read(x[None], x[None] - 0.5, F_X, F_Y, window.gamma)[0]  # (2 * 3 N N,): the canvas is grey
for read in read_in_loops, read_in_arrays:
    np.testing.assert_allclose(read(x, x - 0.5, F_X[0], F_Y[0], 0.8), r)
w = rng.standard_normal((1, 3, N, N))
np.testing.assert_allclose(write_in_arrays(w[0], F_X[0], F_Y[0], 0.8), equations.write(w, F_X, F_Y, window.gamma)[0])

# %%
patches = r[: 3 * N * N].reshape(3, N, N) / 0.8
figure, axes = plt.subplots(2, 4, figsize=(14, 7.4))
for row, planes, titles in zip(axes, (x, patches), (("image", "plane"), ("the patch in colour", "patch"))):
    plotting.show_image(row[0], np.moveaxis(planes, 0, 2), titles[0])
    for ax, plane, colour in zip(row[1:], planes, ("red", "green", "blue")):
        plotting.show_image(ax, plane, f"{colour} {titles[1]}")
for ax in axes[0]:
    plotting.draw_window(ax, window, N, plotting.GREEN).set_linewidth(3)
print(f"a step reads {r.size} numbers; the window has 5. House numbers in Table 3: {2 * 3 * 12**2} and 5")
plt.show()

# %% [markdown]
# **Answer.** White on black in the red plane, black on white in the blue one, and in the green one it cannot be seen:
# ink and paper have the same green. Before $\gamma$, a patch has mixtures of the image's colours and no others, and
# $\gamma$ makes all three planes brighter or darker alike. Nor can DRAW put one window on the red and another on the
# blue in one step. Colour makes the reading three times as long, and costs the window nothing.
#
# ## 2. The floor (10 minutes)
#
# Now the loss. "The red, green and blue pixel intensities were represented as numbers between 0 and 1, which were then
# interpreted as independent colour emission probabilities", says section 4, and the loss is "the cross-entropy between
# the pixel intensities and the model probabilities". For a number $x$ of the image and $p = \sigma(c)$ of the model,
#
# $$CE(x, p) = -x \log p - (1 - x) \log(1 - p) .$$
#
# It is Eq. 9 again, but $x$ is no longer 0 or 1, and both terms count. The derivative with respect to the logit is
# $p - x$ (lesson 01), so the best guess is $p = x$, the colour itself. What remains then is the **entropy**
#
# $$H(x) = -x \log x - (1 - x) \log(1 - x) .$$
#
# Summed over an image it is the **floor** of the loss: no model can go below it, not even one that knows the image. The
# first cell computes it, and the second draws what guesses cost. The third asks for the floors of four pictures: a
# photograph of Grace Hopper, who wrote one of the first compilers; flat grey, $x = 1/2$ everywhere; the photograph with
# three times the contrast; and one in which each number has become 1 with probability $x$ and else 0.
#
# **Predict first.** Put the four pictures in the order of their floors. Is it the one with the most detail that costs
# most?

# %%
def cost(x, p):  # nats, number by number
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 log 0 is 0, its limit
        return -(np.where(x > 0, x * np.log(p), 0) + np.where(x < 1, (1 - x) * np.log(1 - p), 0))

some = two_coloured(rng, 4).x
in_loops = sum(-share * np.log(share) for x in some.ravel() for share in (x, 1 - x) if share > 0)
np.testing.assert_allclose([in_loops / 4, cost(some, some).sum() / 4], datasets.floor(some), rtol=1e-4)
c = rng.standard_normal(some.shape)
mine = cost(some, 1 / (1 + np.exp(-c))).sum(axis=(1, 2, 3))
np.testing.assert_allclose(mine, equations.negative_log_likelihood(some, c))

# %%
p = equations.sigmoid(np.linspace(-30, 30, 2001))  # close to 0 and 1, where the cost is steep
plt.figure(figsize=(11, 4.6)).add_subplot(xlabel="guess p", ylabel="cost (nats)", ylim=(0, 2.5))
for x, colour in zip((0.0, 0.1, 0.3, 0.5, 0.9), (plotting.BLACK, *plt.rcParams["axes.prop_cycle"].by_key()["color"])):
    plt.plot(p, cost(x, p), color=colour, label=f"x = {x}")
    plt.plot(x, cost(x, x), "o", color=colour, markersize=10)
plt.plot(p, cost(p, p), "--", color="0.5", label="H, the floor")
_ = plt.legend(ncols=2, loc="upper center")

# %%
photograph = plt.imread(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))  # uint8, comes with Matplotlib
photo = photograph / 255  # (600, 512, 3)
pictures = {"photograph": photo, "flat grey": np.full_like(photo, 0.5),
            "more contrast": np.clip(3 * (photo - 0.5) + 0.5, 0, 1), "0 or 1": datasets.binarize(photo, rng)}
figure, axes = plt.subplots(2, 4, figsize=(14, 8))
for (name, picture), above, below in zip(pictures.items(), *axes):
    H = cost(picture, picture)
    plotting.show_image(above, picture[::3, ::3], name)
    shown = below.imshow(H[::3, ::3].mean(axis=2), vmin=0, vmax=np.log(2), cmap="cividis")
    below.set(xticks=[], yticks=[], title=f"{H.mean():.3f} nats\na number")
    assert (H.mean() == 0) == (name == "0 or 1")
_ = figure.colorbar(shown, ax=axes[1], label="floor (nats)")

# %% [markdown]
# **Answer.** Flat grey costs most, $\log 2$ a number, though it has no detail at all and everybody could guess it. Then
# come the photograph and the one with more contrast. The one of zeros and ones costs nothing, though it is full of
# detail. So the floor says how far the numbers are from 0 and 1, and nothing of what there is to learn. It differs from
# one set of images to another: a loss in colour without its floor says nothing.
#
# ## 3. No code length (15 minutes)
#
# For black and white pixels the cross-entropy is a code length (lesson 07): a compressor that knows your $p$ stores the
# image in so many nats. In colour, says section 4, "the training loss did not correspond to the true compression cost
# of RGB images". Why not?
#
# A file holds one of 256 values for each number, $x = k / 255$. A code gives each value a probability, and these sum to
# 1. (The simplest gives 1/256 to each: 8 bits, 5.545 nats.) If $CE(x, p)$ were a code length, the probability of $x$
# would be $e^{-CE(x, p)} = p^x (1 - p)^{1 - x}$. Let us sum it over the 256 values:
#
# $$Z(p) = \sum_{k=0}^{255} p^{k/255} \, (1 - p)^{1 - k/255} .$$
#
# If this is not 1, we can divide by it. Then $q(x \mid p) = e^{-CE(x, p)} / Z(p)$ is a distribution, and its code
# length is $CE(x, p) + \log Z(p)$. If $Z$ were the same for all $p$, that would add a constant, which no training would
# notice (as in lesson 07, part 3).
#
# **Predict first.** At $p = 1/2$ every term is 1/2. What is $Z$ there, and what is it at $p = 0$? And which $p$ is the
# best guess for $x = 0.3$, once we have divided?

# %%
def Z_in_loops(p):
    return sum(p**x * (1 - p) ** (1 - x) for x in levels)

levels, x, p = np.arange(256) / 255, 0.3, np.linspace(0, 1, 1001)
terms = p[:, None] ** levels * (1 - p[:, None]) ** (1 - levels)  # exp(-CE) of every value: (1001, 256)
Z = terms.sum(axis=1)
np.testing.assert_allclose(Z, [Z_in_loops(one) for one in p])
np.testing.assert_allclose(terms[1:-1], np.exp(-cost(levels, p[1:-1, None])))
with np.errstate(divide="ignore"):
    prices = {"CE": cost(x, p), "CE + log Z": cost(x, p) + np.log(Z)}
best = {name: price.argmin() for name, price in prices.items()}
mean = (terms / Z[:, None]) @ levels  # of q, for every p
print(f"Z(0) = {Z[0]:.0f}, Z(1/2) = {Z[500]:.0f}, Z(1) = {Z[1000]:.0f}")
for name, k in best.items():
    print(f"best p for x = {x} by {name}: {p[k]:.3f}; there the mean of q is {mean[k]:.2f}")

# %%
figure, axes = plt.subplots(1, 3, figsize=(14, 4.6))
axes[0].plot(p, Z)
axes[0].set(xlabel="p", ylabel="Z(p)", title="the sum of the 256", ylim=(0, 135))
for (name, price), colour in zip(prices.items(), (plotting.BLUE, plotting.RED)):
    k = best[name]
    axes[1].plot(p, price - price[k], color=colour, label=name)
    axes[1].plot(p[k], 0, "o", color=colour, markersize=10, clip_on=False)
    axes[2].plot(levels, terms[k] / Z[k], color=colour, label=f"p = {p[k]:.3f}: mean {mean[k]:.2f}")
    axes[2].axvline(mean[k], 0, 0.8, color=colour, linestyle=":")
axes[1].set(xlabel="p", ylabel="nats above the least", title=f"guesses for x = {x}", ylim=(0, 0.6), xlim=(0, 1))
axes[2].set(xlabel="value", ylabel="probability q", title="two of the distributions", ylim=(0, 0.014))
_ = [ax.legend() for ax in axes[1:]]

# %% [markdown]
# **Answer.** $Z$ is 128 in the middle and 1 at both ends, far from a constant. So after the division the best guess is
# no longer the colour, but 0.066. The reason is in the right picture. All that $q$ can do is to fall or rise steadily
# over the 256 values. With $p = 0.3$ it is so flat that its mean is 0.43; to have the mean 0.3, it must fall more
# steeply. (The derivative of $CE + \log Z$ with respect to the logit is the mean of $q$, less $x$.)
#
# Now in nats, for the photograph. Next to what the cross-entropy says, the bars show real code lengths: $q$ with the
# true colours for $p$, with $p = 1/2$, and with the $p$ that is best for it; `zlib`, a compressor that knows nothing of
# the picture; and 8 bits.
#
# **Predict first.** Cross-entropy charges a model that knows the photograph 0.41 nats a number, and one that says
# $p = 1/2$ everywhere 0.69. What does $q$ charge each of the two?

# %%
share = np.bincount(photograph.ravel(), minlength=256) / photograph.size  # how often each value is there
Z_there = (levels[:, None] ** levels * (1 - levels[:, None]) ** (1 - levels)).sum(axis=1)  # Z(p) at p = x
knows, half = share @ cost(levels, levels), share @ cost(levels, np.full(256, 0.5))
np.testing.assert_allclose(knows, cost(photo, photo).mean())
q = np.exp(np.linspace(-400, 400, 8001)[:, None] * levels)  # for all logits that matter: p may be very small
at_best = -share @ np.log((q / q.sum(axis=1, keepdims=True)).max(axis=0))  # the best p for every value
zlib_nats = 8 * len(zlib.compress(photograph.tobytes(), 9)) * np.log(2) / photograph.size
bars = {"CE, p = x": knows, "CE, p = 1/2": half,
        "q: CE + log Z, p = x": knows + share @ np.log(Z_there), "q: CE + log Z, p = 1/2": half + np.log(Z[500]),
        "q, the best p": at_best, "zlib": zlib_nats, "8 bits": np.log(256)}
np.testing.assert_allclose(bars["q: CE + log Z, p = 1/2"], bars["8 bits"])
assert bars["zlib"] < bars["q, the best p"] < bars["q: CE + log Z, p = x"]
ax = plt.figure(figsize=(11, 4.6)).add_subplot(xlabel="nats a number", xlim=(0, 6.4))
ax.bar_label(ax.barh(list(bars), list(bars.values()), color=2 * [plotting.SKY] + 5 * ["0.6"]), fmt=" %.3f")
ax.invert_yaxis()

# %% [markdown]
# **Answer.** The one that says 1/2 everywhere pays exactly 8 bits, as it should: it knows nothing. The cross-entropy
# let it off with an eighth of that. And the one that knows the photograph pays nearly as much, and even with the best
# $p$ more than `zlib`, which was told nothing. Of a number between 0 and 1, $q$ can never be sure. So cross-entropy is
# no code length, and dividing by $Z$ makes one of it, but a poor one, and its best guesses are other colours.
#
# ## 4. What it says (10 minutes)
#
# Is the number good for nothing, then? Toss every number of the image like a coin: $X = 1$ with probability $x$, else
# $X = 0$. For two values the sum is $p + (1 - p) = 1$. No $Z$ is missing, and $CE(X, p)$ is a code length. Average it
# over the tosses, $\langle X \rangle = x$:
#
# $$\langle CE(X, p) \rangle = -x \log p - (1 - x) \log(1 - p) = CE(x, p) .$$
#
# **A loss in colour is the mean code length of black and white planes, tossed from the image.** The floor is what the
# tossing costs, which nobody can foresee. What is above it says how far the guess is from the colour:
#
# $$CE(x, p) - H(x) = x \log \frac{x}{p} + (1 - x) \log \frac{1 - x}{1 - p} \approx \frac{(p - x)^2}{2 \, x (1 - x)} .$$
#
# It is a KL divergence, of two coins: never negative, and 0 only for $p = x$. For small errors it is a squared error,
# which weighs more where $x$ is nearly 0 or 1. The same holds for the whole bound: $\mathcal{L}$ is at least the mean
# of $-\log p(X)$ over the tosses, for $Q$ may be any distribution, one that has seen $x$ too. So in colour, too, lower
# is better. Only the 0 has moved, to the floor.
#
# **Predict first.** The first cell tosses the photograph 100 times. One toss you have seen in part 2: how many does it
# take until their mean looks like the photograph? In the second cell, how many times as dear is 0.05 for 0.1 as 0.45
# for 0.5?

# %%
small = photo[::3, ::3]  # (200, 171, 3)
tosses = np.stack([datasets.binarize(small, rng) for _ in range(100)])
guess = 0.1 + 0.8 * small  # a duller photograph
prices = np.array([cost(toss, guess).mean() for toss in tosses])
error = prices.std(ddof=1) / np.sqrt(100)
print(f"100 tosses cost {prices.mean():.5f} +- {error:.5f} nats a number, the colours {cost(small, guess).mean():.5f}")
assert abs(prices.mean() - cost(small, guess).mean()) < 4 * error
figure, axes = plt.subplots(1, 4, figsize=(14, 4.6))
for ax, count in zip(axes, (1, 10, 100)):
    plotting.show_image(ax, tosses[:count].mean(axis=0), "one toss" if count == 1 else f"mean of {count}")
plotting.show_image(axes[3], small, "photograph")

# %%
def excess(x, p):  # nats above the floor: the KL divergence of two coins
    return x * np.log(x / p) + (1 - x) * np.log((1 - x) / (1 - p))

x = np.linspace(0.06, 0.99, 94)  # 0.1 and 0.5 are among them
np.testing.assert_allclose(excess(x, x - 0.05), cost(x, x - 0.05) - cost(x, x), atol=1e-12)
plt.figure(figsize=(11, 4.6)).add_subplot(xlabel="colour x", ylabel="nats above the floor", ylim=(0, 0.05))
plt.plot(x, excess(x, x - 0.05), label="the guess is 0.05 too low")
plt.plot(x, 0.05**2 / (2 * x * (1 - x)), ":", color=plotting.BLACK, label="$(p - x)^2 / (2 x (1 - x))$")
for colour in 0.1, 0.5:
    nats = excess(colour, colour - 0.05)
    plt.plot(colour, nats, "o", color=plotting.RED, markersize=10)
    plt.annotate(f"{nats:.4f}", (colour, nats), (8, 10), textcoords="offset points")
_ = plt.legend()

# %% [markdown]
# **Answer.** One toss has no more than eight colours, and yet one recognises her; ten nearly give the colours back. And
# the same error is four times as dear at 0.1 as in the middle: the numbers beside the dots say it.
#
# ## 5. Crops (10 minutes)
#
# The paper's house numbers are photographs, cut so that the number stands in the middle of 64 × 64 pixels. "The
# network was then trained using 54×54 patches extracted at random locations", says section 4.4. There are 11 × 11
# places for such a piece, a **crop**, so one photograph gives 121 training images. Validation takes the crop in the
# centre.
#
# Fig. 11 shows both costs, and validation is below training, all the time: "because the validation set patches were
# extracted from the image centre". Usually a network does worse on what it has not seen (lesson 07). Can the place of a
# crop outweigh that? Let the simplest guesser try. It knows one $p$ for each number, the mean of its training crops, 20
# of each sign. We make signs for it, white digits on blue, as in Paris: 400 to learn from, 1,000 others. And we score
# it four times, above the floor.
#
# **Predict first.** Put the four in order: the 400 signs and the 1,000 others, each at random places and in the centre.
# What makes the larger difference, the place or having seen the sign?

# %%
def signs(count, split):  # as house numbers are cut, with the digit in the middle: uint8 (count, 64, 64, 3)
    grey = digits[split].images[rng.integers(len(digits[split].labels), size=count)]
    grey = np.pad(grey.repeat(2, axis=1).repeat(2, axis=2), ((0, 0), (4, 4), (4, 4)))
    return np.rint(255 * paint(grey, np.array([0.1, 0.25, 0.6]), np.array([0.95, 0.95, 0.9]))).astype(np.uint8)

learned, others = signs(400, "train"), signs(1000, "test")
p = np.mean([datasets.augment("svhn", learned, rng).mean(axis=0) for _ in range(20)], axis=0)  # (54, 54, 3)
def above(images):
    return (cost(images, p) - cost(images, images)).sum(axis=(1, 2, 3))
nats = {}
for name, pixels in ("the 400", learned), ("1,000 others", others):
    for where, crops in ("random", datasets.augment("svhn", pixels, rng)), ("centre", pixels[:, 5:59, 5:59] / 255):
        nats[name, where] = above(crops)
        error = nats[name, where].std(ddof=1) / np.sqrt(len(crops))
        print(f"{name:13}{where:8}{nats[name, where].mean():6.1f} +- {error:4.1f} nats above the floor")

# %%
gains = nats["1,000 others", "random"] - nats["1,000 others", "centre"]  # of the same signs
assert gains.mean() > 4 * gains.std(ddof=1) / 1000**0.5
assert nats["1,000 others", "centre"].mean() < nats["the 400", "random"].mean()  # as in Fig. 11
by_place = np.zeros((11, 11))
for row, column in np.ndindex(11, 11):
    by_place[row, column] = above(others[:50, row : row + 54, column : column + 54] / 255).mean()
figure, axes = plt.subplots(1, 3, figsize=(14, 4.4))
plotting.show_image(axes[0], others[0] / 255, "two crops of a sign")
for corner, colour in ((0, 9), plotting.ORANGE), ((5, 5), "white"):
    square = plt.Rectangle(np.array(corner) - 0.5, 54, 54, fill=False, color=colour, linewidth=4, clip_on=False)
    axes[0].add_patch(square)
plotting.show_image(axes[1], p, "what the guesser knows")
shown = axes[2].imshow(by_place, cmap="cividis")
axes[2].set(xlabel="first column of the crop", ylabel="first row", title="what a place costs")
_ = figure.colorbar(shown, ax=axes[2], label="nats above the floor")

# %% [markdown]
# **Answer.** The place. The centre is cheaper, and the picture on the right says why: the guesser knows the mean over
# all places, and the centre is in the middle of them. Whether it has seen a sign makes no difference beyond the errors,
# if crops of the same kind are compared. (The 400 come out dearer, by one standard error of the difference.) So here
# the order of Fig. 11 comes from the place alone, as the paper says. But then the order proves little: had the guesser
# learned its signs by heart, and gained half of what the place is worth, it would be the same. To see learning by
# heart, compare crops of the same kind.
#
# ## 6. A small DRAW (15 minutes)
#
# Now DRAW itself, on two-coloured digits. The model is tiny (6 steps, 64 hidden units, 10 latent numbers a step), and
# reads and writes three planes through one window. Two guessers stand beside it. One says the mean image, a grey. The
# other is told the two colours of each image, and paints the mean digit with them: of the digit itself it knows
# nothing. **The second cell trains DRAW in about twenty seconds.** The third draws its loss twice, as it is and above
# the floor of the images that it was shown. The last shows how it redraws five test images, step by step; red is where
# it wrote.
#
# **Predict first.** By how many per cent will the loss fall in training? And of what is above the floor, how much will
# be gone? Will you be able to read the digits?

# %%
config = draw.Config(28, 28, 3, steps=6, hidden=64, latent=10, read_size=6, write_size=8)
test, mean_digit = two_coloured(rng, 500, "test"), digits["train"].images.mean(axis=0)
mean_image, floor = two_coloured(rng, 5000).x.mean(axis=0), datasets.floor(test.x)
guesses = {"mean image": mean_image, "told the colours": paint(mean_digit, test.paper, test.ink)}
costs = {name: cost(test.x, p).sum() / 500 for name, p in guesses.items()}
print(f"the floor: {floor:.0f} nats", *(f"{k}: {v:.0f}, {v - floor:.0f} above it" for k, v in costs.items()), sep="; ")

# %%
updates, curve = 800, []
work = update.Work(draw, config, kernels, recipe.Recipe((), clip=10.0, average=0.0))
weights = adam.first_weights(draw.init_params(config, rng, mean_image))
for number in tqdm(range(1, updates + 1)):
    x, rate = two_coloured(rng, 32).x, 4e-3 * min(number / 50, 1 - number / (updates + 1))
    weights, said = update.update(weights, x, draw.sample_noise(config, 32, rng), rate, None, work)
    curve.append((said["L_x"] + said["L_z"], datasets.floor(x)))
L_x, L_z = draw.bound(weights.params, config, test.x, draw.sample_noise(config, 500, rng), kernels)
L, gone = (L_x + L_z.sum(axis=0)).mean(), lambda part: 1 - part / (costs["mean image"] - floor)
print(f"test: {L:.0f} nats, {1 - L / costs['mean image']:.0%} less than the mean image;",
      f"{L - floor:.0f} above the floor, {gone(L - floor):.0%} less; of this L^z is {L_z.sum(axis=0).mean():.0f}")
print(f"told the colours: {gone(costs['told the colours'] - floor):.0%} less")

# %%
loss, floors = (np.convolve(values, np.ones(20) / 20, "valid") for values in np.transpose(curve))
figure, axes = plt.subplots(1, 2, figsize=(13, 4.6))
for ax, curve_shown, zero in (axes[0], loss, 0), (axes[1], loss - floors, floor):
    ax.plot(range(20, updates + 1), curve_shown, color=plotting.BLUE, label="DRAW, training")
    for (name, nats), line in zip(costs.items(), ("--", ":")):
        ax.axhline(nats - zero, color="black", linestyle=line, label=name)
    ax.set(xlabel="updates", ylim=(0, 1.15 * (costs["mean image"] - zero)))
axes[0].axhline(floor, color=plotting.RED, linewidth=4, label="floor")
axes[0].set(ylabel="nats", title="the loss")
axes[1].set(ylabel="nats", title="the loss above its floor")
_ = axes[0].legend(loc="lower right", fontsize=12)

# %%
x, border = test.x[:5], plotting.strip_border(28, 28)
trace = draw.infer(weights.params, config, x, draw.sample_noise(config, 5, rng), kernels)
canvases = np.moveaxis(equations.sigmoid(np.stack(trace.canvases)), 2, 4)  # (6, 5, 28, 28, 3)
windows = [np.stack([getattr(w, field)[:, 0] for w in trace.write_windows]) for field in equations.Window._fields]
widths = [28 + 2 * border, 6 * (28 + border) + border]
figure, axes = plt.subplots(1, 2, figsize=(14, 9.6), width_ratios=widths)
plotting.show_image(axes[0], plotting.grid(x, 1, border, shade=1), "image\n")
_ = plotting.draw_film_strip(axes[1], canvases, windows, config.write_size, 6)

# %% [markdown]
# **Answer.** The loss falls by a fifth. That looks poor, but it could not have fallen by much more than a quarter: of
# what is above the floor, four fifths are gone. And yet no digit can be read. Each image ends as a blot, in about the
# colour of the ink, on about that of the paper. The guesser that is told the colours explains why: it has no digit
# either, and has got rid of a little more. So most of the nats are in the colours of large areas. DRAW draws first what
# is worth most, one colour for the whole image, then the blot, and pays $\mathcal{L}^z$ for saying which colours. The
# digit, which a person would name first, is worth what is left: 69 nats of 1,273.
#
# So do not stop at the floor. Ask also what a guesser gets that knows only the easy part. The paper says of Fig. 12
# that DRAW "is able to capture much of the shape, colour and composition of real photographs". A blurred image has all
# three.
#
# ## 7. Figures 9, 10 and 12 (10 minutes)
#
# Does a model invent, or does it copy what it has seen? The paper answers with pictures: beside generated images it
# shows the training images that are nearest, by the distance $\sqrt{\frac{1}{n} \sum (s - y)^2}$ over all $n$ numbers.
# "Note that the two columns are visually similar, but the numbers are generally different", it says of Fig. 9. Before
# we look at its figures, let us ask what this distance sees. The first cell takes 2,000 two-coloured digits as the
# training images and finds, for each of 100 others, the nearest in colour. Then the nearest once more, by the greys
# that they were painted from. (The second cell shows ten of them, those that are nearest in grey in their colours.)
#
# **Predict first.** The nearest training image to a coloured two: will it show a two?

# %%
def nearest(image, others):  # which one, and how far
    squared = ((others - image) ** 2).reshape(len(others), -1).mean(axis=1)
    return squared.argmin(), np.sqrt(squared.min())

known, few = two_coloured(rng, 2000), slice(100)
in_colour = np.array([nearest(image, known.x)[0] for image in test.x[few]])
in_grey = np.array([nearest(image, known.grey)[0] for image in test.grey[few]])
same = {name: np.mean(known.label[k] == test.label[few]) for name, k in (("colour", in_colour), ("grey", in_grey))}
print(*(f"the nearest in {name} is the same digit: {share:.0%}" for name, share in same.items()), sep="\n")
noise = draw.sample_noise(config, 100, rng)
samples = equations.sigmoid(draw.generate(weights.params, config, noise, kernels).canvases[-1])
redrawn = draw.infer(weights.params, config, test.x[few], noise, kernels).canvases[-1]
redrawn = np.moveaxis(equations.sigmoid(redrawn), 1, 3)  # (100, 28, 28, 3)
for name, images in ("samples of our DRAW", samples), ("test images", test.x[few]), ("the same, redrawn", redrawn):
    print(f"{name}: median distance to the nearest {np.median([nearest(image, known.x)[1] for image in images]):.3f}")

# %%
rows = test.x[:10], known.x[in_colour[:10]], known.x[in_grey[:10]]
axes = plt.figure(figsize=(15, 5)).add_subplot()
plotting.show_image(axes, plotting.grid(np.concatenate(rows), columns=10))
_ = axes.set_yticks([14, 43, 72], ["image", "nearest\nin colour", "nearest\nin grey"])

# %% [markdown]
# **Answer.** Mostly not, as the first line says; it shows similar colours. They fill the whole image, and the digit
# only a part of it. So a network that copied a digit and chose new colours would not be caught, and "visually similar,
# but the numbers are generally different" holds for these test images, too, which no network made. Nor do the distances
# prove anything by themselves. Our samples lie nearer to the training images than test images do, but so do these very
# test images when DRAW has redrawn them: blurred images lie near everything. So compare samples with redrawn images, as
# `figures/copying.py` does. A nearest image that looks different is weak evidence. One that looks the same would be
# strong.
#
# **The figures.** The next two cells draw them with the weights `svhn` and `cifar10`, whose sizes are those of Table 3,
# but for fewer steps $T$ where their training has not ended. Where they are not in the package, a line says so. First
# Fig. 9 and Fig. 12: the first samples of a fixed seed, none left out. (If CIFAR-10 is on your machine, a last column
# has the nearest of 10,000 training images.) Then Fig. 10: how house numbers are drawn, with a red rectangle where a
# step wrote; and Fig. 11 in a few numbers, where `train_random` are training images at random places, and all others
# are centres. Read the losses as you have learned to: above the floor, and beside the mean image's.

# %%
def shipped(name):
    return name in pretrained.names() or print(f"The weights {name} are not in the package yet.")

here = [row.name for row in datasets.listing() if row.here]
for name, title in ("svhn", "Fig. 9"), ("cifar10", "Fig. 12"):
    if shipped(name):
        (params, config), record = pretrained.load_pretrained(name), pretrained.load_record(name)["measured"]["test"]
        noise = draw.sample_noise(config, 21, np.random.default_rng(0))
        rows = np.split(equations.sigmoid(draw.generate(params, config, noise, kernels).canvases[-1]), 3)
        if name == "cifar10" and name in here:
            known = datasets.load(name, "train", 10_000).images
            rows = [np.concatenate([row, known[[nearest(row[-1], known)[0]]]]) for row in rows]
        axes, picture = plt.figure(figsize=(15, 6)).add_subplot(), plotting.grid(np.concatenate(rows), len(rows[0]))
        plotting.show_image(axes, picture, f"{title}, T = {config.steps}" + ", the nearest last" * (len(rows[0]) > 7))
        print("{}: floor {floor:,.0f}, DRAW {nll_bound:,.0f}, mean image {mean_image:,.0f} nats".format(name, **record))

# %%
if shipped("svhn"):
    params, config = pretrained.load_pretrained("svhn")
    noise = draw.sample_noise(config, 4, np.random.default_rng(1))
    canvases, windows = draw.generate(params, config, noise, kernels)
    axes = plt.figure(figsize=(16, 8.6)).add_subplot()
    plotting.draw_film_strip(axes, equations.sigmoid(canvases), windows, config.write_size, 8)
    for name, found in pretrained.load_record("svhn")["measured"].items():
        print(f"{name}: {found['nll_bound'] - found['floor']:.1f} nats above the floor")

# %% [markdown]
# **Take away.** Colour costs the window nothing: three planes are read and written through one window. A loss in colour
# is the mean code length of black and white planes tossed from the image, not that of the image, and only what is above
# the floor, its entropy, tells anything about the model. Compare crops with crops of the same kind, and do not believe
# that a model invents because the nearest training image is another.
#
# ## On your own
#
# [`exercises/10_colour.ipynb`](exercises/10_colour.ipynb) has a place for each answer and a cell that checks it.
#
# 1. **The floor** (easy, 10 minutes). The mean entropy of a set of images, with numbers that are exactly 0 or 1.
#    *Expect 0 for black and white, without a number being moved.*
# 2. **The nearest image** (harder, 15 minutes). The nearest of many others by the L2 distance over all channels, with
#    one matrix product. *Expect decoys: the same greys, the same red, the same colours but darker, the same numbers in
#    other colours, a copy.*
# 3. **What the planes share** (hard, 25 minutes). The gradient of a reading with respect to the image, both filterbanks
#    and the intensity. *Expect a sum over the planes in three of the four.*
# 4. **The missing constant** (harder, 20 minutes). $\log Z$ from logits, however large. *Expect $\log 128$ in the
#    middle, and the formula as it stands to fail at one end long before the other.*
#
# ## Further reading
#
# - The paper, sections 3.3, 4.4 and 4.5. `figures/figure_09.py` to `figure_12.py` draw the figures, and
#   `figures/colour.py` puts the losses beside the floor, the mean image and a VAE.
# - Loaiza-Ganem and Cunningham, "The Continuous Bernoulli" (2019): part 3's $Z$, as an integral, and how many
#   published models leave it out.
# - van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks" (2016): a softmax over the 256 values,
#   and so real code lengths of coloured images.
# - Theis, van den Oord and Bethge, "A note on the evaluation of generative models" (2016): why nearest images and
#   likelihoods each tell less than one thinks.
