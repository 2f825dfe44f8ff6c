"""Nested dicts of arrays, the form that parameters, gradients and Adam's moments share."""

from ..backend import arrays as np


def map_leaves(function, *trees):
    """Apply `function` to corresponding leaves of trees of one structure; returns a tree of that structure."""
    if isinstance(trees[0], dict):
        return {key: map_leaves(function, *(tree[key] for tree in trees)) for key in trees[0]}
    return function(*trees)


def named_leaves(tree, prefix=""):
    """The leaves as a flat dict {"encoder/W": array, ...}."""
    if not isinstance(tree, dict):
        return {prefix: tree}
    leaves = {}
    for key, value in tree.items():
        leaves.update(named_leaves(value, f"{prefix}/{key}" if prefix else key))
    return leaves


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
    """Euclidean norm of all leaves together, accumulated in float64."""
    return np.sqrt(sum(np.sum(np.square(leaf), dtype=np.float64) for leaf in named_leaves(tree).values()))
