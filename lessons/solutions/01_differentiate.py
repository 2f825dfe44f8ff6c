# %% [markdown]
# # Exercises of lesson 01, Differentiate
#
# Do the lesson first: [01 Differentiate](../01_differentiate.ipynb). Every exercise has a text, a cell where you write
# your answer in place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what it
# expected and what it got; when it prints nothing but "right", go on. No check needs another exercise's answer. Stuck?
# Click on Hint.
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
# (Easy, 5 minutes.) Call the central difference with step $\varepsilon$
#
# $$D(\varepsilon) = \frac{f(c + \varepsilon) - f(c - \varepsilon)}{2 \varepsilon} .$$
#
# Its error is about $k \varepsilon^2$, so that of $D(2 \varepsilon)$ is about $4 k \varepsilon^2$. In
#
# $$\frac{4 D(\varepsilon) - D(2 \varepsilon)}{3}$$
#
# the two cancel. Write it. This is the formula of our gradient checker.
#
# <details><summary>Hint</summary>
#
# Write $D$ as a function inside the function, then call it twice. Which two steps does the formula name?
#
# </details>

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
left = finer(lambda c: (c - 2) ** 5, 2.0, 0.1)  # D(e) is e^4 here, so this is what steps of 0.1 and 0.2 leave
assert_close("the derivative of (c - 2)^5 at 2, where the formula leaves -4 step^4", left, -4 * 0.1**4)
errors = [abs(finer(np.exp, 0.0, step) - 1.0) for step in (0.1, 0.01)]
assert_close("how many times smaller a step 10 times smaller makes the error", errors[0] / errors[1], 1e4, rtol=0.02)
print("1.1 is right")

# %% [markdown]
# ## Exercise 1.2 A new operation for the tape
#
# (Easy, 5 minutes.) Give the tape $v = \tanh u$. Its rule is $g \, (1 - v^2)$. The cell below the check draws what you
# get.
#
# <details><summary>Hint</summary>
#
# `exp` above is the pattern: compute $v$ with NumPy, then return a new `Var` on the same tape, with one link to $u$.
#
# </details>

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
assert isinstance(tanh(u), Var), f"tanh(u): expected a Var, got {type(tanh(u)).__name__}"
v = exp(tanh(exp(u)))  # operations before and after it: a gradient arrives and is handed on
backward(v)
assert_close("exp(tanh(exp(u)))", v.value, np.exp(np.tanh(np.exp(u.value))))
assert_derivatives(lambda a: np.sum(np.exp(np.tanh(np.exp(a["u"])))), {"u": u.value}, {"u": u.gradient})
for given in np.linspace(-2, 2, 5), np.array([[0.5, -1.0, 2.0], [-0.3, 0.0, 1.5]]), np.array(0.7):
    u = Var([], given.copy())
    v = tanh(u)
    backward(v)
    assert_close(f"tanh(u) for u of shape {given.shape}", v.value, np.tanh(given))
    assert_close("u's own value, after tanh(u)", u.value, given)
    assert_close("the gradient of tanh(u), after its rule was called", v.gradient, np.ones(given.shape))
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
# (Harder, 15 minutes.) NumPy adds a bias $b$ of shape (1, 3) to a batch of shape (4, 3) by repeating it. So every row
# of $g$, of shape (4, 3), is a gradient that $b$ receives, and $b$ must get their sum. Write the function that every
# rule of a broadcasting tape ends with: it sums $g$ over the axes along which an array of this shape was repeated.
# There are two kinds: axes of length 1, and axes in front that the array does not have.
#
# <details><summary>Hint</summary>
#
# NumPy lines shapes up from the right, so the axes that $g$ has too many stand in front: sum them away first. What is
# left has as many axes as the array. Where the array has length 1 the axis must stay, with length 1: see `keepdims`.
#
# </details>

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
for shape, axes in ((4, 1), (0, 2)), ((2, 1, 3), 1), ((2, 4, 1), 2), ((1, 3), (0, 1)):  # axes that were repeated
    g = rng.standard_normal((2, 4, 3))
    expected = g.sum(axis=axes).reshape(shape)
    assert_close(f"what an array of shape {shape} receives from g of shape (2, 4, 3)", unbroadcast(g, shape), expected)
for shape, axis in ((1, 3), 0), ((3, 1), 1), ((3,), 0):  # the lengths do not tell which axis is which
    g = rng.standard_normal((3, 3))
    expected = g.sum(axis=axis).reshape(shape)
    assert_close(f"what an array of shape {shape} receives from g of shape (3, 3)", unbroadcast(g, shape), expected)
print("1.3 is right")

# %% [markdown]
# ## Exercise 1.4 A rule worked out by hand
#
# (Hard, 20 minutes.) DRAW's filters are rows of weights that are divided by their sum (Eq. 25). For one row,
#
# $$F_a = \frac{w_a}{Z}, \qquad Z = \sum_b w_b .$$
#
# A loss is computed from $F$, and on the way back $F$ receives $g_a = \frac{d\mathcal{L}}{dF_a}$. What does $w$
# receive? Use $\frac{dF_a}{dw_b} = \frac{[a = b]}{Z} - \frac{w_a}{Z^2}$, where $[a = b]$ is 1 if $a$ is $b$ and 0 if
# not. Bring the sum over $a$ into a form without a loop.
#
# <details><summary>Hint</summary>
#
# $w_b$ receives $\sum_a g_a \frac{dF_a}{dw_b}$. The first part of the derivative leaves one term of the sum, $g_b / Z$.
# The second part gives a number that is the same for all $b$.
#
# </details>

# %%
def normalise_rule(g, w):
    """dL/dw of shape (A,) for F = w / sum(w), from g = dL/dF and w, each of shape (A,)."""
    # BEGIN SOLUTION
    Z = w.sum()
    return (g - np.sum(g * w) / Z) / Z
    # END SOLUTION

# %%
# Check 1.4
for w in rng.uniform(0.5, 2.0, 6), np.array([2.0, -0.5, 1.0, 0.3]):
    g = rng.standard_normal(len(w))
    given = {"g": g.copy(), "w": w.copy()}
    received = normalise_rule(**given)
    assert_derivatives(lambda a, g=g: np.sum(g * a["w"] / a["w"].sum()), {"w": w}, {"w": received})
    assert_close("g itself, after the call", given["g"], g)
    assert_close("w itself, after the call", given["w"], w)
zero = normalise_rule(np.ones(6), rng.uniform(0.5, 2.0, 6))  # the sum of F is 1 whatever w is
assert_close("what w receives if every F_a counts alike", zero, np.zeros(6))
print("1.4 is right")

# %% [markdown]
# ## Exercise 1.5 A narrow valley
#
# (Harder, 15 minutes.) Take $\mathcal{L} = \frac{1}{2} \sum_i k_i w_i^2$ with all $k_i > 0$: a valley, steep where
# $k_i$ is large. An update of gradient descent with rate $r$ turns every $w_i$ into $w_i - r k_i w_i$, so it multiplies
# $w_i$ by $1 - r k_i$. The slowest $w_i$ is the one with the largest $|1 - r k_i|$. Find the rate for which the slowest
# is as fast as possible, and the factor $|1 - r k_i|$ of the slowest at this rate.
#
# <details><summary>Hint</summary>
#
# Only the smallest and the largest $k_i$ matter. Draw $|1 - r k|$ over $r$ for both: where do the two lines cross?
#
# </details>

# %%
def best_rate(k):
    """The best rate and the factor by which an update multiplies the slowest w_i: two numbers, from k of shape (n,)."""
    # BEGIN SOLUTION
    flat, steep = k.min(), k.max()
    return 2 / (flat + steep), (steep - flat) / (steep + flat)
    # END SOLUTION

# %%
# Check 1.5
for k in np.array([1.0, 4.0, 0.5]), np.array([1.0, 50.0]), np.array([3.0]), np.array([0.6, 0.2]):
    given = k.copy()
    rate, factor = best_rate(given)
    assert_close("k itself, after the call", given, k)
    rates = np.linspace(0, 2 / k.max(), 100_001)[1:]
    slowest = abs(1 - rates[:, None] * k).max(axis=1)  # for every rate that does not diverge
    assert_close(f"the factor of the slowest for k = {k}, found by trying", factor, slowest.min(), atol=1e-3)
    assert_close(f"the best rate for k = {k}, found by trying", rate, rates[slowest.argmin()], atol=1e-3)
    print(f"k = {k}: at rate {rate:.3f} an update multiplies the slowest by {factor:.3f}")
print("1.5 is right")
