# %% [markdown]
# # 01 Differentiate
#
# **How does a program know its derivative, and how does it learn from it?**
#
# ## What you'll do
# Measure a derivative. Write a small class that differentiates whatever is computed with it. Catch a wrong
# derivative that a well-known checker misses. Then let a network learn: it sees the upper half of a digit and
# says what the lower half may look like.
#
# ## What you'll learn
# - how far finite differences can be trusted;
# - how reverse mode finds every derivative in one pass backwards;
# - how to give a function a derivative worked out by hand, and how to check it;
# - how a gradient becomes learning: rate, layer, batch, momentum, Adam.
#
# ## What you'll need
# Python, NumPy arrays, the chain rule. About an hour and a half.
#
# Each part has a question, **Predict first**. Write down your answer before you run the cells below it. Ours comes
# after them.

# %%
import timeit

import matplotlib.pyplot as plt
import numpy as np
from autograd.extend import defvjp, primitive
from autograd.test_util import check_grads

from draw_np import backend, datasets, equations, plotting
from draw_np.plotting import BLUE, RED
from draw_np.training.adam import adam_init, adam_update
from draw_np.training.gradient_check import TOLERANCE, assert_gradient, gradient_table

plotting.use_style()
rng = np.random.default_rng(1)
digits, test = (datasets.load("mnist", split).images[:10_000].astype(np.float64) for split in ("train", "test"))

# %% [markdown]
# ## 1. Finite differences (10 minutes)
#
# DRAW is the network that this course builds: it draws digits, step by step. (Its paper is the first under Further
# reading, and by Eq. 9 we mean the ninth equation there.) It ends with a **canvas**: a number $c$ for every pixel (the
# paper writes $c_T$). The probability that the pixel is on, that there is ink, is
# $\sigma(c) = \frac{1}{1 + \exp(-c)}$, the **logistic function**. A number that becomes a probability by $\sigma$ is
# called a **logit**: 0 means one half, 5 nearly 1, and -5 nearly 0.
#
# If the pixel really is $x$, 0 or 1, we say how bad the answer was by one number, the **loss**. Ours is minus the
# logarithm of the probability that was given to the truth (Eq. 9). Its unit is the **nat**: to be told something that
# had probability $p$ is a surprise of $-\log p$ nats, 0 for what was certain and 0.69 for a tossed coin.
#
# $$\mathcal{L}^x = -\log D(x \mid c) = -\log\left[\sigma(c)^x (1 - \sigma(c))^{1 - x}\right]
# = \log(1 + \exp(c)) - x c .$$
#
# By calculus, $\frac{d\mathcal{L}^x}{dc} = \sigma(c) - x$. Without calculus, take a small step $\varepsilon$ and
# measure a **finite difference**:
#
# $$\text{forward: } \frac{\mathcal{L}^x(c + \varepsilon) - \mathcal{L}^x(c)}{\varepsilon} \qquad
# \text{central: } \frac{\mathcal{L}^x(c + \varepsilon) - \mathcal{L}^x(c - \varepsilon)}{2 \varepsilon}$$
#
# **Predict first.** The picture shows the error of the measured derivative for steps from $10^{-14}$ to 1. Is the
# smallest step the best one?

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
# **Answer.** No. Read the picture from the right. A step 10 times smaller makes the forward error 10 times smaller
# and the central error 100 times: slopes 1 and 2. Then rounding takes over. It changes $\mathcal{L}^x$ by about
# $10^{-16}$, and we divide that by $\varepsilon$. In float32 rounding is far coarser, and the smallest steps do not
# change $c$ at all. So we check in float64, with central differences, and with a step that is not too small.
#
# But a network has perhaps a million **parameters**, numbers that can be changed to make the loss smaller. To measure
# all derivatives it would have to compute two million losses. There is a better way.
#
# ## 2. A tape (20 minutes)
#
# A program is a chain of small operations, and the derivative of each is known. Run the program and record
# every operation on a **tape**. Then walk the tape backwards. Every number on it has a **gradient**, the derivative of
# the loss with respect to that number. If $v$ was computed from $u$, then $v$ hands its gradient on:
#
# $$\frac{d\mathcal{L}}{du} \mathrel{+}= \frac{d\mathcal{L}}{dv} \, \frac{\partial v}{\partial u} .$$
#
# It is $\mathrel{+}=$ because $u$ may have been used more than once. Whatever was computed from $v$ stands
# later on the tape, so $v$'s own gradient is complete when its turn comes. This is **reverse mode**, or
# **backpropagation**.
#
# A `Var` keeps its value, its gradient, and links to what it was computed from. Each link has a rule that
# turns $\frac{d\mathcal{L}}{dv}$, called `g`, into what $u$ receives. Every number is a `Var`, even 1.
#
# **Predict first.** The picture will show the expression $\log(1 + \exp(c)) - x c$ with $c = w h + b$ as a graph.
# Which of its numbers receives a gradient from two sides?

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
names = ["w", "h", "b", "x", "1", "w h", "c", r"\exp c", r"1 + \exp c", r"\log(\cdot)", "x c", r"\mathcal{L}^x"]
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
# **Answer.** $c$: two arrows leave it, so it receives two gradients, from $\exp c$ and from $x c$. Their sum is
# $\sigma(c) - x$. The tape was never told what $\sigma$ is.
#
# Now a whole image. In its simplest form DRAW does without **attention**, the small window of lessons 05 and 06. Then
# it adds to its canvas a **linear map** $W(h^{dec})$, a matrix product plus a **bias** $b$, of numbers $h^{dec}$ that
# its **decoder**, the part that draws, puts out (Eq. 18). After one step, on a canvas that was 0:
#
# $$c_j = \sum_i h_i W_{ij} + b_j, \qquad
# \mathcal{L}^x = \sum_j \left[\log(1 + \exp(c_j)) - x_j c_j\right] .$$
#
# First as loops, every number a `Var` of its own. Then as arrays. The same class serves both.
#
# **Predict first.** The third picture below is $-\frac{d\mathcal{L}^x}{dc}$, one number for each pixel, for an image
# $x$ and a canvas that is nearly the mean of all digits. What will it look like?

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
pictures = {"$x$": x, r"$\sigma(c)$": equations.sigmoid(h @ W + b), r"$-d\mathcal{L}^x / dc$": -db}
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2))
for panel, title in zip(axes, pictures):
    shown = panel.imshow(pictures[title].reshape(28, 28), cmap="PuOr", vmin=-1, vmax=1)
    panel.set(title=title, xticks=[], yticks=[])
figure.colorbar(shown, ax=axes)
plt.show()

# %% [markdown]
# **Answer.** Like the image minus the mean digit. It says which pixels to raise (positive, purple) and which to lower
# (negative, orange). It is the paper's **error image**, $\hat{x} = x - \sigma(c)$ (Eq. 3), as the next cell asserts. So
# at every step DRAW is shown, beside the image, minus the gradient of $\mathcal{L}^x$ at the canvas so far.
#
# The cell also printed why everything from here on is written with arrays.
#
# ## 3. autograd (10 minutes)
#
# The library `autograd` does the same with a rule for most of NumPy. `backend.np` is NumPy as autograd
# records it. `backend.value_and_grad` takes a function and its argument, an array or a dict of arrays, and
# returns the value and the gradient, an array or a dict like it. If the function returns several values, it
# differentiates their sum.
#
# A rule is called a vector-Jacobian product: from the vector $g = \frac{d\mathcal{L}}{dv}$ it makes
# $g \, \frac{\partial v}{\partial u}$. You can give a function a rule that you worked out by hand. One function that
# gains by it is $v = \log(1 + \exp(u))$, named **softplus**. NumPy's `logaddexp(0, u)` computes it without the
# exponential of $u$, and the derivative is just $\sigma(u)$.
#
# **Predict first.** The second cell computes softplus at $u = 1$ and $u = 1000$, in both ways. The true value at
# 1000 is 1000, the true slope 1. What does $\log(1 + \exp(1000))$ give on a computer, and what its derivative?

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
# **Answer.** `inf` and `nan`: $\exp(1000)$ is too large for a computer, and the rules of $\exp$ and $\log$ then make
# infinity divided by infinity, "not a number". With the rule by hand both are right.
#
# ## 4. How to check a rule (15 minutes)
#
# A rule worked out by hand may be wrong, and nothing crashes. So compare it with central differences: move
# all parameters a little along a direction, and see whether the loss changes as the gradient says.
#
# Here are two wrong gradients of our first expression, in $w$ and $b$. One forgets to multiply by $h$ ("no
# h"), one gives $w$'s derivative to $b$ and $b$'s to $w$ ("swapped"). We check each along every direction.
#
# **Predict first.** Is there a direction in which a wrong gradient looks right?

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
# **Answer.** Yes, each has one: the direction perpendicular to its error. So one direction chosen beforehand is not
# enough. `draw_np.training.gradient_check` moves along the gradient itself and along random directions. It moves one
# argument at a time; otherwise a large gradient would drown a small one.
#
# And it looks at the relative error. autograd's own `check_grads` is content with an absolute error below
# $10^{-6}$. That hides mistakes where gradients are small, and where they are zero: twice zero is zero. Our
# checker refuses a gradient that is zero throughout. Here is a rule that is wrong by a factor of 2.
# (`None` means: no complaint.)
#
# **Predict first.** A loss is multiplied by a scale from $10^{-9}$ to 1. From which scale on does each checker catch
# the wrong rule?

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
# **Answer.** Ours at every scale; theirs always from $10^{-4}$ on, where the gradients are larger than what it allows.
#
# ## 5. The whole library (5 minutes)
#
# The equations one by one, then the loss of whole models, against finite differences. The command
# `python -m draw_np gradcheck` prints this too. "Worst" is the largest relative error of all arguments and
# directions, and "slope" the derivative in which it was found.
#
# **Predict first.** A model is a hundred or more equations in a row. Are its derivatives less exact than those of one
# equation?

# %%
rows = list(gradient_table({"equations": equations}, np.random.default_rng(0)))
print(f"{'function':32}{'arguments':>9}  {'worst':>5}  {'slope':>8}  of")
for name, arguments, worst in [row[1:] for row in rows]:
    print(f"{name:32}{arguments:9}  {worst.relative_error:.0e}  {worst.numerical:8.4f}  {worst.argument}")
assert all(row.passed for row in rows)
figure, axes = plt.subplots(figsize=(11, 8))
axes.semilogx([row.worst.relative_error for row in rows], [row.function for row in rows], "o", markersize=9)
axes.axvline(TOLERANCE, color=RED)
axes.annotate("allowed", (TOLERANCE, 0), color=RED, ha="right", xytext=(-6, 0), textcoords="offset points")
axes.set(xlabel="worst relative error")
axes.invert_yaxis()
plt.show()

# %% [markdown]
# **Answer.** As a part of the slope the worst error of a model is larger, by two or three digits. But it is the slope
# that is small: below 0.01 in every model, above it in every equation. Rounding changes the loss as much as before, and
# that is a larger part of a smaller number. All of them are still far more exact than what is allowed.
#
# ## 6. Downhill (20 minutes)
#
# The gradient says in which direction the loss grows fastest. So take a small step the other way:
#
# $$w \leftarrow w - \text{rate} \cdot \frac{d\mathcal{L}}{dw} ,$$
#
# for all parameters $w$ at once, here those in $W$ and $b$. This is **gradient descent**. Each such step is an
# **update**, and its factor is the **learning rate**. To repeat it is to **train**: that is all that learning is in
# this course.
#
# The cell trains the network of part 3 on its one image, with three rates, and shows $\sigma(c)$ after some
# updates with the middle one. Here the strip is grey: black is 0, white is 1.
#
# **Predict first.** Which rate makes the loss fall fastest? Does it reach 0?

# %%
def descend(rate, updates=100):
    params, losses, pictures = {"W": W, "b": b}, [], []
    for _ in range(updates):
        value, gradient = backend.value_and_grad(loss_of, params)
        losses, pictures = [*losses, value], [*pictures, equations.sigmoid(h @ params["W"] + params["b"])]
        params = {name: params[name] - rate * gradient[name] for name in params}
    return losses, pictures
_, axes = plt.subplots(1, 6, figsize=(16, 3.6), width_ratios=[4, 2, 2, 2, 2, 2])
for rate in 0.003, 0.03, 0.3:
    axes[0].semilogy(descend(rate)[0], label=f"rate {rate}")
    print(f"rate {rate}: {descend(rate)[0][-1]:.3f} nats after 99 updates")
axes[0].legend(fontsize=12).axes.set(xlabel="update", ylabel="loss, nats", ylim=(1, 300))
for panel, update in zip(axes[1:], [0, 3, 10, 30, 99]):
    plotting.show_image(panel, descend(0.03)[1][update].reshape(28, 28), f"update {update}")
plt.show()

# %% [markdown]
# **Answer.** The largest, and the loss goes down and down but never reaches 0, for no $c$ makes $\sigma(c)$ exactly 0
# or 1. The network has learned this image by heart. It would draw the same whatever we asked for.
#
# A network should make something of what it is given. Ours now sees the upper half of a digit, 392 pixels $x$, and says
# for every pixel of the lower half how probable ink is. It has two **layers**:
#
# $$a = x W_1 + b_1, \qquad h = \tanh(a), \qquad c = h W_2 + b_2 .$$
#
# The first layer is a linear map, whose results $a$ are the **pre-activations**, and a bend, tanh. The 100 numbers $h$
# are **hidden units**: nobody says what they should be. The second layer makes logits of them. The bend matters: two
# linear maps in a row are only another linear map. The numbers in the matrices $W$ are called **weights**, those in $b$
# are the biases.
#
# Now the loss is the mean over 10,000 images. To compute its gradient takes long, and the gradient of 100 images drawn
# at random points roughly the same way, for a hundredth of the work. So every update takes 100 new ones, a **batch**.
# When as many images have been taken as there are, here after 100 updates, one **epoch** is over.
#
# **Predict first.** The picture shows the loss over three epochs, for rates of 0.03, 0.3 and 0.6. Is the largest rate
# the fastest again?

# %%
def halves(images):
    pixels = np.round(images).reshape(-1, 784)
    return pixels[:, :392], pixels[:, 392:]  # upper and lower: each (batch, 392)

def guess(params, x):  # x (batch, 392); logits of the same shape
    hidden = backend.np.tanh(x @ params["W1"] + params["b1"])  # (batch, 100)
    return hidden @ params["W2"] + params["b2"]

def mean_loss(params, x, below):
    c = guess(params, x)
    return backend.np.sum(backend.np.logaddexp(0, c) - below * c) / len(x)

# %%
def plain(params, gradient, state, rate):
    return {name: params[name] - rate * gradient[name] for name in params}, state

def train(update, state, rate, updates=300):
    draw, params, losses = np.random.default_rng(0), new, []
    for _ in range(updates):
        x, below = halves(digits[draw.integers(len(digits), size=100)])
        value, gradient = backend.value_and_grad(lambda p, x=x, below=below: mean_loss(p, x, below), params)
        params, state = update(params, gradient, state, rate)
        losses.append(value)
    return params, losses

mean = np.clip(np.mean(halves(digits)[1], axis=0), 0.01, 0.99)
new = {"W1": rng.standard_normal((392, 100)) / np.sqrt(392), "b1": np.zeros(100),
       "W2": 0.1 * rng.standard_normal((100, 392)) / np.sqrt(100), "b2": np.log(mean / (1 - mean))}

# %%
def smooth(losses):
    return np.convolve(losses, np.ones(10) / 10, "valid")

plt.figure(figsize=(10, 4.5)).add_subplot(xlabel="update", ylabel="loss, nats\n(mean of 10 updates)", yscale="log")
plt.yticks([75, 100, 200, 400, 800], [75, 100, 200, 400, 800])
plt.minorticks_off()
for rate in 0.03, 0.3, 0.6:
    _, losses = train(plain, None, rate)
    plt.plot(range(10, 301), smooth(losses), label=f"rate {rate}")
    print(f"rate {rate}: {np.mean(losses[-30:]):.0f} nats in the last 30 updates, {max(losses):.0f} at worst")
    assert (np.mean(losses[-30:]) < losses[0]) == (rate < 0.5)
plt.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **Answer.** No. The smallest is slow, the middle one learns, and the largest leaps over the valley: the loss grows
# nearly tenfold, it **diverges**, and after three epochs it is still higher than it was at the beginning. Here many
# pixels and images share the same parameters, and a step that is right for one may be too long for another. Finding a
# rate is part of the work.
#
# ## 7. Momentum and Adam (10 minutes)
#
# A loss is often like a narrow valley, steep across and flat along. A rate that is small enough for the steep direction
# is too small for the flat one. Two remedies are older than DRAW, which was trained with the second.
#
# **Momentum** adds up gradients $g$, forgetting slowly, and goes along their sum:
#
# $$v \leftarrow 0.9 \, v + g, \qquad w \leftarrow w - \text{rate} \cdot v .$$
#
# Across the valley the gradients change sign and cancel. Along it they add up, to ten times one of them in the long
# run.
#
# **Adam** keeps two running means for every parameter, of its gradient and of the gradient's square:
#
# $$m \leftarrow 0.9 \, m + 0.1 \, g, \quad v \leftarrow 0.999 \, v + 0.001 \, g^2, \quad
# w \leftarrow w - \text{rate} \cdot \frac{m / (1 - 0.9^n)}{\sqrt{v / (1 - 0.999^n)} + 10^{-8}} .$$
#
# The means begin at 0, so after $n$ updates they are still too small, by the factors in brackets. Adam divides by them.
# A mean divided by a typical size: this makes every parameter move by about the rate or less, however large or small
# its gradients are.
#
# **Predict first.** A valley is 30 times as steep across as along. Each method starts at the left, on its upper
# wall. Which one zigzags? Which one takes no notice of how steep the walls are?

# %%
def momentum(params, gradient, v, rate):
    v = {name: 0.9 * v[name] + gradient[name] for name in params}
    return {name: params[name] - rate * v[name] for name in params}, v

def adam(params, gradient, state, rate):
    n, m, v = state
    n, new_params = n + 1, {}
    m = {name: 0.9 * m[name] + 0.1 * gradient[name] for name in params}
    v = {name: 0.999 * v[name] + 0.001 * gradient[name] ** 2 for name in params}
    for name in params:
        size = np.sqrt(v[name] / (1 - 0.999**n)) + 1e-8
        new_params[name] = params[name] - rate * m[name] / (1 - 0.9**n) / size
    return new_params, (n, m, v)

# %%
figure, axes = plt.subplots(1, 3, figsize=(16, 3.6), sharey=True)
steep, grid = np.array([1.0, 30.0]), np.meshgrid(np.linspace(-11, 3, 90), np.linspace(-2.5, 2.5, 90))
ways = (plain, None, 0.06), (momentum, {"w": 0.0}, 0.01), (adam, (0, {"w": 0.0}, {"w": 0.0}), 0.5)
for panel, (update, state, rate) in zip(axes, ways):
    way, theirs = [{"w": np.array([-10.0, 2.0])}], adam_init({"w": np.zeros(2)})
    for _ in range(40):
        gradient = {"w": steep * way[-1]["w"]}  # of the loss: the sum of steep * w^2 / 2
        params, state = update(way[-1], gradient, state, rate)
        library, theirs = adam_update(way[-1], gradient, theirs, rate)
        way.append(params)
        assert update is not adam or np.allclose(params["w"], library["w"])
    panel.contour(*grid, grid[0] ** 2 + 30 * grid[1] ** 2, [1, 4, 10, 25, 60, 120, 200], colors="0.8")
    panel.plot(*np.transpose([point["w"] for point in way]), "o-", markersize=4, linewidth=1)
    panel.plot(0, 0, "*", markersize=16, color=RED)
    panel.set(title=f"{update.__name__}, rate {rate}", xlabel="$w_1$, flat", ylabel="$w_2$, steep")

# %%
zeros = {name: 0 * array for name, array in new.items()}
x, below = halves(test[:1000])
figure, axes = plt.subplots(1, 2, figsize=(16, 4.6), width_ratios=[2, 3])
for update, state, rate in (plain, None, 0.3), (momentum, zeros, 0.03), (adam, (0, zeros, zeros), 0.01):
    params, losses = train(update, state, rate)
    axes[0].plot(range(10, 301), smooth(losses), label=f"{update.__name__}, rate {rate}")
    print(f"{update.__name__}: {mean_loss(params, x, below):.1f} nats on 1000 digits that it was never shown")
alone = np.mean(equations.negative_log_likelihood(below, np.broadcast_to(new["b2"], below.shape)))
print(f"every pixel by itself: {alone:.1f} nats")
assert mean_loss(params, x, below) < alone - 25
axes[0].legend(fontsize=12).axes.set(xlabel="update", ylabel="loss, nats\n(mean of 10 updates)")
pictures = [np.hstack([x, part])[:9] for part in (below, equations.sigmoid(guess(params, x)))]
wall = plotting.grid(np.concatenate(pictures).reshape(-1, 28, 28), 9)
plotting.show_image(axes[1], wall, "top: digits; bottom: their lower halves guessed (Adam)")
plt.show()

# %% [markdown]
# **Answer.** Plain gradient descent zigzags, and is slow along the valley. Momentum swings, and gets on faster. Adam
# goes diagonally at first: it moves both parameters by the same amount, whatever the slopes.
#
# On the digits momentum and Adam need fewer updates. All three have learned something about digits that they never saw:
# to guess every pixel by itself, from how often it is on, costs 106.2 nats, and theirs cost 73 to 79. But look at the
# guessed halves: they are blurred where the digit could go on in more than one way. For each pixel the
# network says how probable ink is, and so it draws the mean of all lower halves that could follow. How to draw *one* of
# them is the question of lesson 02.
#
# **Take away.** A program that is made of operations with known derivatives can be differentiated by walking its record
# backwards, once, however many parameters there are. A derivative that was not checked, in more than one direction, is
# wrong until shown otherwise. Learning is to go downhill,
# $w \leftarrow w - \text{rate} \cdot \frac{d\mathcal{L}}{dw}$, on one batch after another, and Adam is the same with a
# step for each parameter.
#
# ## On your own
#
# [`exercises/01_differentiate.ipynb`](exercises/01_differentiate.ipynb) has a place for each answer and a cell
# that checks it.
#
# 1. **A finer difference** (easy, 5 minutes). Take a central difference with step $\varepsilon$ and one with
#    $2 \varepsilon$, and combine them so that their errors cancel. What remains falls with slope 4: a step 10
#    times smaller, an error 10,000 times smaller. Our checker uses this.
# 2. **A new operation for the tape** (easy, 5 minutes). Give the tape $\tanh$.
# 3. **A tape that broadcasts** (harder, 15 minutes). Let a bias of shape (1, 784) be added to a batch. What it
#    receives must be summed over the axis along which it was repeated.
# 4. **A rule worked out by hand** (hard, 20 minutes). Weights divided by their sum: what do the weights receive?
#    DRAW's filters are made this way.
# 5. **A narrow valley** (harder, 15 minutes). Which rate is best for plain gradient descent in a valley, and how slow
#    is it even then?
#
# ## Further reading
#
# - K. Gregor and others, [DRAW: A Recurrent Neural Network For Image
#   Generation](https://arxiv.org/abs/1502.04623), 2015: the paper.
# - A. G. Baydin and others, [Automatic differentiation in machine learning: a
#   survey](https://arxiv.org/abs/1502.05767), 2018: the field, with its history.
# - A. Karpathy, [micrograd](https://github.com/karpathy/micrograd): a class of numbers like our `Var`, that
#   trains a small network.
# - D. P. Kingma and J. Ba, [Adam](https://arxiv.org/abs/1412.6980), 2014. `draw_np/training/adam.py` has it too.
# - [autograd](https://github.com/HIPS/autograd): `autograd/tracer.py` and `autograd/core.py` are the recorder
#   that draw_np uses.
