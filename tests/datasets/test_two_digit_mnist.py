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


STARTS = {1: [(16, 16)], 2: [(16, 4), (16, 28)]}


@pytest.mark.parametrize("digits", [1, 2])
@pytest.mark.parametrize("spread", [0, 1, 60, 99, 100])
@pytest.mark.parametrize("second", [0, 30, 100])
def test_easier_tasks(digits, spread, second):
    """Each picture once more, digit by digit: how far it has gone, and what the first look shows of the right one."""
    options = {"digits": digits, "spread": spread, "second": second}
    looks, labels = datasets.sample("two-digit-mnist", np.random.default_rng(2), 20, **options)
    pictures, names = datasets.load("mnist", "train")
    rng = np.random.default_rng(2)
    which = rng.integers(len(pictures), size=(20, digits))
    rows, columns = (rng.integers(33, size=(20, digits)) for _ in range(2))
    assert np.array_equal(labels, names[which])
    assert looks.shape == ((20, 60, 60) if second == 100 else (20, 2, 60, 60)) and looks.dtype == np.float32
    for n in range(20):
        left, image = np.zeros((60, 60)), np.zeros((60, 60))
        ends = sorted(zip(columns[n], range(digits), rows[n]))  # of one column, the first drawn stays on the left
        if (digits, spread, second) == (2, 100, 100):
            ends = list(zip(columns[n], range(digits), rows[n]))  # the paper's task knows no left and right
        for k, ((start_row, start_column), (column, _, row)) in enumerate(zip(STARTS[digits], ends)):
            top, side = (round(a + (b - a) * spread / 100) for a, b in ((start_row, row), (start_column, column)))
            image[top : top + 28, side : side + 28] += pictures[which[n, k]]
            left = image.copy() if k == 0 else left
        image = np.minimum(image, 1)
        expected = image if second == 100 else [left + second / 100 * (image - left), image]
        np.testing.assert_allclose(looks[n], expected, atol=1e-6)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"digits": 3}, "digits is 3: pass 1 or 2"),
        ({"digits": "two"}, "digits is 'two': pass 1 or 2"),
        ({"spread": 101}, "spread is 101: pass a whole number from 0 to 100"),
        ({"spread": 0.5}, "spread is 0.5: pass a whole number from 0 to 100"),
        ({"second": -1}, "second is -1: pass a whole number from 0 to 100"),
        ({"second": None}, "second is None: pass a whole number from 0 to 100"),
    ],
)
def test_another_task_is_refused(options, said):
    with pytest.raises(datasets.DatasetError) as error:
        datasets.sample("two-digit-mnist", np.random.default_rng(0), 3, **options)
    assert str(error.value) == said


def test_shapes_and_types():
    images, labels = datasets.sample("two-digit-mnist", np.random.default_rng(0), 3)
    assert images.shape == (3, 60, 60) and images.dtype == np.float32
    assert labels.shape == (3, 2) and labels.dtype == np.int64
