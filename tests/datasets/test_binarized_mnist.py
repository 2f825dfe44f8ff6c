"""The fixed bits ship with the package, are the published ones, and can be compared with the published texts."""

import hashlib

import numpy as np
import pytest

from draw_np import datasets
from draw_np.datasets import DatasetError, mnist
from draw_np.datasets import binarized_mnist as binarized

COUNTS = {"train": 50, "valid": 20, "test": 30}


def as_text(pixels):
    return "".join(" ".join("01"[pixel] for pixel in image) + "\n" for image in pixels).encode()


def take(monkeypatch, path, pixels):
    """Make the module take a file of these pixels for the one that ships."""
    bits = {split: np.packbits(pixels[split], axis=1) for split in pixels}
    np.savez_compressed(path, **bits)
    monkeypatch.setattr(binarized, "BITS", path)
    monkeypatch.setattr(binarized, "BITS_BYTES", path.stat().st_size)
    monkeypatch.setattr(binarized, "BITS_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(binarized, "SHA256", {split: hashlib.sha256(bits[split]).hexdigest() for split in bits})
    monkeypatch.setattr(binarized, "COUNTS", {split: len(pixels[split]) for split in pixels})
    texts = {split: hashlib.sha256(as_text(pixels[split])).hexdigest() for split in pixels}
    monkeypatch.setattr(binarized, "TEXT_SHA256", texts)
    monkeypatch.setattr(binarized, "TEXT_BYTES", {split: 2 * pixels[split].size for split in pixels})


@pytest.fixture
def pixels(tmp_path, monkeypatch):
    """Return small made-up splits, uint8 (count, 784), that the module takes for the real ones."""
    rng = np.random.default_rng(0)
    pixels = {split: rng.integers(2, size=(count, 784), dtype=np.uint8) for split, count in COUNTS.items()}
    take(monkeypatch, tmp_path / "bits.npz", pixels)
    return pixels


@pytest.fixture
def in_place(pixels):
    """Return the made-up splits after writing their text files where they are looked for."""
    binarized.text_path("train").parent.mkdir(parents=True)
    for split in pixels:
        binarized.text_path(split).write_bytes(as_text(pixels[split]))
    return pixels


@pytest.fixture
def on_server(pixels, server, monkeypatch):
    server.files = {f"binarized_mnist_{split}.amat": as_text(pixels[split]) for split in pixels}
    monkeypatch.setattr(binarized, "HOME", server.url)
    return server


@pytest.mark.parametrize("split", datasets.SPLITS)
def test_the_shipped_images_are_the_published_ones(split, root):
    """Every pixel, without a network: their text has the hash that others publish too. And which way up they are."""
    images, labels = datasets.load("binarized-mnist", split)
    assert images.shape == (binarized.COUNTS[split], 28, 28) and images.dtype == np.float32 and labels is None
    assert set(np.unique(images)) == {0.0, 1.0}
    assert hashlib.sha256(np.packbits(images.reshape(-1, 784) == 1, axis=1)).hexdigest() == binarized.SHA256[split]
    text = binarized.text(split)
    assert hashlib.sha256(text).hexdigest() == binarized.TEXT_SHA256[split]
    assert len(text) == binarized.TEXT_BYTES[split] and text[:1568] == as_text(images[:1].reshape(1, 784).astype(int))
    grey = datasets.load("mnist", split).images.mean(axis=0)
    assert np.corrcoef(images.mean(axis=0).ravel(), grey.ravel())[0, 1] > 0.999
    assert not root.exists()  # nothing was looked for there


@pytest.mark.parametrize("place, of", [(11, "valid"), (18, "train")])
def test_its_division_is_not_that_of_mnist(place, of):
    """A copy has ink where its digit is white and none where it is black: one training image can be of no digit but
    one of the last 10,000, which `mnist` has for validation; another can be of none of them.
    """
    copy = binarized.pixels("train")[place] == 1
    digits = {split: mnist.digits(split)[0].reshape(-1, 784) for split in ("train", "valid")}
    could_be = {
        split: np.sum((grey[:, copy] > 0).all(axis=1) & (grey[:, ~copy] < 255).all(axis=1))
        for split, grey in digits.items()
    }
    assert {split for split, count in could_be.items() if count} == {of}


def test_they_load_where_there_is_no_data_folder(monkeypatch):
    monkeypatch.setenv("DRAW_NP_DATA", "/proc/no/such/folder")
    assert len(datasets.load("binarized-mnist", "valid").images) == 10_000


def test_verify_compares_the_bits_and_the_texts_in_place(pixels, root):
    lines = datasets.verify("binarized-mnist")
    assert lines == [f"bits.npz, {split}: SHA-256 of the bits as known" for split in COUNTS]
    binarized.text_path("valid").parent.mkdir(parents=True)
    binarized.text_path("valid").write_bytes(as_text(pixels["valid"]))
    same = "binarized_mnist_valid.amat: every pixel as in the bits that come with the package"
    assert datasets.verify("binarized-mnist") == [*lines, same]


def test_fetch_downloads_the_texts_and_compares_them(on_server, root):
    lines = datasets.fetch("binarized-mnist")
    same = [f"binarized_mnist_{split}.amat: every pixel as in the bits that come with the package" for split in COUNTS]
    assert lines[-3:] == same and len(on_server.asked) == 3
    assert {path.name: path.read_bytes() for path in (root / "binarized_mnist").iterdir()} == on_server.files
    assert datasets.fetch("binarized-mnist")[-3:] == same
    assert len(on_server.asked) == 3  # nothing was asked for twice


def test_a_download_that_broke_off_goes_on_and_another_file_heals(on_server, pixels, root):
    on_server.breaks_after = 40_000
    with pytest.raises(DatasetError, match=r"broke off after [\d,]+ of 78,400 bytes: run it again"):
        datasets.fetch("binarized-mnist")
    assert [path.name for path in (root / "binarized_mnist").iterdir()] == ["binarized_mnist_train.amat.part"]
    on_server.breaks_after, on_server.files["binarized_mnist_valid.amat"] = None, as_text(1 - pixels["valid"])
    with pytest.raises(DatasetError, match=r"binarized_mnist_valid.amat is not the known file .*by hand"):
        datasets.fetch("binarized-mnist")
    assert on_server.asked[1][1].startswith("bytes=")
    on_server.files["binarized_mnist_valid.amat"] = as_text(pixels["valid"])
    assert len(datasets.fetch("binarized-mnist")) == 6


@pytest.mark.parametrize("split", datasets.SPLITS)
@pytest.mark.parametrize(
    "alter",
    [
        lambda text: text[:100] + b"10"[text[100] - 48 :][:1] + text[101:],  # one pixel
        lambda text: text[:-1568],  # an image less
        lambda text: text[:-1],
        lambda text: text + b"\n",
        lambda text: text.replace(b" ", b"\t"),
        lambda text: b"",
        lambda text: b"<html>moved</html>",
    ],
)
def test_another_text_is_named_and_left_alone(in_place, on_server, split, alter):
    path = binarized.text_path(split)
    altered = alter(path.read_bytes())
    path.write_bytes(altered)
    for use in (datasets.verify, datasets.fetch):
        with pytest.raises(DatasetError, match=r"delete it and run `python -m draw_np datasets fetch") as error:
            use("binarized-mnist")
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert path.read_bytes() == altered and on_server.asked == []


@pytest.mark.parametrize("alter", [lambda data: data[:-1], lambda data: data + b"0", lambda data: b"", bytes.swapcase])
def test_another_file_of_bits_is_named(pixels, alter):
    data = alter(binarized.BITS.read_bytes())
    binarized.BITS.write_bytes(data)
    for use in (lambda: datasets.load("binarized-mnist", "test"), lambda: datasets.verify("binarized-mnist")):
        with pytest.raises(DatasetError, match=r"bits.npz .*install draw_np again$") as error:
            use()
        assert "\n" not in str(error.value)


def test_an_absent_file_of_bits_is_named(pixels):
    binarized.BITS.unlink()
    assert not datasets.listing()[1].here
    with pytest.raises(DatasetError, match=r"bits.npz cannot be read \(No such file or directory\): install draw_np"):
        datasets.load("binarized-mnist", "train")


def test_verify_compares_each_split_with_its_known_hash(pixels, monkeypatch):
    monkeypatch.setitem(binarized.SHA256, "test", binarized.SHA256["valid"])
    with pytest.raises(DatasetError, match="does not hold the known test bits"):
        datasets.verify("binarized-mnist")
