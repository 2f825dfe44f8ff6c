"""The page for any server: what is written is whole, and its Python runs where there is only NumPy."""

import hashlib
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from draw_np import cli, plotting
from draw_np.play import engine, page, static
from draw_np.training.checkpoint import CheckpointError
from tools import play_picture


def test_what_is_written(fake_pyodide, tmp_path, capsys):
    """All that the page names, with Pyodide's files as they are and the sizes that loading counts by."""
    out = tmp_path / "a" / "page"
    assert cli.main(["play", "--out", str(out), "--pyodide", str(fake_pyodide)]) == 0
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    said = f"The draw-a-digit page, {size / 1e6:.1f} MB for any server to send: {out}\n"
    assert capsys.readouterr().out == said
    for name, (_, content) in page.files().items():
        assert (out / name).read_bytes() == content
    for path in fake_pyodide.iterdir():
        assert (out / "pyodide" / path.name).read_bytes() == path.read_bytes()
    about = json.loads((out / "about.json").read_bytes())
    assert about["name"] == "mnist" and about["engine"]["kind"] == "pyodide" and len(about["examples"]) == 10
    assert about["course"] is None
    files = about["engine"]["files"]
    assert files == {name: (out / name).stat().st_size for name in files}
    assert {"python.zip", "pyodide/pyodide.asm.wasm", "pyodide/numpy.whl"} <= set(files)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    static.write(out, fake_pyodide, "mnist")
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}  # to the bit


def test_pyodide_that_lies_elsewhere(fake_pyodide, tmp_path):
    """Beside the page, or with NumPy on another host: nothing of it is copied, and loading counts what is here."""
    lock = json.loads((fake_pyodide / static.LOCK).read_text())
    for address in ("numpy.whl", "https://a.org/numpy.whl"):
        lock["packages"]["numpy"]["file_name"] = address
        (fake_pyodide / static.LOCK).write_text(json.dumps(lock))
        size = static.write(tmp_path / "page", fake_pyodide, "mnist", "../pyodide/", "../lessons.html")
        written = [path for path in (tmp_path / "page").rglob("*") if path.is_file()]
        assert size == sum(path.stat().st_size for path in written) and not (tmp_path / "page/pyodide").exists()
        about = json.loads((tmp_path / "page/about.json").read_bytes())
        told, course = about["engine"], about["course"]
        assert course == "../lessons.html" and told["folder"] == "../pyodide/"
        assert ("pyodide/numpy.whl" in told["files"]) == (address == "numpy.whl")
        assert told["files"]["pyodide/pyodide.asm.wasm"] == (fake_pyodide / "pyodide.asm.wasm").stat().st_size


def test_its_python_runs_where_there_is_only_numpy(fake_pyodide, tmp_path, in_browser):
    """As page/worker.js runs it: unpacked, with no other draw_np and no other autograd."""
    static.write(tmp_path / "page", fake_pyodide, "mnist")
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(tmp_path / "page/python.zip") as archive:
        assert "autograd/license.txt" in {name.lower() for name in archive.namelist()}
        archive.extractall(folder)
    program = """
import hashlib, autograd, draw_np
from draw_np.play import engine
print(hashlib.sha256(engine.answer(engine.open_network("weights.npz"), b"seed")).hexdigest())
print(os.path.dirname(autograd.__file__), draw_np.__file__)
"""
    digest, places = in_browser(program, folder).splitlines()
    assert digest == hashlib.sha256(engine.answer(engine.open_network("mnist"), b"seed")).hexdigest()
    assert places == f"{folder / 'autograd'} {folder / 'draw_np' / '__init__.py'}"


def test_windows_have_the_colours_of_the_figures():
    style = page.files()["style.css"][1].decode()
    assert f"--read: {plotting.GREEN.lower()};" in style and f"--write: {plotting.RED.lower()};" in style


def test_weights_of_one_s_own(fake_pyodide, tmp_path, small):
    from draw_np.training import checkpoint

    path = tmp_path / "mine.npz"
    checkpoint.save(path, {"params": small.params}, checkpoint.describe("draw", small.config))
    static.write(tmp_path / "page", fake_pyodide, str(path))
    about = json.loads((tmp_path / "page/about.json").read_bytes())
    assert (about["name"], about["height"], about["what"], about["examples"]) == ("mine.npz", 8, "a picture", [])
    with zipfile.ZipFile(tmp_path / "page/python.zip") as archive:
        assert archive.read("weights.npz") == path.read_bytes()


def test_pyodide_that_is_absent_or_damaged(fake_pyodide, tmp_path, capsys):
    def fails(words):
        assert cli.main(["play", "--out", str(tmp_path / "page"), "--pyodide", str(fake_pyodide)]) == 1
        line = capsys.readouterr().err
        assert words in line and line.count("\n") == 1 and not (tmp_path / "page").exists()

    (fake_pyodide / "numpy.whl").write_bytes(b"another")
    fails("numpy.whl is damaged: its SHA-256 is not the lock file's")
    (fake_pyodide / "numpy.whl").unlink()
    fails("holds no Pyodide with NumPy")
    for lock in (b"{", b"[]", b'{"packages": {}}', b'{"packages": {"numpy": {}}}', b"\xff"):
        (fake_pyodide / static.LOCK).write_bytes(lock)
        fails("holds no Pyodide with NumPy")
    (fake_pyodide / static.LOCK).unlink()
    fails("holds no Pyodide with NumPy")


def test_a_core_file_that_is_absent(fake_pyodide, tmp_path, capsys):
    (fake_pyodide / "pyodide.asm.wasm").unlink()
    assert cli.main(["play", "--out", str(tmp_path / "page"), "--pyodide", str(fake_pyodide)]) == 1
    line = capsys.readouterr().err
    assert "pyodide.asm.wasm" in line and line.count("\n") == 1 and not (tmp_path / "page").exists()


def test_weights_that_draw_nothing(fake_pyodide, tmp_path):
    with pytest.raises(CheckpointError, match="is no DRAW"):
        static.write(tmp_path / "page", fake_pyodide, "vae")
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("name, what", [("mnist", "a digit"), ("two-digit-mnist", "two digits")])
def test_examples(name, what):
    """Ten pictures of the network's own kind, in bytes as the data set has them."""
    import base64

    from draw_np import datasets

    config = engine.open_network(name).config
    about = page.about(name, config, {})
    assert about["what"] == what and len(about["examples"]) == 10
    pictures = [np.frombuffer(base64.b64decode(each["pixels"]), np.uint8) for each in about["examples"]]
    assert all(picture.shape == (config.height * config.width,) for picture in pictures)
    if name == "mnist":
        assert [each["label"] for each in about["examples"]] == list("0123456789")
        images = datasets.load("mnist", "test", 100)
        for digit, picture in enumerate(pictures):
            (same,) = np.nonzero((images.images == (picture / np.float32(255)).reshape(28, 28)).all((1, 2)))
            assert images.labels[same].tolist() == [digit]
    else:
        assert all(" and " in each["label"] for each in about["examples"])


def test_readmes_picture_is_of_the_page_and_the_weights_as_they_are():
    """Else run python tools/play_picture.py."""
    with Image.open(play_picture.PICTURE) as picture:
        assert picture.text["subject"] == play_picture.subject()
