"""The loop: the seed decides every bit, whatever stops it, and what cannot go on says why in one line."""

import copy
import dataclasses
import errno
import json
import math
import os
import shlex
import shutil
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest

from draw_np import datasets
from draw_np.datasets import DatasetError, Split
from draw_np.models import draw, glimpse_classifier, vae
from draw_np.training import checkpoint, journal, loop
from draw_np.training import run as run_module
from draw_np.training.checkpoint import CheckpointError
from draw_np.training.evaluation import evaluate_classifier
from draw_np.training.journal import TrainingError
from draw_np.training.loop import train
from draw_np.training.recipe import Phase, Ramp, Recipe, Run
from draw_np.training.run import Folder
from draw_np.training.trees import map_leaves, named_leaves
from draw_np.training.update import RecordedLosses

LENGTH, PER_EPOCH = 15, 5


def metrics(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def without_seconds(rows):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def files(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def assert_one_line(error):
    assert "\n" not in str(error.value)


@pytest.fixture
def stopped(run, kept, tmp_path, at_update):
    """The same run, stopped after update 6."""
    if not (kept / "stopped").exists():
        at_update(6, send(signal.SIGINT))
        assert run(kept / "stopped") is False
    return shutil.copytree(kept / "stopped", tmp_path / "stopped")


@pytest.fixture
def at_update(monkeypatch):
    """Have something done when so many updates have been made from now on: at_update(5, function)."""
    update = loop.update

    def plan(number, function):
        count = iter(range(1, 1000))

        def counting(*args, **kwargs):
            answer = update(*args, **kwargs)
            return function(answer) if next(count) == number else answer

        monkeypatch.setattr(loop, "update", counting)

    return plan


def send(*signals):
    def act(answer):
        for number in signals:
            os.kill(os.getpid(), number)
        return answer

    return act


# A whole run.


def test_what_a_run_leaves_behind(finished, preset, capsys):
    assert sorted(path.name for path in finished.iterdir()) == ["checkpoint.npz", "metrics.jsonl", "weights.npz"]
    trees, meta = checkpoint.load(finished / "checkpoint.npz")
    weights, about = checkpoint.load(finished / "weights.npz")
    assert trees.keys() == {"params", "average", "optimiser"} and weights.keys() == {"params"}
    averages, finals = named_leaves(trees["average"]), named_leaves(trees["params"])
    for name, leaf in named_leaves(weights["params"]).items():
        assert np.array_equal(leaf, averages[name]) and leaf.dtype == np.float32
    assert any(not np.array_equal(averages[name], finals[name]) for name in finals)
    for found in meta, about:
        assert (found["model"], found["preset"], found["seed"]) == ("draw", "small", 0)
        assert found["config"] == dataclasses.asdict(preset.config) and found["dataset"] == "mnist"
        assert found["recipe"].keys() == dataclasses.asdict(preset.recipe).keys()
        assert found["recipe"]["phases"] == repr(preset.recipe.phases) and found["recipe"]["batch"] == "7"
        assert found["length"] == found["update"] == LENGTH and found["phases"] == 3
    params, model, config, _ = checkpoint.load_weights(finished / "weights.npz")
    assert model is draw and config == preset.config


def test_the_metrics_are_complete(finished):
    rows = metrics(finished)
    assert [row["update"] for row in rows] == list(range(1, LENGTH + 1))
    for row in rows:
        assert row["nats"] == pytest.approx(row["L_x"] + row["L_z"]) and row["gradient_norm"] > 0
        assert row["steps"] == (1 if row["update"] <= 6 else 2)
        validated = row["update"] in (*range(2 * PER_EPOCH, LENGTH, 2 * PER_EPOCH), LENGTH)  # 5 updates are too few
        assert ("validation" in row) == ("validation_average" in row) == validated
    seconds = [row["seconds"] for row in rows]
    assert seconds == sorted(seconds) and seconds[-1] > 0
    assert rows[0]["nats"] < 350  # c_0 starts at the mean image, not at grey, which costs 784 ln 2 = 543


def test_the_kl_counts_little_at_first(run, changed, tmp_path):
    """The first update is made with an eighth of L^z, so that it grows faster; what is reported is all of it."""
    rows = []
    for name, kl in ("weighing", 0.125), ("plain", 1.0):
        run(tmp_path / name, changed(phases=(Phase(2, 4e-3, {"steps": 1}, kl=kl),)))
        rows.append(metrics(tmp_path / name))
    (first, second), (first_plain, second_plain) = rows
    assert {k: first[k] for k in ("L_x", "L_z")} == {k: first_plain[k] for k in ("L_x", "L_z")}
    assert second["L_z"] > 1.02 * second_plain["L_z"]


def a_vae(changed, length, **sizes):
    """A vae with a rate that rises and falls."""
    phases = Phase(3, Ramp(0.0, 0.02)), Phase(length - 3, Ramp(0.02, 0.0))
    return changed(model="vae", config=vae.Config(**sizes), phases=phases)


def test_it_learns(run, changed, tmp_path):
    run(tmp_path / "x", a_vae(changed, 40, hidden=64, latent=5))
    nats = [row["nats"] for row in metrics(tmp_path / "x")]
    assert sum(nats[-5:]) / 5 < sum(nats[:5]) / 5 - 15


def test_validation_is_the_bound_of_the_weights_of_that_moment(run, changed, digits, tmp_path):
    config, valid = vae.Config(hidden=64, latent=5), digits["valid"].images[:16]
    run(tmp_path / "x", a_vae(changed, 20, hidden=64, latent=5), seed=4)
    trees, _ = checkpoint.load(tmp_path / "x" / "checkpoint.npz")
    last = metrics(tmp_path / "x")[-1]
    noise = vae.sample_noise(config, 16, np.random.default_rng(4))  # every time the same
    for key, name in ("validation", "params"), ("validation_average", "average"):
        expected = float(vae.loss(trees[name], config, valid, noise))
        assert last[key] == pytest.approx(expected, abs=2e-3)
    assert abs(last["validation"] - last["validation_average"]) > 0.02


def test_the_same_seed_gives_the_same_bits(run, finished, tmp_path, bits):
    np.random.seed(3)  # noqa: NPY002 - the global generator must not matter
    run(tmp_path / "again", checkpoint_every=5)  # nor how often it is saved
    assert bits(tmp_path / "again") == bits(finished)
    assert without_seconds(metrics(tmp_path / "again")) == without_seconds(metrics(finished))


def test_another_seed_gives_others(run, finished, tmp_path, bits):
    run(tmp_path / "other", seed=1)
    (ours, _), (theirs, _) = bits(finished)["weights.npz"], bits(tmp_path / "other")["weights.npz"]
    assert ours.keys() == theirs.keys() and all(ours[name] != theirs[name] for name in ours)


def test_more_threads_than_images_in_a_batch(run, tmp_path):
    with pytest.raises(TrainingError, match="8 threads are more than the 7 images of a batch") as error:
        run(tmp_path / "x", threads=8)
    assert_one_line(error)
    assert not (tmp_path / "x").exists()


def test_more_threads_than_cores_that_may_be_used(run, tmp_path, monkeypatch):
    """A machine may have more, as under `taskset` or in a container."""
    monkeypatch.setattr(run_module, "usable_cores", lambda: [3, 5])
    with pytest.raises(TrainingError, match="3 threads are more than the 2 cores that this process may use") as error:
        run(tmp_path / "x", threads=3)
    assert_one_line(error)


def test_updates_and_epochs(run, tmp_path):
    for options, length in (({"updates": 3}, 3), ({"epochs": 1}, 5), ({"epochs": 4}, 20)):
        assert run(tmp_path / str(length), **options)
        assert len(metrics(tmp_path / str(length))) == length
        assert "validation" in metrics(tmp_path / str(length))[-1]


def test_how_often_it_is_saved(run, tmp_path, monkeypatch):
    saved, save = [], checkpoint.save

    def recording(path, trees, meta):
        saved.append((path.name, meta["update"], meta["length"]))
        save(path, trees, meta)

    monkeypatch.setattr(checkpoint, "save", recording)
    run(tmp_path / "x", checkpoint_every=6)
    expected = [("checkpoint.npz", update, LENGTH) for update in (0, 6, 12, 15)]
    assert saved == [*expected, ("weights.npz", LENGTH, LENGTH)]


def test_without_an_average_the_weights_are_the_last(run, changed, tmp_path):
    run(tmp_path / "x", changed(average=0.0), updates=3)
    trees, _ = checkpoint.load(tmp_path / "x" / "checkpoint.npz")
    weights, _ = checkpoint.load(tmp_path / "x" / "weights.npz")
    for name, leaf in named_leaves(weights["params"]).items():
        assert np.array_equal(leaf, named_leaves(trees["params"])[name])


# Stopped and resumed.


@pytest.mark.parametrize(
    "update, number",
    [(1, signal.SIGINT), (4, signal.SIGTERM), (5, signal.SIGINT), (6, signal.SIGINT), (14, signal.SIGINT)],
)
def test_asked_to_stop_it_saves_and_goes_on_to_the_same_bits(
    run, finished, tmp_path, bits, at_update, capsys, update, number
):
    def unheard(*_):
        pytest.fail("the signal was not for this handler")

    out, before = tmp_path / "x", signal.signal(number, unheard)
    try:
        at_update(update, send(number))
        assert run(out) is False
        assert signal.getsignal(number) is unheard
    finally:
        signal.signal(number, before)
    assert [row["update"] for row in metrics(out)] == list(range(1, update + 1))
    assert not (out / "weights.npz").exists()
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"stopped and saved at update {update} of {LENGTH}; to go on: python -m draw_np train ")
    assert run(out, resume=True) is True
    assert bits(out) == bits(finished)
    assert without_seconds(metrics(out)) == without_seconds(metrics(finished))


def test_the_command_to_go_on_can_be_pasted(run, tmp_path, at_update, capsys):
    at_update(1, send(signal.SIGINT))
    run(tmp_path / "a run; it's mine")
    words = shlex.split(capsys.readouterr().err.splitlines()[-1].partition("to go on: ")[2])
    assert words[words.index("--out") + 1] == str(tmp_path / "a run; it's mine")
    assert words[words.index("--preset") + 1] == "small" and "--resume" in words


@pytest.mark.parametrize("fields", [{"name": "mine"}, {"batch": 6}], ids=str)
def test_a_run_that_no_command_can_name_is_told_the_call(run, changed, tmp_path, at_update, capsys, fields):
    """`--preset small` would go on with another recipe."""
    at_update(1, send(signal.SIGINT))
    assert run(tmp_path / "x", changed(**fields)) is False
    assert capsys.readouterr().err.endswith("; to go on: train(..., resume=True)\n")
    assert run(tmp_path / "x", changed(**fields), resume=True) is True


def test_asked_to_stop_in_the_last_update_it_is_done(run, tmp_path, at_update):
    at_update(LENGTH, send(signal.SIGINT))
    assert run(tmp_path / "x") is True and (tmp_path / "x" / "weights.npz").exists()


def test_asked_twice_it_stops_at_once(run, finished, tmp_path, at_update, bits):
    at_update(7, send(signal.SIGINT, signal.SIGINT))
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "x", checkpoint_every=4)
    assert signal.getsignal(signal.SIGINT) is handler
    assert checkpoint.load(tmp_path / "x" / "checkpoint.npz")[1]["update"] == 4
    assert run(tmp_path / "x", resume=True) and bits(tmp_path / "x") == bits(finished)


def test_stopped_every_few_updates_with_another_length_it_is_that_length_s_run(run, tmp_path, at_update, bits):
    run(tmp_path / "whole", updates=13, seed=5)
    done, out = 0, tmp_path / "pieces"
    while done < 13:
        at_update(4, send(signal.SIGINT))
        complete = run(out, seed=5, updates=None if done else 13, resume=done > 0)  # the length is remembered
        done += 4
        assert complete is (done >= 13)
    assert bits(out) == bits(tmp_path / "whole")


@pytest.mark.parametrize("per_epoch", [1, 2, 3, 7, 9, 10, 11, 97, 390])
def test_of_few_images_validation_is_after_several_epochs(per_epoch):
    """With 256 images, a tenth of them to validate on, and batches of 128 it would else be after every update."""
    interval = loop.validation_interval(SimpleNamespace(per_epoch=per_epoch))
    assert interval % per_epoch == 0 and max(10, per_epoch) <= interval < 10 + per_epoch


def test_phases_with_batches_of_their_own(run, changed, finished, tmp_path, at_update, bits, capsys, monkeypatch):
    """They go on in the order of the images, validate after as many images, and resume to the same bits."""
    monkeypatch.setattr(loop, "FEWEST", 1)
    preset = changed(phases=(Phase(6, 4e-3), Phase(3, 4e-3, batch=11), Phase(6, Ramp(4e-3, 0.0), batch=19)))
    run(tmp_path / "whole", preset)
    assert "15 updates of 7 to 19 images" in capsys.readouterr().err
    validated = [row["update"] for row in metrics(tmp_path / "whole") if "validation" in row]
    assert validated == [5, 9, 10, 12, 14, 15]  # 38 images: every 5 updates, then 3, then 2
    run(tmp_path / "epochs", preset, epochs=2)
    assert len(metrics(tmp_path / "epochs")) == round(2 * 38 * 15 / (6 * 7 + 3 * 11 + 6 * 19))
    for piece in range(4):
        at_update(4, send(signal.SIGINT))
        run(tmp_path / "pieces", preset, resume=piece > 0)
        place = checkpoint.load(tmp_path / "pieces" / "checkpoint.npz")[1]["data"]["place"]
        assert place == (4 * 7, 7 + 2 * 11, 2 * 19, 19)[piece]  # an incomplete batch begins the next epoch
    assert bits(tmp_path / "pieces") == bits(tmp_path / "whole") != bits(finished)


def test_the_bar_counts_what_the_run_takes(run, changed, tmp_path, at_update, monkeypatch):
    """Stopped and gone on with, too: steps of each image, so that the time left is told from them."""
    bars, end = [], journal.Journal.__exit__

    def noted(self, *exception):
        bars.append((self.bar.initial, self.bar.n, self.bar.total))
        end(self, *exception)

    monkeypatch.setattr(journal.Journal, "__exit__", noted)
    preset = changed(phases=(Phase(6, 4e-3, {"steps": 1}), Phase(3, 4e-3), Phase(6, 4e-3, batch=19)))
    at_update(11, send(signal.SIGINT))
    for resume in False, True:
        run(tmp_path / "x", preset, resume=resume)
    done, total = 6 * 7 + 2 * (3 * 7 + 2 * 19), 6 * 7 + 2 * (3 * 7 + 6 * 19)
    assert bars == [(0, done, total), (done, total, total)]


def test_a_run_is_pruned_once_wherever_it_is_stopped(run, changed, tmp_path, at_update, bits):
    first, last = Phase(8, 0.02, {"steps": 1}), Phase(7, 0.01, optimiser="schedule-free", prune=True)
    preset = changed(phases=(first, last), decay=0.1)
    run(tmp_path / "whole", preset)
    for piece in range(4):  # it is pruned before the ninth update, with which the third piece begins
        at_update(4, send(signal.SIGINT))
        run(tmp_path / "pieces", preset, resume=piece > 0)
        meta = checkpoint.load(tmp_path / "pieces" / "checkpoint.npz")[1]
        assert (meta["phases"], meta["units"] is not None) == ((2, True) if piece > 1 else (1, False))
    assert bits(tmp_path / "pieces") == bits(tmp_path / "whole")
    trees, meta = checkpoint.load(tmp_path / "whole" / "checkpoint.npz")
    kept = meta["units"]
    assert 0 < len(kept) < 3 and meta["config"]["latent"] == len(kept)  # so few updates: most are inactive
    for tree in (trees["params"], trees["average"], trees["optimiser"]["mean"], trees["optimiser"]["mean_square"]):
        assert len(tree["decoder"]["W"]) == len(tree["mu"]["b"]) == tree["sigma"]["W"].shape[1] == len(kept)
    params, _, config, _ = checkpoint.load_weights(tmp_path / "whole" / "weights.npz")
    assert config == preset.config  # the file of weights has all units
    assert [row.any() for row in params["decoder"]["W"]] == [unit in kept for unit in range(3)]
    assert np.array_equal(params["decoder"]["W"][kept], trees["average"]["decoder"]["W"])


def test_a_run_may_begin_from_a_smaller_model(run, preset, tmp_path, at_update, bits, monkeypatch):
    config, larger = preset.config, draw.Config(60, 60, steps=3, hidden=8, latent=3, read_size=3, write_size=4)
    small = draw.init_params(config, np.random.default_rng(0))
    phases = (
        Phase(1, 1e-4, {"steps": 2}, {"digits": 1, "spread": Ramp(0, 100)}, optimiser="schedule-free"),
        Phase(1, 1e-4, {"steps": 2}, {"staged": True}, optimiser="schedule-free"),
        Phase(1, 1e-4, {}, {"staged": True}, optimiser="schedule-free"),
        Phase(2, 1e-4, optimiser="schedule-free", frozen=draw.DECODER),
    )
    recipe = Recipe(phases, batch=3, start="small", lstm_clip=0.1)
    preset = Run("larger", "draw", larger, "two-digit-mnist", recipe)
    few = datasets.sample("two-digit-mnist", np.random.default_rng(0), 4, "valid")
    monkeypatch.setattr(datasets, "load", lambda name, split: few)
    with pytest.raises(TrainingError, match="begins from the weights 'small'"):
        run(tmp_path / "none", preset)
    run(tmp_path / "whole", preset, start=(small, config))
    assert [row["steps"] for row in metrics(tmp_path / "whole")] == [2, 2, 3, 3, 3]
    at_update(3, send(signal.SIGINT))
    assert run(tmp_path / "x", preset, start=(small, config)) is False
    at_rest = checkpoint.load(tmp_path / "x" / "checkpoint.npz")[0]["average"]
    assert run(tmp_path / "x", preset, resume=True) is True
    assert bits(tmp_path / "x") == bits(tmp_path / "whole")
    average = checkpoint.load(tmp_path / "x" / "checkpoint.npz")[0]["average"]
    assert 0 < np.abs(average["mu"]["W"] - small["mu"]["W"]).max() < 0.01  # new weights would lie up to 0.7 away
    assert not np.array_equal(average["mu"]["W"], at_rest["mu"]["W"])
    assert np.array_equal(average["decoder"]["W"], at_rest["decoder"]["W"])


def test_the_seed_of_a_resumed_run_is_its_own(run, finished, stopped, bits):
    before = files(stopped)
    with pytest.raises(TrainingError, match="has seed 0, not 77; leave out --seed") as error:
        run(stopped, resume=True, seed=77)
    assert_one_line(error)
    assert files(stopped) == before
    run(stopped, resume=True, seed=0)
    assert bits(stopped) == bits(finished)


def test_a_recipe_that_changed_meanwhile_is_said(run, changed, stopped, capsys):
    run(stopped, resume=True)
    assert "changed since" not in capsys.readouterr().err
    run(stopped, changed(phases=(Phase(15, 0.001),), clip=9.0), resume=True)
    assert "small: the preset's phases, clip changed since; going on as it is now\n" in capsys.readouterr().err


def test_data_that_changed_meanwhile_are_said(run, changed, stopped, capsys):
    run(stopped, changed(data="binarized-mnist"), resume=True)
    assert "small: the preset's data changed since; going on as it is now\n" in capsys.readouterr().err


def test_a_run_goes_on_with_batches_of_another_size(run, changed, stopped, capsys):
    """Its place in the epoch counts images: those of the first batch of the second epoch have been seen."""
    assert checkpoint.load(stopped / "checkpoint.npz")[1]["data"]["place"] == 7
    assert run(stopped, changed(batch=9), resume=True)
    assert "small: the preset's batch changed since; going on as it is now\n" in capsys.readouterr().err
    assert [row["update"] for row in metrics(stopped)] == list(range(1, LENGTH + 1))
    assert checkpoint.load(stopped / "checkpoint.npz")[1]["data"]["place"] == 18  # 16 25 34, 9 18 27 36, 9 18


def test_a_place_beyond_the_images_that_are_left_is_said(run, changed, stopped):
    before = files(stopped)
    with pytest.raises(
        TrainingError, match=r"where in the data .* it was \(after image 7, and there are 6 now\); start a"
    ):
        run(stopped, changed(batch=3, images=6), resume=True)
    assert files(stopped) == before


def test_a_run_may_go_on_with_another_number_of_steps(run, preset, changed, stopped, capsys):
    more = changed(config=dataclasses.replace(preset.config, steps=3))
    assert run(stopped, more, resume=True)
    assert "small: the preset's steps changed since; going on as it is now\n" in capsys.readouterr().err
    assert checkpoint.load(stopped / "weights.npz")[1]["config"]["steps"] == 3


def test_a_complete_run_may_be_resumed_to_no_effect(run, finished, bits):
    before, rows = bits(finished), metrics(finished)
    (finished / "weights.npz").unlink()  # as after a kill between the last checkpoint and the weights
    assert run(finished, resume=True) is True
    assert bits(finished) == before and metrics(finished) == rows


def test_a_complete_run_may_be_made_longer_but_not_shorter(run, finished):
    assert run(finished, resume=True, updates=LENGTH + 2) is True
    assert [row["update"] for row in metrics(finished)] == list(range(1, LENGTH + 3))
    before = files(finished)
    for shorter in ({"updates": 5}, {"epochs": 1}):
        with pytest.raises(TrainingError, match="17") as error:
            run(finished, resume=True, **shorter)
        assert_one_line(error)
    assert files(finished) == before


def test_images_without_end_are_resumed_too(run, preset, tmp_path, at_update, bits, monkeypatch):
    few = datasets.sample("two-digit-mnist", np.random.default_rng(0), 4, "valid")
    monkeypatch.setattr(datasets, "load", lambda name, split: few)
    config = draw.Config(height=60, width=60, steps=2, hidden=8, latent=3, read_size=2, write_size=4)
    endless = Run("endless", "draw", config, "two-digit-mnist", Recipe((Phase(9, Ramp(4e-3, 0.0)),), batch=3))
    run(tmp_path / "whole", endless, updates=5)
    at_update(3, send(signal.SIGINT))
    assert run(tmp_path / "x", endless, updates=5) is False
    assert run(tmp_path / "x", endless, resume=True) is True
    assert bits(tmp_path / "x") == bits(tmp_path / "whole")
    assert [row["update"] for row in metrics(tmp_path / "x")] == [1, 2, 3, 4, 5]


def test_a_classifier_is_resumed_too(run, preset, tmp_path, at_update, bits, monkeypatch):
    few = datasets.sample("cluttered-mnist", np.random.default_rng(0), 20, "valid")
    monkeypatch.setattr(datasets, "load", lambda name, split: few)
    config = glimpse_classifier.Config(steps=2, hidden=8, read_size=5)
    easier = {"height": 48, "width": 48}, {"side": 48, "distractors": 2}
    phases = Phase(2, 1e-3, {"steps": 1, **easier[0]}, easier[1]), Phase(1, 1e-3, *easier), Phase(2, Ramp(1e-3, 0.0))
    recipe = Recipe(phases, batch=3, validation_images=16)
    sides, sample = [], datasets.sample

    def seen(*args, **options):
        sides.append(options.get("side", 100))
        return sample(*args, **options)

    monkeypatch.setattr(datasets, "sample", seen)
    model = Run("classifier", "glimpse_classifier", config, "cluttered-mnist", recipe)
    run(tmp_path / "whole", model)
    assert sides == [100, 48, 48, 48, 100, 100]  # the first for the mean image
    at_update(3, send(signal.SIGINT))
    assert run(tmp_path / "x", model) is False
    assert run(tmp_path / "x", model, resume=True) is True
    assert bits(tmp_path / "x") == bits(tmp_path / "whole")
    rows = metrics(tmp_path / "x")
    assert [row["steps"] for row in rows] == [1, 1, 2, 2, 2]
    assert all(row["nats"] == row["cross_entropy"] for row in rows) and not any("validation" in row for row in rows[:4])
    weights, _, _, _ = checkpoint.load_weights(tmp_path / "x" / "weights.npz")
    found = evaluate_classifier(glimpse_classifier, weights, config, few.images[:16], few.labels[:16])
    assert rows[-1]["validation_average"] == pytest.approx(found.error, abs=1e-3)
    assert rows[-1]["validation_average_nats"] == pytest.approx(found.cross_entropy, abs=1e-4)


def test_a_vae_is_resumed_too(run, changed, tmp_path, at_update, bits):
    model = a_vae(changed, 11, hidden=8, latent=3)
    run(tmp_path / "whole", model)
    at_update(5, send(signal.SIGINT))
    run(tmp_path / "x", model)
    run(tmp_path / "x", model, resume=True)
    assert bits(tmp_path / "x") == bits(tmp_path / "whole")
    assert {row["steps"] for row in metrics(tmp_path / "x")} == {1}
    assert checkpoint.load_weights(tmp_path / "x" / "weights.npz")[1] is vae


# The metrics of a run that was killed.


@pytest.mark.parametrize(
    "torn",
    [
        b'{"update": 9, "steps": 2, "na',
        b'{"update": 9, "nats": 1.0}\n{"upd',
        b"\0\0\0\0\0",
        b"\xff\xfe\xfd garbage",
        b'5\n[1]\nnull\n"x"\n{}\n{"update": "9"}\n\n',
    ],
)
def test_a_torn_last_line_is_repaired(run, finished, stopped, bits, torn):
    with open(stopped / "metrics.jsonl", "ab") as file:
        file.write(torn)
    assert run(stopped, resume=True) is True
    assert without_seconds(metrics(stopped)) == without_seconds(metrics(finished))
    assert bits(stopped) == bits(finished)


ROW = '{"update": %s, "steps": 1, "nats": 1.0, "L_x": 1.0, "L_z": 0.0, "seconds": 0.1}'
NO_ROWS = {
    "half a row": '{"update": 3}',
    "a row again": ROW % 4,
    "a row of before": ROW % 3,
    "a row of another time": ROW % 0,
    "a row below zero": ROW % -1,
    "true for a number": ROW % "true",
    "more than a number": ROW % "1e400",
    "a number of 400 digits": ROW % ("9" * 400),
    "a number of 5,000 digits": ROW % ("9" * 5000),
    "no number": ROW % 3 + ', "x": NaN}',
    "a text in a row": (ROW % 3).replace("1.0", '"\x1b[31m"', 1),
    "990 brackets": "[" * 990 + "]" * 990,
    "100,000 brackets": "[" * 100_000,
    "a long line": "x" * 10**6,
    "a row within a long line": ROW % 3 + " " * 10**6,
}


@pytest.mark.parametrize("kind", NO_ROWS)
def test_metrics_go_on_with_whole_rows_one_an_update(run, finished, stopped, kind):
    lines = (stopped / "metrics.jsonl").read_text().splitlines()
    (stopped / "metrics.jsonl").write_text("\n".join([*lines[:4], NO_ROWS[kind], *lines[4:]]))
    assert run(stopped, resume=True) is True
    assert without_seconds(metrics(stopped)) == without_seconds(metrics(finished))


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")
@pytest.mark.parametrize("name", ["metrics.jsonl", "checkpoint.npz"])
@pytest.mark.parametrize("kind", ["a pipe", "/dev/zero"])
def test_a_file_of_a_run_that_could_be_read_for_ever(run, stopped, name, kind, capsys):
    (stopped / name).unlink()
    os.mkfifo(stopped / name) if kind == "a pipe" else (stopped / name).symlink_to(kind)
    with pytest.raises((TrainingError, CheckpointError), match=f"{name}.*it is no regular file") as error:
        run(stopped, resume=True)
    assert_one_line(error)
    assert "step/s" not in capsys.readouterr().err  # no bar is begun


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_disk_without_room_for_metrics(run, finished, tmp_path, monkeypatch, bits):
    """What is full is told by name, also where it is found when the file is closed."""
    out = tmp_path / "x"
    for every, resume in ((4, False), (100, True)):
        with monkeypatch.context() as patch:
            patch.setattr(journal, "open", lambda *_: open("/dev/full", "a"), raising=False)
            with pytest.raises(TrainingError, match="metrics.jsonl .No space left on device") as error:
                run(out, checkpoint_every=every, resume=resume)
        assert_one_line(error)
        assert sorted(path.name for path in out.iterdir()) == ["checkpoint.npz", "metrics.jsonl"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: raise_(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        with pytest.raises(TrainingError, match="metrics.jsonl .No space left on device"):
            run(out, resume=True)
    assert sorted(path.name for path in out.iterdir()) == ["checkpoint.npz", "metrics.jsonl"]
    assert run(out, resume=True) and bits(out) == bits(finished)


def test_the_fault_that_is_told_is_the_one_that_came_first(run, tmp_path, monkeypatch, at_update):
    """Not the one that the file of metrics meets when it is closed after it."""

    def save(folder, job):
        if job.progress.update:
            raise CheckpointError("x")

    monkeypatch.setattr(journal, "open", lambda *_: open(os.devnull, "a"), raising=False)
    monkeypatch.setattr(journal.Journal, "flush", lambda self: setattr(self, "file", Unwilling()))
    monkeypatch.setattr(Folder, "save", save)
    with pytest.raises(CheckpointError, match="^x$"):
        run(tmp_path / "x")


class Unwilling:
    def close(self):
        raise OSError(errno.ENOSPC, "full")


def raise_(error):
    raise error


def test_lines_after_the_checkpoint_are_written_anew(run, finished, tmp_path, at_update):
    def die(answer):
        raise RuntimeError("as if killed")

    at_update(11, die)
    with pytest.raises(RuntimeError):
        run(tmp_path / "x", checkpoint_every=4)
    assert [row["update"] for row in metrics(tmp_path / "x")] == list(range(1, 11))  # the checkpoint is of update 8
    assert run(tmp_path / "x", resume=True)
    assert without_seconds(metrics(tmp_path / "x")) == without_seconds(metrics(finished))


def test_metrics_that_are_gone_are_no_reason_to_stop(run, stopped):
    (stopped / "metrics.jsonl").unlink()
    assert run(stopped, resume=True)
    assert [row["update"] for row in metrics(stopped)] == list(range(7, LENGTH + 1))


# What is refused.


class Own:
    """Data of one's own, with what may be wrong with its batches."""

    source = "mine"

    def __init__(self, **wrong):
        self.wrong = wrong
        self.valid = Split(np.zeros((4, 28, 28), np.float32), None)

    def mean(self, rng):
        return np.full((28, 28), 0.5)

    def batches(self, batch, rng):
        right = {"batch": batch, "per_epoch": 3, "next": print, "restore": print, "state": dict}
        return SimpleNamespace(**{**right, **self.wrong})


@pytest.mark.parametrize(
    "wrong, words",
    [
        *(
            ({name: None}, f"lack {name}: the docstring of")
            for name in ("batch", "per_epoch", "next", "restore", "state")
        ),
        ({"per_epoch": 0}, "per_epoch must be a whole number of at least 1, got 0"),
        ({"state": lambda: {"place": np.int64(3)}}, "int64 is not JSON"),
        ({"state": lambda: np.zeros(3)}, "ndarray is not JSON"),
    ],
)
def test_batches_of_one_s_own_that_lack_what_training_needs(run, changed, tmp_path, wrong, words):
    with pytest.raises(DatasetError, match=f"small: the batches of mine .*{words}") as error:
        run(tmp_path / "x", changed(data=Own(**wrong), images=None))
    assert_one_line(error)
    assert not (tmp_path / "x").exists()


def test_images_that_are_no_split_are_not_validated_on(changed):
    data = Own()
    data.valid = data.valid.images
    with pytest.raises(ValueError, match="small: data.valid must be a datasets.Split, not array"):
        changed(data=data, images=None)


def test_a_second_run_over_an_old_one(run, finished):
    before = files(finished)
    with pytest.raises(TrainingError, match="already holds a run; add --resume") as error:
        run(finished, seed=1)
    assert_one_line(error)
    assert files(finished) == before


@pytest.mark.parametrize("name", ["weights.npz", "metrics.jsonl"])
def test_what_is_left_of_a_run_without_its_checkpoint_is_not_replaced(run, tmp_path, name):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / name).write_text("of days")
    with pytest.raises(TrainingError, match=f"x already has a {name}, .*: move it away, or name another") as error:
        run(tmp_path / "x")
    assert_one_line(error)
    assert os.listdir(tmp_path / "x") == [name] and (tmp_path / "x" / name).read_text() == "of days"


def test_a_file_where_the_folder_should_be(run, tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(TrainingError, match="cannot make the folder .*x: File exists; name another --out") as error:
        run(tmp_path / "x")
    assert_one_line(error)


@pytest.mark.parametrize("there", [True, False])
def test_no_run_to_resume(run, tmp_path, there):
    if there:
        (tmp_path / "x").mkdir()
    with pytest.raises(TrainingError, match="there is no run to resume") as error:
        run(tmp_path / "x", resume=True)
    assert_one_line(error)
    assert (tmp_path / "x").exists() is there


def test_another_preset_s_run(run, changed, finished):
    before = files(finished)
    with pytest.raises(TrainingError, match="holds a run of preset 'small', not 'large'") as error:
        run(finished, changed(name="large"), resume=True)
    assert_one_line(error)
    assert files(finished) == before


def test_another_preset_of_the_same_name(run, preset, changed, stopped):
    before = files(stopped)
    for change in ({"hidden": 9}, {"height": 9}, {"hidden": 9, "steps": 3}):
        other = changed(config=dataclasses.replace(preset.config, **change))
        with pytest.raises((TrainingError, CheckpointError)) as error:
            run(stopped, other, resume=True)
        assert_one_line(error)
        assert files(stopped) == before


def test_weights_are_no_checkpoint(run, finished, tmp_path):
    (tmp_path / "x").mkdir()
    shutil.copy(finished / "weights.npz", tmp_path / "x" / "checkpoint.npz")
    before = files(tmp_path / "x")
    with pytest.raises(TrainingError, match="holds weights only, or is of another version, and cannot be re") as error:
        run(tmp_path / "x", resume=True)
    assert_one_line(error)
    assert files(tmp_path / "x") == before


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_checkpoint(run, finished, tmp_path, damage):
    path = finished / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-1000] if damage is None else damage)
    before = files(finished)
    with pytest.raises(CheckpointError, match="not a draw_np weights file, or is damaged") as error:
        run(finished, resume=True)
    assert_one_line(error)
    assert files(finished) == before


NAN = float("nan")


def leaf(tree, name, value):
    branch, _, last = name.rpartition("/")
    tree = copy.deepcopy(tree)
    node = tree
    for key in branch.split("/"):
        node = node[key]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return tree


WRONG_PARTS = {
    "a weight is missing": {"params/mu/b": None},
    "a weight's shape": {"params/mu/b": np.zeros(4, np.float32)},
    "a weight is NaN": {"params/mu/b": np.full(3, np.nan, np.float32)},
    "an average is missing": {"average/mu/b": None},
    "an average's shape": {"average/mu/b": np.zeros(4, np.float32)},
    "no means": {"optimiser/mean": None},
    "a mean is missing": {"optimiser/mean/mu/b": None},
    "a mean's shape": {"optimiser/mean_square/mu/b": np.zeros(4, np.float32)},
    "a mean is NaN": {"optimiser/mean/mu/b": np.full(3, np.nan, np.float32)},
    "a run of a version without phases": {"phases": None, "units": None, "settling": False},
    "an update that is none": {"update": "5"},
    "a seed that is none": {"seed": None},
    "no place in the data": {"data": {}},
    "no place in the noise": {"noise": 3},
    "another generator": {"noise": {"bit_generator": "MT19937"}},
    "a time that is none": {"seconds": "long"},
    "phases that are none": {"phases": -1},
    "a recipe that is none": {"recipe": "good"},
    "states kept at no interval": {"keep_every": "often"},
    "none of the states kept": {"keep_every": 0},
    "no threads": {"threads": 0},
    "no length": {"length": 0},
    "no units": {"units": []},
    "units that are none": {"units": [0, 1, 3]},
    "a unit twice": {"units": [0, 1, 1]},
    "units in disorder": {"units": [2, 0, 1]},
    "an array of means": {"optimiser/mean": np.zeros(3, np.float32)},
    "operations that are none": {
        "ops": "string"
    },  # a module, but none of ours: a file must not choose what is imported
    "operations without a name": {"ops": 3},
    "a list of operations": {"ops": ["kernels"]},
    "a list of recipes": {"recipe": []},
    "an array for the optimiser": {"optimiser/mean": None, "optimiser/mean_square": None, "optimiser/": np.ones(3)},
    "units of another kind": {"units": {"0": 1}},
    "units that are lists": {"units": [[0], [1]]},
    "units beyond any number": {"units": [0, 10**400]},
    "states kept at an interval that is empty": {"keep_every": []},
    "an update beyond any run": {"update": 2**63},
    "a length beyond any run": {"length": 10**400},
    "phases beyond any run": {"phases": 2**63},
    "a time beyond any number": {"seconds": 10**400},
    "a time that never ends": {"seconds": float("inf")},
    "a time that is no number": {"seconds": NAN},
    "a time before the beginning": {"seconds": -1},
    "a place beyond the images": {"data/place": 10**9},
    "a place in a list": {"data/place": [1]},
    "a generator of the data that is none": {"data/rng": []},
    "a generator below zero": {"noise/state/state": -1},
    "a generator too large": {"noise/state/inc": 2**200},
    "a generator of text": {"noise/state": "x"},
    "half a generator": {"noise/state": {"state": 1}},
    "a part of a generator that is none": {"noise/uinteger": 10**30},
    "a generator in a list": {"data/augment": [{}]},
}


@pytest.mark.parametrize("kind", WRONG_PARTS)
def test_a_checkpoint_that_lacks_a_part(run, stopped, kind):
    """As of another version, or by a hand that meant well: the archive is whole, yet nothing could go on."""
    trees, meta = checkpoint.load(stopped / "checkpoint.npz")
    for name, value in WRONG_PARTS[kind].items():
        if name.startswith(("data/", "noise/")):
            meta = leaf(meta, name, value)
        elif name == "optimiser/":
            trees["optimiser"] = value
        elif "/" in name:
            trees = leaf(trees, name, value)
        else:
            meta[name] = value
    checkpoint.save(stopped / "checkpoint.npz", trees, meta)
    before = files(stopped)
    with pytest.raises((CheckpointError, TrainingError)) as error:
        run(stopped, resume=True)
    assert_one_line(error)
    assert "checkpoint.npz" in str(error.value)
    assert files(stopped)["checkpoint.npz"] == before["checkpoint.npz"]


@pytest.mark.parametrize("out", ["file", "file/run"])
def test_a_folder_that_cannot_be_made(run, tmp_path, out):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TrainingError, match="cannot make the folder") as error:
        run(tmp_path / out)
    assert_one_line(error)
    assert (tmp_path / "file").read_text() == "mine"


def test_folders_above_are_made(run, tmp_path):
    assert run(tmp_path / "a" / "b" / "c", updates=1)


# What goes wrong on the way.


@pytest.mark.parametrize(
    "quantity, spoil",
    [
        ("L_x", lambda x, z: (x * NAN, z)),
        ("L_z", lambda x, z: (x, z * np.inf)),
    ],
)
def test_a_loss_that_is_not_finite(run, preset, finished, tmp_path, monkeypatch, bits, quantity, spoil):
    calls, found = [0], RecordedLosses.__call__  # the model's own function is called once and recorded

    def spoiled(self, *arguments, **how):
        calls[0] += 1
        nats, gradient = found(self, *arguments, **how)
        return (spoil(*nats) if calls[0] == 6 else nats), gradient

    monkeypatch.setattr(RecordedLosses, "__call__", spoiled)
    out = tmp_path / "x"
    with pytest.raises(TrainingError, match=rf"{quantity} became (nan|inf) at update 6") as error:
        run(out, checkpoint_every=2)
    assert_one_line(error)
    assert str(out / "checkpoint.npz") in str(error.value)
    assert checkpoint.load_weights(out / "checkpoint.npz")[3]["update"] == 4
    assert [row["update"] for row in metrics(out)] == [1, 2, 3, 4, 5] and not (out / "weights.npz").exists()
    assert run(out, resume=True) and bits(out) == bits(finished)


def test_a_gradient_that_is_not_finite(run, tmp_path, at_update):
    def spoil(answer):
        weights, nats = answer
        return weights, {**nats, "gradient_norm": math.inf}

    at_update(3, spoil)
    with pytest.raises(TrainingError, match="gradient_norm became inf at update 3"):
        run(tmp_path / "x", checkpoint_every=1)
    assert checkpoint.load_weights(tmp_path / "x" / "checkpoint.npz")[3]["update"] == 2


@pytest.mark.parametrize("rate", [1e30, 1e45])
def test_a_rate_that_is_too_high(run, changed, tmp_path, rate):
    """Whatever becomes of the run, the checkpoint that its message points to holds numbers."""
    wild = changed(phases=(Phase(15, rate),))
    with pytest.raises(TrainingError, match="became (nan|inf) at update") as error:
        run(tmp_path / "x", wild, checkpoint_every=1)
    assert_one_line(error)
    checkpoint.load_weights(tmp_path / "x" / "checkpoint.npz")


def test_a_rate_that_is_too_high_for_the_very_last_update(run, changed, tmp_path):
    """No later loss would show it: the weights themselves must be looked at."""
    wild = changed(phases=(Phase(1, 1e45),))
    with pytest.raises(TrainingError, match="at update 1"):
        run(tmp_path / "x", wild)
    checkpoint.load_weights(tmp_path / "x" / "checkpoint.npz")


def test_a_disk_that_fills_up_on_the_way(run, finished, tmp_path, monkeypatch, bits):
    calls, fsync = [0], os.fsync

    def filling(descriptor):
        calls[0] += 1
        if calls[0] == 9:  # two for each checkpoint and for the metrics: the file's and the folder's
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", filling)
    out = tmp_path / "x"
    with pytest.raises(CheckpointError, match="No space left on device; the last good one is kept") as error:
        run(out, checkpoint_every=2)
    assert_one_line(error)
    assert checkpoint.load(out / "checkpoint.npz")[1]["update"] == 4
    assert sorted(path.name for path in out.iterdir()) == ["checkpoint.npz", "metrics.jsonl"]
    assert run(out, resume=True) and bits(out) == bits(finished)


def test_data_that_are_not_to_be_had(run, tmp_path, preset, monkeypatch):
    def load(name, split):
        raise datasets.DatasetError("no connection")

    monkeypatch.setattr(datasets, "load", load)
    with pytest.raises(datasets.DatasetError):
        run(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_batch_larger_than_the_images(run, tmp_path, changed):
    for recipe in {"batch": 39}, {"phases": (Phase(3, 0.1), Phase(3, 0.1, batch=39))}:
        with pytest.raises(datasets.DatasetError, match="a batch of 39 is more than the 38 training images") as error:
            run(tmp_path / "x", changed(**recipe))
        assert_one_line(error)
        assert not (tmp_path / "x").exists()


def test_images_may_have_colours(run, preset, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    colours = Split(rng.random((20, 8, 7, 3)).astype(np.float32), None)
    monkeypatch.setattr(datasets, "load", lambda name, split: colours)
    config = draw.Config(8, 7, 3, steps=2, hidden=6, latent=5, read_size=2, write_size=4)
    colourful = Run("colours", "draw", config, "mnist", Recipe((Phase(2, 1e-3),), batch=4))
    assert run(tmp_path / "x", colourful)


def test_a_very_long_run_starts_as_quickly_as_a_short_one(run, tmp_path, at_update):
    at_update(2, send(signal.SIGINT))
    started = time.process_time()
    assert run(tmp_path / "x", updates=10**7) is False
    assert time.process_time() - started < 2


def test_train_is_what_the_command_calls(preset, tmp_path):
    assert train(preset, str(tmp_path / "x"), updates=1) is True  # a folder may be a text
    trees, _ = checkpoint.load(tmp_path / "x" / "weights.npz")
    assert all(np.isfinite(leaf).all() for leaf in named_leaves(map_leaves(np.asarray, trees)).values())


def test_a_program_without_a_console_trains_too(run, tmp_path, monkeypatch, capsys, bits, finished):
    """As under pythonw: there is no standard error, and nothing goes to standard output instead."""
    monkeypatch.setattr("sys.stderr", None)
    assert run(tmp_path / "x") is True
    assert capsys.readouterr().out == "" and bits(tmp_path / "x") == bits(finished)


def test_validation_is_on_whole_images_while_smaller_ones_are_shown(run, tmp_path, monkeypatch):
    few = datasets.sample("cluttered-mnist", np.random.default_rng(0), 20, "valid")
    monkeypatch.setattr(datasets, "load", lambda name, split: few)
    monkeypatch.setattr(loop, "validation_interval", lambda batches: 1)
    config = glimpse_classifier.Config(steps=2, hidden=8, read_size=5)
    small = Phase(1, 1e-3, {"steps": 1, "height": 48, "width": 48}, {"side": 48})
    recipe = Recipe((small, Phase(1, 1e-3)), batch=3, validation_images=16)
    assert run(tmp_path / "x", Run("classifier", "glimpse_classifier", config, "cluttered-mnist", recipe))
    assert ["validation" in row for row in metrics(tmp_path / "x")] == [True, True]


def test_of_fewer_validation_images_only_their_number_is_said(run, changed, stopped, capsys):
    run(stopped, changed(validation_images=8), resume=True)
    assert "small: the preset's validation_images changed since; going on as it is now\n" in capsys.readouterr().err
