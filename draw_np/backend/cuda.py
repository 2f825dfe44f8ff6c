"""CuPy, behind `use_device("cuda")`: how it is found, and what it does otherwise than NumPy."""

import contextlib
import warnings

import numpy

from .common import DeviceError, leaves, map_arrays
from .cublas import Blas

INSTALL = "pip install cupy-cuda12x or cupy-cuda13x, whichever CUDA version `nvidia-smi` names"


class Gpu:
    """One GPU and CuPy. Raises DeviceError, saying what is missing, where they cannot compute."""

    def __init__(self):
        self.cupy = working_cupy()
        self.kernels = {}
        self.stream = self.cupy.cuda.Stream(non_blocking=True)  # the default stream cannot be captured
        self.stream.use()
        self.blas = Blas(self.cupy, self.stream)
        self.functions = {**vars(self.cupy), "matmul": self.blas.matmul, "concatenate": self.concatenate}
        self.add_product = self.blas.add_product
        self.cupy.ndarray.__matmul__ = lambda a, b: self.blas.matmul(a, b) if self.holds(b) else NotImplemented

    def concatenate(self, parts, axis=0):
        """As CuPy's, which copies a list of more than eight arrays to the GPU first: that cannot be recorded."""
        while len(parts) > 8:
            parts = [self.cupy.concatenate(parts[k : k + 8], axis) for k in range(0, len(parts), 8)]
        return self.cupy.concatenate(parts, axis)

    @property
    def recording(self):
        """Whether a graph is being recorded, so that nothing is computed."""
        return self.stream.is_capturing()

    def holds(self, array):
        """Whether it is an array on a GPU."""
        return isinstance(array, self.cupy.ndarray)

    def upload(self, value):
        """A NumPy array, or a number, as an array on the GPU, where bytes have one order."""
        if isinstance(value, numpy.ndarray) and not value.dtype.isnative:
            value = value.astype(value.dtype.newbyteorder("="))
        return value if value is None else self.cupy.asarray(value)

    def download(self, value):
        """An array on the GPU as a NumPy array."""
        return value.get() if self.holds(value) else value

    def fuse(self, function):
        """`cupy.fuse`, once for each function."""
        if function not in self.kernels:
            self.kernels[function] = self.cupy.fuse(function)
        return self.kernels[function]

    def capture(self, function):
        """See `backend.captured`."""
        return Captured(self, function)


class Captured:
    """A function of arrays whose kernels are recorded at the first call, as a CUDA graph, and launched all at once.

    A launch costs the processor some microseconds, and a training step has ten thousand: as a graph they take one.
    The graph reads and writes the memory that it was recorded with, so state and inputs are copied there before, and
    what is computed in between lies in a pool that nothing else draws from. Where recording fails, a warning says why
    and the function is called as it is, which is slower.
    """

    def __init__(self, gpu, function):
        self.gpu, self.function, self.graph, self.state = gpu, function, None, None

    def __call__(self, state, *inputs):
        if self.state is None:
            self.record(state, inputs)
        if state is not self.state:
            self.fill(self.state, state)
        self.fill(self.inputs, inputs)
        if self.graph is None:
            self.outputs = self.step()
        else:
            self.graph.launch()
        return self.state, map_arrays(self.buffer, self.outputs)

    def record(self, state, inputs):
        cupy, stream = self.gpu.cupy, self.gpu.stream
        self.pool = cupy.cuda.MemoryPool()
        with cupy.cuda.using_allocator(self.pool.malloc):
            self.state, self.inputs = map_arrays(self.buffer, (state, inputs))
            for _ in range(2):  # compiles the kernels and fills the pool: neither can be done while recording
                self.step()
            stream.synchronize()
            stream.begin_capture()
            try:
                self.outputs = self.step()
                self.graph = stream.end_capture()
            except Exception as error:
                if stream.is_capturing():
                    with contextlib.suppress(RuntimeError):  # what was recorded so far is of no use
                        stream.end_capture()
                warnings.warn(f"not recorded as a CUDA graph, and slow therefore: {last_line(error)}", stacklevel=3)

    def step(self):
        """Compute, and put the new state where the old one is. Returns the outputs."""
        state, outputs = self.function(self.state, *self.inputs)
        self.fill(self.state, state)
        return outputs

    def buffer(self, value):
        """Memory of its own for a value, on the GPU."""
        return value if value is None else self.gpu.cupy.array(value)

    def fill(self, buffers, values):
        """Copy values, on the GPU or not, into buffers of the same structure."""
        for buffer, value in zip(leaves(buffers), leaves(values)):
            if isinstance(value, numpy.ndarray):
                buffer.set(value)
            elif value is not buffer:
                buffer[...] = value


def working_cupy():
    """Import CuPy and compute something with it. Raises DeviceError when that fails, for whatever reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # two wheels at once are a warning there, and fail somewhere later
            import cupy
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            raise DeviceError(f"CuPy lacks the module {error.name}: {INSTALL}") from error
        raise DeviceError(f"--device cuda needs CuPy, which is not installed: {INSTALL}") from error
    except Exception as error:
        raise DeviceError(
            f"CuPy cannot be imported ({last_line(error)}); remove every cupy package, then {INSTALL}"
        ) from error
    runtime = cupy.cuda.runtime
    built_for = cuda_version(runtime.runtimeGetVersion())
    try:
        driver = runtime.driverGetVersion()
    except Exception:  # no driver library at all
        driver = 0
    if driver == 0:
        raise DeviceError("--device cuda: there is no NVIDIA driver on this machine; install it, or use --device cpu")
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        if driver // 1000 < runtime.runtimeGetVersion() // 1000:
            raise DeviceError(
                f"CuPy is built for CUDA {built_for} and the driver knows CUDA {cuda_version(driver)} at most: "
                f"update the driver, or remove this cupy package and pip install cupy-cuda{driver // 1000}x"
            ) from error
        count = 0
    if count == 0:
        raise DeviceError(
            "--device cuda: the NVIDIA driver shows no GPU; look at `nvidia-smi` and CUDA_VISIBLE_DEVICES, "
            "or use --device cpu"
        )
    try:
        ones = cupy.ones((2, 2), numpy.float32)  # compiles a kernel and loads cuBLAS
        if (ones @ ones + ones).sum().item() != 12:
            raise RuntimeError("1 + 1 is not 2 there")
    except MemoryError as error:
        raise DeviceError("the GPU has no memory left: see in `nvidia-smi` who has it") from error
    except Exception as error:
        raise DeviceError(
            f"CuPy {cupy.__version__} for CUDA {built_for} does not compute on this GPU ({last_line(error)}); "
            f"remove every cupy package, then {INSTALL}"
        ) from error
    return cupy


def cuda_version(number):
    """12040 as "12.4"."""
    return f"{number // 1000}.{number % 1000 // 10}"


def last_line(error):
    """The last line of an error that says something: CuPy frames its messages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" =")]
    return lines[-1] if lines else type(error).__name__
