# %% [markdown]
# # 07 Measure
#
# **How good is a model of images, and how sure are we?**
#
# ## What you'll do
# Let four simple models guess pixels, from a tossed coin to a table of 1,024 numbers. Then measure
# DRAW by the same rule: bound its score, measure how loose the bound is, and put it into the paper's Table 2.
#
# ## What you'll learn
# - what a nat is, and the levels that simple models reach;
# - Eq. 9-12: why the loss is a bound, the KL divergence in closed form, and what is wrong with Eq. 11's constant;
# - the bound's slack by importance sampling, KL per step, overfitting, standard errors, and how not to choose
#   test images.
#
# ## What you'll need
# Sampling, KL divergence and the VAE (lesson 02), the loop of Eq. 3-8 (lesson 04). An hour and 40 minutes.

# %%
import textwrap

import numpy as np
from matplotlib import pyplot as plt
from tqdm.notebook import tqdm

from draw_np import datasets, equations, kernels, load_pretrained, plotting
from draw_np.backend import value_and_grad
from draw_np.models import draw, vae
from draw_np.pretrained import load_record
from draw_np.training.adam import adam_init, adam_update
from draw_np.training.evaluation import evaluate, standard_error

plotting.use_style()

# %% [markdown]
# ## 1. What a nat is (15 minutes)
#
# A game. I hold a black and white image. For every pixel you say how likely white is, $p$. Then I show it.
# If you gave the truth the probability $q$ ($p$ if it is white, $1 - p$ if it is black), you pay
#
# $$-\log q \;\text{ nats}.$$
#
# The **nat** is the unit of this price, with the natural logarithm. Sure and right costs nothing. "Half and half"
# always costs $\log 2 = 0.693$ nats. Sure and wrong costs infinitely much. For a whole image the costs add up, since
# probabilities multiply. With $\log_2$ instead of $\log$ the unit is the bit: 1 bit is $\log 2$ nats. It is the same
# bit as on your disk: a compressor that knows your $p$ stores the image in about that many. A better guesser is a
# better compressor.
#
# Eq. 9 is this score, with $p = \sigma(c_T)$: $\mathcal{L}^x = -\log D(x \mid c_T)$. First in loops, then in arrays.
#
# Research has agreed on one fixed black and white copy of MNIST, made by chance from its grey levels, and this copy
# comes with the package. Four models learn from its training images and guess its test images: a coin; one
# probability for all pixels; one for each pixel. The fourth sees the image pixel by pixel, row by row, so that before
# each guess it knows what came before. It looks at the 10 nearest of those pixels, and has counted in training how
# often each of the $2^{10} = 1{,}024$ patterns was followed by white.
#
# **Predict first.** The coin pays $784 \log 2 = 543$ nats an image. What does the table of 1,024 numbers pay: more or
# less than half of what the model with one probability for each pixel pays?

# %%
rng = np.random.default_rng(7)
train, valid, test = (datasets.load("binarized-mnist", split).images for split in datasets.SPLITS)  # (count, 28, 28)

def nats_in_loops(x, p):
    total = 0.0
    for pixel, chance in zip(np.ravel(x), np.ravel(p)):
        total -= np.log(chance if pixel == 1 else 1 - chance)
    return total

def nats(x, p):  # of shape (..., 28, 28)
    return -np.log(np.where(x == 1, p, 1 - p)).sum(axis=(-2, -1))

c = rng.standard_normal((1, 28, 28))  # any canvas
library, mine = equations.negative_log_likelihood(test[:1], c)[0], equations.sigmoid(c[0])
np.testing.assert_allclose([nats_in_loops(test[0], mine), nats(test[0], mine)], library)

# %%
near = [(0, 1), (0, 2), (1, 2), (1, 1), (1, 0), (1, -1), (1, -2), (2, 1), (2, 0), (2, -1)]  # up, left

def pattern(x):
    """For each pixel of (count, 28, 28) images the number, 0 to 1023, that its 10 neighbours make."""
    padded = np.pad(x.astype(np.int16), ((0, 0), (2, 0), (2, 2)))
    return sum(padded[:, 2 - up : 30 - up, 2 - left : 30 - left] << k for k, (up, left) in enumerate(near))

def chances(white, seen):
    return (white + 0.5) / (seen + 1)  # never quite sure

some, place = train[:20_000], np.ravel(pattern(train[:20_000]))
table = chances(np.bincount(place, some.ravel(), 1024), np.bincount(place, minlength=1024))
guesses = {"coin": np.full((28, 28), 0.5), "one for all": np.full((28, 28), train.mean()),
           "one a pixel": chances(train.sum(axis=0), len(train)), "10 neighbours": table[pattern(test)]}

# %%
shown, known = 3500, {"coin": 543.43, "one for all": 306.7, "one a pixel": 205.8}  # as the tests have them
figure, axes = plt.subplots(2, 5, figsize=(17, 7.2))
plotting.show_image(axes[0, 0], test[shown], "the image")
axes[1, 0].axis("off")
for (name, p), above, below in zip(guesses.items(), *axes[:, 1:]):
    cost, mine = nats(test, p), np.broadcast_to(p, test.shape)[shown]
    plotting.show_image(above, mine, f"{name}:\nprobability of white")
    price = below.imshow(-np.log(np.where(test[shown] == 1, mine, 1 - mine)), vmin=0, vmax=4, cmap="magma")
    below.set(xticks=[], yticks=[], title=f"costs {cost[shown]:.0f} nats")
    assert abs(cost.mean() - known.get(name, cost.mean())) < 0.06
    print(f"{name:14}{cost.mean():7.1f} nats an image, {cost.mean() / np.log(2) / 784:.3f} bits a pixel")
figure.colorbar(price, ax=axes[1, 0], label="nats of a pixel", location="left", fraction=1, pad=0, aspect=8)
plt.show()

# %% [markdown]
# **Answer.** A little more than half. The lower row shows what each pixel costs. A model that does not look at the
# image pays for every stroke. One that looks at the neighbours pays only for the edges: where a stroke begins, and its
# ragged rim. Keep in mind what 1,024 numbers can do when a large network reports 100 nats.
#
# ## 2. A bound (15 minutes)
#
# DRAW guesses all pixels at once, from the canvas; but first somebody must tell it the canvas, that is, the
# **latent** (hidden) numbers $z$. The probability that it gives to an image is an integral over all of them,
#
# $$p(x) = \int P(z) \, D(x \mid c_T(z)) \, dz ,$$
#
# and $z$ has $T \cdot Z = 64 \cdot 100$ numbers: nobody can compute that. So DRAW pays in two parts. The encoder looks
# at $x$ and proposes $z \sim Q$, the **posterior**. To send such a $z$ to someone who expects the **prior** $P$ costs
# $\log Q(z) - \log P(z)$ (with a clever code, "bits back"). To send $x$ to someone who has $z$ costs $\mathcal{L}^x$.
# On average (Eq. 12),
#
# $$\mathcal{L} = \left\langle -\log D(x \mid c_T) + \log \frac{Q(z \mid x)}{P(z)} \right\rangle_{z \sim Q}
# = -\log p(x) + KL\big(Q(z \mid x) \,\|\, p(z \mid x)\big) .$$
#
# The second form is Bayes' rule, $P(z) \, D(x \mid z) = p(x) \, p(z \mid x)$, put into the first. A KL
# divergence is never negative. So $\mathcal{L}$ is never below $-\log p(x)$: it is a **bound**. The difference, its
# **slack**, tells how far the encoder's $Q$ is from the true posterior $p(z \mid x)$.
#
# With one latent number and three pixels we can do the integral: a sum over 4,001 values of $z$. The picture tries
# every Gaussian $Q$, with its mean $\mu$ and its standard deviation $\sigma$.
#
# **Predict first.** Is there a Gaussian $Q$ with no slack at all?

# %%
z, dz = np.linspace(-8, 8, 4001, retstep=True)
x_toy, slope = np.array([1.0, 0.0, 1.0]), np.array([4.0, -3.0, 1.0])
def log_D(z):  # the canvas is slope * z
    c = slope * np.asarray(z)[..., None]
    return (x_toy * c - np.logaddexp(0, c)).sum(axis=-1)
def normal(z, mu=0.0, sigma=1.0):
    return np.exp(-((z - mu) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
joint = normal(z) * np.exp(log_D(z))
exact, posterior = -np.log(joint.sum() * dz), joint / (joint.sum() * dz)
def L(mu, sigma):  # Eq. 12, both expectations as sums
    q = normal(z, mu, sigma)
    return ((-log_D(z) + np.log((q + 1e-300) / normal(z))) * q).sum() * dz

# %%
mus, sigmas = np.linspace(-0.5, 2.5, 61), np.linspace(0.2, 1.4, 49)
bounds = np.array([[L(mu, sigma) for mu in mus] for sigma in sigmas])
row, column = np.unravel_index(bounds.argmin(), bounds.shape)
mu, sigma, q = mus[column], sigmas[row], normal(z, mus[column], sigmas[row])
np.testing.assert_allclose(L(mu, sigma) - exact, (q * np.log((q + 1e-300) / posterior)).sum() * dz, atol=1e-9)
figure, axes = plt.subplots(1, 2, figsize=(15, 5))
shown = axes[0].contourf(mus, sigmas, bounds - exact, cmap="cividis", norm="log",
                          levels=[0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8])
figure.colorbar(shown, ax=axes[0], label="slack (nats)", format="%g", ticks=[0.05, 0.2, 0.8, 3.2])
axes[0].plot(mu, sigma, "o", color="white", markersize=12)
axes[0].set(xlabel="$\\mu$", ylabel="$\\sigma$", title=f"-log p(x) = {exact:.3f}, best bound {bounds.min():.3f}")
for name, y in ("posterior", posterior), ("best Q", q), ("prior P", normal(z)):
    axes[1].plot(z, y, label=name)
axes[1].set(xlabel="z", ylabel="density", xlim=(-3, 4))
_ = axes[1].legend()

# %% [markdown]
# **Answer.** No, for the true posterior is lopsided, as the right picture shows. The best Gaussian comes close.
#
# ## 3. KL in closed form, and Eq. 11's constant (15 minutes)
#
# The part of the bound that $z$ costs is a KL divergence, step by step (Eq. 10). For one latent unit,
# $Q = \mathcal{N}(\mu, \sigma)$ against $P = \mathcal{N}(0, 1)$, write $z = \mu + \sigma \epsilon$ with
# $\epsilon \sim \mathcal{N}(0, 1)$. Then
#
# $$\log \frac{Q(z)}{P(z)} = \frac{z^2 - \epsilon^2 - \log \sigma^2}{2}, \qquad
# KL = \left\langle \log \frac{Q}{P} \right\rangle = \frac{\mu^2 + \sigma^2 - \log \sigma^2 - 1}{2} ,$$
#
# because $\langle z^2 \rangle = \mu^2 + \sigma^2$ and $\langle \epsilon^2 \rangle = 1$. Summed over steps,
# the paper says (Eq. 11)
#
# $$\mathcal{L}^z = \frac{1}{2} \left( \sum_{t=1}^T \mu_t^2 + \sigma_t^2 - \log \sigma_t^2 \right) - T/2 .$$
#
# **Is the $-1/2$ for each step, or for each latent unit?** $\mu_t$ is a vector of $Z$ numbers, and the sum
# over them is left out of the formula. But the 1 in our KL belongs to each unit. So it is $-TZ/2$: with $Z = 1$
# the printed constant is right, with $Z = 100$ it is not. There is a quick test: a posterior equal to the prior
# tells nothing and must cost nothing.
#
# No gradient sees a constant, so training is the same with either, step by step. But the score differs. The picture
# shows one unit, in closed form and by sampling, and the trained model's bound with both constants.
#
# **Predict first.** By how many nats do the two bounds differ, at $T = 64$ and $Z = 100$? Would you notice?

# %%
def kl_in_loops(mu, sigma):
    total = 0.0
    for m, s in zip(mu, sigma):  # the latent units
        total += (m**2 + s**2 - np.log(s**2) - 1) / 2
    return total

def kl_in_arrays(mu, sigma):
    return (mu**2 + sigma**2 - np.log(sigma**2) - 1).sum(axis=-1) / 2

mu, sigma = rng.standard_normal(100), np.exp(0.3 * rng.standard_normal(100))
for kl in kl_in_loops, kl_in_arrays:
    np.testing.assert_allclose(kl(mu, sigma), equations.kl(mu[None], sigma[None])[0])
assert kl_in_arrays(np.zeros(100), np.ones(100)) == 0

# %%
params, config = load_pretrained("mnist")
T, Z, few = config.steps, config.latent, test[rng.choice(10_000, 50, replace=False)]  # 50 test digits
L_x, L_z = draw.bound(params, config, few, draw.sample_noise(config, 50, rng), kernels)  # (50,), (T, 50)
right = (L_x + L_z.sum(axis=0)).mean()
levels = {"$-TZ/2$": right, "$-T/2$, as printed": right + T * Z / 2 - T / 2}
figure, axes = plt.subplots(1, 2, figsize=(15, 4.5), width_ratios=[3, 2])
sigmas, e = np.linspace(0.1, 2.5, 49), rng.standard_normal(100_000)
for mu in 0.0, 1.0, 2.0:
    axes[0].plot(sigmas, kl_in_arrays(np.full((49, 1), mu), sigmas[:, None]), label=f"$\\mu$ = {mu:.0f}")
    sampled = [((mu + s * e) ** 2 - e**2 - np.log(s**2)).mean() / 2 for s in sigmas[::4]]
    axes[0].plot(sigmas[::4], sampled, "o", color="black", label="sampled" if mu == 2 else None)
axes[0].set(xlabel="$\\sigma$", ylabel="KL of one unit (nats)")
axes[0].legend()
axes[1].set_ylabel("bound of 50 test digits (nats)")
_ = axes[1].bar_label(axes[1].bar(*zip(*levels.items()), color=plotting.SKY), fmt="%.1f")

# %% [markdown]
# **Answer.** By $T(Z - 1)/2 = 3{,}168$. Beside the coin's 543 nats the right one makes sense; the printed one says that
# the model is far worse than a coin. Before you report a bound, try it on a case whose value you know.
#
# ## 4. How sure are we? (15 minutes)
#
# Now the score of the model: the mean of the bound over test digits. Digits differ, so the mean over $n$ of them
# is uncertain: its **standard error** is $s / \sqrt{n}$, with $s$ the standard deviation over digits. Four times
# the digits, half the error. The mean over all possible digits lies within two standard errors about 19
# times in 20.
#
# The first cell takes 500 test digits at random and scores them, and then once more with other noise, since
# $\mathcal{L}$ is estimated with a single sample of $z$. The two means should be equal, up to chance. As both are of
# the same digits, take the differences digit by digit. Their standard error is smaller: what makes a digit hard is in
# both. Compare two models in the same way.
#
# **Why not simply the first 500?** A standard error assumes that the digits were drawn at random. The second cell lets
# the 10-neighbour table score all 10,000, once in the order of the file and once in random order, and draws the mean
# over the first $n$.
#
# **Predict first.** In which of the two orders is the mean nearly always inside the grey band, two standard errors wide
# on either side? And which digits will DRAW find cheapest?

# %%
def scores(images, seed):
    rng, found = np.random.default_rng(seed), []
    for batch in np.split(images, len(images) // 250):
        L_x, L_z = draw.bound(params, config, batch, draw.sample_noise(config, 250, rng), kernels)
        found.append(L_x + L_z.sum(axis=0))
    return np.concatenate(found).astype(float)

spread = test[rng.choice(10_000, 500, replace=False)]
first, again = scores(spread, 0), scores(spread, 1)
error = first.std(ddof=1) / np.sqrt(500)
found = evaluate(draw, params, config, spread, np.random.default_rng(0), ops=kernels)
np.testing.assert_allclose([first.mean(), error], [found.nll_bound, found.standard_error], rtol=1e-5)
print(f"bound on 500 test digits: {first.mean():.2f} nats, standard error {error:.2f}")
print(f"other noise: {np.mean(again - first):+.2f} nats, its standard error {standard_error(again - first):.2f}")
assert abs(np.mean(again - first)) < 4 * standard_error(again - first)

# %%
cost = nats(test, table[pattern(test)])  # (10000,)
figure, axes = plt.subplots(1, 2, figsize=(15, 5))
n = np.arange(1, 10_001)
for name, values in ("file's order", cost), ("random order", rng.permutation(cost)):
    axes[0].plot(n[99:], (values.cumsum() / n)[99:], label=name)
band = 2 * cost.std() / np.sqrt(n[99:])
axes[0].fill_between(n[99:], cost.mean() - band, cost.mean() + band, color="0.88", label="2 standard errors")
axes[0].set(xlabel="mean over the first n digits", ylabel="10 neighbours (nats)", xscale="log")
axes[0].legend()
order = first.argsort()[np.r_[0:6, 494:500]]
plotting.show_image(axes[1], plotting.grid(spread[order], columns=6), "DRAW: the six cheapest, the six dearest")
record = load_record("mnist")
for name, few_nats, all_nats in (("10 neighbours", cost[:500].mean(), cost.mean()),
                                 ("DRAW", record["quick"]["nll_bound"], record["measured"]["test"]["nll_bound"])):
    print(f"{name}: the first 500 of the file {few_nats:.1f} nats, all 10,000 {all_nats:.1f}")

# %% [markdown]
# **Answer.** Only in random order: **do not take the first 500.** (At each $n$ it is inside at least about 19 times in
# 20, and towards the end always, for then nearly all digits are in; on its way it may leave the band for a while.) The
# test file of the fixed copy is sorted: it begins with zeros, and the ones come next. By its first 500
# digits both models look far worse than they are, and no standard error warns of that. So choose at random, or take
# all. The cheapest digits are ones: little ink, few edges. (And the other noise? A difference of more than two
# standard errors happens by chance about once in 20 times. Here the cell asserts less than four.)
#
# ## 5. How loose is the bound? (15 minutes)
#
# Draw $K$ samples of $z$ from the encoder's $Q$ and give each a weight,
#
# $$w_k = \frac{P(z_k) \, D(x \mid z_k)}{Q(z_k \mid x)} .$$
#
# The mean of $w$ under $Q$ is $\int P(z) \, D(x \mid z) \, dz = p(x)$, exactly: importance sampling. So
# $-\log \frac{1}{K} \sum_k w_k$ estimates $-\log p(x)$. It is too high on average, since a mean of logarithms is below
# the logarithm of the mean. But on average it falls as $K$ grows, towards the truth. With $K = 1$ it is the
# bound, with its KL sampled too.
#
# In DRAW each step has its own $Q$, so the logarithms add up over $t$:
#
# $$\log w = -\mathcal{L}^x - \sum_{t=1}^T \log \frac{Q(z_t)}{P(z_t)} .$$
#
# Weights are tiny, and in 32-bit numbers $e^{-110}$ is 0. So keep the logarithms, and take the largest out
# before `exp` ("logsumexp"). First on the toy of part 2, where we know the truth, with a $Q$ chosen badly.
# Then on 25 test digits.
#
# **Predict first.** With 64 samples, which curve will have become flat: that of one latent number, or that of 6,400?

# %%
def log_weights(x, noise):  # step by step: x (batch, 28, 28), noise (T, batch, Z)
    trace = draw.infer(params, config, x, noise, kernels)
    total = -equations.negative_log_likelihood(x, trace.canvases[-1][:, 0])
    for mu, sigma, e in zip(trace.mu, trace.sigma, noise):
        total = total - ((mu + sigma * e) ** 2 - e**2 - np.log(sigma**2)).sum(axis=1) / 2  # log Q / P
    return total

def estimate(log_w):  # (K, images) -> -log of the mean weight
    top = log_w.max(axis=0)
    return -(top + np.log(np.exp(log_w - top).mean(axis=0)))

noise = draw.sample_noise(config, 50, rng)
expected = draw.log_importance_weight(params, config, few, noise, kernels)
np.testing.assert_allclose(log_weights(few, noise), expected, rtol=1e-4)
assert np.exp(np.float32(-110)) == 0

# %%
eight = np.tile(few[::2], (8, 1, 1))  # 25 digits, 8 copies
drawn = [log_weights(eight, draw.sample_noise(config, 200, rng)).reshape(8, 25) for _ in range(8)]
drawn, e = np.concatenate(drawn).astype(float), rng.standard_normal((6400, 1))
toy = log_D(0.3 + 0.9 * e) - ((0.3 + 0.9 * e) ** 2 - e**2 - np.log(0.81)) / 2  # mu = 0.3, sigma = 0.9
counts, (figure, axes) = [1, 2, 4, 8, 16, 32, 64], plt.subplots(1, 2, figsize=(15, 4.5))
for panel, log_w, name in zip(axes, [toy, drawn], ["one latent number, three pixels", "DRAW, 25 digits"]):
    curve = [estimate(np.stack(np.split(log_w, len(log_w) // K), axis=1)).mean() for K in counts]
    panel.semilogx(counts, curve, "o-", base=2)
    panel.set(title=name, xlabel="samples K", ylabel="$-\\log p(x)$, estimated", xticks=counts, xticklabels=counts)
    w = np.exp(log_w[:64] - log_w[:64].max(axis=0))
    print(f"{name}: from {curve[0]:.2f} to {curve[-1]:.2f} nats; "
          f"64 weights count as {np.mean(w.sum(axis=0) ** 2 / (w**2).sum(axis=0)):.0f} equal ones")
_ = axes[0].axhline(exact, color=plotting.RED, label="exact").axes.legend()

# %% [markdown]
# **Answer.** The toy's. A curve that still falls at its right end has not arrived, and the number of equal weights says
# why: few of the 64 carry the sum. The slack is, up to chance, at least the difference of the two ends. In Table 2 the
# column "$-\log p$" holds exact values and estimates, the column "$\leq$" holds bounds. Compare within a column.
#
# ## 6. Where the nats go, and overfitting (15 minutes)
#
# $\mathcal{L}^z$ is a sum over steps, and the KL of each step is a sum over latent units. The first cell draws both,
# one colour for each unit. A unit that says nothing is called **inactive**: its $Q$ is $P$, whatever the image. The
# loss counts every nat that a unit says, and nothing makes the model use them all.
#
# An inactive unit does harm: at every step the decoder gets its sample, which is noise. So training has **pruned** the
# inactive ones on the way: the decoder's weights for them are 0. The cell counts them.
#
# Then **overfitting**. A score on images that the model has learned from proves nothing: it may know *them* by heart.
# We train a small VAE on only 300 digits, with the same loss, and watch the bound on these and on 1,000 others. (An
# **epoch** is one pass through the training images.) That second curve chooses when to stop, so it is no fair judge
# either: the best of many numbers is too good. Hence three sets: to train, to choose (valid), to judge (test). A test
# set judges fairly only if nothing is chosen by it. If you look at a test score, train on and look again, you have
# begun to choose.
#
# To stop in time is one remedy. Another is **weight decay** (Loshchilov and Hutter 2017): at every update the weight
# matrices shrink by a small part of themselves, so that only what the data keep asking for stays large. The paper names
# no remedy; `python -m draw_np presets mnist` prints ours.
#
# **Predict first.** How many of its 100 latent units does DRAW use? And after 80 epochs on 300 digits, how far apart
# will the two curves be?

# %%
trace = draw.infer(params, config, few, draw.sample_noise(config, 50, rng), kernels)
mu, sigma = np.stack(trace.mu), np.stack(trace.sigma)  # each (T, 50, Z)
kl = ((mu**2 + sigma**2 - np.log(sigma**2) - 1) / 2).mean(axis=1)  # (T, Z)
units, below = kl.sum(axis=0), np.zeros(T)  # of each unit, over all steps: (Z,)
plt.figure(figsize=(13, 4.5)).add_subplot(xlabel="step t", ylabel="KL (nats)")
for unit in units.argsort()[::-1][: min(6, (units > 0.05).sum())]:
    plt.bar(range(1, T + 1), kl[:, unit], 1, below, label=f"unit {unit}: {units[unit]:.1f} nats")
    below = below + kl[:, unit]
plt.bar(range(1, T + 1), kl.sum(axis=1) - below, 1, below, color="0.6", label=f"others: {kl.sum() - below.sum():.1f}")
plt.legend(ncols=2)
pruned = (params["decoder"]["W"] == 0).all(axis=1).sum()
print(f"of {Z} latent units {pruned} are pruned, {(units > 0.05).sum()} say more than 0.05 nats an image")
print(f"500 digits: L^z = {found.kl:.1f} nats, L^x = {found.reconstruction:.1f} nats")

# %%
small, known = vae.Config(hidden=200, latent=20), train[:300]
def loss_gradient(weights, batch):
    noise = vae.sample_noise(small, len(batch), rng)
    return value_and_grad(lambda weights: vae.loss(weights, small, batch, noise, kernels), weights)[1]

def score(weights, images):
    return evaluate(vae, weights, small, images, np.random.default_rng(0), ops=kernels)

weights, history = vae.init_params(small, rng, known.mean(axis=0)), []
state = adam_init(weights)
for epoch in tqdm(range(1, 81)):
    for batch in np.split(rng.permutation(known), 5):
        weights, state = adam_update(weights, loss_gradient(weights, batch), state, rate=4e-3)
    if epoch % 4 == 0:
        history.append((score(weights, valid[::10]).nll_bound, epoch, score(weights, known).nll_bound, weights))

# %%
valids, epochs, trains, kept = zip(*history)
best = int(np.argmin(valids))
judged = score(kept[best], test[::10])
plt.figure(figsize=(11, 5)).add_subplot(xlabel="epochs", ylabel="bound (nats)")
plt.plot(epochs, trains, label="the 300 digits it learns from")
plt.plot(epochs, valids, label="1,000 others (valid)")
error = 2 * judged.standard_error
plt.errorbar(epochs[best], judged.nll_bound, error, fmt="s", color="black", label="1,000 test digits, best epoch")
plt.legend()
assert trains[-1] < trains[best] and valids[-1] > valids[best] + 1
for name, k in ("best on valid", best), ("at the end", -1):
    print(f"{name}, epoch {epochs[k]}: train {trains[k]:.1f}, valid {valids[k]:.1f} nats")
print(f"test, at the best: {judged.nll_bound:.1f} +- {judged.standard_error:.1f} nats")

# %% [markdown]
# **Answer.** Only a few units; the legend names them. The first steps cost the most nats, and the last ones hardly any.
# And the small VAE learns its 300 digits by heart: on them the bound falls all the time, on others it rises again after
# the best epoch. At the end they are more than 70 nats apart.
#
# ## 7. Table 2 (10 minutes)
#
# The rows of the paper are quoted, marked with * and blue; ≈ marks the values that the paper calls approximate. DBM and
# DBN are deep Boltzmann machines and deep belief networks (Salakhutdinov and others 2008-2009). NADE guesses pixel
# after pixel like our table of neighbours, but with a neural network; EoNADE is the mean of many NADEs that go through
# the pixels in other orders, and EoNADE-5 thinks over each guess five times. DARN is an auto-encoder with a code of
# zeros and ones, which it guesses one after the other in the same way. DLGM is a VAE with several layers of latent
# numbers. "2hl" means two hidden layers, and leapfrog steps are part of a better posterior.
#
# Ours have bars of two standard errors each way on the bounds. Most were measured on 10,000 images when the weights
# were shipped, and stand in their record, which the cell reads. The last is what you have just measured, on 500 test
# digits. The cell also prints what the record says of how the weights were made. Hours of training never include
# the tries that found the recipe.
#
# **Predict first.** Will your 500 digits agree with the record? Which differences in this table are larger than their
# errors?

# %%
quoted = [("≈ DBM 2hl", 84.62, 0), ("≈ DBN 2hl", 84.55, 0), ("NADE", 88.33, 0), ("EoNADE 2hl", 85.10, 0),
          ("EoNADE-5 2hl", 84.68, 0), ("≈ DLGM", 86.60, 0), ("≈ DLGM 8 leapfrog steps", 85.51, 88.30),
          ("≈ DARN 1hl", 84.13, 88.30), ("DARN 12hl", 0, 87.72), ("DRAW, no attention", 0, 87.40), ("DRAW", 0, 80.97)]
rows = [(f"* {name}", exactly, bound, 0.0) for name, exactly, bound in quoted]
measured = {**record["measured"], "500 digits": {"nll_bound": found.nll_bound, "standard_error": found.standard_error}}
rows += [(f"ours, {k}", r.get("nll_estimate"), r["nll_bound"], r["standard_error"]) for k, r in measured.items()]
plt.figure(figsize=(12, 7)).add_subplot(xlabel="nats (square: $-\\log p$, dot: bound)").invert_yaxis()
print(f"{'nats':27}{'-log p':>9}{'bound':>9}")
for name, exactly, bound, error in rows:
    numbers = "".join(f"{value:9.2f}" if value else f"{'-':>9}" for value in (exactly, bound))
    print(f"{name:27}{numbers}" + f" +- {error:.2f}" * (error > 0))
    for value, marker, bar in (exactly, "s", 0), (bound, "o", 2 * error):
        plt.errorbar(value or np.nan, name, xerr=bar, fmt=marker, color="C1" if error else "C0", markersize=9)
said = "{update:,} updates, {seconds:,.0f} s, cores: {threads}; {where}".format(**record)
print("", *textwrap.wrap(f"ours, {record['train']}: {said}", 118), sep="\n")

# %% [markdown]
# **Answer.** Yours should lie within two standard errors of "ours, test", whose own error is much smaller. Of the
# paper's rows nobody knows the errors, but on 10,000 digits they are about as large as ours: differences of less than
# half a nat prove little, and those between DRAW and the rest of its column are much larger. (No row tells how much
# another seed would change it.)
#
# **Take away.** A model's score is the price of an image in nats: $-\log p(x)$, or a bound on it that is too high by
# the distance from the encoder's posterior to the true one. Importance weights tighten the bound, a standard error says
# how sure it is, and only for images drawn at random. Choose on validation images and judge on test images; and try
# every score on a case whose value you know.
#
# ## On your own
#
# [`exercises/07_measure.ipynb`](exercises/07_measure.ipynb) has a place for each answer and a cell that
# checks it.
#
# 1. **Bits** (easy, 5 minutes). Turn nats per image into bits per pixel, for an image of any size. *Expect exactly 1
#    for the coin, whatever the size, and for a model of 28 x 28 digits at 80 nats about 0.147.*
# 2. **What the KL asks for** (harder, 10 minutes). Work out the derivatives of the KL with respect to $\mu$ and
#    $\sigma$. *Expect both to be 0 at the prior. The check compares them with finite differences and says which is
#    off.*
# 3. **An estimate that survives** (hard, 20 minutes). From log weights of shape (K, images) compute the estimate of
#    $-\log p(x)$ and the effective number of samples, $(\sum w)^2 / \sum w^2$. *Expect the naive way to give
#    infinity at log weights of -1000, and yours not to; and the truth on the toy of part 2.*
#
# ## Further reading
#
# - The paper, sections 2.2 and 4.2. `draw_np/equations/latent.py` has Eq. 10 and 11,
#   `draw_np/training/evaluation.py` measures; `python -m draw_np evaluate --help` does so from the shell.
# - MacKay, "Information Theory, Inference, and Learning Algorithms" (2003), chapters 1-6: guessing games and
#   compression, free to read.
# - Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders" (2016): training on part 5's
#   estimate.
# - Salakhutdinov and Murray, "On the quantitative analysis of Deep Belief Networks" (2008): where the fixed
#   set comes from.
# - Wu, Burda, Salakhutdinov and Grosse, "On the Quantitative Analysis of Decoder-Based Generative Models"
#   (2017): how loose such bounds are.
