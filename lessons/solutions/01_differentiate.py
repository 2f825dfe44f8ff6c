# %% [markdown]
# # Exercises of lesson 01, Differentiate
#
# Do the lesson first: [01 Differentiate](../01_differentiate.ipynb). Every exercise has a text, a cell where you write
# your answer in place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what it
# expected and what it got; when it prints nothing but "right", go on. No check needs another exercise's answer.
#
# Run the next two cells first. The second is the tape of the lesson, unchanged.

# %%
import matplotlib.pyplot as plt
import numpy as np

from draw_np import backend, plotting
from draw_np.checks import assert_close, assert_derivatives

plotting.use_style()
rng = np.random.default_rng(101)

# %%
class Var:
    def __init__(self, tape, value, links=()):
        self.tape, self.value, self.links = tape, np.asarray(value, dtype=np.float64), links
        self.gradient = np.zeros_like(self.value)
        tape.append(self)

def backward(L):
    L.gradient = np.ones_like(L.value)  # dL/dL
    for v in reversed(L.tape):
        for u, rule in v.links:
            received = rule(v.gradient)
            assert received.shape == u.value.shape, f"expected the shape {u.value.shape}, got {received.shape}"
            u.gradient = u.gradient + received

def exp(u):  # as an example of an operation
    v = np.exp(u.value)
    return Var(u.tape, v, [(u, lambda g: g * v)])

# %% [markdown]
# ## Exercise 1.1 A finer difference
#
# (Easy.) Call the central difference with step $\varepsilon$
#
# $$D(\varepsilon) = \frac{f(c + \varepsilon) - f(c - \varepsilon)}{2 \varepsilon} .$$
#
# Its error is about $k \varepsilon^2$, so that of $D(2 \varepsilon)$ is about $4 k \varepsilon^2$. In
#
# $$\frac{4 D(\varepsilon) - D(2 \varepsilon)}{3}$$
#
# the two cancel. Write it. This is the formula of our gradient checker.

# %%
def finer(f, c, step):
    """The derivative of f at c by central differences with `step` and 2 `step`, their errors cancelled."""
    # BEGIN SOLUTION
    def D(e):
        return (f(c + e) - f(c - e)) / (2 * e)

    return (4 * D(step) - D(2 * step)) / 3
    # END SOLUTION

# %%
# Check 1.1
assert_close("a polynomial of degree 4, whose derivative comes out exactly", finer(lambda c: c**4, 1.5, 0.1), 13.5)
errors = [abs(finer(np.exp, 0.0, step) - 1.0) for step in (0.1, 0.01)]
assert_close("how many times smaller a step 10 times smaller makes the error", errors[0] / errors[1], 1e4, rtol=0.02)
print("1.1 is right")

# %% [markdown]
# ## Exercise 1.2 A new operation for the tape
#
# (Easy.) Give the tape $v = \tanh u$. Its rule is $g \, (1 - v^2)$. The cell below the check draws what you get.

# %%
def tanh(u):
    """The Var that holds tanh of the Var `u`, recorded on u's tape with its rule."""
    # BEGIN SOLUTION
    v = np.tanh(u.value)
    return Var(u.tape, v, [(u, lambda g: g * (1 - v**2))])
    # END SOLUTION

# %%
# Check 1.2
tape = []
u = Var(tape, np.linspace(-2, 2, 5))
v = tanh(exp(u))
backward(v)
assert_close("tanh(exp(u))", v.value, np.tanh(np.exp(u.value)))
assert_derivatives(lambda a: np.sum(np.tanh(np.exp(a["u"]))), {"u": u.value}, {"u": u.gradient})
print("1.2 is right")

# %%
u = Var([], np.linspace(-5, 5, 201))
v = tanh(u)
backward(v)
plt.figure(figsize=(9, 4)).add_subplot(xlabel="u", title="tanh and its derivative, from the tape")
plt.plot(u.value, v.value, label=r"$\tanh u$")
plt.plot(u.value, u.gradient, "--", label="derivative")
plt.legend()
plt.show()

# %% [markdown]
# ## Exercise 1.3 A tape that broadcasts
#
# (Harder.) NumPy adds a bias $b$ of shape (1, 3) to a batch of shape (4, 3) by repeating it. So every row of $g$, of
# shape (4, 3), is a gradient that $b$ receives, and $b$ must get their sum. Write the function that every rule of a
# broadcasting tape ends with: it sums $g$ over the axes along which an array of this shape was repeated. Two
# kinds occur: axes of length 1, and axes in front that the array does not have.

# %%
def unbroadcast(g, shape):
    """g summed to `shape`, the shape of an array that was broadcast to g's shape."""
    # BEGIN SOLUTION
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for axis, length in enumerate(shape):
        if length == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g
    # END SOLUTION

# %%
# Check 1.3
for shape in (4, 3), (1, 3), (4, 1), (1, 1), (3,), (1,), ():
    b, g = rng.standard_normal(shape), rng.standard_normal((4, 3))
    _, expected = backend.value_and_grad(lambda b: backend.np.sum(g * (b + backend.np.zeros((4, 3)))), b)
    assert_close(f"what an array of shape {shape} receives", unbroadcast(g, shape), expected)
assert_close("a batch of one", unbroadcast(np.ones((1, 3)), (1, 3)), np.ones((1, 3)))
print("1.3 is right")

# %% [markdown]
# ## Exercise 1.4 A rule worked out by hand
#
# (Hard.) DRAW's filters are rows of weights that are divided by their sum (Eq. 25). For one row,
#
# $$F_a = \frac{w_a}{Z}, \qquad Z = \sum_b w_b .$$
#
# Something computed from $F$ hands back $g_a = \frac{dL}{dF_a}$. What does $w$ receive? Use
# $\frac{dF_a}{dw_b} = \frac{[a = b]}{Z} - \frac{w_a}{Z^2}$, where $[a = b]$ is 1 if $a$ is $b$ and 0 if not. Bring the
# sum over $a$ into a form without a loop.

# %%
def normalise_rule(g, w):
    """dL/dw of shape (A,) for F = w / sum(w), from g = dL/dF and w, each of shape (A,)."""
    # BEGIN SOLUTION
    Z = w.sum()
    return (g - np.sum(g * w) / Z) / Z
    # END SOLUTION

# %%
# Check 1.4
w, g = rng.uniform(0.5, 2.0, 6), rng.standard_normal(6)
assert_derivatives(lambda a: np.sum(g * a["w"] / a["w"].sum()), {"w": w}, {"w": normalise_rule(g, w)})
zero = normalise_rule(np.ones(6), w)  # the sum of F is 1 whatever w is
assert_close("what w receives if every F_a counts alike", zero, np.zeros(6))
print("1.4 is right")
