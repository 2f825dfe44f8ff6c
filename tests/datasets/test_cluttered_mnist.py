"""Cluttered digits on 100x100: made again one by one, slowly, from the same draws."""

import numpy as np
import pytest

from draw_np import datasets


@pytest.mark.parametrize("split", datasets.SPLITS)
def test_images_are_eight_pieces_and_a_digit_of_the_split(split):
    images, labels = datasets.sample("cluttered-mnist", np.random.default_rng(7), 50, split)
    digits, names = datasets.load("mnist", split)
    rng = np.random.default_rng(7)
    lender = rng.integers(len(digits), size=(50, 8))
    from_row, from_column = rng.integers(28 - 8 + 1, size=(50, 8)), rng.integers(28 - 8 + 1, size=(50, 8))
    rows, columns = rng.integers(100 - 8 + 1, size=(50, 8)), rng.integers(100 - 8 + 1, size=(50, 8))
    whole = rng.integers(len(digits), size=50)
    row, column = rng.integers(100 - 28 + 1, size=50), rng.integers(100 - 28 + 1, size=50)
    clipped = 0
    for n in range(50):
        expected = np.zeros((100, 100))
        for k in range(8):
            y, x = from_row[n, k], from_column[n, k]
            expected[rows[n, k] : rows[n, k] + 8, columns[n, k] : columns[n, k] + 8] += digits[lender[n, k]][
                y : y + 8, x : x + 8
            ]
        expected = np.minimum(expected, 1)
        expected[row[n] : row[n] + 28, column[n] : column[n] + 28] += digits[whole[n]]
        clipped += np.any(expected > 1)
        np.testing.assert_allclose(images[n], np.minimum(expected, 1), atol=1e-6)
        assert labels[n] == names[whole[n]]
    assert clipped > 5  # or clipping was not seen at work


def test_an_easier_task_to_begin_with():
    """A canvas that just holds the digit, and one piece: what is not the digit lies within eight rows and columns."""
    images, labels = datasets.sample("cluttered-mnist", np.random.default_rng(7), 10, side=28, distractors=1)
    assert images.shape == (10, 28, 28)
    digits, names = datasets.load("mnist", "train")
    pieces = 0
    for image, label in zip(images, labels):
        rests = [image - digit for digit in digits[names == label] if (image >= digit).all()]
        ink = [np.argwhere(rest > 0) for rest in rests]
        assert any(len(places) == 0 or (np.ptp(places, axis=0) < 8).all() for places in ink)
        pieces += all(len(places) > 0 for places in ink)
    assert pieces > 3  # of many a piece nothing is to be seen: it is black, or hidden by the digit


@pytest.mark.parametrize(
    "options, said",
    [
        ({"side": 27}, "side is 27: pass a whole number, 28 or more"),
        ({"side": 48.0}, "side is 48.0: pass a whole number, 28 or more"),
        ({"distractors": -1}, "distractors is -1: pass a whole number, 0 or more"),
        ({"distractors": None}, "distractors is None: pass a whole number, 0 or more"),
    ],
)
def test_another_task_is_refused(options, said):
    for function in (
        lambda: datasets.sample("cluttered-mnist", np.random.default_rng(0), 3, **options),
        lambda: datasets.check_options("cluttered-mnist", options),
    ):
        with pytest.raises(datasets.DatasetError) as error:
            function()
        assert str(error.value) == said


def test_no_pieces_at_all():
    images, _ = datasets.sample("cluttered-mnist", np.random.default_rng(0), 9, side=28, distractors=0)
    digits = datasets.load("mnist", "train").images
    assert all((digits == image).all(axis=(1, 2)).any() for image in images)


def test_shapes_and_types():
    images, labels = datasets.sample("cluttered-mnist", np.random.default_rng(0), 3)
    assert images.shape == (3, 100, 100) and images.dtype == np.float32
    assert labels.shape == (3,) and labels.dtype == np.int64


def test_clutter_is_there_beside_the_digit():
    """A digit alone would leave ink within 28 rows; with eight pieces it almost never does."""
    images, _ = datasets.sample("cluttered-mnist", np.random.default_rng(0), 200)
    inked = images.any(axis=2)  # (200, 100): rows with ink
    spread = inked.shape[1] - inked[:, ::-1].argmax(axis=1) - inked.argmax(axis=1)
    assert np.mean(spread > 28) > 0.95


def test_a_digit_alone():
    images, labels = datasets.sample("cluttered-mnist", np.random.default_rng(7), 5, side=28, distractors=0)
    digits, names = datasets.load("mnist", "train")
    for image, label in zip(images, labels):
        assert (digits[names == label] == image).all(axis=(1, 2)).any()
