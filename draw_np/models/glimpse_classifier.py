"""Differentiable RAM (section 4.1): an LSTM that looks at an image through a few glimpses and then names what it saw.

The decoder of DRAW is gone and with it the error image: what is read is a patch of the image alone. The paper says
that the network has 256 LSTM units and reads 12 x 12 glimpses, and that a softmax layer classifies after the last. It
leaves open what emits the attention parameters (here the LSTM's last output, as the decoder's does in DRAW), whether
gamma is used (it is), and the first glimpse (learned: it comes from a learned h_0 and is the same for all images).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy

from .. import equations
from ..backend import np
from ..equations import arguments
from .common import (
    check_call,
    check_config,
    check_counts,
    check_rng,
    linear_shapes,
    lstm_shapes,
    new_params,
    tile,
    to_planes,
)

LOSSES, MEASURE, BATCH_AXIS, FREE = ("cross_entropy",), "error", 0, ("steps", "height", "width")  # as those of draw


@dataclass(frozen=True)
class Config:
    """The sizes of a classifier; the default is Table 3's "100 x 100 MNIST Classification" with 8 glimpses.

    `steps` is the number of glimpses; the parameters do not depend on it. `read_size` is the paper's N.
    """

    height: int = 100
    width: int = 100
    channels: int = 1
    steps: int = 8
    hidden: int = 256
    read_size: int = 12
    classes: int = 10

    def __post_init__(self):
        check_counts(self)
        if self.read_size is None:
            raise ValueError("read_size must be a whole number of at least 1, not None: attention is all it has")


class Trace(NamedTuple):
    """What the model saw and what it thought of it.

    `logits` of shape (batch, classes), after the last glimpse; one entry a glimpse in each list: `patches`
    (batch, channels N N) as read, gamma included, and `windows`, an equations.Window each.
    """

    logits: np.ndarray
    patches: list
    windows: list


def init_params(config, rng, mean_image=None, dtype=numpy.float32):
    """New parameters, a nested dict of arrays. `mean_image` is what a model with a canvas would start from; not used.

    The first window covers the whole image and its filters tile it, sigma = delta / 2, so that no digit is missed.
    gamma starts at 5, since the means of a mostly black image are small: from 1 the network takes longer to begin.
    """
    check_config(config, Config)
    check_rng(rng)
    params = new_params(shapes(config), rng, dtype)
    tile(params["read_window"], config, config.read_size)
    params["read_window"]["b"][4] = numpy.log(5)
    return params


def shapes(config):
    """The shapes of the parameters that `init_params` makes, a nested dict."""
    return {
        "read_window": linear_shapes(config.hidden, 5),  # first, as `init_params` draws it
        "lstm": lstm_shapes(config.channels * config.read_size**2, config.hidden),
        "classes": linear_shapes(config.hidden, config.classes),
        "initial": {name: (config.hidden,) for name in ("h", "cell")},
    }


def given(config, labels, batch, rng):
    """What the loss of a batch takes besides images: their labels. Nothing is drawn from `rng`."""
    return labels


def look(params, config, images, ops=equations):
    """Look at images through `config.steps` glimpses and classify them.

    Parameters: `images` of shape (batch, height, width[, channels]) in [0, 1]. Returns a Trace. Raises ValueError on a
    wrong shape or range.
    """
    check_call(params, config, ops, Config, shapes)
    x = to_planes(images, config)
    params = {name: value if name == "initial" else ops.shared(value) for name, value in params.items()}
    zeros = np.zeros((len(x), config.hidden), params["initial"]["h"].dtype)
    state = ops.LSTMState(params["initial"]["h"] + zeros, params["initial"]["cell"] + zeros)
    patches, windows = [], []
    for _ in range(config.steps):
        window = ops.attention_window(params["read_window"], state.h, config.read_size, config.height, config.width)
        F_X, F_Y = ops.filterbanks(window, config.read_size, config.height, config.width)
        patch = ops.glimpse(x, F_X, F_Y, window.gamma)
        state = ops.lstm(params["lstm"], patch, state)
        patches.append(patch)
        windows.append(window)
    return Trace(ops.linear(params["classes"], state.h), patches, windows)


def cross_entropy(params, config, images, labels, ops=equations):
    """-log of the probability that the model gives to each image's label, in nats, of shape (batch,).

    Parameters and errors as of `look`; `labels` whole numbers from 0, of shape (batch,), else ValueError.
    """
    logits = look(params, config, images, ops).logits
    return ops.cross_entropy(logits, labels)


def losses(params, config, images, labels, ops=equations):
    """The terms of the loss of each image: the cross-entropy alone."""
    return (cross_entropy(params, config, images, labels, ops),)


def loss(params, config, images, labels, ops=equations):
    """The `cross_entropy` in nats per image averaged over the batch."""
    return np.sum(cross_entropy(params, config, images, labels, ops)) / len(images)


def check_labels(labels, config, batch):
    """The labels, if they are `batch` whole numbers from 0 to below `config.classes`; raises ValueError otherwise."""
    return arguments.check_labels(labels, batch, config.classes)
