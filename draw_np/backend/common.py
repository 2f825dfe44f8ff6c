"""What the processor's side and the GPU's have in common."""

import numpy

ODD = numpy.matrix, numpy.ma.MaskedArray
"""Arrays to which a product or a sum is something else than to all others."""


class DeviceError(Exception):
    """The GPU cannot be used, or can no longer; the message is one line that says why and what to do."""


def map_arrays(function, tree):
    """Apply `function` to all that is not a container in nested dicts, lists and tuples, named ones among them."""
    if isinstance(tree, dict):
        return {key: map_arrays(function, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        values = [map_arrays(function, value) for value in tree]
        return type(tree)(*values) if hasattr(tree, "_fields") else type(tree)(values)
    return function(tree)


def floating(types):
    """The floating-point type, in the machine's byte order, that these types promote to."""
    promoted = numpy.result_type(numpy.bool_, *types)
    return promoted.newbyteorder("=") if promoted.kind == "f" else numpy.dtype(numpy.float64)


def leaves(tree):
    """All that is not a container in a tree, in order."""
    found = []
    map_arrays(found.append, tree)
    return found
