# %% [markdown]
# # Exercises of lesson 04, Draw in steps
#
# Do the lesson first: [04 Draw in steps](../04_draw_in_steps.ipynb). Every exercise has a text, a cell where you
# write your answer in place of `raise NotImplementedError`, and a cell that checks it: run both. A check says what
# it expected and what it got; when it prints nothing but "right", go on. No check needs another exercise's answer.
# Stuck? Click on Hint. Run the next cell first.

# %%
from types import SimpleNamespace

import numpy as np

from draw_np import datasets, equations, kernels, load_pretrained, plotting
from draw_np.checks import assert_close, assert_derivatives
from draw_np.models import draw
from draw_np.training.trees import named_leaves

plotting.use_style()
rng = np.random.default_rng(104)
digits = datasets.binarize(datasets.load("mnist", "test").images, rng)  # (10000, 28, 28), 0 or 1

# %% [markdown]
# ## Exercise 4.1 The first canvas
#
# (Easy, 5 minutes.) A network that has not begun to learn should at least know which pixels are often on. Find the
# $c_0$ for which the error images $\hat{x}_1 = x - \sigma(c_0)$ of a set of images have the mean zero, at every pixel:
# solve $\sigma(c_0) = p$, where $p$ is the mean image. A pixel that is never on has $p = 0$ and would need
# $c_0 = -\infty$. So first keep $p$ within 0.001 and 0.999.
#
# <details><summary>Hint</summary>
#
# $p = \frac{1}{1 + \exp(-c)}$ means $\exp(-c) = \frac{1 - p}{p}$. `np.clip` keeps numbers within bounds.
#
# </details>

# %%
def first_canvas(images):
    """c_0 of shape (height, width), for images of shape (count, height, width) with values in [0, 1]."""
    # BEGIN SOLUTION
    p = np.clip(images.mean(axis=0), 0.001, 0.999)
    return np.log(p / (1 - p))
    # END SOLUTION

# %%
# Check 4.1
assert_close("c_0 of pixels that are on in 1, 2 and 3 of 4 images", first_canvas(
    np.array([[[0, 0, 1]], [[0, 1, 1]], [[0, 0, 0]], [[1, 1, 1]]])), [[-np.log(3), 0, np.log(3)]])  # fmt: skip
bounds = [[np.log(0.001 / 0.999), np.log(0.999 / 0.001)]]
assert_close("c_0 of a pixel that is never on, and of one that always is", first_canvas(
    np.array([[[0, 1]], [[0, 1]]])), bounds)  # fmt: skip
assert_close("c_0 of a pixel whose mean is 0.0002, and of one whose mean is 0.9998", first_canvas(
    np.array([[[0, 1]], [[0.0004, 0.9996]]])), bounds)  # fmt: skip
assert_close("c_0 of a grey pixel, 0.2 in one image and 0.6 in another", first_canvas(
    np.array([[[0.2]], [[0.6]]])), [[np.log(0.4 / 0.6)]])  # fmt: skip
c_0 = first_canvas(digits.astype(float))
mean_error = equations.error_image(digits.astype(float), np.broadcast_to(c_0, digits.shape)).mean(axis=0)
assert abs(mean_error).max() <= 0.001 + 1e-9, f"mean error image: expected at most 0.001, got {abs(mean_error).max()}"
print("4.1 is right")

# %% [markdown]
# ## Exercise 4.2 How many numbers?
#
# (Easy, 10 minutes.) Count the parameters of DRAW without attention, for images of $A \times B$ pixels with LSTMs of
# $H$ hidden units and $Z$ latents. An LSTM with $n$ inputs has four gates' worth of $W$ ($n \times H$), $U$
# ($H \times H$) and $b$ ($H$). The encoder's input is $[r_t, h_{t-1}^{dec}]$, the decoder's $z_t$. Do not forget the
# three linear maps of Eq. 1, Eq. 2 and Eq. 18, and what is learned of the beginning: $c_0$, $h_0^{enc}$, $h_0^{dec}$
# and the two LSTMs' cells.
#
# <details><summary>Hint</summary>
#
# $r_t$ has $2AB$ numbers. A linear map from $n$ to $m$ numbers has $nm$ weights and $m$ biases.
#
# </details>

# %%
def parameter_count(A, B, H, Z, T):
    """The number of parameters, an int."""
    # BEGIN SOLUTION
    pixels = A * B
    encoder = 4 * H * ((2 * pixels + H) + H + 1)
    decoder = 4 * H * (Z + H + 1)
    maps = 2 * (H + 1) * Z + (H + 1) * pixels
    return encoder + decoder + maps + pixels + 4 * H
    # END SOLUTION

# %%
# Check 4.2
for A, B, H, Z, T in (28, 28, 256, 100, 32), (7, 8, 6, 5, 3), (60, 60, 256, 100, 64), (7, 8, 6, 5, 300):
    config = draw.Config(height=B, width=A, steps=T, hidden=H, latent=Z, read_size=None, write_size=None)
    sizes = {name: leaf.size for name, leaf in named_leaves(draw.init_params(config, rng)).items()}
    got = parameter_count(A, B, H, Z, T)
    assert_close(f"the number of parameters for {A} x {B} pixels, H = {H}, Z = {Z}, T = {T}", got, sum(sizes.values()))
    print(f"{A} x {B} pixels, T = {T}: {got:,.0f} parameters, {sizes['encoder/W'] / got:.0%} of them encoder/W")
print("4.2 is right")

# %% [markdown]
# ## Exercise 4.3 A change of mind
#
# (Harder, 20 minutes.) Let a network look at `first` for half of the steps and at `second` for the other half. It must
# not begin again in between: canvas and memories go on. `draw.initial_state(params, batch, ops)` is how it begins, and
# `draw.infer_steps(params, config, x, state, noise, ops)` takes as many steps as `noise` has and returns the state
# after them and a Trace of what happened, whose field `canvases` is a list of arrays, one for each step. They and `x`
# have the shape (batch, 1, height, width). Take `ops=kernels`. In Eq. 3-8, where does the second image enter, and how
# does the network notice?
#
# <details><summary>Hint</summary>
#
# How many steps `draw.infer_steps` takes depends on the noise that it gets, and where it begins on the state. What do
# you hand to the first call, and what to a second?
#
# </details>

# %%
def change_of_mind(params, config, first, second, noise):
    """The canvases c_1 ... c_T, of shape (T, batch, height, width), for images of shape (batch, height, width).

    `noise` has the shape (T, batch, latent), T being even.
    """
    # BEGIN SOLUTION
    # The second image enters by Eq. 3 and 4 only: by itself, and as an error image that is suddenly large.
    state, half = draw.initial_state(params, len(first), kernels), len(noise) // 2
    state, before = draw.infer_steps(params, config, first[:, None], state, noise[:half], kernels)
    _, after = draw.infer_steps(params, config, second[:, None], state, noise[half:], kernels)
    return np.stack(before.canvases + after.canvases)[:, :, 0]
    # END SOLUTION

# %%
# Check 4.3
params, config = load_pretrained("mnist-no-attention")
noise = draw.sample_noise(config, 4, rng)
first, second = digits[[0, 1, 2, 3]], digits[[4, 5, 6, 8]]
same = draw.infer(params, config, first, noise, kernels).canvases
got = change_of_mind(params, config, first, first, noise)
assert_close("the canvases when the second image is the first", got, np.stack(same)[:, :, 0], atol=0.01)

def read_either(x, x_hat):  # the first image in the first half of the looks, then the second
    other = x if next(looks) < half else second[: len(x), None]
    return equations.read_without_attention(other, x_hat + other - x)

switched = SimpleNamespace(**{**vars(equations), "read_without_attention": read_either})
for steps, batch in (20, 1), (config.steps, 4):  # the noise says how many steps
    half, looks, some = steps // 2, iter(range(steps)), noise[:steps, :batch]
    changed = change_of_mind(params, config, first[:batch], second[:batch], some)
    expected = np.stack(draw.infer(params, config, first[:batch], some, switched).canvases)[:, :, 0]
    got_shape = np.shape(changed)
    assert got_shape == expected.shape, f"the shape of the canvases: expected {expected.shape}, got {got_shape}"
    for t in half - 1, half, steps - 1:
        assert_close(f"the canvas after {t + 1} of {steps} steps", changed[t], expected[t], rtol=1e-3, atol=0.01)
far, further = (abs(second - equations.sigmoid(c[-1])).mean() for c in (changed, got))
assert far < further, f"from second to the last canvas: expected less than {further:.3f}, without it, got {far:.3f}"
print("4.3 is right")

# %% [markdown]
# After the change it is shown a 4, a 1, a 4 and a 5. Which strokes of the first digit does it keep, and which of the
# second does it draw?

# %%
for name, where in ("first", (first > 0) & (second == 0)), ("second", (second > 0) & (first == 0)):
    before, after = (equations.sigmoid(c)[where].mean() for c in changed[[half - 1, -1]])
    print(f"mean of the pixels of the {name} only: {before:.2f} before the change, {after:.2f} at the end")
plotting.film_strip(equations.sigmoid(changed))

# %% [markdown]
# ## Exercise 4.4 The way back
#
# (Hard, 15 minutes.) One step of the canvas, pixel by pixel:
#
# $$\hat{x}_t = x - \sigma(c_{t-1}), \qquad c_t = c_{t-1} + w_t ,$$
#
# where $w_t$ is what the step writes. On the way back two gradients arrive: $\frac{d\mathcal{L}}{dc_t}$ from everything
# later, and $\frac{d\mathcal{L}}{d\hat{x}_t}$ from the encoder. What do $c_{t-1}$ and $w_t$ receive? Remember that
# $\sigma' = \sigma (1 - \sigma)$. Then say it in words: if the network is blind, how does $\frac{d\mathcal{L}}{dc_t}$
# depend on $t$?
#
# <details><summary>Hint</summary>
#
# $c_{t-1}$ is used twice: in $c_t$ and in $\hat{x}_t$. Add what it receives from both. $w_t$ is used once.
#
# </details>

# %%
def canvas_step_backward(c_before, d_c, d_x_hat):
    """{"c_before": dL/dc_{t-1}, "written": dL/dw_t}, from dL/dc_t and dL/dx_hat_t; all arrays of one shape."""
    # BEGIN SOLUTION
    # Blind: nothing arrives at x_hat, so dL/dc is the same at every t. Whoever sees has a second road.
    s = equations.sigmoid(c_before)
    return {"c_before": d_c - s * (1 - s) * d_x_hat, "written": d_c}
    # END SOLUTION

# %%
# Check 4.4
x, weight_c, weight_x_hat = (rng.standard_normal((3, 4)) for _ in range(3))
arguments = {"c_before": rng.standard_normal((3, 4)), "written": rng.standard_normal((3, 4))}

def loss_of(a):  # whose derivatives at c_t and x_hat_t are the two weights
    x_hat = x - equations.sigmoid(a["c_before"])
    return np.sum(weight_c * (a["c_before"] + a["written"])) + np.sum(weight_x_hat * x_hat)

assert_derivatives(loss_of, arguments, canvas_step_backward(arguments["c_before"], weight_c, weight_x_hat))
print("4.4 is right")
