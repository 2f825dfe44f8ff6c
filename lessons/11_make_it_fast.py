# %% [markdown]
# # 11 Make it fast
#
# **How fast could DRAW train, and what stands in the way?**
#
# ## What you'll do
# Count the work that cannot be avoided. Work out the derivative of an LSTM by hand, check it, and make it an
# operation that autograd uses. Then find out where the rest of the time goes, and where the memory goes.
#
# ## What you'll learn
# - to measure before changing anything, and to know when to stop: the floor;
# - how a hand-made derivative is derived, checked and plugged in: a kernel;
# - why the order of numbers in memory matters, and their precision;
# - what a compiler does first: write the operations down once, and carry out the list;
# - to pay for memory with time.
#
# ## What you'll need
# The chain rule on a tape (lesson 01), the LSTM (lesson 03), the loop of Eq. 3-8 (lesson 04), and to count its
# products, reading and writing (lesson 06). About two hours.

# %%
import cProfile
import json
import os
import time
import timeit
import tracemalloc
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from threadpoolctl import threadpool_limits

from draw_np import backend, benchmark, datasets, equations, kernels, plotting
from draw_np.models import draw
from draw_np.training.gradient_check import TOLERANCE, check_gradient

# %% [markdown]
# ## 1. Measure first (10 minutes)
#
# One training step is one loss and its gradient. draw_np has two sets of operations for it. `equations` is the
# paper in plain NumPy, and autograd finds the derivatives. `kernels` has the same functions with derivatives
# worked out by hand. They give the same numbers.
#
# A measured time has a floor and no ceiling: the machine may always be busy with something else. So repeat,
# and keep the smallest. We count processor time, which leaves out what other programs used, and hold NumPy's matrix
# products to one **thread**, one stream of work on one core. Every time in this lesson, except in the last picture, is
# of the machine that ran it.
#
# **Predict first.** Which is faster, and by how much?

# %%
plotting.use_style()
one_thread, rng = threadpool_limits(1), np.random.default_rng(11)
config, batch = draw.Config(steps=8), 128  # Table 3's MNIST model, with few steps
params, noise = draw.init_params(config, rng), draw.sample_noise(config, batch, rng)
images = datasets.binarize(datasets.load("mnist", "test").images[:batch], rng)
clock = time.perf_counter if os.name == "nt" else time.process_time  # Windows counts in steps of 16 ms
def milliseconds(function, *arguments):
    return 1e3 * min(timeit.repeat(lambda: function(*arguments), timer=clock, number=1, repeat=6))

def training_step(ops):
    return backend.value_and_grad(lambda p: draw.loss(p, config, images, noise, ops), params)

np.testing.assert_allclose(training_step(equations)[0], training_step(kernels)[0], rtol=1e-3)
step_ms = {"equations": milliseconds(training_step, equations), "kernels": milliseconds(training_step, kernels)}
print(", ".join(f"{name}: {value:.1f} ms" for name, value in step_ms.items()))

# %% [markdown]
# **Answer.** The kernels, which usually need a third to a half less time; the cell prints it for your machine. The rest
# of the lesson says why, and why not more.
#
# ## 2. The floor (15 minutes)
#
# How fast could it be? Most of the arithmetic is matrix products, and for those NumPy calls a library, **BLAS**,
# in which there are decades of work. (It calls such a product GEMM, general matrix multiplication.) So the time of
# the products alone is a **floor**: no program that makes these products with BLAS, one by one, is faster.
#
# Count them. A product of an $m \times k$ and a $k \times n$ matrix takes $m n k$ multiplications and as many
# additions. On the way back, $C = A B$ becomes two more of the same size:
#
# $$\frac{d\mathcal{L}}{dA} = \frac{d\mathcal{L}}{dC} B^T, \qquad
# \frac{d\mathcal{L}}{dB} = A^T \frac{d\mathcal{L}}{dC} .$$
#
# So a training step takes $2 \cdot 3 \cdot m n k$ operations for each product in it. Which ones are there? Two
# LSTMs, the maps to $\mu$ and $\log \sigma$, to two windows and to the patch, all with the whole batch as $m$;
# and for each image the small products of reading (Eq. 27) and writing (Eq. 29). The image itself is data and
# needs no gradient: reading it takes 2 and not 3.
#
# **Predict first.** What part of the kernels' time are the products alone: a quarter, half, three quarters?

# %%
H, Z, R, N, A = config.hidden, config.latent, config.read_size, config.write_size, 28
with_weights = [(2 * R * R + H, 4 * H), (H, 4 * H), (Z, 4 * H), (H, 4 * H)]  # W and U: encoder, decoder
with_weights += [(H, Z), (H, Z), (H, 5), (H, 5), (H, N * N)]  # mu, log sigma, two windows, the patch
operations = 0
for k, n in with_weights:
    operations += 2 * 3 * batch * k * n
operations += 2 * (2 + 3) * batch * R * A * A  # F_Y x, and F_Y x_hat
operations += 2 * (3 + 3) * batch * R * A * R  # (F_Y x) F_X^T, and the same of x_hat
operations += 2 * 3 * batch * (A * N * N + A * N * A)  # F_Y^T w and (F_Y^T w) F_X
operations *= config.steps
np.testing.assert_allclose(operations / 1e9, benchmark.gemm_floor.gigaflop(config, batch))
step_ms["products alone"] = milliseconds(benchmark.gemm_floor.all_products(config, batch))
rate = operations / 1e6 / step_ms["products alone"]
print(f"{operations / 1e9:.2f} billion operations, {rate:.0f} billion a second")

# %%
def show_bars(values, label, colours):
    ax = plt.figure(figsize=(11, 0.8 + 0.7 * len(values))).add_subplot(xlabel=label)
    bars = ax.barh(list(values), list(values.values()), color=colours)
    ax.bar_label(bars, fmt=" {:.3g}")
    ax.invert_yaxis()
    plt.show()

label = f"ms a training step, T = {config.steps}, batch {batch}, one core"
show_bars(step_ms, label, [plotting.SKY, plotting.BLUE, "0.6"])
assert step_ms["kernels"] < step_ms["equations"]

# %% [markdown]
# **Answer.** More than half: compare the grey bar with the blue one. The grey bar is what a perfect program would still
# need. What the others need beyond it is copying, adding, exponentials, and the tape. That is what we can reduce. (The
# floor is no law of nature. A product that need not be computed lowers it: exercise 3.)
#
# ## 3. A derivative by hand (25 minutes)
#
# An LSTM is two products and then a dozen element-wise operations. Here is what follows the products, for one
# unit. Four numbers $a$ come in, its **pre-activations**, and the memory cell $s_{t-1}$ (lesson 03):
#
# $$i = \sigma(a_i), \quad f = \sigma(a_f), \quad o = \sigma(a_o), \quad g = \tanh(a_g), \quad
# s_t = f \, s_{t-1} + i \, g, \quad h_t = o \tanh(s_t) .$$
#
# Backwards. Write $\mathrm{d}v$ for $\frac{d\mathcal{L}}{dv}$. Two gradients arrive, $\mathrm{d}h_t$ and
# $\mathrm{d}s_t$. The cell has influenced $h_t$ too, so all that arrives at it is
#
# $$D = \mathrm{d}s_t + \mathrm{d}h_t \, o \, (1 - \tanh^2 s_t) .$$
#
# Every factor gets what arrives at its product, which is $D$ at $s_t$ and $\mathrm{d}h_t$ at $h_t$, times the other
# factor:
#
# $$\mathrm{d}i = D \, g, \quad \mathrm{d}f = D \, s_{t-1}, \quad \mathrm{d}o = \mathrm{d}h_t \tanh(s_t), \quad
# \mathrm{d}g = D \, i, \quad \mathrm{d}s_{t-1} = D \, f .$$
#
# Last come the functions of $a$: the derivative of $\sigma$ is $\sigma (1 - \sigma)$, that of tanh is
# $1 - \tanh^2$. First for one unit, in numbers. Then for all units of a batch at once. In the code, `cell` is
# $s_{t-1}$ and `new` is $s_t$.
#
# **Predict first.** Will the kernel be faster, and more so for small batches or for large ones?

# %%
def unit(a_i, a_f, a_o, a_g, cell, d_h=0.0, d_new=0.0):
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * cell + i * g
    h = o * np.tanh(new)
    D = d_new + d_h * o * (1 - np.tanh(new) ** 2)  # now backwards
    d_i, d_f, d_o, d_g = D * g, D * cell, d_h * np.tanh(new), D * i
    return h, new, [d_i * i * (1 - i), d_f * f * (1 - f), d_o * o * (1 - o), d_g * (1 - g**2), D * f]

point, d_h, d_new = np.array([0.3, -0.5, 0.8, 0.4, 1.2]), 0.7, -1.1  # L = d_h h + d_new new
*_, by_hand = unit(*point, d_h, d_new)
for k, name in enumerate(["a_i", "a_f", "a_o", "a_g", "cell"]):
    moved = [unit(*(point + step * np.eye(5)[k]))[:2] for step in (1e-5, -1e-5)]
    measured = np.dot([d_h, d_new], np.subtract(*moved)) / 2e-5
    print(f"dL/d{name}: by hand {by_hand[k]:.8f}, measured {measured:.8f}")
    np.testing.assert_allclose(by_hand[k], measured, rtol=1e-7)

# %%
@kernels.primitive.kernel
def gates(a, cell):  # (batch, 4 hidden), (batch, hidden)
    a_i, a_f, a_o, a_g = np.split(a, 4, axis=1)
    i, f, o, g = equations.sigmoid(a_i), equations.sigmoid(a_f), equations.sigmoid(a_o), np.tanh(a_g)
    new = f * cell + i * g
    squashed = np.tanh(new)
    def backward(d_h, d_new):
        D = d_new + d_h * o * (1 - squashed**2)
        d_a = [D * g * i * (1 - i), D * cell * f * (1 - f), d_h * squashed * o * (1 - o), D * i * (1 - g**2)]
        return np.concatenate(d_a, axis=1), D * f
    return (o * squashed, new), backward

def my_lstm(p, x, state):
    return equations.LSTMState(*gates(x @ p["W"] + state.h @ p["U"] + p["b"], state.cell))

# %% [markdown]
# That is a **kernel**: one function that returns its outputs and, beside them, the function that turns the
# outputs' gradients into those of the arguments. `backward` sees everything that the way forward has computed,
# so nothing is computed twice. `kernels.primitive.kernel` makes one operation of the two, and autograd need not
# look inside.
#
# A derivative by hand may be wrong, and nothing crashes. So first comes the checker of lesson 01, then speed. It also
# tells what is wrong: the kernel `forgetful` forgets, for the cell, what arrives by way of $h_t$.

# %%
def forgetful(a, cell):
    outputs, backward = gates.__wrapped__(a, cell)  # the function that `kernel` has wrapped
    return outputs, lambda d_h, d_new: (backward(d_h, d_new)[0], backward(0 * d_h, d_new)[1])

cases = {"a": rng.standard_normal((2, 24)), "cell": rng.standard_normal((2, 6))}  # float64
def check(function):  # the relative error of each derivative
    return {d.argument: float(f"{d.relative_error:.0e}") for d in check_gradient(lambda a: function(**a), cases, rng)}

right, wrong = check(gates), check(kernels.primitive.kernel(forgetful))
print("relative errors, gates:", right, "forgetful:", wrong)
assert max(right.values()) < TOLERANCE < wrong["cell"]
p = {name: leaf.astype(float) for name, leaf in params["decoder"].items()}
x, state = rng.standard_normal((batch, Z)), equations.LSTMState(*rng.standard_normal((2, batch, H)))
for lstm in my_lstm, kernels.lstm:
    np.testing.assert_allclose(lstm(p, x, state), equations.lstm(p, x, state), atol=1e-12)

# %%
def plain_gates(a, cell):
    i, f, o, g = backend.np.split(a, 4, axis=1)
    new = equations.sigmoid(f) * cell + equations.sigmoid(i) * backend.np.tanh(g)
    return equations.sigmoid(o) * backend.np.tanh(new), new
def pass_through(function, inputs):  # forward and back, 20 times
    for _ in range(20):
        backend.value_and_grad(lambda v: sum(backend.np.sum(output) for output in function(**v)), inputs)
made = {n: {"a": rng.standard_normal((n, 4 * H), "f4"), "cell": np.ones((n, H), "f4")} for n in (2, 8, 32, 128, 512)}
axes = plt.figure(figsize=(11, 4.5)).add_subplot(xlabel="images in a batch", ylabel="ms, forward and back")
for name, way, colour in ("equation", plain_gates, plotting.SKY), ("our kernel", gates, plotting.BLUE):
    gates_ms = [milliseconds(pass_through, way, inputs) / 20 for inputs in made.values()]
    axes.loglog(made.keys(), gates_ms, "o-", color=colour, label=name)
axes.minorticks_off()
axes.set(xticks=list(made), xticklabels=made, yticks=[0.1, 0.3, 1, 3, 10], yticklabels=[0.1, 0.3, 1, 3, 10])
_ = axes.legend()

# %% [markdown]
# **Answer.** It is faster at every size, for two reasons. With few images it is the tape: the equation puts some twenty
# operations on it, the kernel one, and each takes Python's time, forward and back, however small the arrays. With many
# it is the arithmetic: autograd's rule for tanh computes $1 / \cosh^2$, five times here, and a cosh takes longer than a
# tanh; the kernel uses the tanh that is there. And every operation of NumPy makes a new array, which travels through
# memory. `draw_np/kernels/lstm.py` goes further. It writes into arrays that
# exist already (`out=`), it has the products in the same kernel, and it adds up the gradient of the weights in place,
# where autograd makes an array of the weights' size at every step.
#
# ## 4. The order in memory (10 minutes)
#
# Memory is one long row of numbers, and NumPy stores an array row by row. The processor fetches memory in
# pieces, on most machines of 64 bytes: 16 numbers of float32. If you use only every $k$-th number, the rest of
# every piece is wasted. The cell doubles 16,384 numbers that stand $k$ apart.
#
# It also doubles one gate of an LSTM. The four gates stand side by side. In an array of shape (batch, 4 hidden) the
# gate $i$ is a part of every row: 256 numbers, a jump, 256 numbers. Stored the other way, (4 hidden, batch), the gate
# is one block. `draw_np/kernels/lstm.py` puts **features first** for that reason.
#
# **Predict first.** How does the time depend on $k$? Does it go on growing beyond $k = 16$?

# %%
numbers = rng.standard_normal(64 * 16_384, np.float32)
by_batch = numbers[: 128 * 1024].reshape(128, 1024)  # (batch, 4 hidden)
def microseconds(piece):
    out = np.empty(piece.shape, np.float32)
    return 10 * milliseconds(lambda: [np.multiply(piece, 2, out=out) for _ in range(100)])

apart = 1, 2, 4, 8, 16, 32, 64
took = [microseconds(numbers[: k * 16_384 : k]) for k in apart]
axes = plt.figure(figsize=(11, 4)).add_subplot(xlabel="every k-th number", ylabel="microseconds")
axes.semilogx(apart, took, "o-", base=2)
axes.set(ylim=(0, None), xticks=apart, xticklabels=apart)
axes.axvline(16, color="0.6", linestyle="--")  # 64 bytes
print(f"one gate: {microseconds(np.ascontiguousarray(by_batch.T)[:256]):.1f} microseconds with features first, ",
      f"{microseconds(by_batch[:, :256]):.1f} with the batch first")
assert took[4] > 2 * took[0]

# %% [markdown]
# **Answer.** After a first jump it grows again, and no more from $k = 16$ or 32 on: by then every number needs a piece
# of its own, and no more can be wasted. (Where the last rise is at 32, the processor probably fetches pieces in pairs.
# The first step, from 1 to 2, has another reason: the processor can compute with 8 or 16 numbers at once, but only if
# they are neighbours.)
#
# ## 5. Half the digits (5 minutes)
#
# We check in float64 and train in float32. A number of half the size takes half the memory to store and half the
# time to fetch, and the processor computes with twice as many at once. What is lost is small compared with the noise of
# the samples, which changes the gradient at every update anyway. But one float64 among the arrays is enough, and NumPy
# turns everything that it touches into float64: draw_np's tests look for that.
#
# **Predict first.** By what factor is a training step in float64 slower?

# %%
def as_type(tree, dtype):
    return {name: as_type(leaf, dtype) if isinstance(leaf, dict) else leaf.astype(dtype) for name, leaf in tree.items()}

def step_in(dtype):
    p, few = as_type(params, dtype), (images.astype(dtype), noise.astype(dtype))
    return backend.value_and_grad(lambda p: draw.loss(p, config, *few, kernels), p)

gradients = {dtype: step_in(dtype)[1]["decoder"]["W"] for dtype in (np.float32, np.float64)}
off = np.linalg.norm(gradients[np.float32] - gradients[np.float64]) / np.linalg.norm(gradients[np.float64])
print(f"the gradient of the decoder's W in float32 is off by {off:.0e} of its length")
assert gradients[np.float32].dtype == np.float32 and off < 0.01
precision_ms = {dtype.__name__: milliseconds(step_in, dtype) for dtype in gradients}
print(", ".join(f"{name}: {value:.0f} ms a training step" for name, value in precision_ms.items()))
assert precision_ms["float32"] < precision_ms["float64"]

# %% [markdown]
# **Answer.** By about 2, and the float32 gradient is as good as the float64 one to six digits or so.
#
# ## 6. Where the time goes (10 minutes)
#
# Never guess: a **profiler** measures for every Python function how long the program was inside it. Sorted by the files
# that the functions are in, it says what a step of the kernels is made of. (Measuring takes time too, so small
# functions look a little larger than they are.)
#
# **Predict first.** After the products with weights, what takes most: windows, LSTM, autograd's tape?

# %%
small = "latents, likelihood, sigmoids"
PARTS = {"attention.py": "windows, reading, writing", "lstm.py": "LSTM, element by element", "latent.py": small,
         "likelihood.py": small, "linear.py": small, "autograd": "autograd", "numpy": "NumPy's own functions"}
def part_of(code):
    if getattr(code, "co_name", "") in ("apply", "pull_back", "product", "add_product", "hold"):
        return "products with weights"
    return next((PARTS[part] for part in PARTS if part in getattr(code, "co_filename", str(code))), "everything else")

(profile := cProfile.Profile()).runcall(lambda: [training_step(kernels) for _ in range(5)])
took = dict.fromkeys(["products with weights", *PARTS.values(), "everything else"], 0.0)
for entry in profile.getstats():
    took[part_of(entry.code)] += entry.inlinetime
shares = {name: 100 * value / sum(took.values()) for name, value in took.items()}
show_bars(shares, "% of the time", [plotting.BLUE] * len(shares))
assert max(shares, key=shares.get) == "products with weights"

# %% [markdown]
# **Answer.** None of the three stands out. The products with weights are the largest part, and they run at BLAS's
# speed. What is left is many small things. So the work is done when the next trick makes the code harder to read by
# more than it saves.
#
# A **GPU** has thousands of small arithmetic units and faster memory, and changes these shares: the products become
# cheap. What stays is the launch: for every operation the processor tells the GPU what to do, which takes microseconds
# however small the array, and DRAW is a chain of thousands of small operations. So there, too, kernels that do much at
# once are what helps. The formulas stay the same.
#
# ## 7. Write it down once (15 minutes)
#
# At every training step autograd does the same again. It puts every array into a box, notes every operation on the
# tape, then sorts the tape to find the way back. But from one step to the next nothing changes, other than the
# numbers: the same operations, in the same order, on arrays of the same shapes. So all of that need be done only once.
#
# Call the function with **tracers**: objects that look like arrays, but write down what is done with them. What they
# leave is a **program**, a list of instructions, each with the operation and with the places of its inputs and of its
# output. From then on the list is carried out, and the function is not called again. That is how compilers for arrays
# begin, `jax.jit` and `torch.compile` among them. (They go on from there and merge operations into larger ones. Our
# kernels were merged by hand.)

# %%
class Tracer:
    """Stands for an array: notes each operation in the program instead of computing it."""
    def __init__(self, program, place):
        self.program, self.place = program, place
    def note(self, operation, *inputs):
        self.program.append((operation, [t.place if isinstance(t, Tracer) else np.asarray(t) for t in inputs]))
        return Tracer(self.program, self.program.first + len(self.program) - 1)
    def __add__(self, other): return self.note(np.add, self, other)
    def __mul__(self, other): return self.note(np.multiply, self, other)
    def __matmul__(self, other): return self.note(np.matmul, self, other)
    def tanh(self): return self.note(np.tanh, self)

# %%
class Program(list):
    def __init__(self, function, inputs):
        self.first = inputs  # the inputs have the places 0, 1, ..., what is computed those after them
        function(*(Tracer(self, place) for place in range(inputs)))
    def __call__(self, *arrays):
        memory = list(arrays)
        for operation, inputs in self:
            memory.append(operation(*(memory[k] if isinstance(k, int) else k for k in inputs)))
        return memory[-1]
def layer(x, W, b): return (x @ W + b).tanh() * 2.0
for place, (operation, inputs) in enumerate(program := Program(layer, 3), 3):
    names = (f"place {k}" if isinstance(k, int) else str(k) for k in inputs)
    print(f"place {place} = {operation.__name__}({', '.join(names)})")
x, W, b = rng.standard_normal((4, 3)), rng.standard_normal((3, 5)), rng.standard_normal(5)
np.testing.assert_array_equal(program(x, W, b), np.tanh(x @ W + b) * 2)

# %% [markdown]
# `backend.Recorded` does this with a whole training step, the way back too, and `python -m draw_np train` uses it.
# Its tracers are autograd's own boxes, so any function that autograd can differentiate can be written down.
#
# **Predict first.** For which batch does it help most? And what would go wrong with a function that has an `if` which
# asks for the value of an array?

# %%
def loss(p, x, noise):
    return draw.loss(p, config, x, noise, kernels)

def time_both(images_in_batch):
    some, recorded = (images[:images_in_batch], noise[:, :images_in_batch]), backend.Recorded(loss)
    ways = lambda: backend.value_and_grad(lambda p: loss(p, *some), params), lambda: recorded(params, *some)
    (value, gradient), (again, same) = (way() for way in ways)
    assert value == again
    np.testing.assert_array_equal(gradient["decoder"]["W"], same["decoder"]["W"])  # the very same bits
    rounds = [[milliseconds(way) for way in ways] for _ in range(3)]  # in turn: a busy moment slows both
    return np.min(rounds, axis=0), len(recorded.program.instructions)

# %%
both = {f"batch {n}": time_both(n) for n in (1, 8, 32, 128)}
print(f"{both['batch 1'][1]} instructions for {config.steps} steps of DRAW")
of_the_tape = {name: 100 * replayed / taped for name, ((taped, replayed), _) in both.items()}
show_bars(of_the_tape, "the program's time, in % of the tape's", plotting.BLUE)
assert of_the_tape["batch 1"] < 90

# %% [markdown]
# **Answer.** Small batches gain most: what is saved is Python's own time, which is the same for any batch. At 128
# nothing of it can be seen any more: a few per cent are less than this cell can measure. The arithmetic stays as it is,
# and so do the results, to the last bit. An `if` on a value is asked only once, when the program is written, and the
# list then goes the same way for all numbers. So `Recorded` refuses a function that looks at values, and it writes a
# new program whenever a shape changes.
#
# ## 8. Memory for time (15 minutes)
#
# The way back needs what the way forward computed. So everything is kept, for every step, and memory grows in
# proportion to $T$. But we can keep little and compute the rest again. Keep the state only at every $K$-th step. On the
# way back, take the last of them, run its $K$ steps once more, this time keeping everything, go back through them, and
# forget them.
#
# At any time there are about $T / K$ states and $K$ steps in memory, and every step is run forward twice. If a
# state were as large as all that a step keeps, $K = \sqrt{T}$ would be best. It is smaller, so a smaller $K$ is
# better still. `draw.bound(..., keep_every=K)` does it, and so does `python -m draw_np train` with `--keep-every K`.
# (The second cell takes about 20 seconds.)
#
# **Predict first.** At $T = 64$ and $K = 4$, how much memory is saved? And how much longer does a step take: twice as
# long, or less?

# %%
def total(p, steps, keep_every):
    parts = p, config, images[:32], np.resize(noise, (steps, 32, Z)), kernels
    L_x, L_z = draw.bound(*parts, keep_every=keep_every)
    return backend.np.sum(L_x) + backend.np.sum(L_z)

def gradient(steps, keep_every=None):
    return backend.value_and_grad(lambda p: total(p, steps, keep_every), params)[1]["decoder"]["W"]

def peak_mb(*arguments):
    tracemalloc.start()
    gradient(*arguments)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak

# %%
lengths, every = (8, 16, 32, 64), (1, 2, 4, 8, 16, 32)
kept, again = [peak_mb(T) for T in lengths], [peak_mb(64, K) for K in every]
figure, (left, right) = plt.subplots(1, 2, figsize=(14, 4.8), sharey=True)
left.plot(lengths, kept, "o-", label="everything kept")
left.plot(64, again[2], "s", markersize=11, label="every 4th state kept")
left.set(xlabel="steps $T$", ylabel="peak memory, MB", ylim=(0, None), xticks=lengths)
right.plot(range(len(every)), again, "s-", color=plotting.RED)
right.axhline(kept[-1], color=plotting.BLUE, linestyle="--")
right.set(xlabel="every $K$-th state kept, $T$ = 64 (dashed: everything)", xticks=range(len(every)), xticklabels=every)
left.legend()
plt.show()
np.testing.assert_allclose(gradient(64, 4), gradient(64), rtol=1e-3, atol=1e-2)
print(f"T = 64: {milliseconds(gradient, 64):.0f} ms, with every 4th state {milliseconds(gradient, 64, 4):.0f} ms")
assert again[2] < 0.6 * kept[-1] and kept[-1] > 3 * kept[0]

# %% [markdown]
# **Answer.** More than half of the memory is saved. And a step takes less than twice as long, since only the way
# forward is run twice, and the way back is the larger part.
#
# ## 9. The picture of speed (10 minutes)
#
# `figures/speed.py` measured draw_np against PyTorch (`torch`) and JAX (`jax`), the libraries with which such networks
# are usually trained. Each runs in its own process, held to the same cores, and they take turns, step by step. That
# takes ten minutes or more, so this cell reads what it wrote, `figures/speed.json`. Left is one core, right two (there
# draw_np gives half of the batch to each of two processes, and the frameworks use threads). All of them compute the
# same model and the same loss. `torch_compile` and `jax` translate the program first, for seconds, which is not
# counted here. `gemm_floor` is the products alone.
#
# **Why not the smallest of several times, as in part 1?** There we asked what one program needs. Here several are
# compared over many minutes, in which the machine itself becomes faster and slower (its clock, its heat, its
# neighbours). The smallest time would favour the program that happened to have its turn at the fastest moment. All
# have turns at all times, so the **median**, the middle one, meets the same conditions for all.
#
# Below are other sizes. A dot left of 1 is a program that the kernels beat. The cell names those that beat the kernels.
#
# **Predict first.** Which of the others are slower than the kernels, and for which sizes is one of them faster?

# %%
assert Path("../figures/speed.json").exists(), "../figures/speed.json is missing: it is in draw_np's repository"
rows = json.loads(Path("../figures/speed.json").read_text("utf-8"))["compared"]
names, colours = "gemm_floor kernels jax torch_compile torch equations".split(), "0.6 C0 C2 C1 C3 C4".split()
titles = [f"{row['model']}, T = {row['steps']}, batch {row['batch']}, cores: {row['threads']}" for row in rows]
figure, axes = plt.subplot_mosaic([["one", "two"], ["all", "all"]], figsize=(16, 10), height_ratios=[2, 3])
for ax, row, title in zip((axes["one"], axes["two"]), rows, titles):
    ax.bar_label(ax.barh(names, [row[f"{name}_s"] for name in names], color=colours), fmt=" %.3f")
    ax.set(xlabel=f"seconds a training step, {row['machine']['processor']}", title=title)
for name, colour, marker in zip(names, colours, "PsD^vo"):
    axes["all"].plot([row["kernels_s"] / row[f"{name}_s"] for row in rows], titles, marker, c=colour, ms=12, label=name)
axes["all"].set(xlabel="time of the kernels / time of the other", xlim=(0, None), ylim=(len(rows) - 0.5, -0.5))
axes["all"].legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
for row, title in zip(rows, titles):
    print(f"{title}: faster than the kernels: {[name for name in names if row[f'{name}_s'] < row['kernels_s']]}")

# %% [markdown]
# **Answer.** `equations` and `torch` are slower at every size. A compiled program is ahead in some of the printed
# lists, where the batch is small or the steps are few. With a small batch the kernels still pay Python for every
# operation; with few steps, what is done once in a training step weighs more. And why can the products alone lie left
# of 1? Without attention the same image is read at every step. The floor multiplies it by its weights every time, the
# kernels once (exercise 3). And where `jax` lies right of the floor? It does not use NumPy's BLAS: the floor is
# NumPy's.
#
# **Take away.** Measure before you change anything, and compare with a floor, so that you know when to stop. A kernel
# replaces twenty recorded operations by one whose derivative you have worked out by hand and checked; the numbers stay
# the same. Memory is a cost of its own: keep numbers that are used together side by side, use float32, and compute
# again what is too large to keep.
#
# ## On your own
#
# [`exercises/11_make_it_fast.ipynb`](exercises/11_make_it_fast.ipynb) has a place for each answer and a cell that
# checks it.
#
# 1. **Count a network** (easy, 10 minutes). The operations of a training step of DRAW without attention. Then see how
#    long they take at 100 billion a second.
# 2. **A kernel for $\mathcal{L}^z$** (easy, 15 minutes). The KL divergence and its derivative, as one operation.
# 3. **Once, not T times** (harder, 20 minutes). The image is the same at every step. Multiply it by its weights once,
#    on the way forward and on the way back, and lower the floor.
# 4. **Back in parts** (hard, 30 minutes). The gradient of a long chain of steps, with few states in memory: $K$ at a
#    time.
#
# And an experiment, in this notebook: run parts 1 and 2 with `batch = 16` (change the number in the first cell of
# part 1). *Expect the kernels to come less close to the floor: the arrays are small, and Python's own time, the
# same for any batch, weighs more.*
#
# ## Further reading
#
# - `draw_np/kernels/`: every file beside the file of the same name in `draw_np/equations/`; first `likelihood.py`, then
#   `lstm.py`, last `primitive.py`. `figures/speed.py` is how the picture was measured.
# - A. Griewank and A. Walther, [Algorithm 799: revolve](https://dl.acm.org/doi/10.1145/347837.347846), 2000: how to
#   recompute with the least work, for any memory.
# - T. Chen and others, [Training Deep Nets with Sublinear Memory Cost](https://arxiv.org/abs/1604.06174), 2016: the
#   same for networks, with the square root.
# - J. Appleyard and others, [Optimizing Performance of Recurrent Neural Networks on
#   GPUs](https://arxiv.org/abs/1604.01946), 2016: LSTMs on a GPU, trick by trick.
