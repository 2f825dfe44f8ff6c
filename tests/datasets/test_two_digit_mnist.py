"""Two digits on 60x60: made again one by one, slowly, from the same draws."""

import numpy as np
import pytest

from draw_np import datasets
from draw_np.datasets import mnist


@pytest.mark.parametrize("split", datasets.SPLITS)
def test_images_are_two_digits_of_the_split_added_and_clipped(split):
    images, labels = datasets.sample("two-digit-mnist", np.random.default_rng(7), 50, split)
    digits, names = datasets.load("mnist", split)
    rng = np.random.default_rng(7)
    which = rng.integers(len(digits), size=(50, 2))
    rows, columns = rng.integers(60 - 28 + 1, size=(50, 2)), rng.integers(60 - 28 + 1, size=(50, 2))
    clipped = 0
    for n in range(50):
        expected = np.zeros((60, 60))
        for k in range(2):
            expected[rows[n, k] : rows[n, k] + 28, columns[n, k] : columns[n, k] + 28] += digits[which[n, k]]
            assert labels[n, k] == names[which[n, k]]
        clipped += np.any(expected > 1)
        np.testing.assert_allclose(images[n], np.minimum(expected, 1), atol=1e-6)
    assert clipped > 5  # or clipping was not seen at work


def test_no_digit_crosses_the_border():
    """Where two digits do not overlap, no ink is lost: an image has as much as its two digits."""
    images, _ = datasets.sample("two-digit-mnist", np.random.default_rng(7), 200)
    digits = mnist.digits("train")[0]
    rng = np.random.default_rng(7)
    ink = digits[rng.integers(len(digits), size=(200, 2))].sum(axis=(1, 2, 3), dtype=np.int64)
    apart = np.any([np.abs(np.diff(rng.integers(33, size=(200, 2))))[:, 0] >= 28 for _ in range(2)], axis=0)
    assert apart.sum() > 5
    np.testing.assert_allclose(images.sum(axis=(1, 2))[apart] * 255, ink[apart], rtol=1e-5)


def test_side_by_side_to_begin_with():
    images, labels = datasets.sample("two-digit-mnist", np.random.default_rng(1), 20, spread=0)
    digits, names = datasets.load("mnist", "train")
    which = np.random.default_rng(1).integers(len(digits), size=(20, 2))
    assert np.array_equal(labels, names[which])
    for n in range(20):
        expected = np.zeros((60, 60))
        for k, column in enumerate((4, 28)):
            expected[16:44, column : column + 28] += digits[which[n, k]]
        np.testing.assert_allclose(images[n], np.minimum(expected, 1), atol=1e-6)


@pytest.mark.parametrize("spread", [1, 25, 60, 99])
def test_on_the_way_to_anywhere(spread):
    digits, rng = datasets.load("mnist", "train").images, np.random.default_rng(2)
    which, rows, columns = (
        rng.integers(len(digits), size=(40, 2)),
        rng.integers(33, size=(40, 2)),
        rng.integers(33, size=(40, 2)),
    )
    images = datasets.sample("two-digit-mnist", np.random.default_rng(2), 40, spread=spread).images
    for n in range(40):
        expected = np.zeros((60, 60))
        ends = sorted(zip(columns[n], (0, 1), rows[n]))  # of one column, the first drawn stays on the left
        for k, (start, (column, _, row)) in enumerate(zip((4, 28), ends)):
            top, left = round(16 + (row - 16) * spread / 100), round(start + (column - start) * spread / 100)
            expected[top : top + 28, left : left + 28] += digits[which[n, k]]
        np.testing.assert_allclose(images[n], np.minimum(expected, 1), atol=1e-6)


@pytest.mark.parametrize("spread", [-1, 101, 0.5, "wide", None])
def test_another_spread_is_refused(spread):
    with pytest.raises(datasets.DatasetError, match="whole number from 0 to 100") as error:
        datasets.sample("two-digit-mnist", np.random.default_rng(0), 3, spread=spread)
    assert "\n" not in str(error.value)


def test_shapes_and_types():
    images, labels = datasets.sample("two-digit-mnist", np.random.default_rng(0), 3)
    assert images.shape == (3, 60, 60) and images.dtype == np.float32
    assert labels.shape == (3, 2) and labels.dtype == np.int64
