"""Selective attention (Eq 17-29) against loops over the paper's own indices, and what holds for any window.

The references keep images, patches and filterbanks as dicts whose keys are the paper's subscripts, counted
from 1: F_X[i, a], F_Y[j, b], x[b, a] (row b, column a: Eq 27 needs B rows of A pixels), w[j, i].
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draw_np import equations
from draw_np.backend import value_and_grad

BATCH, N, HIDDEN, WIDTH, HEIGHT = 2, 4, 6, 7, 8
every_channel_count = pytest.mark.parametrize("channels", [1, 3])
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
searched = settings(max_examples=60, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


def reference_eq_19(g_X, delta, N):
    return {i: g_X + (i - N / 2 - 0.5) * delta for i in range(1, N + 1)}


def reference_eq_20(g_Y, delta, N):
    return {j: g_Y + (j - N / 2 - 0.5) * delta for j in range(1, N + 1)}


def reference_eq_21_to_24(W, b, h_dec, N, A, B):
    """The window of one image, in the order of `equations.Window`."""
    emitted = [b[k] + sum(h_dec[m] * W[m][k] for m in range(len(h_dec))) for k in range(5)]
    g_X_tilde, g_Y_tilde, log_sigma_squared, log_delta_tilde, log_gamma = emitted  # Eq 21
    g_X = (A + 1) / 2 * (g_X_tilde + 1)  # Eq 22
    g_Y = (B + 1) / 2 * (g_Y_tilde + 1)  # Eq 23
    delta = (max(A, B) - 1) / (N - 1) * math.exp(log_delta_tilde)  # Eq 24
    return g_X, g_Y, delta, math.exp(log_sigma_squared), math.exp(log_gamma)


def reference_eq_25(mu_X, sigma_squared, A):
    """F_X[i, a]; Eq 26 is the same along the other axis."""
    F_X = {}
    for i in mu_X:
        unnormalised = {a: math.exp(-((a - mu_X[i]) ** 2) / (2 * sigma_squared)) for a in range(1, A + 1)}
        Z_X = sum(unnormalised.values())
        for a in unnormalised:
            F_X[i, a] = unnormalised[a] / Z_X
    return F_X


def reference_eq_27(x, F_X, F_Y, gamma, N, A, B):
    """gamma F_Y x F_X^T of one plane."""
    patch = {}
    for j in range(1, N + 1):
        for i in range(1, N + 1):
            total = 0.0
            for b in range(1, B + 1):
                for a in range(1, A + 1):
                    total += F_Y[j, b] * x[b, a] * F_X[i, a]
            patch[j, i] = gamma * total
    return patch


def reference_eq_29(w, F_X, F_Y, gamma, N, A, B):
    """1 / gamma F_Y^T w F_X of one plane."""
    written = {}
    for b in range(1, B + 1):
        for a in range(1, A + 1):
            total = 0.0
            for j in range(1, N + 1):
                for i in range(1, N + 1):
                    total += F_Y[j, b] * w[j, i] * F_X[i, a]
            written[b, a] = total / gamma
    return written


def reference_eq_18_28(W, b, h_dec, *shape):
    """W(h_dec) of one image laid out row by row: planes[channel][row][column]."""
    numbers = iter(b[k] + sum(h_dec[m] * W[m][k] for m in range(len(h_dec))) for k in range(len(b)))
    channels, rows, columns = shape
    return [[[next(numbers) for _ in range(columns)] for _ in range(rows)] for _ in range(channels)]


def by_subscript(plane):
    """A matrix as a dict with subscripts from 1."""
    return {(row + 1, column + 1): float(value) for (row, column), value in np.ndenumerate(plane)}


def as_matrix(subscripted):
    rows, columns = max(subscripted)
    return [[subscripted[row, column] for column in range(1, columns + 1)] for row in range(1, rows + 1)]


def window_of(emitted, N, height, width):
    """The window for the five numbers of Eq 21 themselves, `emitted` of shape (batch, 5)."""
    identity = {"W": np.eye(5, dtype=emitted.dtype), "b": np.zeros(5, emitted.dtype)}
    return equations.attention_window(identity, emitted, N, height, width)


def random_window(rng, N=N, height=HEIGHT, width=WIDTH, batch=BATCH):
    return window_of(0.5 * rng.normal(size=(batch, 5)), N, height, width)


def random_read(rng, channels, batch=BATCH):
    """Two image stacks and the filters and intensity of a random window."""
    x, x_hat = rng.random((2, batch, channels, HEIGHT, WIDTH))
    window = random_window(rng, batch=batch)
    return x, x_hat, *equations.filterbanks(window, N, HEIGHT, WIDTH), window.gamma


# The equations, one by one


@pytest.mark.equation(21, 22, 23, 24)
@pytest.mark.parametrize("height, width", [(HEIGHT, WIDTH), (5, 9)])  # the larger side is A or B
def test_attention_window(height, width):
    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(HIDDEN, 5)), "b": rng.normal(size=5)}
    h_dec = rng.normal(size=(BATCH, HIDDEN))
    window = equations.attention_window(params, h_dec, N, height, width)
    assert all(field.shape == (BATCH, 1) for field in window)
    for n in range(BATCH):
        expected = reference_eq_21_to_24(params["W"], params["b"], h_dec[n], N, A=width, B=height)
        np.testing.assert_allclose([field[n, 0] for field in window], expected, rtol=1e-12)


@pytest.mark.equation(19, 20)
@pytest.mark.parametrize("filters", [1, 3, 4])
def test_filter_means(filters):
    g, delta = np.array([[3.3], [-1.2]]), np.array([[0.7], [2.1]])
    mu = equations.filter_means(g, delta, filters)
    for n in range(BATCH):
        for reference in (reference_eq_19, reference_eq_20):
            expected = list(reference(g[n, 0], delta[n, 0], filters).values())
            np.testing.assert_allclose(mu[n], expected, rtol=1e-12)


@pytest.mark.equation(25, 26)
def test_filterbank():
    rng = np.random.default_rng(1)
    mu, sigma_squared = 9 * rng.random((BATCH, N)), np.array([[0.4], [1.7]])
    F = equations.filterbank(mu, sigma_squared, WIDTH)
    for n in range(BATCH):
        expected = reference_eq_25(dict(enumerate(mu[n], start=1)), sigma_squared[n, 0], WIDTH)
        np.testing.assert_allclose(F[n], as_matrix(expected), rtol=1e-12)


@pytest.mark.equation(19, 20, 25, 26)
def test_filterbanks_of_a_window():
    window = random_window(np.random.default_rng(2))
    F_X, F_Y = equations.filterbanks(window, N, HEIGHT, WIDTH)
    for n in range(BATCH):
        g_X, g_Y, delta, sigma_squared, _ = (field[n, 0] for field in window)
        expected_X = reference_eq_25(reference_eq_19(g_X, delta, N), sigma_squared, WIDTH)
        expected_Y = reference_eq_25(reference_eq_20(g_Y, delta, N), sigma_squared, HEIGHT)
        np.testing.assert_allclose(F_X[n], as_matrix(expected_X), rtol=1e-12)
        np.testing.assert_allclose(F_Y[n], as_matrix(expected_Y), rtol=1e-12)


@every_channel_count
@pytest.mark.equation(27)
def test_read(channels):
    x, x_hat, F_X, F_Y, gamma = random_read(np.random.default_rng(3), channels)
    r = equations.read(x, x_hat, F_X, F_Y, gamma)
    assert r.shape == (BATCH, 2 * channels * N * N)
    for n in range(BATCH):
        filters = by_subscript(F_X[n]), by_subscript(F_Y[n]), gamma[n, 0], N, WIDTH, HEIGHT
        planes = [plane for images in (x, x_hat) for plane in images[n]]  # x, all channels, before x_hat
        patches = [as_matrix(reference_eq_27(by_subscript(plane), *filters)) for plane in planes]
        np.testing.assert_allclose(r[n], np.ravel(patches), rtol=1e-12)


@every_channel_count
def test_glimpse(channels):
    """The half of Eq 27 that is of x."""
    x, _, F_X, F_Y, gamma = random_read(np.random.default_rng(3), channels)
    r = equations.glimpse(x, F_X, F_Y, gamma)
    assert r.shape == (BATCH, channels * N * N)
    for n in range(BATCH):
        filters = by_subscript(F_X[n]), by_subscript(F_Y[n]), gamma[n, 0], N, WIDTH, HEIGHT
        patches = [as_matrix(reference_eq_27(by_subscript(plane), *filters)) for plane in x[n]]
        np.testing.assert_allclose(r[n], np.ravel(patches), rtol=1e-12)


@every_channel_count
@pytest.mark.equation(17)
def test_read_without_attention(channels):
    x, x_hat = np.random.default_rng(4).random((2, BATCH, channels, HEIGHT, WIDTH))
    r = np.concatenate(equations.read_without_attention(x, x_hat), axis=1)
    for n in range(BATCH):
        expected = [
            images[n, channel, b - 1, a - 1]
            for images in (x, x_hat)
            for channel in range(channels)
            for b in range(1, HEIGHT + 1)
            for a in range(1, WIDTH + 1)
        ]
        assert r[n].tolist() == expected


@every_channel_count
@pytest.mark.equation(28)
def test_writing_patch(channels):
    rng = np.random.default_rng(5)
    params = {"W": rng.normal(size=(HIDDEN, channels * N * N)), "b": rng.normal(size=channels * N * N)}
    h_dec = rng.normal(size=(BATCH, HIDDEN))
    expected = [reference_eq_18_28(params["W"], params["b"], h_dec[n], channels, N, N) for n in range(BATCH)]
    np.testing.assert_allclose(equations.writing_patch(params, h_dec, N, channels), expected, rtol=1e-12)


@every_channel_count
@pytest.mark.equation(29)
def test_write(channels):
    rng = np.random.default_rng(6)
    w, window = rng.normal(size=(BATCH, channels, N, N)), random_window(rng)
    F_X, F_Y = equations.filterbanks(window, N, HEIGHT, WIDTH)
    written = equations.write(w, F_X, F_Y, window.gamma)
    assert written.shape == (BATCH, channels, HEIGHT, WIDTH)
    for n in range(BATCH):
        filters = by_subscript(F_X[n]), by_subscript(F_Y[n]), window.gamma[n, 0], N, WIDTH, HEIGHT
        expected = [as_matrix(reference_eq_29(by_subscript(plane), *filters)) for plane in w[n]]
        np.testing.assert_allclose(written[n], expected, rtol=1e-12)


@every_channel_count
@pytest.mark.equation(18)
def test_write_without_attention(channels):
    rng = np.random.default_rng(7)
    size = channels * HEIGHT * WIDTH
    params = {"W": rng.normal(size=(HIDDEN, size)), "b": rng.normal(size=size)}
    h_dec = rng.normal(size=(BATCH, HIDDEN))
    expected = [reference_eq_18_28(params["W"], params["b"], h_dec[n], channels, HEIGHT, WIDTH) for n in range(BATCH)]
    written = equations.write_without_attention(params, h_dec, channels, HEIGHT, WIDTH)
    np.testing.assert_allclose(written, expected, rtol=1e-12)


# Where the window is


@pytest.mark.parametrize("height, width", [(HEIGHT, WIDTH), (5, 9)])
def test_neutral_window_covers_the_longer_side_and_is_centred(height, width):
    window = window_of(np.zeros((1, 5)), N, height, width)
    mu_X = equations.filter_means(window.g_X, window.delta, N)[0]
    mu_Y = equations.filter_means(window.g_Y, window.delta, N)[0]
    longer = mu_X if width > height else mu_Y
    np.testing.assert_allclose([longer[0], longer[-1]], [1, max(width, height)], rtol=1e-12)
    np.testing.assert_allclose([mu_X.mean(), mu_Y.mean()], [(width + 1) / 2, (height + 1) / 2], rtol=1e-12)


@given(
    filters=st.integers(1, 6),
    log_delta=st.floats(-3, 2),
    log_sigma_squared=st.floats(-3, 5),
    g_Y=st.floats(-2, 2),
)
@searched
@pytest.mark.equation(19, 22, 25)
def test_centred_window_is_its_own_mirror_image(filters, log_delta, log_sigma_squared, g_Y):
    """Pixels or filters counted from 0 beside offsets counted from 1 would shift it."""
    window = window_of(np.array([[0.0, g_Y, log_sigma_squared, log_delta, 0.0]]), filters, HEIGHT, WIDTH)
    F_X, _ = equations.filterbanks(window, filters, HEIGHT, WIDTH)
    np.testing.assert_allclose(F_X[0], F_X[0, ::-1, ::-1], rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("square", [5, 6])
def test_window_with_a_sharp_filter_on_every_pixel_reads_the_image_itself(square):
    rng = np.random.default_rng(8)
    x, x_hat = rng.random((2, BATCH, 3, square, square))
    log_gamma = 0.7
    window = window_of(np.tile([0.0, 0.0, -20.0, 0.0, log_gamma], (BATCH, 1)), square, square, square)
    F_X, F_Y = equations.filterbanks(window, square, square, square)
    r = equations.read(x, x_hat, F_X, F_Y, window.gamma)
    both = np.concatenate([x.reshape(BATCH, -1), x_hat.reshape(BATCH, -1)], axis=1)
    np.testing.assert_allclose(r, math.exp(log_gamma) * both, rtol=1e-12)
    w = r[:, : x[0].size].reshape(x.shape)
    np.testing.assert_allclose(equations.write(w, F_X, F_Y, window.gamma), x, rtol=1e-12)  # gamma is undone


def test_one_sharp_filter_reads_and_writes_the_pixel_it_points_at():
    """N = 1, where Eq 24 divides by zero; a batch of windows, one for every pixel (a, b)."""
    places = [(a, b) for b in range(1, HEIGHT + 1) for a in range(1, WIDTH + 1)]
    emitted = [[2 * a / (WIDTH + 1) - 1, 2 * b / (HEIGHT + 1) - 1, -20.0, 0.3, 0.0] for a, b in places]
    window = window_of(np.array(emitted), 1, HEIGHT, WIDTH)
    F_X, F_Y = equations.filterbanks(window, 1, HEIGHT, WIDTH)
    x = np.random.default_rng(9).random((1, 1, HEIGHT, WIDTH)).repeat(len(places), axis=0)
    r = equations.read(x, -x, F_X, F_Y, window.gamma)
    assert r.tolist() == [[x[0, 0, b - 1, a - 1], -x[0, 0, b - 1, a - 1]] for a, b in places]
    written = equations.write(np.ones((len(places), 1, 1, 1)), F_X, F_Y, window.gamma)
    assert np.array_equal(written.reshape(len(places), -1), np.eye(len(places)))


@given(mu=st.floats(1, WIDTH - 1), log_sigma_squared=st.floats(-1, 5))
@searched
def test_moving_a_filter_by_a_pixel_moves_its_weights_by_a_pixel(mu, log_sigma_squared):
    """Up to the edges, which cut off a different part of it: compare the ratios between weights."""
    here, there = equations.filterbank(np.array([[mu, mu + 1]]), np.array([[math.exp(log_sigma_squared)]]), WIDTH)[0]
    np.testing.assert_allclose(there[1:] / there[1:].sum(), here[:-1] / here[:-1].sum(), rtol=1e-9)


# Extremes


@every_dtype
@given(
    emitted=st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), *[st.floats(-1e4, 1e4)] * 3),
    filters=st.integers(1, 5),
)
@searched
def test_any_window_has_rows_that_sum_to_one_and_finite_gradients(dtype, emitted, filters):
    """Far outside, tiny, huge: exp, then divide would be 0 / 0; a small number in Z, a sum below 1."""
    rng = np.random.default_rng(10)
    weights_X = rng.normal(size=(filters, WIDTH)).astype(dtype)
    weights_Y = rng.normal(size=(filters, HEIGHT)).astype(dtype)
    emitted = np.array([emitted], dtype)

    def banks(p):
        window = window_of(p["emitted"], filters, HEIGHT, WIDTH)
        return window, *equations.filterbanks(window, filters, HEIGHT, WIDTH)

    def weighted(p):
        window, F_X, F_Y = banks(p)
        return (F_X * weights_X).sum() + (F_Y * weights_Y).sum() + window.gamma.sum()

    window, F_X, F_Y = banks({"emitted": emitted})
    for F in (F_X, F_Y):
        assert F.dtype == dtype and np.all(F >= 0)
        np.testing.assert_allclose(F.sum(axis=2), 1, rtol=4 * np.finfo(dtype).eps)
    assert all(np.all(np.isfinite(field)) for field in window)
    _, gradient = value_and_grad(weighted, {"emitted": emitted})
    assert np.all(np.isfinite(gradient["emitted"])) and gradient["emitted"].dtype == dtype


@every_dtype
@given(pixel=st.integers(1, WIDTH), offset=st.floats(-0.45, 0.45))
@searched
def test_a_filter_of_no_width_is_its_nearest_pixel(dtype, pixel, offset):
    F = equations.filterbank(np.array([[pixel + offset]], dtype), np.array([[math.exp(-20)]], dtype), WIDTH)
    assert F[0, 0].tolist() == [float(a == pixel) for a in range(1, WIDTH + 1)]


@every_dtype
@pytest.mark.parametrize("mu, nearest", [(-1e5, 1), (1e5, WIDTH)])
def test_a_narrow_filter_far_outside_is_the_pixel_on_that_edge(dtype, mu, nearest):
    F = equations.filterbank(np.array([[mu]], dtype), np.array([[0.01]], dtype), WIDTH)
    assert F[0, 0].tolist() == [float(a == nearest) for a in range(1, WIDTH + 1)]


def test_a_filter_between_two_pixels_shares_itself_equally():
    F = equations.filterbank(np.array([[3.5]]), np.array([[math.exp(-20)]]), WIDTH)
    assert F[0, 0].tolist() == [0, 0, 0.5, 0.5, 0, 0, 0]


@every_dtype
def test_a_filter_of_endless_width_is_the_average(dtype):
    F = equations.filterbank(np.array([[3.2]], dtype), np.array([[math.exp(20)]], dtype), WIDTH)
    np.testing.assert_allclose(F[0, 0], 1 / WIDTH, rtol=1e-6)


# What reading and writing must be to each other, for any window


@given(seeds)
@searched
@pytest.mark.equation(27, 29)
def test_writing_is_the_adjoint_of_reading(seed):
    """<read(x), w> = gamma^2 <x, write(w)> through one window: gamma multiplies one and divides the other."""
    rng = np.random.default_rng(seed)
    x, x_hat, F_X, F_Y, gamma = random_read(rng, channels=3)
    w = rng.normal(size=(BATCH, 3, N, N))
    patch = equations.read(x, x_hat, F_X, F_Y, gamma)[:, : 3 * N * N].reshape(w.shape)
    written = equations.write(w, F_X, F_Y, gamma)
    axes = (1, 2, 3)
    expected = gamma[:, 0] ** 2 * np.sum(x * written, axis=axes)
    np.testing.assert_allclose(np.sum(patch * w, axis=axes), expected, rtol=1e-9, atol=1e-12)


@given(seeds)
@searched
def test_an_even_image_reads_as_gamma_times_its_grey_and_writing_keeps_the_ink(seed):
    """Filter rows sum to 1, so only gamma changes intensity, not the window's place nor its sharpness."""
    rng = np.random.default_rng(seed)
    window, grey = random_window(rng), rng.random((2, BATCH, 1, 1, 1))
    F_X, F_Y = equations.filterbanks(window, N, HEIGHT, WIDTH)
    x, x_hat = np.broadcast_to(grey, (2, BATCH, 1, HEIGHT, WIDTH))
    expected = window.gamma * np.repeat(grey.reshape(2, BATCH).T, N * N, axis=1)
    np.testing.assert_allclose(equations.read(x, x_hat, F_X, F_Y, window.gamma), expected, rtol=1e-9)
    w = rng.random((BATCH, 3, N, N))
    ink = equations.write(w, F_X, F_Y, window.gamma).sum(axis=(2, 3))
    np.testing.assert_allclose(ink, w.sum(axis=(2, 3)) / window.gamma, rtol=1e-9)


def test_colour_goes_through_the_filters_channel_by_channel():
    x, x_hat, F_X, F_Y, gamma = random_read(np.random.default_rng(11), channels=3)
    r = equations.read(x, x_hat, F_X, F_Y, gamma).reshape(BATCH, 2, 3, -1)
    w = np.random.default_rng(12).normal(size=(BATCH, 3, N, N))
    written = equations.write(w, F_X, F_Y, gamma)
    for k in range(3):
        one = slice(k, k + 1)
        grey = equations.read(x[:, one], x_hat[:, one], F_X, F_Y, gamma).reshape(BATCH, 2, -1)
        np.testing.assert_allclose(r[:, :, k], grey, rtol=1e-12)
        np.testing.assert_allclose(written[:, one], equations.write(w[:, one], F_X, F_Y, gamma), rtol=1e-12)


@given(seeds, st.permutations(range(5)))
@searched
def test_each_image_has_a_window_of_its_own(seed, order):
    rng = np.random.default_rng(seed)
    arguments = random_read(rng, channels=1, batch=5)
    r = equations.read(*arguments)
    shuffled = equations.read(*(argument[order] for argument in arguments))
    np.testing.assert_allclose(shuffled, r[order], rtol=1e-12)
