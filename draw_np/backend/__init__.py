"""The array namespaces that everything above this folder computes with, on the processor or on a GPU.

`np` is NumPy as HIPS autograd wraps it: the same names and the same numbers, and every call records what the chain
rule needs. The equations take NumPy's functions from nowhere else. `arrays` is NumPy itself, for the kernels, which
bring derivatives of their own. After `use_device("cuda")` both stand for CuPy's functions, and arrays made with them
lie on the GPU: no function asks where it runs.
"""

import contextlib
import functools
import gc
from types import SimpleNamespace

import autograd.numpy
import numpy
from autograd.builtins import tuple as traced_tuple
from autograd.extend import defvjp, defvjp_argnum, primitive
from autograd.tracer import getval

from . import blas
from .common import ODD, DeviceError, floating, leaves, map_arrays
from .program import Program, form, note_kernel, recording, without_gradient
from .tape import make_pull_back

__all__ = [
    "ODD", "DeviceError", "Recorded", "add_product", "arrays", "captured", "checked", "clipped_slope", "constant",
    "contiguous", "floating", "fused", "gpu_failure", "host_values", "inner", "leaves", "map_arrays", "note_kernel",
    "np", "on_gpu", "plain", "product", "recomputed", "recording", "stop_gradient", "to_device", "to_host",
    "traced_dict", "traced_tuple", "use_device", "value_and_grad",
]  # fmt: skip

np = SimpleNamespace(**vars(autograd.numpy))
arrays = SimpleNamespace(**vars(numpy))
gpu = None
"""What stands behind "cuda", a `cuda.Gpu`, or None on the processor."""


def use_device(name):
    """Select the device that arrays live on, "cpu" or "cuda", for the whole process.

    Raises ValueError for another name, DeviceError where there is no GPU, or none that CuPy can use.
    """
    global gpu
    if name not in ("cpu", "cuda"):
        raise ValueError(f"unknown device {name!r}; known: cpu, cuda")
    if name == "cuda":
        from . import cuda, derivatives  # only here: without a GPU nothing of this is needed

        selected = cuda.Gpu()
        names = derivatives.differentiable(selected.functions), selected.functions
    else:
        selected, names = None, (vars(autograd.numpy), vars(numpy))
    gpu = selected
    constant.cache_clear()
    for namespace, contents in zip((np, arrays), names):
        vars(namespace).clear()
        vars(namespace).update(contents)


def gpu_failure(error):
    """The line that says what went wrong on the GPU, or None for an error that does not come from there."""
    if not type(error).__module__.startswith("cupy"):
        return None
    reason = str(error).strip().split("\n")[0]
    if isinstance(error, MemoryError) or "memory" in reason.lower():
        return f"the GPU's memory is full ({reason}): use a smaller batch or model, or --keep-every"
    return f"the GPU failed: {reason}; look at `nvidia-smi`, and try --device cpu"


# What autograd lacks.


@primitive
def contiguous(array):
    """The same array, laid out in memory in the order of its axes: what comes after reads it faster."""
    return arrays.ascontiguousarray(array)


defvjp(contiguous, lambda answer, array: lambda gradient: gradient)


@primitive
def clipped_slope(array, limit):
    """The same array; of the gradient that comes back through it, each entry is clipped to [-limit, limit]."""
    return array


defvjp(clipped_slope, lambda answer, array, limit: lambda gradient: arrays.clip(gradient, -limit, limit), argnums=[0])


def stop_gradient(array):
    """Return `array` as a constant: whatever is computed from it, no derivative flows back through it."""
    return without_gradient(array) if recording(array) else plain(array)


def plain(value):
    """A value without what autograd wraps it in: to be looked at. To compute with, `stop_gradient`."""
    return getval(value)


@primitive
def checked(array, check):
    """The same array, once `check` has not refused its values: a function that raises, and does nothing else."""
    values = host_values(array)
    if values is not None:
        check(values)
    return array


defvjp(checked, lambda answer, array, check: lambda gradient: gradient, argnums=[0])


@primitive
def make_dict(names, *values):
    return dict(zip(names, values))


defvjp_argnum(make_dict, lambda k, answer, arguments, _: lambda gradient: gradient[arguments[0][k - 1]])


def traced_dict(tree):
    """A dict of what autograd follows, as one value that it follows."""
    return make_dict(tuple(tree), *tree.values())


def recomputed(function):
    """The same function of a tree, of whose inner values nothing is kept: the backward pass computes them again.

    Memory for time. `function(tree, *constants)` returns an array or nested tuples of arrays. (`autograd.checkpoint`
    promises the same, but runs the function again at once and keeps everything.)
    """

    def pull_back(answer, tree, *constants):
        return lambda gradient: make_pull_back(lambda tree: function(tree, *constants), tree, arrays)[1](gradient)

    wrapped = primitive(function)
    defvjp(wrapped, pull_back, argnums=[0])
    return wrapped


def value_and_grad(function, params, weights=None):
    """Value of a function of a nested dict of arrays, and the gradient of the value's sum, or `weights`' weighted sum.

    Returns (value, gradient): a plain number, or list of numbers (on a GPU still an array, for nothing has waited for
    it), and a nested dict of the structure of `params`. Raises ValueError for numbers that are not floating-point ones:
    between whole numbers nothing has a slope.
    """
    map_arrays(check_differentiable, params)
    with no_garbage_collection():
        value, pull_back = make_pull_back(function, params, arrays)
        return as_numbers(value), pull_back(slope_of(value, weights))


def slope_of(value, weights):
    """What every part of a value counts in the sum that is differentiated."""
    return arrays.ones_like(value) if weights is None else weights.astype(value.dtype)


def as_numbers(value):
    return value.tolist() if gpu is None else value


@contextlib.contextmanager
def no_garbage_collection():
    """It would look for cycles among thousands of new objects, again and again, and there are none."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class Recorded:
    """`value_and_grad` of a `function(params, *inputs)`, written down at the first call, see `program.Program`.

    It is written down anew whenever shapes or types of the arrays are others. On a GPU, where `captured` records more
    than this, nothing is.
    """

    def __init__(self, function):
        self.function, self.program = function, None

    def __call__(self, params, *inputs, weights=None):
        if gpu is not None:
            return value_and_grad(lambda params: self.function(params, *inputs), params, weights)
        map_arrays(check_differentiable, params)
        with no_garbage_collection():
            if self.program is None or self.program.form != form((params, inputs)):
                self.program = Program(self.function, params, inputs, arrays)
            value, gradient = self.program.run(params, inputs, lambda value: slope_of(value, weights))
        return as_numbers(value), gradient


def check_differentiable(leaf):
    if hasattr(leaf, "dtype") and leaf.dtype.kind != "f":
        raise ValueError(f"only floating-point arrays have a gradient, not {leaf.dtype}: use .astype(numpy.float32)")


# Where NumPy and CuPy differ.


def on_gpu():
    """Whether the device in use is a GPU."""
    return gpu is not None


def to_device(tree):
    """NumPy arrays, alone or in nested containers, as arrays on the device in use; numbers become arrays there."""
    return tree if gpu is None else map_arrays(gpu.upload, tree)


def to_host(tree):
    """The inverse of `to_device`, for any device: waits until what was asked for is computed."""
    return tree if gpu is None else map_arrays(gpu.download, tree)


def host_values(array):
    """The values of an array, as NumPy has them, or None while a GPU records: then there are none to be looked at."""
    return None if gpu is not None and gpu.recording else to_host(plain(array))


@functools.lru_cache
def constant(values, dtype):
    """A tuple of numbers as an array: sent to the device once, not at every use. Not to be written to."""
    return to_device(numpy.array(values, dtype))


def product(a, b):
    """a @ b, for matrices."""
    return blas.product(a, b) if gpu is None else a @ b


def add_product(total, a, b):
    """total += a^T b in place, for matrices, without a copy of `total` where that can be."""
    (blas if gpu is None else gpu).add_product(total, a, b)


def inner(a, b, axes):
    """The sum of a * b over the last so many axes, for arrays of one shape."""
    if gpu is not None:
        return sums_of_products[axes - 1](a, b)
    letters = "abcd"[: a.ndim]
    return arrays.einsum(f"{letters},{letters}->{letters[: a.ndim - axes]}", a, b)


def fused(function):
    """On a GPU, make one kernel of a function of element-wise operations; with NumPy it stays as it is."""

    @functools.wraps(function)
    def run(*arguments):
        return function(*arguments) if gpu is None else gpu.fuse(function)(*arguments)

    return run


def sum_of_products(axes):
    """On a GPU einsum is a matrix product; one kernel that multiplies and sums is less work."""

    @fused
    def sum_of_products(a, b):
        return arrays.sum(a * b, axis=tuple(range(-axes, 0)))

    return sum_of_products


sums_of_products = [sum_of_products(axes) for axes in (1, 2, 3)]


def captured(function):
    """On a GPU, record `function(state, *inputs) -> (state, outputs)` once and replay the record at every later call.

    It must compute with arrays only and never look at their values. The state that a call returns is overwritten by the
    next one, and so are the outputs: `to_host` what is to stay. With NumPy this is the function itself.
    """
    return function if gpu is None else gpu.capture(function)
