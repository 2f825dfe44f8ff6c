"""Small networks, shipped ones, and a strange Python: one that has no more than a browser's."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from draw_np.models import draw
from draw_np.play import engine, static
from draw_np.training.trees import map_leaves

ROOT = Path(__file__).parents[2]
GREY = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=4, write_size=9)
CONFIGS = {
    "grey": GREY,
    "colour": dataclasses.replace(GREY, channels=3),
    "grey without attention": dataclasses.replace(GREY, read_size=None, write_size=None),
}
NOT_THERE = "scipy", "pooch", "requests", "lzma", "_lzma", "subprocess", "multiprocessing", "tqdm", "matplotlib", "PIL"
LIKE_A_BROWSER = f"""
import os, sys
class Finder:  # Python in a browser has none of these, or none that work
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {NOT_THERE}:
            frame = sys._getframe(1)
            while "importlib" in frame.f_code.co_filename:
                frame = frame.f_back
            asked.append((name, frame.f_code.co_filename))
            raise ModuleNotFoundError(name)
asked = []
sys.meta_path.insert(0, Finder)
assert not sys.modules.keys() & {NOT_THERE}
"""


def network(config):
    """A Network without a single zero in it."""
    rng = np.random.default_rng(0)
    params = draw.init_params(config, rng)
    return engine.Network(map_leaves(lambda leaf: (0.4 * rng.normal(size=leaf.shape)).astype("f4"), params), config)


@pytest.fixture
def small():
    """A grey Network with attention, of images 8 high and 7 wide."""
    return network(GREY)


@pytest.fixture
def colour():
    """A Network of images in colour."""
    return network(CONFIGS["colour"])


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS)
def any_network(request):
    """Grey, in colour and without attention."""
    return network(request.param)


@pytest.fixture(scope="session")
def in_browser():
    """A function that runs a program, in a folder, in a Python that lacks what a browser's does: what it prints."""

    def run(program, folder=ROOT, paths=sys.path):
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, paths)])}
        command = [sys.executable, "-S", "-c", LIKE_A_BROWSER + program]  # -S: site may load anything
        child = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, encoding="utf-8")
        assert child.returncode == 0, child.stderr
        return child.stdout

    return run


@pytest.fixture
def fake_pyodide(tmp_path):
    """A folder that looks like Pyodide's, with a lock file that knows its wheel of NumPy."""
    folder = tmp_path / "pyodide"
    folder.mkdir()
    for name in (*static.SCRIPTS, *static.CORE, "numpy.whl"):
        (folder / name).write_bytes(name.encode())
    entry = {"file_name": "numpy.whl", "sha256": hashlib.sha256(b"numpy.whl").hexdigest()}
    (folder / static.LOCK).write_text(json.dumps({"packages": {"numpy": entry}}))
    return folder
