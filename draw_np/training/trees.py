"""Nested dicts of arrays, the form that parameters, gradients and Adam's moments share."""

from ..backend import arrays as np
from ..backend import on_gpu

BLOCK = 2**15
"""Elements of an array that fit into a processor's cache together with what is computed from them."""


def map_leaves(function, *trees):
    """Apply `function` to corresponding leaves of trees of one structure; returns a tree of that structure."""
    if isinstance(trees[0], dict):
        return {key: map_leaves(function, *(tree[key] for tree in trees)) for key in trees[0]}
    return function(*trees)


def map_elements(function, *trees):
    """As `map_leaves`, for a function that works element by element and returns a tuple of arrays: a tuple of trees.

    It is called with one block of elements after the other, so that what it computes on the way stays in the
    processor's cache; the numbers are the same. A GPU has no use for that.
    """

    def by_blocks(*leaves):
        if on_gpu():
            return function(*leaves)
        shape, whole = leaves[0].shape, None
        if any(leaf.shape != shape for leaf in leaves):  # a transpose has as many elements
            raise ValueError(f"arrays of one name must be of one shape, got {', '.join(str(a.shape) for a in leaves)}")
        leaves = [leaf.reshape(-1) for leaf in leaves]
        for part in blocks(leaves[0]):
            found = function(*(leaf[part] for leaf in leaves))
            whole = whole or [np.empty(leaves[0].shape, block.dtype) for block in found]
            for result, block in zip(whole, found):
                result[part] = block
        return [result.reshape(shape) for result in whole]

    results = map_leaves(by_blocks, *trees)
    count = len(next(iter(named_leaves(results).values())))
    return tuple(map_leaves(lambda found, k=k: found[k], results) for k in range(count))


def blocks(flat, size=BLOCK):
    """The slices that cut a flat array into blocks."""
    return [slice(start, start + size) for start in range(0, max(flat.size, 1), size)]


def named_leaves(tree, prefix=""):
    """The leaves as a flat dict {"encoder/W": array, ...}."""
    if not isinstance(tree, dict):
        return {prefix[:-1]: tree}
    return {k: v for key, part in tree.items() for k, v in named_leaves(part, f"{prefix}{key}/").items()}


def from_named_leaves(leaves):
    """The inverse of `named_leaves`."""
    tree = {}
    for name, leaf in leaves.items():
        *path, last = name.split("/")
        node = tree
        for key in path:
            node = node.setdefault(key, {})
        node[last] = leaf
    return tree


def global_norm(tree):
    """Euclidean norm of all leaves together. The squares are added in float64, on a processor block by block, and from
    name to name: a checkpoint's leaves may be in another order, and a resumed run is to have the same bits.
    """

    def square(leaf):
        if on_gpu():
            return np.sum(np.square(leaf), dtype=np.float64)
        flat = leaf.reshape(-1)
        return sum(np.dot(flat[part], flat[part]).astype(np.float64) for part in blocks(flat, 2**12))

    return np.sqrt(sum(square(leaf) for _, leaf in sorted(named_leaves(tree).items())))
