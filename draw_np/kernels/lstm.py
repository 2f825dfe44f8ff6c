"""Kernel of the recurrent step."""

import numpy as np

from ..equations.lstm import LSTMState
from .linear import logistic
from .primitive import ADDED, kernel, shared


def lstm(params, x, state):
    """One step of an LSTM with forget gates, as `equations.lstm`: Eq (5), Eq (7), Eq (14).

    With i, f, o, g the gates and the candidate, cell' = f cell + i g and h' = o tanh(cell'), let D be all that
    arrives at cell':  D = dcell' + dh' o (1 - tanh^2 cell').  Then

        di = D g,  df = D cell,  do = dh' tanh(cell'),  dg = D i,  dcell = D f

    and through s' = s (1 - s) and tanh' = 1 - tanh^2 these become da, the gradient of the four pre-activations side
    by side. a is linear in x and h:  dW = x^T da,  dU = h^T da,  db = sum of da,  dx = da W^T,  dh = da U^T.
    """
    return LSTMState(*lstm_kernel(shared(params), x, state.h, state.cell))


@kernel
def lstm_kernel(params, x, h, cell):
    hidden = h.shape[1]
    inputs = np.concatenate([x, h], axis=1)
    a = params.apply(inputs)  # (batch, 4 hidden)
    i, f, o = np.split(logistic(a[:, : 3 * hidden]), 3, axis=1)  # each (batch, hidden)
    g = np.tanh(a[:, 3 * hidden :])
    new_cell = f * cell
    new_cell += i * g
    squashed = np.tanh(new_cell)

    def backward(d_h, d_cell):
        D = 1 - squashed * squashed
        D *= o
        D *= d_h
        D += d_cell
        d_a = np.empty_like(a)
        d_i, d_f, d_o, d_g = np.split(d_a, 4, axis=1)  # views
        for d, gate, upstream, factor in ((d_i, i, D, g), (d_f, f, D, cell), (d_o, o, d_h, squashed)):
            np.subtract(1, gate, out=d)
            d *= gate
            d *= upstream
            d *= factor
        np.multiply(g, g, out=d_g)
        np.subtract(1, d_g, out=d_g)
        d_g *= i
        d_g *= D
        d_inputs = params.pull_back(inputs, d_a)
        D *= f
        return ADDED, d_inputs[:, : x.shape[1]], d_inputs[:, x.shape[1] :], D

    return (o * squashed, new_cell), backward
