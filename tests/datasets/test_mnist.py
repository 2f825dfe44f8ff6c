"""The digits that ship are the published ones, and a damaged file is named."""

import gzip
import hashlib
import os
import re
import shutil
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draw_np import datasets
from draw_np.datasets import DatasetError, binarize, binarized_mnist, mnist

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


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
    published = mnist.read_idx(mnist.FILES / f"{IMAGES}.gz", (60_000, 28, 28))
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


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.array([[0, 128, 255]], np.uint8), "images are uint8: pass floats in [0, 1], as load gives them"),
        (np.array([0, 1]), "images are int64"),
        (np.array([True]), "images are bool"),
        (["a"], "images are <U1"),
        (None, "images are object"),
        (np.array([0.0, 128.0, 255.0]), "images reach from 0 to 255: pass floats in [0, 1]"),
        (np.array([-0.25, 0.5]), "images reach from -0.25 to 0.5"),
        (np.array([0.5, np.nan], np.float32), "images reach from nan to nan"),
        (np.array([[0.5], [np.inf]]), "images reach from 0.5 to inf"),
    ],
)
def test_binarize_refuses_what_are_no_grey_levels(images, said):
    with pytest.raises(DatasetError, match=f"^{re.escape(said)}"):
        binarize(images, np.random.default_rng(0))


@pytest.mark.parametrize("grey", [0.2, 0.9])
def test_binarize_refuses_masked_images(grey):
    """What is masked would be black or white as if it were not."""
    with pytest.raises(DatasetError, match="^images are masked"):
        binarize(np.ma.masked_array(np.full((2, 3), grey), np.eye(2, 3)), np.random.default_rng(0))


@pytest.mark.parametrize("rng", [np.random.RandomState(0), np.random, 0, None, np.random.PCG64(0)])
def test_binarize_refuses_what_is_no_generator(rng):
    with pytest.raises(DatasetError, match="^rng is a .*: pass a Generator like np.random.default_rng"):
        binarize(np.zeros((2, 3)), rng)


def test_binarize_of_no_images_and_of_plain_lists():
    assert binarize(np.zeros((0, 8, 7)), np.random.default_rng(0)).shape == (0, 8, 7)
    assert binarize([[0.0, 1.0]], np.random.default_rng(0)).tolist() == [[0, 1]]


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


@pytest.mark.parametrize("length", range(16))
def test_a_file_that_ends_in_its_header_is_named(copies, length):
    header = b"\0\0\x08\x03" + struct.pack(">III", 60_000, 28, 28)
    (copies / f"{IMAGES}.gz").write_bytes(gzip.compress(header[:length]))
    with pytest.raises(DatasetError, match=rf"{IMAGES}.gz is not an IDX file of unsigned bytes of shape \(60000, 28"):
        datasets.load("mnist", "train")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"<html>moved</html>", "is not an IDX file of unsigned bytes"),
        (b"\0\0\x0d\x01" + struct.pack(">I", 60_000) + bytes(16), "is not an IDX file of unsigned bytes"),
        (b"\0\0\x08\x01" + struct.pack(">I", 60_001) + bytes(60_000), r"is not .* of shape \(60000,\)"),
        (b"\0\0\x08\x01" + struct.pack(">I", 60_000) + bytes(59_999), "does not hold the 60,000 numbers that it"),
        (b"\0\0\x08\x01" + struct.pack(">I", 60_000) + bytes(60_001), "it holds more than 60,008 bytes"),
    ],
)
def test_a_file_of_another_kind_is_named(copies, raw, said):
    (copies / f"{LABELS}.gz").write_bytes(gzip.compress(raw))
    for use in (lambda: datasets.load("mnist", "train"), lambda: datasets.fetch("mnist")):
        with pytest.raises(DatasetError, match=rf"{LABELS}.gz .*{said}.*install draw_np again$"):
            use()
    with pytest.raises(DatasetError, match=rf"{LABELS}.gz .*install draw_np again$"):
        datasets.verify("mnist")


BOMB = zlib.compressobj(9, wbits=31)
BOMB = b"".join(BOMB.compress(bytes(1 << 20)) for _ in range(40)) + BOMB.flush()  # 40 KB, 40 MiB when unpacked


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (BOMB, "it holds more than 60,008 bytes"),
        (gzip.compress(b"") * 300_000, "it has more than 61,608 bytes"),
        (gzip.compress(b"") * 3_000, "it holds more than 60,008 bytes"),
        (bytes(10_000_000), "it has more than 61,608 bytes"),
        (bytes(60_000), "incorrect header check"),
        (gzip.compress(bytes(60_008))[:-1], "it ends too early"),
        (gzip.compress(bytes(60_008))[:-5] + bytes(5), "incorrect data check"),
        (b"", "it ends too early"),
    ],
    ids=range(8),
)
def test_no_more_is_unpacked_than_the_known_size(copies, data, said):
    (copies / f"{LABELS}.gz").write_bytes(data)
    tracemalloc.start()
    with pytest.raises(DatasetError, match=rf"{LABELS}.gz cannot be read \(.*{said}.*\): install draw_np again"):
        mnist.read_idx(copies / f"{LABELS}.gz", (60_000,))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1_000_000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to itself"])
def test_what_could_be_read_for_ever_is_not_opened(copies, kind):
    """A file of the package and a text in place; a read of either would hang or never end."""
    text = binarized_mnist.text_path("train")
    text.parent.mkdir(parents=True)
    (copies / f"{LABELS}.gz").unlink()
    for path in (copies / f"{LABELS}.gz", text):
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to("/dev/zero" if kind == "device" else path)
    for name, path in (("mnist", copies / f"{LABELS}.gz"), ("binarized-mnist", text)):
        if kind == "link to itself" and name == "binarized-mnist":
            continue  # as if it were not there
        with pytest.raises(DatasetError, match=r"cannot be read \((it is no regular file|Too many levels)") as error:
            datasets.verify(name)
        assert str(path) in str(error.value)


@given(data=st.binary(max_size=60), shape=st.lists(st.integers(0, 4), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_reading_undoes_writing(tmp_path_factory, data, shape):
    size = int(np.prod(shape))
    array = np.frombuffer(data.ljust(size, b"\7")[:size], np.uint8).reshape(shape)
    path = tmp_path_factory.mktemp("idx") / "small.gz"
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))
    assert np.array_equal(mnist.read_idx(path, tuple(shape)), array)


class Least(np.random.Generator):
    """Draws 0 every time, the least number there is."""

    def random(self, shape, dtype):
        return np.zeros(shape, dtype)


def test_black_stays_black_whatever_is_drawn():
    assert not datasets.binarize(np.zeros((2, 3, 3)), Least(np.random.PCG64(0))).any()
