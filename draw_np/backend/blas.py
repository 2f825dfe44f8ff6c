"""Products of matrices on the processor: NumPy's, or BLAS's by way of SciPy where that is faster."""

import functools
import sys

import numpy


@functools.lru_cache
def gemm_of(dtype):
    """BLAS's product of matrices of this type, or None where there is none: for other types, or without SciPy."""
    try:
        from scipy.linalg.blas import get_blas_funcs  # only here: a browser need not load SciPy for it
    except ImportError:
        return None
    return get_blas_funcs("gemm", dtype=dtype) if dtype in (numpy.float32, numpy.float64) else None


def load():
    """Load what `add_product` uses, if it is there: for those who then decide how many threads all BLAS may take."""
    gemm_of(numpy.dtype(numpy.float32))


def product_of(platform):
    """The product a @ b of two matrices on a platform: NumPy's, except where NumPy has none of BLAS.

    In a browser it multiplies ten times slower than SciPy does.
    """
    return blas_product if platform == "emscripten" else numpy.matmul


def blas_product(a, b):
    """a @ b by BLAS, for matrices, or by NumPy where that cannot be."""
    gemm = gemm_of(a.dtype)
    if gemm is None or a.dtype != b.dtype or not (a.size and b.size):
        return a @ b
    (left, trans_a), (right, trans_b) = (  # (a b)^T = b^T a^T, so that what is returned is stored by rows
        (matrix.T, False) if matrix.flags.c_contiguous else (matrix, True) for matrix in (b, a)
    )
    return gemm(1.0, left, right, trans_a=trans_a, trans_b=trans_b).T


product = product_of(sys.platform)


def add_product(total, a, b):
    """total += a^T b in place, for matrices: with BLAS, where it would write to `total` itself and not to a copy."""
    gemm = gemm_of(total.dtype)
    if gemm is None or not (total.flags.carray and total.dtype == a.dtype == b.dtype):  # unaligned or read-only: a copy
        total += a.T @ b
        return
    (left, trans_a), (right, trans_b) = (  # BLAS counts along columns: to it a matrix stored by rows is transposed
        (matrix, by_columns) if matrix.flags.f_contiguous else (matrix.T, not by_columns)
        for matrix, by_columns in ((b, True), (a, False))
    )
    gemm(1.0, left, right, beta=1.0, c=total.T, trans_a=trans_a, trans_b=trans_b, overwrite_c=True)
