"""Each test here runs twice: with a stand-in for CuPy that is as strict, and on a GPU, or skips, saying why."""

import importlib
import pathlib
import sys

import pytest

from draw_np import backend, datasets

STAND_IN = pathlib.Path(__file__).parents[1] / "stand_in"


def forget_cupy():
    """Have the next `import cupy` look for it again. Returns what was imported."""
    names = [name for name in sys.modules if name.partition(".")[0] == "cupy"]
    return {name: sys.modules.pop(name) for name in names}


@pytest.fixture
def stand_in(monkeypatch):
    """The stand-in, under the name of cupy."""
    before = forget_cupy()
    monkeypatch.syspath_prepend(str(STAND_IN))
    yield importlib.import_module("cupy")
    forget_cupy()
    sys.modules.update(before)


@pytest.fixture
def real_cupy():
    """CuPy itself, with a GPU or without; skips where it is not installed."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    if pathlib.Path(cupy.__file__).is_relative_to(STAND_IN):
        pytest.skip("the cupy on the path is the stand-in")
    return cupy


@pytest.fixture
def real_modules(real_cupy):
    """All modules of CuPy itself, by name."""
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "cupy"}


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def cuda(request):
    """CuPy, selected as the device for the length of a test."""
    if request.param == "stand-in":
        cupy = request.getfixturevalue("stand_in")
    else:
        cupy = pytest.importorskip("cupy", reason="CuPy is not installed: nothing was run on a GPU")
        if not cupy.is_available():
            pytest.skip("CuPy finds no GPU: nothing was run on one")
    backend.use_device("cuda")
    yield cupy
    backend.use_device("cpu")


@pytest.fixture
def small_digits(monkeypatch):
    """The first digits of MNIST in place of every data set."""
    digits = {
        split: datasets.Split(datasets.load("mnist", split).images[:count].copy(), None)
        for split, count in (("train", 100), ("valid", 30))
    }
    monkeypatch.setattr(datasets, "load", lambda name, split: digits[split])
