"""A module that behaves like CuPy 14 where there is no GPU, and is as strict: it stands in for it in tests.

With this file's folder on the path, `import cupy` finds it. It computes with NumPy, but

- it has the names and keywords of CuPy that draw_np uses, and no others (a test compares them with the real ones);
- it refuses host arrays and implicit conversion, and NumPy functions of its arrays;
- it records CUDA graphs as a GPU does: while one is recorded nothing is computed, new arrays hold NaN, and whatever
  would wait for the GPU or copy from the host is refused;
- a fused function may only do what `cupy.fuse` can, to arrays that it would not stretch;
- it counts how often the host waited, in `cuda.waits`.

It cannot show what a real GPU does with memory, time or a bug in a kernel.
"""

import numpy as _np

from . import cuda
from ._cublas import hook as _hook
from .cuda import _state

__version__ = "14.2.0"
bool_, int8, int32, int64, uint8 = _np.bool_, _np.int8, _np.int32, _np.int64, _np.uint8
float16, float32, float64 = _np.float16, _np.float32, _np.float64
newaxis, pi, inf, nan = None, _np.pi, _np.inf, _np.nan
_SCALARS = (bool, int, float, _np.generic)
_hook()


def _host(value):
    """What a kernel sees of an argument."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, _SCALARS):
        return value
    raise TypeError(f"Unsupported type {type(value)}")


def _launch(compute, *arguments, out=None):
    """Compute now, or record that it is to be computed whenever the graph is launched."""
    operands = [_host(argument) for argument in arguments]

    def run():
        with _np.errstate(all="ignore"):  # a GPU does not warn
            return _np.asarray(compute(*operands))

    if out is None:
        found = run()
        result = ndarray._of(found.copy() if found.base is not None else found)
        if _state.graph is not None:
            if result._host.dtype.kind == "f":
                result._host.fill(_np.nan)
            _state.graph.append(lambda: _np.copyto(result._host, run()))
        return result
    if not isinstance(out, ndarray):
        raise TypeError(f"out must be a cupy.ndarray, not {type(out)}")

    def store():
        _np.copyto(out._host, run(), casting="same_kind")

    if _state.graph is None:
        store()
    else:
        _state.graph.append(store)
    return out


class ndarray:
    __array_priority__ = 100

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        assert memptr is None and strides is None, "not in this stand-in"
        self._host = cuda._kept(_np.zeros(shape, dtype, order))

    @classmethod
    def _of(cls, host):
        self = object.__new__(cls)
        self._host = cuda._kept(host)
        return self

    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    dtype = property(lambda self: self._host.dtype)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    flags = property(lambda self: self._host.flags)
    T = property(lambda self: ndarray._of(self._host.T))
    data = property(lambda self: cuda._Pointer(self._host.ctypes.data))

    def __repr__(self):
        return f"<cupy stand-in array {self.shape} {self.dtype}>"

    # To the host, and waiting for it.

    def get(self, stream=None, order="C", out=None, blocking=True):
        cuda._wait()
        return self._host.copy()

    def item(self):
        return self.get().item()

    def tolist(self):
        return self.get().tolist()

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __bool__(self):
        return bool(self.get())

    __hash__ = None

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_function__(self, function, types, arguments, keywords):
        raise TypeError(f"numpy.{function.__name__} of an array that lies on a GPU")

    def __array_ufunc__(self, function, method, *inputs, **keywords):
        if method != "__call__" or any(isinstance(x, _np.ndarray) for x in inputs):
            raise TypeError(f"numpy.{function.__name__}: Unsupported type <class 'numpy.ndarray'>")
        if not all(isinstance(x, (ndarray, *_SCALARS)) for x in inputs):
            return NotImplemented
        if not any(isinstance(x, _SCALARS) for x in inputs):
            raise TypeError(f"numpy.{function.__name__} of an array that lies on a GPU")
        return globals()[function.__name__](*inputs, **keywords)  # as in `numpy.float64(2) * array`

    def set(self, arr, stream=None):
        if not isinstance(arr, _np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if self.dtype != arr.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if self.shape != arr.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not (self.flags.c_contiguous or self.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        cuda._copy_from_host()
        self._host[...] = arr

    # Views.

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __getitem__(self, index):
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, (ndarray, list)) for part in parts):
            return _launch(lambda host, *chosen: host[_fill_in(parts, chosen)], self, *_arrays_in(parts))
        if any(isinstance(part, _np.ndarray) for part in parts):
            raise TypeError("this stand-in takes no host array as an index")
        return ndarray._of(self._host[(*parts, ...) if ... not in parts else parts])

    def __setitem__(self, index, value):
        target = self[index]
        if not _np.shares_memory(target._host, self._host) and target.size:
            raise IndexError("this stand-in writes to slices only")
        _launch(lambda value: _np.broadcast_to(value, target.shape), value, out=target)

    def reshape(self, *shape, order="C", copy=None):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        new = self._host.reshape(shape)
        if _np.shares_memory(new, self._host) or not new.size:
            return ndarray._of(new)
        return _launch(lambda host: host.reshape(shape), self)

    def swapaxes(self, axis1, axis2):
        return ndarray._of(self._host.swapaxes(axis1, axis2))

    def transpose(self, *axes):
        return ndarray._of(self._host.transpose(*axes))

    # Kernels.

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        if not copy and self.dtype == dtype:
            return self
        return _launch(lambda host: host.astype(dtype), self)

    def copy(self, order="C"):
        return _launch(lambda host: host.copy(order), self)

    def fill(self, value):
        self[...] = value

    def sum(self, axis=None, dtype=None, out=None, keepdims=False):
        return sum(self, axis, dtype, out, keepdims)

    def max(self, axis=None, out=None, keepdims=False):
        return max(self, axis, out, keepdims)

    def min(self, axis=None, out=None, keepdims=False):
        return min(self, axis, out, keepdims)

    def mean(self, axis=None, dtype=None, out=None, keepdims=False):
        return mean(self, axis, dtype, out, keepdims)

    def __matmul__(self, other):
        if _state.graph is not None:  # as CuPy does
            raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
        return _launch(_np.matmul, self, other)


def _arrays_in(parts):
    return [part for part in parts if isinstance(part, ndarray)]


def _fill_in(parts, chosen):
    chosen = iter(chosen)
    return tuple(next(chosen) if isinstance(part, ndarray) else part for part in parts)


class ufunc:
    """An element-wise function."""

    def __init__(self, name):
        self.name = self.__name__ = f"cupy_{name}"
        self._compute = getattr(_np, name)
        self.nin, self.nout = self._compute.nin, self._compute.nout

    def __repr__(self):
        return f"<ufunc '{self.name}'>"

    def __call__(self, *args, out=None, casting="same_kind", dtype=None):
        if len(args) == self.nin + 1 and out is None:
            *args, out = args
        if len(args) != self.nin:
            raise TypeError(f"{self.name} takes {self.nin} arguments")
        if any(isinstance(a, _FusedVariable) for a in args):
            return _FusedVariable._apply(self._compute, args, out)
        options = {} if dtype is None else {"dtype": dtype}
        return _launch(lambda *hosts: self._compute(*hosts, **options), *args, out=out)


_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "pow": "power",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
    "and": "bitwise_and", "or": "bitwise_or",
}  # fmt: skip
for _name in (
    *_OPERATORS.values(), "negative", "invert", "exp", "log", "log1p", "tanh", "sqrt", "square", "absolute", "rint",
    "maximum", "minimum", "logaddexp", "isfinite", "floor", "sign", "logical_and", "logical_or", "logical_not",
):  # fmt: skip
    globals()[_name] = ufunc(_name)
abs = absolute  # noqa: F821
divide = true_divide  # noqa: F821


def _add_operators(cls, known):
    def binary(function):
        def forward(self, other):
            if not isinstance(other, known):
                if getattr(other, "__array_ufunc__", self) is None:
                    return NotImplemented
                raise TypeError(f"Unsupported type {type(other)}")
            return function(self, other)

        def reflected(self, other):
            return function(other, self) if isinstance(other, known) else NotImplemented

        def in_place(self, other):
            return function(self, other, out=self)

        return forward, reflected, in_place

    for operator, name in _OPERATORS.items():
        forward, reflected, in_place = binary(globals()[name])
        setattr(cls, f"__{operator}__", forward)
        if operator in ("add", "sub", "mul", "truediv", "pow", "and", "or"):
            setattr(cls, f"__r{operator}__", reflected)
            setattr(cls, f"__i{operator}__", in_place)
    cls.__neg__ = lambda self: negative(self)  # noqa: F821
    cls.__invert__ = lambda self: invert(self)  # noqa: F821


class _FusedVariable:
    """What a function sees of an array while it is fused: operators and element-wise functions, nothing else."""

    def __init__(self, host, full, reduced=False):
        self._host, self._full, self._reduced = host, full, reduced
        self.dtype, self.ndim = host.dtype, host.ndim

    @classmethod
    def _apply(cls, compute, arguments, out=None):
        stages = {a._reduced for a in arguments if isinstance(a, cls)}
        if len(stages) > 1:
            raise TypeError("Shape mismatch: a fused function mixes values from before and after its reduction")
        hosts = [a._host if isinstance(a, cls) else _host(a) for a in arguments]
        found = _np.asarray(compute(*hosts))
        if out is None:
            return cls(found, next(a._full for a in arguments if isinstance(a, cls)), stages.pop())
        if found.shape != out._host.shape:
            raise ValueError("non-broadcastable output operand")
        _np.copyto(out._host, found, casting="same_kind")
        return out

    def astype(self, dtype):
        return self._apply(lambda host: host.astype(dtype), [self])

    def copy(self):
        return self._apply(_np.copy, [self])

    def __bool__(self):
        raise Exception("Can't cast to bool")


_add_operators(ndarray, (ndarray, *_SCALARS))
_add_operators(_FusedVariable, (_FusedVariable, *_SCALARS))


class _Fused:
    def __init__(self, function):
        assert function.__name__.isidentifier(), "CUDA would not take this for the name of a kernel"
        self.function = function

    def __call__(self, *arguments):
        if any(isinstance(a, _FusedVariable) for a in arguments) or not any(isinstance(a, ndarray) for a in arguments):
            return self.function(*arguments)
        full = _np.broadcast_shapes(*(a.shape for a in arguments if isinstance(a, ndarray)))
        hosts = [_host(a) for a in arguments]

        def run(hosts):
            with _np.errstate(all="ignore"):
                found = self.function(*[_FusedVariable(h, full) if isinstance(h, _np.ndarray) else h for h in hosts])
            for variable in found if isinstance(found, tuple) else (found,):
                if not variable._reduced and variable._host.shape != full:
                    raise TypeError(f"cupy.fuse would make {variable._host.shape} into {full}")
            return [v._host for v in found] if isinstance(found, tuple) else [found._host]

        if _state.graph is None:
            results = [ndarray._of(found.copy()) for found in run(hosts)]
        else:  # what it would write to its arguments is for the replay to do
            results = [ndarray._of(found) for found in run([_np.copy(host) for host in hosts])]
            for result in results:
                result._host.fill(_np.nan)

            def replay():
                for result, found in zip(results, run(hosts)):
                    _np.copyto(result._host, found)

            _state.graph.append(replay)
        return tuple(results) if len(results) > 1 else results[0]


def fuse(*args, **kwargs):
    """Only as a decorator without options."""
    (function,) = args
    return _Fused(function)


# Functions, with the signatures of the real ones.


def is_available():
    return True


def zeros(shape, dtype=float, order="C"):
    return full(shape, 0, dtype, order)


def ones(shape, dtype=float, order="C"):
    return full(shape, 1, dtype, order)


def empty(shape, dtype=float, order="C"):
    made = ndarray(shape, dtype, order=order)
    if made.dtype.kind == "f":
        made._host.fill(_np.nan)
    return made


def full(shape, fill_value, dtype=None, order="C"):
    return _launch(lambda: _np.full(shape, _host(fill_value), dtype, order))


def zeros_like(a, dtype=None, order="K", subok=None, shape=None):
    return _launch(lambda host: _np.zeros_like(host, dtype, order, True, shape), a)


def ones_like(a, dtype=None, order="K", subok=None, shape=None):
    return _launch(lambda host: _np.ones_like(host, dtype, order, True, shape), a)


def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    return ndarray._of(_np.full_like(prototype._host, 0, dtype, order, True, shape))


def arange(start, stop=None, step=1, dtype=None):
    return _launch(lambda: _np.arange(0 if stop is None else start, start if stop is None else stop, step, dtype))


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    if isinstance(obj, ndarray):
        return obj if not copy and dtype in (None, obj.dtype) else obj.astype(dtype or obj.dtype)
    if isinstance(obj, (list, tuple)) and any(isinstance(x, ndarray) for x in obj):
        return stack([asarray(x) for x in obj])
    cuda._copy_from_host()
    return ndarray._of(_np.array(obj, dtype))


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    made = array(a, dtype, copy=bool(copy))
    return ascontiguousarray(made) if order == "C" else made


def may_share_memory(a, b, max_work=None):
    return _np.may_share_memory(a._host, b._host)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    return a.get()


def ascontiguousarray(a, dtype=None):
    if a.flags.c_contiguous and dtype in (None, a.dtype):
        return a
    return _launch(lambda host: _np.array(host, dtype, order="C"), a)


def reshape(a, newshape, order="C", *, copy=None):
    return a.reshape(newshape)


def swapaxes(a, axis1, axis2):
    return a.swapaxes(axis1, axis2)


def moveaxis(a, source, destination):
    return ndarray._of(_np.moveaxis(a._host, source, destination))


def expand_dims(a, axis):
    return ndarray._of(_np.expand_dims(a._host, axis))


def broadcast_to(array, shape):
    view = _np.broadcast_to(array._host, shape)
    return ndarray._of(_np.lib.stride_tricks.as_strided(array._host, view.shape, view.strides))


def split(ary, indices_or_sections, axis=0):
    return [ndarray._of(part) for part in _np.split(ary._host, indices_or_sections, axis)]


def concatenate(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    if len(tup) > 8:  # the real one sends their addresses
        cuda._copy_from_host()
    return _launch(lambda *hosts: _np.concatenate(hosts, axis), *tup, out=out)


def stack(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    return _launch(lambda *hosts: _np.stack(hosts, axis), *tup, out=out)


def where(condition, x=None, y=None):
    if isinstance(condition, _FusedVariable):
        return _FusedVariable._apply(_np.where, [condition, x, y])
    return _launch(_np.where, condition, x, y)


def clip(a, a_min, a_max, out=None):
    if isinstance(a, _FusedVariable):
        return _FusedVariable._apply(_np.clip, [a, a_min, a_max])
    return _launch(_np.clip, a, a_min, a_max, out=out)


def sum(a, axis=None, dtype=None, out=None, keepdims=False):
    if isinstance(a, _FusedVariable):
        if keepdims or a._reduced:
            raise TypeError("cupy.fuse reduces once and without keepdims")
        if a._host.shape != a._full:
            raise TypeError(f"cupy.fuse would reduce {a._full}, not {a._host.shape}")
        found = _FusedVariable._apply(lambda host: host.sum(axis), [a])
        found._reduced = True
        return found
    return _launch(lambda host: host.sum(axis, dtype, keepdims=keepdims), a, out=out)


def mean(a, axis=None, dtype=None, out=None, keepdims=False):
    return _launch(lambda host: host.mean(axis, dtype, keepdims=keepdims), a, out=out)


def max(a, axis=None, out=None, keepdims=False):
    return _launch(lambda host: host.max(axis, keepdims=keepdims), a, out=out)


def min(a, axis=None, out=None, keepdims=False):
    return _launch(lambda host: host.min(axis, keepdims=keepdims), a, out=out)


def all(a, axis=None, out=None, keepdims=False):
    return _launch(lambda host: host.all(axis, keepdims=keepdims), a, out=out)


def round(a, decimals=0, out=None):
    return _launch(lambda host: _np.round(host, decimals), a, out=out)
