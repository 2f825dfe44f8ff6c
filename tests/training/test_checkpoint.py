"""Files of weights: every bit back, written whole or not at all, and one clear line for whatever else turns up."""

import errno
import json
import os
import pickle
import stat
import string
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from draw_np.models import draw, vae
from draw_np.training import checkpoint
from draw_np.training.checkpoint import CheckpointError, describe, load, load_weights, save
from draw_np.training.trees import from_named_leaves, map_leaves, named_leaves

CONFIG = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=2, write_size=4)
PARAMS = draw.init_params(CONFIG, np.random.default_rng(0))
META = describe("draw", CONFIG, note="made for a test")
MANY = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
SOME = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(found, expected):
    """Whether two trees have the same names, types, shapes and bits."""
    found, expected = named_leaves(found), named_leaves(expected)
    return found.keys() == expected.keys() and all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in ((found[name], expected[name]) for name in expected)
    )


def assert_one_line(error, path):
    assert "\n" not in str(error) and str(path) in str(error)


# What is saved comes back.

NAMES = st.text(string.ascii_letters + string.digits + "_-. ", min_size=1, max_size=8)
ARRAYS = hnp.arrays(
    st.sampled_from(["<f4", "<f8", ">f4", "<f2", "<i8", "|u1", "|b1"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
TREES = st.dictionaries(NAMES, ARRAYS | st.dictionaries(NAMES, ARRAYS, min_size=1, max_size=2), min_size=1, max_size=3)
ABOUT = st.dictionaries(st.text().filter(lambda key: key != "arrays"), st.integers() | st.text() | st.none())


@SOME
@given(tree=TREES, about=ABOUT)
def test_every_bit_comes_back(tmp_path, tree, about):
    path = tmp_path / "any.npz"
    meta = {**about, "model": "draw", "config": {}}
    save(path, {"params": tree}, meta)
    trees, found = load(path)
    assert found == meta and same(trees, {"params": tree})
    assert os.listdir(tmp_path) == ["any.npz"]


@SOME
@given(TREES)
def test_names_of_leaves_and_back(tree):
    leaves = named_leaves(tree)
    assert same(from_named_leaves(leaves), tree) and all("/" in name or name in tree for name in leaves)


def test_numbers_that_are_not_finite_and_orders_of_axes_come_back(tmp_path):
    leaves = {
        "nan": np.array([np.nan, -np.nan, np.inf, -0.0, 5e-324]),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "strided": np.arange(20.0)[::3],
    }
    save(tmp_path / "x.npz", {"params": leaves}, META)
    assert same(load(tmp_path / "x.npz")[0], {"params": leaves})


def test_the_weights_come_with_their_model(tmp_path):
    path = tmp_path / "weights.npz"
    save(path, {"params": PARAMS}, META)
    params, model, config, meta = load_weights(path)
    assert same(params, PARAMS) and model is draw and config == CONFIG and meta == META
    assert meta["note"] == "made for a test"


def test_of_a_checkpoint_it_is_the_average(tmp_path):
    average = map_leaves(lambda leaf: leaf + 1, PARAMS)
    save(tmp_path / "c.npz", {"params": PARAMS, "average": average, "optimiser": {"mean": PARAMS}}, META)
    assert same(load_weights(tmp_path / "c.npz")[0], average)


# It is written completely or not at all.


@pytest.fixture
def old(tmp_path):
    """A folder with a good file in it, and a check that it is still there, alone."""
    path = tmp_path / "checkpoint.npz"
    save(path, {"params": PARAMS}, META)
    data, others = path.read_bytes(), os.listdir(tmp_path)
    yield path
    assert path.read_bytes() == data and os.listdir(tmp_path) == others == ["checkpoint.npz"]


def full(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_written(file, **_leaves):
    file.write(b"PK" * 500)
    file.flush()
    full()


@pytest.mark.parametrize(
    "module, name, fault",
    [
        (checkpoint.np, "savez", full),
        (checkpoint.np, "savez", half_written),
        (os, "fsync", full),
        (os, "replace", full),
    ],
)
def test_a_full_disk_loses_nothing(old, monkeypatch, module, name, fault):
    monkeypatch.setattr(module, name, fault)
    with pytest.raises(CheckpointError, match="No space left on device; the last good one is kept") as error:
        save(old, {"params": map_leaves(np.ones_like, PARAMS)}, META)
    assert_one_line(error.value, old)


@pytest.mark.parametrize("limit", [0, 1, 100, 3000, 4096, 8192, 10_000])
def test_a_disk_that_is_really_full_loses_nothing(old, limit):
    resource = pytest.importorskip("resource")
    assert limit < old.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(CheckpointError) as error:
            save(old, {"params": PARAMS}, META)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_one_line(error.value, old)
    assert os.strerror(errno.EFBIG) in str(error.value)


@pytest.mark.parametrize("folder", ["not there", "a file"])
def test_a_folder_that_is_none(tmp_path, folder):
    (tmp_path / "a file").write_text("")
    with pytest.raises(CheckpointError) as error:
        save(tmp_path / folder / "x.npz", {"params": PARAMS}, META)
    assert_one_line(error.value, tmp_path / folder / "x.npz")
    assert "kept" not in str(error.value) and os.listdir(tmp_path) == ["a file"]


def test_a_folder_in_the_file_s_place(tmp_path):
    (tmp_path / "x.npz").mkdir()
    with pytest.raises(CheckpointError):
        save(tmp_path / "x.npz", {"params": PARAMS}, META)
    assert os.listdir(tmp_path) == ["x.npz"]


def test_synced_then_renamed_then_the_folder_synced(tmp_path, monkeypatch):
    """No test here can cut the power: this is the order in which a file system may be trusted after that."""
    done, fsync, replace = [], os.fsync, os.replace

    def recording_fsync(descriptor):
        status = os.fstat(descriptor)
        done.append("folder" if stat.S_ISDIR(status.st_mode) else f"file of {status.st_size} bytes")
        fsync(descriptor)

    def recording_replace(source, target):
        assert os.path.dirname(source) == os.path.dirname(target)  # a rename, not a copy to another disk
        done.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "replace", recording_replace)
    path = tmp_path / "x.npz"
    save(path, {"params": PARAMS}, META)
    assert done == [f"file of {path.stat().st_size} bytes", "rename", "folder"]


def test_no_descriptor_is_left_open(tmp_path):
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        save(tmp_path / "x.npz", {"params": PARAMS}, META)
        load(tmp_path / "x.npz")
    assert len(os.listdir("/proc/self/fd")) == before


# Damage is found.

BIG = {"first": np.linspace(0, 1, 2400).reshape(60, 40).astype(np.float32), "last": {"b": np.arange(3.0)}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a good file: members longer and shorter than one buffer of zipfile's."""
    path = tmp_path_factory.mktemp("whole") / "x.npz"
    save(path, {"params": BIG}, META)
    return path.read_bytes()


def assert_detected_or_harmless(path, data):
    path.write_bytes(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            trees, meta = load(path)
    except CheckpointError as error:
        assert_one_line(error, path)
        return True
    assert same(trees, {"params": BIG}) and meta == META
    return False


@SOME
@given(cut=st.floats(0, 1, exclude_max=True))
@example(0.0)
def test_every_truncation_is_found(tmp_path, whole, cut):
    assert assert_detected_or_harmless(tmp_path / "x.npz", whole[: int(cut * len(whole))])


def test_truncations_near_the_end_are_found(tmp_path, whole):
    for length in range(len(whole) - 400, len(whole)):
        assert assert_detected_or_harmless(tmp_path / "x.npz", whole[:length])


@MANY
@given(data=st.data())
def test_every_changed_byte_is_found_or_does_not_matter(tmp_path, whole, data):
    place = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]))
    assert_detected_or_harmless(tmp_path / "x.npz", whole[:place] + bytes([value]) + whole[place + 1 :])


def test_a_changed_byte_in_the_headers_and_the_directory_of_the_archive(tmp_path, whole):
    numbers, directory = whole.index(BIG["first"].tobytes()[100:200]), whole.index(b"PK\x01\x02")
    places = [k for k in range(len(whole)) if not numbers < k < numbers + 9300]
    assert len(places) < 2500
    for k in places:
        for value in {whole[k] ^ (1 << k % 8), 255 if k > directory else whole[k]} - {whole[k]}:
            assert_detected_or_harmless(tmp_path / "x.npz", whole[:k] + bytes([value]) + whole[k + 1 :])


def test_a_changed_byte_in_the_type_of_the_numbers(tmp_path, whole):
    """Half as many bytes are then read as there are, and what is not read to its end has no checksum."""
    k = whole.index(b"'<f4'") + 3
    assert assert_detected_or_harmless(tmp_path / "x.npz", whole[:k] + b"2" + whole[k + 1 :])


@SOME
@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"PK\x03\x04" + data))
def test_any_other_bytes_are_no_weights(tmp_path, data):
    assert assert_detected_or_harmless(tmp_path / "x.npz", data)


# What is no weights file says so.


def write_text(path):
    path.write_text("nothing\nto see\n")


def write_npy(path):
    with open(path, "wb") as file:
        np.save(file, np.ones(3))


def write_pickle(path):
    path.write_bytes(pickle.dumps({"params": 1}))


def write_pickled_objects(path):
    with open(path, "wb") as file:
        np.savez(file, meta=np.array(json.dumps(META)), x=np.array([{}, open], dtype=object))


def write_pickled_meta(path):
    with open(path, "wb") as file:
        np.savez(file, meta=np.array(META, dtype=object))


def write_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")


def write_without_meta(path):
    with open(path, "wb") as file:
        np.savez(file, **named_leaves({"params": PARAMS}))


NO_WEIGHTS = {
    "an empty file": (lambda path: path.write_bytes(b""), "it is empty"),
    "text": (write_text, "not a draw_np weights file"),
    ".npy": (write_npy, "not a draw_np weights file"),
    "pickle": (write_pickle, "not a draw_np weights file"),
    "pickled objects": (write_pickled_objects, "pickled objects, which are never loaded"),
    "pickled meta": (write_pickled_meta, "pickled objects, which are never loaded"),
    "a zip": (write_zip, "not a draw_np weights file"),
    "no meta": (write_without_meta, "not a draw_np weights file"),
    "a folder": (lambda path: path.mkdir(), "cannot read .*: Is a directory"),
    "nothing": (lambda path: None, "no such file"),
}


@pytest.mark.parametrize("kind", NO_WEIGHTS)
def test_no_weights_file_at_all(tmp_path, kind):
    write, expected = NO_WEIGHTS[kind]
    path = tmp_path / "x.npz"
    write(path)
    for function in load, load_weights:
        with pytest.raises(CheckpointError, match=expected) as error:
            function(path)
        assert_one_line(error.value, path)


def test_text_is_not_said_to_hold_objects(tmp_path):
    write_text(tmp_path / "x.npz")
    with pytest.raises(CheckpointError) as error:
        load(tmp_path / "x.npz")
    assert "object" not in str(error.value).removeprefix(str(tmp_path))


METAS = ["", "{", "[1, 2]", "3", "null", '"text"', "{}", '{"model": "draw"}', '{"config": {}}', "[" * 100_000, "\0"]


@pytest.mark.parametrize("meta", METAS, ids=lambda text: repr(text[:20]))
def test_a_meta_that_is_none(tmp_path, meta):
    path = tmp_path / "x.npz"
    np.savez(path, meta=np.array(meta), **named_leaves({"params": PARAMS}))
    with pytest.raises(CheckpointError, match="not a draw_np weights file") as error:
        load(path)
    assert_one_line(error.value, path)


@pytest.mark.parametrize("meta", [np.array(3.0), np.array(META, dtype="S9"), np.zeros((2, 0)), np.array(["{}", "{}"])])
def test_a_meta_that_is_no_text(tmp_path, meta):
    np.savez(tmp_path / "x.npz", meta=meta)
    with pytest.raises(CheckpointError, match="not a draw_np weights file"):
        load(tmp_path / "x.npz")


def changed(**changes):
    """PARAMS with leaves "mu__b" replaced, or taken out where None."""
    leaves = named_leaves(PARAMS) | {name.replace("__", "/"): value for name, value in changes.items()}
    return from_named_leaves({name: leaf for name, leaf in leaves.items() if leaf is not None})


BAD_PARAMS = {
    "a name is missing": (changed(mu__b=None), "it lacks .?mu/b"),
    "a branch is missing": (changed(mu__b=None, mu__W=None), "it lacks .?mu/W"),
    "one too many": (changed(mu__c=np.ones(3)), "it has .?mu/c"),
    "a branch too many": (changed(wings__W=np.ones(3)), "it has .?wings/W"),
    "a leaf for a branch": ({**PARAMS, "mu": np.ones(5)}, "from another model"),
    "a branch for a leaf": (changed(mu__b=None, mu__b__c=np.ones(5)), "from another model"),
    "a wrong shape": (changed(mu__b=np.ones(6, np.float32)), r"mu/b.? has shape \(6,\), its configuration says \(5,\)"),
    "transposed": (changed(mu__W=PARAMS["mu"]["W"].T), r"mu/W.? has shape \(5, 6\), its configuration says \(6, 5\)"),
    "NaN": (changed(mu__b=np.array([0, 0, np.nan, 0, 0], np.float32)), "mu/b.? holds values that are not finite"),
    "infinity": (changed(mu__b=np.array([0, 0, -np.inf, 0, 0], np.float32)), "mu/b.? holds values that are not finite"),
    "whole numbers": (changed(mu__b=np.ones(5, np.int64)), "mu/b.? is of type int64; save floats"),
    "truth values": (changed(mu__b=np.ones(5, bool)), "mu/b.? is of type bool"),
    "complex numbers": (changed(mu__b=np.ones(5, complex)), "mu/b.? is of type complex128"),
    "text": (changed(mu__b=np.array(["1"] * 5)), "mu/b.? is of type <U1"),
    "records": (changed(mu__b=np.ones(5, [("x", "f4")])), "mu/b.? is of type "),
    "of a vae": (vae.init_params(vae.Config(), np.random.default_rng(0)), "from another model"),
    "of no attention": (
        draw.init_params(draw.Config(height=8, width=7, hidden=6, latent=5, read_size=None, write_size=None),
                         np.random.default_rng(0)),
        "from another model",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_PARAMS)
def test_weights_of_another_model(tmp_path, kind):
    params, expected = BAD_PARAMS[kind]
    path = tmp_path / "x.npz"
    save(path, {"params": params}, META)
    with pytest.raises(CheckpointError, match=expected) as error:
        load_weights(path)
    assert_one_line(error.value, path)


def write_leaves(path, **leaves):
    np.savez(path, meta=np.array(json.dumps(META)), **leaves)


def write_raw_member(path):
    """An archive in which one of the arrays is no array."""
    save(path.with_name("good.npz"), {"params": PARAMS}, META)
    with zipfile.ZipFile(path.with_name("good.npz")) as good, zipfile.ZipFile(path, "w") as bad:
        for name in good.namelist():
            bad.writestr(name, b"hello" if name == "params/mu/b.npy" else good.read(name))


STRANGE = {
    "no weights": write_leaves,
    "an array instead of a branch": lambda path: write_leaves(path, params=np.ones(3)),
    "a number instead of a branch": lambda path: write_leaves(path, params=np.float32(3)),
    "an array and a branch of one name": lambda path: write_leaves(
        path, **{"params/mu": np.ones(3), "params/mu/b": np.ones(3)}
    ),
    "a member that is no array": write_raw_member,
    "a line break in a name": lambda path: write_leaves(
        path, **named_leaves({"params": PARAMS}), **{"params/line\nbreak": np.ones(3)}
    ),
    "no names at all": lambda path: write_leaves(path, **{"params//": np.ones(3), "/": np.ones(3)}),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_archives(tmp_path, kind):
    path = tmp_path / "x.npz"
    STRANGE[kind](path)
    with pytest.raises(CheckpointError) as error:
        load_weights(path)
    assert_one_line(error.value, path)


BAD_METAS = {
    "an unknown model": ({"model": "dram"}, "unknown model 'dram'; known: draw, vae"),
    "no model": ({"model": None}, "x.npz"),
    "a list of models": ({"model": ["draw"]}, "x.npz"),
    "another model": ({"model": "vae"}, "vae"),
    "an unknown key": ({"config": {**META["config"], "wings": 2}}, "wings"),
    "an unknown key of two lines": ({"config": {**META["config"], "wi\nngs": 2}}, "wi"),
    "a list of sizes": ({"config": [8, 7]}, "x.npz"),
    "no sizes": ({"config": None}, "x.npz"),
    "half a number": ({"config": {**META["config"], "hidden": 6.5}}, "hidden must be a whole number"),
    "true for a number": ({"config": {**META["config"], "steps": True}}, "steps must be a whole number"),
    "zero": ({"config": {**META["config"], "latent": 0}}, "latent must be a whole number of at least 1, got 0"),
    "one attention size": ({"config": {**META["config"], "read_size": None}}, "must both be numbers or both None"),
    "other sizes": ({"config": {**META["config"], "hidden": 9}}, "its configuration says"),
    "more than any memory": ({"config": {**META["config"], "latent": 10**12}}, "x.npz"),
    "more than any number": ({"config": {**META["config"], "latent": 10**30}}, "x.npz"),
}


@pytest.mark.parametrize("kind", BAD_METAS)
def test_a_configuration_that_does_not_fit(tmp_path, kind):
    changes, expected = BAD_METAS[kind]
    path = tmp_path / "x.npz"
    save(path, {"params": PARAMS}, {**META, **changes})
    with pytest.raises(CheckpointError, match=expected) as error:
        load_weights(path)
    assert_one_line(error.value, path)
