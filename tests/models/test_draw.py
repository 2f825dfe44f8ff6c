"""DRAW's wiring (Eq 3-16): against one slow DRAW in loops over scalars, and each connection on its own.

The reference below is written from the paper alone, one image at a time, and shares no code with draw_np.
"""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draw_np import equations, kernels
from draw_np.backend import np as backend_np
from draw_np.backend import value_and_grad
from draw_np.models import draw
from draw_np.training.trees import map_leaves, named_leaves

BATCH = 2
GREY = draw.Config(height=8, width=7, channels=1, steps=3, hidden=6, latent=5, read_size=4, write_size=9)
COLOUR = dataclasses.replace(GREY, channels=3, steps=10)
CONFIGS = {
    "grey": GREY,
    "colour": COLOUR,
    "wide": dataclasses.replace(GREY, height=5, width=10),
    "grey without attention": dataclasses.replace(GREY, read_size=None, write_size=None),
    "colour without attention": dataclasses.replace(COLOUR, read_size=None, write_size=None),
}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
with_and_without_attention = pytest.mark.parametrize(
    "config", [CONFIGS["grey"], CONFIGS["grey without attention"]], ids=["attention", "no attention"]
)


def random_case(config, seed=0, batch=BATCH, dtype=np.float64):
    """Parameters without a single zero, images and noise."""
    rng = np.random.default_rng(seed)
    params = draw.init_params(config, rng, dtype=dtype)
    params = map_leaves(lambda leaf: (0.4 * rng.normal(size=leaf.shape)).astype(dtype), params)
    shape = (batch, config.height, config.width) + ((config.channels,) if config.channels > 1 else ())
    return params, rng.random(shape).astype(dtype), draw.sample_noise(config, batch, rng, dtype)


# One slow DRAW


def reference_sigmoid(v):
    return 1 / (1 + math.exp(-v))


def reference_W(p, a):
    return [p["b"][k] + sum(a[m] * p["W"][m][k] for m in range(len(a))) for k in range(len(p["b"]))]


def reference_rnn(p, x, h, cell):
    """LSTM with forget gates, columns in the order i, f, o, g."""
    pre = [
        b + sum(x[m] * p["W"][m][k] for m in range(len(x))) + sum(h[m] * p["U"][m][k] for m in range(len(h)))
        for k, b in enumerate(p["b"])
    ]
    H = len(h)
    i, f, o = ([reference_sigmoid(pre[gate * H + k]) for k in range(H)] for gate in range(3))
    cell = [f[k] * cell[k] + i[k] * math.tanh(pre[3 * H + k]) for k in range(H)]
    return [o[k] * math.tanh(cell[k]) for k in range(H)], cell


def reference_window(p, h_dec, N, A, B):
    """Eq 19-26: the window's five numbers, and the rows of F_X and of F_Y for i, j, a, b = 1, 2, ..."""
    g_X, g_Y, log_sigma_squared, log_delta, log_gamma = reference_W(p, h_dec)
    g_X, g_Y = (A + 1) / 2 * (g_X + 1), (B + 1) / 2 * (g_Y + 1)
    delta = (max(A, B) - 1) / (N - 1) * math.exp(log_delta)
    sigma_squared, gamma = math.exp(log_sigma_squared), math.exp(log_gamma)

    def bank(g, pixels):
        rows = []
        for i in range(1, N + 1):
            mu = g + (i - N / 2 - 0.5) * delta
            row = [math.exp(-((a - mu) ** 2) / (2 * sigma_squared)) for a in range(1, pixels + 1)]
            rows.append([value / sum(row) for value in row])
        return rows

    return (g_X, g_Y, delta, sigma_squared, gamma), bank(g_X, A), bank(g_Y, B)


def reference_read(params, config, x, x_hat, h_dec):
    A, B, N = config.width, config.height, config.read_size
    if N is None:
        return [v for image in (x, x_hat) for plane in image for row in plane for v in row], None  # Eq 17
    window, F_X, F_Y = reference_window(params["read_window"], h_dec, N, A, B)
    r = []
    for image in (x, x_hat):
        for plane in image:
            for j in range(N):
                for i in range(N):
                    total = sum(F_Y[j][b] * plane[b][a] * F_X[i][a] for b in range(B) for a in range(A))
                    r.append(window[4] * total)  # Eq 27
    return r, window


def reference_write(params, config, h_dec):
    A, B, N = config.width, config.height, config.write_size
    if N is None:
        numbers = iter(reference_W(params["write"], h_dec))  # Eq 18
        return [[[next(numbers) for _ in range(A)] for _ in range(B)] for _ in range(config.channels)], None
    window, F_X, F_Y = reference_window(params["write_window"], h_dec, N, A, B)
    w = reference_W(params["write_patch"], h_dec)  # Eq 28
    written = []
    for k in range(config.channels):
        written.append([[0.0] * A for _ in range(B)])
        for b in range(B):
            for a in range(A):
                for j in range(N):
                    for i in range(N):
                        w_ji = w[(k * N + j) * N + i]
                        written[k][b][a] += F_Y[j][b] * w_ji * F_X[i][a] / window[4]  # Eq 29
    return written, window


def reference_add(c, written):
    return [[[u + v for u, v in zip(*rows)] for rows in zip(*planes)] for planes in zip(c, written)]


def reference_infer(params, config, x, noise, looks=()):
    """Eq 3-8 for one image x[channel][b][a] and noise[t]: c, mu, sigma, both windows and z for each t.

    `looks`, if given, has an x for each t.
    """
    initial = {name: value.tolist() for name, value in params["initial"].items()}
    c, h_dec, cell_dec = initial["canvas"], initial["h_dec"], initial["cell_dec"]
    h_enc, cell_enc = initial["h_enc"], initial["cell_enc"]
    steps = []
    for t, epsilon in enumerate(noise):
        x = looks[t] if looks else x
        minus = [[[-reference_sigmoid(v) for v in row] for row in plane] for plane in c]
        x_hat = reference_add(x, minus)  # Eq 3
        r, read_window = reference_read(params, config, x, x_hat, h_dec)  # Eq 4
        h_enc, cell_enc = reference_rnn(params["encoder"], r + h_dec, h_enc, cell_enc)  # Eq 5
        mu = reference_W(params["mu"], h_enc)  # Eq 1
        sigma = [math.exp(v) for v in reference_W(params["sigma"], h_enc)]  # Eq 2
        z = [m + s * e for m, s, e in zip(mu, sigma, epsilon)]  # Eq 6
        h_dec, cell_dec = reference_rnn(params["decoder"], z, h_dec, cell_dec)  # Eq 7
        written, write_window = reference_write(params, config, h_dec)
        c = reference_add(c, written)  # Eq 8
        steps.append((c, mu, sigma, read_window, write_window, z))
    return steps


def reference_generate(params, config, noise):
    """Eq 13-15 for one image: c and the write window for each t."""
    c, h, cell = (params["initial"][name].tolist() for name in ("canvas", "h_dec", "cell_dec"))
    steps = []
    for z in noise:  # Eq 13
        h, cell = reference_rnn(params["decoder"], z, h, cell)  # Eq 14
        written, window = reference_write(params, config, h)
        c = reference_add(c, written)  # Eq 15
        steps.append((c, window))
    return steps


def reference_losses(x, steps):
    """Eq 9 and the terms of Eq 11 for one image."""
    L_x = 0.0
    for plane_x, plane_c in zip(x, steps[-1][0]):
        for row_x, row_c in zip(plane_x, plane_c):
            for v, logit in zip(row_x, row_c):
                p, one_minus_p = reference_sigmoid(logit), reference_sigmoid(-logit)
                L_x -= v * math.log(p) + (1 - v) * math.log(one_minus_p)
    L_z = [
        0.5 * sum(m**2 + s**2 - math.log(s**2) for m, s in zip(mu, sigma)) - len(mu) / 2
        for _, mu, sigma, _, _, _ in steps
    ]
    return L_x, L_z


def planes_of(image, config):
    """x[channel][b][a] of one image (height, width[, channels])."""
    channels = range(config.channels)
    rows = image.reshape(config.height, config.width, config.channels).tolist()
    return [[[pixel[k] for pixel in row] for row in rows] for k in channels]


def reference_of(case, config):
    """The reference's steps and losses for every image of a case."""
    params, images, noise = case
    xs = [planes_of(image, config) for image in images]
    all_steps = [reference_infer(params, config, x, noise[:, n]) for n, x in enumerate(xs)]
    return all_steps, [reference_losses(x, steps) for x, steps in zip(xs, all_steps)]


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-13)


def window_at(window, n):
    return [field[n, 0] for field in window]


# The code against it


@every_config
@pytest.mark.equation(3, 4, 5, 6, 7, 8)
def test_infer(config):
    case = random_case(config)
    all_steps, _ = reference_of(case, config)
    trace = draw.infer(case[0], config, *case[1:])
    assert all(len(entries) == config.steps for entries in trace)
    for n, steps in enumerate(all_steps):
        for t, (c, mu, sigma, read_window, write_window, _) in enumerate(steps):
            assert_close(trace.canvases[t][n], c)
            assert_close(trace.mu[t][n], mu)
            assert_close(trace.sigma[t][n], sigma)
            if config.attention:
                assert_close(window_at(trace.read_windows[t], n), read_window)
                assert_close(window_at(trace.write_windows[t], n), write_window)


@every_config
def test_bound_of_staged_images(config):
    """The first half of the steps, rounded down, sees other images than the rest does; the bound is of the latter."""
    params, images, noise = random_case(config)
    firsts = np.random.default_rng(8).random(images.shape)
    reconstruction, latent = draw.bound(params, config, np.stack([firsts, images], axis=1), noise)
    for n in range(len(images)):
        first, x = planes_of(firsts[n], config), planes_of(images[n], config)
        early = len(noise) // 2
        steps = reference_infer(params, config, x, noise[:, n], [first] * early + [x] * (len(noise) - early))
        L_x, L_z = reference_losses(x, steps)
        assert_close(reconstruction[n], L_x)
        assert_close(latent[:, n], L_z)


@every_config
def test_the_bound_of_equal_stages_is_the_bound(config):
    params, images, noise = random_case(config)
    for parts in (1, 2, 3):
        looks = np.stack([images] * parts, axis=1)
        found = draw.bound(params, config, looks, noise)
        for part, expected in zip(found, draw.bound(params, config, images, noise)):
            assert np.array_equal(part, expected)
    with pytest.raises(ValueError, match="^4 stages are more than the 3 steps$"):
        draw.bound(params, config, np.stack([images] * 4, axis=1), noise[:3])
    with pytest.raises(ValueError, match="^images must be of shape"):
        draw.bound(params, config, np.stack([images] * 2, axis=1)[..., :-1], noise)
    with pytest.raises(ValueError, match="^images must lie in"):
        draw.bound(params, config, np.stack([images + 2, images], axis=1), noise)


@pytest.mark.parametrize("keep_every", [0, -1, 1.5, True, "3", [2], np.float64(2), np.array([2])])
def test_states_kept_at_what_is_no_interval_is_refused(keep_every):
    config = dataclasses.replace(GREY, steps=4)
    params, images, noise = random_case(config)
    with pytest.raises(ValueError, match="^keep_every must be a whole number of at least 1, got [^\n]+$"):
        draw.bound(params, config, images, noise, keep_every=keep_every)
    for kind in (np.int64, np.uint8, np.array):
        found, expected = (draw.bound(params, config, images, noise, keep_every=k) for k in (kind(3), 3))
        assert all(np.array_equal(*pair) for pair in zip(found, expected))


@pytest.mark.parametrize("ops", [equations, kernels])
@pytest.mark.parametrize("stages", [1, 2, 3])
@pytest.mark.parametrize("keep_every", [1, 2, 3, 4, 10, 99])  # of ten steps
@with_and_without_attention
def test_keeping_few_states_of_staged_images_changes_no_number(config, keep_every, stages, ops):
    config = dataclasses.replace(config, steps=10)
    params, _, noise = random_case(config)
    looks = np.random.default_rng(5).random((BATCH, stages, config.height, config.width))

    def loss(**how):
        def terms(params):
            reconstruction, latent = draw.bound(params, config, looks, noise, ops, **how)
            return backend_np.concatenate([reconstruction, backend_np.ravel(latent)])

        return value_and_grad(terms, params)

    (found, gradient), (expected, slopes) = loss(keep_every=keep_every), loss()
    assert len(found) == BATCH * 11
    assert_close(found, expected)
    for name, slope in named_leaves(slopes).items():
        np.testing.assert_allclose(named_leaves(gradient)[name], slope, rtol=1e-9, atol=1e-12, err_msg=name)


@every_config
@pytest.mark.equation(9, 10, 11, 12)
def test_bound_and_loss(config):
    params, images, noise = case = random_case(config, seed=1)
    _, losses = reference_of(case, config)
    reconstruction, latent = draw.bound(params, config, images, noise)
    assert reconstruction.shape == (BATCH,) and latent.shape == (config.steps, BATCH)
    assert_close(reconstruction, [L_x for L_x, _ in losses])
    assert_close(latent.T, [L_z for _, L_z in losses])
    mean = sum(L_x + sum(L_z) for L_x, L_z in losses) / BATCH
    assert_close(draw.loss(params, config, images, noise), mean)


@every_config
@pytest.mark.equation(13, 14, 15, 16)
def test_generate(config):
    params, _, noise = random_case(config, seed=2)
    canvases, windows = draw.generate(params, config, noise)
    uniform = np.random.default_rng(3).random(canvases[-1].shape)
    sampled = equations.sample_image(canvases[-1], uniform)
    for n in range(BATCH):
        for t, (c, window) in enumerate(reference_generate(params, config, noise[:, n])):
            assert_close([planes_of(canvases[t, n], config)], [c])
            if config.attention:
                assert_close([field[t, n] for field in windows], window)
        means = np.vectorize(reference_sigmoid)(c)  # c_T
        expected = np.array(planes_of(uniform[n], config)) < means  # Eq 16
        assert np.array_equal(planes_of(sampled[n], config), expected)
    assert config.attention or windows is None


@with_and_without_attention
@pytest.mark.equation(9, 10)
def test_log_importance_weight(config):
    """log p(x | z) + log p(z) - log q(z | x), each a sum of log densities."""
    params, images, noise = case = random_case(config, seed=4)
    all_steps, losses = reference_of(case, config)

    def log_normal(z, mu, sigma):
        return -0.5 * math.log(2 * math.pi) - math.log(sigma) - (z - mu) ** 2 / (2 * sigma**2)

    expected = []
    for steps, (L_x, _) in zip(all_steps, losses):
        codes = [unit for _, mu, sigma, _, _, z in steps for unit in zip(z, mu, sigma)]
        log_q = sum(log_normal(*unit) for unit in codes)
        log_p = sum(log_normal(z, 0.0, 1.0) for z, _, _ in codes)
        expected.append(-L_x + log_p - log_q)
    assert_close(draw.log_importance_weight(params, config, images, noise), expected)


# Each connection on its own


def change(params, name, leaf, by=0.5):
    """The parameters with one leaf moved, such as change(params, "initial", "h_dec")."""
    return {**params, name: {**params[name], leaf: params[name][leaf] + by}}


@pytest.mark.equation(5)
def test_encoder_is_given_the_decoders_last_output():
    """Without attention nothing else carries h_dec to the first posterior."""
    config = CONFIGS["grey without attention"]
    params, images, noise = random_case(config)
    moved = change(params, "initial", "h_dec")

    def first_mu(params):
        return draw.infer(params, config, images, noise).mu[0]

    assert np.all(first_mu(params) != first_mu(moved))
    for p in (params, moved):
        p["encoder"] = {**p["encoder"], "W": params["encoder"]["W"].copy()}
        p["encoder"]["W"][-config.hidden :] = 0  # [r_t, h_dec]: h_dec comes last
    assert np.array_equal(first_mu(params), first_mu(moved))


@pytest.mark.equation(4)
def test_reading_looks_where_the_decoders_last_output_says():
    params, images, noise = random_case(GREY)
    trace = draw.infer(params, GREY, images, noise)
    moved = draw.infer(change(params, "initial", "h_dec"), GREY, images, noise)
    assert np.all(trace.read_windows[0].g_X != moved.read_windows[0].g_X)
    assert np.all(trace.read_windows[0].g_X != trace.read_windows[1].g_X)


def test_read_and_write_windows_have_weights_of_their_own():
    config = dataclasses.replace(GREY, write_size=GREY.read_size)  # else their strides differ anyway
    params, images, noise = random_case(config)
    trace = draw.infer(params, config, images, noise)

    moved = draw.infer(change(params, "write_window", "b"), config, images, noise)
    assert np.array_equal(trace.read_windows[0], moved.read_windows[0])
    assert np.all(np.array(trace.write_windows[0]) != np.array(moved.write_windows[0]))

    other = change(params, "read_window", "b")
    moved = draw.infer(other, config, images, noise)
    assert np.all(np.array(trace.read_windows[0]) != np.array(moved.read_windows[0]))
    canvases = draw.generate(params, config, noise).canvases
    assert np.array_equal(canvases, draw.generate(other, config, noise).canvases)


@with_and_without_attention
@pytest.mark.equation(3)
def test_every_step_sees_the_error_of_the_canvas_so_far(config):
    """A different c_0 changes what is read at t = 1, though x and h_dec are the same."""
    params, images, noise = random_case(config)
    moved = draw.infer(change(params, "initial", "canvas", by=2.0), config, images, noise)
    assert np.all(draw.infer(params, config, images, noise).mu[0] != moved.mu[0])


@with_and_without_attention
@pytest.mark.equation(13)
def test_generation_never_touches_the_encoder(config):
    """A reconstruction passed off as a sample would be full of NaN. No image can be passed at all."""
    params, _, noise = random_case(config)
    broken = dict(params, initial=dict(params["initial"]))
    for name in {"encoder", "mu", "sigma", "read_window"} & set(params):
        broken[name] = map_leaves(lambda leaf: np.full_like(leaf, np.nan), params[name])
    for name in ("h_enc", "cell_enc"):
        broken["initial"][name] = np.full_like(params["initial"][name], np.nan)
    canvases = draw.generate(broken, config, noise).canvases
    assert np.all(np.isfinite(canvases))
    assert np.array_equal(canvases, draw.generate(params, config, noise).canvases)


@with_and_without_attention
def test_every_parameter_matters(config):
    params, images, noise = random_case(config)
    _, gradient = value_and_grad(lambda p: draw.loss(p, config, images, noise), params)
    assert all(np.all(leaf != 0) for leaf in named_leaves(gradient).values())


# Noise


@with_and_without_attention
@pytest.mark.equation(6)
def test_every_single_number_of_the_noise_matters_to_its_own_image_only(config):
    params, images, noise = random_case(config)

    def nats(noise):
        reconstruction, latent = draw.bound(params, config, images, noise)
        return reconstruction + latent.sum(axis=0)

    before = nats(noise)
    for t, n, k in np.ndindex(noise.shape):
        other = noise.copy()
        other[t, n, k] += 1
        assert np.flatnonzero(nats(other) != before).tolist() == [n]


def test_sampled_noise_is_standard_normal_and_independent():
    """Not one tensor for every t, one row for the batch or one number for all units."""
    config = dataclasses.replace(GREY, steps=11, latent=13)
    batch, rows = 17, 100
    rng = np.random.default_rng(0)
    noise = np.stack([draw.sample_noise(config, batch, rng) for _ in range(rows)])
    assert noise.shape[1:] == (config.steps, batch, config.latent) and noise.dtype == np.float32
    assert abs(noise.mean()) < 5 / math.sqrt(noise.size)
    assert abs(noise.var() - 1) < 5 * math.sqrt(2 / noise.size)
    for axis in (1, 2, 3):
        variables = np.moveaxis(noise, axis, 0).reshape(noise.shape[axis], -1)
        off_diagonal = np.corrcoef(variables) - np.eye(len(variables))
        assert np.abs(off_diagonal).max() < 5 / math.sqrt(variables.shape[1])


# What holds for any parameters


@given(st.integers(0, 2**32 - 1), st.permutations(range(4)))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_images_of_a_batch_do_not_see_each_other(seed, order):
    params, images, noise = random_case(GREY, seed, batch=4)
    reconstruction, latent = draw.bound(params, GREY, images, noise)
    shuffled = draw.bound(params, GREY, images[order], noise[:, order])
    assert_close(shuffled[0], reconstruction[order])
    assert_close(shuffled[1], latent[:, order])
    alone = draw.bound(params, GREY, images[:1], noise[:, :1])
    assert_close(alone[0], reconstruction[:1])
    canvases = draw.generate(params, GREY, noise).canvases
    assert_close(draw.generate(params, GREY, noise[:, order]).canvases, canvases[:, order])


@every_config
def test_the_noise_decides_the_number_of_steps(config):
    """The first steps of a longer run are those of a shorter one, whatever the configuration's T."""
    params, images, noise = random_case(dataclasses.replace(config, steps=5))
    longer, shorter = (draw.infer(params, config, images, noise[:steps]) for steps in (5, 2))
    assert len(longer.canvases) == 5 and len(shorter.canvases) == 2
    assert_close(longer.canvases[:2], shorter.canvases)
    assert_close(longer.mu[:2], shorter.mu)
    canvases = draw.generate(params, config, noise).canvases
    assert_close(canvases[:2], draw.generate(params, config, noise[:2]).canvases)


@pytest.mark.equation(11)
def test_posterior_equal_to_the_prior_costs_nothing_at_every_step():
    """-T/2 as printed, instead of -TZ/2, would make it 3,168 nats at T = 64, Z = 100."""
    config = dataclasses.replace(GREY, steps=64, latent=100)
    params, images, noise = random_case(config)
    for name in ("mu", "sigma"):
        params[name] = map_leaves(np.zeros_like, params[name])
    reconstruction, latent = draw.bound(params, config, images, noise)
    assert np.all(latent == 0)
    assert_close(draw.log_importance_weight(params, config, images, noise), -reconstruction)
