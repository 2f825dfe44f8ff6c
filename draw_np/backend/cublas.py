"""Matrix products on the GPU that a CUDA graph can hold.

CuPy refuses to call cuBLAS while a graph is recorded (its issue 6290), though cuBLAS itself allows it, given a stream
and a workspace of its own. So it is called here directly. That also spares the copies that CuPy makes of transposed
stacks of matrices, for cuBLAS can read any matrix whose rows or columns lie together.
"""

import ctypes

import numpy

from .common import DeviceError

WORKSPACE = 32 * 2**20  # bytes, what cuBLAS recommends for Hopper; left to itself it would allocate while recording


class Blas:
    """cuBLAS on one stream. Raises DeviceError where the library cannot be loaded."""

    def __init__(self, cupy, stream):
        self.cupy = cupy
        major = cupy.cuda.runtime.runtimeGetVersion() // 1000
        try:
            self.library = ctypes.CDLL(f"libcublas.so.{major}")  # the one that CuPy has loaded
        except OSError as error:
            raise DeviceError(f"cuBLAS cannot be loaded ({error}); install CuPy again with its [ctk] extra") from error
        self.handle = ctypes.c_void_p()
        self.workspace = cupy.empty(WORKSPACE, numpy.uint8)
        self.call("cublasCreate_v2", ctypes.byref(self.handle))
        self.call("cublasSetStream_v2", self.handle, ctypes.c_void_p(stream.ptr))
        address = ctypes.c_void_p(self.workspace.data.ptr)
        self.call("cublasSetWorkspace_v2", self.handle, address, ctypes.c_size_t(WORKSPACE))

    def call(self, name, *arguments):
        status = getattr(self.library, name)(*arguments)
        if status != 0:
            raise DeviceError(f"{name} of cuBLAS failed with status {status}")

    def matmul(self, a, b):
        """a @ b, as NumPy has it, in float32 or float64."""
        if b.ndim == 1:
            return self.matmul(a, b[:, None])[..., 0]
        if a.ndim == 1:
            return self.matmul(a[None], b)[..., 0, :]
        if a.shape[-1] != b.shape[-2]:
            raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not fit")
        dtype = numpy.result_type(a.dtype, b.dtype, numpy.float32)
        a, b = a.astype(dtype, copy=False), b.astype(dtype, copy=False)
        lead = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        out = self.cupy.empty((*lead, a.shape[-2], b.shape[-1]), dtype)
        if a.size == 0 or b.size == 0:
            out.fill(0)
            return out
        a, b = (self.cupy.broadcast_to(matrix, lead + matrix.shape[-2:]) for matrix in (a, b))
        self.multiply(a, b, out)
        return out

    def add_product(self, total, a, b):
        """total += a^T b in place, for matrices: with no copy where they are of one type, `total` stored by rows."""
        if total.flags.c_contiguous and total.dtype == a.dtype == b.dtype:
            self.multiply(a.T, b, total, 1.0)
        else:
            total += a.T @ b

    def multiply(self, a, b, out, beta=0.0):
        """out = a @ b + beta out, for stacks of one shape, `out` stored by rows."""
        if a.ndim > 3:  # images, then planes: one call for all images, one after the other for the planes
            for j in range(a.shape[1]):
                self.multiply(a[:, j], b[:, j], out[:, j], beta)
            return
        real, letter = (ctypes.c_float, "S") if out.dtype == numpy.float32 else (ctypes.c_double, "D")
        (a, turn_a, step_a), (b, turn_b, step_b) = self.readable(a), self.readable(b)
        rows, columns = out.shape[-2:]
        # cuBLAS counts along columns: to it a matrix stored by rows is transposed, and out^T = b^T a^T
        common = [self.handle, turn_b, turn_a, columns, rows, a.shape[-1], ctypes.byref(real(1.0))]
        matrices = [(b, step_b), (a, step_a), (out, max(out.strides[-2] // out.itemsize, columns))]
        scale = ctypes.byref(real(beta))
        if a.ndim == 2:
            pairs = [(ctypes.c_void_p(m.data.ptr), step) for m, step in matrices]
            self.call(f"cublas{letter}gemm_v2", *common, *pairs[0], *pairs[1], scale, *pairs[2])
        else:
            triples = [
                (ctypes.c_void_p(m.data.ptr), step, ctypes.c_longlong(m.strides[0] // m.itemsize))
                for m, step in matrices
            ]
            name = f"cublas{letter}gemmStridedBatched"
            self.call(name, *common, *triples[0], *triples[1], scale, *triples[2], len(out))

    def readable(self, matrix):
        """A matrix, or a stack, as cuBLAS can read it: (itself or a copy, 1 if stored by columns, the step from one row
        or column to the next).
        """
        (rows, columns), (down, across) = matrix.shape[-2:], (s // matrix.itemsize for s in matrix.strides[-2:])
        if (across == 1 or columns == 1) and (down >= columns or rows == 1):
            return matrix, 0, max(down, columns)
        if (down == 1 or rows == 1) and (across >= rows or columns == 1):
            return matrix, 1, max(across, rows)
        return self.cupy.ascontiguousarray(matrix), 0, columns
