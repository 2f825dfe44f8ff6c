"""How a function and its hand-derived derivative become one operation that autograd can use.

A kernel is written as one function that returns its outputs and, beside them, the function `backward` that turns the
gradients of the outputs into those of the arguments. Nothing is computed twice: `backward` sees what `forward` had.
"""

import functools
import inspect

import numpy
from autograd.core import VJPNode, VSpace
from autograd.extend import Box
from autograd.tracer import isbox, new_box

from ..backend import add_product, floating, note_kernel, product, recording
from ..backend import arrays as np
from ..equations.linear import row_shape


class Added:
    """Stands for a gradient that has been put where it belongs: autograd need not carry it there."""


class AddedSpace(VSpace):
    """How autograd adds up two of them."""

    def __init__(self, value):
        pass

    def _add(self, old, new):
        return old

    _mut_add = _add


AddedSpace.register(Added)
ADDED = Added()


def node(parents, pull_back):
    """A node of autograd's graph: `pull_back` takes the gradient that arrives and returns one for each parent.

    `autograd.extend.primitive` makes such nodes too, but for one output each, and it looks at more cases than occur
    here. With some thousand nodes a pass that is a tenth of the time.
    """
    made = VJPNode.new_root()
    made.parents, made.vjp = parents, pull_back
    return made


def kernel(function):
    """Make a differentiable operation of `function(*arguments) -> (outputs, backward)`.

    `outputs` is an array or a tuple of arrays. `backward` takes a gradient for each output and returns one for each
    argument, or, where it is dear and seldom wanted, a function without arguments that computes it. The arrays that
    `function` gets are of one type, see `of_one_type`.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def compute(*arguments):
        return function(*of_one_type(arguments))

    @functools.wraps(function)
    def operation(*arguments, **keywords):
        if keywords:
            arguments = signature.bind(*arguments, **keywords).args
        boxes = {k: argument for k, argument in enumerate(arguments) if isbox(argument)}
        if not boxes:  # nothing to differentiate
            return compute(*arguments)[0]
        arguments, trace = list(arguments), None
        for k, box in boxes.items():
            arguments[k] = value = box._value
            if isbox(value) or trace not in (None, box._trace):
                raise ValueError(f"{function.__name__}: kernels are differentiated once; for more use the equations")
            trace = box._trace
        if recording(box):
            outputs, _ = compute(*arguments)
            return note_kernel(compute, wanted_parts, arguments, boxes, outputs)
        if not isinstance(box._node, VJPNode):  # of make_jvp, say
            raise ValueError(f"{function.__name__}: kernels are differentiated backwards; for more use the equations")
        outputs, backward = compute(*arguments)
        pull_back = wanted_parts(backward, boxes)
        parents = [box._node for box in boxes.values()]

        if not isinstance(outputs, tuple):
            return new_box(outputs, trace, node(parents, pull_back))
        received = [None] * len(outputs)

        def pull_back_all(added):
            gradients = [np.zeros_like(o) if g is None else g for o, g in zip(outputs, received)]
            received[:] = [None] * len(outputs)
            return pull_back(*gradients)

        call = [node(parents, pull_back_all)]  # comes once every output that was used has received its gradient
        return tuple(
            new_box(o, trace, node(call, functools.partial(receive, received, k))) for k, o in enumerate(outputs)
        )

    return operation


def wanted_parts(backward, wanted):
    """A kernel's `backward` with what is computed and returned only for the arguments `wanted`, by their places."""

    def pull_back(*gradients):
        found = backward(*gradients)
        found = found if isinstance(found, tuple) else (found,)
        return [found[k]() if callable(found[k]) else found[k] for k in wanted]

    return pull_back


SINGLE, DOUBLE = ({None, numpy.dtype(kind)} for kind in (numpy.float32, numpy.float64))


def of_one_type(arguments):
    """The arguments with all arrays of the one floating-point type that they promote to, in the machine's byte order.

    Kernels write in place, where NumPy would round to the type that is there.
    """
    types = {getattr(argument, "dtype", None) for argument in arguments}
    if types <= SINGLE or types <= DOUBLE:  # as nearly always
        return arguments
    wanted = floating({a.dtype for a in arguments if isinstance(a, (np.ndarray, Shared, LoopInvariant))})
    return [a.astype(wanted) if isinstance(a, np.ndarray) and a.dtype != wanted else a for a in arguments]


def receive(received, k, gradient):
    received[k] = gradient
    return (ADDED,)


class LoopInvariant:
    """An array, as rows of shape (batch, features), that is the same at every step. No gradient flows back to it."""

    def __init__(self, array):
        self.shape, self.dtype, self.rows = array.shape, array.dtype, array.reshape(row_shape(array))


def loop_invariant(x):
    """Have a product with `x`, the same at every step, computed once; where its gradient is wanted, `x` as it is."""
    if not isbox(x):
        return LoopInvariant(x)
    if recording(x) and x._node.parents is None:
        return note_kernel(lambda x: (LoopInvariant(x), None), None, [x._value], {0: x}, LoopInvariant(x._value))
    return x


class LoopInvariantBox(Box):
    """How a program that is being written follows a `LoopInvariant`."""


LoopInvariantBox.register(LoopInvariant)


ROWS = 256
"""A product that sums over fewer is slower than it could be: it writes much for what it computes."""


class Shared(dict):
    """The weights W and b of a product that is used at every step, with one gradient that all steps add to in place.

    Left to itself, autograd makes a new array of the weights' size at every step and adds it to the sum so far. An
    LSTM's U is stacked below its W, so that [x, h] takes one product and not two. What does not change from step to
    step, b and the product of the topmost rows of W with a `LoopInvariant`, is computed once, and so is its gradient.
    However the weights lie in memory, here they lie row by row, in numbers of one type: BLAS adds to no other matrix in
    place. Small batches of several steps are added with one product, which takes less than one for each.
    """

    def __init__(self, params):
        super().__init__(params)
        if params.keys() - {"U"} != {"W", "b"}:
            raise ValueError(f"weights must be a dict of W, b and, of an LSTM, U, got {', '.join(map(str, params))}")
        self.dtype = floating({part.dtype for part in params.values()})
        self.stacked = len(params["W"]) if "U" in params else None
        W = np.concatenate([params["W"], params["U"]]) if "U" in params else params["W"]
        self.W, self.b = np.ascontiguousarray(W, self.dtype), np.asarray(params["b"], self.dtype)
        self.constant = self.b
        self.invariant, self.first = None, 0  # the topmost rows of W, above row `first`, are for what is loop-invariant
        self.d_W, self.waiting, self.d_constants = None, [], {}

    def hold(self, invariant):
        self.invariant, self.first, self.constant = invariant, 0, self.b
        if invariant is not None:
            self.first = invariant.rows.shape[1]
            self.constant = product(self.W[: self.first].T, invariant.rows.T).T + self.b

    def apply(self, inputs, invariant=None):
        """[invariant, inputs] W + b, stored features first: products run faster so, and each feature lies together."""
        if invariant is not self.invariant:
            self.hold(invariant)
        outputs = product(self.W[self.first :].T, inputs.T).T
        outputs += self.constant
        return outputs

    def pull_back(self, inputs, d_outputs, invariant=None):
        """Add dW = inputs^T d_outputs and db = sum of d_outputs to the gradient; returns dinputs = d_outputs W^T."""
        if self.d_W is None:
            self.d_W = np.zeros_like(self.W, floating({inputs.dtype, d_outputs.dtype}))
        if invariant is not self.invariant:
            self.add_waiting()
            self.hold(invariant)
        key = invariant, len(d_outputs)  # a batch of its own has a sum of its own
        if key not in self.d_constants:
            self.d_constants[key] = np.zeros_like(d_outputs)
        self.d_constants[key] += d_outputs
        self.waiting.append((inputs, d_outputs))
        if len(inputs) * len(self.waiting) >= ROWS:
            self.add_waiting()
        return product(self.W[self.first :], d_outputs.T).T

    def add_waiting(self):
        """Add dW of the steps that wait for it: the sum over batch and steps is one product."""
        if not self.waiting:
            return
        inputs, d_outputs = (np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in zip(*self.waiting))
        self.waiting = []
        if inputs.size and d_outputs.size:
            add_product(self.d_W[self.first :], inputs, d_outputs)

    def finish(self):
        """The gradient, once every step has added its own; the next backward pass starts again at zero."""
        self.add_waiting()
        d_W, d_constants, self.d_W, self.d_constants = self.d_W, self.d_constants, None, {}
        for (invariant, _), d_constant in d_constants.items():
            if invariant is not None:
                d_W[: invariant.rows.shape[1]] += product(invariant.rows.T, d_constant)
        gradient = {"W": d_W[: self.stacked], "b": sum(each.sum(axis=0) for each in d_constants.values())}
        if self.stacked is not None:
            gradient["U"] = d_W[self.stacked :]
        return {name: gradient[name].astype(part.dtype, copy=False) for name, part in self.items()}


class SharedBox(Box):
    """How autograd follows a `Shared` through the program."""


SharedBox.register(Shared)


@kernel
def share(params):
    weights = Shared(params)
    return weights, lambda added: weights.finish()


@kernel
def share_parts(names, *parts):
    """As `share`, for a dict that was made inside the function: autograd follows what is in it, not the dict."""
    weights = Shared(dict(zip(names, parts)))
    return weights, lambda added: (None, *weights.finish().values())


def shared(params):
    """Weights {"W", ...} for use at every step: their gradient is gathered in place, see `Shared`."""
    if isinstance(params, (Shared, SharedBox)):
        return params
    if isbox(params):
        return share(params)
    if not isinstance(params, dict):
        raise ValueError(f"weights must be a dict of W, b and, of an LSTM, U, got a {type(params).__name__}")
    return share_parts(tuple(params), *params.values())
