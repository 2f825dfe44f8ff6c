# %% [markdown]
# # Exercises of lesson 12, From windows to queries
#
# Do the lesson first: [12 From windows to queries](../12_from_windows_to_queries.ipynb). Every exercise has a text, a
# cell where you write your answer in place of `raise NotImplementedError`, and a cell that checks it: run both. A check
# says what it expected and what it got; when it prints nothing but "right", go on. No check needs another exercise's
# answer. Stuck? Click on Hint. Run the next cell first.

# %%
import numpy as np
from matplotlib import pyplot as plt

from draw_np import datasets, equations, plotting
from draw_np.checks import assert_close, assert_derivatives

plotting.use_style()
rng = np.random.default_rng(112)

def softmax(scores):  # over the last axis
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)

# %% [markdown]
# ## Exercise 12.1 Some may not be asked
#
# (Easy, 10 minutes.) A model that writes a text must not look at words that it has not written yet. Such keys are
# **masked**: their weight is exactly 0, and the others share the 1 among them, as if the masked keys were not there.
# Write a softmax with a mask. Scores may be as large as 10,000 and as small as -10,000, masked ones even larger. Where
# a query may ask nobody, all its weights are 0.
#
# <details><summary>Hint</summary>
#
# Give the masked scores the value `-np.inf` first (`np.where`). Then subtract each row's largest, and take `exp`:
# $e^{-\infty} = 0$. Only where the largest itself is $-\infty$ you must subtract something else, and the sum by which
# you divide must not be 0.
#
# </details>

# %%
def masked_softmax(scores, allowed):
    """The weights, of shape (queries, keys), as `scores`; `allowed` is True where a key may be asked, else False."""
    # BEGIN SOLUTION
    scores = np.where(allowed, scores, -np.inf)
    largest = scores.max(axis=1, keepdims=True)  # of those that may be asked
    weights = np.exp(scores - np.where(np.isfinite(largest), largest, 0))
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    # END SOLUTION

# %%
# Check 12.1
scores, earlier = rng.standard_normal((5, 5)), np.tri(5, dtype=bool)  # each word may ask itself and those before it
expected = [[*softmax(row[: k + 1]), *np.zeros(4 - k)] for k, row in enumerate(scores)]
assert_close("the weights of five words", masked_softmax(scores.copy(), earlier), expected)
scores = np.array([[1e4, 9999, 3e4, -1e4], [-1e4, -9998, 0, 5e4], [1, 2, 3, 4]])
allowed = np.array([[1, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]], bool)
two = softmax(np.array([[1.0, 0.0], [0.0, 2.0]]))  # only differences matter
expected = [[*two[0], 0, 0], [*two[1], 0, 0], [0, 0, 0, 0]]
got = masked_softmax(scores.copy(), allowed)
assert_close("the weights for huge scores", got, expected)
assert_close("the largest weight of a masked key", np.max(np.asarray(got)[~allowed]), 0.0, atol=0)
print("12.1 is right")

# %% [markdown]
# ## Exercise 12.2 A window in two dimensions
#
# (Harder, 20 minutes.) The lesson made a filterbank of queries and keys along one axis. A whole window reads a patch
# from an image. One softmax can do that, over all pixels at once, if a pixel's key is $(a, a^2, b, b^2)$, column $a$
# and row $b$ counted from 1. Return the queries of all $N \times N$ filters and the keys of all $B \times A$ pixels,
# such that
#
# $$\text{softmax}(Q K^T) \, V = F_Y \, x \, F_X^T ,$$
#
# where $V$ is the image as a column, row by row, and the patch comes out as a column, row by row.
#
# <details><summary>Hint</summary>
#
# The product of two Gaussians is one `exp` of a sum: the exponent for filter $(j, i)$ and pixel $(b, a)$ is
# $-\frac{(a - \mu_X^i)^2 + (b - \mu_Y^j)^2}{2 \sigma^2}$. Row by row means that $i$ and $a$ run fastest:
# `np.tile` repeats a whole array, `np.repeat` each entry.
#
# </details>

# %%
def queries_and_keys(mu_X, mu_Y, sigma_squared, A, B):
    """Q of shape (N N, 4) and K of shape (B A, 4).

    Parameters: `mu_X` and `mu_Y` of shape (N,), the filters' centres in pixels counted from 1; `sigma_squared` a
    number; the image is `A` pixels wide and `B` high.
    """
    # BEGIN SOLUTION
    N, a, b = len(mu_X), np.tile(np.arange(1, A + 1), B), np.repeat(np.arange(1, B + 1), A)
    bend = np.full(N * N, -1 / (2 * sigma_squared))
    Q = np.stack([np.tile(mu_X, N) / sigma_squared, bend, np.repeat(mu_Y, N) / sigma_squared, bend], axis=1)
    K = np.stack([a, a**2, b, b**2], axis=1)
    return Q, K
    # END SOLUTION

# %%
# Check 12.2
A, B = 9, 7
x, x_hat = rng.random((B, A)), rng.standard_normal((B, A))
for N, g_X, g_Y, delta, sigma_squared in (3, 4.2, 3.1, 1.7, 0.8), (4, 9.0, 1.5, 2.5, 3.0):
    window = equations.Window(*np.array([g_X, g_Y, delta, sigma_squared, 1.0])[:, None, None])
    mu_X, mu_Y = (equations.filter_means(g, window.delta, N)[0] for g in (window.g_X, window.g_Y))
    both = queries_and_keys(mu_X, mu_Y, sigma_squared, A, B)
    assert isinstance(both, (tuple, list)) and len(both) == 2, f"expected Q and K, got {type(both).__name__}"
    for array, name, shape in zip(both, "QK", ((N * N, 4), (B * A, 4))):
        assert_close(f"the shape of {name}", np.shape(array), shape)
    got = softmax(both[0] @ np.transpose(both[1])) @ np.stack([x.ravel(), x_hat.ravel()], axis=1)  # (N N, 2)
    F_X, F_Y = equations.filterbanks(window, N, B, A)
    read = equations.read(x[None, None], x_hat[None, None], F_X, F_Y, window.gamma)[0]
    assert_close(f"what a window at ({g_X}, {g_Y}) reads, Eq. 27", got.T.ravel(), read)
print("12.2 is right")

# %% [markdown]
# The next cell reads a digit through one softmax over its 784 pixels. It is the same patch, and costs much more:
# 144 · 784 weights, where $F_X$ and $F_Y$ together have 2 · 12 · 28.

# %%
mu = 14.5 + 2.2 * (np.arange(12) - 5.5)
digit = datasets.load("mnist", "test").images[15].astype(float)
Q, K = queries_and_keys(mu, mu, 0.5, 28, 28)
figure, axes = plt.subplots(1, 3, figsize=(11, 4))
plotting.show_image(axes[0], digit, "image")
weights = softmax(Q @ K.T)  # (144, 784)
plotting.show_image(axes[1], weights[40].reshape(28, 28) / weights[40].max(), "weights of\none query")
plotting.show_image(axes[2], (weights @ digit.ravel()).reshape(12, 12), "patch")
plt.show()

# %% [markdown]
# ## Exercise 12.3 Attention, backwards
#
# (Hard, 30 minutes.) $S = Q K^T / \sqrt{d}$, $W = \text{softmax}(S)$ by rows, $R = W V$. On the way back comes
# $G = \frac{d\mathcal{L}}{dR}$. Work out on paper what $V$, $W$, $S$, $Q$ and $K$ receive, in this order. Then return
# $\frac{d\mathcal{L}}{dQ}$, $\frac{d\mathcal{L}}{dK}$ and $\frac{d\mathcal{L}}{dV}$.
#
# <details><summary>Hint</summary>
#
# $C = A B$ gives $dA = dC \, B^T$ and $dB = A^T dC$ (lesson 11, part 2). For one row of the softmax
# $\frac{dw_a}{ds_b} = w_a ([a = b] - w_b)$, so $s_b$ receives $w_b \, (g_b - \sum_a w_a g_a)$ if $w$ receives $g$.
#
# </details>

# %%
def attention_gradients(Q, K, V, G):
    """{"Q": dL/dQ, "K": dL/dK, "V": dL/dV}, of the shapes of Q (queries, d), K (keys, d) and V (keys, values).

    `G` is dL/dR, of shape (queries, values).
    """
    # BEGIN SOLUTION
    root = np.sqrt(Q.shape[1])
    W = softmax(Q @ K.T / root)  # (queries, keys)
    dW = G @ V.T
    dS = W * (dW - (W * dW).sum(axis=1, keepdims=True)) / root
    return {"Q": dS @ K, "K": dS.T @ Q, "V": W.T @ G}
    # END SOLUTION

# %%
# Check 12.3
Q, K, V, G = (rng.standard_normal(shape) for shape in ((3, 6), (5, 6), (5, 2), (3, 2)))
def loss(tree):
    return np.sum(G * (softmax(tree["Q"] @ tree["K"].T / np.sqrt(6)) @ tree["V"]))
assert_derivatives(loss, {"Q": Q, "K": K, "V": V}, attention_gradients(Q.copy(), K.copy(), V.copy(), G.copy()))
print("12.3 is right")

# %% [markdown]
# ## Exercise 12.4 A friend's friend
#
# (Hard, 30 minutes.) Every child has a name, one friend, and a colour. Each is a token of $2 n + c$ numbers: the name
# as $n$ numbers, one of them 1, then the friend's name in the same way, then the colour as $c$ numbers. Each asks:
# **which colour has the friend of my friend?** One attention is not enough, for nobody's key says whose friend's friend
# it is. Two are: first ask your friend for a name, then ask the child of that name for its colour. Nothing is trained.
# Set the six matrices by hand, such that
#
# $$R_1 = \text{softmax}(X W_{Q1} \, (X W_{K1})^T) \; X W_{V1}, \qquad
# R_2 = \text{softmax}(R_1 W_{Q2} \, (X W_{K2})^T) \; X W_{V2}$$
#
# is the colour that was asked for, one row for each child. (We leave out $\sqrt{d}$.)
#
# <details><summary>Hint</summary>
#
# Each matrix only has to pick out one part of a token: it is made of `np.eye` and zeros, one above the other
# (`np.vstack`). The softmax must give the right child nearly everything: make the queries long, a hundred, say. That is
# a small $\sigma$, as in part 1 of the lesson.
#
# </details>

# %%
def two_hops(n, c):
    """The six matrices {"Q1": ..., "K1": ..., "V1": ..., "Q2": ..., "K2": ..., "V2": ...} for n names and c colours.

    Q1, K1, V1 and K2 are of shape (2 n + c, n), Q2 is of shape (n, n), V2 of shape (2 n + c, c).
    """
    # BEGIN SOLUTION
    name = np.vstack([np.eye(n), np.zeros((n, n)), np.zeros((c, n))])
    friend = np.vstack([np.zeros((n, n)), np.eye(n), np.zeros((c, n))])
    colour = np.vstack([np.zeros((2 * n, c)), np.eye(c)])
    return {"Q1": 100 * friend, "K1": name, "V1": friend, "Q2": 100 * np.eye(n), "K2": name, "V2": colour}
    # END SOLUTION

# %%
# Check 12.4
for n, c in (6, 3), (5, 7):
    shapes = {**dict.fromkeys(("Q1", "K1", "V1", "K2"), (2 * n + c, n)), "Q2": (n, n), "V2": (2 * n + c, c)}
    W = two_hops(n, c)
    assert isinstance(W, dict) and set(W) == set(shapes), f"expected a dict with Q1, K1, V1, Q2, K2 and V2, got {W}"
    for name, shape in shapes.items():
        assert_close(f"the shape of {name}", np.shape(W[name]), shape)
    for _ in range(20):
        name, friend, colour = rng.permutation(n), rng.integers(n, size=n), rng.integers(c, size=n)  # of every token
        X = np.hstack([np.eye(n)[name], np.eye(n)[friend], np.eye(c)[colour]])
        asked = np.argsort(name)[friend]  # the place of each child's friend
        R_1 = softmax(X @ W["Q1"] @ (X @ W["K1"]).T) @ X @ W["V1"]
        R_2 = softmax(R_1 @ W["Q2"] @ (X @ W["K2"]).T) @ X @ W["V2"]
        expected = np.eye(c)[colour[asked[asked]]]
        assert_close(f"the colours of the friends' friends of {n} children", R_2, expected, atol=1e-3)
print("12.4 is right")

# %% [markdown]
# How many steps from friend to friend can $k$ attentions take? If each adds one, $k + 1$. But after the first, each
# child knows its friend's friend. If that name is put into the tokens, the next attention asks *that* child for *its*
# friend's friend: four steps. The third makes eight of them, the $k$-th $2^k$. A recurrent network would walk step by
# step.
