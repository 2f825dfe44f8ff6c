"""What the processor's side and the GPU's have in common."""


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


def leaves(tree):
    """All that is not a container in a tree, in order."""
    found = []
    map_arrays(found.append, tree)
    return found
