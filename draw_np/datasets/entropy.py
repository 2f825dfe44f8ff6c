"""The least cross-entropy that any model can reach on real-valued pixels."""

import numpy as np


def floor(images):
    """Return the mean entropy of `images` in nats an image, no bound of Eq. 9-12 lies below it.

    A pixel x between 0 and 1 costs -(x log p + (1 - x) log(1 - p)) under the model's mean p, which is least at
    p = x; summed over an image's pixels and meant over images. Binary images have a floor of 0.

    `images` are float of shape (count, ...) in [0, 1]. Raises ValueError for anything outside.
    """
    if not len(images):
        raise ValueError("no images: their mean entropy is not defined")
    return float(np.mean([_entropy(image) for image in images]))


def _entropy(image):
    x = np.asarray(image, np.float64)
    if not np.all((x >= 0) & (x <= 1)):  # so written, it finds NaN too
        raise ValueError("pixels are intensities between 0 and 1")
    return -np.sum(_x_log_x(x) + _x_log_x(1 - x))


def _x_log_x(x):
    return x * np.log(np.where(x > 0, x, 1))  # 0 log 0 = 0, its limit
