"""Telling which of several classes an image shows: the softmax layer of section 4.1 and what it is trained with.

The paper names the softmax layer and prints neither of these two. They are the usual ones, as in Bridle (1990),
"Probabilistic interpretation of feedforward classification network outputs".
"""

from ..backend import np, stop_gradient
from .arguments import check_labels, takes


def shifted(logits):
    """Logits less each row's largest, as a constant: only differences matter, and exp of these cannot overflow."""
    return logits - np.max(stop_gradient(logits), axis=1, keepdims=True)


@takes(logits="batch classes")
def softmax(logits):
    """The probability of each class, exp(a_k) / sum_j exp(a_j). Of the shape of `logits`, (batch, classes)."""
    weights = np.exp(shifted(logits))
    return weights / np.sum(weights, axis=1, keepdims=True)


@takes(logits="batch classes")
def cross_entropy(logits, labels):
    """-log of the probability of the right class, log sum_j exp(a_j) - a_label, in nats for each image.

    Parameters: `logits` of shape (batch, classes); `labels` whole numbers from 0, of shape (batch,).
    Returns shape (batch,). Raises ValueError for other labels.
    """
    labels = check_labels(labels, *logits.shape)
    a = shifted(logits)
    right = np.arange(logits.shape[1]) == labels[:, None]  # (batch, classes): True once in each row
    return np.log(np.sum(np.exp(a), axis=1)) - np.sum(a * right, axis=1)
