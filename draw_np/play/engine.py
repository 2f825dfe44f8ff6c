"""What the draw-a-digit page asks for: a drawing and a seed in, all that happens in T steps out.

This file and what it imports also run in a browser, which has no processes, no network and, here, no SciPy.
"""

import json
import math
from typing import Any, NamedTuple

import numpy as np

from .. import equations, pretrained
from ..models import draw
from ..models.common import from_planes, image_shape, to_planes
from ..rectangles import clip_rectangle, window_rectangle
from ..training.checkpoint import CheckpointError, load_weights

SEED = 4  # bytes


class Network(NamedTuple):
    """Trained weights of DRAW: parameters and draw.Config."""

    params: dict
    config: Any


class Drawing(NamedTuple):
    """What happened in T steps; every field is float32. What there is not, is None.

    `canvases`: after each step, the means of its pixels, (T, height, width[, channels]); `errors`: the error image
    that each step saw, of the same shape, from -1 to 1; `read`, `write`: the Rectangles of each step's windows in
    pixels, (T, 5), clipped to the picture's margin; `kl`: nats of each step, (T,).
    """

    canvases: np.ndarray
    errors: np.ndarray | None
    read: np.ndarray | None
    write: np.ndarray | None
    kl: np.ndarray | None


def open_network(name_or_file):
    """The Network of shipped weights or of a file. Raises CheckpointError, also for weights of another model."""
    params, model, config, _ = load_weights(pretrained.find(name_or_file))
    if model is not draw:
        raise CheckpointError(f"{name_or_file} is no DRAW, which draws step by step: use mnist or two-digit-mnist")
    return Network(params, config)


def noise(network, seed):
    """The noise of one drawing, N(0, 1) of shape (T, 1, latent)."""
    return draw.sample_noise(network.config, 1, np.random.default_rng(seed))


def redraw(network, image, seed):
    """Read an image (height, width[, channels]) in [0, 1] and draw it again: Eq. (3) to Eq. (8). Returns a Drawing.

    Raises ValueError on a wrong shape or range, and where the weights lead to what are no numbers.
    """
    params, config = network
    with np.errstate(all="ignore"):  # of weights that are of no use `finite` says so
        trace = draw.infer(params, config, image[None], noise(network, seed))
        before = [params["initial"]["canvas"][None], *trace.canvases[:-1]]
        planes = to_planes(image[None], config)
        errors = [equations.error_image(planes, c) for c in before]  # Eq. (3)
        return finite(
            Drawing(
                canvases=from_planes(equations.pixel_means(np.concatenate(trace.canvases))),
                errors=from_planes(np.concatenate(errors)),
                read=rectangles(trace.read_windows, config.read_size, config),
                write=rectangles(trace.write_windows, config.write_size, config),
                kl=draw.kl_of_steps(trace, equations)[:, 0],
            )
        )


def imagine(network, seed):
    """Draw without any image: Eq. (13) to Eq. (15). Returns a Drawing; raises ValueError as `redraw` does."""
    params, config = network
    with np.errstate(all="ignore"):
        canvases, windows = draw.generate(params, config, noise(network, seed))
        steps = zip(*windows) if config.attention else []
        write = rectangles([equations.Window(*step) for step in steps], config.write_size, config)
        return finite(Drawing(equations.pixel_means(canvases[:, 0]), None, None, write, None))


def rectangles(windows, size, config):
    """The Rectangle of each step's window, (T, 5), as the project's figures draw them. None without attention."""
    if size is None:
        return None
    numbers = [[np.asarray(field).item() for field in window[:4]] for window in windows]
    return np.array([clip_rectangle(window_rectangle(*w, size), config.height, config.width) for w in numbers])


def finite(drawing):
    """The Drawing in float32, if all its numbers are finite; raises ValueError otherwise."""
    fields = [None if field is None else np.ascontiguousarray(field, "<f4") for field in drawing]
    if not all(np.isfinite(field).all() for field in fields if field is not None):
        raise ValueError("these weights draw what are no numbers: they are of no use")
    return Drawing(*fields)


def largest_request(config):
    """The bytes of a request with an image."""
    return SEED + 4 * math.prod(image_shape(config))


def answer(network, body):
    """What both engines are: bytes in, bytes out.

    `body`: a seed of SEED bytes, the lowest first, and, unless the network is to draw from its imagination, an image, a
    float32 of the same order for each of its numbers. Returns a line of JSON, the shape of each field of the Drawing
    that there is, and then their numbers as float32. Raises ValueError for anything else.
    """
    shape, most = image_shape(network.config), largest_request(network.config)
    if len(body) not in (SEED, most):
        raise ValueError(f"a request has {SEED} bytes, or {most} with an image, not {len(body)}")
    seed, image = int.from_bytes(body[:SEED], "little"), np.frombuffer(body, "<f4", offset=SEED)
    drawing = redraw(network, image.reshape(shape), seed) if len(image) else imagine(network, seed)
    fields = {name: field for name, field in drawing._asdict().items() if field is not None}
    shapes = json.dumps({name: field.shape for name, field in fields.items()})
    return b"\n".join([shapes.encode(), b"".join(field.tobytes() for field in fields.values())])
