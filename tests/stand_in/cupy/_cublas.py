"""A cuBLAS that reads and writes memory by address, as the real one does, and computes with NumPy."""

import ctypes
import importlib

import numpy as np

from .cuda import _state

NAME = "libcublas.so.99"


def hook():
    """Let `ctypes.CDLL` find it, under a name that no real library has."""
    load = ctypes.CDLL

    def load_or_stand_in(name, *arguments, **keywords):
        if name != NAME:
            return load(name, *arguments, **keywords)
        return importlib.import_module("cupy._cublas").Library()  # of the stand-in that is in use

    if load.__name__ != "load_or_stand_in":
        ctypes.CDLL = load_or_stand_in


def matrix(address, dtype, turned, rows, columns, step, count, apart):
    """The `count` matrices at an address, stored along columns, as they are after `turned`."""
    if turned:
        rows, columns = columns, rows
    assert step >= max(rows, 1), "leading dimension too small"
    length = (count - 1) * apart + (columns - 1) * step + rows
    memory = np.frombuffer((ctypes.c_char * (length * dtype.itemsize)).from_address(address), dtype)
    strides = [apart * dtype.itemsize, dtype.itemsize, step * dtype.itemsize]
    found = np.lib.stride_tricks.as_strided(memory, (count, rows, columns), strides)
    return found.swapaxes(1, 2) if turned else found


class Library:
    def cublasCreate_v2(self, handle):
        handle._obj.value = 7
        return 0

    def cublasSetStream_v2(self, handle, stream):
        return 0

    def cublasSetWorkspace_v2(self, handle, address, size):
        return 0

    def cublasSgemm_v2(self, handle, turn_a, turn_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        return gemm(np.float32, turn_a, turn_b, m, n, k, alpha, (a, lda, 0), (b, ldb, 0), beta, (c, ldc, 0), 1)

    def cublasDgemm_v2(self, handle, turn_a, turn_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        return gemm(np.float64, turn_a, turn_b, m, n, k, alpha, (a, lda, 0), (b, ldb, 0), beta, (c, ldc, 0), 1)

    def cublasSgemmStridedBatched(
        self, handle, ta, tb, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, count
    ):
        a, b, c = (a, lda, sa.value), (b, ldb, sb.value), (c, ldc, sc.value)
        return gemm(np.float32, ta, tb, m, n, k, alpha, a, b, beta, c, count)

    def cublasDgemmStridedBatched(
        self, handle, ta, tb, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, count
    ):
        a, b, c = (a, lda, sa.value), (b, ldb, sb.value), (c, ldc, sc.value)
        return gemm(np.float64, ta, tb, m, n, k, alpha, a, b, beta, c, count)


def gemm(dtype, turn_a, turn_b, m, n, k, alpha, a, b, beta, c, count):
    dtype, alpha, beta = np.dtype(dtype), alpha._obj.value, beta._obj.value
    a = matrix(a[0].value, dtype, turn_a, m, k, a[1], count, a[2])
    b = matrix(b[0].value, dtype, turn_b, k, n, b[1], count, b[2])
    c = matrix(c[0].value, dtype, False, m, n, c[1], count, c[2])

    def run():
        c[...] = alpha * (a @ b) + (beta * c if beta else 0)  # as cuBLAS: what beta = 0 leaves out may be NaN

    if _state.graph is None:
        run()
    else:
        _state.graph.append(run)
    return 0
