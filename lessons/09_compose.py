# %% [markdown]
# # 09 Compose
#
# **What does attention buy when the picture grows?**
#
# ## What you'll do
# Make pictures of two digits, and draw such pictures with a trained DRAW. On the way you count what a pixel costs
# a network, find out which digit is drawn first, move a network to a larger canvas, and train two small ones,
# one with attention and one without.
#
# ## What you'll learn
# - what a model with attention does not pay for: parameters and work that grow with the picture;
# - how to measure an order of drawing, and why a measurement needs a control;
# - what the same weights do with more steps, on a larger canvas, and at places where they never saw a digit.
#
# ## What you'll need
# Reading and writing through windows (lesson 06, and all that it builds on). An hour and 25 minutes.

# %%
import time
import timeit
from dataclasses import replace

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap
from tqdm.notebook import tqdm

from draw_np import datasets, equations, kernels, load_pretrained, plotting
from draw_np.models import draw, vae
from draw_np.training import adam, recipe, trees, update

plotting.use_style()
rng = np.random.default_rng(9)

# %% [markdown]
# ## 1. Two digits (10 minutes)
#
# "The main motivation for using an attention-based generative model is that large images can be built up
# iteratively, by adding to a small part of the image at a time." So says section 4.3 of the paper, and tests it on
# pictures that are put together from parts: "two 28 × 28 MNIST images chosen at random and placed at random
# locations in a 60 × 60 black background". Where they overlap, the grey values are added and clipped at 1.
#
# Let digit $d_k$ have its first pixel, $d_k[1, 1]$, at row $q_k$ and column $p_k$. Outside its 28 × 28 pixels it is 0.
# Then
#
# $$x[b, a] = \min\Big(1, \sum_{k=1}^{2} d_k[b - q_k + 1, \; a - p_k + 1]\Big) .$$
#
# In arrays we could cut out 28 × 28 pixels of $x$ and add to them. There is a more elegant way. Take a matrix $E_X$ of
# 28 × $A$ zeros and ones, with $E_X[i, a] = 1$ where $a = p_k + i - 1$, and $E_Y$ in the same way. Then
#
# $$x = \min\Big(1, \sum_{k=1}^{2} E_Y^T \, d_k \, E_X\Big) .$$
#
# You know this: it is a write, Eq. 29, through very sharp filters, one pixel apart. The second cell asserts it. So two
# strokes with a patch of 28 × 28 would make any such picture (nearly: DRAW adds logits, and $\sigma(\cdot)$ does the
# clipping). Our model has patches of 5 × 5. It must draw a digit in many strokes, or a blurred one.
#
# **Predict first.** There are 50,000 training digits, and 33 × 33 places for each. How many different pictures can be
# made of two of them? Could a model learn them all by heart?

# %%
def compose_in_loops(d, q, p, B=60, A=60):  # d (2, 28, 28); rows q and columns p count from 1
    x = np.zeros((B, A), np.float32)
    for k in range(2):
        for j in range(1, 29):
            for i in range(1, 29):
                b, a = q[k] + j - 1, p[k] + i - 1
                x[b - 1, a - 1] = min(1, x[b - 1, a - 1] + d[k, j - 1, i - 1])
    return x

def compose_in_arrays(d, q, p, B=60, A=60):  # any number of pictures: d (count, 2, 28, 28), q and p (count, 2)
    i = np.arange(28)
    E_Y = (np.arange(1, B + 1) == q[..., None, None] + i[:, None]).astype(np.float32)  # (count, 2, 28, B)
    E_X = (np.arange(1, A + 1) == p[..., None, None] + i[:, None]).astype(np.float32)  # (count, 2, 28, A)
    each = np.swapaxes(E_Y, 2, 3) @ d @ E_X  # (count, 2, B, A): every digit alone
    return np.minimum(1, each.sum(axis=1)), each

# %%
digits = datasets.load("mnist", "train").images  # (50000, 28, 28), grey
def draws(rng, count):  # the random numbers in the order of the package: which digits, rows, columns
    which, q = rng.integers(len(digits), size=(count, 2)), rng.integers(60 - 28 + 1, size=(count, 2)) + 1
    return digits[which], q, rng.integers(60 - 28 + 1, size=(count, 2)) + 1
d, q, p = draws(np.random.default_rng(0), 200)
x, each = compose_in_arrays(d, q, p)
np.testing.assert_allclose(x, datasets.sample("two-digit-mnist", np.random.default_rng(0), 200).images, atol=1e-6)
np.testing.assert_allclose(x[0], compose_in_loops(d[0], q[0], p[0]), atol=1e-6)
centres = p[:, :1] + 13.5, q[:, :1] + 13.5  # the middles of the first digits, each (200, 1)
F_X, F_Y = equations.filterbanks(equations.Window(*centres, *np.tile([[[1]], [[0.01]], [[1]]], (200, 1))), 28, 60, 60)
np.testing.assert_allclose(equations.write(d[:, :1], F_X, F_Y, np.ones((200, 1)))[:, 0], each[:, 0], atol=1e-6)
print(f"{len(digits) ** 2 * 33**4 / 2:.1e} pictures are possible")  # the same two digits in either order are one
plotting.show_image(plt.figure(figsize=(14, 5.8)).add_subplot(), plotting.grid(x[:18], columns=9))

# %% [markdown]
# **Answer.** More than a million billion, $(50{,}000 \cdot 33^2)^2 / 2$: each digit at each place with each other, and
# half of that, since a sum does not tell which came first. No model can learn so many by heart, and training hardly
# ever shows one twice. What can be learned is the part, a digit, and how parts are placed.
#
# ## 2. What a pixel costs (20 minutes)
#
# How many parameters has a network for pictures of $A \times B$ pixels? Count them layer by layer. A linear map
# from $I$ numbers to $O$ has $(I + 1) O$ parameters, an LSTM of $H$ cells with $I$ inputs has four gates of
# $(I + H + 1) H$. With $Z$ latent units a step,
#
# | | DRAW with attention | DRAW without | VAE |
# |---|---|---|---|
# | sees | $I = 2 N^2 + H$ | $I = 2 A B + H$ | $I = A B$ |
# | encoder | LSTM, $I$ inputs | LSTM, $I$ inputs | linear, $I$ to $H$ |
# | $\mu$, $\sigma$ | twice linear, $H$ to $Z$ | the same | the same |
# | decoder | LSTM, $Z$ inputs | LSTM, $Z$ inputs | linear, $Z$ to $H$ |
# | writes | two windows: $H$ to 5; a patch: $H$ to $\hat{N}^2$ | $H$ to $A B$ | $H$ to $A B$ |
# | begins with | $c_0$: $A B$; $h$ and cells: $4 H$ | the same | |
#
# The first two cells count in this way, compare with the package's parameters, and say what one more pixel costs.
#
# Parameters are one cost, work is the other. Multiplications for one picture and one step, in the matrix products:
#
# - **without attention**, $x$ and $\hat{x}_t$ go into the encoder's four gates, and all pixels are
#   written: $8 H A B + H A B = 9 H A B$;
# - **with attention**, $F_Y \, x \, F_X^T$ twice, and one write:
#   $2 (N B A + N^2 A) + (\hat{N}^2 A + \hat{N} B A)$, which is $2 N + \hat{N}$ a pixel and a little;
# - **both** have the rest of the LSTMs, and $\mu$ and $\sigma$, which see no pixel.
#
# So the work of attention grows with the picture, too: a filter looks at every pixel, although nearly all its
# weights are almost 0. And every pixel of any DRAW goes through the error image, the sum on the canvas and the
# loss of Eq. 9. The third cell counts, and measures whole steps, everything included. It prints both, for the three
# sides of the picture, and at the end by what factor the time grows from the first to the last.
#
# **Predict first.** How many parameters does one more pixel cost with attention, and how many without? And from 28 × 28
# to 100 × 100 pixels, 13 times as many, by what factor does the measured time grow in each?

# %%
def linear(inputs, outputs):
    return (inputs + 1) * outputs

def count(kind, A, B, H=256, Z=100, N=5, N_hat=5):
    if kind == "VAE":
        return linear(A * B, H) + 2 * linear(H, Z) + linear(Z, H) + linear(H, A * B)
    attention = kind == "DRAW with attention"
    read, write = (2 * N**2, 2 * linear(H, 5) + linear(H, N_hat**2)) if attention else (2 * A * B, linear(H, A * B))
    lstms = 4 * linear(read + H + H, H) + 4 * linear(Z + H, H)
    return lstms + 2 * linear(H, Z) + write + A * B + 4 * H

def new_model(kind, A, B):
    sizes = {"DRAW with attention": (5, 5), "DRAW without": (None, None)}.get(kind)
    own = draw.Config(B, A, read_size=sizes[0], write_size=sizes[1]) if sizes else vae.Config(B, A, 1, 256, 100)
    return (draw if sizes else vae).init_params(own, np.random.default_rng(0)), own

# %%
sides = [28, 60, 100]
kinds = {"DRAW without": plotting.RED, "VAE": plotting.ORANGE, "DRAW with attention": plotting.BLUE}
plt.figure(figsize=(11, 5)).add_subplot(xlabel="side of the picture (pixels)", ylabel="million parameters")
for kind, colour in kinds.items():
    for side in sides:
        counted = sum(leaf.size for leaf in trees.named_leaves(new_model(kind, side, side)[0]).values())
        assert counted == count(kind, side, side)
    counts = [count(kind, side, side) for side in sides]
    print(f"{kind:20}", *(f"{side} x {side}: {number:10,}   " for side, number in zip(sides, counts)),
          f"one more pixel: {count(kind, 101, 100) / 100 - count(kind, 100, 100) / 100:,.0f}")
    plt.plot(sides, np.array(counts) / 1e6, "o-", color=colour, label=kind)
plt.xticks(sides)
_ = plt.legend()

# %%
figure, axes = plt.subplots(1, 2, figsize=(15, 4.8), sharex=True)
common = 4 * 256 * (256 + 256) + 4 * 256 * (100 + 256) + 2 * 256 * 100  # the LSTMs but for r, mu and sigma
for kind in "DRAW without", "DRAW with attention":
    products, measured, own_patch = [], [], 4 * 256 * 50 + 256 * (5 + 5 + 25)  # r and w with attention
    for S in sides:
        touch = 9 * 256 * S**2 if kind == "DRAW without" else 2 * (5 * S**2 + 25 * S) + 25 * S + 5 * S**2 + own_patch
        weights, own = new_model(kind, S, S)
        x, noise = rng.random((64, S, S), np.float32), rng.standard_normal((2, 64, 100), np.float32)
        taken = timeit.repeat("draw.infer(weights, own, x, noise)", "", time.process_time, 8, 1, globals())
        products, measured = [*products, (common + touch) / 1e6], [*measured, 1e3 * min(taken) / 2 / 64]
    for panel, values, name in zip(axes, (products, measured), ("million multiplications", "ms (measured)")):
        panel.plot(sides, values, "o-", color=kinds[kind], label=kind)
        panel.set(xlabel="side of the picture", ylabel=f"{name} a picture and step", xticks=sides, ylim=(0, None))
    print(f"{kind:20}{np.round(products, 2)} million, {np.round(measured, 3)} ms: {measured[2]/measured[0]:.1f} times")
_ = axes[0].legend()

# %% [markdown]
# **Answer.** With attention a pixel costs one parameter: its own entry of $c_0$, the first canvas. Without, it costs
# thousands, and each is learned only from pictures in which this pixel matters. (Attention is not the only way to share
# weights between places. A convolution uses one small filter everywhere, and computes everything everywhere.)
#
# The work with attention hardly grows: most of its multiplications have nothing to do with pixels. Its time grows a
# little more, by less than a factor of three, and without attention by more than five (the cell prints yours). So
# attention saves less time than multiplications: computers are best at large matrix products, and less good at small
# ones and at exponentials. Attention pays as pictures grow.
#
# ## 3. One digit after the other? (20 minutes)
#
# "The network typically generates one digit and then the other", the paper says. How would one measure
# that? First look. We ask two things of six pictures that our model makes up in its $T$ steps:
#
# - **Where was the window?** The dots are the centres of the write windows, joined in the order of time.
# - **When was a pixel drawn?** At the first step from which on it has at least half of its final value:
#   $\min \{ t : \sigma(c_s) \geq \sigma(c_T) / 2 \text{ for all } s \geq t \}$. Blue is early, orange is late.
#
# Pictures persuade, numbers convince. When the model redraws a picture that *we* composed, we know which pixel belongs
# to which digit. So take 200 pictures of test digits, and ask two more questions.
#
# - **Does ink grow at one place first?** For each digit follow its ink, the mean of $\sigma(c_t)$ over the digit's own
#   pixels, those that the other does not touch. Call the digit whose ink is at half its final value earlier the first.
# - **Does it matter that there are digits?** Take two pixels of ink at a given distance. How many steps lie between
#   them? If a digit is one thing for the model, it should be more for two pixels of different digits than for two
#   pixels of one digit *at the same distance*.
#
# Would a pen that knows nothing of digits give none? To find out we need a **control**: three pens that are blind to
# digits and sweep over the page in $T$ steps, from left to right, along the diagonal, and from top to bottom.
# The last picture shows our model and the first of them; the cell prints the mean difference for all four, between 8
# and 20 pixels apart.
#
# **Predict first.** For a pen that sweeps from left to right, will the difference be 0?

# %%
def drawn_at(canvas):  # (T, ...): the step, from 1 to T, at which each pixel was drawn
    steps = np.arange(1, len(canvas) + 1).reshape(-1, *[1] * (canvas.ndim - 1))
    return 1 + np.max(steps * (canvas < canvas[-1] / 2), axis=0)  # the one after the last step that had less than half

params, config = load_pretrained("two-digit-mnist")
T = config.steps
made = draw.generate(params, config, draw.sample_noise(config, 40, rng))
drawn = equations.sigmoid(made.canvases)  # (T, 40, 60, 60)
digits = datasets.load("mnist", "test").images  # from here on, draws takes these
x, each = compose_in_arrays(*draws(rng, 200))
own = each * (each[:, ::-1] == 0)  # (200, 2, 60, 60): a digit's pixels that the other does not touch
trace = draw.infer(params, config, x, draw.sample_noise(config, 200, rng), kernels)
canvas = equations.sigmoid(np.stack(trace.canvases)[:, :, 0])  # (T, 200, 60, 60)
ink = np.einsum("tnba,nkba->ktn", canvas, own)  # (2, T, 200)
ink = ink / ink[:, -1:]  # of the final ink

# %%
early_to_late = LinearSegmentedColormap.from_list("early to late", [plotting.SKY, "white", plotting.ORANGE])
figure, axes = plt.subplots(2, 6, figsize=(17, 6))
times = np.arange(1, T + 1)
for k, (above, below) in enumerate(axes.T):
    plotting.show_image(above, np.zeros((60, 60)))
    g_X, g_Y = made.windows.g_X[:, k] - 1, made.windows.g_Y[:, k] - 1  # Matplotlib counts from 0
    above.plot(g_X, g_Y, color="0.5", linewidth=1)
    dots = above.scatter(g_X, g_Y, c=times, cmap=early_to_late, s=20)
    colour = early_to_late((drawn_at(drawn[:, k]) - 1) / (T - 1))[..., :3]
    plotting.show_image(below, drawn[-1, k][..., None] * colour)
    above.set(xlim=(-0.5, 59.5), ylim=(59.5, -0.5))
axes[0, 0].set_ylabel("windows")
axes[1, 0].set_ylabel("drawn when")
figure.colorbar(dots, ax=axes, label="step t", ticks=[1, T])
plt.show()

# %%
at = np.stack([drawn_at(curve) for curve in ink])  # (2, 200)
first, second = np.where(at[0] <= at[1], ink, ink[::-1])  # each (T, pictures)
row, column = np.broadcast_to(T / 60 * np.mgrid[1:61, 1:61][:, None], (2, 200, 60, 60))  # sweeping pens, in steps
pens = {"our model": drawn_at(canvas), "left to right": column, "diagonal": (row + column) / 2, "top to bottom": row}
pairs, more = [], []
for n in range(200):
    b, a = rng.permutation(np.argwhere((own[n].max(axis=0) > 0.5) & (canvas[-1, n] > 0.5)))[:80].T
    i, j = np.triu_indices(len(b), 1)  # every pair of these pixels
    distance, same = np.hypot(b[i] - b[j], a[i] - a[j]), (own[n, 0, b[i], a[i]] > 0) == (own[n, 0, b[j], a[j]] > 0)
    gaps = np.stack([np.abs(pen[n, b[i], a[i]] - pen[n, b[j], a[j]]) for pen in pens.values()])  # (pens, pairs)
    pairs.append(np.vstack([distance // 4 * 4 + 2, same, gaps]))  # distances rounded to 2, 6, 10 ...
    one, two = ((distance > 8) & (distance < 20) & (same == belong) for belong in (True, False))
    if min(one.sum(), two.sum()) > 20:
        more.append(gaps[:, two].mean(axis=1) - gaps[:, one].mean(axis=1))
distance, same, *gaps = np.concatenate(pairs, axis=1)

# %%
figure, axes = plt.subplots(1, 2, figsize=(15, 4.8))
for curve, colour, name in (first, plotting.SKY, "first digit"), (second, plotting.ORANGE, "second digit"):
    axes[0].plot(times, np.median(curve, axis=1), color=colour, linewidth=4, label=name)
    axes[0].fill_between(times, *np.quantile(curve, [0.25, 0.75], axis=1), color=colour, alpha=0.25)
axes[0].set(xlabel="step t", ylabel="ink / final ink")
axes[0].legend()
for gap, name, line in (gaps[0], "our model", "o-"), (gaps[1], "left to right", "o:"):
    for belong, colour, which in (0, plotting.RED, "two digits"), (1, plotting.BLUE, "same digit"):
        chosen = (gap[(same == belong) & (distance == d)] for d in range(2, 40, 4))
        means = [g.mean() if len(g) > 300 else np.nan for g in chosen]
        axes[1].plot(range(2, 40, 4), means, line, color=colour, label=f"{name}, {which}")
axes[1].set(xlabel="distance of two pixels of ink (pixels)", ylabel="steps between them", ylim=(0, 90))
axes[1].legend(fontsize=12, ncols=2)
for name, values in zip(pens, np.transpose(more)):
    print(f"{name}: two digits against one {values.mean():+.2f} steps +- {values.std() / len(values) ** 0.5:.2f}")

# %% [markdown]
# **Answer.** No: the pen from left to right shows a difference of a few steps, although it knows nothing of digits.
# Digits are taller than wide, so two pixels of one digit tend to lie above each other, where this pen makes no
# difference, and two pixels of different digits more often side by side. (A pen from top to bottom hardly shows any.)
# A difference from 0 is therefore no evidence, however many standard errors it has; a difference from the best blind
# pen is. Our model's is several times as large.
#
# On the left, the further apart the two curves, the more it is one digit after the other. The bands hold the middle
# half of the pictures. In between, the curves are flat. There the window makes a loop to the left and back, the white
# dots, and writes next to nothing.
#
# Be careful with the reason. The order suggests "an ability to recreate composite scenes from simple pieces", says the
# paper. But our model was led to it; part 7 tells how. So it keeps an order that it was taught; pairs alone need not
# have taught it. (And it is one model. Another seed may draw in another way: that would have to be trained.)
#
# ## 4. The same weights elsewhere (10 minutes)
#
# **Another $T$.** No weight depends on the number of steps, so we may stop earlier or go on longer. Is it good for
# anything? The first cell gives the model 2 to 128 steps for 50 pictures. (The pixels are grey here, as in the
# paper's experiment. So the nats compare one $T$ with another, but they are no code length; lesson 10.)
#
# **A larger canvas.** Only $c_0$ has the size of the picture. Continue it to 100 × 100 with the values at its edge, and
# the model draws there. Eq. 22-24 count in parts of the picture:
#
# $$g_X = \frac{A+1}{2} (\tilde{g}_X + 1), \qquad \delta = \frac{\max(A, B) - 1}{N - 1} \, \tilde{\delta} ,
# \qquad \text{but} \quad \sigma^2 = \exp(\log \sigma^2) .$$
#
# When it makes up a picture, the decoder gets $z$ and nothing else. With the same $z$ it emits the same numbers.
#
# **Predict first.** In the middle of its steps, what has the model drawn? Does it draw better with more steps than it
# was trained with? And on 100 × 100 pixels: will a digit be as large as before, larger with thicker strokes, or larger
# with the same pen?

# %%
Ts, x_few = [2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128], x[:50]
bounds, axes = [], plt.figure(figsize=(11, 4.5)).add_subplot(xlabel="steps T", ylabel="nats a picture")
for steps in Ts:
    L_x, L_z = draw.bound(params, config, x_few, draw.sample_noise(replace(config, steps=steps), 50, rng), kernels)
    bounds.append((L_x.mean(), L_z.sum(axis=0).mean()))
L_x, L_z = np.array(bounds).T
names = r"$\mathcal{L}$", r"$\mathcal{L}^x$", r"$\mathcal{L}^z$"
for values, name, colour in zip((L_x + L_z, L_x, L_z), names, ("C6", "C0", "C1")):
    axes.plot(Ts, values, "o-", color=colour, label=name)
axes.axvline(config.steps, color="0.7", linestyle="--", label="the T of training")
axes.set_ylim(0)
axes.legend()
print(*(f"T = {T}: {nats:.0f} nats" for T, nats in zip(Ts, L_x + L_z)), sep=",  ")

# %%
wide = replace(config, height=100, width=100)
c_0 = np.pad(params["initial"]["canvas"], ((0, 0), (20, 20), (20, 20)), mode="edge")
on_wide = {**params, "initial": {**params["initial"], "canvas": c_0}}
z = draw.sample_noise(config, 6, rng)
small, large = draw.generate(params, config, z), draw.generate(on_wide, wide, z)
np.testing.assert_allclose(large.windows.delta, small.windows.delta * 99 / 59, rtol=1e-4)
np.testing.assert_allclose(large.windows.g_X, small.windows.g_X * 101 / 61, rtol=1e-4, atol=0.01)
np.testing.assert_allclose(large.windows.sigma_squared, small.windows.sigma_squared, rtol=1e-4)
added = small.canvases[-1] - params["initial"]["canvas"], large.canvases[-1] - c_0  # each (6, height, width)
np.testing.assert_allclose(*(logits.sum(axis=(1, 2)) for logits in added), rtol=1e-3, atol=1)
figure, axes = plt.subplots(2, 6, figsize=(16, 5.6))
for panel, logits in zip(axes.flat, [*small.canvases[-1], *large.canvases[-1]]):
    plotting.show_image(panel, equations.sigmoid(logits))
    panel.set(xlim=(-0.5, 99.5), ylim=(99.5, -0.5))  # a pixel is as large in both rows
_ = [row[0].set_ylabel(name) for row, name in zip(axes, ["60 × 60", "100 × 100"])]

# %% [markdown]
# **Answer.** Half-way the first digit is finished and the second has not begun: there the curve is flat (compare part
# 3). More steps than in training do not help, and many more do harm: nothing ever asked the model to stop.
#
# On the larger canvas it is the same drawing, stretched. Places and strides grow by 99/59 or nearly, as the cell
# asserts, and the width of the filters stays: strokes lie further apart, and the same light is spread over more
# paper. ($c_0$ was not stretched, either.) So the model works on a larger canvas at once, but its drawing is torn.
# Exercise 3 mends that with a few numbers: the size stays, and you choose the place.
#
# ## 5. With and without, in half a minute (15 minutes)
#
# What do shared weights gain in learning? Two small models learn the same pictures: one tiny digit, 14 × 14, somewhere
# on 40 × 40, black and white. Both have $T = 6$ steps, $H = 64$, $Z = 10$, the same rate, and the same pictures in the
# same order. One has attention ($N = 5$, $\hat{N} = 7$), the other has none. They take turns, so that both have the
# same machine, and we note the time that each has used. 300 updates are far too few to draw digits: at the end both
# make a blot where a digit is. We look at whether they know *where*. (The second cell takes about half a minute.)
#
# **And a corner is kept back.** In training no digit begins in the lower right quarter of all places, so that the last
# 13 × 13 pixels of the picture are never white. Then we ask for digits that begin there.
#
# We train with two seeds, each with its own weights and pictures. Two are few: they show whether a difference could be
# luck, not how large it is. (The second seed's curves are drawn paler.) The rate is 0.004 for both, chosen among 0.002,
# 0.004 and 0.008 in other runs. An update is Adam's; a gradient longer than 10 is shortened to 10.
#
# **Predict first.** Which model will be better at the places that it has seen? And what will each draw in the corner
# that it has never seen?

# %%
tiny = datasets.load("mnist", "train").images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))  # (50000, 14, 14)
def scenes(rng, count, corner=False):
    q, p = rng.integers(40 - 14 + 1, size=(2, 5 * count + 100))  # more than needed, then those allowed
    q, p = np.stack([q, p])[:, ((q > 13) & (p > 13)) == corner][:, :count]
    x = np.zeros((len(q), 40, 40), np.float32)
    for picture, b, a in zip(x, q, p):
        picture[b : b + 14, a : a + 14] = tiny[rng.integers(len(tiny))]
    return datasets.binarize(x, rng)

learners = {"with": draw.Config(40, 40, 1, 6, 64, 10, 5, 7), "without": draw.Config(40, 40, 1, 6, 64, 10, None, None)}
colours = {"with": plotting.BLUE, "without": plotting.RED}
shown = np.concatenate([scenes(rng, 7), scenes(rng, 7, corner=True)])
assert not scenes(rng, 2000)[:, 27:, 27:].any() and scenes(rng, 2000, corner=True)[:, 27:, 27:].any()
axes = plt.figure(figsize=(14, 4.6)).add_subplot()
plotting.show_image(axes, plotting.grid(shown, columns=7), "above: as in training; below: places that are kept back")

# %%
how, updates = recipe.Recipe((), clip=10.0, average=0.0), 300
works = {name: update.Work(draw, learner, kernels, how) for name, learner in learners.items()}
learned, curves = {}, {}
for seed in 0, 1:
    own, used = np.random.default_rng(seed), dict.fromkeys(learners, 0.0)
    mean = scenes(own, 2000).mean(axis=0)
    for name, learner in learners.items():
        learned[name, seed], curves[name, seed] = adam.first_weights(draw.init_params(learner, own, mean)), []
    for number in tqdm(range(1, updates + 1), desc=f"seed {seed}"):
        x, noise, rate = scenes(own, 32), draw.sample_noise(learners["with"], 32, own), 0.004 * min(1, number / 20)
        for name, work in works.items():
            start, old = time.process_time(), learned[name, seed]
            learned[name, seed], said = update.update(old, x, noise, rate, None, work)
            used[name] += time.process_time() - start
            curves[name, seed].append((number, used[name], said["L_x"] + said["L_z"]))

# %%
figure, axes = plt.subplots(1, 2, figsize=(15, 5), sharey=True)
for (name, seed), curve in curves.items():
    number, seconds, nats = np.array(curve).T
    smooth = np.convolve(nats, np.ones(20) / 20, mode="valid")  # means of 20 updates
    for panel, place in zip(axes, (number, seconds)):
        line = panel.plot(place[19:], smooth, color=colours[name], alpha=1 - 0.4 * seed)[0]
    size = sum(leaf.size for leaf in trees.named_leaves(learned[name, seed].params).values())
    line.set_label(f"{name} attention, {size:,} parameters" if seed == 0 else None)
    at = {number: f"{smooth[number - 20]:.0f}" for number in (100, 200, 300)}
    print(f"{name} attention, seed {seed}: nats at updates {at}, {seconds[-1]:.1f} s in all")
axes[0].set(xlabel="updates", ylabel="bound (nats)")
axes[1].set(xlabel="processor time used (s)")
_ = axes[1].legend()

# %%
asked = {place: scenes(rng, 400, corner=place == "corner") for place in ("training", "corner")}
noise, corner = draw.sample_noise(learners["with"], 400, rng), {}
found = {(name, "untrained"): draw.init_params(learner, rng, mean) for name, learner in learners.items()}
found.update({(name, f"seed {seed}"): weights.params for (name, seed), weights in learned.items()})
for (name, when), weights in found.items():
    there, corner[name, when] = (float(draw.loss(weights, learners[name], x, noise, kernels)) for x in asked.values())
    print(f"{name} attention, {when}: {there:.0f} nats, the corner {corner[name, when]:.0f}")
assert all(corner["with", when] < corner["with", "untrained"] for when in ("seed 0", "seed 1"))
assert all(corner["without", when] > corner["without", "untrained"] for when in ("seed 0", "seed 1"))
few = np.concatenate([x[:5] for x in asked.values()])  # five pictures each
traces = [draw.infer(found[name, "seed 0"], learner, few, noise[:, :10]) for name, learner in learners.items()]
rows = [few, *(2 * equations.sigmoid(trace.canvases[-1][:, 0]) for trace in traces)]
axes = plt.figure(figsize=(16, 5.4)).add_subplot()
plotting.show_image(axes, plotting.grid(np.concatenate(rows), 10), "left: places as in training; right: the corner")
_ = axes.set_yticks([20, 61, 102], ["pictures", "with\n(twice as bright)", "without\n(twice as bright)"])

# %% [markdown]
# **Answer.** At the places of training the two end close to each other, the one with attention a little lower, with
# less than a tenth of the parameters. In the corner, training without attention has taught the pixels one thing: stay
# black. A digit there costs more nats than it cost the untrained model; the cell asserts it. Look where its blots are.
# With attention, a stroke is the same everywhere. For a new place only the window has to go there: five numbers, a
# little beyond those that it knows. It is worse there than elsewhere, but it draws.
#
# Be careful with the curves. Before the model with attention can draw, it must find out how to look, and until then it
# gains little (try a rate of 0.008). More time, larger models and a rate tuned for each could change the order.
#
# ## 6. Figure 8 (5 minutes)
#
# Pictures that nobody composed: the decoder alone, fed with $z$ from the prior. Left are twenty of them, the first
# twenty that part 3 drew, none left out. Right is how the first five came about. The red rectangle is the window
# that the step wrote through, on the canvas after the write; the thickness of its border shows the width of the
# filters.
#
# **Predict first.** How many of the twenty will show two digits that you can read, and nothing else? Write your guess
# down, then count.

# %%
figure, axes = plt.subplots(1, 2, figsize=(16, 6.4), width_ratios=[1, 2])
plotting.show_image(axes[0], plotting.grid(drawn[-1, :20], columns=4, border=2), "generated")
windows = [field[:, :5] for field in made.windows]
_ = plotting.draw_film_strip(axes[1], drawn[:, :5], windows, config.write_size, 8)

# %% [markdown]
# **Answer.** Most of them, we think; where digits touch, you may count one or two more or fewer. Be careful with such a
# count: a share of twenty pictures has a standard error of up to $\sqrt{0.5 \cdot 0.5 / 20}$, which is 11 %. To compare
# two models, count more: `figures/legibility.md` has a classifier of pairs count in 1,000.
#
# ## 7. How our model was made (5 minutes)
#
# Pairs are hard to learn from nothing: where to begin, when a stroke may belong to either of two shapes that you do not
# know?
#
# **Predict first.** You have a network that draws one digit on 28 × 28 pixels. How would you teach it pairs?
#
# **Answer.** There are other ways; this was ours. The model starts as `mnist`, on a larger canvas (part 4, with the pen
# kept as in exercise 3), and learns to draw one digit anywhere. Then come pairs, in two stages:
#
# 1. *The decoder learns.* For the first half of the steps $x$ is the left digit alone, then the whole picture. All that
#    is new is to begin again half-way. $\mathcal{L}$ is still a bound on $-\log p(x)$, for $Q$ may depend on anything,
#    and the decoder never sees $x$.
# 2. *The encoder learns.* The decoder is frozen, and the whole picture is shown from the first step on. What it was
#    told before, the encoder now has to see.
#
# In the second stage the gradient explodes: in a few pictures one bad stroke leads to the next, and in the sum these
# few drown the others. The remedy is from Graves (2013): on the way back, clip the derivative at every pre-activation
# (what goes into a gate) of an LSTM. `python -m draw_np presets two-digit-mnist` prints the whole recipe, and the
# second experiment after the exercises shows the start, and the few that drown the others.
#
# **Take away.** With attention a pixel costs one parameter, and what is learned at some places works at others too;
# without it, each place is learned for itself. A number that should prove something needs a control: even a pen that
# is blind to digits seems to draw one after the other, though much less than our model does. The same weights work for
# other $T$ and on larger canvases, since Eq. 22-24 count in parts of the picture.
#
# ## On your own
#
# [`exercises/09_compose.ipynb`](exercises/09_compose.ipynb) has a place for each answer and a cell that checks it.
#
# 1. **The price of a pixel** (easy, 10 minutes). How many parameters does one more pixel cost, as a function of $H$,
#    the channels, and attention or not? *Expect 1 with attention, 2,306 without at $H = 256$, in grey; and in colour
#    three times as much of both.*
# 2. **Any number of digits** (harder, 15 minutes). Compose pictures of $K$ digits without a loop over pixels. *Expect
#    the package's picture, clipped at 1, also where three digits lie on each other.*
# 3. **A larger canvas, the same pen** (hard, 30 minutes). Change the weights of both windows such that the model
#    draws on a larger canvas what it drew on the small one, at the same size, at a place that you choose. *Expect to
#    change two columns of $W$ and three entries of $b$: Eq. 22-24 are linear in what the network emits, once you
#    take the logarithm of the stride.*
#
# The notebook ends with two experiments. In all of the model's training but its beginning a picture had two digits, and
# never three: guess what it does with one and with three before you run the first. The second shows how it learned.
#
# ## Further reading
#
# - The paper, section 4.3. `draw_np/datasets/two_digit_mnist.py` makes the data for training and
#   `figures/figure_08.py` draws the figure.
# - Eslami et al., "Attend, Infer, Repeat: Fast Scene Understanding with Generative Models" (2016): the same pictures,
#   and a model that is told that there are things, and counts them.
# - Greff, van Steenkiste and Schmidhuber, "On the Binding Problem in Artificial Neural Networks" (2020): what it takes
#   to compose things, a long look at the question.
# - Cohen and Welling, "Group Equivariant Convolutional Networks" (2016): sharing weights over places, and more, on
#   purpose.
