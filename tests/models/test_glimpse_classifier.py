"""Differentiable RAM, section 4.1: against a loop over scalars, and what it promises."""

import dataclasses
import math
import re

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.backend import value_and_grad
from draw_np.models import glimpse_classifier as ram
from draw_np.training.trees import map_leaves, named_leaves

BATCH = 2
GREY = ram.Config(height=8, width=7, steps=3, hidden=6, read_size=4, classes=5)
COLOUR = dataclasses.replace(GREY, channels=3)
every_config = pytest.mark.parametrize("config", [GREY, COLOUR], ids=["grey", "colour"])
LABELS = np.array([4, 1])


def random_case(config, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    params = ram.init_params(config, rng, dtype=dtype)
    params = map_leaves(lambda leaf: (leaf + 0.2 * rng.normal(size=leaf.shape)).astype(dtype), params)
    shape = (BATCH, config.height, config.width) + ((config.channels,) if config.channels > 1 else ())
    return params, rng.random(shape).astype(dtype)


def reference_W(W, b, a):
    return [b[k] + sum(a[m] * W[m][k] for m in range(len(a))) for k in range(len(b))]


def logistic(v):
    return 1 / (1 + math.exp(-v))


def reference_filters(g, delta, variance, N, pixels):
    """Eq 19 or 20, then Eq 25 or 26, filters and pixels counted from 1."""
    rows = []
    for i in range(1, N + 1):
        mu = g + (i - N / 2 - 0.5) * delta
        row = [math.exp(-((a - mu) ** 2) / (2 * variance)) for a in range(1, pixels + 1)]
        rows.append([v / sum(row) for v in row])
    return rows


def reference_look(params, config, planes):
    """One image as planes: logits, and for each glimpse the patch and the five numbers of its window."""
    A, B, N, H = config.width, config.height, config.read_size, config.hidden
    h, cell = params["initial"]["h"].tolist(), params["initial"]["cell"].tolist()
    patches, windows = [], []
    for _ in range(config.steps):
        g_X, g_Y, log_variance, log_delta, log_gamma = reference_W(*(params["read_window"][k] for k in "Wb"), h)
        g_X, g_Y = (A + 1) / 2 * (g_X + 1), (B + 1) / 2 * (g_Y + 1)  # Eq 22, 23
        delta = (max(A, B) - 1) / (N - 1) * math.exp(log_delta)  # Eq 24
        variance, gamma = math.exp(log_variance), math.exp(log_gamma)
        F_X = reference_filters(g_X, delta, variance, N, A)
        F_Y = reference_filters(g_Y, delta, variance, N, B)
        patch = [
            gamma * sum(F_Y[i][b] * F_X[j][a] * x[b][a] for b in range(B) for a in range(A))
            for x in planes for i in range(N) for j in range(N)
        ]  # fmt: skip
        patches.append(patch)
        windows.append((g_X, g_Y, delta, variance, gamma))
        lstm = params["lstm"]
        a = np.add(reference_W(lstm["W"], lstm["b"], patch), reference_W(lstm["U"], np.zeros(4 * H), h)).tolist()
        i, f, o = ([logistic(v) for v in a[k * H : (k + 1) * H]] for k in range(3))
        cell = [f[k] * cell[k] + i[k] * math.tanh(a[3 * H + k]) for k in range(H)]
        h = [o[k] * math.tanh(cell[k]) for k in range(H)]
    return reference_W(*(params["classes"][k] for k in "Wb"), h), patches, windows


def planes_of(image, config):
    return np.moveaxis(image.reshape(config.height, config.width, config.channels), 2, 0).tolist()


@every_config
@pytest.mark.parametrize("ops", [equations, kernels])
def test_look_and_loss(config, ops):
    params, images = random_case(config)
    found = ram.look(params, config, images, ops)
    nats = []
    for n in range(BATCH):
        logits, patches, windows = reference_look(params, config, planes_of(images[n], config))
        np.testing.assert_allclose(found.logits[n], logits, rtol=1e-10)
        for t in range(config.steps):
            np.testing.assert_allclose(found.patches[t][n], patches[t], rtol=1e-10)
            np.testing.assert_allclose([field[n, 0] for field in found.windows[t]], windows[t], rtol=1e-11)
        nats.append(math.log(sum(map(math.exp, logits))) - logits[LABELS[n]])
    np.testing.assert_allclose(ram.cross_entropy(params, config, images, LABELS, ops), nats, rtol=1e-10)
    np.testing.assert_allclose(ram.loss(params, config, images, LABELS, ops), sum(nats) / BATCH, rtol=1e-10)


@every_config
def test_float32_stays_float32_and_every_parameter_matters(config):
    params, images = random_case(config, dtype=np.float32)
    for ops in equations, kernels:
        assert ram.loss(params, config, images, LABELS, ops).dtype == np.float32
        _, gradient = value_and_grad(lambda p, ops=ops: ram.loss(p, config, images, LABELS, ops), params)
        for name, leaf in named_leaves(gradient).items():
            assert leaf.dtype == np.float32 and np.all(leaf != 0), name


def test_first_window_covers_the_image_and_its_filters_tile_it():
    config = ram.Config()
    params = ram.init_params(config, np.random.default_rng(0))
    window = ram.look(params, config, np.zeros((1, 100, 100), np.float32)).windows[0]
    g_X, g_Y, delta, variance, gamma = (field.item() for field in window)
    assert (g_X, g_Y) == pytest.approx((50.5, 50.5)) and delta == pytest.approx(9)
    assert variance**0.5 == pytest.approx(delta / 2) and gamma == pytest.approx(5)


def test_parameters_do_not_depend_on_the_number_of_glimpses():
    params, images = random_case(GREY)
    longer = dataclasses.replace(GREY, steps=5)
    found, more = ram.look(params, GREY, images), ram.look(params, longer, images)
    assert len(more.patches) == len(more.windows) == 5
    for few, many in zip(found.patches, more.patches):
        np.testing.assert_array_equal(few, many)
    assert not np.allclose(found.logits, more.logits)


def test_an_image_is_classified_by_itself():
    params, images = random_case(GREY)
    logits = ram.look(params, GREY, images).logits
    np.testing.assert_allclose(ram.look(params, GREY, images[1:]).logits, logits[1:], rtol=1e-12)


@pytest.mark.parametrize("shape", [(BATCH, 7, 8), (0, 8, 7), (BATCH, 8, 7, 1)], ids=str)
def test_images_of_a_wrong_shape(shape):
    params, _ = random_case(GREY)
    with pytest.raises(ValueError, match=re.escape("(batch, 8, 7)") + ".*" + re.escape(str(shape))):
        ram.look(params, GREY, np.zeros(shape))


@pytest.mark.parametrize("labels", [[0, 5], [-1, 0]])
def test_labels_out_of_range(labels):
    params, images = random_case(GREY)
    with pytest.raises(ValueError, match="labels must be from 0 to 4, got"):
        ram.loss(params, GREY, images, np.array(labels))


@pytest.mark.parametrize("labels", [np.zeros(BATCH), np.zeros((BATCH, 1), int), np.zeros(3, int)], ids=repr)
def test_labels_of_a_wrong_form(labels):
    params, images = random_case(GREY)
    with pytest.raises(ValueError, match=r"labels must be whole numbers of shape \(2,\)"):
        ram.loss(params, GREY, images, labels)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ram.Config)])
@pytest.mark.parametrize("value", [0, -1, True, 2.0, None])
def test_sizes_must_be_whole_numbers_above_zero(field, value):
    with pytest.raises(ValueError, match=field):
        ram.Config(**{field: value})
