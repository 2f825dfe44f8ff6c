"""Kernels of the softmax layer and of what it is trained with."""

from .. import equations
from ..backend import arrays as np
from ..equations.arguments import check_labels, takes
from .primitive import kernel


def probabilities(logits):
    """The softmax of plain logits."""
    p = logits - logits.max(axis=1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=1, keepdims=True)
    return p


@takes(**equations.softmax.takes)
@kernel
def softmax(logits):
    """The probability of each class, as `equations.softmax`: da = p (dp - sum over classes of p dp)."""
    p = probabilities(logits)

    def backward(d_p):
        d_logits = p * d_p
        d_logits -= p * d_logits.sum(axis=1, keepdims=True)
        return d_logits

    return p, backward


@takes(**equations.cross_entropy.takes)
def cross_entropy(logits, labels):
    """-log of the right class's probability, as `equations.cross_entropy`: da = p, less 1 at the label."""
    labels = check_labels(labels, *logits.shape)
    right = np.arange(logits.shape[1]) == labels[:, None]  # (batch, classes): True once in each row
    return cross_entropy_kernel(logits, right)


@kernel
def cross_entropy_kernel(logits, right):
    a = logits - logits.max(axis=1, keepdims=True)

    def backward(d_nats):
        d_logits = probabilities(a)
        d_logits -= right
        d_logits *= d_nats[:, None]
        return d_logits, None

    return np.log(np.exp(a).sum(axis=1)) - (a * right).sum(axis=1), backward
