"""The order of training: every image once an epoch, and a place to take it up again."""

import json
import tracemalloc
from functools import partial

import numpy as np
import pytest

from draw_np import datasets
from draw_np.datasets import svhn
from draw_np.models import glimpse_classifier, vae
from draw_np.training.batches import Endless, Shuffled
from draw_np.training.data import Images, Made, named, prepare
from draw_np.training.recipe import Phase, Recipe, Run

COUNT, BATCH = 23, 5  # four batches an epoch; three images are left out


def numbered(count=COUNT, dtype=np.float32):
    """Images that carry their number: image n is n everywhere."""
    return np.broadcast_to(np.arange(count, dtype=dtype)[:, None, None], (count, 8, 7)).copy()


def numbers(batch):
    batch, labels = batch
    assert labels is None
    assert batch.shape[1:] == (8, 7) and (batch == batch[:, :1, :1]).all()
    return batch[:, 0, 0].astype(int).tolist()


def same(one, other):
    """Whether two batches have the same images and the same labels, or both none."""
    return np.array_equal(one.images, other.images) and np.array_equal(one.labels, other.labels)


def shuffled(seed=0):
    return Shuffled(numbered(), BATCH, np.random.default_rng(seed))


def endless(seed=0):
    return Endless(partial(datasets.sample, "two-digit-mnist"), 3, np.random.default_rng(seed))


def test_each_image_once_an_epoch_in_a_new_order():
    batches, epochs = shuffled(), []
    assert batches.per_epoch == 4
    for _ in range(30):
        epoch = [batches.next() for _ in range(4)]
        assert all(len(batch.images) == BATCH for batch in epoch)
        order = [n for batch in epoch for n in numbers(batch)]
        assert len(set(order)) == 20
        epochs.append(order)
    assert len({tuple(order) for order in epochs}) == 30
    assert set().union(*epochs) == set(range(COUNT))  # it is not always the same three that are left out


def test_an_epoch_may_be_one_batch_or_come_out_even():
    one = Shuffled(numbered(), COUNT, np.random.default_rng(0))
    assert one.per_epoch == 1 and sorted(numbers(one.next())) == sorted(numbers(one.next())) == list(range(COUNT))
    even = Shuffled(numbered(20), BATCH, np.random.default_rng(0))
    assert sorted(n for _ in range(4) for n in numbers(even.next())) == list(range(20))


def test_more_than_there_are_is_refused():
    with pytest.raises(datasets.DatasetError, match="a batch of 24 is more than the 23 training images: use a smaller"):
        Shuffled(numbered(), 24, np.random.default_rng(0))


def test_batches_are_float32_and_not_windows_on_the_images():
    for dtype in (np.uint8, np.float64, np.float32):
        images = numbered(dtype=dtype)
        batch = Shuffled(images, BATCH, np.random.default_rng(0)).next().images
        assert batch.dtype == np.float32
        batch[:] = -1
        assert np.array_equal(images, numbered(dtype=dtype))


@pytest.mark.parametrize("make", [shuffled, endless])
def test_the_seed_decides_and_nothing_else(make):
    def first(seed):
        batches = make(seed)
        return [batches.next() for _ in range(6)]

    one = first(0)
    np.random.seed(5)  # noqa: NPY002 - the global generator must not matter
    assert all(same(a, b) for a, b in zip(one, first(0)))
    assert not same(one[0], first(1)[0])


@pytest.mark.parametrize("make", [shuffled, endless])
@pytest.mark.parametrize("done", range(10))  # the middle, the end and the beginning of an epoch
def test_taken_up_again_anywhere(make, done):
    batches = make()
    for _ in range(done):
        batches.next()
    saved = json.dumps(batches.state())
    following = [batches.next() for _ in range(9)]
    again = make(seed=99)  # whose generator stands elsewhere
    again.next()
    again.restore(json.loads(saved))
    assert json.dumps(again.state()) == saved
    assert all(same(a, again.next()) for a in following)


def test_a_place_counts_images_whatever_the_batch():
    """What was seen of the epoch is not seen again by one that goes on with batches of another size."""
    batches = shuffled()
    seen = [n for _ in range(2) for n in numbers(batches.next())]
    again = Shuffled(numbered(), 3, np.random.default_rng(99))
    again.restore(json.loads(json.dumps(batches.state())))
    rest = [n for _ in range(4) for n in numbers(again.next())]  # 13 images are left for batches of 3
    assert len({*seen, *rest}) == 22
    assert len({n for _ in range(7) for n in numbers(again.next())}) == 21  # a new epoch


@pytest.mark.parametrize("place", [-1, 24, 2.0, None, True])
def test_a_place_that_is_none(place):
    batches = shuffled()
    with pytest.raises(ValueError, match="^after image .*, and there are [0-9,]+ now$"):
        batches.restore({**batches.state(), "place": place})


def a_run(data, **recipe):
    return Run("small", "vae", vae.Config(8, 7), data, Recipe((Phase(1, 0.1),), **{"batch": 4, **recipe}))


def prepared(run, data_rng, mean_rng):
    """The batches of a run, what it validates on, and the mean of its training images."""
    data, batches, valid = prepare(run, data_rng)
    return batches, valid, data.mean(mean_rng)


def test_images_of_one_s_own_are_floats_or_bytes():
    floats_of, bytes_of = numbered(dtype=np.float32) / np.float32(255), numbered(dtype=np.uint8)
    for train in (floats_of, bytes_of):
        run = a_run(Images(train, train[:9]), images=20, validation_images=5)
        batches, valid, mean = prepared(run, np.random.default_rng(0), np.random.default_rng(1))
        assert valid.labels is None and np.array_equal(valid.images, floats_of[:5]) and valid.images.dtype == np.float32
        np.testing.assert_allclose(mean, floats_of[:20].mean(axis=0), rtol=1e-6)
        assert batches.per_epoch == 5
        found = np.concatenate([batches.next().images for _ in range(5)])
        assert found.dtype == np.float32 and sorted(found[:, 0, 0]) == sorted(floats_of[:20, 0, 0])


def test_images_may_be_larger_than_memory(tmp_path):
    """Neither their mean nor a batch makes floats of all of them, nor copies them."""
    np.save(tmp_path / "x.npy", np.broadcast_to(np.arange(50, dtype=np.uint8)[:, None, None], (50, 400, 500)))
    train = np.load(tmp_path / "x.npy", mmap_mode="r")
    run = Run("large", "vae", vae.Config(400, 500), Images(train, train[:1]), Recipe((Phase(1, 0.1),), batch=2))
    tracemalloc.start()
    batches, _, mean = prepared(run, np.random.default_rng(0), np.random.default_rng(1))
    batches.next()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < train.nbytes
    np.testing.assert_allclose(mean, 24.5 / 255)


def test_images_may_be_made_out_of_larger_ones():
    """By `augment`, anew at every epoch and the same again after a restart, out of images that stay as they are."""

    def crop(images, rng):
        rows = rng.integers(3, size=len(images))
        return np.stack([image[row : row + 8] for image, row in zip(images, rows)]).astype(np.float32)

    train = np.random.default_rng(0).random((9, 10, 7), np.float32)
    run = a_run(Images(train, train[:2, :8], crop))
    batches, _, mean = prepared(run, np.random.default_rng(0), np.random.default_rng(1))
    assert np.array_equal(mean, crop(train, np.random.default_rng(1)).mean(axis=0))
    first = [batches.next().images for _ in range(3)]
    saved = json.loads(json.dumps(batches.state()))
    following = [batches.next().images for _ in range(5)]
    for image in np.concatenate(first + following):
        assert any(np.array_equal(image, whole[row : row + 8]) for whole in train for row in range(3))
    again, _, _ = prepared(run, np.random.default_rng(7), np.random.default_rng(1))
    again.restore(saved)
    assert all(np.array_equal(expected, again.next().images) for expected in following)


@pytest.mark.parametrize("make", [shuffled, endless])
def test_a_saved_state_does_not_move_on_with_the_batches(make):
    batches = make()
    batches.next()
    state = batches.state()
    before = json.dumps(state)
    for _ in range(6):
        batches.next()
    assert json.dumps(state) == before != json.dumps(batches.state())


def test_endless_images_may_be_made_otherwise():
    batches = Endless(partial(datasets.sample, "cluttered-mnist"), 3, np.random.default_rng(0))
    first, second = batches.next(side=48, distractors=2), batches.next()
    assert first.images.shape == (3, 48, 48) and second.images.shape == (3, 100, 100)
    assert same(first, datasets.sample("cluttered-mnist", np.random.default_rng(0), 3, side=48, distractors=2))


def test_endless_images_are_made_from_training_digits_anew():
    batches = endless()
    assert batches.per_epoch == 50_000 // 3
    assert Endless(None, 7, None, epoch=6).per_epoch == Endless(None, 4, None, epoch=6).per_epoch == 1
    first, second = batches.next(), batches.next()
    assert first.images.shape == (3, 60, 60) and first.images.dtype == np.float32 and first.labels.shape == (3, 2)
    expected = datasets.sample("two-digit-mnist", np.random.default_rng(0), 3, "train")
    assert same(first, expected) and not np.array_equal(first.images, second.images)


FLOATS = numbered() / np.float32(COUNT)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (None, "to_validate must be an array .count, height, width.*got a NoneType"),
        (FLOATS.tolist(), "got a list"),
        (FLOATS[:0], r"got \(0, 8, 7\)"),
        (FLOATS[0], r"got \(8, 7\)"),
    ],
)
def test_images_that_are_none_are_refused_when_they_are_named(wrong, said):
    with pytest.raises(datasets.DatasetError, match=said):
        Images(FLOATS, wrong)
    with pytest.raises(datasets.DatasetError, match=said.replace("to_validate", "train")):
        Images(wrong, FLOATS)


def test_bytes_of_bits_would_be_black():
    bits = (FLOATS > 0.5).astype(np.uint8)
    with pytest.raises(datasets.DatasetError, match="^train holds bytes of 0 and 1 alone, where 255 is white"):
        Images(bits, FLOATS)
    for train in (bits.astype(bool), 255 * bits, 0 * bits):  # black ones are black, either way
        Images(train, FLOATS)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (FLOATS.swapaxes(1, 2), r"images must be of shape \(batch, 8, 7\), got \(23, 7, 8\)"),
        (numbered(), r"images must lie in \[0, 1\], got values from 0.0 to 22.0"),
        (
            np.where(FLOATS > 0.9, np.float32(np.nan), FLOATS),
            r"images must lie in \[0, 1\], got values from nan to nan",
        ),
    ],
)
def test_what_cannot_be_validated_on_is_said_before_the_first_epoch(wrong, said):
    with pytest.raises(datasets.DatasetError, match=f"^small cannot be validated on these images: {said}$"):
        prepare(a_run(Images(FLOATS, wrong)), np.random.default_rng(0))


def test_labels_that_cannot_be_validated_on():
    config = glimpse_classifier.Config(8, 7, steps=2, hidden=6, read_size=2, classes=4)
    data = Made(lambda rng, count: None, datasets.Split(FLOATS, np.arange(COUNT) % 5))
    run = Run("small", "glimpse_classifier", config, data, Recipe((Phase(1, 0.1),), batch=4))
    with pytest.raises(datasets.DatasetError, match="these images: labels must be from 0 to 3, got 0 to 4$"):
        prepare(run, np.random.default_rng(0))


def test_colour_sets_are_learned_from_pieces_of_their_training_pixels(monkeypatch):
    rng = np.random.default_rng(0)
    pixels = {
        split: rng.integers(256, size=(count, 64, 64, 3), dtype=np.uint8)
        for split, count in (("train", 7), ("valid", 5), ("test", 6))
    }
    monkeypatch.setattr(svhn, "raw", pixels.__getitem__)
    monkeypatch.setattr(svhn, "digits", lambda split: None)
    data = named("svhn")
    assert data.train is pixels["train"] and np.array_equal(data.valid.images, svhn.centres(pixels["valid"]))
    assert data.batches(7, np.random.default_rng(0)).next().images.shape == (7, 54, 54, 3)


def test_endless_sets_are_learned_from_training_digits(monkeypatch):
    few = datasets.sample("two-digit-mnist", np.random.default_rng(1), 3, "valid")
    monkeypatch.setattr(datasets, "load", lambda name, split: few if split == "valid" else None)
    found = named("two-digit-mnist").batches(4, np.random.default_rng(0)).next()
    assert same(found, datasets.sample("two-digit-mnist", np.random.default_rng(0), 4, "train"))


def test_the_mean_is_of_all_images_however_many():
    train = np.repeat(np.array([0.0, 1.0], np.float32), 1500)[:, None, None] + np.zeros((1, 8, 7), np.float32)
    np.testing.assert_allclose(Images(train, train[:1]).mean(np.random.default_rng(0)), 0.5)
