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
    W, U, hidden = params.params["W"], params.params["U"], h.shape[1]
    a = x @ W  # (batch, 4 hidden)
    a += h @ U
    a += params.params["b"]
    i, f, o = np.split(logistic(a[:, : 3 * hidden]), 3, axis=1)  # each (batch, hidden)
    g = np.tanh(a[:, 3 * hidden :])
    new_cell = f * cell
    new_cell += i * g
    squashed = np.tanh(new_cell)

    def backward(d_h, d_cell):
        D = d_h * o
        D *= 1 - squashed * squashed
        D += d_cell
        d_a = np.empty_like(a)
        d_i, d_f, d_o, d_g = np.split(d_a, 4, axis=1)  # views
        for d, gate, upstream, factor in ((d_i, i, D, g), (d_f, f, D, cell), (d_o, o, d_h, squashed)):
            np.multiply(upstream, factor, out=d)
            d *= gate
            d *= 1 - gate
        np.multiply(D, i, out=d_g)
        d_g *= 1 - g * g
        params.add("W", x, d_a)
        params.add("U", h, d_a)
        params.total("b")[...] += d_a.sum(axis=0)
        D *= f
        return ADDED, d_a @ W.T, d_a @ U.T, D

    return (o * squashed, new_cell), backward
