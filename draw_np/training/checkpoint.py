"""Weights and checkpoints: `.npz` files without pickle, written so that a crash at any moment loses nothing.

One format serves both. "params/..." are the weights, "meta" is a JSON text with the model's name, its configuration
and where the weights come from; a checkpoint also holds "optimiser/..." and "average/...".
"""

import contextlib
import dataclasses
import errno
import json
import pathlib

import numpy as np

from ..files import opened, replacing
from ..models import MODELS
from ..names import one_line, require, shown
from . import archive
from .journal import TrainingError
from .trees import from_named_leaves, map_leaves, named_leaves

MOST_STEPS = 2000
"""The largest T of weights from a file, twenty times that of any model here: a file of a few bytes may ask for any."""


class CheckpointError(Exception):
    """A file of weights that cannot be read or written; the message is one line that says what to do."""


def save(path, trees, meta):
    """Write trees {"params": ..., ...} and the JSON-able `meta` to `path`, completely or not at all.

    Until it is complete the old file is there: see `files.replacing`. The key "arrays" of `meta` is reserved. Raises
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


@contextlib.contextmanager
def reading(path, mend="train it or copy it again"):
    """A file that `save` wrote, to be looked at before it is read, in a `with`: (meta, forms, read).

    `meta` is that of `save`; `forms` and `read` are those of `archive.reading`; `mend` is what to do about a damaged
    file. Raises CheckpointError when the file is another or is damaged, and for whatever the block raises, unless it is
    a TrainingError.
    """
    try:
        with opened(path) as file, archive.reading(file) as (text, forms, read):
            meta = json.loads(text)
            require(meta.pop("arrays", len(forms)) == len(forms), "some arrays are missing")
            fits = isinstance(meta["model"], str) and isinstance(meta["config"], dict)
            require(fits, "it does not say which model it is")
            yield meta, forms, read
    except (CheckpointError, TrainingError):  # of the block
        raise
    except FileNotFoundError as error:
        raise CheckpointError(f"no such file: {path}") from error
    except MemoryError as error:
        raise CheckpointError(f"there is not enough memory to read {path}: end other programs") from error
    except Exception as error:  # whatever the bytes of a file lead to is the file's fault
        if isinstance(error, OSError) and (error.filename or error.errno not in (None, errno.EINVAL)):
            raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
        reason = one_line(str(error)) or type(error).__name__
        text = f"{path} is not a draw_np weights file, or is damaged ({reason}); {mend}"
        raise CheckpointError(text) from error


def load(path):
    """Read what `save` wrote: (trees, meta). Raises CheckpointError when the file is another or is damaged."""
    with reading(path) as (meta, forms, read):
        return from_named_leaves(read(forms)), meta


def load_weights(path):
    """The weights of a file, checked against the model that they claim to be: (params, model, config, meta).

    Of a checkpoint that averages its weights, the average. Raises CheckpointError on another model's names or shapes,
    on values that are not finite, and on more than MOST_STEPS.
    """
    with reading(path) as (meta, forms, read):
        model, config = claimed(path, meta)
        tree = "average" if any(f"{name}/".startswith("average/") for name in forms) else "params"
        params = read_trees(path, forms, read, model.shapes(config), [tree])[tree]
    return map_leaves(as_computed, params), model, config, meta


def claimed(path, meta):
    """The model that a `meta` names, and its configuration."""
    name, sizes = meta["model"], meta["config"]
    if name not in MODELS:
        raise CheckpointError(f"{path} is of an unknown model {shown(name)}; known: {', '.join(MODELS)}")
    model = MODELS[name]
    try:
        unknown = sizes.keys() - {field.name for field in dataclasses.fields(model.Config)}
        if unknown:
            raise ValueError(f"there is no {shown(min(unknown))}")
        config = model.Config(**sizes)
        steps = getattr(config, "steps", 1)
        words = f"T = {shown(steps)} steps are more than {MOST_STEPS:,} and would take hours"
        require(steps <= MOST_STEPS, f"{words}; no parameter depends on T, so write fewer into it")
    except ValueError as error:
        raise CheckpointError(f"{path} has a configuration that {name} cannot have: {one_line(str(error))}") from error
    return model, config


def as_computed(leaf):
    """A parameter to compute with: one that is stored as float16 becomes float32."""
    return leaf.astype(np.float32) if leaf.dtype == np.float16 else leaf


def read_trees(path, forms, read, shapes, trees):
    """Some `trees` of a file, such as "average", a nested dict: `forms` and `read` are those of `reading`.

    Raises CheckpointError unless each has the arrays of the nested dict `shapes`, no others, and finite floats in them.
    """
    names, another = [], f"{path} is from another model:"
    for tree in trees:
        found = {name.removeprefix(f"{tree}/"): form for name, form in forms.items() if name.startswith(f"{tree}/")}
        expected = named_leaves(shapes)
        for name in sorted(expected.keys() | found.keys()):
            if name not in found:
                raise CheckpointError(f"{another} it lacks {shown(name)}")
            if name not in expected:
                raise CheckpointError(f"{another} it has {shown(name)}, which its configuration does not")
            if found[name].shape != expected[name]:
                sizes = f"{shown(found[name].shape)}, its configuration says {shown(expected[name])}"
                raise CheckpointError(f"{another} {shown(name)} has shape {sizes}")
            if found[name].dtype.kind != "f":
                raise CheckpointError(f"{path}: {shown(name)} is of type {found[name].dtype}; save floats")
            names.append(f"{tree}/{name}")
    leaves = read(names)
    for name, leaf in leaves.items():
        if not np.isfinite(leaf).all():
            raise CheckpointError(f"{path}: {shown(name)} holds values that are not finite numbers; use other weights")
    return from_named_leaves(leaves)


def describe(model_name, config, **about):
    """The `meta` of a file: the model's name, its configuration as a dict, and whatever else is worth keeping."""
    return {"format": 1, "model": model_name, "config": dataclasses.asdict(config), **about}
