# %% [markdown]
# # 02 Be uncertain
#
# **How does a network learn to invent images that it was never shown?**
#
# ## What you'll do
# Train an auto-encoder and ask it for new digits. Make its codes uncertain, work out what that costs and how to
# differentiate through a random draw. Then train a variational auto-encoder, let it draw digits, and have all of them
# judged.
#
# ## What you'll learn
# - the two halves of DRAW's loss, $\mathcal{L}^x$ and $\mathcal{L}^z$, and how to compute them safely;
# - what a plain auto-encoder lacks for inventing images;
# - the reparameterisation trick, what it gains, and for which distributions it works.
#
# ## What you'll need
# Lesson 01. What a Gaussian, a mean and a variance are. About an hour and forty minutes.

# %%
import numpy as np
from matplotlib import pyplot as plt
from scipy import stats
from tqdm.notebook import tqdm

from draw_np import backend, datasets, equations, kernels, load_pretrained, plotting, pretrained
from draw_np.models import draw, vae
from draw_np.training.adam import adam_init, adam_update

plotting.use_style()
rng = np.random.default_rng(2)
grey = datasets.load("mnist", "train").images  # (50000, 28, 28), values in [0, 1]
test = datasets.binarize(datasets.load("mnist", "test").images[:2000], rng)  # (2000, 28, 28), 0 or 1

# %% [markdown]
# ## 1. How surprising is an image? (15 minutes)
#
# Our images are binary: a pixel $x_j$ is 0 or 1. (MNIST's are grey. `binarize` tosses each pixel like a coin, and the
# grey is the chance of a 1.) A decoder does not answer with an image. It answers with a
# probability for every pixel, $\sigma(c_j)$, where the canvas $c$ holds logits (lesson 01), and so with a distribution
# $D(X \mid c)$ over images. Its loss is the surprise at the image that was really there, in nats (Eq. 9):
#
# $$\mathcal{L}^x = -\log D(x \mid c) = -\sum_j \log \left[ \sigma(c_j)^{x_j} (1 - \sigma(c_j))^{1 - x_j}
# \right] = \sum_j \left[ \log(1 + \exp(c_j)) - x_j c_j \right] .$$
#
# The first cell writes it as a loop over pixels, then as arrays. Its canvas is the logits of the mean training image:
# to know nothing else about a digit costs this much.
#
# Now the trap. The middle form asks for $\sigma(c)$ first and for its logarithm after. In 32-bit numbers
# $\sigma(c)$ is exactly 1 from $c = 17$ on, so $1 - \sigma(c)$ is 0 and its logarithm is minus infinity. Many
# programs add a small number, $10^{-8}$ say, inside the logarithm. The right-hand form needs neither, if `logaddexp`
# computes it.
#
# **Predict first.** The network is sure that a pixel is on, with a canvas of $c$, and the pixel is off. The picture
# shows the loss over $c$, computed in four ways. What should the curve be, and what becomes of it if $10^{-8}$ is
# added?

# %%
def surprise_in_loops(x, c):
    nats = 0.0
    for j in range(len(x)):
        nats += np.log(1 + np.exp(c[j])) - x[j] * c[j]
    return nats
def surprise(x, c):  # x and c of shape (batch, 784)
    return np.sum(np.logaddexp(0, c) - x * c, axis=1)
mean = np.clip(grey.mean(axis=0, dtype=float), 1e-3, 1 - 1e-3).ravel()
x, c = test.reshape(-1, 784), np.log(mean / (1 - mean)) * np.ones((2000, 1))  # each (2000, 784)
np.testing.assert_allclose(surprise_in_loops(x[0], c[0]), surprise(x, c)[0])
np.testing.assert_allclose(surprise(x, c), equations.negative_log_likelihood(x, c))
print(f"the mean image pays {surprise(x, c).mean():.1f} nats, a grey canvas {surprise(x, 0 * c).mean():.1f}")

# %%
canvas = np.linspace(0, 100, 401, dtype=np.float32)  # the network is sure of 1, and the pixel is 0
with np.errstate(all="ignore"):
    p = 1 / (1 + np.exp(-canvas))
    ways = {"from the probability": -np.log(1 - p), "log(1 - p + 1e-8)": -np.log(1 - p + np.float32(1e-8)),
            "log(1 + exp(c))": np.log(1 + np.exp(canvas)), "logaddexp(0, c)": np.logaddexp(0, canvas)}
plt.figure(figsize=(11, 5)).add_subplot(xlabel="canvas $c$ of a pixel that is 0", ylabel="its loss, nats")
for (name, nats), width in zip(ways.items(), [9, 7, 5, 2]):
    plt.plot(canvas, np.where(np.isfinite(nats), nats, np.nan), linewidth=width, label=name)
    lost = canvas[~np.isfinite(nats)]
    print(f"{name:21} {f'is infinite from c = {lost[0]:.1f} on' if len(lost) else f'at most {nats.max():.1f} nats'}")
plt.legend()
plt.show()
assert p[canvas > 17].min() == 1 and ways["log(1 - p + 1e-8)"].max() < 18.5
np.testing.assert_allclose(ways["logaddexp(0, c)"], equations.negative_log_likelihood(0 * canvas, canvas))

# %% [markdown]
# **Answer.** A straight line: each further unit of wrong certainty costs one nat. With $10^{-8}$ added, a wrong
# pixel never costs more than 18.4 nats and, worse, the curve has no slope there: the network is not told to correct its
# worst mistakes. `logaddexp` has neither trouble. (A line ends where its loss becomes infinite.)
#
# ## 2. What does a plain auto-encoder lack? (15 minutes)
#
# A plain **auto-encoder** has an **encoder**, which turns an image into a **code** of 10 numbers, and a decoder, which
# turns the code into a canvas. The numbers of a code are called **latent**, hidden: nobody provides them, the
# network makes them up. It is trained to lower $\mathcal{L}^x$ and nothing else. To generate, choose a code and decode
# it. But which code?
#
# We train one: the network of `draw_np.models.vae` with 200 hidden units, its noise set to 0. Then we decode
#
# - the codes of test digits, which it never saw;
# - codes from the standard normal distribution, $\mathcal{N}(0, 1)$ for each number;
# - codes from the Gaussian with the mean and covariance that the training codes happen to have.
#
# (`kernels` are the `equations` with derivatives worked out by hand: same numbers, less time. Training takes about
# ten seconds.)
#
# **Predict first.** Which of the three will give digits, and which will not? How long are the codes: nearer to 0 than
# codes from the standard normal distribution, or farther away?

# %%
config = vae.Config(height=28, width=28, hidden=200, latent=10)
start = vae.init_params(config, rng, grey.mean(axis=0))

def train(loss, updates, rate):
    params, state, history = start, adam_init(start), []
    for update in tqdm(range(updates)):
        x = datasets.binarize(grey[rng.integers(len(grey), size=128)], rng)  # (128, 28, 28), 0 or 1
        noise = vae.sample_noise(config, 128, rng)  # (1, 128, 10)
        nats, gradient = backend.value_and_grad(lambda p, x=x, noise=noise: loss(p, x, noise), params)
        slower = (1 + np.cos(np.pi * update / updates)) / 2  # from 1 down to 0
        params, state = adam_update(params, gradient, state, rate * slower)
        history.append(nats)
    return params, history

# %%
def plain_loss(params, x, noise):
    x, c, _, _ = vae.infer(params, config, x, 0 * noise, kernels)  # without noise, z = mu
    return backend.np.mean(kernels.negative_log_likelihood(x, c))

def codes(params, images):
    _, _, mu, sigma = vae.infer(params, config, images, np.zeros((1, len(images), 10)))
    return mu, sigma  # each (batch, 10)

def decode(params, z):
    return equations.pixel_means(vae.decode(params, config, z, equations))[:, 0]  # (batch, 28, 28)

plain, plain_history = train(plain_loss, 500, rate=3e-3)
print(f"at first {plain_history[0]:.0f} nats, over the last 50 updates {np.mean(plain_history[-50:]):.0f}")

# %%
seen = codes(plain, datasets.binarize(grey[:5000], rng))[0]
fitted = rng.multivariate_normal(seen.mean(axis=0), np.cov(seen.T), 1000)
tried = {"codes of digits": codes(plain, test[:1000])[0], "standard normal": rng.standard_normal((1000, 10)),
         "fitted Gaussian": fitted}
figure, axes = plt.subplots(1, 4, figsize=(16, 4.6))
lengths = {name: np.sqrt((z**2).sum(axis=1)) for name, z in tried.items()}  # each (1000,)
for ax, (name, z) in zip(axes, tried.items()):
    plotting.show_image(ax, plotting.grid(decode(plain, z[:36]), 6), f"{name},\ndecoded")
    axes[3].hist(lengths[name], np.linspace(0, 20, 41), histtype="step", linewidth=3, label=name)
    print(f"{name}: median length {np.median(lengths[name]):.1f}")
axes[3].set(xlabel="length of the code", ylabel="codes of 1000", ylim=(0, 330))
axes[3].legend(loc="upper right", fontsize=12)
plt.show()
assert np.percentile(lengths["codes of digits"], 5) > np.percentile(lengths["standard normal"], 95)

# %% [markdown]
# **Answer.** The codes of digits give digits. Those from the standard normal distribution give smudges, and the lengths
# show why. Digits lie in a shell far from 0, and these draws fall into the hole in its middle, about which the decoder
# was never asked. The Gaussian that was fitted to the codes reaches the shell and makes better shapes, though many of
# them are no digit.
#
# So it is not that a plain auto-encoder can never generate. But nothing in its training makes its codes follow a
# distribution that is known; you have to look afterwards, and hope that a simple one fits. Part 6 has all of them
# judged.
#
# ## 3. An uncertain code (15 minutes)
#
# Let us choose the distribution *before* training. Let the encoder answer with a region instead of a point: a
# Gaussian for each of the $Z$ code numbers (Eq. 1, 2), from which we draw (Eq. 6). The decoder must then decode all of
# the region alike. (Is the draw there to make the decoder robust? It does that too. Above all it limits what a code can
# say: a point has endlessly many decimals, a region has not.)
#
# $$\mu = W(h^{enc}), \qquad \sigma = \exp(W(h^{enc})), \qquad z \sim Q(Z \mid h^{enc}) =
# \mathcal{N}(\mu, \sigma) .$$
#
# That alone does not help: the network would make $\sigma$ tiny and move the regions apart. So it pays for every
# departure from the **prior** $P(Z) = \mathcal{N}(0, 1)$, from which we will draw to generate. The price is the
# **Kullback-Leibler divergence** (**KL**, Eq. 10): the mean, over draws from $Q$, of how many nats more probable $z$ is
# under $Q$ than under $P$. For Gaussians it has a closed form (Eq. 11, for one step):
#
# $$\mathcal{L}^z = KL(Q \| P) = \left\langle \log \frac{Q(z)}{P(z)} \right\rangle_{z \sim Q}
# = \frac{1}{2} \sum_{i=1}^{Z} \left[ \mu_i^2 + \sigma_i^2 - \log \sigma_i^2 - 1 \right] .$$
#
# (The paper prints the constant as $-T/2$, without the sum over $Z$. A code that says nothing, $\mu = 0$ and
# $\sigma = 1$, would then cost more than nothing. The cell prints how much.) The second cell estimates the middle
# form by drawing, which is called **Monte Carlo**: the error falls like $1 / \sqrt{n}$.
#
# **Predict first.** The price of one code number has its minimum, 0, at $\mu = 0$ and $\sigma = 1$. Which costs more: a
# $\sigma$ five times as large, or one that is five times as small?

# %%
def kl_in_loops(mu, sigma):
    nats = 0.0
    for i in range(len(mu)):
        nats += 0.5 * (mu[i] ** 2 + sigma[i] ** 2 - np.log(sigma[i] ** 2) - 1)
    return nats
def kl(mu, sigma):  # each (batch, Z)
    return 0.5 * np.sum(mu**2 + sigma**2 - np.log(sigma**2) - 1, axis=1)
mu, sigma = rng.standard_normal((1000, 10)), rng.uniform(0.1, 1.5, (1000, 10))
np.testing.assert_allclose([kl_in_loops(*code) for code in zip(mu, sigma)], equations.kl(mu, sigma))
np.testing.assert_allclose(kl(mu, sigma), equations.kl(mu, sigma))
wide, narrow = (kl(np.zeros((1, 1)), np.full((1, 1), width))[0] for width in (5, 1 / 5))
print(f"sigma = 5 costs {wide:.1f} nats, sigma = 1 / 5 costs {narrow:.1f}")
print(f"a code that says nothing: {kl(np.zeros((1, 10)), np.ones((1, 10)))[0]} nats; with -T/2: {0.5 * 10 - 0.5}")

# %%
figure, axes = plt.subplots(1, 2, figsize=(14, 5))
widths = np.logspace(-2, 0.7, 200)[:, None]  # sigma
for centre in 0, 1, 2:
    axes[0].semilogx(widths, kl(0 * widths + centre, widths), label=rf"$\mu$ = {centre}")
axes[0].set(xlabel=r"$\sigma$", ylabel="price of one code number, nats")
draws = rng.standard_normal((20, 10_000, 10))  # 20 repetitions
m, s, n = mu[0], sigma[0], np.arange(1, 10_001)
log_ratio = (stats.norm.logpdf(m + s * draws, m, s) - stats.norm.logpdf(m + s * draws)).sum(axis=2)
np.testing.assert_allclose(log_ratio[0], equations.log_posterior_over_prior(*np.broadcast_arrays(m, s, draws[0])))
axes[1].semilogx(n, (np.cumsum(log_ratio, axis=1) / n).T, color=plotting.SKY, linewidth=1)
axes[1].axhline(kl(m[None], s[None])[0], color=plotting.RED, label="closed form")
axes[1].set(xlabel="draws $n$", ylabel=r"mean of $\log Q(z) / P(z)$, nats")
[ax.legend() for ax in axes]
plt.show()
np.testing.assert_allclose(log_ratio.mean(), kl(m[None], s[None])[0], atol=5 * log_ratio.std() / np.sqrt(200_000))

# %% [markdown]
# **Answer.** The larger one, by far: the curves rise like $\sigma^2$ to the right, and only like $-\log \sigma$ to the
# left. To be precise is cheap, to be vaguer than the prior is not. ($\mu$ far from 0 costs too.) On the right, 20
# blue lines close in on the red one.
#
# ## 4. A gradient through a random draw (20 minutes)
#
# The encoder must learn from $\mathcal{L}^x$, so we need the gradient of an average,
# $\langle f(z) \rangle_{z \sim Q}$, with respect to $Q$'s own $\mu$ and $\sigma$. There are two ways.
#
# **The score function** (REINFORCE). The average is the integral of $Q(z) \, f(z)$, and only $Q$ depends on $\mu$.
# Since $\frac{dQ}{d\mu} = Q \, \frac{d \log Q}{d\mu}$, its derivative is an average again:
#
# $$\frac{d}{d\mu} \langle f(z) \rangle = \int f(z) \, \frac{dQ(z)}{d\mu} \, dz
# = \left\langle f(z) \, \frac{d \log Q(z)}{d\mu} \right\rangle
# = \left\langle f(z) \, \frac{z - \mu}{\sigma^2} \right\rangle .$$
#
# (The last step is for a Gaussian, $\log Q = -\frac{(z - \mu)^2}{2 \sigma^2} + \dots$) It only needs the value of $f$:
# try, and make less probable what cost much.
#
# **The reparameterisation trick**: draw $\varepsilon \sim \mathcal{N}(0, 1)$, which does not depend on anything, and
# set $z = \mu + \sigma \varepsilon$. Now $z$ is an ordinary function of $\mu$ and $\sigma$, and the chain rule goes
# through it:
#
# $$\frac{d}{d\mu} \langle f(z) \rangle = \langle f'(\mu + \sigma \varepsilon) \rangle, \qquad
# \frac{d}{d\sigma} \langle f(z) \rangle = \langle f'(\mu + \sigma \varepsilon) \, \varepsilon \rangle .$$
#
# Both are right on average. First $f(z) = z^2$, where we know the answer: $\langle z^2 \rangle = \mu^2 + \sigma^2$,
# with the slopes $2 \mu$ and $2 \sigma$. Then the real thing, $f(z) = \mathcal{L}^x$ through the decoder of part 2.
# There a **baseline** helps the score function: subtract the mean of $f$. This leaves the average as it is (a score's
# own mean is 0), but for a trifle that exercise 2 removes, and makes the variance much smaller.
#
# **Predict first.** Training uses one draw for each image. Which way scatters less from draw to draw: the one that
# knows only the value of $f$, or the one that knows its slope? By how much?

# %%
m, s = 1.0, 0.5
def one_draw(epsilon):
    z = m + s * epsilon
    return z**2 * (z - m) / s**2, 2 * z, 2 * z * epsilon  # score function for mu; the trick for mu and for sigma

epsilon = rng.standard_normal(100_000)
z = equations.sample(*np.broadcast_arrays(m, s, epsilon[:, None]))[:, 0]  # 100,000 codes of one number
score, trick, trick_sigma = z**2 * (z - m) / s**2, 2 * z, 2 * z * epsilon  # each (100000,)
np.testing.assert_allclose(np.transpose([one_draw(e) for e in epsilon[:100]]),
                           [way[:100] for way in (score, trick, trick_sigma)])
for way, exact in (score, 2 * m), (trick, 2 * m), (trick_sigma, 2 * s):
    np.testing.assert_allclose(way.mean(), exact, atol=5 * way.std() / np.sqrt(way.size))
np.testing.assert_allclose([score.var(), trick.var()], [21.75, 4 * s**2], rtol=0.1)  # worked out on paper
print(f"for mu: score function {score.mean():.3f} with variance {score.var():.2f}, "
      f"the trick {trick.mean():.3f} with variance {trick.var():.2f}, exact {2 * m}")

# %%
mu, sigma = codes(plain, test[:1])[0].astype(float), 0.5  # of one digit, (1, 10)
epsilon = rng.standard_normal((2000, 10))

def loss_of(mu):  # mu (2000, 10): one for each draw, so one gradient for each draw
    c = vae.decode(plain, config, mu + sigma * epsilon, equations)  # (2000, 1, 28, 28)
    return equations.negative_log_likelihood(np.broadcast_to(test[0], c.shape), c)

f, trick = backend.value_and_grad(loss_of, np.repeat(mu, 2000, axis=0))
f = np.array(f)[:, None]  # (2000, 1), nats
estimates = {"score function": f * epsilon / sigma, "with a baseline": (f - f.mean()) * epsilon / sigma,
             "the trick": trick}  # each (2000, 10)

# %%
figure, axes = plt.subplots(1, 3, figsize=(16, 4.5))
for ax, (name, each), reach in zip(axes, estimates.items(), [150, 15, 15]):  # mind the two scales
    n = np.arange(1, 2001)
    ax.plot(n, np.cumsum(each, axis=0) / n[:, None], linewidth=1.5)
    title = f"{name}: variance {each.var(axis=0).mean():,.0f}"
    ax.set(title=title, xlabel="draws", xscale="log", ylim=(-reach, reach))
    error = np.sqrt(each.var(axis=0) / 2000 + trick.var(axis=0) / 2000)
    assert np.all(abs(each.mean(axis=0) - trick.mean(axis=0)) < 5 * error)  # all agree on average
axes[0].set_ylabel("mean so far of the\n10 slopes, nats")
plt.show()
for name in "score function", "with a baseline":
    ratio = estimates[name].var(axis=0).mean() / trick.var(axis=0).mean()
    print(f"{name}: {ratio:.0f} times the variance of the trick")
    assert ratio > 3

# %% [markdown]
# **Answer.** The trick. All three agree on average, but single draws scatter. The error of a mean of $n$ draws is
# $\sqrt{\text{variance} / n}$, so the printed ratios say how many times as many draws the score function needs.
# (The first panel has another scale.) This is why the paper praises the trick's "unbiased, low variance" gradients.
#
# ## 5. On which other distributions does the trick work? (15 minutes)
#
# It works where a draw is a differentiable function of the parameters and of noise that does not depend on them. There
# is a recipe: draw $u$ uniformly between 0 and 1, and look for the $z$ that a draw stays below with probability $u$.
# (So $z$ is the inverse of the distribution's cumulative function, at $u$.) The cell does so for five distributions
# with a parameter $\theta$ and compares $\frac{d}{d\theta} \langle z^2 \rangle$ with calculus.
#
# And a coin that shows 1 with probability $\theta$? Take $z = [u < \theta]$: 1 if that is so, else 0. (The recipe gives
# $[u > 1 - \theta]$, which is the same with $1 - u$ for $u$.) Its average
# $\langle f(z) \rangle = \theta f(1) + (1 - \theta) f(0)$ has the slope $f(1) - f(0)$.
#
# **Predict first.** Hold $u$ fixed and move $\theta$ a little. What does the coin's $z$ do, and what slope will the
# trick find?

# %%
theta, u, exp, log = 0.5, rng.uniform(size=500_000), backend.np.exp, backend.np.log
v, normal = u - 0.5, stats.norm.ppf(u)  # ppf is the inverse of the cumulative function
ways = {  # z from the parameter t and noise; the distribution it should have; d<z^2>/dt by calculus
    "uniform": (lambda t: t * u, stats.uniform(0, theta), 2 * theta / 3),
    "exponential": (lambda t: -t * log(1 - u), stats.expon(scale=theta), 4 * theta),
    "Laplace": (lambda t: -t * np.sign(v) * log(1 - 2 * abs(v)), stats.laplace(scale=theta), 4 * theta),
    "logistic": (lambda t: t * log(u / (1 - u)), stats.logistic(scale=theta), 2 * theta * np.pi**2 / 3),
    "log-normal": (lambda t: exp(t * normal), stats.lognorm(theta), 4 * theta * np.exp(2 * theta**2)),
}
for name, (sampled, distribution, exact) in ways.items():
    _, slope = backend.value_and_grad(lambda t, sampled=sampled: backend.np.mean(sampled(t) ** 2), theta)
    print(f"{name:12} by the trick {slope:.3f}, exact {exact:.3f}")
    np.testing.assert_allclose(slope, exact, rtol=0.03)
    assert stats.kstest(sampled(theta), distribution.cdf).pvalue > 1e-3  # the draws are from that distribution

# %%
figure, axes = plt.subplots(1, 3, figsize=(16, 4.8))
t, few = np.linspace(0.02, 0.98, 500), np.array([0.1, 0.3, 0.5, 0.7, 0.9])  # five draws of u
axes[0].plot(t, np.exp(t[:, None] * stats.norm.ppf(few)))
axes[0].set(title="log-normal: draws slide", xlabel=r"$\theta$", ylabel="z, one line for each $u$")
axes[1].plot(t, (few < t[:, None]) + 0.03 * np.arange(5))
axes[1].set(title="coin: draws jump\n(lines set apart)", xlabel=r"$\theta$", ylabel="z, one line for each $u$")
z = (u < theta).astype(float)  # f(z) = (z - 3)^2, so the slope is f(1) - f(0) = 4 - 9
score = (z - 3) ** 2 * (z / theta - (1 - z) / (1 - theta))  # f(z) dlogQ(z)/dtheta
np.testing.assert_allclose(score.mean(), 4 - 9, atol=5 * score.std() / np.sqrt(z.size))
_, by_trick = backend.value_and_grad(lambda t: ((u < t) - 3.0) ** 2 + 0 * t, theta)  # 0 * t: u < t leaves no record
bars = {"exact": 4 - 9, "score\nfunction": score.mean(), "the trick": by_trick}
shown = axes[2].bar(bars.keys(), bars.values(), color=[plotting.BLUE, plotting.GREEN, plotting.RED])
axes[2].bar_label(shown, fmt="%.2f")
axes[2].set(title=r"coin: slope of $\langle (z - 3)^2 \rangle$", ylim=(-5.7, 0.7))
plt.show()

# %% [markdown]
# **Answer.** Nothing, for almost every $u$: the slope is 0, and the trick says 0, which is wrong. All of the change
# happens in jumps, where there is no derivative. The trick fails for **discrete** distributions. Discrete codes need
# the score function, or a smooth stand-in for the jump. DRAW's codes are Gaussian and need neither.
#
# ## 6. A variational auto-encoder, and what it draws (20 minutes)
#
# Everything together is a **variational auto-encoder**, or VAE (Fig. 2 left). The loss is what it takes to send an
# image: first its code, then what the code leaves open (Eq. 12), with one draw of $z$ for each image:
#
# $$\mathcal{L} = \langle \mathcal{L}^x + \mathcal{L}^z \rangle_{z \sim Q} .$$
#
# It is a **bound**: the surprise $-\log P(x)$ at an image, under everything that the model may draw, is at most
# $\mathcal{L}$. (Lesson 07 shows why.)
#
# The first cell is the whole model, line by line, and it must agree with `draw_np.models.vae` in value and
# gradient. **The second trains it from the same start as the plain one, which takes about half a minute.**
#
# Then two ways through the model, in the form of Fig. 2 left, read from the bottom up. **Inferring**: a test image, its
# $Q(Z \mid x)$ (bars of two $\sigma$ each way) with the $z$ that was drawn (dots), $P(x \mid z)$, and an image drawn
# from it.
# **Generating**: no image and no encoder. $z$ comes from the prior (Eq. 13), the same bars every time.
#
# Last, a wall of digits that nobody wrote, and a judge. The judge is the shipped DRAW model `mnist`, which knows digits
# well: its loss says how many nats it takes, at most, to describe a picture. The less a picture surprises it, the more
# it is like a digit. It judges 200 pictures of each kind, pixels tossed, and test digits for comparison.
#
# **Predict first.** Four kinds of pictures: the plain auto-encoder with codes from $\mathcal{N}(0, 1)$, and from the
# Gaussian fitted to its codes; our variational one with codes from its prior; and the shipped weights `vae`, a larger
# network, trained for longer. Put them in order.

# %%
def my_loss(params, x, noise):  # x (batch, 784), noise (batch, Z)
    W, ag = equations.linear, backend.np  # the paper's b = W(a); the NumPy that records
    h_enc = ag.tanh(W(params["encoder"], x))  # (batch, hidden)
    mu, sigma = W(params["mu"], h_enc), ag.exp(W(params["sigma"], h_enc))  # Eq. 1, Eq. 2
    z = mu + sigma * noise  # Eq. 6
    c = W(params["canvas"], ag.tanh(W(params["decoder"], z)))  # (batch, 784)
    L_x = ag.sum(ag.logaddexp(0, c) - x * c, axis=1)  # Eq. 9
    L_z = ag.sum(mu**2 + sigma**2 - ag.log(sigma**2) - 1, axis=1) / 2  # Eq. 11
    return ag.mean(L_x + L_z)  # Eq. 12
x, noise = test[:100], vae.sample_noise(config, 100, rng)  # (100, 28, 28) and (1, 100, 10)
mine, my_gradient = backend.value_and_grad(lambda params: my_loss(params, x.reshape(100, 784), noise[0]), start)
library, gradient = backend.value_and_grad(lambda params: vae.loss(params, config, x, noise), start)
np.testing.assert_allclose(mine, library, rtol=1e-5)
for name in gradient:
    np.testing.assert_allclose(my_gradient[name]["W"], gradient[name]["W"], rtol=1e-3, atol=1e-4)

# %%
trained, history = train(lambda params, x, noise: vae.loss(params, config, x, noise, kernels), 800, rate=5e-3)
L_x, L_z = vae.bound(trained, config, test, vae.sample_noise(config, 2000, rng))
print(f"test: L^x {L_x.mean():.1f} + L^z {L_z.mean():.1f} = {(L_x + L_z[0]).mean():.1f} nats")
m, s = codes(trained, datasets.binarize(grey[:5000], rng))
drawn = m + s * rng.standard_normal(m.shape)  # (5000, 10)
figure, axes = plt.subplots(1, 2, figsize=(15, 5))
for name, line, z in ("plain", plain_history, seen), ("variational", history, drawn):
    axes[0].plot(line, linewidth=1.5, label=name)
    axes[1].hist(z.ravel(), np.linspace(-8, 8, 81), density=True, alpha=0.6, label=f"{name}, sd {z.std():.2f}")
axes[1].plot(np.linspace(-8, 8, 200), stats.norm.pdf(np.linspace(-8, 8, 200)), "k--", label="the prior, sd 1")
axes[0].set(xlabel="update", ylabel="nats per image", ylim=(90, 240))
axes[1].set(xlabel="a number of the code that is decoded", ylabel="density")
[ax.legend() for ax in axes]
plt.show()

# %%
x, z = test[10:14], rng.standard_normal((4, 10))  # four images to infer from, four codes from the prior
m, s = codes(trained, x)
m, s = np.vstack([m, 0 * z]), np.vstack([s, 0 * z + 1])  # Q, then P: each (8, 10)
z = np.vstack([m[:4] + s[:4] * rng.standard_normal((4, 10)), z])  # (8, 10)
p = decode(trained, z)  # (8, 28, 28)
figure, axes = plt.subplots(4, 8, figsize=(16, 8.5), height_ratios=[1, 1, 1.1, 1])
for k, column in enumerate(axes.T):
    plotting.show_image(column[0], rng.uniform(size=(28, 28)) < p[k], "inferring" if k < 4 else "generating")
    plotting.show_image(column[1], p[k])
    column[2].bar(range(10), 4 * s[k], bottom=m[k] - 2 * s[k], color=plotting.SKY if k < 4 else plotting.ORANGE)
    column[2].plot(range(10), z[k], "ko", markersize=4)
    column[2].set(ylim=(-3.5, 3.5), xticks=[], yticks=[-2, 0, 2] if k == 0 else [])
    plotting.show_image(column[3], x[k]) if k < 4 else column[3].axis("off")
[ax.set_ylabel(name) for ax, name in zip(axes[:, 0], ["drawn", "$P(x|z)$", "$z$", "image $x$"])]
plt.show()

# %%
shipped, shipped_config = load_pretrained("vae")
z = rng.standard_normal((200, 10))
generated = vae.generate(trained, config, z[None]).canvases[-1]  # (200, 28, 28), logits
np.testing.assert_allclose(decode(trained, z), equations.sigmoid(generated), atol=1e-6)
larger = vae.generate(shipped, shipped_config, vae.sample_noise(shipped_config, 200, rng)).canvases[-1]
pictures = {"plain, N(0, 1)": decode(plain, z), "plain, fitted Gaussian": decode(plain, fitted[:200]),
            "variational, ours": decode(trained, z), "variational, shipped": equations.sigmoid(larger),
            "test digits": test[:200]}
record, passes = pretrained.load_record("vae"), 800 * 128 / len(grey)
print(f"ours: {passes:.1f} epochs, {config.hidden} hidden units, {(L_x + L_z[0]).mean():.1f} nats; "
      f"shipped: {record['update'] * 128 / len(grey):.0f} epochs, {record['config']['hidden']} hidden units, "
      f"{record['config']['latent']} code numbers, {record['measured']['test']['nll_bound']:.1f} nats")

# %%
judge, judge_config = load_pretrained("mnist")
figure, axes = plt.subplots(1, 5, figsize=(17, 4.2))
means = []
for ax, (name, each) in zip(axes, pictures.items()):
    x, noise = datasets.binarize(each, rng), draw.sample_noise(judge_config, 200, rng)
    judged_x, judged_z = draw.bound(judge, judge_config, x, noise, kernels)  # (200,) and (steps, 200)
    nats = judged_x + judged_z.sum(axis=0)
    means.append(nats.mean())
    plotting.show_image(ax, plotting.grid(each[:36], 6), f"{name}\n{nats.mean():.0f} nats")
    print(f"{name}: {nats.mean():.1f} +- {nats.std() / np.sqrt(200):.1f} nats")
plt.show()
assert means[4] < means[3] < min(means[1:3]) and max(means[1:3]) < means[0]
assert abs(means[1] - means[2]) < 25  # in which order, on another machine, training decides

# %% [markdown]
# **Answer.** From worst to best: the plain one with $\mathcal{N}(0, 1)$; then the plain one with the fitted Gaussian
# and our variational one, not far from each other; then the shipped one; and far ahead, real digits. (The +- is the
# **standard error**: how far a mean of 200 pictures is likely to be off, $\sqrt{\text{variance} / n}$ as in part 4.)
#
# So fitting a Gaussian afterwards does no worse here than our small VAE. What the VAE has is a distribution that was
# chosen before training, and a decoder that was trained on it, whatever the data and the length of the code. It pays
# for that: its curve ended higher, because its codes cost nats and those of the plain one are free. The shipped network
# is larger and was trained for longer; the cell before the judge printed by how much. (Its nats are of the test images
# that papers use, tossed once and for all; ours are of digits tossed anew.)
#
# The digits are blurred: all pixels are decided at once, from few numbers. DRAW answers that with many small steps,
# each of which sees what the last one left. But steps need a memory, and that is lesson 03.
#
# **Take away.** The loss of an image is a surprise in nats; compute it from logits. To generate, codes must follow a
# distribution that one can draw from; a variational auto-encoder makes them, and pays the KL divergence for it. A
# gradient goes through a random draw if the draw is a smooth function of the parameters and of fixed noise,
# $z = \mu + \sigma \varepsilon$.
#
# ## On your own
#
# [`exercises/02_be_uncertain.ipynb`](exercises/02_be_uncertain.ipynb) has a place for each answer and a cell
# that checks it.
#
# 1. **The price, differentiated** (easy, 5 minutes). Work out the derivatives of Eq. 11 with respect to $\mu$ and
#    $\sigma$ on paper, and write them as a function. *Expect both to be 0 at $\mu = 0$, $\sigma = 1$: the prior costs
#    nothing. Far from it, $\mu$ is pulled back in proportion, and a tiny $\sigma$ is pushed up very hard.*
# 2. **A baseline that is fair** (harder, 15 minutes). In part 4 we subtracted the mean of all $f$, each draw's own $f$
#    included. That makes the estimate slightly wrong. Subtract from each $f$ the mean of the others instead. *Expect
#    the right average even from three draws, where the simple baseline comes out a third too small.*
# 3. **All the way through** (hard, 20 minutes). For a decoder that is one linear map, work out the gradient of
#    $\mathcal{L}^x + \mathcal{L}^z$ with respect to $\mu$ and $\log \sigma$ by hand. *Expect finite differences to
#    agree; if you forget that $\sigma$ acts through $z$ as well as through the price, the check says so.*
#
# ## Further reading
#
# - The paper, sections 2.1 and 2.2. `draw_np/equations/latent.py`, `draw_np/equations/likelihood.py` and
#   `draw_np/models/vae.py` are this lesson in three short files, and `figures/figure_02.py` draws Fig. 2.
# - D. P. Kingma and M. Welling, [Auto-Encoding Variational Bayes](https://arxiv.org/abs/1312.6114), and D. J. Rezende
#   and others, [Stochastic Backpropagation](https://arxiv.org/abs/1401.4082), both 2014: where the model comes from.
# - S. Mohamed and others, [Monte Carlo Gradient Estimation in Machine Learning](https://arxiv.org/abs/1906.10652),
#   2020: all the ways to differentiate an average, compared.
# - C. J. Maddison and others, [The Concrete Distribution](https://arxiv.org/abs/1611.00712), 2017: the smooth stand-in
#   for discrete draws.
