"""NumPy's functions over arrays that autograd does not know, CuPy's, with the derivatives that the equations need.

Autograd brings rules for NumPy's arrays only: they make new arrays with NumPy and convert others to it. The rules here
use nothing but operators, methods and CuPy's functions. A function without a rule computes, but refuses to be
differentiated.
"""

from types import SimpleNamespace

from autograd.core import VSpace
from autograd.extend import Box, defvjp, defvjp_argnums, primitive

ELEMENTWISE = {  # y = f(x, ...): the derivative of y with respect to each argument in turn
    "add": (lambda y, a, b: 1, lambda y, a, b: 1),
    "subtract": (lambda y, a, b: 1, lambda y, a, b: -1),
    "multiply": (lambda y, a, b: b, lambda y, a, b: a),
    "true_divide": (lambda y, a, b: 1 / b, lambda y, a, b: -y / b),
    "power": (lambda y, a, n: n * a ** (n - 1),),
    "negative": (lambda y, x: -1,),
    "exp": (lambda y, x: y,),
    "log": (lambda y, x: 1 / x,),
    "tanh": (lambda y, x: 1 - y * y,),
    "sqrt": (lambda y, x: 0.5 / y,),
    "clip": (lambda y, x, low, high: (low < x) & (x < high),),
}
OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "pow": "power", "matmul": "matmul",
}  # fmt: skip


def differentiable(functions):
    """An array module's functions {name: function}, those with a rule recording what the chain rule needs.

    From then on autograd knows the module's `ndarray`.
    """
    xp, names = SimpleNamespace(**functions), dict(functions)
    for name, slopes in ELEMENTWISE.items():
        names[name] = with_rule(getattr(xp, name), *(elementwise_rule(slope, k) for k, slope in enumerate(slopes)))

    def logaddexp_slope(k):
        return elementwise_rule(lambda y, *x: xp.exp(x[k] - y), k)

    names["logaddexp"] = with_rule(xp.logaddexp, logaddexp_slope(0), logaddexp_slope(1))
    names["divide"] = names["true_divide"]
    names["matmul"] = with_rule(
        xp.matmul,
        lambda y, a, b: lambda g: unbroadcast(g @ b.swapaxes(-1, -2), a),
        lambda y, a, b: lambda g: unbroadcast(a.swapaxes(-1, -2) @ g, b),
    )
    names["sum"] = with_rule(xp.sum, sum_rule(xp))
    names["reshape"] = with_rule(xp.reshape, lambda y, x, shape: lambda g: g.reshape(x.shape))
    names["swapaxes"] = with_rule(xp.swapaxes, lambda y, x, i, j: lambda g: g.swapaxes(i, j))
    names["moveaxis"] = with_rule(xp.moveaxis, lambda y, x, i, j: lambda g: xp.moveaxis(g, j, i))
    names["split"] = with_rule(xp.split, lambda y, x, parts, axis=0: lambda g: xp.concatenate(list(g), axis=axis))
    names["concatenate"], names["stack"] = joining(xp)
    item = with_rule(lambda array, index: array[index], index_rule(xp))
    type("Array", (Array,), operators(names, item)).register(xp.ndarray)
    type("Space", (Space,), {"xp": xp}).register(xp.ndarray)
    return names


def with_rule(function, *rules):
    """`function`, recorded by autograd; one rule for each of its first arguments."""
    recorded = primitive(function)
    defvjp(recorded, *rules)
    return recorded


def unbroadcast(gradient, array):
    """Sum a gradient over the axes along which broadcasting repeated `array`."""
    while gradient.ndim > array.ndim:
        gradient = gradient.sum(axis=0)
    for axis, size in enumerate(array.shape):
        if size == 1 < gradient.shape[axis]:
            gradient = gradient.sum(axis=axis, keepdims=True)
    return gradient


def elementwise_rule(slope, k):
    return lambda y, *x: lambda g: unbroadcast(g * slope(y, *x), x[k])


def sum_rule(xp):
    def rule(y, x, axis=None, keepdims=False):
        if axis is None or keepdims:
            return lambda g: xp.broadcast_to(g, x.shape)
        return lambda g: xp.broadcast_to(xp.expand_dims(g, axis), x.shape)

    return rule


def index_rule(xp):
    def rule(y, x, index):  # of slices and whole numbers, so that no entry is counted twice
        def place(g):
            gradient = xp.zeros_like(x)
            gradient[index] = g
            return gradient

        return place

    return rule


def joining(xp):
    """`concatenate` and `stack`: autograd finds what it follows among arguments, not inside a list of them."""

    @primitive
    def join(axis, *parts):
        return xp.concatenate(parts, axis=axis)

    def rule(wanted, y, arguments, keywords):
        axis, *parts = arguments
        ends = [sum(part.shape[axis] for part in parts[:k]) for k in range(1, len(parts))]
        return lambda g: [xp.split(g, ends, axis=axis)[k - 1] for k in wanted]

    defvjp_argnums(join, rule)

    def concatenate(parts, axis=0):
        return join(axis, *parts)

    def stack(parts, axis=0):
        index = (slice(None),) * axis + (None,)
        return join(axis, *(part[index] for part in parts))

    return concatenate, stack


def operators(names, item):
    """The methods behind `a + b`, `-a`, `a[0]` and their like, by name."""
    methods = {"__neg__": lambda self: names["negative"](self), "__getitem__": lambda self, index: item(self, index)}
    for operator, name in OPERATORS.items():
        function = names[name]
        methods[f"__{operator}__"] = lambda self, other, f=function: f(self, other)
        methods[f"__r{operator}__"] = lambda self, other, f=function: f(other, self)
    return {"__slots__": [], **methods}


class Array(Box):
    """How autograd follows an array through the program."""

    __slots__ = []
    __array_ufunc__ = None  # CuPy's and NumPy's operators leave the work to those of this class

    shape = property(lambda self: self._value.shape)
    ndim = property(lambda self: self._value.ndim)
    size = property(lambda self: self._value.size)
    dtype = property(lambda self: self._value.dtype)

    def __len__(self):
        return len(self._value)


class Space(VSpace):
    """How autograd adds up gradients."""

    def __init__(self, value):
        self.shape, self.dtype = value.shape, value.dtype

    def zeros(self):
        return self.xp.zeros(self.shape, self.dtype)

    def _add(self, a, b):
        return a + b

    def _mut_add(self, a, b):
        a += b
        return a
