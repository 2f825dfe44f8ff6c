"""Weights and checkpoints: `.npz` files without pickle, written so that a crash at any moment loses nothing.

One format serves both. "params/..." are the weights, "meta" is a JSON text with the model's name, its configuration
and where the weights come from; a checkpoint also holds "optimiser/..." and "average/...".
"""

import dataclasses
import json
import pathlib
import zipfile

import numpy as np

from ..files import replacing
from ..models import MODELS
from .trees import from_named_leaves, map_leaves, named_leaves


class CheckpointError(Exception):
    """A file of weights that cannot be read or written; the message is one line that says what to do."""


def save(path, trees, meta):
    """Write trees {"params": ..., ...} and the JSON-able `meta` to `path`, completely or not at all.

    Whoever looks finds the old file or the new one: see `files.replacing`. The key "arrays" of `meta` is taken. Raises
    CheckpointError when the disk is full or the folder cannot be written.
    """
    path = pathlib.Path(path)
    leaves = named_leaves(trees)
    try:
        with replacing(path) as file:
            np.savez(file, meta=np.array(json.dumps({**meta, "arrays": len(leaves)})), **leaves)
    except OSError as error:
        kept = f"; the last good one is kept: {path}" if path.exists() else ""
        raise CheckpointError(f"cannot write {path}: {error.strerror}{kept}") from error


def load(path):
    """Read what `save` wrote: (trees, meta). Raises CheckpointError when the file is not that, or is damaged."""
    path = pathlib.Path(path)
    if not path.is_file():
        raise CheckpointError(f"no such file: {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # compares every member with its checksum
        if damaged:
            raise ValueError(f"{damaged!r} is damaged")
        with np.load(path, allow_pickle=False) as archive:
            leaves = {name: archive[name] for name in archive.files}
        meta = json.loads(str(leaves.pop("meta")))
        if meta.pop("arrays", len(leaves)) != len(leaves):
            raise ValueError("some arrays are missing")
        if not isinstance(meta["model"], str) or not isinstance(meta["config"], dict):
            raise ValueError("it does not say which model it is")
        if not all(isinstance(leaf, np.ndarray) and name.isprintable() for name, leaf in leaves.items()):
            raise ValueError("it holds something else than arrays")
        return from_named_leaves(leaves), meta
    except Exception as error:  # whatever the bytes of a file may lead to, it is the file's fault
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        if path.stat().st_size == 0:
            reason = "it is empty"
        elif "allow_pickle" in reason:
            reason = "it holds pickled objects, which are never loaded"
        text = f"{path} is not a draw_np weights file, or is damaged ({reason}); train it or copy it again"
        raise CheckpointError(text) from error


def load_weights(path):
    """The weights of a file, checked against the model that they claim to be: (params, model, config, meta).

    Of a checkpoint that averages its weights, the average. Raises CheckpointError on another model's names or shapes,
    and on values that are not finite.
    """
    trees, meta = load(path)
    params = trees.get("average", trees.get("params"))
    if meta["model"] not in MODELS:
        raise CheckpointError(f"{path} is of an unknown model {meta['model']!r}; known: {', '.join(MODELS)}")
    model = MODELS[meta["model"]]
    try:
        config = model.Config(**meta["config"])
        expected = model.init_params(config, np.random.default_rng(0))
    except (TypeError, ValueError, MemoryError, OverflowError) as error:
        reason = str(error).split("\n")[0]
        raise CheckpointError(f"{path} has a configuration that {meta['model']} cannot have: {reason}") from error
    check_params(path, params, expected)
    return map_leaves(as_computed, params), model, config, meta


def as_computed(leaf):
    """A parameter as it is computed with: what is stored as float16 becomes float32."""
    return leaf.astype(np.float32) if leaf.dtype == np.float16 else leaf


def check_params(path, params, expected):
    """Raise CheckpointError unless `params` has the names and shapes of `expected` and only finite floats."""
    found, expected = named_leaves(params) if isinstance(params, dict) else {}, named_leaves(expected)
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise CheckpointError(f"{path} is from another model: it lacks {name}")
        if name not in expected:
            raise CheckpointError(f"{path} is from another model: it has {name}, which its configuration does not")
        if found[name].shape != expected[name].shape:
            shapes = f"{found[name].shape}, its configuration says {expected[name].shape}"
            raise CheckpointError(f"{path} is from another model: {name} has shape {shapes}")
        if found[name].dtype.kind != "f" or not np.isfinite(found[name]).all():
            raise CheckpointError(f"{path}: {name} holds values that are not finite numbers; use an earlier checkpoint")


def describe(model_name, config, **about):
    """The `meta` of a file: the model's name, its configuration as a dict, and anything about its making."""
    return {"format": 1, "model": model_name, "config": dataclasses.asdict(config), **about}
