"""From a small image to a larger one: what a DRAW network with attention has learned is about windows, not images."""

import dataclasses

import numpy

BLACK = -6.0
"""The logit of a pixel that is white once in 400 times: c_0 of an enlarged model."""


def enlarge(params, config, larger):
    """Parameters with which a `larger` model draws in the middle of its canvas what `config`'s draws on its own.

    All parameters but c_0 are about windows. Eq 22-24 count in shares of the image, so the linear maps to a window's
    centre and stride are adapted. Of a finer reading grid every k-th filter is one of the old grid's, and the others
    count nothing at first. Filters that the small image's edge cut off are whole now. c_0 starts out black: a learned
    one would say where in the middle a digit is. The paper does nothing of the kind.

    Parameters: those of a grey model and its Config; the Config of the larger one, of the same sizes but for
    height, width, steps and read_size. Raises ValueError when other sizes differ, a model has no attention, the image
    is smaller, or the reading grid, with its corners in the old one's corners, does not contain the old grid.
    """
    changed = {name for name, value in dataclasses.asdict(config).items() if getattr(larger, name) != value}
    if changed - {"height", "width", "steps", "read_size"} or not config.attention:
        raise ValueError(f"only height, width, steps and read_size may change, with attention: {config}, {larger}")
    old, new = config.read_size, larger.read_size
    if config.channels > 1:
        raise ValueError(f"only a grey model can be enlarged: {config}")
    contained = new == old or (new > old > 1 and (new - 1) % (old - 1) == 0)
    if not contained or larger.height < config.height or larger.width < config.width:
        raise ValueError(f"the larger image or reading grid does not contain the smaller: {config}, {larger}")
    return {
        **params,
        "encoder": {**params["encoder"], "W": finer_reading(params["encoder"]["W"], old, new)},
        "initial": {**params["initial"], "canvas": black_canvas(larger, params["initial"]["canvas"].dtype)},
        "read_window": same_window(params["read_window"], config, larger),
        "write_window": same_window(params["write_window"], config, larger),
    }


def finer_reading(W, old, new):
    """The encoder's W, whose first rows are for the two patches of [r_t, h_dec], for patches of `new` x `new`."""
    among = numpy.linspace(0, new - 1, old).round().astype(int)
    patches, rest = numpy.split(W, [2 * old**2])
    rows = numpy.zeros((2, new, new, W.shape[1]), W.dtype)
    rows[:, among[:, None], among] = patches.reshape(2, old, old, -1)
    return numpy.concatenate([rows.reshape(2 * new**2, -1), rest])


def same_window(window, config, larger):
    """The linear map of Eq (21) for the same window, in pixels from the middle, of the larger image."""
    shares = numpy.ones(5, window["W"].dtype)  # what g_X, g_Y, log sigma^2, log delta, log gamma are multiplied with
    shares[:2] = (config.width + 1) / (larger.width + 1), (config.height + 1) / (larger.height + 1)
    b = window["b"] * shares
    spans = [max(each.height, each.width) - 1 for each in (config, larger)]
    b[3] += numpy.log(spans[0] / spans[1])
    return {"W": window["W"] * shares, "b": b}


def black_canvas(config, dtype):
    """c_0 of logits BLACK, (channels, height, width)."""
    return numpy.full((config.channels, config.height, config.width), BLACK, dtype)
