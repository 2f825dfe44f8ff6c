"""The least cross-entropy there is on real-valued pixels."""

import numpy as np
import pytest

from draw_np import datasets


def test_the_floor_is_the_mean_over_images_of_the_sum_over_pixels():
    images = np.array([[[0.5, 0.25], [0, 1]], [[1, 0.5], [0.5, 0.5]]], np.float32)
    quarter = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert datasets.floor(images) == pytest.approx((np.log(2) + quarter + 3 * np.log(2)) / 2, rel=1e-12)


def test_no_mean_of_the_model_costs_less_than_the_floor():
    x = np.random.default_rng(0).random((2, 3, 4, 3))
    costs = [-np.sum(x * np.log(p) + (1 - x) * np.log(1 - p)) / 2 for p in (x, x + 1e-4 * (0.5 - x), 0.9 * x)]
    assert datasets.floor(x) == pytest.approx(costs[0], rel=1e-12) and costs[0] < costs[1] < costs[2]


def test_binary_images_have_none():
    assert datasets.floor(np.array([[0.0, 1.0, 1.0]])) == 0


@pytest.mark.parametrize("images", [[[1.01]], [[-0.01]], [[np.nan]], [[255.0]], np.zeros((0, 2))])
def test_what_is_no_intensity_is_refused(images):
    with pytest.raises(ValueError, match="between 0 and 1|no images"):
        datasets.floor(np.array(images))
