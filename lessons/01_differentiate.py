# %% [markdown]
# # 01 Differentiate
#
# **How does a program know its derivative?**
#
# ## What you'll do
# Measure a derivative. Write a small class that differentiates whatever is computed with it. Then catch a
# wrong derivative that a well-known checker lets through.
#
# ## What you'll learn
# - how far finite differences can be trusted;
# - how reverse mode finds every derivative in one pass backwards;
# - how to give a function a derivative worked out by hand, and how to check it.
#
# ## What you'll need
# Python, NumPy arrays, the chain rule. About an hour.

# %%
import timeit

import matplotlib.pyplot as plt
import numpy as np
from autograd.extend import defvjp, primitive
from autograd.test_util import check_grads

from draw_np import backend, datasets, equations, plotting
from draw_np.plotting import BLUE, RED
from draw_np.training.gradient_check import TOLERANCE, assert_gradient, gradient_table

plotting.use_style()
rng = np.random.default_rng(1)
digits = datasets.load("mnist", "test").images.astype(np.float64)  # (10000, 28, 28)

# %% [markdown]
# ## 1. Finite differences (10 minutes)
#
# DRAW ends with a canvas: a number $c$ for every pixel (the paper writes $c_T$). The probability that the
# pixel is on is $\sigma(c) = \frac{1}{1 + \exp(-c)}$. If the pixel really is $x$, 0 or 1, the loss in nats
# is (Eq. 9)
#
# $$L^x = -\log D(x \mid c) = -\log\left[\sigma(c)^x (1 - \sigma(c))^{1 - x}\right]
# = \log(1 + \exp(c)) - x c .$$
#
# By calculus, $\frac{dL^x}{dc} = \sigma(c) - x$. Without calculus, take a small step $\varepsilon$ and
# measure:
#
# $$\text{forward: } \frac{L^x(c + \varepsilon) - L^x(c)}{\varepsilon} \qquad
# \text{central: } \frac{L^x(c + \varepsilon) - L^x(c - \varepsilon)}{2 \varepsilon}$$

# %%
def loss(c, x=1.0):
    return np.log(1 + np.exp(c)) - x * c

def forward(f, c, step):
    return (f(c + step) - f(c)) / step

def central(f, c, step):
    return (f(c + step) - f(c - step)) / (2 * step)

exact = equations.sigmoid(1.5) - 1.0
print(f"exact   {exact:.10f}")
print(f"forward {forward(loss, 1.5, 1e-4):.10f}")
print(f"central {central(loss, 1.5, 1e-4):.10f}")
np.testing.assert_allclose(loss(1.5), equations.negative_log_likelihood(np.ones(1), np.array([1.5]))[0])
np.testing.assert_allclose(central(loss, 1.5, 1e-4), exact, rtol=1e-8)

# %%
def error(slope, step, dtype=np.float64):
    return abs(slope(loss, np.array(1.5, dtype), np.array(step, dtype)) - exact)

steps = np.logspace(-14, 0, 141)
plt.figure(figsize=(10, 5))
for slope, dtype in (forward, np.float64), (central, np.float64), (central, np.float32):
    errors = [error(slope, step, dtype) for step in steps]
    plt.loglog(steps, errors, label=f"{slope.__name__}, {dtype.__name__}")
    print(f"{slope.__name__}, {dtype.__name__}: smallest error {min(errors):.0e}")
for slope, factor in (forward, 10), (central, 100):
    np.testing.assert_allclose(error(slope, 0.1) / error(slope, 0.01), factor, rtol=0.05)
plt.loglog(steps, 1e-16 / steps, "--", color="gray", label=r"rounding, $10^{-16} / \varepsilon$")
plt.gca().set(xlabel=r"step $\varepsilon$", ylabel="error of the derivative", ylim=(1e-13, 10))
plt.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# Read the picture from the right. A step 10 times smaller makes the forward error 10 times smaller and the
# central error 100 times: slopes 1 and 2. Then rounding takes over. It spoils $L^x$ by about $10^{-16}$,
# and we divide that by $\varepsilon$. In float32 rounding is far coarser, and the smallest steps do not
# change $c$ at all. So we check in float64, with central differences, and with a step that is not too
# small.
#
# But a million parameters would need two million losses. There is a better way.
#
# ## 2. A tape (20 minutes)
#
# A program is a chain of small operations, and the derivative of each is known. Run the program and record
# every operation on a tape. Then walk the tape backwards. If $v$ was computed from $u$, then $v$ hands its
# gradient on:
#
# $$\frac{dL}{du} \mathrel{+}= \frac{dL}{dv} \, \frac{\partial v}{\partial u} .$$
#
# It is $\mathrel{+}=$ because $u$ may have been used more than once. Whatever was computed from $v$ stands
# later on the tape, so $v$'s own gradient is complete when its turn comes.
#
# A `Var` keeps its value, its gradient, and links to what it was computed from. Each link has a rule that
# turns $\frac{dL}{dv}$, called `g`, into what $u$ receives. Every number is a `Var`, even 1.

# %%
class Var:
    def __init__(self, tape, value, links=()):
        self.tape, self.value, self.links = tape, np.asarray(value, dtype=np.float64), links
        self.gradient = np.zeros_like(self.value)
        tape.append(self)

    def __add__(self, other):
        return Var(self.tape, self.value + other.value, [(self, lambda g: g), (other, lambda g: g)])

    def __sub__(self, other):
        return Var(self.tape, self.value - other.value, [(self, lambda g: g), (other, lambda g: -g)])

    def __mul__(self, other):
        links = [(self, lambda g: g * other.value), (other, lambda g: g * self.value)]
        return Var(self.tape, self.value * other.value, links)

# %%
def exp(u):
    v = np.exp(u.value)
    return Var(u.tape, v, [(u, lambda g: g * v)])

def log(u):
    return Var(u.tape, np.log(u.value), [(u, lambda g: g / u.value)])

def backward(L):
    L.gradient = np.ones_like(L.value)  # dL/dL
    for v in reversed(L.tape):
        for u, rule in v.links:
            received = rule(v.gradient)
            assert received.shape == u.value.shape, "this tape does not broadcast"
            u.gradient = u.gradient + received

# %%
def record(w):
    tape = []
    w, h, b, x, one = (Var(tape, number) for number in (w, 3.0, -0.7, 1.0, 1.0))
    c = w * h + b
    L = log(one + exp(c)) - x * c
    return w, c, L

w, c, L = record(0.5)
backward(L)
measured = central(lambda w: record(w)[2].value, 0.5, 1e-5)
print(f"dL/dw: tape {w.gradient:.10f}, finite differences {measured:.10f}")
np.testing.assert_allclose(w.gradient, measured, rtol=1e-8)
np.testing.assert_allclose(c.gradient, equations.sigmoid(c.value) - 1.0)

# %%
names = ["w", "h", "b", "x", "1", "w h", "c", r"\exp c", r"1 + \exp c", r"\log(\cdot)", "x c", "L^x"]
places = [(0, 4), (0, 2.7), (0, 1.4), (2, 0.3), (2, 3.8), (1, 3.35)]
places += [(2, 2.2), (3, 3), (4, 3.4), (5, 2.8), (4, 1), (6, 2)]
figure, axes = plt.subplots(figsize=(12, 5.5))
for v, name, (column, row) in zip(L.tape, names, places):
    axes.text(column, row + 0.05, f"${name}$", ha="center", va="bottom")
    axes.text(column, row, f"{v.value:.3f}", ha="center", va="top", color=BLUE)
    axes.text(column, row - 0.3, f"{v.gradient:.3f}", ha="center", va="top", color=RED)
    for u, _ in v.links:
        arrow = {"arrowstyle": "->", "shrinkA": 36, "shrinkB": 40}
        axes.annotate("", (column, row), places[L.tape.index(u)], arrowprops=arrow)
axes.set(xlim=(-0.4, 6.4), ylim=(-0.4, 4.6))
axes.set_title("blue, above: the value, left to right\nred, below: the gradient, right to left")
axes.axis("off")
plt.show()

# %% [markdown]
# Look at $c$: two arrows leave it, so it receives two gradients, from $\exp c$ and from $x c$. Their sum is
# $\sigma(c) - x$. The tape was never told what $\sigma$ is.
#
# Now a whole image. DRAW without attention adds to its canvas a linear map $W(h^{dec})$ of the decoder's
# output (Eq. 18). After one step, on a canvas that was 0:
#
# $$c_j = \sum_i h_i W_{ij} + b_j, \qquad L^x = \sum_j \left[\log(1 + \exp(c_j)) - x_j c_j\right] .$$
#
# First as loops, every number a `Var` of its own. Then as arrays. The same class serves both.

# %%
def gradient_by_numbers(h, W, b, x):
    tape = []
    one, L = Var(tape, 1.0), Var(tape, 0.0)
    h, b, x = ([Var(tape, number) for number in array] for array in (h, b, x))
    W = [[Var(tape, number) for number in row] for row in W]
    for j in range(len(b)):
        c = b[j]
        for i in range(len(h)):
            c = c + h[i] * W[i][j]
        L = L + (log(one + exp(c)) - x[j] * c)
    backward(L)
    return [[w.gradient for w in row] for row in W], [number.gradient for number in b]

# %%
def product(A, B):
    links = [(A, lambda g: g @ B.value.T), (B, lambda g: A.value.T @ g)]
    return Var(A.tape, A.value @ B.value, links)

def total(u):
    return Var(u.tape, np.sum(u.value), [(u, lambda g: np.full(u.value.shape, g))])

def gradient_by_arrays(h, W, b, x):
    tape = []
    h, W, b, x, one = (Var(tape, np.atleast_2d(array)) for array in (h, W, b, x, np.ones(len(b))))
    c = product(h, W) + b
    backward(total(log(one + exp(c)) - x * c))
    return W.gradient, b.gradient[0]

# %%
def milliseconds(function):
    return 1e3 * min(timeit.repeat(lambda: function(h, W, b, x), number=1, repeat=3))

x, mean = np.round(digits[0]).ravel(), np.clip(np.mean(digits, axis=0), 0.01, 0.99).ravel()  # each (784,)
h, W, b = rng.standard_normal(10), 0.05 * rng.standard_normal((10, 784)), np.log(mean / (1 - mean))
print(f"loops {milliseconds(gradient_by_numbers):.1f} ms, arrays {milliseconds(gradient_by_arrays):.1f} ms")
dW, db = gradient_by_arrays(h, W, b, x)
np.testing.assert_allclose(np.vstack(gradient_by_numbers(h, W, b, x)), np.vstack([dW, db]), atol=1e-12)
pictures = {"$x$": x, r"$\sigma(c)$": equations.sigmoid(h @ W + b), "$-dL^x / dc$": -db}
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2))
for panel, title in zip(axes, pictures):
    shown = panel.imshow(pictures[title].reshape(28, 28), cmap="PuOr", vmin=-1, vmax=1)
    panel.set(title=title, xticks=[], yticks=[])
figure.colorbar(shown, ax=axes)
plt.show()

# %% [markdown]
# The third picture says which pixels to raise (positive) and which to lower (negative). It is the paper's
# error image, $\hat{x} = x - \sigma(c)$ (Eq. 3), as the next cell asserts. So at every step DRAW is shown,
# beside the image, minus the gradient of $L^x$ at the canvas so far.
#
# ## 3. autograd (10 minutes)
#
# The library `autograd` does the same with a rule for most of NumPy. `backend.np` is NumPy as autograd
# records it. `backend.value_and_grad` takes a function and its argument, an array or a dict of arrays, and
# returns the value and the gradient, an array or a dict alike. Of several values it differentiates the sum.
#
# A rule is called a vector-Jacobian product: from the vector $g = \frac{dL}{dv}$ it makes
# $g \, \frac{\partial v}{\partial u}$. You can give a function a rule worked out by hand. One that
# gains by it is $v = \log(1 + \exp(u))$: at $u = 1000$ the exponential overflows. NumPy's `logaddexp(0, u)`
# does not, and the derivative is just $\sigma(u)$.

# %%
def loss_of(params):
    c = backend.np.dot(h, params["W"]) + params["b"]
    return backend.np.sum(backend.np.log(1 + backend.np.exp(c)) - x * c)

def library_loss(params):
    c = equations.linear(params, h[None])
    return equations.negative_log_likelihood(x[None], c)[0]

np.testing.assert_allclose(-db, equations.error_image(x, h @ W + b), atol=1e-12)
value, gradient = backend.value_and_grad(loss_of, {"W": W, "b": b})
library_value, library_gradient = backend.value_and_grad(library_loss, {"W": W, "b": b})
print(f"loss {value:.4f} nats, by the library {library_value:.4f} nats")
for mine, name in (dW, "W"), (db, "b"):
    np.testing.assert_allclose(gradient[name], mine, atol=1e-12)
    np.testing.assert_allclose(library_gradient[name], mine, atol=1e-12)

# %%
@primitive
def softplus(u):
    return np.logaddexp(0.0, u)  # plain NumPy: autograd does not look inside

defvjp(softplus, lambda v, u: lambda g: g * equations.sigmoid(u))

def naive(u):
    return backend.np.log(1 + backend.np.exp(u))

with np.errstate(all="ignore"):
    print("naive:    values {}, gradients {}".format(*backend.value_and_grad(naive, np.array([1.0, 1000.0]))))
print("softplus: values {}, gradients {}".format(*backend.value_and_grad(softplus, np.array([1.0, 1000.0]))))
_, gradient = backend.value_and_grad(lambda b: backend.np.sum(softplus(h @ W + b) - x * (h @ W + b)), b)
np.testing.assert_allclose(gradient, db, atol=1e-12)

# %% [markdown]
# ## 4. How to check a rule (15 minutes)
#
# A rule worked out by hand may be wrong, and nothing crashes. So compare it with central differences: move
# all parameters a little along a direction, and see whether the loss changes as the gradient says.
#
# Here are two wrong gradients of our first expression, in $w$ and $b$. One forgets to multiply by $h$ ("no
# h"), one gives $w$'s derivative to $b$ and $b$'s to $w$ ("swapped"). We check each along every direction.

# %%
h1, w1, b1 = 3.0, 0.5, -0.7  # and x = 1
angles = np.linspace(0, np.pi, 1801)
along_w, along_b = np.cos(angles), np.sin(angles)
measured = central(lambda step: loss((w1 + step * along_w) * h1 + b1 + step * along_b), 0.0, 1e-4)
g = equations.sigmoid(w1 * h1 + b1) - 1.0  # dL/dc
plt.figure(figsize=(11, 5))
for name, dw, db1, blind in ("right", g * h1, g, 0), ("no $h$", g, g, 900), ("swapped", g, g * h1, 450):
    claimed = dw * along_w + db1 * along_b
    seen = abs(claimed - measured) / np.maximum(abs(claimed), abs(measured))
    plt.semilogy(np.degrees(angles), seen, label=name)
    assert seen[blind] < TOLERANCE and (name == "right") == (max(seen) < TOLERANCE)
plt.xticks([0, 45, 90, 135, 180], ["only $w$", "both alike", "only $b$", "$w$ against $b$", "only $w$"])
plt.gca().set(xlabel="direction in which the parameters move", ylabel="relative error seen")
plt.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# Every wrong gradient has blind directions, perpendicular to its error: there it looks as right as the
# right one. So one direction chosen beforehand is not enough. `draw_np.training.gradient_check` moves along
# the gradient itself and along random directions. It moves one argument at a time, or a large gradient
# would drown a small one.
#
# And it looks at the relative error. autograd's own `check_grads` is content with an absolute error below
# $10^{-6}$. That hides mistakes where gradients are small, and where they are zero: twice zero is zero. Our
# checker refuses a gradient that is zero throughout. Here is a rule that is wrong by a factor of 2.
# (`None` means: no complaint.)

# %%
np.random.seed(1)  # check_grads draws from the global generator
wrong_softplus = primitive(lambda u: np.logaddexp(0.0, u))
defvjp(wrong_softplus, lambda v, u: lambda g: 2 * g * equations.sigmoid(u))

def theirs(f, u):
    check_grads(f, modes=["rev"], order=1)(u)

def ours(f, u):
    assert_gradient(lambda arguments: f(arguments["u"]), {"u": u}, rng)

def complaint(check, f, u):
    try:
        check(f, u)
    except (AssertionError, ValueError) as error:
        return str(error)

# %%
def share_caught(check, scale):
    inputs = rng.standard_normal((100, 5))
    return np.mean([complaint(check, lambda u: scale * wrong_softplus(u), u) is not None for u in inputs])

print("ours, tiny scale:   ", complaint(ours, lambda u: 1e-9 * wrong_softplus(u), np.ones(5)))
print("ours, zero weight:  ", complaint(ours, lambda u: wrong_softplus(0.0 * u), np.ones(5)))
print("theirs, zero weight:", complaint(theirs, lambda u: wrong_softplus(0.0 * u), np.ones(5)))
scales = np.logspace(-9, 0, 10)
plt.figure(figsize=(10, 4.5))
for check, style in (ours, "o-"), (theirs, "s--"):
    plt.semilogx(scales, [share_caught(check, scale) for scale in scales], style, label=check.__name__)
plt.gca().set(xlabel="scale of the loss", ylabel="share of 100 trials\nthat catch the wrong rule")
plt.legend()
plt.show()
assert share_caught(theirs, 1e-9) == 0 and share_caught(ours, 1e-9) == 1

# %% [markdown]
# ## 5. The whole library (5 minutes)
#
# The equations one by one, then the loss of whole models, against finite differences. The command
# `python -m draw_np gradcheck` prints this too. "Worst" is the largest relative error of all arguments and
# directions.

# %%
rows = list(gradient_table({"equations": equations}, np.random.default_rng(0)))
print(f"{'function':32}{'arguments':>9}  {'worst':>7}  of")
for row in rows:
    print(f"{row.function:32}{row.arguments:9}  {row.worst.relative_error:7.0e}  {row.worst.argument}")
assert all(row.passed for row in rows)
figure, axes = plt.subplots(figsize=(11, 8))
axes.semilogx([row.worst.relative_error for row in rows], [row.function for row in rows], "o", markersize=9)
axes.axvline(TOLERANCE, color=RED)
axes.annotate("allowed", (TOLERANCE, 0), color=RED, ha="right", xytext=(-6, 0), textcoords="offset points")
axes.set(xlabel="worst relative error")
axes.invert_yaxis()
plt.show()

# %% [markdown]
# ## On your own
#
# [`exercises/01_differentiate.ipynb`](exercises/01_differentiate.ipynb) has a place for each answer and a cell
# that checks it.
#
# 1. **A finer difference** (easy). Take a central difference with step $\varepsilon$ and one with
#    $2 \varepsilon$, and combine them so that their errors cancel. What remains falls with slope 4: a step 10
#    times smaller, an error 10,000 times smaller. Our checker uses this.
# 2. **A new operation for the tape** (easy). Give the tape $\tanh$.
# 3. **A tape that broadcasts** (harder). Let a bias of shape (1, 784) be added to a batch. What it receives
#    must be summed over the axis along which it was repeated.
# 4. **A rule worked out by hand** (hard). Weights divided by their sum: what do the weights receive? DRAW's
#    filters are made so.
#
# ## Further reading
#
# - K. Gregor and others, [DRAW: A Recurrent Neural Network For Image
#   Generation](https://arxiv.org/abs/1502.04623), 2015: the paper.
# - A. G. Baydin and others, [Automatic differentiation in machine learning: a
#   survey](https://arxiv.org/abs/1502.05767), 2018: the field, with its history.
# - A. Karpathy, [micrograd](https://github.com/karpathy/micrograd): a class of numbers like our `Var`, that
#   trains a small network.
# - [autograd](https://github.com/HIPS/autograd): `autograd/tracer.py` and `autograd/core.py` are the recorder
#   that draw_np uses.
