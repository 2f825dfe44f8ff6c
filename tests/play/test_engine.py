"""What the page shows is what the model does, to the bit; and the engine runs where there is only NumPy."""

import hashlib
import json

import numpy as np
import pytest

from draw_np import datasets, equations, load_pretrained
from draw_np.models import draw, vae
from draw_np.play import engine
from draw_np.rectangles import clip_rectangle, window_rectangle
from draw_np.training import checkpoint
from draw_np.training.checkpoint import CheckpointError

SEED = 4_000_000_000  # needs all four bytes


def some_image(config):
    return np.random.default_rng(1).random((config.height, config.width, config.channels), np.float32).squeeze()


def request(seed, image=None):
    return seed.to_bytes(4, "little") + (b"" if image is None else image.astype("<f4").tobytes())


def unpacked(answer):
    """The fields of an answer, as page/engine.js reads it."""
    line, numbers = answer.split(b"\n", 1)
    fields = {}
    for name, shape in json.loads(line).items():
        size = 4 * int(np.prod(shape))
        fields[name], numbers = np.frombuffer(numbers[:size], "<f4").reshape(shape), numbers[size:]
    assert not numbers
    return fields


def test_an_answer_is_what_infer_does(any_network):
    params, config = any_network
    image, noise = some_image(config), draw.sample_noise(config, 1, np.random.default_rng(SEED))
    trace = draw.infer(params, config, image[None], noise)
    found = unpacked(engine.answer(any_network, request(SEED, image)))
    assert set(found) == {"canvases", "errors", "kl"} | ({"read", "write"} if config.attention else set())
    c, shown = params["initial"]["canvas"], np.atleast_3d(image)  # (channels, height, width), (height, width, channels)
    for t in range(config.steps):
        error = shown - np.moveaxis(equations.pixel_means(c), 0, 2)
        np.testing.assert_array_equal(found["errors"][t], error.reshape(image.shape))
        c = trace.canvases[t][0]
        canvas = np.moveaxis(equations.pixel_means(c), 0, 2)
        np.testing.assert_array_equal(found["canvases"][t], canvas.reshape(image.shape))
        for name, windows, size in (
            ("read", trace.read_windows, config.read_size),
            ("write", trace.write_windows, config.write_size),
        ):
            if config.attention:
                whole = window_rectangle(*(float(field[0, 0]) for field in windows[t][:4]), size)
                expected = clip_rectangle(whole, config.height, config.width)
                np.testing.assert_array_equal(found[name][t], np.float32(expected))
    _, kl = draw.bound(params, config, image[None], noise)
    np.testing.assert_array_equal(found["kl"], kl[:, 0])


def test_without_an_image_it_is_what_generate_does(any_network):
    params, config = any_network
    noise = draw.sample_noise(config, 1, np.random.default_rng(SEED))
    canvases, windows = draw.generate(params, config, noise)
    found = unpacked(engine.answer(any_network, request(SEED)))
    np.testing.assert_array_equal(found["canvases"], equations.pixel_means(canvases[:, 0]))
    assert set(found) == {"canvases", *(["write"] if config.attention else [])}
    if config.attention:
        places = window_rectangle(*(field[:, 0] for field in windows[:4]), config.write_size)
        for t, rectangle in enumerate(zip(*places)):
            expected = clip_rectangle(rectangle, config.height, config.width)
            np.testing.assert_allclose(found["write"][t], expected, rtol=1e-5, atol=1e-5)


def test_a_digit_is_drawn_again():
    params, config = load_pretrained("mnist")
    image = datasets.load("mnist", "test", 1).images[0]
    found = unpacked(engine.answer(engine.open_network("mnist"), request(7, image)))
    noise = draw.sample_noise(config, 1, np.random.default_rng(7))
    trace = draw.infer(params, config, image[None], noise)
    np.testing.assert_array_equal(found["canvases"][-1], equations.pixel_means(trace.canvases[-1][0, 0]))
    assert np.abs(found["canvases"][-1] - image).mean() < 0.05 < np.abs(found["canvases"][0] - image).mean()
    assert found["kl"].shape == (64,) and 10 < found["kl"].sum() < 60


@pytest.mark.parametrize("length", [0, 3, 5, 4 + 4 * 55, 4 + 4 * 57, 4 + 8 * 56])
def test_requests_of_another_length(length, small):
    with pytest.raises(ValueError, match=f"^a request has 4 bytes, or 228 with an image, not {length}$"):
        engine.answer(small, bytes(length))


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf])
def test_images_of_what_are_no_grey_levels(value, small):
    image = some_image(small.config)
    image[2, 5] = value
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\]"):
        engine.answer(small, request(0, image))


def test_weights_that_draw_no_numbers(any_network):
    params, config = any_network
    params["decoder"]["b"] = params["decoder"]["b"] + np.float32(np.nan)
    for body in (request(0), request(0, some_image(config))):
        with pytest.raises(ValueError, match="no numbers"):
            engine.answer(engine.Network(params, config), body)


def test_weights_of_another_model(tmp_path):
    with pytest.raises(CheckpointError, match="^vae is no DRAW, which draws step by step: use mnist or "):
        engine.open_network("vae")
    with pytest.raises(CheckpointError, match="is no DRAW"):
        engine.open_network("cluttered-mnist-4")
    config = vae.Config(height=8, width=7, hidden=6, latent=5)
    params = vae.init_params(config, np.random.default_rng(0))
    checkpoint.save(tmp_path / "w.npz", {"params": params}, checkpoint.describe("vae", config))
    with pytest.raises(CheckpointError, match="is no DRAW"):
        engine.open_network(str(tmp_path / "w.npz"))
    with pytest.raises(CheckpointError, match="did you mean 'mnist'"):
        engine.open_network("mnits")


def test_the_engine_runs_with_no_more_than_a_browser_has(in_browser):
    """Nobody asks for what is not there, but the standard library's zipfile and shutil, which go without lzma."""
    program = """
import hashlib
from draw_np.play import engine
network = engine.open_network("mnist")
image = bytes(3) + bytes([128, 63]) + bytes(4 * 784 - 5)
print(hashlib.sha256(engine.answer(network, b"seed" + image)).hexdigest())
print(*sorted({name for name, _ in asked}))
library = os.path.dirname(os.__file__)
print(*(file for _, file in asked if not file.startswith(library) or "site-packages" in file))
"""
    digest, names, others = in_browser(program).splitlines()
    image = bytes(3) + bytes([128, 63]) + bytes(4 * 784 - 5)
    assert digest == hashlib.sha256(engine.answer(engine.open_network("mnist"), b"seed" + image)).hexdigest()
    assert names in ("", "lzma") and others == ""
