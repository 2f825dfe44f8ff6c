# %% [markdown]
# # Exercises of lesson 08, Attend to classify
#
# Do the lesson first: [08 Attend to classify](../08_attend_to_classify.ipynb). Every exercise has a text, a cell where
# you write your answer in place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what
# it expected and what it got; when it prints nothing but "right", go on. No check needs another exercise's answer.
# Stuck? Click on Hint. Run the next cell first.

# %%
import numpy as np
from matplotlib import pyplot as plt

from draw_np import datasets, equations, kernels, load_pretrained, plotting
from draw_np.checks import assert_close, assert_derivatives
from draw_np.models import glimpse_classifier

plotting.use_style()
rng = np.random.default_rng(108)

# %% [markdown]
# ## Exercise 8.1 The first glimpse
#
# (Easy, 10 minutes.) Before it has seen anything, the network looks through the window that its learned $h_0$ emits.
# Work this window out, in pixels, from the parameters: Eq. 21-24 with $h_0$ in the place of $h_{t-1}$. You need no
# image.
#
# <details><summary>Hint</summary>
#
# Part 4 of lesson 05 has the five lines. Mind that the network emits $\log \sigma^2$ third and $\log \tilde{\delta}$
# fourth, and the answer wants $\delta$ third.
#
# </details>

# %%
def first_window(params, N, A, B):
    """The window of the first glimpse: an array of five numbers, g_X, g_Y, delta, sigma^2 and gamma.

    Parameters: `params` of the network; `params["initial"]["h"]` is h_0, of shape (hidden,), and
    `params["read_window"]` has "W", of shape (hidden, 5), and "b", of shape (5,). `N` filters a side; the image is
    A pixels wide and B high. Do not change the parameters.
    """
    # BEGIN SOLUTION
    h_0, W, b = params["initial"]["h"], params["read_window"]["W"], params["read_window"]["b"]
    g_X, g_Y, log_sigma_squared, log_delta, log_gamma = h_0 @ W + b
    return np.array([
        (A + 1) / 2 * (g_X + 1),
        (B + 1) / 2 * (g_Y + 1),
        (max(A, B) - 1) / (N - 1) * np.exp(log_delta),
        np.exp(log_sigma_squared),
        np.exp(log_gamma),
    ])
    # END SOLUTION

# %%
# Check 8.1
for A, B, N in (31, 20, 4), (13, 24, 6):
    config = glimpse_classifier.Config(height=B, width=A, steps=1, hidden=6, read_size=N)
    params = glimpse_classifier.init_params(config, rng, dtype=np.float64)
    params["initial"]["h"] = rng.standard_normal(6)
    seen = glimpse_classifier.look(params, config, rng.random((1, B, A)))
    old = params["read_window"]["b"].copy()
    got = np.asarray(first_window(params, N=N, A=A, B=B))
    assert_close("the network's b, after the call", params["read_window"]["b"], old)
    assert got.shape == (5,), f"expected five numbers, got the shape {got.shape}"
    for name, mine, its in zip(seen.windows[0]._fields, got, seen.windows[0]):
        assert_close(f"{name} for A = {A}, B = {B}, N = {N}", mine, its.item())
print("8.1 is right")

# %% [markdown]
# The next cell draws the first windows of the two networks that come with `draw_np`. New parameters put this window
# over the whole canvas, and training was free to move it. It hardly did: wherever the digit is, some filter must see
# it.

# %%
image = datasets.sample("cluttered-mnist", rng, 1, "test").images[0]
figure, axes = plt.subplots(1, 2, figsize=(11, 5.5))
figure.get_layout_engine().set(w_pad=0.5)
for ax, steps in zip(axes, (4, 8)):
    params, config = load_pretrained(f"cluttered-mnist-{steps}")
    plotting.show_image(ax, image)
    plotting.draw_window(ax, first_window(params, 12, 100, 100), 12, plotting.GREEN).set_linewidth(2)
    ax.set_title(f"the first of {steps} glimpses", pad=35)
plt.show()

# %% [markdown]
# ## Exercise 8.2 The gradient at the logits
#
# (Harder, 15 minutes.) A batch of $n$ images has logits $a$ and right classes $y$. The loss is the mean of the
# cross-entropies,
#
# $$\mathcal{L} = \frac{1}{n} \sum_m \Big( \log \sum_j e^{a_{mj}} - a_{m y_m} \Big) .$$
#
# Work out $\frac{d\mathcal{L}}{da_{mk}}$ and write it down without a loop over images. Logits may be as large as 1,000
# in one image of the batch and as small as -2,000 in another.
#
# <details><summary>Hint</summary>
#
# Subtract the largest logit of each image before `exp`. `p[np.arange(n), labels]` are the probabilities of the right
# classes. And the loss is a mean.
#
# </details>

# %%
def logit_gradient(a, labels):
    """dL/da of shape (batch, classes), from the logits `a` of this shape and `labels`, whole numbers, (batch,)."""
    # BEGIN SOLUTION
    weights = np.exp(a - a.max(axis=1, keepdims=True))
    p = weights / weights.sum(axis=1, keepdims=True)
    p[np.arange(len(a)), labels] -= 1  # minus the truth
    return p / len(a)
    # END SOLUTION

# %%
# Check 8.2
a, y = 2 * rng.standard_normal((3, 10)), np.array([7, 0, 7])  # a class may come twice
got = logit_gradient(a.copy(), y)
assert_derivatives(lambda tree: equations.cross_entropy(tree["a"], y).mean(), {"a": a}, {"a": got})
large = np.array([[1000.0, 1000.0, -2000.0], [-2000.0, -1000.0, -1000.0]])  # of the second the largest is -1000
got = logit_gradient(large.copy(), np.array([0, 2]))
assert_close("dL/da for large logits", got, [[-0.25, 0.25, 0], [0, 0.25, -0.25]])
print("8.2 is right")

# %% [markdown]
# ## Exercise 8.3 Stop when sure
#
# (Harder, 20 minutes.) Eight glimpses for every image, also for the easy ones: is that needed? Let the network answer
# as soon as the largest of its ten probabilities is above a threshold, and after the last glimpse in any case.
#
# <details><summary>Hint</summary>
#
# `argmax` of an array of True and False is the first True.
#
# </details>

# %%
def stop_when_sure(p, threshold):
    """What is answered, and after how many glimpses: two arrays of whole numbers, (classes, glimpses), each (count,).

    Parameters: `p` of shape (glimpses, count, 10), the probabilities after each glimpse, which you leave as they are;
    `threshold` a number. An image that is never sure is answered after the last glimpse.
    """
    # BEGIN SOLUTION
    sure = p.max(axis=2) > threshold  # (glimpses, count)
    sure[-1] = True
    stop = sure.argmax(axis=0)  # the first that is
    return p[stop, np.arange(p.shape[1])].argmax(axis=1), stop + 1
    # END SOLUTION

# %%
# Check 8.3
for T, count in (5, 40), (8, 30):
    p = equations.softmax(3 * rng.standard_normal((T * count, 10))).reshape(T, count, 10)
    old = p.copy()
    for threshold in 0.5, 0.8, p[0, 7].max(), 1.0:  # the third is reached exactly
        answers, glimpses = stop_when_sure(p, threshold)
        assert_close("p, after the call", p, old)
        for n in range(count):
            t = next((t for t in range(T) if p[t, n].max() > threshold), T - 1)
            assert_close(f"glimpses of image {n} at the threshold {threshold}, of {T}", glimpses[n], t + 1)
            assert_close(f"answer for image {n} at the threshold {threshold}", answers[n], p[t, n].argmax())
print("8.3 is right")

# %% [markdown]
# What does it save, and what does it cost? The next cell tries thresholds on 1,000 images; they stand beside the
# points. At the end of its training only the last answer counted. From which threshold on can the early ones be
# trusted?

# %%
x, labels = datasets.sample("cluttered-mnist", rng, 1000, "test")
params, config = load_pretrained("cluttered-mnist-8")
state = equations.LSTMState(*(np.tile(params["initial"][name], (1000, 1)) for name in ("h", "cell")))
beliefs = []
for patch in glimpse_classifier.look(params, config, x, kernels).patches:
    state = equations.lstm(params["lstm"], patch, state)
    beliefs.append(equations.softmax(equations.linear(params["classes"], state.h)))
thresholds = [0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0]
stopped = [stop_when_sure(np.stack(beliefs), threshold) for threshold in thresholds]
plt.figure(figsize=(10, 5)).add_subplot(xlabel="glimpses, the mean", ylabel="wrong answers (%)")
saved = [(glimpses.mean(), 100 * (answers != labels).mean()) for answers, glimpses in stopped]
plt.plot(*zip(*saved), "o-")
for k, (place, threshold) in enumerate(zip(saved, thresholds)):
    above = k % 2 == 0  # and every other one below, for points may lie close
    plt.annotate(f"{threshold}", place, (0, 9 if above else -22), textcoords="offset points", ha="center")
plt.ylim(-0.1 * max(wrong for _, wrong in saved), None)
plt.show()

# %% [markdown]
# ## Exercise 8.4 What moves the window
#
# (Hard, 30 minutes.) The gradient has come back as far as a glimpse, $\text{patch} = \gamma \, F_Y \, x \, F_X^T$: it
# is $G = \frac{d\mathcal{L}}{d\,\text{patch}}$, one number for each patch pixel. Now it reaches the window. Find
# $\frac{d\mathcal{L}}{dg_X}$ on paper: first $\frac{d\mu_X^i}{dg_X}$ (Eq. 19), then $\frac{dF_X[i, a]}{d\mu_X^i}$ with
# $Z_X$ and all (Eq. 25), then the sum over the patch. If it is negative, the window should move to the right.
#
# <details><summary>Hint</summary>
#
# $\frac{d\mu_X^i}{dg_X} = 1$. With $u_a = -(a - \mu)^2 / (2 \sigma^2)$ and $F[a] = e^{u_a} / Z$ it is
# $dF[a] = F[a] \, (du_a - \sum_{a'} F[a'] \, du_{a'})$. Then $\text{patch}$ depends on $F_X$ in one factor only.
#
# </details>

# %%
def pull(G, x, F_X, F_Y, mu_X, sigma_squared, gamma):
    """dL/dg_X, a number, for one image.

    Parameters: `G` (N, N), row by row as the patch; `x` (B, A); `F_X` (N, A); `F_Y` (N, B); `mu_X` (N,), the filters'
    centres in pixels counted from 1; `sigma_squared` and `gamma` numbers.
    """
    # BEGIN SOLUTION
    a = np.arange(1, x.shape[1] + 1)
    slope = (a - mu_X[:, None]) / sigma_squared  # (N, A): of the exponent
    dF_X = F_X * (slope - (F_X * slope).sum(axis=1, keepdims=True))  # (N, A): the mean goes off because of Z_X
    return gamma * np.sum(G * (F_Y @ x @ dF_X.T))
    # END SOLUTION

# %%
# Check 8.4
for N, B, A, g_X, g_Y, *rest in (4, 8, 11, 6.2, 4.0, 1.7, 0.8, 1.0), (5, 9, 7, 3.1, 5.5, 1.5, 4.0, 0.3):
    x, G = rng.random((B, A)), rng.standard_normal((N, N))
    def filters(g_X, others=(g_Y, *rest), sizes=(N, B, A)):
        window = equations.Window(*np.array([g_X, *others])[:, None, None])
        return window, *(F[0] for F in equations.filterbanks(window, *sizes))
    def loss(place, x=x, G=G, filters=filters):
        window, F_X, F_Y = filters(place["g_X"].item())
        return np.sum(G * window.gamma * (F_Y @ x @ F_X.T))
    window, F_X, F_Y = filters(g_X)
    mu_X = equations.filter_means(window.g_X, window.delta, N)[0]
    got = pull(G, x, F_X, F_Y, mu_X, *rest[1:])
    assert_derivatives(loss, {"g_X": np.array(g_X)}, {"g_X": got})
print("8.4 is right")
