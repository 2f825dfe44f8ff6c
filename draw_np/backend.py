"""The array namespace that everything above this file computes with.

`np` is NumPy as HIPS autograd wraps it: the same names and the same numbers, and every call records what the
chain rule needs. The equations take NumPy's functions from nowhere else.
"""

import gc

import autograd.numpy as np
import numpy
from autograd import make_vjp
from autograd.extend import defvjp, primitive
from autograd.tracer import getval, isbox

__all__ = ["contiguous", "np", "stop_gradient", "use_device", "value_and_grad"]

contiguous = primitive(numpy.ascontiguousarray)
"""The same array, laid out in memory in the order of its axes: what comes after reads it faster."""
defvjp(contiguous, lambda answer, array: lambda gradient: gradient)


def stop_gradient(array):
    """Return `array` as a constant: whatever is computed from it, no derivative flows back through it."""
    while isbox(array):
        array = getval(array)
    return array


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
