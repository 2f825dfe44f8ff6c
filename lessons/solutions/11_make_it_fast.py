# %% [markdown]
# # Exercises of lesson 11, Make it fast
#
# Do the lesson first: [11 Make it fast](../11_make_it_fast.ipynb). Every exercise has a text, a cell where you write
# your answer in place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what it
# expected and what it got; when it prints nothing but "right", go on. No check needs another exercise's answer. Stuck?
# Click on Hint. Run the next cell first.

# %%
import weakref

import numpy as np

from draw_np import equations
from draw_np.benchmark import gemm_floor
from draw_np.checks import assert_close, assert_derivatives
from draw_np.kernels.primitive import kernel
from draw_np.models import draw
from draw_np.training.gradient_check import assert_gradient

rng = np.random.default_rng(111)

# %% [markdown]
# ## Exercise 11.1 Count a network
#
# (Easy, 10 minutes.) How many operations do the matrix products of one training step of DRAW without attention take? A
# product of an $m \times k$ and a $k \times n$ matrix takes $2 m n k$. Count it three times: once on the way forward
# and twice on the way back. Here $m$ is always the batch. There are two LSTMs with $H$ hidden units, each with a $W$
# and a $U$ that make four gates; the encoder reads $[r_t, h_{t-1}^{dec}]$ with $r_t = [x, \hat{x}_t]$, the decoder
# $z_t$. Then the linear maps from $H$ numbers to $\mu$, to $\log \sigma$ and to the canvas (Eq. 18). All that $T$
# times.
#
# <details><summary>Hint</summary>
#
# The encoder's $W$ has $2 \cdot \text{pixels} + H$ rows and $4 H$ columns. Write down the rows times columns of all
# seven matrices.
#
# </details>

# %%
def operations(pixels, H, Z, T, batch):
    """The number of operations of one training step: for images of `pixels` pixels, Z latents and T steps."""
    # BEGIN SOLUTION
    encoder = (2 * pixels + H) * 4 * H + H * 4 * H
    decoder = Z * 4 * H + H * 4 * H
    maps = H * Z + H * Z + H * pixels
    return T * 2 * 3 * batch * (encoder + decoder + maps)
    # END SOLUTION

# %%
# Check 11.1
for height, width, H, Z, T, batch in (28, 28, 256, 100, 32, 128), (7, 8, 6, 5, 3, 2), (60, 60, 256, 100, 64, 128):
    config = draw.Config(height, width, hidden=H, latent=Z, steps=T, read_size=None, write_size=None)
    got = operations(height * width, H, Z, T, batch)
    assert_close(f"operations for {height * width} pixels, H = {H}, T = {T}, batch {batch}", got,
                 1e9 * gemm_floor.gigaflop(config, batch))
    print(f"{height * width} pixels, T = {T}: {got / 1e9:.3g} billion operations; "
          f"at 100 billion a second {got / 1e11:.2g} s")
print("11.1 is right")

# %% [markdown]
# ## Exercise 11.2 A kernel for $\mathcal{L}^z$
#
# (Easy, 15 minutes.) The part of $\mathcal{L}^z$ that one step adds for one image is (Eq. 11, with the constant
# corrected)
#
# $$KL = \frac{1}{2} \sum_{k=1}^Z \left(\mu_k^2 + \sigma_k^2 - \log \sigma_k^2 - 1\right) .$$
#
# Write it as a kernel. `kl` returns the divergence of every image of a batch, and the function `backward`. That
# gets `d_nats`, one gradient for each image, and returns the gradients of `mu` and of `sigma`, as a tuple. Work out
# $\frac{\partial KL}{\partial \mu_k}$ and $\frac{\partial KL}{\partial \sigma_k}$ on paper first. For which $\mu$ and
# $\sigma$ are both zero?
#
# <details><summary>Hint</summary>
#
# $\frac{\partial KL}{\partial \mu_k} = \mu_k$. `d_nats` has one number for each image: give it a second axis with
# `d_nats[:, None]`.
#
# </details>

# %%
def kl(mu, sigma):
    """(nats, backward), `nats` of shape (batch,), for arrays of shape (batch, Z)."""
    # BEGIN SOLUTION
    nats = 0.5 * np.sum(mu**2 + sigma**2 - np.log(sigma**2) - 1, axis=1)

    def backward(d_nats):  # both gradients are zero at mu = 0, sigma = 1, the prior
        return d_nats[:, None] * mu, d_nats[:, None] * (sigma - 1 / sigma)

    return nats, backward
    # END SOLUTION

# %%
# Check 11.2
def two(name, got):
    assert isinstance(got, tuple) and len(got) == 2, f"{name}: expected a tuple of two, got {type(got).__name__}"
    return got

for shape in (2, 5), (3, 4):
    mu, sigma, weights = rng.standard_normal(shape), np.exp(0.3 * rng.standard_normal(shape)), rng.random(shape[0]) - 2
    nats, backward = two("kl", kl(mu, sigma))
    assert_close(f"KL for mu of shape {shape}", nats, equations.kl(mu, sigma))
    found = dict(zip(("mu", "sigma"), two("backward", backward(weights))))
    assert_derivatives(lambda a, weights=weights: weights @ equations.kl(**a), {"mu": mu, "sigma": sigma}, found)
    assert_gradient(lambda a: kernel(kl)(**a), {"mu": mu, "sigma": sigma}, rng)  # as an operation of autograd
print("11.2 is right")

# %% [markdown]
# ## Exercise 11.3 Once, not T times
#
# (Harder, 20 minutes.) DRAW without attention reads $[x, \hat{x}_t]$ at every step and multiplies it by the rows $W_x$
# and $W_{\hat{x}}$ of its weights: $a_t = x W_x + \hat{x}_t W_{\hat{x}}$. But $x$ is the same at every step. Compute
# all $a_t$, and from the gradients $\mathrm{d}a_t$ that arrive those of the weights, $\mathrm{d}W_x$ and
# $\mathrm{d}W_{\hat{x}}$, with as few multiplications as you can. Make every matrix product with `multiply(A, B)`,
# which counts. How often must $x$ be multiplied on the way forward, and how often on the way back?
#
# <details><summary>Hint</summary>
#
# $\mathrm{d}W_x = \sum_t x^T \mathrm{d}a_t = x^T \sum_t \mathrm{d}a_t$: add first, multiply once.
#
# </details>

# %%
def read_all_steps(x, x_hats, W_x, W_x_hat, d_a, multiply):
    """(a, d_W_x, d_W_x_hat), `a` of shape (T, batch, n).

    `x` has the shape (batch, pixels), `x_hats` (T, batch, pixels), the weights (pixels, n), and `d_a` that of `a`.
    """
    # BEGIN SOLUTION
    still = multiply(x, W_x)
    a = np.stack([still + multiply(x_hat, W_x_hat) for x_hat in x_hats])
    d_W_x = multiply(x.T, d_a.sum(axis=0))
    d_W_x_hat = sum(multiply(x_hat.T, d) for x_hat, d in zip(x_hats, d_a))
    return a, d_W_x, d_W_x_hat
    # END SOLUTION

# %%
# Check 11.3
T, batch, pixels, n = 6, 3, 8, 5
x, x_hats, d_a = (rng.standard_normal(shape) for shape in ((batch, pixels), (T, batch, pixels), (T, batch, n)))
W = {"x": rng.standard_normal((pixels, n)), "x_hat": rng.standard_normal((pixels, n))}
counted = []

def multiply(A, B):
    assert np.ndim(A) == np.ndim(B) == 2, f"multiply: expected two matrices, got {np.shape(A)} and {np.shape(B)}"
    counted.append(A.shape[0] * A.shape[1] * B.shape[1])
    return A @ B

a, d_W_x, d_W_x_hat = found = read_all_steps(x, x_hats, W["x"], W["x_hat"], d_a.copy(), multiply)
assert_close("a", a, [x @ W["x"] + x_hat @ W["x_hat"] for x_hat in x_hats])
assert_derivatives(lambda W: np.sum(d_a * (x @ W["x"] + x_hats @ W["x_hat"])), W, {"x": d_W_x, "x_hat": d_W_x_hat})
plain, least = 4 * T * batch * pixels * n, 2 * (T + 1) * batch * pixels * n
total = sum(counted)
assert total == least, f"multiplications counted: expected {least} (at every step: {plain}), got {total}"
tripled = read_all_steps(x, x_hats, W["x"], W["x_hat"], d_a.copy(), lambda A, B: 3 * multiply(A, B))
for name, once, thrice in zip(("a", "d_W_x", "d_W_x_hat"), found, tripled):  # so every product went through multiply
    assert_close(f"{name} with a multiply that returns three times the product", thrice, 3 * np.asarray(once))
print(f"11.3 is right: {total} multiplications in place of {plain}")

# %% [markdown]
# ## Exercise 11.4 Back in parts
#
# (Hard, 30 minutes.) A chain of states, $s_{t+1} = \text{step}(s_t)$ for $t = 0, \dots, T - 1$, ends in $s_T$. A
# gradient arrives there, and `step_backward(s, d)` turns the gradient `d` at $\text{step}(s)$ into the gradient at
# $s$. So the way back needs $s_{T-1}$, then $s_{T-2}$, and so on, down to $s_0$. But there is no room for all of them.
# Keep every $K$-th state on the way there, $s_0, s_K, s_{2K}, \dots$ On the way back compute the others again, one
# part of $K$ steps at a time, the last part first. $T$ is a multiple of $K$.
#
# The states here are objects with a `.value` of two numbers, and a gradient is an array of two numbers. The check
# counts how many of them are alive at any time, so let go of what you no longer need. It also counts the steps: at
# most two for each of the $T$.
#
# <details><summary>Hint</summary>
#
# Keep the states in a list, and take the last one with `kept.pop()`. From it make its part, a list of $K$ states, and
# go through this backwards.
#
# </details>

# %%
def gradient_in_parts(step, step_backward, first, d_last, T, K):
    """The gradient at the state `first`, given the one at the last state, `d_last`; both of shape (2,)."""
    # BEGIN SOLUTION
    kept, state = [], first
    for t in range(T):
        if t % K == 0:
            kept.append(state)
        state = step(state)
    d = d_last
    while kept:
        part = [kept.pop()]
        while len(part) < K:
            part.append(step(part[-1]))
        for state in reversed(part):
            d = step_backward(state, d)
    return d
    # END SOLUTION

# %%
# Check 11.4
class State:
    alive, most, steps, turn = weakref.WeakSet(), 0, 0, 0

    def __new__(cls, *_):  # here, so that a copy counts, too
        state = super().__new__(cls)
        State.alive.add(state)
        State.most = max(State.most, len(State.alive))
        return state

    def __init__(self, value):
        self.value = value

def step(state):
    State.steps += 1
    a = state.value[0] + 0.3 * np.sin(state.value[1])  # swings for ever: no gradient vanishes
    return State(np.array([a, state.value[1] + a]))

def step_backward(state, d):
    State.turn = State.turn or len(State.alive)  # when the way back begins
    d_a = d[0] + d[1]
    return np.array([d_a, d[1] + 0.3 * np.cos(state.value[1]) * d_a])

def everything_kept(T):
    states = [State(start)]
    for _ in range(T):
        states.append(step(states[-1]))
    d = d_last
    for state in reversed(states[:-1]):
        d = step_backward(state, d)
    return d

start, d_last = np.array([0.1, 2.4]), np.array([0.7, -0.4])

for T, K in (12, 3), (64, 8), (64, 2), (100, 10), (100, 5), (8, 1), (8, 8):
    before = len(State.alive)
    State.most, State.steps, State.turn = before, 0, 0
    got = gradient_in_parts(step, step_backward, State(start), d_last, T, K)
    most, steps, turn = State.most - before, State.steps, State.turn - before
    assert_close(f"the gradient for T = {T}, K = {K}", got, everything_kept(T))
    room = T // K + K + 3
    assert most <= room, f"states alive at a time for T = {T}, K = {K}: expected at most {room}, got {most}"
    few = T // K - 3
    assert turn >= few, f"states alive when the way back begins, K = {K}: expected {few} or more, got {turn}"
    assert steps <= 2 * T, f"steps for T = {T}, K = {K}: expected at most {2 * T}, got {steps}"
    print(f"T = {T}, K = {K}: at most {most} states alive, {steps} steps")
print("11.4 is right")
