"""A folder with a run in it: one run at a time, and an exact way back in within phases and across them."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from draw_np import datasets, equations
from draw_np.cores import usable_cores
from draw_np.models import draw, vae
from draw_np.training import checkpoint, loop, ranks, shards
from draw_np.training import run as run_module
from draw_np.training.journal import TrainingError
from draw_np.training.loop import train
from draw_np.training.recipe import Phase, Ramp, Recipe, Run
from draw_np.training.trees import named_leaves
from draw_np.training.update import RecordedLosses

posix = pytest.mark.skipif(os.name != "posix", reason="locks and signals of POSIX")


def meta_of(out):
    return checkpoint.load(out / "checkpoint.npz")[1]


def updates_of(out):
    return [json.loads(line)["update"] for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def after_updates(monkeypatch):
    """Have something done after every update from now on: after_updates(lambda number: ...), numbers from 1."""
    update = loop.update

    def plan(act):
        made = [0]

        def acting(*args):
            answer = update(*args)
            made[0] += 1
            act(made[0])
            return answer

        monkeypatch.setattr(loop, "update", acting)

    return plan


def interrupt(number=signal.SIGINT):
    os.kill(os.getpid(), number)


# All that phases can do, in one run

CONFIG = draw.Config(60, 60, steps=3, hidden=8, latent=4, read_size=3, write_size=4)
SMALL = draw.Config(steps=2, hidden=8, latent=4, read_size=2, write_size=4)
PHASES = (
    Phase(2, Ramp(0.0, 1e-2), {"steps": 2}, {"digits": 1, "spread": Ramp(0, 100)}, Ramp(0.0, 1.0)),
    Phase(2, 1e-2, {"steps": 2}, {"staged": True}),
    Phase(3, 1e-2, {}, {"staged": True}, optimiser="schedule-free", prune=True),
    Phase(3, Ramp(1e-2, 0.0), optimiser="schedule-free", frozen=draw.DECODER),
)
EVERYTHING = Run(
    "everything", "draw", CONFIG, "two-digit-mnist", Recipe(PHASES, batch=3, lstm_clip=0.1, decay=0.1, start="small")
)


@pytest.fixture
def everything(run, monkeypatch):
    """Call `train` on a run of every kind of phase: everything(out, resume=True)."""
    few = datasets.sample("two-digit-mnist", np.random.default_rng(0), 4, "valid")
    monkeypatch.setattr(datasets, "load", lambda name, split: few)
    small = draw.init_params(SMALL, np.random.default_rng(0))
    for name in ("mu", "sigma"):  # two of its units are inactive
        small[name]["W"][:, :2] = 0
    small["mu"]["b"][2:] = 1

    def everything(out, preset=EVERYTHING, resume=False, **options):
        start = {} if resume else {"start": (small, SMALL)}
        return run(out, preset, resume=resume, **start, **options)

    return everything


@pytest.mark.parametrize("pieces", [1, 3])
def test_stopped_every_few_updates_a_run_of_phases_is_the_same_bits(everything, tmp_path, bits, after_updates, pieces):
    assert everything(tmp_path / "whole") is True
    out, resume = tmp_path / "x", False
    after_updates(lambda number: interrupt() if number % pieces == 0 else None)
    while not everything(out, resume=resume):
        resume = True
        assert not (out / "weights.npz").exists()
    assert bits(out) == bits(tmp_path / "whole") and updates_of(out) == list(range(1, 11))
    assert meta_of(out)["phases"] == 4 and meta_of(out)["units"] == [2, 3] and meta_of(out)["config"]["latent"] == 2
    weights = checkpoint.load_weights(out / "weights.npz")[0]
    assert [bool(row.any()) for row in weights["decoder"]["W"]] == [False, False, True, True]


@pytest.mark.skipif(len(usable_cores()) < 2, reason="one core only")
def test_shards_of_staged_images_and_of_a_pruned_network(everything, tmp_path, bits, after_updates):
    """The processes of a phase are for its shapes; it goes on with as many as it had."""
    recipe = dataclasses.replace(EVERYTHING.recipe, phases=(dataclasses.replace(PHASES[1], updates=1), PHASES[2]))
    preset = dataclasses.replace(EVERYTHING, recipe=recipe)
    assert everything(tmp_path / "whole", preset, threads=2) is True
    after_updates(lambda number: interrupt() if number == 2 else None)
    assert everything(tmp_path / "x", preset, threads=2) is False
    assert everything(tmp_path / "x", preset, resume=True) is True
    assert bits(tmp_path / "x") == bits(tmp_path / "whole") and meta_of(tmp_path / "x")["units"] == [2, 3]
    everything(tmp_path / "alone", preset)
    alone, shared = (named_leaves(checkpoint.load(tmp_path / name / "weights.npz")[0]) for name in ("alone", "x"))
    for name, leaf in alone.items():
        np.testing.assert_allclose(shared[name], leaf, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("length", [10, 20])
def test_every_update_is_made_as_its_phase_says_at_that_moment(everything, tmp_path, monkeypatch, length):
    made, shown = [], []
    update, sample = loop.update, datasets.sample

    def recording(weights, images, given, rate, kl_weight, work):
        made.append((rate, kl_weight, work.config.steps, work.optimiser, work.learns is not None, images.ndim))
        return update(weights, images, given, rate, kl_weight, work)

    def sampling(*args, **options):
        shown.append(options)
        return sample(*args, **options)

    monkeypatch.setattr(loop, "update", recording)
    monkeypatch.setattr(datasets, "sample", sampling)
    everything(tmp_path / "x", updates=length)
    times = length // 10
    parts = [[(k + 0.5) / (times * phase.updates) for k in range(times * phase.updates)] for phase in PHASES]
    one = [{"digits": 1, "spread": int(101 * part)} for part in parts[0]]
    assert shown == [*one, *[{"staged": True}] * (5 * times), *[{}] * (3 * times)]
    rates = [*(1e-2 * part for part in parts[0]), *[1e-2] * (5 * times), *(1e-2 * (1 - part) for part in parts[3])]
    assert [each[0] for each in made] == pytest.approx(rates)
    weights = [each[1] for each in made]
    np.testing.assert_allclose(weights[: 2 * times], [(1, part) for part in parts[0]], rtol=1e-6)
    assert weights[0].dtype == np.float32 and weights[2 * times :] == [None] * (8 * times)
    expected = [
        (2, "adam", False, 3),
        (2, "adam", False, 4),
        (3, "schedule-free", False, 4),
        (3, "schedule-free", True, 3),
    ]
    assert [each[2:] for each in made] == [how for how, phase in zip(expected, parts) for _ in phase]


def test_what_is_frozen_rests_where_its_average_is(everything, tmp_path, after_updates):
    after_updates(lambda number: interrupt() if number == 7 else None)
    assert everything(tmp_path / "x") is False
    before = checkpoint.load(tmp_path / "x" / "checkpoint.npz")[0]["average"]
    assert everything(tmp_path / "x", resume=True) is True
    trees, _ = checkpoint.load(tmp_path / "x" / "checkpoint.npz")
    for tree in (trees["params"], trees["average"]):
        for name, leaf in named_leaves(tree).items():
            still = any(f"{name}/".startswith(f"{part}/") for part in draw.DECODER)
            assert np.array_equal(leaf, named_leaves(before)[name]) is still, name


def test_the_trees_of_a_pruned_checkpoint_are_checked_too(everything, tmp_path, after_updates):
    after_updates(lambda number: interrupt() if number == 6 else None)
    everything(tmp_path / "x")
    trees, meta = checkpoint.load(tmp_path / "x" / "checkpoint.npz")
    for wrong in ([2], [1, 2, 3], None, [2, 4]):
        checkpoint.save(tmp_path / "x" / "checkpoint.npz", trees, {**meta, "units": wrong})
        with pytest.raises((TrainingError, checkpoint.CheckpointError)) as error:
            everything(tmp_path / "x", resume=True)
        assert "checkpoint.npz" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("length, begun", [(1, 1), (2, 3), (3, 3), (4, 4), (40, 4)])
def test_a_short_run_does_what_the_phases_ask_for_that_it_reaches(everything, tmp_path, length, begun):
    assert everything(tmp_path / "x", updates=length) is True
    meta = meta_of(tmp_path / "x")
    assert meta["phases"] == begun and updates_of(tmp_path / "x") == list(range(1, length + 1))
    assert (meta["units"] is not None) == (begun >= 3)


def test_phases_that_are_skipped_prune_where_the_next_one_begins(run, changed, tmp_path):
    """Of two updates one is the first phase's and one the last one's."""
    first, between, last = Phase(3, 0.01), Phase(1, 0.01, prune=True), Phase(6, 0.01)
    run(tmp_path / "x", changed(phases=(first, between, last)), updates=2)
    assert meta_of(tmp_path / "x")["phases"] == 3 and len(meta_of(tmp_path / "x")["units"]) < 3


def test_a_run_that_was_made_longer_may_be_in_an_earlier_phase_again(run, changed, tmp_path, monkeypatch):
    """What a phase asks for where it begins is done again, or Schedule-Free Adam would take off from Adam's weights."""
    entered, enter = [], loop.enter

    def recording(job, number):
        enter(job, number)
        weights = job.progress.weights
        pairs = zip(named_leaves(weights.params).values(), named_leaves(weights.average).values())
        entered.append((number, job.progress.update, all(np.array_equal(*pair) for pair in pairs)))

    monkeypatch.setattr(loop, "enter", recording)
    preset = changed(phases=(Phase(4, 0.01), Phase(4, 0.01, optimiser="schedule-free", prune=True)))
    run(tmp_path / "x", preset)
    run(tmp_path / "x", preset, resume=True, updates=24)
    assert entered == [(0, 0, True), (1, 4, True), (0, 8, True), (1, 12, True)]
    rows = [json.loads(line) for line in (tmp_path / "x" / "metrics.jsonl").read_text().splitlines()]
    norms = np.array([row["weight_norm"] for row in rows])
    assert np.all(np.abs(np.diff(norms)) < 0.05 * norms[:-1])
    run(tmp_path / "x", changed(phases=(Phase(1, 0.01),)), resume=True, updates=25)  # a recipe of fewer phases
    assert meta_of(tmp_path / "x")["phases"] == 1


def test_a_seed_may_be_as_large_as_one_likes(run, tmp_path, after_updates):
    after_updates(lambda number: interrupt() if number == 1 else None)
    assert run(tmp_path / "x", seed=10**30, updates=2) is False
    assert run(tmp_path / "x", resume=True) is True and meta_of(tmp_path / "x")["seed"] == 10**30


def test_pruning_twice_counts_in_the_units_of_the_beginning(everything, tmp_path):
    again = Phase(2, 1e-2, prune=True)
    preset = Run("everything", "draw", CONFIG, "two-digit-mnist", Recipe((*PHASES, again), batch=3, start="small"))
    everything(tmp_path / "x", preset)
    assert meta_of(tmp_path / "x")["phases"] == 5 and set(meta_of(tmp_path / "x")["units"]) <= {2, 3}
    _, _, config, _ = checkpoint.load_weights(tmp_path / "x" / "weights.npz")
    assert config == CONFIG


def test_units_whose_nats_are_no_numbers_are_not_cut_off_in_silence(run, changed, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "nats_of_units", lambda *_: np.array([np.nan, 0.0, 1.0], np.float32))
    run(tmp_path / "x", changed(phases=(Phase(1, 0.01, prune=True),)))
    assert meta_of(tmp_path / "x")["units"] in ([0, 2], [0, 1, 2])


# Asked to stop


@posix
@pytest.mark.parametrize(
    "moment, nth, update",
    [("Folder", 1, 1), ("prepare", 1, 1), ("begin", 1, 1), ("Journal", 1, 1), ("enter", 3, 5), ("Shards", 3, 5),
     ("trees_in", 4, 3), ("validate", 1, 10)],
)  # fmt: skip
def test_a_signal_at_any_moment_ends_in_a_saved_checkpoint(
    everything, tmp_path, monkeypatch, capsys, moment, nth, update
):
    """While a run starts, between phases, while processes start: no update is lost and the message says where it is."""
    homes = {"trees_in": shards, **dict.fromkeys(("Folder", "Journal", "Shards"), ranks)}
    module = homes.get(moment, loop)  # trees_in is called with the process of each phase under way
    function, out, calls = getattr(module, moment), tmp_path / "x", [0]
    if moment == "trees_in" and len(usable_cores()) < 2:
        pytest.skip("one core only")

    def interrupted(*args, **kwargs):
        calls[0] += 1
        if calls[0] == nth:
            interrupt(signal.SIGTERM)
        return function(*args, **kwargs)

    monkeypatch.setattr(module, moment, interrupted)
    finished = everything(out, threads=2 if moment == "trees_in" else 1)
    line = capsys.readouterr().err.splitlines()[-1]
    assert calls[0] >= nth and finished is (update == 10)
    assert meta_of(out)["update"] == update and updates_of(out) == list(range(1, update + 1))
    said = f"done: {out / 'weights.npz'}" if finished else f"stopped and saved at update {update} of 10; to go on: "
    assert line.startswith(said)


@posix
def test_a_signal_that_is_ignored_does_not_stop_it(run, tmp_path, after_updates):
    """As in the background of a shell without job control."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        after_updates(lambda number: interrupt())
        assert run(tmp_path / "x") is True and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@posix
def test_a_signal_after_it_was_saved_has_nothing_left_to_stop(run, tmp_path, after_updates, monkeypatch, capsys):
    quote = run_module.shlex.quote

    def interrupted(text):  # while the last line is made
        interrupt(signal.SIGTERM)
        interrupt(signal.SIGTERM)
        return quote(text)

    monkeypatch.setattr(run_module.shlex, "quote", interrupted)
    after_updates(lambda number: interrupt(signal.SIGTERM) if number == 2 else None)
    assert run(tmp_path / "x") is False and meta_of(tmp_path / "x")["update"] == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("stopped and saved at update 2 of 15")


@pytest.mark.parametrize("threads", [1, 2])
def test_train_works_in_a_thread(run, changed, tmp_path, bits, threads):
    """Where nobody may listen to signals, as in a notebook's server or a program with windows."""
    if threads > len(usable_cores()):
        pytest.skip("one core only")
    done, preset = [], changed(phases=(Phase(2, 0.01),))
    thread = threading.Thread(target=lambda: done.append(run(tmp_path / "x", preset, threads=threads)))
    thread.start()
    thread.join()
    assert done == [True]
    if threads == 1:
        run(tmp_path / "y", preset)
        assert bits(tmp_path / "x") == bits(tmp_path / "y")


# One run at a time

TRAIN = """
import sys, time
from draw_np.cli import main
from draw_np.models import draw
from draw_np.training import loop
from draw_np.training.presets import PRESETS
from draw_np.training.recipe import Phase, Recipe, Run

config = draw.Config(steps=1, hidden=2, latent=2, read_size=2, write_size=2)
recipe = Recipe((Phase(3, 1e-3),), batch=2, images=2, validation_images=2)
PRESETS["small"] = Run("small", "draw", config, "mnist", recipe)
update, (seconds, *words) = loop.update, sys.argv[1:]

def slow(*args):
    print("started", flush=True)
    time.sleep(float(seconds))
    return update(*args)

loop.update = slow
sys.exit(main(["train", "--preset", "small", *words]))
"""


@pytest.fixture
def program():
    """Start a process that trains, with so many seconds an update: program(60, "--out", "x"); it ends with the test."""
    running = []

    def program(seconds, *words):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-c", TRAIN, str(seconds), *map(str, words)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running.append(subprocess.Popen(command, env=environment, text=True, **pipes))
        return running[-1]

    yield program
    for process in running:
        process.kill()
        process.communicate()


@posix
def test_two_processes_cannot_train_in_one_folder(program, tmp_path):
    out = tmp_path / "x"
    first = program(60, "--out", out)
    assert first.stdout.readline() == "started\n"
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    for words in ((), ("--resume",)):
        second = program(0, "--out", out, *words)
        printed, said = second.communicate(timeout=60)
        assert second.returncode == 1 and printed == ""
        assert said == f"draw_np: another process is training in {out}; wait for it, or name another --out\n"
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    first.kill()
    first.wait()
    third = program(0, "--out", out, "--resume")  # the lock of one that was killed does not stay
    _, said = third.communicate(timeout=60)
    assert third.returncode == 0, said
    assert sorted(path.name for path in out.iterdir()) == ["checkpoint.npz", "metrics.jsonl", "weights.npz"]


@posix
def test_a_folder_is_free_when_train_is_done_however_it_ends(run, changed, tmp_path, after_updates):
    def fail(number):
        raise RuntimeError("as it happens")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "update", lambda *_: fail(1))
        with pytest.raises(RuntimeError):
            run(tmp_path / "x")
    after_updates(lambda number: interrupt() if number == 2 else None)
    assert run(tmp_path / "x", resume=True) is False
    with pytest.raises(TrainingError, match="already holds a run"):
        run(tmp_path / "x")
    assert run(tmp_path / "x", resume=True) is True
    assert sorted(os.listdir(tmp_path / "x")) == ["checkpoint.npz", "metrics.jsonl", "weights.npz"]


@posix
def test_nor_can_two_threads(run, tmp_path, after_updates):
    refused = []

    def second(number):
        if number == 2:
            with pytest.raises(TrainingError, match="another process is training in"):
                run(tmp_path / "x", resume=True)
            refused.append(number)

    after_updates(second)
    assert run(tmp_path / "x") is True and refused == [2]


def test_what_a_killed_run_left_is_tidied_up_and_nothing_else(run, tmp_path):
    (tmp_path / "x").mkdir()
    mine = [".notes.txt.tmp", ".checkpoint.npz.tmp", "notes.txt"]
    left = [f".{name}.0123456789abcdef.tmp" for name in ("checkpoint.npz", "metrics.jsonl", "weights.npz")]
    for name in mine + left:
        (tmp_path / "x" / name).write_text("x")
    run(tmp_path / "x", updates=1)
    assert sorted(os.listdir(tmp_path / "x")) == sorted([*mine, "checkpoint.npz", "metrics.jsonl", "weights.npz"])


# What is asked for

COUNTS = "epochs", "updates", "seed", "checkpoint_every", "threads", "keep_every"
MANY = 10**400


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [-1, 0, 1.5, True, np.True_, "3", [1], np.float64(2), np.array([2]), MANY])
def test_what_is_no_count_is_refused_before_anything_is_made(run, tmp_path, name, value):
    if name == "seed" and type(value) is int and value >= 0:
        return  # no seed is too large
    with pytest.raises(TrainingError) as error:
        run(tmp_path / "x", **{name: value})
    least = 0 if name == "seed" else 1
    expected = f"{name} must be a whole number of at least {least}, got " if value is not MANY else f"{name} 1000"
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300 and not (tmp_path / "x").exists()


def test_counts_may_be_numpy_s_and_are_kept_as_python_s(run, tmp_path, bits):
    length = {"updates": 3, "seed": 2, "checkpoint_every": 2, "threads": 1, "keep_every": 1}
    for name, counts in (("updates", length), ("epochs", {"epochs": 1, "seed": 2**40})):
        assert run(tmp_path / f"{name} Python", **counts) is True
        assert run(tmp_path / f"{name} NumPy", **{key: np.int64(value) for key, value in counts.items()}) is True
        assert bits(tmp_path / f"{name} NumPy") == bits(tmp_path / f"{name} Python")
    out = tmp_path / "updates NumPy"
    assert meta_of(out)["threads"] == meta_of(out)["keep_every"] == 1 and updates_of(out) == [1, 2, 3]
    assert run(out, updates=np.uint8(5), seed=np.array(2), resume=True) is True and updates_of(out) == [1, 2, 3, 4, 5]


def test_what_cannot_be_asked_for(run, changed, preset, tmp_path):
    out = tmp_path / "x"
    a_vae = changed(model="vae", config=vae.Config(hidden=3, latent=2), phases=(Phase(1, 0.1),))
    both = "epochs and updates both say how long"
    for ask, expected in {
        lambda: train("small", out): r"the first argument must be a Run, as find_preset\('tiny'\) is, got 'small'",
        lambda: train(None, out): "the first argument must be a Run",
        lambda: train(preset, None): "the second argument must name a folder, got None",
        lambda: train(preset, 3): "the second argument must name a folder, got 3",
        lambda: train(preset, ""): "the second argument must name a folder, got ''",
        lambda: train(preset, out, ops="kernel"): "ops must be 'kernels' or 'equations', got 'kernel'",
        lambda: train(preset, out, ops=equations): "ops must be 'kernels' or 'equations', got <module",
        lambda: train(preset, out, ops=np.ones(3)): "ops must be 'kernels' or 'equations', got array",
        lambda: train(preset, out, epochs=1, updates=1): both,
        lambda: train(preset, out, start=(None, None)): "small begins from new weights: leave `start` out",
        lambda: train(a_vae, out, keep_every=2): "keep_every is for DRAW, whose memory grows with T, not for small",
        lambda: train(preset, out, checkpoint_every=None): "checkpoint_every must be a whole number",
    }.items():
        with pytest.raises(TrainingError, match=f"^{expected}") as error:
            ask()
        assert "\n" not in str(error.value) and not out.exists()


def test_each_purpose_has_a_generator_of_its_own(run, tmp_path, monkeypatch):
    states, prepare, begin = [], loop.prepare, loop.begin

    def preparing(run, rng):
        states.append(rng.bit_generator.state)
        return prepare(run, rng)

    def beginning(run, start, rng, data, mean_rng):
        states.extend(each.bit_generator.state for each in (rng, mean_rng))
        return begin(run, start, rng, data, mean_rng)

    monkeypatch.setattr(loop, "prepare", preparing)
    monkeypatch.setattr(loop, "begin", beginning)
    run(tmp_path / "x", updates=1)
    states.append(meta_of(tmp_path / "x")["noise"])
    assert len({state["state"]["inc"] for state in states}) == 4  # which a generator keeps, wherever it is


def test_what_saves_memory_and_what_clips_reaches_every_gradient(everything, tmp_path, monkeypatch, after_updates):
    asked, found, out = [], RecordedLosses.__call__, tmp_path / "x"

    def recording(self, params, model, config, images, given, ops, **how):
        asked.append((how["keep_every"], how["lstm_clip"], ops))
        return found(self, params, model, config, images, given, ops, **how)

    monkeypatch.setattr(RecordedLosses, "__call__", recording)
    after_updates(lambda number: interrupt() if number == 2 else None)
    assert everything(out, keep_every=2, ops="equations", updates=4) is False
    assert everything(out, resume=True) is True
    assert asked == [(2, 0.1, equations)] * 4 and meta_of(out)["keep_every"] == 2


def test_pruned_weights_go_on_from_their_average(run, changed, tmp_path, monkeypatch):
    found, enter = [], loop.enter

    def recording(job, number):
        before = named_leaves(job.progress.weights.average)["write_patch/b"]
        enter(job, number)
        found.append(np.array_equal(named_leaves(job.progress.weights.params)["write_patch/b"], before))

    monkeypatch.setattr(loop, "enter", recording)
    run(tmp_path / "x", changed(phases=(Phase(4, 0.01), Phase(2, 0.01, prune=True), Phase(2, 0.01))))
    assert found == [True, True, False]


def test_the_seconds_of_a_resumed_run_go_on(run, tmp_path, after_updates):
    after_updates(lambda number: interrupt() if number == 2 else None)
    assert run(tmp_path / "x") is False
    trees, meta = checkpoint.load(tmp_path / "x" / "checkpoint.npz")
    checkpoint.save(tmp_path / "x" / "checkpoint.npz", trees, {**meta, "seconds": 5000.0})
    assert run(tmp_path / "x", resume=True) is True
    rows = [json.loads(line) for line in (tmp_path / "x" / "metrics.jsonl").read_text().splitlines()]
    assert rows[1]["seconds"] < 5000 < rows[2]["seconds"] and meta_of(tmp_path / "x")["seconds"] >= 5000


def test_an_empty_folder_that_was_there_stays(run, tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(TrainingError, match="more than the 7 images of a batch"):
        run(tmp_path / "x", threads=8)
    assert (tmp_path / "x").exists()
