# %% [markdown]
# # 06 Read and write
#
# **How does a network use the window that it moves?**
#
# ## What you'll do
# Stop a trained DRAW in the middle of a digit and redo its next step by hand: read, then write. Put the two
# into a whole DRAW, check its gradient, and let the trained model draw digits that nobody wrote.
#
# ## What you'll learn
# - Eq. 27-29 line by line, and why the network is shown the error image;
# - what the intensity $\gamma$ is for, and why reading and writing have windows of their own;
# - how to check the gradient of a whole model, and how to read the paper's Fig. 1 and Fig. 6.
#
# ## What you'll need
# Windows and filterbanks (lesson 05), the loop of Eq. 3-8 (lesson 04). About an hour and a quarter.

# %%
from types import SimpleNamespace

import numpy as np
from matplotlib import pyplot as plt

from draw_np import backend, datasets, equations, kernels, load_pretrained, plotting
from draw_np.models import draw
from draw_np.training.gradient_check import TOLERANCE, check_gradient
from draw_np.training.trees import map_leaves

plotting.use_style()
rng = np.random.default_rng(6)
digits = datasets.load("mnist", "test").images  # (10000, 28, 28), grey
params, config = load_pretrained("mnist")

# %% [markdown]
# ## 1. Read (15 minutes)
#
# Our model draws in $T = 64$ steps. Step $t$ begins with a look at two images: the image $x$, and what the
# canvas still gets wrong, the **error image** (Eq. 3)
#
# $$\hat{x}_t = x - \sigma(c_{t-1}) .$$
#
# It is positive where ink is missing, negative where there is too much, and near 0 where the canvas is right. The
# decoder's output $h_{t-1}^{dec}$ has said where to look: five numbers give a window, the window gives
# filterbanks $F_X$ and $F_Y$ and an intensity $\gamma$ (lesson 05). Through it both images are read (Eq. 27):
#
# $$\text{read}(x, \hat{x}_t, h_{t-1}^{dec}) = \gamma \, [F_Y \, x \, F_X^T, \; F_Y \, \hat{x}_t \, F_X^T] .$$
#
# $[v, w]$ puts one vector after the other. With $N = 2$ filters a side, a reading has $2 N^2 = 8$ numbers. Of 784
# pixels, twice, the encoder gets 8 numbers a step. It has to choose well where to look.
#
# Why read $x$ as well? Where the canvas is right, the error image is empty, and nothing in it tells black
# paper from a finished line.
#
# First in loops, then as matrix products. Then we take the shipped model `mnist`, let it look at test
# digits and redraw them, stop it at step 6 and read by hand. (MNIST's pixels are grey, and the model knows only
# black and white. So each pixel becomes white at random, with its grey level as the probability.)
#
# **The rule for all rectangles, here and in the figures.** Green is where the model reads, red where it
# writes. Every filter has a square of side $\delta$ to itself, so the side of the rectangle is $N \delta$. The
# thickness of its border shows the width of the filters: $\sigma / 3$, but at most a tenth of the side. A rectangle
# that leaves the image is cut off a little outside it.
#
# **Predict first.** At step 6 the drawing has only begun. Where will the model look next: at what it has drawn, where
# the line goes on, or at the far end? And what sign will the error image have there?

# %%
def read_in_loops(x, x_hat, F_X, F_Y, gamma):
    (N, A), B = F_X.shape, F_Y.shape[1]
    r = []
    for image in x, x_hat:  # the same filters for both
        for j in range(N):
            for i in range(N):
                mean = sum(F_Y[j, b] * image[b, a] * F_X[i, a] for b in range(B) for a in range(A))
                r.append(gamma * mean)
    return np.array(r)  # (2 N N,)

def read_in_arrays(x, x_hat, F_X, F_Y, gamma):
    patches = [F_Y @ image @ F_X.T for image in (x, x_hat)]  # each (N, N)
    return gamma * np.ravel(patches)

# %%
patches = []  # what the model writes: one entry a step, for part 3

def keep_patch(*arguments):
    patches.append(equations.writing_patch(*arguments))
    return patches[-1]

keeping = SimpleNamespace(**{**vars(equations), "writing_patch": keep_patch})  # the equations, one replaced
x = datasets.binarize(digits[:100], rng)  # (100, 28, 28)
trace = draw.infer(params, config, x, draw.sample_noise(config, 100, rng), keeping)
t, k = 6, 3  # the step, and which digit
c, window = trace.canvases[t - 2][k, 0], trace.read_windows[t - 1]  # c_{t-1}, and where step t reads
x_hat = x[k] - 1 / (1 + np.exp(-c))  # Eq. 3
np.testing.assert_allclose(x_hat, equations.error_image(x[k], c), atol=1e-6)

# %%
banks = equations.filterbanks(window, config.read_size, 28, 28)  # F_X and F_Y of all digits: each (100, 2, 28)
F_X, F_Y = (F[k] for F in banks)  # each (2, 28)
gamma = window.gamma[k, 0]
r = equations.read(x[k][None, None], x_hat[None, None], F_X[None], F_Y[None], window.gamma[[k]])[0]  # (8,)
for read in read_in_loops, read_in_arrays:
    np.testing.assert_allclose(read(x[k], x_hat, F_X, F_Y, gamma), r, rtol=1e-4, atol=1e-4)
print(f"gamma is {gamma:.2f}, the reading {np.round(r, 2)}")
missing = banks[1] @ equations.error_image(x, trace.canvases[t - 2][:, 0]) @ np.swapaxes(banks[0], 1, 2)  # (100, 2, 2)
print(f"of the error image it reads something positive, on average, for {(missing.mean(axis=(1, 2)) > 0).sum()} of 100")

# %%
def show_signed(axes, image, title):
    scale = max(1, np.abs(image).max())
    axes.imshow(image, cmap="PuOr", vmin=-scale, vmax=scale)
    axes.set(xticks=[], yticks=[], title=title)
    axes.spines[:].set_visible(False)

figure, axes = plt.subplots(1, 5, figsize=(17, 3.9), width_ratios=[3, 3, 3, 2, 2])
plotting.show_image(axes[0], x[k], "image $x$")
plotting.show_image(axes[1], equations.sigmoid(c), f"canvas $\\sigma(c_{t - 1})$")
show_signed(axes[2], x_hat, f"error image $\\hat{{x}}_{t}$")
for panel, patch, name in zip(axes[3:], r.reshape(2, 2, 2) / gamma, ["x", r"\hat{x}"]):
    show_signed(panel, patch, f"$F_Y \\, {name} \\, F_X^T$")
for panel in axes[0], axes[2]:
    plotting.draw_window(panel, [field[k] for field in window], config.read_size, plotting.GREEN)
_ = figure.colorbar(axes[2].images[0], ax=axes)

# %% [markdown]
# **Answer.** The green square shows it for one digit: our model looks where the line goes on. (Part 4 shows it step by
# step.) In the error image purple is missing ink, orange is too much, white is right. What is read of it is positive
# for most digits, as the cell above counts: the model looks where ink is missing. It need not remember what it has
# drawn, nor subtract. It is shown what is left to do.
#
# ## 2. The intensity (10 minutes)
#
# The paper says of $\gamma$ that it is "a scalar intensity $\gamma$ that multiplies the filter response", and no
# more. What is it for?
#
# **In reading.** Each row of $F_X$ and $F_Y$ sums to 1. So what is read is a mean: between 0 and 1 for $x$,
# between -1 and 1 for $\hat{x}$, whatever the window. Over a wide window, or where little is wrong, such
# a mean is close to 0. The encoder multiplies it by the same weights at every step. $\gamma$ turns the volume up
# or down, step by step.
#
# **In writing** it is the other way round. A patch pixel $w$ puts its own Gaussian onto the canvas, and the
# Gaussian sums to 1. So the **light** that it gives, the sum of all that it adds to the canvas, is
# $w / \hat{\gamma}$, however wide the filter. A wide filter spreads it over more pixels, and each gets less: at its
# peak, $w / (2 \pi \sigma^2 \hat{\gamma})$. So a broad brush is faint, unless $\hat{\gamma}$ makes up for it. The
# cell writes one pixel, $w = 1$, in both ways.
#
# **Predict first.** If $\sigma$ grows from 1 to 4 and $\hat{\gamma}$ stays 1, by what factor does the peak fall?

# %%
sigmas = np.array([1.0, 2.0, 3.0, 4.0])
mu = np.full((4, 1), 14.0)  # one filter, in the middle of pixel 14
F = equations.filterbank(mu, sigmas[:, None] ** 2, 28)  # (4, 1, 28)
figure, axes = plt.subplots(2, 4, figsize=(14, 7))
for row, name, gammas in zip(axes, ["1", r"1 / (2 \pi \sigma^2)"], [sigmas**0, 1 / (2 * np.pi * sigmas**2)]):
    written = equations.write(np.ones((4, 1, 1, 1)), F, F, gammas[:, None])[:, 0]  # (4, 28, 28)
    np.testing.assert_allclose(written.sum(axis=(1, 2)), 1 / gammas)  # the light
    np.testing.assert_allclose(written.max(axis=(1, 2)), 1 / (2 * np.pi * sigmas**2 * gammas), rtol=0.01)
    for panel, image, sigma in zip(row, written, sigmas):
        plotting.show_image(panel, image / written.max())
        panel.set_title(f"$\\sigma$ = {sigma:.0f}, $\\hat{{\\gamma}} = {name}$\n"
                        f"light {image.sum():.2f}, peak {image.max():.3f}")
plt.show()

# %% [markdown]
# **Answer.** By 16: four times as wide across and down. The second row shows that $\hat{\gamma}$ can make up for it.
#
# Could $w$ not do that alone? It comes from a linear map, $w = W(h^{dec})$, and $h^{dec}$ lies between -1 and
# 1: the weights limit its size. $\hat{\gamma}$ is an exponential: adding to its logarithm multiplies the whole patch.
# So the decoder can choose the shape of a stroke and its strength separately. What does the trained model do with
# that? For each step the cell draws the **median** of 100 test digits, the middle one of their values. Part 4 measures
# how much the model depends on it.
#
# (Why $1 / \hat{\gamma}$ and not $\hat{\gamma}$? If the model reads with an intensity and writes with the same one, the
# two cancel. As the model emits $\log \hat{\gamma}$, it could as well have been $\hat{\gamma}$.)

# %%
def over_time(windows, field):
    return np.stack([getattr(window, field)[:, 0] for window in windows])  # (steps, digits)

figure, axes = plt.subplots(1, 2, figsize=(14, 4.5))
names = [("read", trace.read_windows, plotting.GREEN), ("write", trace.write_windows, plotting.RED)]
for name, windows, colour in names:
    gammas, sigmas = over_time(windows, "gamma"), over_time(windows, "sigma_squared") ** 0.5
    factor, symbol = (gammas, r"\gamma") if name == "read" else (1 / gammas, r"1 / \hat{\gamma}")
    axes[0].semilogy(range(1, 65), np.median(factor, axis=1), colour, label=f"{name}: ${symbol}$")
    axes[1].plot(range(1, 65), np.median(sigmas, axis=1), colour, label=f"{name}: $\\sigma$")
    print(f"{name}, medians at t = 1, 3, 10, 64: factor {np.median(factor, axis=1)[[0, 2, 9, 63]].round(1)}, "
          f"sigma {np.median(sigmas, axis=1)[[0, 2, 9, 63]].round(1)}")
axes[0].set(xlabel="step t", ylabel="factor on the patch", yticks=[1, 3, 10, 30, 100], yticklabels=[1, 3, 10, 30, 100])
axes[1].set(xlabel="step t", ylabel="filters' width (pixels)", ylim=(0, None))
_ = [panel.legend() for panel in axes]

# %% [markdown]
# Both do what we expect. The first filters are wide: what is read is a mean close to 0, and what is written would be
# spread thin. So both factors are largest in the first steps. They fall as the filters shrink to about a pixel. (The
# cell prints how far.) The last ten steps are another matter: the digit is done. The factor of writing falls until next
# to nothing is written, and the width no longer matters.
#
# ## 3. Write (10 minutes)
#
# After reading, the encoder makes its **posterior**: the distribution $Q$ of $z_t$, now that it has seen the image.
# From this $z_t$ is drawn, and the decoder moves on to $h_t^{dec}$ (Eq. 5-7). Two things are computed from that: a
# patch to write, and a window to write it through, marked by hats (Eq. 28 and Eq. 29, put into Eq. 8):
#
# $$w_t = W(h_t^{dec}) \qquad
# \text{write}(h_t^{dec}) = \frac{1}{\hat{\gamma}} \, \hat{F}_Y^T \, w_t \, \hat{F}_X \qquad
# c_t = c_{t-1} + \text{write}(h_t^{dec}) .$$
#
# The order is turned round: reading goes from $B \times A$ pixels to $N \times N$, writing from $N \times N$
# to $B \times A$. Written out for one pixel $(a, b)$ of the canvas,
#
# $$\text{write}[b, a] = \frac{1}{\hat{\gamma}} \sum_j \sum_i \hat{F}_Y[j, b] \; w_t[j, i] \; \hat{F}_X[i, a] .$$
#
# The result is added to the canvas.
#
# **Predict first.** The model has just seen where ink is missing (part 1). Will this step only add ink?

# %%
def write_in_loops(w, F_X, F_Y, gamma):
    (N, A), B = F_X.shape, F_Y.shape[1]
    written = np.zeros((B, A))
    for b in range(B):
        for a in range(A):
            written[b, a] = sum(F_Y[j, b] * w[j, i] * F_X[i, a] for j in range(N) for i in range(N)) / gamma
    return written

def write_in_arrays(w, F_X, F_Y, gamma):
    return F_Y.T @ w @ F_X / gamma

# %%
window, N = trace.write_windows[t - 1], config.write_size
F_X, F_Y = (F[k] for F in equations.filterbanks(window, N, 28, 28))  # each (5, 28)
w, gamma = patches[t - 1][k, 0], window.gamma[k, 0]
added = trace.canvases[t - 1][k, 0] - c  # what the model wrote at step t: (28, 28)
for write in write_in_loops, write_in_arrays:
    np.testing.assert_allclose(write(w, F_X, F_Y, gamma), added, atol=1e-4)
figure, axes = plt.subplots(1, 4, figsize=(17, 4.2), width_ratios=[2, 3, 3, 3])
show_signed(axes[0], w, f"patch $w_{t}$, {N} × {N}")
show_signed(axes[1], added, "write")
figure.colorbar(axes[1].images[0], ax=axes[1], label="logits added")
for panel, canvas, name in zip(axes[2:], [c, c + added], [f"c_{t - 1}", f"c_{t}"]):
    plotting.show_image(panel, equations.sigmoid(canvas), f"$\\sigma({name})$")
for panel in axes[1:]:
    plotting.draw_window(panel, [field[k] for field in window], N).set(edgecolor="black", linewidth=1.5)

# %% [markdown]
# **Answer.** No: a patch may have negative pixels, and then it rubs out. Purple is added, orange is rubbed out, and
# here the step does both, on the two sides of the stroke. What is written are logits, not greys (lesson 04): the patch,
# divided by $\hat{\gamma}$ and spread out.
#
# ## 4. Two windows (15 minutes)
#
# "For the write operation, a distinct set of attention parameters" is emitted, says the paper: Eq. 21 is
# used twice, with two matrices. Why not once?
#
# - They are computed at different times. The window that step $t$ reads through comes from $h_{t-1}^{dec}$, before
#   the look. The one it writes through comes from $h_t^{dec}$, after it.
# - So $h_{t-1}^{dec}$ has two questions to answer: where does step $t - 1$ write, and where does step $t$ read?
#   With one matrix both answers would be the same: the model could only look back at what it has just done.
# - They have different tasks. Here two filters a side read and five write; the first average, the others trace.
# - When the model generates, nothing is read. Writing has to manage alone.
#
# The first cell shows the model at work. Above is the digit and where it is read, below the canvas after the step
# and where the step wrote. (A window may leave the image. Its filters then rest on the rim, where digits
# have hardly any ink: there is little to read, and little to spoil.) The cell also prints how far apart the two places
# are that one $h^{dec}$ emits. And it prints how much the place of writing differs between digits at the same step, and
# how much between the steps of the same digit.
#
# The second cell takes one thing away at a time and measures what becomes of the bound $\mathcal{L}$, in nats (lesson
# 04; lower is better). A model is a function of its operations and its parameters, so we replace one of them. (The
# others are the kernels, the same functions, only faster: lesson 11.)
# "One place for both" reads where the last step wrote: the first two numbers of Eq. 21 come from the other
# matrix; stride, width and intensity stay.
#
# **Predict first.** Which costs most: reading without an intensity ($\gamma = 1$), writing without one
# ($\hat{\gamma} = 1$), an empty error image ($\hat{x}_t = 0$), or one place for both?

# %%
assert x[:, 1:-1, 1:-1].sum() > 0.999 * x.sum()  # the rim has hardly any ink
shown = [1, 2, 3, 6, 10, 15, 20, 30, 40, 64]
figure, axes = plt.subplots(2, len(shown), figsize=(19, 4.6))
for step, above, below in zip(shown, *axes):
    plotting.show_image(above, x[k], f"t = {step}\n")
    plotting.show_image(below, equations.sigmoid(trace.canvases[step - 1][k, 0]))
    reads, writes = ([field[k] for field in ws[step - 1]] for ws in (trace.read_windows, trace.write_windows))
    plotting.draw_window(above, reads, config.read_size, plotting.GREEN)
    plotting.draw_window(below, writes, config.write_size)
places = {name: np.stack([over_time(windows, g) for g in ("g_X", "g_Y")]) for name, windows, _ in names}
same_h = np.hypot(*(places["read"][:, 1:] - places["write"][:, :-1]))  # both from one h_dec: (steps - 1, digits)
print(f"from one h_dec, the centres of reading and writing are {np.median(same_h):.2f} pixels apart (median)")
between, along = (np.std(places["write"], axis=axis).mean() for axis in (2, 1))  # over digits; over steps
print(f"where it writes: {between:.1f} pixels from digit to digit, {along:.1f} from step to step (standard deviations)")
plt.show()

# %%
noise = draw.sample_noise(config, 100, rng)
def nats_with(params=params, **replaced):
    return draw.loss(params, config, x, noise, SimpleNamespace(**{**vars(kernels), **replaced}))
own, other = params["read_window"], params["write_window"]
there = {name: np.concatenate([other[name][..., :2], own[name][..., 2:]], axis=-1) for name in own}
levels = {
    "as it is": nats_with(),
    r"$\gamma = 1$": nats_with(read=lambda *a: equations.read(*a[:4], np.ones_like(a[4]))),
    r"$\hat{\gamma} = 1$": nats_with(write=lambda *a: equations.write(*a[:3], np.ones_like(a[3]))),
    r"$\hat{x}_t = 0$": nats_with(error_image=lambda x, c: np.zeros_like(x)),
    "one place for both": nats_with({**params, "read_window": there}),
}
assert min(levels, key=levels.get) == "as it is"
plt.figure(figsize=(11, 4)).add_subplot(xlabel="$\\mathcal{L}$ of 100 test digits (nats)", xmargin=0.1).invert_yaxis()
_ = plt.bar_label(plt.barh(list(levels), list(levels.values()), color=plotting.SKY), fmt=" %.0f")

# %% [markdown]
# **Answer.** The longest bar says it, and all four are longer than the first. Without $\gamma$ what is read is many
# times too faint, and without $\hat{\gamma}$ so is what is written (part 2). An empty error image says that nothing is
# missing. Read the bars with care: no model was trained without the thing, and one might learn to do without it. They
# show what *this* model relies on.
#
# And the strip: the two places that one $h^{dec}$ emits are near each other, but not the same. The brush goes much the
# same way for every digit, since its place differs less from digit to digit than from step to step.
#
# ## 5. The whole gradient (15 minutes)
#
# Reading and writing are made of matrix products, exponentials and a division. So the loss can be
# differentiated through both, through the windows, and through all $T$ steps. Here is all of DRAW in one
# function, Eq. 3-12, with our own read and write, for a batch: an axis in front of every array. `backend.np`
# is NumPy as autograd records it (lesson 01).
#
# The loss must equal `draw.loss`. Its gradient must be what finite differences say: for every parameter, for
# the images, for the noise. To see that the check can fail, we also make the program forget one path: in
# `forgetful_look` no derivative flows back through $\gamma$. The loss is the same, and only a check notices.
#
# **Predict first.** If the gradient forgets $\gamma$, for how many of the parameters will it be wrong: only for those
# of the two windows, or for others too?

# %%
def look(params, h_dec, N, config):  # Eq. 21-26, lesson 05
    window = equations.attention_window(params, h_dec, N, config.height, config.width)
    return *equations.filterbanks(window, N, config.height, config.width), window.gamma

def my_read(x, x_hat, F_X, F_Y, gamma):  # Eq. 27
    patches = [F_Y @ image @ backend.np.swapaxes(F_X, 1, 2) for image in (x, x_hat)]  # each (batch, N, N)
    return gamma * backend.np.concatenate([patch.reshape(len(x), -1) for patch in patches], axis=1)

def my_write(params, h_dec, F_X, F_Y, gamma):  # Eq. 28 and Eq. 29
    w = (h_dec @ params["W"] + params["b"]).reshape(len(h_dec), F_Y.shape[1], F_X.shape[1])
    return backend.np.swapaxes(F_Y, 1, 2) @ w @ F_X / gamma[:, :, None]

def forgetful_look(*arguments):
    F_X, F_Y, gamma = look(*arguments)
    return F_X, F_Y, backend.stop_gradient(gamma)

# %%
def my_loss(params, config, x, noise, look=look):
    c, encoder, decoder = draw.initial_state(params, len(x), equations)  # the learned c_0, h_0 and cells
    c, L_z = c[:, 0], 0
    for noise_t in noise:
        x_hat = x - equations.sigmoid(c)  # Eq. 3
        r = my_read(x, x_hat, *look(params["read_window"], decoder.h, config.read_size, config))  # Eq. 4
        r = backend.np.concatenate([r, decoder.h], axis=1)
        encoder = equations.lstm(params["encoder"], r, encoder)  # Eq. 5
        mu, sigma = equations.posterior(params["mu"], params["sigma"], encoder.h)
        decoder = equations.lstm(params["decoder"], mu + sigma * noise_t, decoder)  # Eq. 6 and Eq. 7
        window = look(params["write_window"], decoder.h, config.write_size, config)
        c = c + my_write(params["write_patch"], decoder.h, *window)  # Eq. 8
        L_z = L_z + equations.kl(mu, sigma)  # Eq. 10
    return backend.np.mean(equations.negative_log_likelihood(x, c) + L_z)  # Eq. 9 and Eq. 12

# %%
small = draw.Config(height=9, width=7, steps=3, hidden=6, latent=5, read_size=2, write_size=4)
start = draw.init_params(small, rng, dtype=np.float64)
start = map_leaves(lambda leaf: leaf + 0.5 * rng.standard_normal(leaf.shape), start)  # nothing stays 0
images, noise = rng.uniform(0.1, 0.9, (2, 9, 7)), draw.sample_noise(small, 2, rng, np.float64)
np.testing.assert_allclose(my_loss(start, small, images, noise), draw.loss(start, small, images, noise))
def check(look):
    inputs = {"params": start, "images": images, "noise": noise}
    return check_gradient(lambda a: my_loss(a["params"], small, a["images"], a["noise"], look), inputs, rng)
found, forgetful = check(look), check(forgetful_look)
assert max(d.relative_error for d in found) < TOLERANCE < min(d.relative_error for d in forgetful)
print("forgetful:", max(forgetful, key=lambda d: d.relative_error))
plt.figure(figsize=(11, 8)).add_subplot(xlabel="worst relative error", xscale="log").invert_yaxis()
[plt.plot([d.relative_error for d in row], [d.argument for d in row], "o") for row in (found, forgetful)]
plt.axvline(TOLERANCE, color=plotting.BLACK)
_ = plt.legend(["right", "forgetful", "allowed"], loc=(0.28, 0.8))

# %% [markdown]
# **Answer.** For all of them, since everything meets $\gamma$ on its way to the loss at some step. One forgotten path
# spoils the whole gradient, and the loss does not show it.
#
# ## 6. Digits that nobody wrote (10 minutes)
#
# Leave the encoder out, draw $z_t$ from the prior, and the decoder writes by itself (Eq. 13-15). What it has
# learned while redrawing is now a way to draw. This is the paper's Fig. 1: each row is one digit, the red
# rectangle is where the step wrote, on the canvas after the write. The picture shows $\sigma(c_t)$, the means, as the
# paper says of its Fig. 6.
#
# Then Fig. 6: generated digits, and in the last column the training image nearest to the digit on its left.
# Nearest means the smallest Euclidean distance, over the whole training set. The model has learned from fixed black
# and white copies of 50,000 of MNIST's 60,000 training digits; we search these. All distances are one matrix product
# (`backend.product` is `@`, and fast in a browser, too), and the cell checks the first one in a loop:
#
# $$\|s - x\|^2 = \|s\|^2 - 2 \, s \cdot x + \|x\|^2 .$$
#
# **Predict first.** Does the model copy? If so, what it draws would lie much nearer to the training set than test
# digits do, which it has never seen. To be fair we compare black and white with black and white: samples
# (Eq. 16) and the fixed test set. Which are nearer?

# %%
made = draw.generate(params, config, draw.sample_noise(config, 117, rng), kernels)
probabilities = equations.sigmoid(made.canvases)  # (64, 117, 28, 28)
first = [field[:, :8] for field in made.windows]
plotting.film_strip(probabilities[:, :8], first, config.write_size)

# %%
train, test = (datasets.load("binarized-mnist", split).images for split in ("train", "test"))  # 50,000 and 10,000
def nearest(images):
    s = images.reshape(-1, 784)
    distances = (s**2).sum(axis=1)[:, None] + train.sum(axis=(1, 2)) - 2 * backend.product(s, train.reshape(-1, 784).T)
    return train[distances.argmin(axis=1)], np.sqrt(distances.min(axis=1))
samples = probabilities[-1].reshape(9, 13, 28, 28)
found, distance = nearest(samples[:, -1])
np.testing.assert_allclose(distance[0], min(np.linalg.norm(samples[0, -1] - y) for y in train), rtol=1e-3)
groups = {"samples": probabilities[-1], "test": test[::100], "copies": datasets.load("mnist", "train").images[:100]}
far = {name: round(float(np.median(nearest(datasets.binarize(x, rng))[1])), 2) for name, x in groups.items()}
print("median distance to the nearest training image:", far)
assert far["copies"] < 0.9 * far["test"]
picture = plotting.grid(np.hstack([samples, found[:, None]]).reshape(-1, 28, 28), columns=14)
plotting.show_image(plt.figure(figsize=(14, 9)).add_subplot(), picture, "last column: the nearest training image")
_ = plt.axvline(13 * 29, color=plotting.ORANGE, linewidth=5)

# %% [markdown]
# **Answer.** Samples lie about as far from the training set as test digits do, so the model does not copy. A copier
# would be caught: digits of MNIST's training set that are made black and white anew ("copies") lie clearly nearer,
# though the model has learned from about five in six of them only.
#
# **Take away.** Reading takes means over the image and the error image through one window, and writing adds a patch to
# the canvas through another; reading and writing are each other's transpose. $\gamma$ and $\hat{\gamma}$ set the
# strength apart from the shape. The whole loop is one differentiable function of its parameters, and only a check of
# the gradient shows that no path has been forgotten.
#
# ## On your own
#
# [`exercises/06_read_and_write.ipynb`](exercises/06_read_and_write.ipynb) has a place for each answer and a cell that
# checks it.
#
# 1. **Light** (easy, 5 minutes). How much does a write add to the whole canvas? Work it out from the patch and the
#    intensity alone. *Expect the sum over $w$ divided by $\hat{\gamma}$, wherever the window is, even outside the
#    image: a row of a filterbank always sums to 1.*
# 2. **In colour** (harder, 15 minutes). Read from colour images: for each channel the same filters, first the three
#    patches of $x$, then those of $\hat{x}$ (the end of section 3.3). *Expect 6 N N numbers and the result of
#    `equations.read`, which takes the channels as planes.*
# 3. **Write, backwards** (hard, 30 minutes). Given $G = d\mathcal{L} / d\,\text{write}$, work out the derivatives with
#    respect to $w$, $\hat{F}_X$, $\hat{F}_Y$ and $\hat{\gamma}$ on paper, then in code. *Expect
#    $d\mathcal{L}/dw = \hat{F}_Y G \hat{F}_X^T / \hat{\gamma}$: the derivative of writing is reading. The check says
#    which of the four is off.*
#
# ## Further reading
#
# - The paper, section 3.3 and section 4.2. `draw_np/models/draw.py` is our part 5 with every option.
# - Graves, Wayne and Danihelka, "Neural Turing Machines" (2014): reading and writing a memory instead of an
#   image, with an address for each.
# - Graves, "Generating Sequences With Recurrent Neural Networks" (2013), section 5: a network that moves its
#   window along a text while it writes by hand.
