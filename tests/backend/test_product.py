"""With what matrices are multiplied: NumPy, or BLAS by SciPy in a browser, whose NumPy has none."""

import subprocess
import sys

import numpy as np
import pytest

from draw_np import backend, kernels
from draw_np.backend import blas
from draw_np.models import draw

LAYOUTS = {
    "by rows": np.ascontiguousarray,
    "by columns": np.asfortranarray,
    "every second": lambda a: np.repeat(np.repeat(a, 2, 0), 2, 1)[::2, ::2],
}


def test_only_a_browser_s_are_others():
    assert blas.product_of("linux") is blas.product_of("win32") is blas.product is np.matmul
    assert blas.product_of("emscripten") is blas.blas_product


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("right", LAYOUTS)
def test_products_by_blas(left, right, dtype):
    """The numbers of a @ b, and as it lays them out in memory: by rows."""
    rng = np.random.default_rng(0)
    a, b = LAYOUTS[left](rng.normal(size=(3, 4)).astype(dtype)), LAYOUTS[right](rng.normal(size=(4, 5)).astype(dtype))
    found = blas.blas_product(a, b)
    assert found.dtype == dtype and found.flags.c_contiguous and found.flags.writeable
    np.testing.assert_allclose(found, a @ b, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("a, b", [(np.ones((3, 4), int), np.ones((4, 5), int)), (np.ones((3, 0)), np.ones((0, 5))),
                                  (np.ones((3, 4), "f4"), np.ones((4, 5)))])  # fmt: skip
def test_what_blas_does_not_multiply(a, b):
    found = blas.blas_product(a, b)
    np.testing.assert_array_equal(found, a @ b)
    assert found.dtype == (a @ b).dtype


def test_without_scipy_numpy_multiplies(monkeypatch):
    monkeypatch.setattr(blas, "gemm_of", lambda dtype: None)
    a, b = np.arange(12.0).reshape(3, 4), np.arange(20.0).reshape(4, 5)
    np.testing.assert_array_equal(blas.blas_product(a, b), a @ b)


def test_a_training_step_with_a_browser_s_products(monkeypatch):
    """All that the kernels multiply with weights goes through them, and the gradient stays the same."""
    config = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=4, write_size=3)
    rng = np.random.default_rng(0)
    params = draw.init_params(config, rng, dtype=np.float64)
    images, noise = rng.random((2, 8, 7)), draw.sample_noise(config, 2, rng, np.float64)

    def loss(params):
        return draw.loss(params, config, images, noise, kernels)

    value, gradient = backend.value_and_grad(loss, params)
    shapes = []

    def product(a, b):
        shapes.append((a.shape, b.shape))
        return blas.blas_product(a, b)

    monkeypatch.setattr(blas, "product", product)
    found, slopes = backend.value_and_grad(loss, params)
    assert found == pytest.approx(value, rel=1e-12) and len(shapes) > 3 * 2 * 5
    np.testing.assert_allclose(slopes["decoder"]["W"], gradient["decoder"]["W"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(slopes["encoder"]["U"], gradient["encoder"]["U"], rtol=1e-9, atol=1e-12)


def test_scipy_s_blas_is_loaded_when_asked_for():
    before, after = "assert 'scipy' not in sys.modules", "assert 'scipy' in sys.modules"
    program = f"import sys; from draw_np.backend import blas; {before}; blas.load(); {after}"
    subprocess.run([sys.executable, "-c", program], check=True)
