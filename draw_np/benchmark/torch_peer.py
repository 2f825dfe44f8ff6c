"""The same training step in PyTorch, as a user of PyTorch would write it to be fast.

One product a linear map: weights that meet the same input are put side by side once a training step. The filterbanks
are softmaxes over pixels. Images are (batch, height, channels * width), so that all channels share one product.
"""

import torch
import torch.nn.functional as F

LOG_LIMIT = 20.0


def training_step(params, config, images, noise, compiled=False, device="cpu"):
    """A function without arguments that returns the loss in nats and its gradient, a nested dict of NumPy arrays; on
    another device than "cpu", the loss as a tensor that lies there, and the gradient as a list of them.

    Parameters: those of `draw.loss`, as NumPy arrays. `compiled`: torch.compile turns one of the T steps into C++, when
    the function is first called. To compile all T at once is a little faster, but takes minutes at T = 32.
    """
    params = map_leaves(lambda leaf: torch.tensor(leaf, device=device, requires_grad=True), params)
    leaves = []
    map_leaves(leaves.append, params)
    images, noise = torch.from_numpy(images).to(device), torch.from_numpy(noise).to(device)
    if config.channels > 1:
        images = images.movedim(3, 2)
    x = images.reshape(len(images), config.height, -1)
    one_step = torch.compile(step) if compiled else step

    def run():
        nats = loss(params, config, x, noise, one_step)
        gradients = torch.autograd.grad(nats, leaves)
        if device != "cpu":
            return nats.detach(), gradients
        gradients = iter(gradients)
        return nats.item(), map_leaves(lambda leaf: next(gradients).numpy(), params)

    return run


def map_leaves(function, tree):
    """Apply `function` to every leaf of a nested dict, in order."""
    return {k: map_leaves(function, v) if isinstance(v, dict) else function(v) for k, v in tree.items()}


def loss(params, config, x, noise, step):
    """L = L^x + L^z, nats per image: Eq. (12)."""
    weights = side_by_side(params, config)
    batch, initial = len(x), params["initial"]
    c = initial["canvas"].movedim(0, 1).reshape(config.height, -1).expand_as(x)
    state = [c] + [initial[name].expand(batch, -1) for name in ("h_enc", "cell_enc", "h_dec", "cell_dec")]
    codes = []
    for noise_t in noise:
        *state, mu, log_sigma = step(weights, config, x, noise_t, *state)
        codes.append((mu, log_sigma))
    mu, log_sigma = (torch.stack(values) for values in zip(*codes))
    kl = 0.5 * (mu.square() + (2 * log_sigma).exp() - 2 * log_sigma - 1).sum()
    return (F.binary_cross_entropy_with_logits(state[0], x, reduction="sum") + kl) / batch


def side_by_side(params, config):
    """The weights (b, W) of every map that is one product here."""

    def joined(*names):
        return torch.cat([params[n]["b"] for n in names]), torch.cat([params[n]["W"] for n in names], 1)

    weights = {n: (params[n]["b"], torch.cat([params[n]["W"], params[n]["U"]])) for n in ("encoder", "decoder")}
    weights["code"] = joined("mu", "sigma")
    if config.attention:
        return {**weights, "read": joined("read_window"), "write": joined("write_window", "write_patch")}
    return {**weights, "write": joined("write")}


def step(weights, config, x, noise, c, h_enc, cell_enc, h_dec, cell_dec):
    """Eq. (3) to Eq. (8) once: the next canvas and states, and mu and log sigma."""
    x_hat = x - c.sigmoid()
    r = read(weights, config, x, x_hat, h_dec)
    h_enc, cell_enc = lstm(weights["encoder"], [r, h_dec, h_enc], cell_enc)
    mu, log_sigma = linear(weights["code"], h_enc).chunk(2, 1)
    log_sigma = log_sigma.clamp(-LOG_LIMIT, LOG_LIMIT)
    z = torch.addcmul(mu, log_sigma.exp(), noise)
    h_dec, cell_dec = lstm(weights["decoder"], [z, h_dec], cell_dec)
    return write(weights, config, c, h_dec), h_enc, cell_enc, h_dec, cell_dec, mu, log_sigma


def linear(weights, a):
    b, W = weights
    return torch.addmm(b, a, W)


def lstm(weights, inputs, cell):
    i, f, o, g = linear(weights, torch.cat(inputs, 1)).chunk(4, 1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def read(weights, config, x, x_hat, h_dec):
    batch, N, channels = len(x), config.read_size, config.channels
    if not config.attention:
        planes = [image.view(batch, -1, channels, config.width).transpose(1, 2) for image in (x, x_hat)]
        return torch.cat([image.reshape(batch, -1) for image in planes], 1)
    F_X, F_Y, gamma = filterbanks(linear(weights["read"], h_dec), N, config)
    patches = []
    for image in (x, x_hat):
        rows = torch.bmm(F_Y, image).view(batch, N * channels, -1)
        patch = torch.bmm(rows, F_X.transpose(1, 2))  # (batch, N * channels, N)
        patches.append(patch.view(batch, N, channels, N).transpose(1, 2).reshape(batch, -1))
    return gamma * torch.cat(patches, 1)


def write(weights, config, c, h_dec):
    batch, N, channels = len(c), config.write_size, config.channels
    emitted = linear(weights["write"], h_dec)
    if not config.attention:
        return c + emitted.view(batch, channels, config.height, -1).transpose(1, 2).reshape(c.shape)
    window, patch = emitted.split([5, channels * N * N], 1)
    F_X, F_Y, gamma = filterbanks(window, N, config)
    patch = (patch / gamma).view(batch, channels, N, N).transpose(1, 2).reshape(batch, N * channels, N)
    return torch.baddbmm(c, F_Y.transpose(1, 2), torch.bmm(patch, F_X).view(batch, N, -1))


def filterbanks(emitted, N, config):
    """F_X, F_Y and gamma from the window's five numbers: Eq. (19) to Eq. (26)."""
    g_X, g_Y, logs = emitted.split([1, 1, 3], 1)
    sigma_squared, delta, gamma = logs.clamp(-LOG_LIMIT, LOG_LIMIT).exp().split(1, 1)
    delta = (max(config.width, config.height) - 1) / max(N - 1, 1) * delta
    offsets = (torch.arange(1, N + 1, dtype=emitted.dtype, device=emitted.device) - N / 2 - 0.5) * delta
    scale = (-0.5 / sigma_squared)[:, :, None]

    def filterbank(g, pixels):
        mu = (pixels + 1) / 2 * (g + 1) + offsets
        a = torch.arange(1, pixels + 1, dtype=emitted.dtype, device=emitted.device)
        return torch.softmax((a - mu[:, :, None]).square() * scale, 2)

    return filterbank(g_X, config.width), filterbank(g_Y, config.height), gamma
