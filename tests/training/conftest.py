"""A run so small that it takes a fraction of a second, on digits that are read once."""

import dataclasses
import hashlib
import shutil

import numpy as np
import pytest

from draw_np import datasets
from draw_np.datasets import Split
from draw_np.models import draw
from draw_np.training import checkpoint
from draw_np.training.loop import train
from draw_np.training.presets import PRESETS
from draw_np.training.recipe import Phase, Ramp, Recipe, Run
from draw_np.training.trees import named_leaves


@pytest.fixture(scope="session")
def digits():
    """The first digits of MNIST's training and validation images, made binary, as datasets.load returns them."""
    rng = np.random.default_rng(0)
    return {
        split: Split(datasets.binarize(datasets.load("mnist", split).images[:count], rng), None)
        for split, count in (("train", 100), ("valid", 30))
    }


@pytest.fixture
def preset(monkeypatch, digits):
    """DRAW with T growing from 1 to 2: 15 updates in 3 epochs of 5 batches, which leave 3 of 38 images out."""
    monkeypatch.setattr(datasets, "load", lambda name, split: digits[split])
    phases = (
        Phase(3, Ramp(0.0, 4e-3), {"steps": 1}, kl=Ramp(0.0, 1.0)),
        Phase(3, 4e-3, {"steps": 1}),
        Phase(9, Ramp(4e-3, 0.0)),
    )
    config = draw.Config(steps=2, hidden=8, latent=3, read_size=2, write_size=4)
    small = Run("small", "draw", config, "mnist", Recipe(phases, batch=7, images=38, validation_images=16))
    monkeypatch.setitem(PRESETS, "small", small)  # so that a command can name it
    return small


@pytest.fixture
def changed(preset):
    """The preset with other fields, of itself or of its recipe: changed(phases=(Phase(5, 0.1),), name="other")."""

    def changed(**fields):
        own = {field.name for field in dataclasses.fields(Run)}
        recipe = {key: value for key, value in fields.items() if key not in own}
        fields = {key: value for key, value in fields.items() if key in own}
        return dataclasses.replace(preset, recipe=dataclasses.replace(preset.recipe, **recipe), **fields)

    return changed


@pytest.fixture
def run(preset):
    """Call `train` on the preset, or on another: run(out, seed=1, ...)."""

    def run(out, preset=preset, **options):
        return train(preset, out, **options)

    return run


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def finished(run, kept, tmp_path):
    """A run that nothing disturbed: made once, and a copy of it for each test."""
    if not (kept / "finished").exists():
        assert run(kept / "finished") is True
    return shutil.copytree(kept / "finished", tmp_path / "finished")


@pytest.fixture(scope="session")
def bits():
    """Everything of a run's checkpoint and weights that must not depend on how often it was stopped."""

    def bits(out):
        found = {}
        for name in ("checkpoint.npz", "weights.npz"):
            trees, meta = checkpoint.load(out / name)
            del meta["seconds"]
            leaves = {key: (leaf.dtype.str, leaf.shape, digest(leaf)) for key, leaf in named_leaves(trees).items()}
            found[name] = leaves, meta
        return found

    return bits


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
