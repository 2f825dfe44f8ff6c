"""The digits that ship are the published ones, and a damaged file is named."""

import gzip
import hashlib
import shutil
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draw_np import datasets
from draw_np.datasets import DatasetError, binarize, mnist

IMAGES = "train-images-idx3-ubyte"


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """Return a folder of copies that may be damaged."""
    folder = tmp_path / "files"
    shutil.copytree(mnist.FILES, folder)
    monkeypatch.setattr(mnist, "FILES", folder)
    yield folder
    mnist.read_idx.cache_clear()  # do not keep this folder's digits in memory


@pytest.mark.parametrize("name", mnist.RAW)
def test_the_shipped_files_are_the_published_ones(name):
    raw = gzip.decompress((mnist.FILES / f"{name}.gz").read_bytes())
    assert hashlib.md5(raw).hexdigest() == mnist.RAW[name][1]


def test_there_are_70_000_digits_in_three_splits():
    splits = [datasets.load("mnist", split) for split in datasets.SPLITS]
    for (images, labels), count in zip(splits, (50_000, 10_000, 10_000), strict=True):
        assert images.shape == (count, 28, 28) and images.dtype == np.float32
        assert labels.shape == (count,) and labels.dtype == np.int64
        assert images.min() == 0 and images.max() == 1
    # Known of the published files: the first labels, and how many of each digit there are.
    assert list(splits[0].labels[:8]) == [5, 0, 4, 1, 9, 2, 1, 3]
    assert list(splits[2].labels[:8]) == [7, 2, 1, 0, 4, 1, 4, 9]
    both = np.bincount(np.concatenate([splits[0].labels, splits[1].labels]))
    assert list(both) == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert list(np.bincount(splits[2].labels)) == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_the_splits_share_no_image():
    sets = [{image.tobytes() for image in mnist.digits(split)[0]} for split in datasets.SPLITS]
    assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])


def test_training_and_validation_are_the_first_and_last_of_the_published_order():
    published = mnist.read_idx(mnist.FILES / f"{IMAGES}.gz")
    assert np.array_equal(mnist.digits("train")[0], published[:50_000])
    assert np.array_equal(mnist.digits("valid")[0], published[50_000:])


def test_raw_digits_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        mnist.digits("test")[0][0, 0, 0] = 1


def test_grey_levels_are_pixels_over_255():
    pixels = np.arange(256, dtype=np.uint8)
    grey = mnist.grey_levels(pixels)
    assert grey.dtype == np.float32
    np.testing.assert_allclose(grey, np.arange(256) / 255, rtol=1e-7)


@given(seed=st.integers(0, 2**32), grey=st.floats(0, 1, width=32))
@settings(max_examples=25, deadline=None)
def test_binarize_draws_each_pixel_with_its_grey_level_as_probability(seed, grey):
    images = np.full((20, 30, 50), grey, np.float32)
    bits = binarize(images, np.random.default_rng(seed))
    assert bits.shape == images.shape and bits.dtype == np.float32
    assert set(np.unique(bits)) <= {0.0, 1.0}
    assert abs(bits.mean() - grey) <= 6 * np.sqrt(grey * (1 - grey) / images.size)  # six standard errors
    assert np.array_equal(bits, binarize(images, np.random.default_rng(seed)))


def test_binarize_draws_pixels_apart_and_anew_at_every_call():
    images = np.full((200, 8, 7), 0.5, np.float32)
    rng = np.random.default_rng(0)
    bits, again = binarize(images, rng).reshape(200, -1), binarize(images, rng).reshape(200, -1)
    assert not np.array_equal(bits, again)
    correlation = np.corrcoef(bits.T) - np.eye(56)  # between pixels, over the images
    assert np.abs(correlation).max() < 0.4


def test_binarize_keeps_black_and_white():
    images = np.array([[0.0, 1.0]] * 100_000, np.float32)
    assert np.array_equal(binarize(images, np.random.default_rng(0)), images)


def test_verify_passes_the_shipped_files_and_names_an_altered_one(copies):
    assert len(datasets.verify("mnist")) == 4
    raw = bytearray(gzip.decompress((copies / f"{IMAGES}.gz").read_bytes()))
    raw[-1] ^= 1
    (copies / f"{IMAGES}.gz").write_bytes(gzip.compress(raw, 1))
    with pytest.raises(DatasetError, match=rf"{IMAGES}.gz is not the published file"):
        datasets.verify("mnist")


def test_a_file_cut_short_is_named(copies):
    path = copies / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(DatasetError, match=rf"{IMAGES}.gz cannot be read .*install draw_np again") as error:
        datasets.load("mnist", "train")
    assert "\n" not in str(error.value)


def test_a_file_that_is_absent_is_named(copies):
    (copies / f"{IMAGES}.gz").unlink()
    with pytest.raises(DatasetError, match=f"{IMAGES}.gz cannot be read"):
        datasets.load("mnist", "valid")
    assert not datasets.listing()[0].here


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is not an IDX file"),
        (b"<html>moved</html>", "is not an IDX file"),
        (b"\0\0\x0d\x01" + struct.pack(">I", 4) + bytes(16), "is not an IDX file of unsigned bytes"),
        (b"\0\0\x08\x03" + struct.pack(">I", 4), "is not an IDX file"),
        (b"\0\0\x08\x02" + struct.pack(">II", 3, 4) + bytes(11), "announces 12 numbers and holds 11"),
        (b"\0\0\x08\x02" + struct.pack(">II", 3, 4) + bytes(13), "announces 12 numbers and holds 13"),
        (b"\0\0\x08\x03" + struct.pack(">III", 2, 28, 28) + bytes(1568), r"holds an array of \(2, 28, 28\)"),
    ],
)
def test_a_file_of_another_kind_is_named(copies, raw, said):
    (copies / f"{IMAGES}.gz").write_bytes(gzip.compress(raw))
    with pytest.raises(DatasetError, match=rf"{IMAGES}.gz {said}"):
        datasets.load("mnist", "train")


@given(data=st.binary(max_size=60), shape=st.lists(st.integers(0, 4), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_reading_undoes_writing(tmp_path_factory, data, shape):
    size = int(np.prod(shape))
    array = np.frombuffer(data.ljust(size, b"\7")[:size], np.uint8).reshape(shape)
    path = tmp_path_factory.mktemp("idx") / "small.gz"
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))
    assert np.array_equal(mnist.read_idx(path), array)
