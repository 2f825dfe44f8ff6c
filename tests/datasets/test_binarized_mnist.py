"""The fixed bits: parsed from text, known by their hash, kept as bits, never another file's loss."""

import errno
import hashlib
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draw_np import datasets
from draw_np.datasets import DatasetError
from draw_np.datasets import binarized_mnist as binarized

COUNTS = {"train": 50, "valid": 20, "test": 30}


def as_text(pixels, newline="\n"):
    return "".join(" ".join("01"[pixel] for pixel in image) + newline for image in pixels).encode()


@pytest.fixture
def pixels(monkeypatch):
    """Return small made-up splits, uint8 (count, 784), that the module takes for the real ones."""
    rng = np.random.default_rng(0)
    pixels = {split: rng.integers(2, size=(count, 784), dtype=np.uint8) for split, count in COUNTS.items()}
    hashes = {split: hashlib.sha256(np.packbits(pixels[split], axis=1)).hexdigest() for split in pixels}
    monkeypatch.setattr(binarized, "COUNTS", COUNTS)
    monkeypatch.setattr(binarized, "SHA256", hashes)
    return pixels


@pytest.fixture
def in_place(pixels, root):
    """Return the made-up splits after writing their text files where the loader looks."""
    (root / "binarized_mnist").mkdir(parents=True)
    for split in pixels:
        binarized.text_path(split).write_bytes(as_text(pixels[split]))
    return pixels


@pytest.fixture
def on_server(pixels, server, monkeypatch):
    server.files = {f"binarized_mnist_{split}.amat": as_text(pixels[split]) for split in pixels}
    monkeypatch.setattr(binarized, "HOME", server.url)
    return server


def names():
    return sorted(file.name for file in binarized.folder().iterdir())


@pytest.mark.parametrize("split", datasets.SPLITS)
def test_text_in_place_is_read_and_kept_as_bits(in_place, split):
    images, labels = datasets.load("binarized-mnist", split)
    assert images.shape == (COUNTS[split], 28, 28) and images.dtype == np.float32 and labels is None
    assert np.array_equal(images.reshape(-1, 784), in_place[split])
    kept = binarized.bits_path(split).read_bytes()
    assert hashlib.sha256(kept).hexdigest() == binarized.SHA256[split]

    binarized.text_path(split).unlink()
    assert np.array_equal(datasets.load("binarized-mnist", split).images, images)


def test_it_is_downloaded_where_it_is_not_in_place(on_server, pixels):
    assert not datasets.listing()[1].here
    datasets.fetch("binarized-mnist")
    assert len(on_server.asked) == 3 and datasets.listing()[1].here
    kinds = "amat", "bits"
    assert names() == sorted(f"binarized_mnist_{split}.{kind}" for split in COUNTS for kind in kinds)
    for split in pixels:
        assert np.array_equal(datasets.load("binarized-mnist", split).images.reshape(-1, 784), pixels[split])
    datasets.fetch("binarized-mnist")
    assert len(on_server.asked) == 3  # nothing was asked for twice


def test_a_download_that_broke_off_goes_on(on_server, pixels):
    on_server.breaks_after = 40_000
    with pytest.raises(DatasetError, match=r"broke off after [\d,]+ of 78,400 bytes: run it again"):
        datasets.load("binarized-mnist", "train")
    assert names() == ["binarized_mnist_train.amat.part"]
    on_server.breaks_after = None
    images = datasets.load("binarized-mnist", "train").images
    assert np.array_equal(images.reshape(-1, 784), pixels["train"])
    assert on_server.asked[-1][1].startswith("bytes=")


@pytest.mark.parametrize("kind", ["text", "bits"])
def test_an_altered_file_is_named_and_left_alone(in_place, on_server, kind):
    datasets.load("binarized-mnist", "valid")
    path = binarized.text_path("valid") if kind == "text" else binarized.bits_path("valid")
    if kind == "text":
        binarized.bits_path("valid").unlink()
    altered = path.read_bytes().translate(bytes.maketrans(b"\0" + b"01", b"\1" + b"10"))
    path.write_bytes(altered)
    for use in (lambda: datasets.load("binarized-mnist", "valid"), lambda: datasets.fetch("binarized-mnist")):
        with pytest.raises(DatasetError, match=r"SHA-256 differs\): delete it and run `python -m") as error:
            use()
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert path.read_bytes() == altered
    assert on_server.asked == []


def test_a_text_cut_short_is_named_and_left_alone(in_place):
    path = binarized.text_path("test")
    for size in (10_000, 2 * 784 * 7):  # within an image and after one
        cut = as_text(in_place["test"])[:size]
        path.write_bytes(cut)
        with pytest.raises(DatasetError, match=r"binarized_mnist_test.amat .*delete it and run"):
            datasets.load("binarized-mnist", "test")
        assert path.read_bytes() == cut and not binarized.bits_path("test").exists()


def test_verify_checks_every_file_in_place(in_place):
    assert len(datasets.verify("binarized-mnist")) == 3
    datasets.fetch("binarized-mnist")
    assert len(datasets.verify("binarized-mnist")) == 6
    binarized.bits_path("test").write_bytes(b"other bits")
    with pytest.raises(DatasetError, match="binarized_mnist_test.bits does not hold the known bits"):
        datasets.verify("binarized-mnist")


def test_verify_says_what_is_absent(pixels):
    with pytest.raises(DatasetError, match=r"binarized_mnist_train.amat is not there: run `python -m"):
        datasets.verify("binarized-mnist")


@pytest.mark.parametrize("step", ["write", "replace"])
def test_a_full_disk_leaves_no_half_file_and_the_bits_are_had(in_place, monkeypatch, step):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync" if step == "write" else "replace", full)
    with pytest.warns(UserWarning, match=r"_train.bits cannot be written \(No space left on device\)"):
        images = datasets.load("binarized-mnist", "train").images
    assert np.array_equal(images.reshape(-1, 784), in_place["train"])
    assert not [name for name in names() if not name.endswith(".amat")]


def test_an_unreadable_file_is_named(pixels, root):
    binarized.text_path("train").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"binarized_mnist_train.amat cannot be read"):
        datasets.load("binarized-mnist", "train")


@given(
    pixels=st.lists(st.lists(st.integers(0, 1), min_size=784, max_size=784), min_size=1, max_size=3),
    newline=st.sampled_from(["\n", "\r\n", " \n", "\n\n", "\t"]),
    between=st.sampled_from([" ", "  ", "\t"]),
)
@settings(max_examples=15, deadline=None)
def test_parsing_undoes_writing_whatever_the_blanks(pixels, newline, between):
    text = as_text(pixels, newline).replace(b" ", between.encode())
    assert np.array_equal(binarized.parse(text, "x"), pixels)
    assert np.array_equal(binarized.parse(text.rstrip(), "x"), pixels)


@pytest.mark.parametrize("wrong", [b"2", b"01", b"0.", b"-1", b"/", b"<html>", b"\xff"])
def test_anything_but_0_and_1_is_named(wrong):
    text = as_text(np.zeros((2, 784), np.uint8))
    for place in (0, 100, len(text) - 2):
        with pytest.raises(DatasetError, match="there.amat holds something else than 0s and 1s"):
            binarized.parse(text[:place] + wrong + text[place + 1 :], "there.amat")


def test_the_real_files_are_the_published_ones(real_root, root):
    """Every pixel of the real set, where it is in place: counts, hashes, and which way up the digits are."""
    real = real_root / "binarized_mnist"
    files = [real / f"binarized_mnist_{split}.amat" for split in datasets.SPLITS]
    if not all(file.exists() for file in files):
        pytest.skip("the real files are not in place: python -m draw_np datasets fetch binarized-mnist")
    binarized.folder().mkdir(parents=True)
    for file in files:
        (binarized.folder() / file.name).symlink_to(file)
    for split, count in binarized.COUNTS.items():
        images = datasets.load("binarized-mnist", split).images
        assert images.shape == (count, 28, 28)
        assert set(np.unique(images)) == {0.0, 1.0}
        grey = datasets.load("mnist", split).images.mean(axis=0)
        assert np.corrcoef(images.mean(axis=0).ravel(), grey.ravel())[0, 1] > 0.999
    assert len(datasets.verify("binarized-mnist")) == 6
