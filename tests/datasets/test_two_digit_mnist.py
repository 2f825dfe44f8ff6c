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


@pytest.mark.parametrize("digits", [1, 2])
@pytest.mark.parametrize("spread", [0, 1, 60, 99, 100])
@pytest.mark.parametrize("staged", [False, True])
def test_easier_tasks(digits, spread, staged):
    """Each picture once more, digit by digit: how far it has gone, and which digit the first stage shows."""
    options = {"digits": digits, "spread": spread, "staged": staged}
    looks, labels = datasets.sample("two-digit-mnist", np.random.default_rng(2), 50, **options)
    pictures, names = datasets.load("mnist", "train")
    rng = np.random.default_rng(2)
    which = rng.integers(len(pictures), size=(50, digits))
    places = [rng.integers(33, size=(50, digits)) for _ in range(2)]
    rows, columns = (16 + (place - 16) * spread // 100 for place in places)
    doubts = rng.standard_normal((50, digits)) if staged else None
    assert np.array_equal(labels, names[which])
    assert looks.shape == ((50, 2, 60, 60) if staged else (50, 60, 60)) and looks.dtype == np.float32
    for n in range(50):
        alone = np.zeros((digits, 60, 60))
        for k in range(digits):
            alone[k, rows[n, k] : rows[n, k] + 28, columns[n, k] : columns[n, k] + 28] = pictures[which[n, k]]
        image = np.minimum(alone.sum(axis=0), 1)
        expected = image
        if staged:
            expected = [alone[min(range(digits), key=lambda k: columns[n, k] + 5 * doubts[n, k])], image]
        np.testing.assert_allclose(looks[n], expected, atol=1e-6)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"digits": 3}, "digits is 3: pass a whole number, from 1 to 2"),
        ({"digits": "two"}, "digits is 'two': pass a whole number, from 1 to 2"),
        ({"digits": 2.0}, "digits is 2.0: pass a whole number, from 1 to 2"),
        ({"spread": 101}, "spread is 101: pass a whole number, from 0 to 100"),
        ({"spread": 0.5}, "spread is 0.5: pass a whole number, from 0 to 100"),
        ({"spread": 50.0}, "spread is 50.0: pass a whole number, from 0 to 100"),
        ({"staged": 2}, "staged is 2: pass True or False"),
        ({"staged": None}, "staged is None: pass True or False"),
        ({"staged": np.zeros((2, 1))}, "staged is array([[0.], [0.]]): pass True or False"),
    ],
)
def test_another_task_is_refused(options, said):
    for function in (
        lambda: datasets.sample("two-digit-mnist", np.random.default_rng(0), 3, **options),
        lambda: datasets.check_options("two-digit-mnist", options),
    ):
        with pytest.raises(datasets.DatasetError) as error:
            function()
        assert str(error.value) == said


def test_shapes_and_types():
    images, labels = datasets.sample("two-digit-mnist", np.random.default_rng(0), 3)
    assert images.shape == (3, 60, 60) and images.dtype == np.float32
    assert labels.shape == (3, 2) and labels.dtype == np.int64
