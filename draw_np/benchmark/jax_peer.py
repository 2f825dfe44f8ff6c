"""The same training step in JAX, as a user of JAX would write it to be fast: `scan` over the steps, all of it jitted.

Weights that meet the same input are put side by side. The filterbanks are softmaxes over pixels. `checkpoint` has the
backward pass compute again what is cheap (all but the products), which is faster than fetching it from memory.
"""

import jax
import jax.numpy as jnp
import numpy
from jax import lax, nn

LOG_LIMIT = 20.0


def training_step(params, config, images, noise, stay=False):
    """A function without arguments that returns the loss in nats and its gradient, a nested dict of NumPy arrays; with
    `stay` both as JAX's own arrays, on the device that it prefers.

    Parameters: those of `draw.loss`, as NumPy arrays. Compiled before this returns.
    """
    x = jnp.asarray(images)
    x = jnp.moveaxis(x, 3, 1) if config.channels > 1 else x[:, None]
    arguments = jax.tree.map(jnp.asarray, params), x, jnp.asarray(noise)
    compiled = jax.jit(jax.value_and_grad(lambda *a: loss(config, *a))).lower(*arguments).compile()

    def run():
        nats, gradient = compiled(*arguments)
        if stay:
            return nats, gradient
        return nats.item(), jax.tree.map(numpy.asarray, gradient)

    return run


def loss(config, params, x, noise):
    """L = L^x + L^z, nats per image: Eq. (12). `x` of shape (batch, channels, height, width)."""
    weights = side_by_side(params, config)

    def repeat(value):
        return jnp.broadcast_to(value, (len(x), *value.shape))

    def step(state, noise_t):
        state, mu, log_sigma = one_step(weights, config, x, noise_t, *state)
        return state, 0.5 * jnp.sum(mu**2 + jnp.exp(2 * log_sigma) - 2 * log_sigma - 1)  # Eq. (11)

    state = tuple(repeat(params["initial"][k]) for k in ("canvas", "h_enc", "cell_enc", "h_dec", "cell_dec"))
    (c, *_), kl = lax.scan(jax.checkpoint(step, policy=jax.checkpoint_policies.dots_saveable), state, noise)
    return (jnp.sum(nn.softplus(c) - x * c) + jnp.sum(kl)) / len(x)


def side_by_side(params, config):
    """The weights (W, b) of every map that is one product here."""

    def joined(*names):
        return jnp.concatenate([params[n]["W"] for n in names], 1), jnp.concatenate([params[n]["b"] for n in names])

    weights = {n: (jnp.concatenate([params[n]["W"], params[n]["U"]]), params[n]["b"]) for n in ("encoder", "decoder")}
    weights["code"] = joined("mu", "sigma")
    if config.attention:
        return {**weights, "read": joined("read_window"), "write": joined("write_window", "write_patch")}
    return {**weights, "write": joined("write")}


def one_step(weights, config, x, noise, c, h_enc, cell_enc, h_dec, cell_dec):
    """Eq. (3) to Eq. (8) once: the next canvas and states, and mu and log sigma."""
    x_hat = x - nn.sigmoid(c)
    r = read(weights, config, x, x_hat, h_dec)
    h_enc, cell_enc = lstm(weights["encoder"], [r, h_dec, h_enc], cell_enc)
    mu, log_sigma = jnp.split(linear(weights["code"], h_enc), 2, 1)
    log_sigma = jnp.clip(log_sigma, -LOG_LIMIT, LOG_LIMIT)
    z = mu + jnp.exp(log_sigma) * noise
    h_dec, cell_dec = lstm(weights["decoder"], [z, h_dec], cell_dec)
    return (c + write(weights, config, h_dec), h_enc, cell_enc, h_dec, cell_dec), mu, log_sigma


def linear(weights, a):
    W, b = weights
    return a @ W + b


def lstm(weights, inputs, cell):
    i, f, o, g = jnp.split(linear(weights, jnp.concatenate(inputs, 1)), 4, 1)
    cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * jnp.tanh(g)
    return nn.sigmoid(o) * jnp.tanh(cell), cell


def read(weights, config, x, x_hat, h_dec):
    if not config.attention:
        return jnp.concatenate([image.reshape(len(x), -1) for image in (x, x_hat)], 1)
    F_X, F_Y, gamma = filterbanks(linear(weights["read"], h_dec), config.read_size, config)
    patches = []
    for image in (x, x_hat):
        columns = jnp.einsum("bchw,bjw->bchj", image, F_X)
        patches.append(jnp.einsum("bih,bchj->bcij", F_Y, columns).reshape(len(x), -1))
    return gamma * jnp.concatenate(patches, 1)


def write(weights, config, h_dec):
    batch, N, channels = len(h_dec), config.write_size, config.channels
    emitted = linear(weights["write"], h_dec)
    if not config.attention:
        return emitted.reshape(batch, channels, config.height, config.width)
    F_X, F_Y, gamma = filterbanks(emitted[:, :5], N, config)
    w = (emitted[:, 5:] / gamma).reshape(batch, channels, N, N)
    return jnp.einsum("bih,bciw->bchw", F_Y, jnp.einsum("bcij,bjw->bciw", w, F_X))


def filterbanks(emitted, N, config):
    """F_X, F_Y and gamma from the window's five numbers: Eq. (19) to Eq. (26)."""
    g_X, g_Y = emitted[:, :1], emitted[:, 1:2]
    sigma_squared, delta, gamma = jnp.split(jnp.exp(jnp.clip(emitted[:, 2:], -LOG_LIMIT, LOG_LIMIT)), 3, 1)
    delta = (max(config.width, config.height) - 1) / max(N - 1, 1) * delta
    offsets = (jnp.arange(1, N + 1, dtype=emitted.dtype) - N / 2 - 0.5) * delta

    def filterbank(g, pixels):
        mu = (pixels + 1) / 2 * (g + 1) + offsets
        a = jnp.arange(1, pixels + 1, dtype=emitted.dtype)
        return nn.softmax(-0.5 * (a - mu[:, :, None]) ** 2 / sigma_squared[:, :, None], 2)

    return filterbank(g_X, config.width), filterbank(g_Y, config.height), gamma
