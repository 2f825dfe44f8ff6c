# %% [markdown]
# # 04 Draw in steps
#
# **Why draw a picture little by little, and how does one know what is still missing?**
#
# ## What you'll do
# Write DRAW without attention, a dozen lines for a dozen equations. Train it for half a minute, once seeing
# its own mistakes and once blind to them. Then jog its elbow.
#
# ## What you'll learn
# - Eq. 3-8 and 13-18 line by line, and the loss, Eq. 9-12;
# - why the encoder is shown the error image, measured in two ways;
# - what each time step adds to the canvas, and what it costs.
#
# ## What you'll need
# Samples, KL and the loss of a VAE (lesson 02), the LSTM (lesson 03). About an hour and twenty minutes.

# %%
from types import SimpleNamespace

import numpy as np
from matplotlib import pyplot as plt
from tqdm.notebook import tqdm

from draw_np import backend, datasets, diagrams, equations, kernels, load_pretrained, plotting
from draw_np.models import draw
from draw_np.training.adam import adam_init, adam_update, clip_by_global_norm
from draw_np.training.trees import global_norm

plotting.use_style()
rng = np.random.default_rng(4)
train, test = (datasets.binarize(datasets.load("mnist", split).images, rng) for split in ("train", "test"))

# %% [markdown]
# ## 1. What is still missing (10 minutes)
#
# A VAE (lesson 02) has one go: it looks once, and paints all 784 pixels at once. A person sketches, looks at
# the sketch, and corrects it. So does DRAW. It has a **canvas** $c_t$, one number for each pixel, and $T$ time
# steps. The name stands for "*Deep Recurrent Attentive Writer*". This lesson leaves out the attentive.
#
# The diagram is one step (the paper's Fig. 2 right). From left to right: compare the image with the canvas so far,
# read, let the **encoder** say in a few numbers what is missing, let the **decoder** draw it. From right to left, in
# black: what goes back to the beginning for the next step. Come back to it whenever you are lost; every box is an
# equation of this lesson.

# %%
diagrams.draw_loop()

# %% [markdown]
# The numbers of the canvas are logits: $\sigma(c)$, with the logistic function $\sigma$, is the probability that a
# pixel is on. The first canvas $c_0$ is learned, like a weight. Ours begins where $\sigma(c_0)$ is the mean of all
# digits. Each step first compares the image $x$ with the canvas so far (Eq. 3), and reads. Without attention, reading
# is simple: take everything (Eq. 4 with Eq. 17; the paper writes $x_t$ there and means $x$).
#
# $$\hat{x}_t = x - \sigma(c_{t-1}), \qquad r_t = \text{read}(x, \hat{x}_t, h_{t-1}^{dec}) = [x, \hat{x}_t]$$
#
# $\hat{x}_t$ is the error image, and $[v, w]$ puts two vectors side by side. First pixel by pixel, then as
# arrays. (MNIST's pixels are grey. Ours are tossed once, like coins: the grey is the chance of white.)
#
# **Predict first.** What does the first error image of a digit look like? Where is it positive, where negative?

# %%
def read_in_loops(x, c):
    return [*x, *(x[j] - 1 / (1 + np.exp(-c[j])) for j in range(len(x)))]  # Eq. 17 with Eq. 3

def read_in_arrays(x, c):
    return np.concatenate([x, x - 1 / (1 + np.exp(-c))])

c_0 = draw.initial_canvas(draw.Config(), train.mean(axis=0)).ravel().astype(float)  # (784,)
x = test[15].ravel().astype(float)  # (784,), 0 or 1
r = np.ravel(equations.read_without_attention(x[None], equations.error_image(x, c_0)[None]))
for read in read_in_loops, read_in_arrays:
    np.testing.assert_allclose(read(x, c_0), r, atol=1e-12)

# %%
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2))
pictures = {"$x$": x, r"$\sigma(c_0)$": equations.sigmoid(c_0), r"$\hat{x}_1 = x - \sigma(c_0)$": r[784:]}
for panel, (title, picture) in zip(axes, pictures.items()):
    shown = panel.imshow(picture.reshape(28, 28), cmap="PuOr", vmin=-1, vmax=1)
    panel.set(title=title, xticks=[], yticks=[])
figure.colorbar(shown, ax=axes)
plt.show()

# %% [markdown]
# **Answer.** It is a correction: more here (positive, purple) where the digit is, less there (negative, orange) where
# other digits often are. Lesson 01 met it as minus the gradient of the loss at the canvas.
#
# ## 2. One step (20 minutes)
#
# The encoder, an LSTM, takes the reading together with what the decoder said last (Eq. 5). Its output gives the means
# and standard deviations of a Gaussian (Eq. 1, Eq. 2), from which the **latent** numbers $z_t$ are sampled (Eq. 6,
# with the trick of lesson 02): hidden numbers that carry the message of this step. The decoder, another LSTM, sees
# $z_t$ and nothing else (Eq. 7). What it says becomes one number for each pixel, and these are added to the canvas
# (Eq. 8 with Eq. 18).
#
# $$h_t^{enc} = RNN^{enc}(h_{t-1}^{enc}, [r_t, h_{t-1}^{dec}])$$
# $$\mu_t = W(h_t^{enc}), \quad \sigma_t = \exp(W(h_t^{enc})), \quad z_t = \mu_t + \sigma_t \, \varepsilon_t,
# \quad \varepsilon_t \sim \mathcal{N}(0, 1)$$
# $$h_t^{dec} = RNN^{dec}(h_{t-1}^{dec}, z_t)$$
# $$c_t = c_{t-1} + \text{write}(h_t^{dec}), \qquad \text{write}(h_t^{dec}) = W(h_t^{dec})$$
#
# Every $W$ is a linear map with weights of its own, the same at every step. So the number of steps is no part
# of the model: it can take more steps than in training, or fewer. ($\sigma$ is used for two things here, as in the
# paper: with an index it is a deviation, with brackets the logistic function.)
#
# The next two cells are all of it. The third puts it to work, with weights that were trained for hours,
# `mnist-no-attention`, on digits that they never saw. The first row is the picture so far. The second is what the step
# added to the canvas: purple makes a pixel likelier, orange less likely, the darkest by 2 or more. The third is what is
# still missing then, $\hat{x}_{t+1}$.
#
# **Predict first.** Will the first steps draw one stroke after another, or a rough shape of the whole? You know
# that it is a five. After which of the steps 1, 2, 3, 4, 6, 10, 20 could you tell it from the first row alone?

# %%
def linear(p, a):
    return a @ p["W"] + p["b"]

def lstm(p, x, h, cell):  # lesson 03
    a = x @ p["W"] + h @ p["U"] + p["b"]
    i, f, o, g = np.split(a, 4, axis=1)
    i, f, o = (equations.sigmoid(gate) for gate in (i, f, o))
    cell = f * cell + i * np.tanh(g)
    return o * np.tanh(cell), cell

def decode(p, z, c, h_dec, cell_dec):
    h_dec, cell_dec = lstm(p["decoder"], z, h_dec, cell_dec)  # Eq. 7
    return c + linear(p["write"], h_dec), h_dec, cell_dec  # Eq. 8, Eq. 18

# %%
def start(p, batch):  # all learned
    names = "canvas", "h_enc", "cell_enc", "h_dec", "cell_dec"
    return [np.repeat(p["initial"][name].reshape(1, -1), batch, axis=0) for name in names]

def look_and_draw(p, x, noise):
    (c, h_enc, cell_enc, h_dec, cell_dec), steps = start(p, len(x)), []
    for noise_t in noise:  # t = 1 ... T
        x_hat = x - equations.sigmoid(c)  # Eq. 3
        r = np.concatenate([x, x_hat], axis=1)  # Eq. 4, Eq. 17
        h_enc, cell_enc = lstm(p["encoder"], np.concatenate([r, h_dec], axis=1), h_enc, cell_enc)  # Eq. 5
        mu, sigma = linear(p["mu"], h_enc), np.exp(linear(p["sigma"], h_enc))  # Eq. 1, Eq. 2
        c, h_dec, cell_dec = decode(p, mu + sigma * noise_t, c, h_dec, cell_dec)  # Eq. 6-8
        steps.append((c, mu, sigma))
    return [np.stack(each) for each in zip(*steps)]  # each (T, batch, ...)

# %%
long, config = load_pretrained("mnist-no-attention")
noise, seen = draw.sample_noise(config, 100, rng), test[:100].reshape(100, 784)  # (T, 100, latent)
canvases, mu, sigma = look_and_draw(long, seen, noise)  # canvases (T, 100, 784)
trace = draw.infer(long, config, test[:100], noise)
for mine, theirs in (canvases, trace.canvases), (mu, trace.mu), (sigma, trace.sigma):
    np.testing.assert_allclose(mine, np.reshape(theirs, mine.shape), rtol=1e-4, atol=1e-3)
c = np.concatenate([start(long, 1)[0], canvases[:, 15]]).reshape(-1, 28, 28)  # c_0 ... c_T of one digit
figure, axes = plt.subplots(3, 8, figsize=(16, 6.5), subplot_kw={"xticks": [], "yticks": []})
for column, t in zip(axes.T, [1, 2, 3, 4, 6, 10, 20, config.steps]):
    plotting.show_image(column[0], equations.sigmoid(c[t]), f"t = {t}")
    column[1].imshow(c[t] - c[t - 1], cmap="PuOr", vmin=-2, vmax=2)
    column[2].imshow(test[15] - equations.sigmoid(c[t]), cmap="PuOr", vmin=-1, vmax=1)
for row, name in zip(axes, ["so far", "added", "missing"]):
    row[0].set_ylabel(name)
plt.show()

# %% [markdown]
# **Answer.** A rough shape of the whole, which later steps sharpen: every step adds a little everywhere. This five can
# be read from about step 10 on. (Later on the rim is lowered again and again: a pixel that is never on may be as far
# below 0 as you like.)
#
# ## 3. What it costs (10 minutes)
#
# At the end the canvas is judged: how probable does it make the image (Eq. 9)? And every step pays for what it
# told the decoder: the KL divergence of its Gaussian from the prior $\mathcal{N}(0, 1)$, summed over the $Z$ numbers of
# $z_t$ (Eq. 10, Eq. 11). Their sum, on average over the samples, is the loss (Eq. 12), in nats. As in lesson 02, one
# sample of $z_1 \dots z_T$ for each image stands for the average.
#
# $$\mathcal{L}^x = -\log D(x \mid c_T) = \sum_j \left[\log(1 + \exp(c_{T, j})) - x_j c_{T, j}\right]$$
# $$\mathcal{L}^z = \sum_{t=1}^T KL(Q(Z_t \mid h_t^{enc}) \,\|\, P(Z_t))
# = \frac{1}{2} \sum_{t=1}^T \sum_{k=1}^Z \left(\mu_{t,k}^2 + \sigma_{t,k}^2 - \log \sigma_{t,k}^2 - 1\right)$$
# $$\mathcal{L} = \langle \mathcal{L}^x + \mathcal{L}^z \rangle_{z \sim Q}$$
#
# The paper writes the 1 as $T/2$, outside the sum. Summed over $Z$ numbers it is $TZ/2$. (Lesson 07 comes
# back to this.) The picture asks at every $t$: what if drawing stopped here?
#
# **Predict first.** With every step $\mathcal{L}^x$ falls and $\mathcal{L}^z$ grows. Which changes more: in the first
# steps, and in the last?

# %%
def loss_in_loops(x, c, mu, sigma):
    L_x = sum(np.log(1 + np.exp(c[j])) - x[j] * c[j] for j in range(len(x)))
    L_z = sum((mu[t, k] ** 2 + sigma[t, k] ** 2 - np.log(sigma[t, k] ** 2) - 1) / 2
              for t in range(len(mu)) for k in range(mu.shape[1]))
    return L_x, L_z

def loss_in_arrays(x, c, mu, sigma):
    L_x = np.sum(np.logaddexp(0, c) - x * c, axis=-1)  # log(1 + exp(c)), safe for a large c
    return L_x, np.sum(mu**2 + sigma**2 - np.log(sigma**2) - 1, axis=(0, -1)) / 2

one = test[15].ravel(), *(each.astype(float) for each in (canvases[-1, 15], mu[:, 15], sigma[:, 15]))
np.testing.assert_allclose(loss_in_arrays(*one), loss_in_loops(*one))

# %%
L_x, L_z = loss_in_arrays(seen, canvases[-1], mu, sigma)  # each (100,)
by_library = draw.bound(long, config, test[:100], noise)
np.testing.assert_allclose(L_x, by_library[0], rtol=1e-4)
np.testing.assert_allclose(L_z, by_library[1].sum(axis=0), rtol=1e-4)
np.testing.assert_allclose(np.mean(L_x + L_z), draw.loss(long, config, test[:100], noise), rtol=1e-4)
stopped = [equations.negative_log_likelihood(seen, c).mean() for c in canvases]  # (T,)
paid = np.cumsum(by_library[1].mean(axis=1))  # (T,)
for a, b in (0, 11), (-12, -1):  # from step 1 to step 12, and the last dozen
    print(f"from {stopped[a]:.1f} + {paid[a]:.1f} nats to {stopped[b]:.1f} + {paid[b]:.1f}")
assert stopped[0] - stopped[11] > 5 * (paid[11] - paid[0])
plt.figure(figsize=(11, 5)).add_subplot(xlabel="time step $t$", ylabel="nats per image", xlim=(1, config.steps))
labels = r"$\mathcal{L}^x$, if drawing stopped here", r"$\mathcal{L}^z$, paid so far"
plt.stackplot(range(1, config.steps + 1), stopped, paid, colors=[plotting.SKY, plotting.ORANGE], labels=labels)
plt.legend(reverse=True)
plt.show()

# %% [markdown]
# **Answer.** $\mathcal{L}^x$, in both. From step 1 to step 12 it falls by more than seven times what $\mathcal{L}^z$
# grows by, in the last dozen only by about twice: the two lines printed say from where to where. It pays to go on as
# long as a step takes more nats off $\mathcal{L}^x$ than it adds to $\mathcal{L}^z$. The loss looks at the last canvas
# only: nobody told the network to begin with a rough shape.
#
# ## 4. Half a minute of training (15 minutes)
#
# The loss has a gradient with respect to every weight, through all $T$ steps and through every sample (lessons
# 01 and 02). So training is a few lines: images, noise, gradient, Adam. A gradient longer than 10 is shortened to
# 10, so that a single update cannot spoil the run.
#
# **What is the error image good for?** Two networks will tell. They are equal but for one thing: one sees, as Eq. 4
# says; the other is blind, and reads zeros where the error image would be. A model in `draw_np` takes its
# operations as an argument, so we exchange one of them. The first weights, the images and the noise are the same.
# One pair of runs could be luck, so there are two, with seeds 1 and 2.
#
# **The second cell trains four networks, which takes one to two minutes in all.** Its curves are means over 20 updates.
#
# **Predict first.** Which network ends with the lower loss? Is the other one lost without its error image, or only a
# little worse?

# %%
def read_blindly(x, x_hat):
    x, x_hat = kernels.read_without_attention(x, x_hat)
    return x, 0 * x_hat

blind = SimpleNamespace(**{**vars(kernels), "read_without_attention": read_blindly})
operations = {"sees": kernels, "blind": blind}
small = draw.Config(steps=8, hidden=100, latent=10, read_size=None, write_size=None)
UPDATES = 200

def update(params, adam, k, ops, rng):
    images = train[rng.integers(len(train), size=64)]
    noise = draw.sample_noise(small, 64, rng)
    loss, gradient = backend.value_and_grad(lambda p: draw.loss(p, small, images, noise, ops), params)
    gradient = clip_by_global_norm(gradient, global_norm(gradient), 10.0)
    return *adam_update(params, gradient, adam, rate=4e-3 * (1 - k / UPDATES)), loss

# %%
trained, names = {}, [(name, seed) for seed in (1, 2) for name in operations]
plt.figure(figsize=(11, 5)).add_subplot(xlabel="update", ylabel="loss, nats per image", ylim=(120, 215))
for name, seed in tqdm(names, desc="four networks"):
    own, losses = np.random.default_rng(seed), []
    params = draw.init_params(small, own, train.mean(axis=0))
    adam = adam_init(params)
    for k in tqdm(range(UPDATES), desc=f"{name}, seed {seed}", leave=False):
        params, adam, loss = update(params, adam, k, operations[name], own)
        losses.append(loss)
    trained[name, seed] = params
    colour, style = (plotting.BLUE if name == "sees" else plotting.RED), ("-" if seed == 1 else "--")
    smooth = np.convolve(losses, np.ones(20) / 20, "valid")  # means of 20 updates
    plt.plot(range(20, UPDATES + 1), smooth, color=colour, linestyle=style, label=f"{name}, seed {seed}")
plt.legend()
plt.show()

# %%
def bound(params, config, ops):
    noise = draw.sample_noise(config, 1000, np.random.default_rng(0))
    L_x, L_z = draw.bound(params, config, test[:1000], noise, ops)
    return L_x + L_z.sum(axis=0)  # (1000,)

bounds = {(name, seed): bound(trained[name, seed], small, operations[name]) for name, seed in names}
for seed in 1, 2:
    more = bounds["blind", seed] - bounds["sees", seed]  # (1000,)
    means = ", ".join(f"{name} {bounds[name, seed].mean():.1f}" for name in operations)
    print(f"seed {seed}: {means}, difference {more.mean():.2f} +- {more.std() / 1000**0.5:.2f} nats")
print(f"the weights that were trained for hours: {bound(long, config, kernels).mean():.1f} nats")
alone = equations.negative_log_likelihood(test[:1000].reshape(1000, 784), np.float32([c_0] * 1000)).mean()
print(f"every pixel by itself, without any network: {alone:.1f} nats")
assert max(bounds[name].mean() for name in names) < alone - 30
assert all(bounds["blind", seed].mean() > bounds["sees", seed].mean() for seed in (1, 2))

# %% [markdown]
# **Answer.** The one that sees, in both pairs; but the blind one is behind by a few nats only. (These are test digits,
# never trained on. The +- is the standard error over the images.) After half a minute both are far better than what is
# known of each pixel by itself.
#
# Why only a few? **Blind is not deaf.** The encoder hears what the decoder said last (Eq. 5), and it has memory
# cells. So it can keep account of what must be on the canvas by now. The error image saves it the accounting.
#
# ## 5. A jog of the elbow (10 minutes)
#
# But an account knows only what the network did itself. So after half of the steps we jog the network's elbow: we add 3
# to the canvas along a bar, and let it draw on. Everything else, the noise too, stays as it was. Then we subtract the
# canvas of an undisturbed run. What is left of the bar at the end? And what does it cost, in nats of $\mathcal{L}^x$,
# at the moment of the jog and at the end?
#
# **Predict first.** How much of the bar will the blind network take away? How much the one that sees, which was never
# jogged in training? And the one that was trained for hours?

# %%
def jogged(params, config, ops):
    x, noise = test[:200, None], draw.sample_noise(config, 200, np.random.default_rng(0))
    before, after = np.split(noise, 2)
    state, _ = draw.infer_steps(params, config, x, draw.initial_state(params, 200, ops), before, ops)
    canvases = [state.canvas, state.canvas + jog]  # at half-time, then at the end
    for c in canvases[:2]:
        canvases.append(draw.infer_steps(params, config, x, state._replace(canvas=c), after, ops)[0].canvas)
    nats = [equations.negative_log_likelihood(x.reshape(200, -1), c.reshape(200, -1)).mean() for c in canvases]
    left, doubtful = canvases[3] - canvases[2], (abs(canvases[0]) < 2) & (jog > 0)
    return left.mean(axis=(0, 1)), nats, [left[doubtful & (x == value)].mean() / 3 for value in (0, 1)]

jog = np.zeros((28, 28), np.float32)
jog[12:16, 4:24] = 3
found = {name: jogged(trained[name, 1], small, operations[name]) for name in operations}
found["trained for hours"] = jogged(long, config, kernels)

# %%
figure, axes = plt.subplots(1, 4, figsize=(15, 4.4))
for panel, (name, image) in zip(axes, {"the jog": jog, **{name: each[0] for name, each in found.items()}}.items()):
    rest = np.sum(image * jog) / np.sum(jog**2)
    shown = panel.imshow(image, cmap="PuOr", vmin=-3, vmax=3)
    panel.set(title=f"{name}\n{rest:.0%} of the bar", xticks=[], yticks=[])
figure.colorbar(shown, ax=axes)
plt.show()
for name, (_, nats, shares) in found.items():
    print(f"{name}: the jog costs {nats[1] - nats[0]:.1f} nats ({nats[0]:.1f} to {nats[1]:.1f}), at the end "
          f"{nats[3] - nats[2]:.1f}; doubtful paper keeps {shares[0]:.0%} of the bar, doubtful ink {shares[1]:.0%}")
np.testing.assert_allclose(found["blind"][0], jog, atol=1e-4)  # as if nothing had happened
assert np.sum(found["sees"][0] * jog) < 0.95 * np.sum(jog**2) and nats[3] - nats[2] < 0.3 * (nats[1] - nats[0])
assert shares[0] < shares[1]

# %% [markdown]
# **Answer.** The blind network takes nothing away: nothing that it reads depends on the canvas. The one
# that sees was never jogged in training, and yet it takes part of the bar away in the few steps that are left.
# It does not follow a plan, it looks at what is missing. An engineer says: the loop is closed.
#
# The long run leaves more than half of the bar. Why so much? Look at the nats that the cell printed: four fifths of
# what the jog cost is repaired. Most of what is left of the bar costs nothing. On paper at -8, 3 more make -5, and
# $\sigma$ is about 0 at both: neither the error image nor the loss takes notice. And where the canvas was in doubt,
# between -2 and 2, less of the bar is left on paper, where it does harm, than on ink, where it helps.
#
# In DRAW there always is a jog. The encoder wants to say $\mu_t$, and the noise in $z_t$ makes it say something
# else. The next look shows what came of it.
#
# ## 6. Draw from nothing (15 minutes)
#
# To invent a digit, leave out the encoder. Take $z_t$ from the prior, and let the decoder draw (Eq. 13-15).
# At the end, every pixel is tossed (Eq. 16). The paper's Fig. 6 shows the probabilities instead.
#
# $$\tilde{z}_t \sim P(Z_t) = \mathcal{N}(0, 1), \quad
# \tilde{h}_t^{dec} = RNN^{dec}(\tilde{h}_{t-1}^{dec}, \tilde{z}_t), \quad
# \tilde{c}_t = \tilde{c}_{t-1} + \text{write}(\tilde{h}_t^{dec}), \quad
# \tilde{x} \sim D(X \mid \tilde{c}_T)$$
#
# The first cell lets two networks draw: ours that sees, after seconds of training, and the long run, after
# hours. The long run has more of everything: steps, hidden units, latents, updates. It is a preset:
# `python -m draw_np train --preset mnist-no-attention --out runs/mnist-no-attention`.
#
# The second cell tosses the pixels of the long run's digits. Below is the paper's **Fig. 7**: how these digits came
# about. The paper says: "Notice how the network first generates a very blurry image that is subsequently refined."
#
# **Predict first.** Without attention every step adds a little everywhere. If the model wrote through a small window,
# over how many times fewer pixels would the change of a step be spread: twice, ten times, a hundred times?

# %%
def generate(p, noise):
    (c, _, _, h_dec, cell_dec), canvases = start(p, noise.shape[1]), []
    for z in noise:  # Eq. 13
        c, h_dec, cell_dec = decode(p, z, c, h_dec, cell_dec)  # Eq. 14, Eq. 15
        canvases.append(c)
    return np.stack(canvases).reshape(-1, noise.shape[1], 28, 28)

noise = draw.sample_noise(config, 8, rng)
canvases = generate(long, noise)  # (T, 8, 28, 28)
np.testing.assert_allclose(canvases, draw.generate(long, config, noise).canvases, rtol=1e-4, atol=1e-3)
ours = generate(trained["sees", 1], draw.sample_noise(small, 8, rng))
figure, axes = plt.subplots(2, 1, figsize=(16, 4.8))
for panel, drawn, name in zip(axes, [ours, canvases], ["seconds of training", "hours of training"]):
    plotting.show_image(panel, plotting.grid(equations.sigmoid(drawn[-1]), 8), name)
plt.show()

# %%
probabilities = equations.sigmoid(canvases)  # (T, 8, 28, 28)
doubt = np.mean(4 * probabilities * (1 - probabilities), axis=(1, 2, 3))  # 0 if every pixel is sure
print(f"mean of 4 p (1 - p): {doubt[0]:.2f} after step 1, {doubt[-1]:.2f} after step T")
assert doubt[-1] < 0.5 * doubt[0]
uniform = rng.random((8, 28, 28))
tossed = uniform < probabilities[-1]  # Eq. 16
np.testing.assert_array_equal(tossed, equations.sample_image(canvases[-1], uniform))
panel = plt.figure(figsize=(16, 2.4)).add_subplot()
plotting.show_image(panel, plotting.grid(tossed, 8), "hours of training, every pixel tossed")
plt.show()
plotting.film_strip(probabilities)

# %% [markdown]
# From blurry to sharp, and **everywhere at once**. Let us measure it. Sort the pixels by how much one step changes
# their $\sigma(c)$. How large a share of them makes up half of the whole change? For comparison, the same for the
# shipped model `mnist`, which writes through a window (lessons 05 and 06) that begins large and becomes small. (Most of
# a picture is background that hardly changes, so the shares are small for both. Compare them with each other.)

# %%
def share_of_half(pictures):
    change = np.abs(np.diff(pictures, axis=0)).reshape(len(pictures) - 1, -1, 784)  # (T - 1, batch, 784)
    so_far = np.cumsum(-np.sort(-change), axis=-1) / np.sum(change, axis=-1, keepdims=True)  # largest first
    return np.mean(so_far < 0.5, axis=(1, 2))  # (T - 1,)

windowed, config_windowed = load_pretrained("mnist")
drawn = draw.generate(windowed, config_windowed, draw.sample_noise(config_windowed, 8, rng), kernels)
side = (config_windowed.write_size - 1) * np.mean(drawn.windows.delta, axis=1)  # (T,)
print(f"the side of the window: {side[1]:.0f} pixels in step 2, {side[-1]:.0f} in step T")
plt.figure(figsize=(11, 5)).add_subplot(xlabel="time step $t$", ylabel="share of pixels that\nmake up half the change")
for name, each in ("without attention", probabilities), ("with attention", equations.sigmoid(drawn.canvases)):
    plt.plot(range(2, len(each) + 1), share := share_of_half(each), label=name)
    print(f"{name}: {share.mean():.1%} of the pixels make up half of the change, on average over the steps")
plt.legend()
assert share_of_half(probabilities).mean() > 5 * share.mean()

# %% [markdown]
# **Answer.** About ten times fewer: without attention half of the change is spread over more than ten times as many
# pixels, on average over the steps. Every step writes on the whole canvas, and the encoder reads all of it, and its
# error image too. For 28 × 28 pixels that will do. Large images ask for a smaller brush, one that can be moved: lesson
# 05.
#
# **Take away.** DRAW looks at the image and at what is still missing, sends a few uncertain numbers, and adds to a
# canvas: step by step, with the same weights. Its loss is the surprise at the end plus the price of everything that was
# sent on the way. Because it sees its own canvas, it can repair what it did not plan.
#
# ## On your own
#
# [`exercises/04_draw_in_steps.ipynb`](exercises/04_draw_in_steps.ipynb) has a place for each answer and a cell
# that checks it.
#
# 1. **The first canvas** (easy, 5 minutes). Which $c_0$ makes the mean of the error images zero? Take care of pixels
#    that are never on.
# 2. **How many numbers?** (easy, 10 minutes). Count the parameters of DRAW without attention. Most belong to the
#    reading, and $T$ is not in the formula.
# 3. **A change of mind** (harder, 20 minutes). Show the network one digit, and after half of the steps another. It does
#    not begin again. *Expect it to rub out more of the first than it draws of the second.*
# 4. **The way back** (hard, 15 minutes). What does $c_{t-1}$ receive when gradients arrive at $c_t$ and at $\hat{x}_t$?
#    For the blind network one of the two roads is closed.
#
# And an experiment, in this notebook: is $x$ itself needed, or is the error image enough? Let `read_blindly` return
# `kernels.read_without_attention(x_hat, 0 * x_hat)`, and run part 4 again. (What is called blind then sees that.)
# *Expect a surprise, and part 4's last assertion to fail: after so short a training the network that sees the error
# image alone is ahead. Perhaps fewer numbers are learned faster. Then think of a pixel where the error
# image is 0. Is it black paper, or a line that is done?*
#
# ## Further reading
#
# - The paper, sections 2 and 3.1. `draw_np/models/draw.py` is this lesson and lesson 06 in one file.
# - K. Gregor and others, [Towards Conceptual Compression](https://arxiv.org/abs/1604.08772), 2016: DRAW with
#   convolutions, and what becomes of an image when only the first steps are kept.
# - A. Graves, [Generating Sequences With Recurrent Neural Networks](https://arxiv.org/abs/1308.0850), 2013:
#   LSTMs that write by hand.
# - D. P. Kingma and J. Ba, [Adam](https://arxiv.org/abs/1412.6980), 2014: the optimiser, in nine lines.
