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
    """The weights W and b of a product that is used at every step, with one gradient that all steps add to in place.

    Left to itself, autograd makes a new array of the weights' size at every step and adds it to the sum so far. An
    LSTM's U is stacked below its W, so that [x, h] takes one product and not two.
    """

    def __init__(self, params):
        self.rows = len(params["W"])
        self.stacked = "U" in params
        self.W = np.concatenate([params["W"], params["U"]]) if self.stacked else params["W"]
        self.b = params["b"]
        self.d_W = None

    def apply(self, inputs):
        """inputs W + b."""
        outputs = inputs @ self.W
        outputs += self.b
        return outputs

    def pull_back(self, inputs, d_outputs):
        """Add dW = inputs^T d_outputs and db = sum of d_outputs to the gradient; returns dinputs = d_outputs W^T."""
        if self.d_W is None:
            self.d_W, self.d_b = np.zeros_like(self.W), np.zeros_like(self.b)
        if self.W.size:  # BLAS adds to a matrix in place; it counts along columns, so all is transposed
            gemm = get_blas_funcs("gemm", dtype=self.W.dtype)
            gemm(1.0, d_outputs.T, inputs.T, beta=1.0, c=self.d_W.T, trans_b=True, overwrite_c=True)
        self.d_b += d_outputs.sum(axis=0)
        return d_outputs @ self.W.T

    def finish(self):
        """The gradient, once every step has added its own; the next backward pass starts again at zero."""
        d_W, d_b, self.d_W = self.d_W, self.d_b, None
        if self.stacked:
            return {"W": d_W[: self.rows], "U": d_W[self.rows :], "b": d_b}
        return {"W": d_W, "b": d_b}


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
