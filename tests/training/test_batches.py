"""The order of training: every image once an epoch, and a place to take it up again."""

import json

import numpy as np
import pytest

from draw_np import datasets
from draw_np.training.batches import Endless, Shuffled

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
    return Endless("two-digit-mnist", 3, np.random.default_rng(seed))


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
    with pytest.raises(ValueError, match="a batch of 24 is more than the 23 training images"):
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
    batches = Endless("cluttered-mnist", 3, np.random.default_rng(0))
    first, second = batches.next(side=48, distractors=2), batches.next()
    assert first.images.shape == (3, 48, 48) and second.images.shape == (3, 100, 100)
    assert same(first, datasets.sample("cluttered-mnist", np.random.default_rng(0), 3, side=48, distractors=2))


def test_endless_images_are_made_from_training_digits_anew():
    batches = endless()
    assert batches.per_epoch == 50_000 // 3
    first, second = batches.next(), batches.next()
    assert first.images.shape == (3, 60, 60) and first.images.dtype == np.float32 and first.labels.shape == (3, 2)
    expected = datasets.sample("two-digit-mnist", np.random.default_rng(0), 3, "train")
    assert same(first, expected) and not np.array_equal(first.images, second.images)
