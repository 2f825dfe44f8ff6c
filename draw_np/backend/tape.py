"""The way back through what autograd has recorded, to every array of a tree."""

from autograd.core import VJPNode, add_outgrads, vspace
from autograd.tracer import isbox, new_box, toposort, trace_stack

from .common import leaves, map_arrays


def make_pull_back(function, tree, arrays):
    """Value of a function of a tree of arrays, and what turns the value's gradient into the tree of their gradients.

    As `autograd.make_vjp`, but every array is a beginning of its own. There the tree is one value, and the gradient of
    each array that is taken out of it is added to a tree of zeros: of large weights a long way through memory.
    `arrays` is the namespace that they are of. A gradient is an array of its leaf's type, stored by rows, that shares
    no memory with the others.
    """
    starts = []

    def begin(leaf):
        starts.append((leaf, VJPNode.new_root()))
        return new_box(leaf, trace, starts[-1][1])

    with trace_stack.new_trace() as trace:
        end = function(map_arrays(begin, tree))
    depends = isbox(end) and end._trace == trace

    def pull_back(gradient):
        arrived = {end._node: (gradient, False)} if depends else {}
        for node in toposort(end._node) if depends else ():
            if node.parents:
                for parent, part in zip(node.parents, node.vjp(arrived.pop(node)[0])):
                    arrived[parent] = add_outgrads(arrived.get(parent), part)
        found = [arrived[node][0] if node in arrived else vspace(leaf).zeros() for leaf, node in starts]
        return apart(found, tree, arrays)

    return end._value if depends else end, pull_back


def apart(gradients, tree, arrays):
    """Gradients, in the order of a tree's leaves, as a tree of its form.

    They are arrays of the types of their leaves, stored by rows, each in memory of its own, to be written to.
    """
    found = []
    for gradient, leaf in zip(gradients, leaves(tree)):
        if hasattr(leaf, "dtype") and not isbox(gradient):
            gradient = arrays.asarray(gradient, leaf.dtype, order="C")
            if any(arrays.may_share_memory(gradient, other) for other in found):
                gradient = gradient.copy()
        found.append(gradient)
    in_order = iter(found)
    return map_arrays(lambda leaf: next(in_order), tree)
