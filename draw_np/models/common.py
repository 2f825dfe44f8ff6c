"""What the models share: new weights, the layout of images, and the checks of arguments."""

import dataclasses
from typing import Any, NamedTuple

import numpy

from .. import equations
from ..backend import checked, contiguous, np, plain
from ..counts import check_count
from ..names import shown


class Generation(NamedTuple):
    """What `generate` returns.

    `canvases`: c_1 ... c_T, logits, of shape (steps, batch, height, width[, channels]). `windows`: a Window of the
    write windows in pixels, each field of shape (steps, batch); None without attention.
    """

    canvases: np.ndarray
    windows: Any


def new_linear(rng, inputs, outputs, dtype):
    """Weights of a linear map {"W", "b"}: W uniform within 1 / sqrt(inputs), b zero."""
    bound = inputs**-0.5
    return {"W": rng.uniform(-bound, bound, (inputs, outputs)).astype(dtype), "b": numpy.zeros(outputs, dtype)}


def new_lstm(rng, inputs, hidden, dtype):
    """Weights of an LSTM {"W", "U", "b"}, uniform within 1 / sqrt(hidden); the forget gates start open (bias 1)."""
    bound = hidden**-0.5
    b = numpy.zeros(4 * hidden, dtype)
    b[hidden : 2 * hidden] = 1.0
    return {
        "W": rng.uniform(-bound, bound, (inputs, 4 * hidden)).astype(dtype),
        "U": rng.uniform(-bound, bound, (hidden, 4 * hidden)).astype(dtype),
        "b": b,
    }


def linear_shapes(inputs, outputs):
    """The shapes of what `new_linear` makes."""
    return {"W": (inputs, outputs), "b": (outputs,)}


def lstm_shapes(inputs, hidden):
    """The shapes of what `new_lstm` makes."""
    return {"W": (inputs, 4 * hidden), "U": (hidden, 4 * hidden), "b": (4 * hidden,)}


def new_params(shapes, rng, dtype):
    """New parameters of these shapes, a nested dict: weights of linear maps and LSTMs, and zeros."""
    if "U" in shapes:
        return new_lstm(rng, shapes["W"][0], shapes["U"][0], dtype)
    if "W" in shapes:
        return new_linear(rng, *shapes["W"], dtype)
    return {
        name: new_params(part, rng, dtype) if isinstance(part, dict) else numpy.zeros(part, dtype)
        for name, part in shapes.items()
    }


def tile(window, config, N):
    """Set the bias of log sigma^2 in Eq 21's linear map such that sigma = delta / 2."""
    delta = (max(config.height, config.width) - 1) / max(N - 1, 1)
    window["b"][2] = 2 * numpy.log(max(delta, 1) / 2)  # an image of one pixel has no stride


def initial_canvas(config, mean_image):
    """c_0 as planes (channels, height, width): zero, or the logits of the mean image kept within 1e-3 of 0 and 1."""
    if mean_image is None:
        return numpy.zeros((config.channels, config.height, config.width))
    p = numpy.clip(to_planes(numpy.asarray(mean_image)[None], config)[0], 1e-3, 1 - 1e-3)
    return numpy.log(p / (1 - p))


def image_shape(config):
    """The shape of one image of a model: (height, width) or, in colour, (height, width, channels)."""
    return (config.height, config.width) + ((config.channels,) if config.channels > 1 else ())


def to_planes(images, config):
    """Images (batch, height, width[, channels]) as planes (batch, channels, height, width), after checking them.

    Raises ValueError when the shape is not the configuration's or a value is not in [0, 1].
    """
    images = images if hasattr(images, "shape") else numpy.asarray(images)
    shape, expected = images.shape, image_shape(config)
    if shape[1:] != expected or shape[0] == 0:
        wanted = ", ".join(map(str, ("batch",) + expected))
        raise ValueError(f"images must be of shape ({wanted}), got {shape}")
    images = checked(images, check_range)
    return contiguous(np.moveaxis(images, 3, 1)) if config.channels > 1 else np.reshape(images, (-1, 1, *expected))


def check_range(values):
    """Raise ValueError when a value of images is not in [0, 1]."""
    if not (values.min() >= 0 and values.max() <= 1):  # also catches NaN
        raise ValueError(f"images must lie in [0, 1], got values from {values.min()} to {values.max()}")


def check_planes(x, shape):
    """Raise ValueError unless `x` are planes of this shape."""
    if getattr(x, "shape", None) != shape:
        got = getattr(x, "shape", f"a {type(x).__name__}")
        raise ValueError(f"x must be planes of shape {shape}, of grey images images[:, None], got {got}")


def from_planes(planes):
    """Planes (..., channels, height, width) as images (..., height, width[, channels])."""
    return planes[..., 0, :, :] if planes.shape[-3] == 1 else np.moveaxis(planes, -3, -1)


def new_noise(rng, shape, dtype):
    """N(0, 1) of a shape (steps, batch, latent). Raises ValueError for another generator and for a bad batch size."""
    check_rng(rng)
    steps, batch, latent = shape
    return rng.standard_normal((steps, check_count("batch", batch), latent), dtype)


def check_rng(rng):
    """Raise ValueError unless it is a NumPy Generator."""
    if not isinstance(rng, numpy.random.Generator):
        raise ValueError(f"rng is a {type(rng).__name__}: pass a Generator like np.random.default_rng(0)")


def check_config(config, kind):
    """Raise ValueError unless it is a configuration of this model."""
    if not isinstance(config, kind):
        model = kind.__module__.rpartition(".")[2]
        raise ValueError(f"config must be a {model}.Config, got {shown(config)}")


def check_call(params, config, ops, kind, names_of):
    """Raise ValueError unless these are a Config of the model, parameters with the names that it then needs, and
    operations. What is in the parameters is for the operations to check: a reader's own may want other weights.
    """
    check_config(config, kind)
    names, params = names_of(config), plain(params)
    lacking = [name for name in names if not isinstance(params, dict) or name not in params]
    if lacking:
        got = f"params without {lacking[0]!r}" if isinstance(params, dict) else shown(params)
        raise ValueError(f"params must be a dict of {', '.join(names)}, as init_params makes it, got {got}")
    lacking = [name for name in equations.__all__ if not hasattr(ops, name)]
    if lacking:
        raise ValueError(
            f"ops must be draw_np.equations, draw_np.kernels or like them: {shown(ops)} has no {lacking[0]}"
        )


def check_noise(noise, shape):
    """Raise ValueError unless `noise` has this shape, in which a name stands for any size above zero."""
    if not hasattr(noise, "shape"):
        raise ValueError(f"noise must be an array, as sample_noise makes it, got a {type(noise).__name__}")
    fits = noise.ndim == len(shape) and all(
        size > 0 if isinstance(wanted, str) else size == wanted for size, wanted in zip(noise.shape, shape)
    )
    if not fits:
        raise ValueError(f"noise must be of shape ({', '.join(map(str, shape))}), got {noise.shape}")


def check_counts(config):
    """Raise ValueError unless every size of a configuration is a whole number above zero, or None where allowed.

    NumPy's become Python's.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value is not None or field.name not in ("read_size", "write_size"):
            object.__setattr__(config, field.name, check_count(field.name, value))  # it is being made, though frozen
