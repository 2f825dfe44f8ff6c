"""House numbers in .npy files: mapped into memory, cut into pieces, never a pickle, fewer than the whole set too."""

import io

import numpy as np
import pytest

from draw_np import cli, datasets
from draw_np.datasets import DatasetError, svhn

COUNTS = {"train": 7, "valid": 3, "test": 5}


@pytest.fixture
def pixels(root):
    """Return made-up pictures, uint8 (count, 64, 64, 3), written where the loader looks."""
    rng = np.random.default_rng(0)
    pixels = {split: rng.integers(256, size=(count, 64, 64, 3), dtype=np.uint8) for split, count in COUNTS.items()}
    svhn.folder().mkdir(parents=True)
    for split in pixels:
        np.save(svhn.path(split), pixels[split])
    return pixels


@pytest.mark.parametrize("split", datasets.SPLITS)
def test_load_gives_the_centre(pixels, split):
    images, labels = datasets.load("svhn", split)
    assert images.shape == (COUNTS[split], 54, 54, 3) and images.dtype == np.float32 and labels is None
    assert np.array_equal(images, pixels[split][:, 5:-5, 5:-5] / np.float32(255))
    assert np.array_equal(datasets.load("svhn", split, 2).images, images[:2])
    assert np.array_equal(datasets.centres("svhn", datasets.raw("svhn", split)), images)


def test_labels_are_the_digits_where_they_are_here(pixels):
    digits = np.random.default_rng(1).integers(11, size=(COUNTS["valid"], 5), dtype=np.uint8)
    np.save(svhn.digits_path("valid"), digits)
    images, labels = datasets.load("svhn", "valid")
    assert labels.dtype == np.int64 and np.array_equal(labels, digits) and len(images) == len(labels)
    assert np.array_equal(datasets.load("svhn", "valid", 2).labels, digits[:2])
    assert datasets.load("svhn", "test").labels is None
    lines = datasets.verify("svhn")
    assert [" digits in valid_digits.npy;" in line for line in lines] == [False, True, False]
    assert [", no digits beside it;" in line for line in lines] == [True, False, True]


def test_raw_pixels_are_mapped_and_read_only(pixels):
    raw = datasets.raw("svhn", "train")
    assert isinstance(raw, np.memmap) and not raw.flags.writeable
    assert raw.dtype == np.uint8 and np.array_equal(raw, pixels["train"])


def test_crops_begin_where_they_are_told(pixels):
    rows, columns = np.array([0, 10, 3]), np.array([10, 2, 0])
    pieces = svhn.crops(pixels["valid"], rows, columns)
    assert pieces.dtype == np.float32
    for picture, row, column, piece in zip(pixels["valid"], rows, columns, pieces, strict=True):
        for y, x in ((0, 0), (53, 0), (17, 53)):
            assert np.array_equal(piece[y, x], picture[row + y, column + x] / np.float32(255))


@pytest.mark.parametrize("place", [-1, 11])
def test_a_crop_that_leaves_the_picture_is_refused(pixels, place):
    for rows, columns in ((place, 0), (0, place)):
        with pytest.raises(ValueError, match="begins at row and column 0 to 10"):
            svhn.crops(pixels["valid"], np.full(3, rows), np.full(3, columns))


def test_training_sees_every_place_equally_often_and_the_seed_decides():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :, 0], picture[:, :, 1] = np.arange(64)[:, None], np.arange(64)
    batch = np.broadcast_to(picture, (1_210, 64, 64, 3))
    first = datasets.augment("svhn", batch, np.random.default_rng(0))
    places = np.round(255 * first[:, 0, 0, :2]).astype(int)  # row and column of each corner
    seen = np.bincount(places @ [11, 1], minlength=121)
    assert len(seen) == 121 and np.sum((seen - 10) ** 2 / 10) < 180.8  # chi-squared of 120 degrees, p = 0.0003
    few = batch[:50]
    again, other = (datasets.augment("svhn", few, np.random.default_rng(seed)) for seed in (0, 1))
    assert np.array_equal(again, datasets.augment("svhn", few, np.random.default_rng(0)))
    assert again.shape == (50, 54, 54, 3) and again.dtype == np.float32 and not np.array_equal(again, other)


def test_fewer_than_the_whole_set_are_taken_and_said(pixels, capsys):
    row = next(row for row in datasets.listing() if row.name == "svhn")
    assert row.here and row.images == COUNTS and row.whole == svhn.COUNTS
    assert row.bytes == sum(svhn.path(split).stat().st_size for split in COUNTS)
    assert cli.main(["datasets", "list"]) == 0
    assert "images: train 7 of 231,053, valid 3 of 4,701, test 5 of 13,068\n" in capsys.readouterr().out
    assert datasets.verify("svhn")[0].startswith("train.npy: 7 of 231,053 images")


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(array):
    file = io.BytesIO()
    np.savez(file, array)
    return file.getvalue()


BOMB = np.empty(1, object)
BOMB[0] = {"never": "unpickled"}
GOOD = npy(np.zeros((2, 64, 64, 3), np.uint8))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (npy(np.zeros((2, 64, 64, 3), np.float32)), r"holds float32 of shape \(2, 64, 64, 3\), not uint8"),
        (npy(np.zeros((2, 64, 64, 3), np.int8)), "holds int8"),
        (npy(np.zeros((2, 3, 64, 64), np.uint8)), r"of shape \(2, 3, 64, 64\), not uint8 of \(count, 64, 64, 3\)"),
        (npy(np.zeros((64, 64, 3), np.uint8)), r"of shape \(64, 64, 3\)"),
        (npy(np.zeros((0, 64, 64, 3), np.uint8)), r"of shape \(0, 64, 64, 3\)"),
        (npy(np.uint8(3)), r"of shape \(\)"),
        (npy(BOMB), "cannot be read as an array"),
        (npz(np.zeros((2, 64, 64, 3), np.uint8)), "holds several arrays"),
        (GOOD[:-1], "cannot be read as an array"),
        (GOOD[:100], "cannot be read as an array"),
        (GOOD.replace(b"}", b" "), "cannot be read as an array"),  # NumPy raises a TokenError
        (b"", "cannot be read as an array"),
        (b"PK\3\4 no zip", "cannot be read as an array"),
        (b"no array", "cannot be read as an array"),
    ],
)
def test_a_bad_file_is_named_and_left_alone(pixels, data, said):
    path = svhn.path("test")
    path.write_bytes(data)
    for use in (datasets.load, datasets.raw):
        with pytest.raises(DatasetError, match=rf"{said}.*: delete it and run `python") as error:
            use("svhn", "test")
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(DatasetError, match=said):
        datasets.verify("svhn")
    assert not svhn.is_here() and path.read_bytes() == data
    assert len(datasets.raw("svhn", "valid")) == 3  # the others are as good as before


FEW = np.full((COUNTS["test"], 5), 10, np.uint8)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (npy(FEW.astype(np.int64)), r"holds int64 of shape \(5, 5\), not uint8 of \(count, 5\)"),
        (npy(FEW[:, :4]), r"of shape \(5, 4\)"),
        (npy(FEW[:0]), r"of shape \(0, 5\)"),
        (npy(FEW[:4]), "has 4 numbers for 5 images"),
        (npy(FEW + np.uint8(1)), "holds a digit 11, not 0 to 10"),
        (npy(FEW)[:-1], "cannot be read as an array"),
        (npz(FEW), "holds several arrays"),
        (b"", "cannot be read as an array"),
    ],
)
def test_bad_digits_are_named_and_left_alone(pixels, data, said):
    path = svhn.digits_path("test")
    path.write_bytes(data)
    for use in (lambda: datasets.load("svhn", "test"), lambda: datasets.fetch("svhn"), lambda: datasets.verify("svhn")):
        with pytest.raises(DatasetError, match=rf"{said}.*: delete it to go without labels, or ") as error:
            use()
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert path.read_bytes() == data
    assert len(datasets.raw("svhn", "test")) == 5 and len(datasets.load("svhn", "train").images) == 7


def test_an_absent_file_says_how_to_fetch_it():
    with pytest.raises(DatasetError, match=r"train.npy is not there: run `python -m draw_np datasets fetch svhn`"):
        datasets.load("svhn", "train")


def test_the_real_pictures(real_root, root):
    if not (real_root / "svhn" / "valid.npy").exists():
        pytest.skip("the real pictures are not in place: python -m draw_np datasets fetch svhn")
    root.mkdir()
    (root / "svhn").symlink_to(real_root / "svhn")
    images = datasets.load("svhn", "valid", 1000).images
    assert datasets.floor(images) == pytest.approx(
        5062.1, abs=30
    )  # the first 1,000 of train and test have 5,074.2 and 5,060.7
