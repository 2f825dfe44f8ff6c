"""The array namespace that everything above this file computes with.

`np` is NumPy as HIPS autograd wraps it: the same names and the same numbers, and every call records what the
chain rule needs. The equations take NumPy's functions from nowhere else.
"""

import gc

import autograd.numpy as np
import numpy
from autograd import make_vjp
from autograd.builtins import tuple as traced_tuple
from autograd.extend import defvjp, primitive
from autograd.tracer import getval, isbox

__all__ = ["contiguous", "np", "recomputed", "stop_gradient", "traced_tuple", "use_device", "value_and_grad"]

contiguous = primitive(numpy.ascontiguousarray)
"""The same array, laid out in memory in the order of its axes: what comes after reads it faster."""
defvjp(contiguous, lambda answer, array: lambda gradient: gradient)


def stop_gradient(array):
    """Return `array` as a constant: whatever is computed from it, no derivative flows back through it."""
    while isbox(array):
        array = getval(array)
    return array


def recomputed(function):
    """The same function of a tree, of whose inner values nothing is kept: the backward pass computes them again.

    Memory for time. `function(tree, *constants)` returns an array or nested tuples of arrays. (`autograd.checkpoint`
    promises the same, but runs the function again at once and keeps everything.)
    """

    def pull_back(answer, tree, *constants):
        return lambda gradient: make_vjp(lambda tree: function(tree, *constants))(tree)[0](gradient)

    wrapped = primitive(function)
    defvjp(wrapped, pull_back, argnums=[0])
    return wrapped


def value_and_grad(function, params):
    """Value of a function of a nested dict of arrays, and the gradient of the value's sum.

    Returns (value, gradient): a plain number, or list of numbers, and a nested dict of the structure of `params`.
    """
    collecting = gc.isenabled()
    gc.disable()  # it would look for cycles among thousands of new nodes, again and again, and there are none
    try:
        vjp, value = make_vjp(function)(params)
        return value.tolist(), vjp(np.ones_like(value))
    finally:
        if collecting:
            gc.enable()


def use_device(name):
    """Select the device that arrays live on: "cpu". Raises ValueError for another, saying what is wrong."""
    if name == "cuda":
        raise ValueError("--device cuda: this version computes on the CPU only; use --device cpu")
    if name != "cpu":
        raise ValueError(f"unknown device {name!r}; known: cpu, cuda")
