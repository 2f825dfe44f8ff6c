"""Trained weights that come with the package: NAME.npz, and beside it NAME.json with where they come from."""

import difflib
import pathlib

from ..training.checkpoint import CheckpointError, load_weights

FOLDER = pathlib.Path(__file__).parent


def names():
    """The names that `load_pretrained` knows."""
    return sorted(path.stem for path in FOLDER.glob("*.npz"))


def find(name_or_file):
    """The path of shipped weights by name, or of a file. Raises CheckpointError, listing the names, if neither."""
    if name_or_file in names():
        return FOLDER / f"{name_or_file}.npz"
    path = pathlib.Path(name_or_file)
    if path.is_file():
        return path
    near = difflib.get_close_matches(str(name_or_file), names(), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise CheckpointError(f"no weights and no file of the name {name_or_file!r}{hint} (shipped: {', '.join(names())})")


def load_pretrained(name):
    """The parameters and configuration of shipped weights: `params, config = load_pretrained("mnist")`.

    Raises CheckpointError for an unknown name.
    """
    params, _, config, _ = load_weights(find(name))
    return params, config
