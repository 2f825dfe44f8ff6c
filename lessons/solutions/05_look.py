# %% [markdown]
# # Exercises of lesson 05, Look
#
# Do the lesson first: [05 Look](../05_look.ipynb). Every exercise has a text, a cell where you write your answer in
# place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what it expected and what it
# got; when it prints nothing but "right", go on. No check needs another exercise's answer. Stuck? Click on Hint. Run
# the next cell first.

# %%
import numpy as np
from matplotlib import pyplot as plt

from draw_np import datasets, equations, plotting
from draw_np.backend import value_and_grad
from draw_np.checks import assert_close, assert_derivatives
from draw_np.training.adam import adam_init, adam_update

plotting.use_style()
digits = datasets.load("mnist", "test").images.astype(float)  # (10000, 28, 28), values in [0, 1]
rng = np.random.default_rng(105)

# %% [markdown]
# ## Exercise 5.1 Where the filters stand
#
# (Easy, 5 minutes.) Write Eq. 19, $\mu_X^i = g_X + (i - N/2 - 0.5) \, \delta$ with $i = 1, \dots, N$, without a loop.
# Work out by hand first where three filters with $g_X = 10$ and $\delta = 2$ stand.
#
# <details><summary>Hint</summary>
#
# `np.arange(1, N + 1)` is all the $i$ at once.
#
# </details>

# %%
def filter_means(g_X, delta, N):
    """The N filters' centres, of shape (N,), in pixels counted from 1; g_X and delta are numbers."""
    # BEGIN SOLUTION
    i = np.arange(1, N + 1)
    return g_X + (i - N / 2 - 0.5) * delta
    # END SOLUTION

# %%
# Check 5.1
assert_close("mu_X for g_X = 10, delta = 2, N = 3", filter_means(10.0, 2.0, 3), [8, 10, 12])
assert_close("mu_X for g_X = 10, delta = 2, N = 4", filter_means(10.0, 2.0, 4), [7, 9, 11, 13])
assert_close("mu_X of one filter", filter_means(3.5, 2.0, 1), [3.5])
assert_close("mu_X for a negative stride", filter_means(10.0, -2.0, 3), [12, 10, 8])
assert_close("mu_X of a window half outside the image", filter_means(0.5, 2.5, 3), [-2, 0.5, 3])
assert_close("mu_X for g_X = 14.5, delta = 0.7, N = 5", filter_means(14.5, 0.7, 5), [13.1, 13.8, 14.5, 15.2, 15.9])
print("5.1 is right")

# %% [markdown]
# What does a negative stride do to a patch? The next cell reads with $\delta = 2.2$ and with $\delta = -2.2$. (The
# network emits $\log \tilde{\delta}$, so it cannot do the second.)

# %%
figure, axes = plt.subplots(1, 3, figsize=(11, 4))
plotting.show_image(axes[0], digits[15], "the image")
for ax, delta in zip(axes[1:], [2.2, -2.2]):
    window = equations.Window(*np.array([14.5, 14.5, delta, 0.25, 1.0])[:, None, None])  # each (1, 1)
    F_X, F_Y = equations.filterbanks(window, 12, 28, 28)
    plotting.show_image(ax, F_Y[0] @ digits[15] @ F_X[0].T, f"$\\delta$ = {delta}")
plt.show()

# %% [markdown]
# ## Exercise 5.2 The five numbers for a window
#
# (Harder, 15 minutes.) You know the window that you want, in pixels. What must the network emit? Solve Eq. 21-24 for
#
# $$(\tilde{g}_X, \tilde{g}_Y, \log \sigma^2, \log \tilde{\delta}, \log \gamma) .$$
#
# <details><summary>Hint</summary>
#
# Solve $g_X = \frac{A+1}{2} (\tilde{g}_X + 1)$ for $\tilde{g}_X$ on paper. In Eq. 24 the longer side counts, be it the
# width or the height. And you are given $\sigma$, not $\sigma^2$.
#
# </details>

# %%
def emitted_for(g_X, g_Y, delta, sigma, gamma, N, A, B):
    """The five numbers, of shape (5,), that make this window of N x N filters on an image A wide and B high."""
    # BEGIN SOLUTION
    largest_stride = (max(A, B) - 1) / (N - 1)  # Eq. 24 at log delta = 0
    return np.array([
        2 * g_X / (A + 1) - 1,
        2 * g_Y / (B + 1) - 1,
        2 * np.log(sigma),  # the logarithm of the variance
        np.log(delta / largest_stride),
        np.log(gamma),
    ])
    # END SOLUTION

# %%
# Check 5.2
middle = emitted_for(50.5, 38.0, 9.0, 1.0, 1.0, N=12, A=100, B=75)
assert_close("a window over the middle of the whole image", middle, np.zeros(5))
inside = {"g_X": 22.5, "g_Y": 58.5, "delta": 2.2, "sigma": 1.1, "gamma": 0.7}
outside = {"g_X": -4.0, "g_Y": 20.5, "delta": 11.0, "sigma": 0.4, "gamma": 1.5}  # and larger than 100 x 75 pixels
for wanted, N, A, B in (inside, 12, 100, 75), (inside, 5, 60, 90), (outside, 12, 100, 75):
    expected = {**wanted, "sigma": wanted["sigma"] ** 2}
    five = np.asarray(emitted_for(**wanted, N=N, A=A, B=B))
    assert_close("the shape of the five numbers", five.shape, (5,))
    found = equations.attention_window({"W": np.eye(5), "b": np.zeros(5)}, five[None], N, height=B, width=A)
    for name, number, got in zip(found._fields, expected.values(), found):
        assert_close(f"{name} of the window that these numbers make on {A} x {B} pixels", got.item(), number)
print("5.2 is right")

# %% [markdown]
# ## Exercise 5.3 Writing is the derivative of reading
#
# (Harder, 15 minutes.) A patch $p = F_Y \, x \, F_X^T$ is read, and a loss is computed from it. On the way back the
# patch receives $G = \frac{d\mathcal{L}}{dp}$, one number for each of its pixels. What does the image receive,
# $\frac{d\mathcal{L}}{dx}$? Begin with one patch pixel, $p_{ji} = \sum_b \sum_a F_Y[j, b] \, x[b, a] \, F_X[i, a]$:
# what does $x[b, a]$ receive from it? Then write the sum over $j$ and $i$ as matrix products. Which equation of the
# paper is it?
#
# <details><summary>Hint</summary>
#
# By how much does $p_{ji}$ change with $x[b, a]$? That times $G_{ji}$ is what arrives from one patch pixel. In a matrix
# product the index of the sum stands inside, and the result must have $B \times A$ numbers: the shapes leave one way.
#
# </details>

# %%
def image_gradient(G, F_X, F_Y):
    """dL/dx of shape (B, A), from G = dL/dp of shape (N, N), F_X of shape (N, A) and F_Y of shape (N, B)."""
    # BEGIN SOLUTION
    return F_Y.T @ G @ F_X
    # END SOLUTION

# %%
# Check 5.3
F_X, F_Y, G = rng.random((3, 7)), rng.random((3, 8)), rng.standard_normal((3, 3))
x = rng.random((8, 7))  # B = 8 rows of A = 7 pixels
assert_derivatives(lambda a: np.sum(G * (F_Y @ a["x"] @ F_X.T)), {"x": x}, {"x": image_gradient(G, F_X, F_Y)})
write = equations.write(G[None, None], F_X[None], F_Y[None], np.ones((1, 1)))[0, 0]
assert_close("Eq. 29 with gamma = 1 and w = G", image_gradient(G, F_X, F_Y), write)
print("5.3 is right")

# %% [markdown]
# ## Exercise 5.4 How a filter learns its width
#
# (Hard, 25 minutes.) A filter reads $r = \sum_a F[a] \, x_a$ with
#
# $$F[a] = \frac{1}{Z} \exp\left(-\frac{(a - \mu)^2}{2 s}\right), \qquad \sum_a F[a] = 1, \qquad s = \sigma^2 .$$
#
# The lesson gave $\frac{dr}{d\mu} = \sum_a F[a] \, \frac{a - \mu}{s} \, (x_a - r)$. Work out $\frac{dr}{ds}$ in
# the same way, and return both. Do not forget that $Z$ depends on $s$ too.
#
# <details><summary>Hint</summary>
#
# Write $F[a] = e^{u_a} / \sum_{a'} e^{u_{a'}}$ with $u_a = -(a - \mu)^2 / (2 s)$. Then
# $dr = \sum_a F[a] \, (x_a - r) \, du_a$, and only $\frac{du_a}{ds}$ is left to find.
#
# </details>

# %%
def reading_slopes(mu, s, x):
    """The derivatives {"mu": dr/dmu, "s": dr/ds}, two numbers, of the reading of a row x of shape (A,)."""
    # BEGIN SOLUTION
    a = np.arange(1, len(x) + 1)
    F = np.exp(-((a - mu) ** 2) / (2 * s))
    F = F / F.sum()
    pull = F * (x - F @ x)
    return {"mu": np.sum(pull * (a - mu)) / s, "s": np.sum(pull * (a - mu) ** 2) / (2 * s**2)}
    # END SOLUTION

# %%
# Check 5.4
def reading(place):
    return (equations.filterbank(place["mu"].reshape(1, 1), place["s"].reshape(1, 1), len(row))[0, 0] * row).sum()

for mu, s, A in (9.0, 2.25, 28), (20.3, 1.0, 28), (14.5, 30.0, 28), (8.0, 4.0, 11):
    row = digits[3][13, :A]  # row 14 of a zero, or its beginning
    place, given = {"mu": np.array(mu), "s": np.array(s)}, row.copy()
    assert_derivatives(reading, place, reading_slopes(mu, s, given))
    assert_close("x itself, after the call", given, row)
print("5.4 is right")

# %% [markdown]
# ## An experiment: where the gradient does not lead
#
# Nothing to write here. Part 7 of the lesson lost a window, began with one that covers everything, with
# $\sigma = \delta / 2$, and walked back. Before you run the next cells: what happens if the walk begins with
# $\sigma = 1$? And what if a second digit stands in the image?

# %%
def window_at(five):
    return equations.attention_window({"W": np.eye(5), "b": np.zeros(5)}, five, 12, height=75, width=100)

def read(scene, window):
    F_X, F_Y = equations.filterbanks(window, 12, 75, 100)
    return F_Y[0] @ scene @ F_X[0].T

hidden = equations.Window(*np.array([82.5, 58.5, 2.2, 1.21, 1.0])[:, None, None])  # each (1, 1)

def walk(scene, sigma):
    """Where 200 steps downhill from a window over the whole image end, and the loss there."""
    five, patch = np.array([[0, 0, 2 * np.log(sigma), 0, 0]]), read(scene, hidden)
    state = adam_init(five)
    for _ in range(200):
        loss, gradient = value_and_grad(lambda five: ((read(scene, window_at(five)) - patch) ** 2).sum(), five)
        five, state = adam_update(five, gradient, state, rate=0.02)
    return window_at(five), loss

# %%
one = np.pad(digits[15], ((44, 3), (68, 4)))  # B = 75 rows of A = 100 pixels
two = one.copy()
two[4:32, 6:34] = digits[1]
figure, axes = plt.subplots(1, 3, figsize=(16, 5))
figure.get_layout_engine().set(w_pad=0.5)
losses, walks = [], [("as in the lesson", one, 4.5), ("$\\sigma$ = 1", one, 1.0), ("two digits", two, 4.5)]
for ax, (name, scene, sigma) in zip(axes, walks):
    window, loss = walk(scene, sigma)
    plotting.show_image(ax, scene)
    ax.set_title(f"{name}: loss {loss:.2f}", pad=45)  # above the rectangle
    plotting.draw_window(ax, window, 12, plotting.GREEN)
    losses.append(loss)
plt.show()
assert losses[0] < 0.01 and min(losses[1:]) > 5

# %% [markdown]
# It gets stuck both times. Narrow filters stand 9 pixels apart, and the digit falls between them. With two digits, the
# window stays stretched over both. A gradient knows only what the filters see from where they are: begin wide and
# blurred. With two digits, even that is not enough.
