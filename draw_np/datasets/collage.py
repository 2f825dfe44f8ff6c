"""Small pictures put on a larger black one, for all images of a batch at once."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from draw_np.datasets.base import DatasetError, check_pixels


def place(patches, rows, columns, height, width):
    """Return black images with patches added at given places, sums clipped at 255.

    `patches` are uint8 of shape (count, each, patch_height, patch_width), `each` of them for every image;
    `rows` and `columns`, of shape (count, each), say in pixels where their upper left corners lie. The images
    are uint8 of shape (count, height, width). Raises DatasetError for other pixels, and for a place beyond the border.
    """
    check_pixels(patches)
    count, each, *size = patches.shape
    for name, corners, field, patch in (("rows", rows, height, size[0]), ("columns", columns, width, size[1])):
        if np.any((corners < 0) | (corners > field - patch)):  # a negative one would count from the other border
            raise DatasetError(f"{name} of patches lie beyond the border: pass 0 to {field - patch}")
    images = np.zeros((count, height, width), np.uint8)
    windows = sliding_window_view(images, size, axis=(1, 2), writeable=True)  # a view: all windows of all
    for k in range(each):
        here = np.arange(count), rows[:, k], columns[:, k]  # one window for every image
        windows[here] = add_clipped(windows[here], patches[:, k])  # (count, patch_height, patch_width)
    return images


def add_clipped(a, b):
    """Return a + b, clipped at 255, for uint8 arrays of one shape; 8 bits never overflow on the way.

    Raises DatasetError for anything but uint8.
    """
    check_pixels(a)
    check_pixels(b)
    return a + np.minimum(b, 255 - a)


def random_corners(rng, shape, field, patch):
    """Return where upper left corners lie along one axis, int64 of `shape`, every place inside as likely.

    A patch of `patch` pixels on a field of `field` pixels has field - patch + 1 places.
    """
    return rng.integers(field - patch + 1, size=shape)
