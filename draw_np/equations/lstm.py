"""The recurrent step behind RNN^enc and RNN^dec: long short-term memory with forget gates."""

from typing import NamedTuple

from ..backend import clipped_slope, np
from .arguments import takes
from .linear import sigmoid


class LSTMState(NamedTuple):
    """What an LSTM carries from one step to the next: its output `h` and its memory cell, each (batch, hidden)."""

    h: np.ndarray
    cell: np.ndarray


@takes(
    state=LSTMState("batch hidden", "batch hidden"),
    x="batch inputs+",
    params={"W": "inputs 4*hidden", "U": "hidden 4*hidden", "b": "4*hidden"},
)
def lstm(params, x, state, limit=None):
    """One step of an LSTM with forget gates: RNN^enc of Eq. (5), RNN^dec of Eq. (7) and Eq. (14).

    The paper names the architecture (Hochreiter & Schmidhuber 1997 with the forget gates of Gers et al. 2000)
    and gives no formula; this is the usual one, without peepholes:

        i, f, o = sigmoid(W x + U h + b),  three gates, each with weights of its own
        g       = tanh(W x + U h + b),     the candidate
        cell'   = f * cell + i * g
        h'      = o * tanh(cell')

    Parameters: `params` {"W": (inputs, 4 hidden), "U": (hidden, 4 hidden), "b": (4 hidden,)} with the columns in
    the order i, f, o, g; `x` of shape (batch, inputs), or a tuple of parts that stand side by side in it; `state` an
    LSTMState. Returns the next LSTMState. `limit`, if given, is a help in training that changes no value: the largest
    derivative that the backward pass lets through to an entry of a = W x + U h + b (Graves 2013, "Generating Sequences
    With Recurrent Neural Networks").
    """
    hidden = state.h.shape[1]
    x = np.concatenate(x, axis=1) if isinstance(x, tuple) else x  # (batch, inputs)
    a = x @ params["W"] + state.h @ params["U"] + params["b"]  # (batch, 4 hidden)
    a = a if limit is None else clipped_slope(a, limit)
    gates, candidate = np.split(a, [3 * hidden], axis=1)  # (batch, 3 hidden), (batch, hidden)
    i, f, o = np.split(sigmoid(gates), 3, axis=1)  # each (batch, hidden)
    cell = f * state.cell + i * np.tanh(candidate)
    return LSTMState(o * np.tanh(cell), cell)
