"""A run so small that it takes a fraction of a second, on digits that are read once."""

import hashlib
import shutil

import numpy as np
import pytest

from draw_np import datasets
from draw_np.datasets import Split
from draw_np.models import draw
from draw_np.training import checkpoint
from draw_np.training.loop import train
from draw_np.training.presets import Preset, Recipe
from draw_np.training.trees import named_leaves


@pytest.fixture(scope="session")
def digits():
    """The first digits of MNIST's training and validation images, as datasets.load returns them."""
    return {
        split: Split(datasets.load("mnist", split).images[:count].copy(), None)
        for split, count in (("train", 100), ("valid", 30))
    }


@pytest.fixture
def preset(monkeypatch, digits):
    """DRAW with T growing from 1 to 2: 15 updates in 3 epochs of 5 batches, which leave 3 of 38 images out."""
    monkeypatch.setattr(datasets, "load", lambda name, split: digits[split])
    return Preset(
        "draw",
        draw.Config(steps=2, hidden=8, latent=3, read_size=2, write_size=4),
        Recipe(
            "mnist", 3, 7, warm_up=3, kl_warm_up=8, grow=((1, 0.4),), images=38, validation_images=16, binarize=True
        ),
    )


@pytest.fixture
def run(preset):
    """Call `train` on the preset, or on another: run(out, seed=1, ...)."""

    def run(out, preset=preset, name="small", **options):
        return train(preset, out, name, **options)

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
