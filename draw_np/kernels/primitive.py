"""How a function and its hand-derived derivative become one operation that autograd can use.

A kernel is written as one function that returns its outputs and, beside them, the function `backward` that turns the
gradients of the outputs into those of the arguments. Nothing is computed twice: `backward` sees what `forward` had.
"""

import functools
import inspect

import numpy as np
from autograd.core import VSpace
from autograd.extend import Box, defvjp, defvjp_argnums, primitive
from scipy.linalg.blas import get_blas_funcs


class Outputs:
    """What a kernel returned, how gradients of its outputs become those of its arguments, and those that came back."""

    def __init__(self, outputs, backward):
        self.outputs, self.backward = outputs, backward
        self.received = [None] * len(outputs)

    def pull_back(self):
        """The gradients of the arguments, once every output that was used has received its own."""
        gradients = [np.zeros_like(o) if g is None else g for o, g in zip(self.outputs, self.received)]
        self.received = [None] * len(self.outputs)
        found = self.backward(*gradients)
        return found if isinstance(found, tuple) else (found,)


class OutputsBox(Box):
    """How autograd follows an `Outputs` through the program."""


class Added:
    """Stands for a gradient that has been put where it belongs: autograd need not carry it there."""


class AddedSpace(VSpace):
    """How autograd adds up two of them."""

    def __init__(self, value):
        pass

    def _add(self, old, new):
        return old

    _mut_add = _add


OutputsBox.register(Outputs)
AddedSpace.register(Added)
ADDED = Added()


@primitive
def pick(result, k):
    return result.outputs[k]


def pick_vjp(output, result, k):
    def receive(gradient):
        result.received[k] = gradient
        return ADDED

    return receive


defvjp(pick, pick_vjp, argnums=[0])


def kernel(function):
    """Make a differentiable operation of `function(*arguments) -> (outputs, backward)`.

    `outputs` is an array or a tuple of arrays. `backward` takes a gradient for each output and returns one for each
    argument, or, where it is dear and seldom wanted, a function without arguments that computes it.
    """

    signature = inspect.signature(function)

    @primitive
    def run(*arguments):
        outputs, backward = function(*arguments)
        return Outputs(outputs if isinstance(outputs, tuple) else (outputs,), backward)

    def vjp(wanted, result, arguments, keywords):
        def pull_back(added):
            found = result.pull_back()
            return [found[k]() if callable(found[k]) else found[k] for k in wanted]

        return pull_back

    defvjp_argnums(run, vjp)

    @functools.wraps(function)
    def operation(*arguments, **keywords):
        if keywords:  # autograd's rules count positions
            arguments = signature.bind(*arguments, **keywords).args
        result = run(*arguments)
        if isinstance(result, Outputs):  # nothing to differentiate
            return result.outputs if len(result.outputs) > 1 else result.outputs[0]
        count = len(result._value.outputs)
        return tuple(pick(result, k) for k in range(count)) if count > 1 else pick(result, 0)

    return operation


class Shared:
    """Weights that are used at every step, with one gradient that all steps add to in place.

    Left to itself, autograd makes a new array of the weights' size at every step and adds it to the sum so far.
    """

    def __init__(self, params):
        self.params, self.gradient = params, None

    def add(self, name, inputs, gradient):
        """Add inputs^T gradient to the gradient of the matrix `name`, in one call of BLAS."""
        gemm = get_blas_funcs("gemm", dtype=gradient.dtype)
        total = self.total(name)
        if total.size:  # BLAS counts along columns, so all is transposed: total^T += gradient^T inputs
            gemm(1.0, gradient.T, inputs.T, beta=1.0, c=total.T, trans_b=True, overwrite_c=True)

    def total(self, name):
        if self.gradient is None:
            self.gradient = {key: np.zeros_like(value) for key, value in self.params.items()}
        return self.gradient[name]

    def finish(self):
        """The gradient, once every step has added its own; the next backward pass starts again at zero."""
        self.total(next(iter(self.params)))
        gradient, self.gradient = self.gradient, None
        return gradient


class SharedBox(Box):
    """How autograd follows a `Shared` through the program."""


SharedBox.register(Shared)


@primitive
def share(params):
    return Shared(params)


defvjp(share, lambda result, params: lambda added: result.finish())


def shared(params):
    """Weights {"W", ...} for use at every step: their gradient is gathered in place, see `Shared`."""
    return params if isinstance(params, (Shared, SharedBox)) else share(params)
