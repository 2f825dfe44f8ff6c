"""Trained weights that come with the package: NAME.npz, and beside it NAME.json, the record of how they were trained
and how good they are, and NAME.csv, how the loss fell. README.md tells all the records.
"""

import json
import os
import pathlib

import numpy as np

from ..names import did_you_mean, shown
from ..training.checkpoint import CheckpointError, load_weights

FOLDER = pathlib.Path(__file__).parent


def names():
    """The names that `load_pretrained` knows."""
    return sorted(path.stem for path in FOLDER.glob("*.npz"))


def find(name_or_file):
    """The path of shipped weights by name, or of a file. Raises CheckpointError, listing the names, if neither."""
    known, hint = names(), None
    if isinstance(name_or_file, str | os.PathLike):
        path = FOLDER / f"{name_or_file}.npz" if name_or_file in known else pathlib.Path(name_or_file)
        if path.exists() and not path.is_dir():  # what else it may be, `load_weights` sees
            return path
        if (path / "weights.npz").is_file():  # the folder of a run
            hint = f" (did you mean {str(path / 'weights.npz')!r}?)"
    hint = hint or did_you_mean(name_or_file, known)
    raise CheckpointError(
        f"no weights and no file of the name {shown(name_or_file)}{hint} (shipped: {', '.join(known)})"
    )


def load_pretrained(name):
    """The parameters and configuration of shipped weights. Raises CheckpointError for an unknown name.

    >>> params, config = load_pretrained("mnist")
    >>> config.read_size, config.write_size
    (2, 5)
    """
    params, _, config, _ = load_weights(find(name))
    return params, config


def load_record(name):
    """The record of shipped weights, a dict. Raises CheckpointError for an unknown name and for weights without one."""
    path = find(name).with_suffix(".json")
    if not path.is_file():
        raise CheckpointError(f"the weights {name!r} have no record {path.name} beside them")
    return json.loads(path.read_text("utf-8"))


def load_curve(name):
    """How the loss fell, by epoch: a structured array whose fields the first line of NAME.csv names.

    Raises CheckpointError for an unknown name and for weights that came without their run's metrics.
    """
    path = find(name).with_suffix(".csv")
    if not path.is_file():
        raise CheckpointError(f"the weights {name!r} have no loss curve: their run's metrics were not kept")
    return np.atleast_1d(np.genfromtxt(path, delimiter=",", names=True))  # of a single row it has no axis
