"""The vectorised collage against the slow one, which goes pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from draw_np.datasets import DatasetError, mnist
from draw_np.datasets.collage import add_clipped, place, random_corners


def place_slowly(patches, rows, columns, height, width):
    images = np.zeros((len(patches), height, width))
    for image, its_patches, its_rows, its_columns in zip(images, patches, rows, columns, strict=True):
        for patch, row, column in zip(its_patches, its_rows, its_columns, strict=True):
            for y, line in enumerate(patch):
                for x, pixel in enumerate(line):
                    image[row + y, column + x] = min(image[row + y, column + x] + float(pixel), 255.0)
    return images


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 3),
    each=st.integers(0, 4),
    brightest=st.integers(0, 255),
    size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    room=st.tuples(st.integers(0, 5), st.integers(0, 5)),
)
def test_place_is_the_slow_loop(seed, count, each, brightest, size, room):
    rng = np.random.default_rng(seed)
    height, width = size[0] + room[0], size[1] + room[1]
    patches = rng.integers(brightest + 1, size=(count, each, *size), dtype=np.uint8)
    rows = random_corners(rng, (count, each), height, size[0])
    columns = random_corners(rng, (count, each), width, size[1])
    images = place(patches, rows, columns, height, width)
    assert images.dtype == np.uint8
    assert np.array_equal(images, place_slowly(patches, rows, columns, height, width))


def test_no_place_beyond_the_border():
    patch = np.ones((1, 1, 3, 2), np.uint8)
    for row, column, said in ((6, 0, "rows"), (-1, 0, "rows"), (0, 6, "columns"), (0, -1, "columns")):  # 0-5 fit
        with pytest.raises(DatasetError, match=f"{said} of patches lie beyond the border: pass 0 to 5"):
            place(patch, np.array([[row]]), np.array([[column]]), 8, 7)


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.int8, bool])
def test_no_pixels_but_bytes(kind):
    """They would be cut off, or overflow, on the way."""
    patches, corner, image = np.ones((1, 1, 3, 2), kind), np.array([[0]]), np.ones((1, 8, 7), np.uint8)
    said = f"pixels are {np.dtype(kind)}: pass an array of uint8, 0 to 255"
    for use in (
        lambda: place(patches, corner, corner, 8, 7),
        lambda: add_clipped(image, image.astype(kind)),
        lambda: add_clipped(image.astype(kind), image),
        lambda: mnist.grey_levels(image.astype(kind)),
    ):
        with pytest.raises(DatasetError, match=said):
            use()
    with pytest.raises(DatasetError, match="pixels are list: pass an array of uint8"):
        mnist.grey_levels([0, 255])


def test_adding_is_clipped_for_every_pair_of_pixels():
    a, b = np.meshgrid(np.arange(256), np.arange(256))
    both = add_clipped(a.astype(np.uint8), b.astype(np.uint8))
    assert both.dtype == np.uint8
    assert np.array_equal(both, np.minimum(a + b, 255))


def test_corners_reach_every_place_and_none_outside():
    corners = random_corners(np.random.default_rng(0), (4, 5_000), 60, 28)
    assert corners.shape == (4, 5_000)
    assert np.array_equal(np.unique(corners), np.arange(33))
    counts = np.bincount(corners.ravel())
    assert np.all(np.abs(counts - 20_000 / 33) < 5 * np.sqrt(20_000 / 33))  # five standard errors
