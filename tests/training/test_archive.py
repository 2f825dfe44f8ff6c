"""What a stranger's file claims to be costs nothing: it is compared before anything is unpacked."""

import itertools
import json
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from draw_np import pretrained
from draw_np.models import draw
from draw_np.training import archive, checkpoint
from draw_np.training.checkpoint import MOST_STEPS, CheckpointError, describe, load, load_weights, save
from draw_np.training.trees import named_leaves

CONFIG = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=2, write_size=4)
PARAMS = draw.init_params(CONFIG, np.random.default_rng(0))
META = describe("draw", CONFIG)
posix = pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.npz"


def refused(path, match, function=load_weights):
    """The message with which a file is refused: one short line of what can be printed, with its name."""
    with pytest.raises(CheckpointError, match=match) as error:
        function(path)
    text = str(error.value)
    assert text.isprintable() and str(path) in text and len(text) < len(str(path)) + 600
    return text


def with_config(path, **sizes):
    save(path, {"params": PARAMS}, {**META, "config": {**META["config"], **sizes}})


def with_member(path, name, data, how=zipfile.ZIP_STORED):
    """A good file with one member more, of bytes in pieces."""
    save(path, {"params": PARAMS}, {key: value for key, value in META.items()})
    with zipfile.ZipFile(path, "a", how) as archive, archive.open(name, "w") as file:
        for piece in data:
            file.write(piece)


def header(text):
    """A .npy file's header."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin1")


def zeros(count):
    """The pieces of an array of so many MiB of zeros."""
    said = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count << 18},)}}\n"
    return [header(said), *itertools.repeat(bytes(1 << 20), count)]


CLAIMS = {
    "a large model": (lambda path: with_config(path, hidden=2000), "its configuration says .*2000"),
    "a large image": (lambda path: with_config(path, height=10**30), "its configuration says"),
    "deflated": (lambda path: with_member(path, "x.npy", zeros(32), zipfile.ZIP_DEFLATED), "far more than fits"),
    "bzip2": (lambda path: with_member(path, "x.npy", zeros(32), zipfile.ZIP_BZIP2), "packed in a way"),
    "lzma": (lambda path: with_member(path, "x.npy", zeros(32), zipfile.ZIP_LZMA), "packed in a way"),
    "a header": (lambda path: with_member(path, "x.npy", zeros(3000)[:1]), "not as large as its header says"),
    "many numbers that overflow": (
        lambda path: with_member(
            path, "x.npy", [header("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}\n")]
        ),
        "not as large as its header says",
    ),
    "300 members": (lambda path: many(path, 300), "no weights are so many"),
    "30,000 members": (lambda path: many(path, 30_000), "the directory of the archive is longer"),
}


def many(path, count):
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}.npy", b"")


@pytest.mark.parametrize("kind", CLAIMS)
def test_a_claim_costs_nothing(path, kind):
    write, words = CLAIMS[kind]
    write(path)
    tracemalloc.start()
    try:
        refused(path, words)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["mnist", "cluttered-mnist-4"])
def test_a_good_file_costs_its_size(name):
    path = pretrained.find(name)
    load_weights(path)
    tracemalloc.start()
    try:
        params = load_weights(path)[0]
        size = sum(leaf.nbytes for leaf in named_leaves(params).values())
        assert tracemalloc.get_traced_memory()[1] < size + path.stat().st_size + (2 << 20)
    finally:
        tracemalloc.stop()


def test_of_a_checkpoint_only_the_average_is_read(path, monkeypatch):
    save(path, {"params": PARAMS, "average": PARAMS, "optimiser": {"mean": PARAMS}}, META)
    read, array = [], archive.array

    def recording(archive, member, form):
        read.append(member.filename)
        return array(archive, member, form)

    monkeypatch.setattr(archive, "array", recording)
    load_weights(path)
    assert read[0] == "meta.npy" and sorted(read[1:]) == sorted(f"average/{name}.npy" for name in named_leaves(PARAMS))


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_packed_or_not_every_bit_comes_back(path, how):
    rng = np.random.default_rng(0)
    leaves = {"a": rng.bytes(3 << 20), "b": b"", "c": rng.bytes(7)}  # longer than a piece, empty, short
    leaves = {name: np.frombuffer(data, np.uint8) for name, data in leaves.items()}
    leaves["d"] = np.asfortranarray(rng.random((3, 4)))
    (np.savez if how == zipfile.ZIP_STORED else np.savez_compressed)(path, meta=np.array(json.dumps(META)), **leaves)
    found, meta = load(path)
    assert meta == META and found.keys() == leaves.keys()
    for name, leaf in leaves.items():
        assert found[name].dtype == leaf.dtype and np.array_equal(found[name], leaf) and found[name].flags.writeable


NAMES = {
    "a deep name": "/".join("a" * 2000) + ".npy",
    "a long name": "n" * 50_000 + ".npy",
    "an escape": "\x1b[31mred.npy",
    "no array": "hello",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_no_array_has(path, name):
    with_member(path, NAMES[name], [b"x"])
    refused(path, "something else than arrays with names", load)


@pytest.mark.parametrize("name", ["params.npy", "params/mu.npy", "params/mu/b/c.npy"])
def test_an_array_and_a_branch_of_one_name(path, name):
    with_member(path, name, zeros(0))
    refused(path, "an array and a branch have one name", load)


EMPTY = "{'descr': '<U0', 'fortran_order': False, 'shape': (9,)}"


@pytest.mark.parametrize("said", ["(" * 900, "-" * 900 + "1", "x" * 5000, EMPTY])
def test_headers_that_are_none(path, said):
    with_member(path, "x.npy", [header(said + "\n")])
    refused(path, "not a draw_np weights file", load)


LONG = "x" * 10**6
SAID = {
    "a model": {"model": LONG},
    "a model in colour": {"model": "\x1b[31mdraw\n"},
    "a key": {"config": {LONG: 1}},
    "a key in colour": {"config": {"wi\x1b[31m\nngs": 1}},
    "a size": {"config": {"hidden": LONG}},
    "a size in colour": {"config": {"hidden": "\x1b[31m\n6"}},
    "a size of 4,000 digits": {"config": {"hidden": 10**4000}},
}


@pytest.mark.parametrize("kind", SAID)
def test_what_a_file_says_is_told_in_a_short_line(path, kind):
    save(path, {"params": PARAMS}, {**META, **SAID[kind]})
    refused(path, "unknown model|cannot have|its configuration says|damaged")


@pytest.mark.parametrize("steps", [MOST_STEPS + 1, 50_000, 10**6, 2**63, 10**400])
def test_more_steps_than_anybody_would_wait_for(path, steps):
    with_config(path, steps=steps)
    refused(path, "steps are more than 2,000")
    with_config(path, steps=MOST_STEPS)
    assert load_weights(path)[2].steps == MOST_STEPS


# Files that are no files of a disk, or that cannot be read


@posix
@pytest.mark.parametrize("kind", ["a pipe", "/dev/zero", "/dev/full"])
def test_what_could_be_read_for_ever(path, kind):
    os.mkfifo(path) if kind == "a pipe" else path.symlink_to(kind)
    for function in (load, load_weights, lambda path: load_weights(pretrained.find(str(path)))):
        refused(path, "it is no regular file", function)


def test_the_true_reason(path, monkeypatch):
    save(path, {"params": PARAMS}, META)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", lambda *_: raise_(PermissionError(13, "Permission denied", str(path))))
        assert refused(path, "cannot read").endswith("Permission denied")
    with monkeypatch.context() as patch:
        patch.setattr(archive.np, "empty", lambda *_: raise_(MemoryError()))
        assert "damaged" not in refused(path, "not enough memory")
    with monkeypatch.context() as patch:
        patch.setattr(archive, "array", lambda *_: raise_(OSError(5, "Input/output error")))
        assert refused(path, "cannot read").endswith("Input/output error")
    assert load(path)[1] == META and checkpoint.load_weights(path)


def raise_(error):
    raise error
