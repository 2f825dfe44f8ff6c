# %% [markdown]
# # Exercises of lesson 03, Remember
#
# Do the lesson first: [03 Remember](../03_remember.ipynb). Every exercise has a text, a cell where you write your
# answer in place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what it expected and
# what it got; when it prints nothing but "right", go on. No check needs another exercise's answer. Stuck? Click on
# Hint. Run the next cell first.

# %%
import numpy as np
from matplotlib import pyplot as plt

from draw_np import backend, equations, plotting
from draw_np.checks import assert_close, assert_derivatives

plotting.use_style()
rng = np.random.default_rng(103)

# %% [markdown]
# ## Exercise 3.1 A latch
#
# (Easy, 15 minutes.) Choose the weights of an LSTM with one cell by hand. Its input is (set, reset), each 0 or 1 and
# never both 1. After "set" the cell must hold 0.5, after "reset" 0, and otherwise what it held. It begins at 0, and
# "set" or "reset" may come several times in a row. Begin with which gate each input must open or close, then ask which
# candidate is to be written. The columns of $W$ and $b$ are $i, f, o, g$; $U$ is 0.
#
# <details><summary>Hint</summary>
#
# Part 3 of the lesson sets such weights by hand. Which of its gates are shut, and which are open, while nothing is
# marked? An input of 1 turns a gate round if its weight is twice the bias, with the other sign. The candidate may
# always be the same: it does nothing while $i$ is 0.
#
# </details>

# %%
def latch():
    """W of shape (2, 4) and b of shape (4,), float: rows of W for set and reset, columns for i, f, o, g."""
    # BEGIN SOLUTION
    W = [[20.0, -20.0, 0.0, 0.0], [0.0, -20.0, 0.0, 0.0]]  # both clear the cell, set also writes the candidate
    b = [-10.0, 10.0, 10.0, np.arctanh(0.5)]  # kept shut, kept open, open, the candidate is 0.5
    return np.array(W), np.array(b)
    # END SOLUTION

# %%
# Check 3.1
W, b = map(np.asarray, latch())
shapes = W.shape, b.shape
assert shapes == ((2, 4), (4,)), f"the shapes of W and b: expected (2, 4) and (4,), got {W.shape} and {b.shape}"
inputs = np.zeros((160, 2))
inputs[[5, 8, 40], 0] = 1  # set, twice in a row, and once more
inputs[[2, 20, 23, 100], 1] = 1  # reset, at first of nothing, and twice in a row
expected, state, held = np.zeros(160), equations.LSTMState(np.zeros((1, 1)), np.zeros((1, 1))), []
expected[5:20] = expected[40:100] = 0.5
for x in inputs:
    state = equations.lstm({"W": W, "U": np.zeros((1, 4)), "b": b}, x[None], state)
    held.append(state.cell.item())
assert_close("the cell after each of 160 steps", held, expected, rtol=0, atol=0.01)
print("3.1 is right")

# %%
plt.figure(figsize=(12, 4)).add_subplot(xlabel="step t", ylabel="memory cell")
plt.step(range(160), held, where="post")
for name, column, colour in ("set", 0, plotting.GREEN), ("reset", 1, plotting.RED):
    places = np.flatnonzero(inputs[:, column])
    plt.plot(places, np.full(len(places), 0.58), "v", color=colour, label=name)
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# ## Exercise 3.2 Backwards through a gate
#
# (Harder, 15 minutes.) The line of the LSTM that remembers is
#
# $$s_t = f \, s_{t-1} + i \, g, \qquad f = \sigma(a_f), \quad i = \sigma(a_i), \quad g = \tanh(a_g) .$$
#
# From $d = \frac{d\mathcal{L}}{ds_t}$ work out what $s_{t-1}$, $a_f$, $a_i$ and $a_g$ receive. Recall that
# $\sigma'(a) = \sigma(a) (1 - \sigma(a))$ and $\tanh'(a) = 1 - \tanh^2(a)$.
#
# <details><summary>Hint</summary>
#
# Each of the four receives $d$ times what it was multiplied by. For the three pre-activations $a$, the derivative of
# their $\sigma$ or tanh comes as a further factor.
#
# </details>

# %%
def cell_backward(d, s, a_f, a_i, a_g):
    """What s (s_{t-1}), a_f, a_i and a_g receive: a dict of their names, all arrays of the shape of d = dL/ds_t."""
    # BEGIN SOLUTION
    f, i, g = equations.sigmoid(a_f), equations.sigmoid(a_i), np.tanh(a_g)
    return {"s": d * f, "a_f": d * s * f * (1 - f), "a_i": d * g * i * (1 - i), "a_g": d * i * (1 - g**2)}
    # END SOLUTION

# %%
# Check 3.2
d, numbers = rng.standard_normal((2, 3)), {name: rng.standard_normal((2, 3)) for name in ("s", "a_f", "a_i", "a_g")}

def loss(n):
    s = equations.sigmoid(n["a_f"]) * n["s"] + equations.sigmoid(n["a_i"]) * np.tanh(n["a_g"])
    return np.sum(d * s)

assert_derivatives(loss, numbers, cell_backward(d, **numbers))
print("3.2 is right")

# %% [markdown]
# ## Exercise 3.3 Patience
#
# (Hard, 30 minutes.) The network without gates, for a batch whose vectors are rows:
#
# $$h_t = \tanh(x_t W + h_{t-1} U + b), \qquad t = 1, \dots, T, \qquad h_0 = 0 .$$
#
# Write its backward pass. Run it forwards and keep all $h_t$; then go back from $\frac{d\mathcal{L}}{dh_T}$. At each
# step, what arrives at $x_t W + h_{t-1} U + b$ is $a_t = \frac{d\mathcal{L}}{dh_t} (1 - h_t^2)$. From it $W$, $U$ and
# $b$ each receive a part, and $h_{t-1}$ receives $a_t U^T$. The parts of all steps add up.
#
# <details><summary>Hint</summary>
#
# $W$ and $U$ are second factors of matrix products: what does such a factor receive on lesson 01's tape? $b$ was
# repeated for every row of the batch (exercise 1.3). Keep $h_0$ in your list too: then $h_t$ is at place $t$, and $x_t$
# at place $t - 1$.
#
# </details>

# %%
def rnn_backward(params, x, d):
    """dL/dparams, a dict like params {"W", "U", "b"}; x (T, batch, inputs), d = dL/dh_T of shape (batch, hidden)."""
    # BEGIN SOLUTION
    W, U, b = params["W"], params["U"], params["b"]
    h = [np.zeros_like(d)]
    for x_t in x:
        h.append(np.tanh(x_t @ W + h[-1] @ U + b))
    gradient = {"W": np.zeros_like(W), "U": np.zeros_like(U), "b": np.zeros_like(b)}
    for t in reversed(range(len(x))):
        a = d * (1 - h[t + 1] ** 2)  # (batch, hidden)
        gradient["W"] += x[t].T @ a
        gradient["U"] += h[t].T @ a
        gradient["b"] += a.sum(axis=0)
        d = a @ U.T
    return gradient
    # END SOLUTION

# %%
# Check 3.3
def last_h(params, x):
    h = np.zeros((x.shape[1], len(params["b"])))
    for x_t in x:
        h = backend.np.tanh(x_t @ params["W"] + h @ params["U"] + params["b"])
    return h

params = {"W": rng.standard_normal((2, 4)), "U": 0.5 * rng.standard_normal((4, 4)), "b": rng.standard_normal(4)}
x, d = rng.standard_normal((5, 3, 2)), 1000 * rng.standard_normal((3, 4))
gradient = rnn_backward(params, x, d.copy())
assert_derivatives(lambda params: np.sum(d * last_h(params, x)), params, gradient)
_, expected = backend.value_and_grad(lambda params: backend.np.sum(d * last_h(params, x)), params)
assert_close("dL/dU as autograd finds it", gradient["U"], expected["U"])
print("3.3 is right")

# %% [markdown]
# Now be patient. In part 5 of the lesson, give `train` the argument `updates=3000` for the orthogonal network at rate
# 0.001 with seed 1. Draw its history. (This takes a minute or two.)
