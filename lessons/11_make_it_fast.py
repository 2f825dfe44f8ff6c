# %% [markdown]
# # 11 Make it fast
#
# **How fast could DRAW train, and what stands in the way?**
#
# ## What you'll do
# Count the work that cannot be avoided. Work out the derivative of an LSTM by hand, check it, and make it an
# operation that autograd uses. Then find out where the rest of the time goes, and the memory.
#
# ## What you'll learn
# - to measure before changing anything, and to know when to stop: the floor;
# - how a hand-made derivative is derived, checked and plugged in: a kernel;
# - why the order of numbers in memory matters, and their precision;
# - to pay for memory with time.
#
# ## What you'll need
# The chain rule on a tape (lesson 01), the LSTM (lesson 03), the loop of Eq. 3-8 (lesson 04), and to count its
# products, reading and writing (lesson 06). About an hour and three quarters.

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
# worked out by hand. They give the same numbers. Which is faster, and by how much?
#
# A measured time has a floor and no ceiling: the machine may always be busy with something else. So repeat,
# and keep the smallest. We count the processor's seconds that were spent on us, and hold NumPy's matrix
# products to one thread. Every time in this lesson, but for the last picture, is of the machine that ran it.

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
# ## 2. The floor (15 minutes)
#
# How fast could it be? Most of the arithmetic is matrix products, and for those NumPy calls a library, BLAS,
# into which years of work have gone. (It calls such a product GEMM, general matrix multiplication.) So the time of
# the products alone is a floor.
#
# Count them. A product of an $m \times k$ and a $k \times n$ matrix takes $m n k$ multiplications and as many
# additions. On the way back, $C = A B$ becomes two more of the same size:
#
# $$\frac{dL}{dA} = \frac{dL}{dC} B^T, \qquad \frac{dL}{dB} = A^T \frac{dL}{dC} .$$
#
# So a training step takes $2 \cdot 3 \cdot m n k$ operations for each product in it. Which ones are there? Two
# LSTMs, the maps to $\mu$ and $\log \sigma$, to two windows and to the patch, all with the whole batch as $m$;
# and for each image the small products of reading (Eq. 27) and writing (Eq. 29). The image itself is data and
# needs no gradient: reading it takes 2 and not 3.

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
print(f"{operations / 1e9:.2f} thousand million operations, {rate:.0f} thousand million a second")

# %%
def show_bars(values, label, colours=(plotting.SKY, plotting.BLUE, plotting.GREEN, "0.6")):
    ax = plt.figure(figsize=(11, 0.8 + 0.7 * len(values))).add_subplot(xlabel=label)
    bars = ax.barh(list(values), list(values.values()), color=colours[: len(values)])
    ax.bar_label(bars, fmt=" {:.3g}")
    ax.invert_yaxis()
    plt.show()

label = f"ms a training step, T = {config.steps}, batch {batch}, one core"
show_bars(step_ms, label, (plotting.SKY, plotting.BLUE, "0.6"))
assert step_ms["kernels"] < step_ms["equations"]

# %% [markdown]
# The grey bar is what a perfect program would still need. What the others have beyond it is copying, adding,
# exponentials, and the tape. That is what we can fight. (The floor is no law of nature. A product that need
# not be computed lowers it: exercise 3.)
#
# ## 3. A derivative by hand (25 minutes)
#
# An LSTM is two products and then a dozen element-wise operations. Here is what follows the products, for one
# unit. Four numbers $a$ come in, and the memory cell $s_{t-1}$ (lesson 03):
#
# $$i = \sigma(a_i), \quad f = \sigma(a_f), \quad o = \sigma(a_o), \quad g = \tanh(a_g), \quad
# s_t = f \, s_{t-1} + i \, g, \quad h_t = o \tanh(s_t) .$$
#
# Backwards. Write $\mathrm{d}v$ for $\frac{dL}{dv}$. Two gradients arrive, $\mathrm{d}h_t$ and
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
# A derivative by hand may be wrong, and nothing crashes. So the checker of lesson 01 comes first, then speed.
# It also tells what is wrong: the kernel that is called `forgetful` forgets, for the cell, what arrives by way
# of $h_t$.

# %%
def forgetful(a, cell):
    outputs, backward = gates.__wrapped__(a, cell)  # the function that `kernel` has wrapped
    return outputs, lambda d_h, d_new: (backward(d_h, d_new)[0], backward(0 * d_h, d_new)[1])

cases = {"a": rng.standard_normal((2, 24)), "cell": rng.standard_normal((2, 6))}  # float64
def check(function):
    return check_gradient(lambda arguments: function(**arguments), cases, rng)

right, wrong = check(gates), check(kernels.primitive.kernel(forgetful))
print("gates:", *right, "forgetful:", *wrong, sep="\n")
assert max(right[0].relative_error, right[1].relative_error) < TOLERANCE < wrong[1].relative_error
p = {name: leaf.astype(float) for name, leaf in params["decoder"].items()}
x, state = rng.standard_normal((batch, Z)), equations.LSTMState(*rng.standard_normal((2, batch, H)))
for lstm in my_lstm, kernels.lstm:
    np.testing.assert_allclose(lstm(p, x, state), equations.lstm(p, x, state), atol=1e-12)

# %%
def plain_gates(a, cell):
    i, f, o, g = backend.np.split(a, 4, axis=1)
    new = equations.sigmoid(f) * cell + equations.sigmoid(i) * backend.np.tanh(g)
    return equations.sigmoid(o) * backend.np.tanh(new), new

def pass_through(function, inputs):  # there and back, 20 times
    for _ in range(20):
        backend.value_and_grad(lambda v: sum(backend.np.sum(output) for output in function(**v)), inputs)

inputs = {"a": rng.standard_normal((batch, 4 * H), np.float32), "cell": np.float32(state.cell)}
ways = {"equation": plain_gates, "our kernel": gates}
gates_ms = {name: milliseconds(pass_through, way, inputs) / 20 for name, way in ways.items()}
show_bars(gates_ms, f"ms for the gates of {H} units, batch {batch}, and their gradient")
print(f"unit by unit it would take {batch * H * milliseconds(unit, *point, d_h, d_new):.0f} ms")
assert gates_ms["our kernel"] < gates_ms["equation"]

# %% [markdown]
# Why is the kernel faster? It computes hardly less. (autograd's rule for tanh finds $1 / \cosh^2$ anew, the kernel
# uses the tanh that is there.) But the equation puts some twenty operations on the tape, the kernel one, and each
# takes Python's time, there and back, however small the arrays. And every operation of NumPy makes a new array, which
# travels through memory. `draw_np/kernels/lstm.py` goes further. It writes
# into arrays that are there already (`out=`), it has the products in the same kernel, and it adds up the
# gradient of the weights in place, where autograd makes an array of the weights' size at every step.
#
# ## 4. The order in memory (10 minutes)
#
# Memory is one long row of numbers, and NumPy stores an array row by row. The processor fetches memory in
# pieces, on most machines of 64 bytes: 16 numbers of float32. Whoever goes down a column uses one number of
# every piece.
#
# The four gates of an LSTM stand side by side. In an array of shape (batch, 4 hidden) the gate $i$ is a part of
# every row: 256 numbers, a jump, 256 numbers. No piece is wasted, but NumPy starts anew after every jump. Stored the
# other way, (4 hidden, batch), the gate is one block.
# `draw_np/kernels/lstm.py` puts **features first**, so that every gate is one block. Let us see what is gained.

# %%
numbers = rng.standard_normal((4096, 4096), np.float32)
by_batch = np.ascontiguousarray(numbers[:128, :1024])  # (batch, 4 hidden)
by_feature = np.ascontiguousarray(by_batch.T)  # (4 hidden, batch)
pieces = {"a row of 4096": numbers[5], "a column of 4096": numbers[:, 5],
          "a gate, features first": by_feature[:256], "a gate, batch first": by_batch[:, :256]}
def double(piece, out):
    for _ in range(100):
        np.multiply(piece, 2, out=out)

microseconds = {name: 10 * milliseconds(double, a, np.empty(a.shape, np.float32)) for name, a in pieces.items()}
show_bars(microseconds, "microseconds to double the numbers", 2 * [plotting.BLUE, plotting.RED])
assert microseconds["a column of 4096"] > 2 * microseconds["a row of 4096"]

# %% [markdown]
# ## 5. Half the digits (5 minutes)
#
# We check in float64 and train in float32. A number of half the size takes half the memory to store and half the
# time to fetch, and the processor computes twice as many at once. What is lost is small against the noise of the
# samples, which changes the gradient at every update anyway. One careless float64 among the arrays, and NumPy
# turns everything that it touches into float64: draw_np's tests look for that.

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
show_bars(precision_ms, label, [plotting.BLUE] * 2)
assert precision_ms["float32"] < precision_ms["float64"]

# %% [markdown]
# ## 6. Where the time goes (10 minutes)
#
# Never guess: a profiler counts for every Python function how long the program was inside it. Sorted by the files
# that the functions are in, it says what a step of the kernels is made of. (To be watched takes time too, so small
# functions look a little larger than they are.)

# %%
small = "latents, likelihood, sigmoids"
PARTS = {"attention.py": "windows, reading, writing", "lstm.py": "LSTM, element by element", "latent.py": small,
         "likelihood.py": small, "linear.py": small, "autograd": "autograd", "numpy": "NumPy's own functions"}
def part_of(code):
    if getattr(code, "co_name", "") in ("apply", "pull_back", "add_product", "hold"):  # of kernels/primitive.py
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
# The products with weights are the largest part, and they run at BLAS's speed. What is left is many small
# things. So the work is done when the next trick costs more reading than it saves time.
#
# ## 7. Memory for time (15 minutes)
#
# The way back needs what the way forward computed. So everything is kept, for every step: memory grows like $T$.
# But one can keep little and compute it again. Keep the state only at every $K$-th step. On the way back, take the
# last of them, run its $K$ steps once more, this time keeping everything, go back through them, and forget them.
#
# At any time there are about $T / K$ states and $K$ steps in memory, and every step is run forward twice. If a
# state were as large as all that a step keeps, $K = \sqrt{T}$ would be best. It is smaller, so a smaller $K$ is
# better still. `draw.bound(..., keep_every=K)` does it, and so does `python -m draw_np train` with `--keep-every K`.

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
# ## 8. What a GPU changes (5 minutes)
#
# This part explains, it measures nothing.
#
# A GPU has thousands of small arithmetic units and far faster memory. The products, most of our time, become
# cheap. What stays is the **launch**: for every operation the processor tells the GPU what to do, which takes
# microseconds, however small the array. DRAW is a chain of thousands of small operations that have to wait for
# each other, so the launches may take longer than the work. The remedies:
#
# - few operations: what is done element by element, such as all that is in our `gates`, is fused into one;
# - record the whole training step once, as a graph, and launch that;
# - never ask for a number in between, a loss to be printed, say: the GPU would have to finish first;
# - large batches, so that every launch has enough to do.
#
# The formulas stay. CuPy gives arrays on the GPU the names that NumPy gives its own, and a derivative worked out by
# hand holds on any device.
#
# ## 9. The picture of speed (10 minutes)
#
# `figures/speed.py` measured draw_np against PyTorch (`torch`) and JAX (`jax`), the libraries with which such networks
# are usually trained. Each runs in a process of its own, held to the same cores, and they take turns, so that what
# disturbs, disturbs all alike. That takes half an hour, so this cell reads what it wrote, `figures/speed.json`: of
# several times not the smallest but the middle one. Left is one core, right two (there draw_np gives half of the
# batch to each of two processes, and the frameworks use threads). Every contestant is the same model and finds the
# same loss. `torch_compile` and `jax` translate the program first, for seconds, which is not counted here.
# `gemm_floor` is the products alone.
#
# Below are other sizes. A dot left of 1 is a contestant that the kernels beat. The cell names those that beat
# the kernels. And why can a dot of the products alone lie left of 1? Without attention, the same image is read
# at every step. The floor multiplies it by its weights every time, the kernels once.

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
# ## On your own
#
# [`exercises/11_make_it_fast.ipynb`](exercises/11_make_it_fast.ipynb) has a place for each answer and a cell that
# checks it.
#
# 1. **Count a network** (easy). The operations of a training step of DRAW without attention. Then see how long they
#    take at a hundred thousand million a second.
# 2. **A kernel for $L^z$** (easy). The KL divergence and its derivative, as one operation.
# 3. **Once, not T times** (harder). The image is the same at every step. Multiply it by its weights once, on the way
#    there and on the way back, and lower the floor.
# 4. **Back in parts** (hard). The gradient of a long chain of steps, with few states in memory: $K$ at a time.
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
