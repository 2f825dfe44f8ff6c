"""Kernel of the recurrent step."""

from itertools import accumulate, pairwise

from .. import equations
from ..backend import arrays as np
from ..backend import fused
from ..equations.arguments import takes
from ..equations.lstm import LSTMState
from .linear import to_logistic
from .primitive import ADDED, LoopInvariant, kernel, shared


@takes(**equations.lstm.takes)
def lstm(params, x, state, limit=None):
    """One step of an LSTM with forget gates, as `equations.lstm`: Eq (5), Eq (7), Eq (14).

    With i, f, o, g the gates and the candidate, cell' = f cell + i g and h' = o tanh(cell'), let D be all that
    arrives at cell':  D = dcell' + dh' o (1 - tanh^2 cell').  Then

        di = D g,  df = D cell,  do = dh' tanh(cell'),  dg = D i,  dcell = D f

    and through s' = s (1 - s) and tanh' = 1 - tanh^2 these become da, the gradient of the four pre-activations side
    by side, each entry clipped to [-limit, limit] if `limit` is given. a is linear in x and h:

        dW = x^T da,  dU = h^T da,  db = sum of da,  dx = da W^T,  dh = da U^T
    """
    parts = x if isinstance(x, tuple) else (x,)
    return LSTMState(*lstm_kernel(limit, shared(params), state.cell, *parts, state.h))


@kernel
def lstm_kernel(limit, params, cell, *parts):
    """Inside, features come before the batch: each gate is then one block of memory.

    The way back computes again what is cheap, the inputs side by side and tanh(cell').
    """
    held = [part for part in parts if isinstance(part, LoopInvariant)]
    moving = parts[len(held) :]
    ends = list(accumulate(part.shape[1] for part in moving))
    cell = cell.T
    gates = params.apply(side_by_side(moving), *held).T  # (4 hidden, batch)
    i, f, o, g = gates.reshape(4, *cell.shape)  # views, each (hidden, batch)
    new_cell, new_h = open_gates(i, f, o, g, cell)

    def backward(d_h, d_cell):
        d_a = np.empty_like(gates)
        D = close_gates(*d_a.reshape(4, *cell.shape), i, f, o, g, cell, new_cell, d_h.T, d_cell.T)
        if limit is not None:
            np.clip(d_a, -limit, limit, out=d_a)
        d_inputs = params.pull_back(side_by_side(moving), d_a.T, *held)
        d_parts = [d_inputs[:, start:end] for start, end in pairwise([0, *ends])]
        return None, ADDED, D.T, *(None for _ in held), *d_parts

    return (new_h.T, new_cell.T), backward


def side_by_side(parts):
    """Arrays (batch, features) as one, stored features first."""
    return np.concatenate([part.T for part in parts]).T


@fused
def open_gates(i, f, o, g, cell):
    """Turn pre-activations into gates and candidate, in place. Returns cell' and h'."""
    for gate in (i, f, o):
        to_logistic(gate)
    np.tanh(g, out=g)
    new_cell = f * cell
    new_cell += i * g
    return new_cell, o * np.tanh(new_cell)


@fused
def close_gates(d_i, d_f, d_o, d_g, i, f, o, g, cell, new_cell, d_h, d_cell):
    """Write the four parts of da, and return dcell."""
    squashed = np.tanh(new_cell)
    D = 1 - squashed * squashed
    D *= o
    D *= d_h
    D += d_cell
    for d, gate, upstream, factor in ((d_i, i, D, g), (d_f, f, D, cell), (d_o, o, d_h, squashed)):
        np.multiply(gate, gate, out=d)
        np.subtract(gate, d, out=d)  # s' = s - s^2
        d *= upstream
        d *= factor
    np.multiply(g, g, out=d_g)
    np.subtract(1, d_g, out=d_g)
    d_g *= D
    d_g *= i
    D *= f
    return D
