"""The public face: names, splits, what is endless and what is fixed, and errors of one line."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

from draw_np import datasets
from draw_np.datasets import DatasetError

ENDLESS = ("two-digit-mnist", "cluttered-mnist")


def test_the_names():
    assert datasets.NAMES == ("mnist", "binarized-mnist", "two-digit-mnist", "cluttered-mnist", "cifar10", "svhn")
    assert tuple(name for name in datasets.NAMES if datasets.is_endless(name)) == ENDLESS


@pytest.mark.parametrize(
    "use",
    [
        lambda name: datasets.load(name, "test"),
        lambda name: datasets.sample(name, np.random.default_rng(0), 1),
        datasets.is_endless,
        datasets.fetch,
        datasets.verify,
    ],
)
def test_an_unknown_name_gets_the_nearest_and_all_the_known(use):
    with pytest.raises(DatasetError, match="did you mean 'binarized-mnist'") as error:
        use("binarised_mnist")
    assert all(name in str(error.value) for name in datasets.NAMES) and "\n" not in str(error.value)
    for name in ("", "imagenet?", None, 3, ["mnist"], np.array(["mnist", "mnist"]), np.zeros((3, 2))):
        with pytest.raises(DatasetError, match="unknown data set") as error:
            use(name)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", datasets.NAMES)
def test_an_unknown_split_gets_the_nearest_and_all_the_known(name):
    with pytest.raises(DatasetError, match=r"did you mean 'valid'\?\): there are train, valid, test"):
        datasets.load(name, "validation")


@pytest.mark.parametrize("name", ENDLESS)
def test_training_images_are_made_without_end(name):
    with pytest.raises(DatasetError, match=rf"{name}'s training images are made without end: take valid or test"):
        datasets.load(name, "train")
    rng = np.random.default_rng(0)
    first, second = datasets.sample(name, rng, 20), datasets.sample(name, rng, 20)
    again = datasets.sample(name, np.random.default_rng(0), 20)
    assert not np.array_equal(first.images, second.images)
    assert np.array_equal(first.images, again.images) and np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.images, datasets.sample(name, np.random.default_rng(1), 20).images)
    assert first.images.min() == 0 and first.images.max() == 1  # exactly: sums are made in whole numbers


@pytest.mark.parametrize("name", ENDLESS)
def test_validation_and_test_are_fixed(name):
    """Their hashes are written down, so that they are the same on every machine and in every year."""
    checked = datasets.verify(name)
    for split in ("valid", "test"):
        assert f"{name} {split}: SHA-256 of images and labels as known" in checked


@pytest.mark.parametrize("name", ENDLESS)
def test_validation_and_test_differ_and_are_in_bounds(name):
    valid, test = datasets.load(name, "valid"), datasets.load(name, "test")
    for images, labels in (valid, test):
        assert len(images) == len(labels) == 10_000
        assert images.min() == 0 and images.max() == 1
        assert np.array_equal(np.unique(labels), np.arange(10))
    assert not np.array_equal(valid.labels, test.labels)


def test_verify_says_so_when_the_random_numbers_are_others(monkeypatch):
    monkeypatch.setattr(datasets, "FIXED_SEEDS", {"valid": 1, "test": 2})
    with pytest.raises(DatasetError, match="valid images of two-digit-mnist come out otherwise"):
        datasets.verify("two-digit-mnist")


@pytest.mark.parametrize("name", ["mnist", "binarized-mnist", "cifar10", "svhn"])
def test_a_fixed_set_cannot_be_sampled(name):
    with pytest.raises(DatasetError, match=rf"{name} is a fixed set: use load\('{name}', 'test'\)"):
        datasets.sample(name, np.random.default_rng(0), 3, "test")


@pytest.mark.parametrize(
    ("rng", "count", "said"),
    [
        (0, 3, "rng is a int: pass a Generator"),
        (np.random.RandomState(0), 3, "rng is a RandomState"),
        (np.random.default_rng(0), 0, "count is 0"),
        (np.random.default_rng(0), -1, "count is -1"),
        (np.random.default_rng(0), 2.5, "count is 2.5: pass a whole number, 1 or more"),
        (np.random.default_rng(0), True, "count is True"),
        (np.random, 3, "rng is a module"),
        (None, 3, "rng is a NoneType"),
    ],
)
def test_a_bad_generator_or_count(rng, count, said):
    with pytest.raises(DatasetError, match=said):
        datasets.sample("cluttered-mnist", rng, count)


@pytest.mark.parametrize(
    "name, options",
    [
        ("two-digit-mnist", {"digits": 1, "spread": 50, "staged": True}),
        ("cluttered-mnist", {"side": 250, "distractors": 3}),
    ],
)
def test_numbers_may_be_numpy_s_of_eight_bits(name, options):
    """In which 250 + 28 is 22."""
    kinds = {int: np.uint8, bool: np.bool_}
    found, expected = (
        datasets.sample(name, np.random.default_rng(0), count, "valid", **chosen)
        for count, chosen in (
            (np.uint8(2), {key: kinds[type(value)](value) for key, value in options.items()}),
            (2, options),
        )
    )
    assert all(np.array_equal(*pair) for pair in zip(found, expected))
    assert len(datasets.load(name, "valid", np.uint8(2)).images) == 2


@pytest.mark.parametrize("name", ["mnist", "two-digit-mnist", "cluttered-mnist"])
def test_the_first_images_only(name):
    every, first = datasets.load(name, "valid"), datasets.load(name, "valid", 3)
    assert np.array_equal(first.images, every.images[:3]) and np.array_equal(first.labels, every.labels[:3])
    for count in (0, -1, 2.5):
        with pytest.raises(DatasetError, match="pass a whole number, 1 or more"):
            datasets.load(name, "valid", count)


@pytest.mark.parametrize(
    ("name", "use"), [("mnist", "load"), ("binarized-mnist", "load"), ("cluttered-mnist", "sample")]
)
def test_only_colour_sets_have_raw_pixels(name, use):
    assert not datasets.is_raw(name) and datasets.is_raw("cifar10") and datasets.is_raw("svhn")
    few = np.zeros((1, 2, 2, 3))
    for ask in (
        lambda: datasets.raw(name, "test"),
        lambda: datasets.augment(name, few, None),
        lambda: datasets.centres(name, few),
    ):
        with pytest.raises(DatasetError, match=rf"{name} has no raw pixels: use {use}\('{name}', ...\)"):
            ask()


def test_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("DRAW_NP_DATA", str(tmp_path))
    assert datasets.data_root() == tmp_path
    monkeypatch.setenv("DRAW_NP_DATA", "")
    assert datasets.data_root() == Path.home() / ".cache" / "draw_np"


@pytest.mark.parametrize("named", ["~nosuchuser/x", "~nosuchuser", ""])
def test_no_home_folder_is_one_line(monkeypatch, named):
    """As for a process whose user has no entry and no HOME."""
    monkeypatch.setenv("DRAW_NP_DATA", named)
    if not named:
        monkeypatch.delenv("HOME", raising=False)
        monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as os.path does where it finds none
    for use in (datasets.data_root, lambda: datasets.fetch("binarized-mnist")):
        with pytest.raises(
            DatasetError, match="home folder in ~.* is not known: name a folder in DRAW_NP_DATA"
        ) as error:
            use()
        assert "\n" not in str(error.value)
    assert len(datasets.load("binarized-mnist", "test").images) == 10_000  # ships, so needs no such folder


def test_the_listing_is_true_of_an_empty_data_folder(root):
    rows = {row.name: row for row in datasets.listing()}
    assert tuple(rows) == datasets.NAMES
    assert [row.here for row in rows.values()] == [True, True, True, True, False, False]
    for name, files in (("mnist", "*.gz"), ("binarized-mnist", "*.npz")):
        assert rows[name].bytes == sum(path.stat().st_size for path in rows[name].path.glob(files)) > 0
    assert rows["cluttered-mnist"].images == {"train": None, "valid": 10_000, "test": 10_000}
    assert all(row.whole == row.images for row in rows.values())
    assert rows["svhn"].images == {"train": 231_053, "valid": 4_701, "test": 13_068}
    assert "CC BY-SA 3.0" in rows["mnist"].licence and "none stated" in rows["binarized-mnist"].licence
    assert not root.exists()  # looking changes nothing


@pytest.mark.parametrize("name", ["mnist", *ENDLESS])
def test_fetching_what_ships_does_nothing(name, root):
    datasets.fetch(name)
    assert not root.exists()


def test_the_package_knows_numpy_and_itself_only():
    others = {"numpy", "requests", "tqdm", "PIL", "h5py"}
    inside = {f"draw_np.{part}" for part in ("cores", "counts", "datasets", "files", "names")}
    allowed = {*others, *inside, *sys.stdlib_module_names}
    for path in Path(datasets.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                top = ".".join(name.split(".")[:2]) if name.startswith("draw_np") else name.split(".")[0]
                assert top in allowed, f"{path.name} imports {name}"


@pytest.mark.parametrize("name", ["two-digit-mnist", "cluttered-mnist"])
def test_options_that_sample_does_not_have(name):
    rng = np.random.default_rng(0)
    for wrong in ({"sdie": 3}, {"split_": "train"}, {"images": []}):
        with pytest.raises(DatasetError, match=f"{name} has no option '{[*wrong][0]}': there are "):
            datasets.sample(name, rng, 2, **wrong)
    for generator in (np.random.RandomState(0), None, 0):
        with pytest.raises(DatasetError, match="pass a Generator"):
            datasets.sample(name, generator, 2)


@pytest.mark.parametrize("name, side", [("cifar10", 32), ("svhn", 64)])
def test_what_cannot_be_augmented(name, side):
    pixels, rng = np.zeros((2, side, side, 3), np.uint8), np.random.default_rng(0)
    for generator in (np.random.RandomState(0), None, 0):
        with pytest.raises(DatasetError, match="pass a Generator"):
            datasets.augment(name, pixels, generator)
    for use in (lambda wrong: datasets.augment(name, wrong, rng), lambda wrong: datasets.centres(name, wrong)):
        for wrong in (pixels.tolist(), pixels / 2, None):
            with pytest.raises(DatasetError, match="pass an array of uint8"):
                use(wrong)
        for wrong in (pixels[0], pixels[:, 1:], pixels[..., 0], pixels[0, 0, 0, 0]):
            with pytest.raises(DatasetError, match=rf"pass some of raw\('{name}', ...\), \(batch, {side}, {side}, 3\)"):
                use(wrong)
        assert len(use(pixels)) == 2
