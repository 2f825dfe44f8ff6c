"""The binary batches: unpacked by name, known by their MD5s, read in the order of the file's planes."""

import hashlib
import io
import tarfile

import numpy as np
import pytest

from draw_np import datasets
from draw_np.datasets import DatasetError, cifar10

FOLDER = "cifar-10-batches-bin"
BATCH = 6  # made-up images in a file, of which the last 2 of the fifth are for validation


def as_archive(members):
    """A .tar.gz of {name: bytes, or the name of another member to link to}."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(data, str):
                member.type, member.linkname = tarfile.SYMTYPE, data
                data = b""
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


@pytest.fixture
def batches(monkeypatch):
    """Return small made-up batches, name -> bytes, that the module takes for the published ones."""
    rng = np.random.default_rng(0)
    batches = {}
    for name in cifar10.MD5:
        labels = rng.integers(10, size=(BATCH, 1), dtype=np.uint8)
        batches[name] = np.hstack([labels, rng.integers(256, size=(BATCH, 3072), dtype=np.uint8)]).tobytes()
    monkeypatch.setattr(cifar10, "BATCH", BATCH)
    monkeypatch.setattr(cifar10, "MD5", {name: hashlib.md5(data).hexdigest() for name, data in batches.items()})
    parts = {"train": slice(28), "valid": slice(4, None), "test": slice(None)}
    parts = {split: (cifar10.PART_OF[split][0], part) for split, part in parts.items()}
    monkeypatch.setattr(cifar10, "PART_OF", parts)
    return batches


@pytest.fixture
def in_place(batches, root):
    """Return the made-up batches after writing them where the loader looks."""
    (root / FOLDER).mkdir(parents=True)
    for name, data in batches.items():
        (root / FOLDER / name).write_bytes(data)
    return batches


@pytest.fixture
def on_server(batches, server, monkeypatch):
    """Return a function that puts an archive of other members beside the batches on the server."""

    def serve(others=(), without=()):
        members = {f"{FOLDER}/{name}": data for name, data in batches.items() if name not in without}
        data = as_archive({**dict(others), **members})
        server.files["cifar-10-binary.tar.gz"] = data
        monkeypatch.setattr(cifar10, "DOWNLOAD", len(data))
        monkeypatch.setattr(cifar10, "ARCHIVE_MD5", hashlib.md5(data).hexdigest())
        monkeypatch.setattr(cifar10, "URL", f"{server.url}/cifar-10-binary.tar.gz")
        return server

    return serve


def names(folder):
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def expected(batches, split):
    """Pixels and labels of a split, image by image and colour by colour."""
    data = b"".join(batches[name] for name in batches if (name == "test_batch.bin") == (split == "test"))
    records = [data[start : start + 3073] for start in range(0, len(data), 3073)]
    records = {"train": records[:28], "valid": records[28:], "test": records}[split]
    pixels = np.empty((len(records), 32, 32, 3), np.uint8)
    for image, record in zip(pixels, records):
        for colour in range(3):
            image[:, :, colour] = np.frombuffer(record, np.uint8, 1024, 1 + 1024 * colour).reshape(32, 32)
    return pixels, [record[0] for record in records]


@pytest.mark.parametrize(("split", "count"), [("train", 28), ("valid", 2), ("test", 6)])
def test_batches_in_place_are_read(in_place, split, count):
    pixels, known = expected(in_place, split)
    images, labels = datasets.load("cifar10", split)
    assert images.shape == (count, 32, 32, 3) and images.dtype == np.float32
    assert labels.shape == (count,) and labels.dtype == np.int64
    assert np.array_equal(images, pixels / np.float32(255)) and labels.tolist() == known
    raw = datasets.raw("cifar10", split)
    assert raw.dtype == np.uint8 and not raw.flags.writeable and np.array_equal(raw, pixels)
    assert np.array_equal(datasets.augment("cifar10", raw[1:], np.random.default_rng(0)), images[1:])
    first = datasets.load("cifar10", split, 1)
    assert np.array_equal(first.images, images[:1]) and np.array_equal(first.labels, labels[:1])


def test_the_archive_is_downloaded_and_only_the_batches_unpacked(on_server, batches, root):
    others = {"../outside": b"1", f"/{root}/absolute": b"2", f"{FOLDER}/readme.html": b"3", f"{FOLDER}/link": "/etc"}
    server = on_server(others)
    assert not cifar10.is_here()
    datasets.fetch("cifar10")
    unpacked = [f"{FOLDER}/{name}" for name in batches]
    assert names(root.parent) == sorted(f"data/{name}" for name in ["cifar-10-binary.tar.gz", *unpacked])
    assert cifar10.is_here() and len(datasets.verify("cifar10")) == 6
    for name, data in batches.items():
        assert cifar10.path(name).read_bytes() == data
    cifar10.archive().unlink()
    datasets.fetch("cifar10")
    assert len(server.asked) == 1  # nothing was asked for twice


def test_a_batch_that_is_missing_is_unpacked_again(on_server, batches):
    server = on_server()
    datasets.fetch("cifar10")
    cifar10.path("data_batch_3.bin").unlink()
    assert np.array_equal(datasets.raw("cifar10", "train"), expected(batches, "train")[0])
    assert len(server.asked) == 1


def test_a_link_is_no_batch(on_server, root):
    on_server({f"{FOLDER}/test_batch.bin": "/etc/hostname"}, without=["test_batch.bin"])
    with pytest.raises(
        DatasetError, match=r"cifar-10-binary.tar.gz lacks cifar-10-batches-bin/test_batch.bin: delete it and run"
    ):
        datasets.fetch("cifar10")
    assert not (root / FOLDER / "test_batch.bin").exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-1], r"test_batch.bin holds 18,437 bytes, not 18,438: delete it and run `python"),
        (lambda data: data + b"1", r"test_batch.bin holds 18,439 bytes, not 18,438"),
        (lambda data: b"", r"test_batch.bin holds 0 bytes, not"),
        (lambda data: data[::-1], r"test_batch.bin is not the published file \(its MD5 differs\): delete it"),
    ],
)
def test_a_damaged_batch_is_named_and_left_alone(in_place, damage, said):
    path, damaged = cifar10.path("test_batch.bin"), damage(in_place["test_batch.bin"])
    path.write_bytes(damaged)
    assert len(datasets.raw("cifar10", "valid")) == 2  # the others are as good as before
    for use in (
        lambda: datasets.load("cifar10", "test"),
        lambda: datasets.fetch("cifar10"),
        lambda: datasets.verify("cifar10"),
    ):
        with pytest.raises(DatasetError, match=said) as error:
            use()
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert path.read_bytes() == damaged


def test_a_batch_that_is_a_folder(in_place):
    cifar10.path("test_batch.bin").unlink()
    cifar10.path("test_batch.bin").mkdir()
    with pytest.raises(DatasetError, match=r"test_batch.bin cannot be read \(Is a directory\)$"):
        datasets.load("cifar10", "test")


@pytest.mark.parametrize("damage", [lambda data: data[:60_000], lambda data: data[:5], lambda data: b"no archive"])
@pytest.mark.parametrize("known", [True, False])
def test_a_damaged_archive_is_named_and_left_alone(on_server, monkeypatch, damage, known):
    """It is refused by its MD5, and what is damaged would be one line even with the right one."""
    damaged = damage(on_server().files["cifar-10-binary.tar.gz"])
    cifar10.archive().parent.mkdir(parents=True)
    cifar10.archive().write_bytes(damaged)
    if known:
        monkeypatch.setattr(cifar10, "ARCHIVE_MD5", hashlib.md5(damaged).hexdigest())
    said = "cannot be read" if known else "MD5 differs"
    with pytest.raises(DatasetError, match=rf"cifar-10-binary.tar.gz .*{said}.*: delete it and run") as error:
        datasets.load("cifar10", "test")
    assert "\n" not in str(error.value)
    assert cifar10.archive().read_bytes() == damaged


def test_verify_does_not_download(on_server):
    server = on_server()
    with pytest.raises(DatasetError, match=r"data_batch_1.bin is not there: run `python -m draw_np datasets fetch"):
        datasets.verify("cifar10")
    assert server.asked == []


def test_the_real_photographs(real_root, root):
    """Known counts, classes and floor; red comes before blue: the sky is more blue than red."""
    if not (real_root / FOLDER).exists():
        pytest.skip("the real batches are not in place: python -m draw_np datasets fetch cifar10")
    root.mkdir()
    (root / FOLDER).symlink_to(real_root / FOLDER)
    assert len(datasets.raw("cifar10", "train")) == cifar10.COUNTS["train"] == 45_000
    images, labels = datasets.load("cifar10", "valid")
    assert len(images) == len(labels) == cifar10.COUNTS["valid"] == 5_000
    assert np.array_equal(np.bincount(datasets.load("cifar10", "test").labels), [1000] * 10)
    top = images[labels == 0, :8].mean(axis=(0, 1, 2))  # aeroplanes
    assert top[2] > top[0]
    assert datasets.floor(images) == pytest.approx(1684.96, abs=0.01)
    assert datasets.floor(images[:500]) == pytest.approx(1673.09, abs=0.01)
