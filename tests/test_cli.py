"""The command line: what it prints and writes; every mistake is one line, another exit status and nothing else."""

import dataclasses
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from autograd.extend import defvjp, primitive
from PIL import Image

from draw_np import benchmark, cli, datasets, equations, pretrained
from draw_np.backend import stop_gradient
from draw_np.cores import usable_cores
from draw_np.datasets import Split
from draw_np.models import MODELS, draw, glimpse_classifier, vae
from draw_np.training import checkpoint, loop
from draw_np.training.presets import PRESETS
from draw_np.training.recipe import Phase, Ramp, Recipe, Run
from draw_np.training.run import OPS
from draw_np.training.trees import map_leaves
from draw_np.training.words import in_words

ROOT = Path(cli.__file__).parents[2]
CONFIG = draw.Config(steps=3, hidden=6, latent=5, read_size=2, write_size=4)
PHASES = Phase(4, Ramp(0.0, 4e-3), {"steps": 2}), Phase(6, Ramp(4e-3, 0.0))
SMALL = Run("small", "draw", CONFIG, "mnist", Recipe(PHASES, batch=7, images=35, validation_images=8))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder to work in, and another for data, so that no test finds or leaves any."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("DRAW_NP_DATA", str(tmp_path / "data"))
    monkeypatch.setitem(PRESETS, "small", SMALL)
    return tmp_path / "here"


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a small run, trained with the command line."""
    out = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "small", SMALL)
        assert cli.main(["train", "--preset", "small", "--out", str(out), "--seed", "3"]) == 0
    return out


@pytest.fixture
def weights(trained):
    return str(trained / "weights.npz")


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Save new weights of a model, or given ones, to a file: saved(draw.Config(...)), saved(config, params)."""

    def saved(config, params=None, **meta):
        model = next(model for model in MODELS.values() if model.Config is type(config))
        if params is None:
            params = model.init_params(config, np.random.default_rng(0))
        path = tmp_path_factory.mktemp("saved") / "weights.npz"
        name = model.__name__.rpartition(".")[2]
        checkpoint.save(path, {"params": params}, {**checkpoint.describe(name, config), **meta})
        return str(path)

    return saved


def call(*argv):
    """Run a command in this process: its exit status."""
    try:
        return cli.main([str(word) for word in argv])
    except SystemExit as end:  # argparse's way
        return end.code


@pytest.fixture
def fails(capsys, here):
    """Run a command that must fail: one line on standard error, which is returned, and nothing else anywhere."""

    def tree():
        return {path: path.is_dir() or path.stat().st_mtime_ns for path in here.parent.rglob("*")}

    def fails(*argv):
        capsys.readouterr()
        before = tree()
        status = call(*argv)
        out, err = capsys.readouterr()
        err = err.removeprefix("mnist: grey levels binarized with seed 0\n")  # it had begun
        assert isinstance(status, int) and status != 0
        assert err.count("\n") == 1 and err.endswith("\n") and "Traceback" not in err
        assert out == "" and tree() == before
        return err

    return fails


def last_json(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_every_option_has_a_word_of_help():
    commands = next(each.choices for each in cli.make_parser()._actions if isinstance(each.choices, dict))
    silent = [(name, *each.option_strings) for name, one in commands.items() for each in one._actions if not each.help]
    assert silent == []


# Mistakes.

EVALUATE = ("evaluate", "--dataset", "mnist", "--images", "5", "--weights")


@pytest.mark.parametrize(
    "argv, expected",
    [
        ("trian", "invalid choice: 'trian'"),
        ("train --out x", "required: --preset"),
        ("train --preset small", "required: --out"),
        ("train --preset smal --out x", "unknown preset 'smal' (did you mean 'small'?)"),
        ("train --preset '' --out x", "unknown preset ''"),
        ("train --preset small --out x --resume", "there is no run to resume in x"),
        ("train --preset small --out x --epochs 2 --updates 2", "not allowed with"),
        ("train --preset small --out x --device cuda", "--device cuda"),
        ("train --preset small --out x --device tpu", "unknown device 'tpu'; known: cpu, cuda"),
        ("train --preset small --out x --ops magic", "invalid choice: 'magic'"),
        ("train --preset small --out x --threads 8", "8 threads are more than the 7 images of a batch"),
        ("train --preset small --out x --rate 3", "unrecognized arguments: --rate 3"),
        ("train --preset small --out {}/file", "cannot make the folder"),
        ("train --preset small --out {}/file/x", "cannot make the folder"),
        ("train --preset small --out {}".format("x" * 300), "File name too long"),
        ("train --preset small --out ''", "--out: must name a folder"),
        ("presets smal", "unknown preset 'smal' (did you mean 'small'?): there are tiny, "),
        ("presets ''", "unknown preset ''"),
        ("presets small tiny", "unrecognized arguments: tiny"),
        ("evaluate --dataset mnist", "required: --weights"),
        ("evaluate --weights {}", "which images? --dataset NAME, or --images"),
        ("evaluate --weights nothing --dataset mnist", "no weights and no file of the name 'nothing'"),
        ("evaluate --weights '' --dataset mnist", "no weights and no file of the name ''"),
        ("evaluate --weights . --dataset mnist", "no weights and no file of the name '.'"),
        ("evaluate --weights {} --dataset mnits", "unknown data set 'mnits' (did you mean 'mnist'?)"),
        ("evaluate --weights {} --dataset mnist --split tset", "unknown split 'tset' (did you mean 'test'?)"),
        (
            "evaluate --weights {} --dataset mnist --images 10001",
            "--images 10001: the test split has 10,000; ask for 1",
        ),
        ("evaluate --weights {} --dataset two-digit-mnist --split train", "made without end"),
        (
            "evaluate --weights {} --dataset two-digit-mnist --split train",
            ": take valid or test, or in Python datasets.sample",
        ),
        (
            "evaluate --weights {} --dataset two-digit-mnist",
            "of 28 x 28 images, the test images of two-digit-mnist have 60 x 60",
        ),
        ("sample --weights {} --out x.jpg", "the ending must be one of .png, .gif"),
        ("sample --weights {} --out x", "the ending must be one of .png, .gif"),
        ("sample --weights {} --out .png", "the ending must be one of .png, .gif"),
        ("sample --weights {} --out ''", "the ending must be one of .png, .gif"),
        ("sample --weights {} --out not/there/x.png", "the folder not/there is not there"),
        ("sample --weights {} --out {}/x.gif", "is not there or cannot be written"),
        ("sample --weights {} --out folder.png", "folder.png"),
        ("sample --weights {} --out folder.gif", "folder.gif"),
        ("sample --weights {} --out {}.png".format("{}", "x" * 300), "File name too long"),
        ("sample --weights nothing --out x.png", "no weights and no file"),
        ("bench --device cuda", "--device cuda"),
        ("bench --device tpu", "unknown device 'tpu'"),
        ("datasets fetch", "datasets fetch needs a name: mnist, "),
        ("datasets verify", "datasets verify needs a name: mnist, "),
        ("datasets fetch mnits", "did you mean 'mnist'?"),
        ("datasets verify mnits", "did you mean 'mnist'?"),
        ("datasets list mnist", "datasets list takes no name"),
        ("datasets burn", "invalid choice: 'burn'"),
        ("datasets verify mnist mnist", "unrecognized arguments: mnist"),
    ],
)
def test_a_mistake(fails, here, weights, argv, expected):
    (here / "folder.png").mkdir()
    (here / "folder.gif").mkdir()
    (here / "file").write_text("mine")
    filled = argv.replace("{}", str(here) if argv.startswith("train") else weights)
    assert expected in fails(*shlex.split(filled))


NUMBERS = {
    "train": ("--epochs", "--updates", "--checkpoint-every", "--threads", "--keep-every"),
    "evaluate": ("--images", "--importance-samples"),
    "sample": ("--count",),
    "bench": ("--steps", "--batch", "--threads", "--repeats"),
}
REQUIRED = {
    "train": ("--preset", "small", "--out", "x"),
    "evaluate": ("--weights", "{}", "--dataset", "mnist"),
    "sample": ("--weights", "{}", "--out", "x.png"),
    "bench": (),
}


@pytest.mark.parametrize("command, option", [(name, option) for name, options in NUMBERS.items() for option in options])
def test_a_number_that_is_none(fails, weights, command, option):
    required = [word.replace("{}", weights) for word in REQUIRED[command]]
    for value in ("0", "-1", "1.5", "1e3", "ten", "", " 1", "0x10", "nan", "\u0663", "9" * 5000):
        line = fails(command, *required, f"{option}={value}")
        assert option in line and len(line) < 500
    fails(command, *required, option)  # and none at all


def test_keeping_few_states_is_for_draw(fails, tmp_path):
    line = fails("train", "--preset", "vae", "--out", str(tmp_path / "x"), "--keep-every", "4")
    assert "--keep-every is for DRAW" in line
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("command", ["train", "evaluate", "sample"])
def test_a_seed_that_is_none(fails, weights, command):
    for value in ("-1", "1.5", "x", "", "9" * 5000):
        line = fails(command, *(word.replace("{}", weights) for word in REQUIRED[command]), f"--seed={value}")
        assert "must be a whole number of at least 0" in line and len(line) < 500


@pytest.mark.parametrize("count", [10**13, 10**30])
@pytest.mark.parametrize("ending", ["png", "gif"])
def test_more_images_than_any_memory(fails, weights, count, ending):
    fails("sample", "--weights", weights, "--out", f"x.{ending}", "--count", count)


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="Windows does not say how much memory there is")
def test_more_images_than_the_memory_of_this_machine(fails, weights):
    """Their noise alone would fit, and then Linux would end the process without a word."""
    error = fails("sample", "--weights", weights, "--out", "x.png", "--count", 10**9)
    assert "drawing so many images needs more than 9," in error and "ask for a smaller --count" in error


@pytest.mark.parametrize("ending, count", [("png", 100_000), ("gif", 200_000)])
def test_more_images_than_fit_a_picture(fails, saved, ending, count):
    path = saved(vae.Config(height=2, width=3, hidden=2, latent=1))
    fails("sample", "--weights", path, "--out", f"x.{ending}", "--count", count)


@pytest.mark.parametrize("value", [1e4, 1e10, -1e10, 1e30, -3e38])
@pytest.mark.parametrize("ending", ["png", "gif"])
def test_weights_that_are_far_too_large(saved, capsys, tmp_path, monkeypatch, value, ending):
    """They draw a picture or are refused in one line, and no warning is seen, even one that is only printed."""
    config = draw.Config(height=6, width=5, steps=3, hidden=4, latent=2, read_size=2, write_size=3)
    params = draw.init_params(config, np.random.default_rng(0))
    path = saved(config, map_leaves(lambda leaf: np.full_like(leaf, value), params))
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        status = call("sample", "--weights", path, "--out", f"x.{ending}", "--count", "2")
    error = capsys.readouterr().err
    assert error.count("\n") == status and ("of no use" in error) == bool(status)


# Weights that are none. How each is damaged, in detail: tests/training/test_checkpoint.py.


def of_bytes(write):
    """The bytes that `write` writes into a file."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()


BAD_WEIGHTS = {  # what the message says, and what is done to the file, the weights or what the file says of them
    "empty": ("it is empty", lambda data, params, meta: b""),
    "truncated": ("not a draw_np weights file", lambda data, params, meta: data[:-500]),
    "random": ("not a draw_np weights file", lambda data, params, meta: np.random.default_rng(0).bytes(999)),
    "text": ("not a draw_np weights file", lambda data, params, meta: b"two\nlines\n"),
    ".npy": ("not a draw_np weights file", lambda data, params, meta: of_bytes(lambda f: np.save(f, np.ones(3)))),
    "pickled": (
        "pickled objects, which are never loaded",
        lambda data, params, meta: of_bytes(lambda f: np.savez(f, meta=np.array([meta], dtype=object))),
    ),
    "no meta": ("not a draw_np weights file", lambda data, params, meta: of_bytes(lambda f: np.savez(f, x=1))),
    "NaN": ("values that are not finite", lambda data, params, meta: params["mu"]["b"].fill(np.nan)),
    "whole numbers": (
        "is of type int64; save floats", lambda data, params, meta: params["mu"].update(b=np.zeros(5, np.int64)),
    ),
    "another shape": (
        "has shape (4,), its configuration says (5,)",
        lambda data, params, meta: params["mu"].update(b=np.zeros(4, np.float32)),
    ),
    "a name is missing": ("it lacks ", lambda data, params, meta: params["mu"].update(b={})),
    "one too many": ("it has ", lambda data, params, meta: params["mu"].update(c=np.zeros(4))),
    "of a vae": ("from another model", lambda data, params, meta: params.update(canvas=np.zeros(4))),
    "an unknown model": ("unknown model 'dram'", lambda data, params, meta: meta.update(model="dram")),
    "an unknown key": ("wings", lambda data, params, meta: meta["config"].update(wings=2)),
    "half a number": ("hidden must be a whole", lambda data, params, meta: meta["config"].update(hidden=6.5)),
    "no configuration": ("bad.npz", lambda data, params, meta: meta.update(config=None)),
    "steps beyond any memory": ("", lambda data, params, meta: meta["config"].update(steps=10**13)),
    "sizes beyond any memory": ("bad.npz", lambda data, params, meta: meta["config"].update(latent=10**12)),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_WEIGHTS)
@pytest.mark.parametrize("command", ["evaluate", "sample"])
def test_bad_weights(fails, here, trained, command, kind):
    expected, spoil = BAD_WEIGHTS[kind]
    trees, meta = checkpoint.load(trained / "weights.npz")
    data = spoil((trained / "weights.npz").read_bytes(), trees["params"], meta)
    if isinstance(data, bytes):
        (here / "bad.npz").write_bytes(data)
    else:
        checkpoint.save(here / "bad.npz", trees, meta)
    rest = EVALUATE[1:-1] if command == "evaluate" else ("--out", "x.png")
    assert expected in fails(command, *rest, "--weights", "bad.npz")


def test_weights_of_colour_images(fails, saved):
    fails(*EVALUATE, saved(dataclasses.replace(CONFIG, channels=3)))


def test_weights_of_two_channels_cannot_be_shown(fails, saved):
    fails("sample", "--weights", saved(dataclasses.replace(CONFIG, channels=2)), "--out", "x.png")


def test_weights_that_give_no_numbers(saved, capsys):
    """Finite, but so large that nothing comes out: never a bound of NaN as if it were one."""
    params = draw.init_params(CONFIG, np.random.default_rng(0))
    params["write_patch"]["b"][:] = 3e38
    params["mu"]["b"][:] = 3e38
    with np.errstate(all="ignore"):
        assert call(*EVALUATE, saved(CONFIG, params), "--json") != 0
    assert "nan" not in capsys.readouterr().out.lower()


def test_shipped_weights_are_named_and_the_nearest_guessed(fails, here, trained, tmp_path, monkeypatch, capsys):
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "numbers.npz").write_bytes((trained / "weights.npz").read_bytes())
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "shipped")
    line = fails("sample", "--weights", "nubmers", "--out", "x.png")
    assert "did you mean 'numbers'?" in line and "shipped: numbers" in line
    assert call(*EVALUATE, "numbers") == 0
    params, config = pretrained.load_pretrained("numbers")
    assert config == CONFIG and params.keys() == draw.init_params(CONFIG, np.random.default_rng(0)).keys()
    with pytest.raises(checkpoint.CheckpointError, match="did you mean 'numbers'"):
        pretrained.load_pretrained("nubmers")


def test_a_full_disk_leaves_no_half_picture(fails, here, weights):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for name in ("x.png", "x.gif"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            line = fails("sample", "--weights", weights, "--out", name)
            assert "File too large" in line and name in line
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# train


def test_train(trained, here, capsys):
    assert sorted(path.name for path in trained.iterdir()) == ["checkpoint.npz", "metrics.jsonl", "weights.npz"]
    meta = checkpoint.load_weights(trained / "weights.npz")[3]
    assert (meta["preset"], meta["seed"], meta["length"]) == ("small", 3, 10)
    assert call("train", "--preset", "small", "--out", here / "x", "--updates", 2, "--seed", 3) == 0
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("small: ") and err.endswith(f"done: {here / 'x' / 'weights.npz'}\n")
    assert len((here / "x" / "metrics.jsonl").read_text().splitlines()) == 2
    assert call("train", "--preset", "small", "--out", here / "y", "--epochs", 1) == 0
    assert len((here / "y" / "metrics.jsonl").read_text().splitlines()) == 5


def test_a_second_run_over_an_old_one(fails, here, trained):
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    assert "already holds a run; add --resume" in fails("train", "--preset", "small", "--out", trained)
    PRESETS["other"] = dataclasses.replace(SMALL, name="other")
    try:
        line = fails("train", "--preset", "other", "--out", trained, "--resume")
    finally:
        del PRESETS["other"]
    assert "holds a run of preset 'small', not 'other'" in line
    line = fails("train", "--preset", "small", "--out", trained, "--resume", "--seed", 2)
    assert "has seed 3, not 2; leave out --seed" in line
    (trained / "checkpoint.npz").write_bytes(before["checkpoint.npz"][:-99])
    try:
        said = fails("train", "--preset", "small", "--out", trained, "--resume")
        assert "is damaged" in said and said.endswith("; start a new run in another --out\n")
    finally:
        (trained / "checkpoint.npz").write_bytes(before["checkpoint.npz"])
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before


def test_a_loss_that_is_not_a_number_ends_in_a_line(here, capsys, monkeypatch):
    monkeypatch.setattr(loop, "update", lambda weights, *rest: (weights, {"L_x": np.nan, "L_z": 0, "gradient_norm": 1}))
    assert call("train", "--preset", "small", "--out", "x") == 1
    err = capsys.readouterr().err
    assert err.splitlines()[-1].startswith("draw_np: L_x became nan at update 1, and would again with --resume from ")
    assert "Traceback" not in err


def test_the_printed_command_goes_on_to_the_same_bits(here, capsys, monkeypatch):
    """With all that was asked for: the folder's odd name, the length, the seed, the operations."""
    asked = ["--preset", "small", "--updates", "6", "--seed", "9", "--ops", "equations", "--checkpoint-every", "4"]
    update = loop.update

    def stopping(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)
        return update(*args, **kwargs)

    assert call("train", *asked, "--out", "whole") == 0
    with monkeypatch.context() as patch:
        patch.setattr(loop, "update", stopping)
        assert call("train", *asked, "--out", "in pieces") == 130
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("stopped and saved at update 1 of 6; to go on: python -m draw_np train ")
    words = shlex.split(line.partition("to go on: python -m draw_np ")[2])
    assert call(*words) == 0
    whole, pieces = (checkpoint.load(here / name / "checkpoint.npz")[0] for name in ("whole", "in pieces"))
    for name, leaf in checkpoint.named_leaves(whole).items():
        assert np.array_equal(leaf, checkpoint.named_leaves(pieces)[name])


def start(*argv, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **options.pop("env", {})}
    command = [sys.executable, "-m", "draw_np", *map(str, argv)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, **options)


def test_a_run_goes_on_when_nobody_listens_any_more(here):
    """As in `train ... 2>&1 | head -1`."""
    child = start("train", "--preset", "tiny", "--updates", 3, "--out", "x")
    assert child.stderr.readline().startswith(b"tiny: ")
    child.stderr.close()
    assert child.wait(120) == 0
    assert len((here / "x" / "metrics.jsonl").read_bytes().splitlines()) == 3 and (here / "x" / "weights.npz").exists()


@pytest.mark.parametrize(
    "number, threads, update",
    [(signal.SIGINT, 1, 2), (signal.SIGTERM, 2, 2), (signal.SIGINT, 2, 0)],  # the last while processes are starting
)
def test_interrupted_in_a_terminal(here, number, threads, update):
    """As a user would: a preset of ours, stopped, resumed, and compared with one that was not."""
    if threads > len(usable_cores()):
        pytest.skip("one core only")
    asked = ("--preset", "tiny", "--updates", 20, "--seed", 2, "--checkpoint-every", 1, "--threads", threads)
    child = start("train", *asked, "--out", "x", start_new_session=True)
    saved = here / "x" / "checkpoint.npz"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and child.poll() is None:
        if saved.exists() and checkpoint.load(saved)[1]["update"] >= update:
            break
        time.sleep(0.01)
    os.killpg(child.pid, number)  # a terminal sends it to all processes
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130 and out == b"" and b"Traceback" not in err
    last = err.decode().splitlines()[-1]
    assert last.startswith("stopped and saved at update ") and "--preset tiny --out x --resume" in last
    assert update <= checkpoint.load(saved)[1]["update"] < 20
    assert call("train", "--preset", "tiny", "--out", "x", "--resume") == 0
    assert call("train", *asked, "--out", "y") == 0
    x, y = (checkpoint.named_leaves(checkpoint.load(here / name / "checkpoint.npz")[0]) for name in "xy")
    assert x.keys() == y.keys() and all(np.array_equal(x[name], y[name]) for name in x)


# evaluate


def test_evaluate(weights, capsys):
    command = ("evaluate", "--weights", weights, "--dataset", "mnist", "--split", "valid", "--images", 20)
    assert call(*command, "--importance-samples", 3, "--seed", 5, "--json") == 0
    out, err = capsys.readouterr()
    found = json.loads(out.splitlines()[-1])
    assert found.keys() >= {"nll_bound", "reconstruction", "kl", "standard_error", "images"}
    assert found["images"] == 20 and found["importance_samples"] == 3 and len(found["kl_per_step"]) == 3
    assert err == "mnist: grey levels binarized with seed 5\n"
    params, model, config, _ = checkpoint.load_weights(weights)
    grey = datasets.load("mnist", "valid").images
    images = datasets.binarize(grey, np.random.default_rng(5))[:20]
    rng = np.random.default_rng(5)
    reconstruction, latent = model.bound(params, config, images, model.sample_noise(config, 20, rng))
    bounds = reconstruction.astype(float) + latent.sum(axis=0)
    assert found["nll_bound"] == pytest.approx(bounds.mean(), rel=1e-6)
    assert found["standard_error"] == pytest.approx(bounds.std(ddof=1) / np.sqrt(20), rel=1e-5)
    assert found["reconstruction"] == pytest.approx(reconstruction.mean(), rel=1e-6)
    assert found["kl"] == pytest.approx(latent.sum(axis=0).mean(), rel=1e-6)
    text = out.splitlines()[0]
    assert "20 valid images of mnist: at most {nll_bound:.2f} +- {standard_error:.2f} nats".format(**found) in text
    assert "-log p, 3 importance samples: {nll_estimate:.2f}".format(**found) in out


def test_evaluate_in_words(weights, capsys):
    command = ("evaluate", "--weights", weights, "--dataset", "mnist", "--images", 7)
    assert call(*command) == 0
    first = capsys.readouterr().out
    assert first.startswith("7 test images of mnist: at most ") and "KL per step: " in first and "-log p" not in first
    assert call(*command) == 0 and capsys.readouterr().out == first  # the seed is 0 unless another is asked for
    assert call(*command[:-1], "0000000007") == 0 and capsys.readouterr().out == first
    assert call(*command, "--seed", 1) == 0 and capsys.readouterr().out != first
    assert call(*command, "--json") == 0 and last_json(capsys)["nll_estimate"] is None


def test_evaluate_all_images_of_a_split(weights, capsys, monkeypatch):
    images = datasets.load("mnist", "test").images[:300]
    monkeypatch.setattr(datasets, "load", lambda name, split: Split(images, None))
    assert call("evaluate", "--weights", weights, "--dataset", "mnist", "--json") == 0
    assert last_json(capsys)["images"] == 300


def test_evaluate_a_checkpoint_or_a_vae(trained, saved, capsys):
    results = []
    for name in ("checkpoint.npz", "weights.npz"):
        assert call(*EVALUATE, trained / name, "--json") == 0
        results.append(last_json(capsys))
    assert results[0] == results[1]
    assert call(*EVALUATE, saved(vae.Config(hidden=6, latent=5)), "--json") == 0
    assert len(last_json(capsys)["kl_per_step"]) == 1


CLASSIFIER = glimpse_classifier.Config(hidden=6, steps=2)


def test_evaluate_a_classifier(saved, capsys):
    weights = saved(CLASSIFIER)
    command = ("evaluate", "--weights", weights, "--dataset", "cluttered-mnist", "--images", 50)
    assert call(*command, "--json") == 0
    out = capsys.readouterr().out
    found = json.loads(out.splitlines()[-1])
    assert found.keys() == {"error", "standard_error", "cross_entropy", "images"} and found["images"] == 50
    images, labels = datasets.load("cluttered-mnist", "test")
    params, _, _, _ = checkpoint.load_weights(weights)
    named = glimpse_classifier.look(params, CLASSIFIER, images[:50]).logits.argmax(axis=1)
    assert found["error"] == pytest.approx(100 * np.mean(named != labels[:50])) and 50 < found["error"] < 100
    start = "50 test images of cluttered-mnist, 2 glimpses: {error:.2f} +- {standard_error:.2f} % wrong, "
    assert out.startswith(start.format(**found))
    assert call(*command) == 0 and capsys.readouterr().out == out.splitlines(keepends=True)[0]


def test_what_a_classifier_cannot_do(fails, saved):
    weights = saved(CLASSIFIER)
    assert "of 100 x 100 images, the test images of mnist have 28 x 28" in fails(*EVALUATE, weights)
    command = "evaluate", "--weights", weights, "--dataset", "cluttered-mnist"
    assert "has no use for --importance-samples" in fails(*command, "--importance-samples", 2)
    assert "draws none" in fails("sample", "--weights", weights, "--out", "x.png")
    few = saved(dataclasses.replace(CLASSIFIER, classes=9))
    said = "tells 9 classes apart, the test images of cluttered-mnist have no such labels"
    assert said in fails("evaluate", "--weights", few, *command[3:])
    two = saved(dataclasses.replace(CLASSIFIER, height=60, width=60))
    assert "the test images of two-digit-mnist have no such labels" in fails(
        "evaluate", "--weights", two, "--dataset", "two-digit-mnist"
    )


# sample


def test_sample_a_film_strip(here, weights, capsys):
    for count in (1, 3):
        assert call("sample", "--weights", weights, "--out", "x.png", "--count", count) == 0
        assert capsys.readouterr().out == f"{count} images, drawn in 3 steps: x.png\n"
        with Image.open("x.png") as picture:
            assert picture.format == "PNG" and picture.width > 100
            heights = picture.height
    assert heights > 100 and [path.name for path in here.iterdir()] == ["x.png"]


def test_sample_an_animation(here, weights, capsys):
    assert call("sample", "--weights", weights, "--out", here / "x.gif", "--count", 2) == 0
    with Image.open("x.gif") as picture:
        assert picture.format == "GIF" and picture.n_frames == 3
        assert picture.width > 2 * 28


@pytest.mark.parametrize(
    "config",
    [
        vae.Config(hidden=6, latent=5),
        dataclasses.replace(CONFIG, read_size=None, write_size=None),
        draw.Config(8, 7, 3, 2, 6, 5, 2, 4),
        draw.Config(8, 7, 1, 1, 6, 5, 1, 1),
    ],
    ids=["vae", "no attention", "colour", "one step, one filter"],
)
def test_sample_of_every_model(here, saved, config, capsys):
    for name in ("x.png", "x.gif"):
        assert call("sample", "--weights", saved(config), "--out", name) == 0
        assert Image.open(name).format == name[2:].upper()
    assert capsys.readouterr().err == ""


def test_samples_are_the_seed_s(here, weights):
    for name, seed in (("a.png", 0), ("b.png", 0), ("c.png", 1)):
        assert call("sample", "--weights", weights, "--out", name, "--seed", seed) == 0
    a, b, c = (np.asarray(Image.open(here / name)) for name in ("a.png", "b.png", "c.png"))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


# gradcheck


@pytest.fixture
def equations_only(monkeypatch):
    monkeypatch.setattr(cli.gradcheck, "OPS", {"equations": equations})


def test_gradcheck_passes(capsys):
    assert call("gradcheck", "--json") == 0
    out, err = capsys.readouterr()
    found = json.loads(out.splitlines()[-1])
    assert err == "" and found["passed"] is True and found["tolerance"] == 1e-6
    assert {row["ops"] for row in found["rows"]} == OPS.keys()
    assert all(row["passed"] and row["worst"]["relative_error"] < 1e-6 for row in found["rows"])
    lines = out.splitlines()
    assert len(lines) == len(found["rows"]) + 3  # the head, the verdict, the JSON
    assert f"all {len(found['rows'])} rows agree" in lines[-2] and "WRONG" not in out


def plant(monkeypatch, name, change):
    """Make the derivative of a function of the equations wrong."""
    right = getattr(equations, name)
    wrong = primitive(lambda x: x * 1.0)
    defvjp(wrong, lambda answer, x: change)
    monkeypatch.setattr(equations, name, lambda mu, sigma: right(mu, wrong(sigma)))


def test_gradcheck_says_what_is_wrong(equations_only, monkeypatch, capsys):
    plant(monkeypatch, "kl", lambda g: 2 * g)
    assert call("gradcheck", "--json") == 1
    out, err = capsys.readouterr()
    assert "equations kl: the derivative with respect to sigma is off by 0.5: finite differences say " in err
    assert "a factor of 2\n" in err and "with respect to mu" not in err.splitlines()[0]
    assert any(line.startswith("equations   kl ") and line.endswith("sigma  WRONG") for line in out.splitlines())
    found = json.loads(out.splitlines()[-1])
    assert found["passed"] is False
    rows = {row["function"]: row for row in found["rows"]}
    assert not rows["kl"]["passed"] and rows["kl"]["worst"]["argument"] == "sigma" and rows["lstm"]["passed"]


@pytest.mark.parametrize("factor", [np.nan, 1 + 1e-5])
def test_gradcheck_finds_a_small_error_and_no_number_at_all(equations_only, monkeypatch, capsys, factor):
    plant(monkeypatch, "kl", lambda g: g * factor)
    assert call("gradcheck") == 1
    assert "equations kl: the derivative with respect to sigma is off" in capsys.readouterr().err


def test_gradcheck_of_a_gradient_that_is_zero(equations_only, monkeypatch, capsys):
    """The commonest mistake of all, a gradient that does not arrive, ends in a line too."""
    right = equations.kl
    monkeypatch.setattr(equations, "kl", lambda mu, sigma: right(mu, stop_gradient(sigma)))
    assert call("gradcheck") == 1
    err = capsys.readouterr().err
    assert "kl" in err and "sigma" in err and "Traceback" not in err


# presets, bench, datasets and the rest


def test_presets(capsys):
    """All of them, or one."""
    assert call("presets", "small") == 0
    out, err = capsys.readouterr()
    assert err == "" and out == in_words(SMALL) + "\n"
    assert out.startswith("small: DRAW (") and "\n- 4 updates at T = 2, Adam, rate from 0 to 0.004.\n" in out
    assert call("presets") == 0
    assert capsys.readouterr().out == "\n\n".join(map(in_words, PRESETS.values())) + "\n"


def test_bench(capsys, monkeypatch):
    """What is asked for reaches the benchmark, and what it finds is printed; tests/benchmark runs it."""
    asked = []

    def run(*args):
        asked.extend(args)
        return {"equations_s": 0.123456, "torch_s": None, "steps": args[0], "notes": []}

    monkeypatch.setattr(benchmark, "run", run)
    assert call("bench", "--steps", 3, "--batch", 4, "--threads", 2, "--repeats", 6, "--json") == 0
    assert asked == [3, 4, 2, 6, OPS]
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1]) == run(3)
    assert [line.split() for line in lines[:3]] == [["equations_s", "0.1235"], ["torch_s", "None"], ["steps", "3"]]


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="Windows does not say how much memory there is")
@pytest.mark.parametrize("option, number", [("--steps", 10**6), ("--steps", 10**400), ("--batch", 10**8)], ids=str)
def test_a_bench_of_more_memory_than_there_is(fails, option, number):
    error = fails("bench", option, number)
    assert "a training step of this size needs more " in error and "ask for fewer --steps or a smaller" in error


def test_a_bench_on_a_gpu_has_no_use_for_cores(fails, monkeypatch):
    monkeypatch.setattr(cli.bench, "on_gpu", lambda: True)
    assert "--threads is for the cores of the processor" in fails("bench", "--threads", 2)


def test_a_bench_that_cannot_be_made(fails, monkeypatch):
    assert "threads must be at most" in fails("bench", "--threads", 10**6)

    def run(*args):
        raise RuntimeError("equations: ran out of memory")

    monkeypatch.setattr(benchmark, "run", run)
    assert "equations: ran out of memory" in fails("bench")


def test_datasets(capsys):
    for argv in (("datasets",), ("datasets", "list")):
        assert call(*argv) == 0
        out = capsys.readouterr().out
        assert all(f"{name}\n" in out for name in datasets.NAMES)
        assert out.count("not here") == 2  # the two in colour
    assert call("datasets", "list", "--json") == 0
    rows = {row["name"]: row for row in last_json(capsys)["datasets"]}
    assert rows.keys() == set(datasets.NAMES) and all(rows[name]["here"] for name in ("mnist", "binarized-mnist"))
    assert call("datasets", "verify", "mnist") == 0
    assert capsys.readouterr().out.count("MD5 as published") == 4
    assert call("datasets", "fetch", "mnist") == 0 and capsys.readouterr().out == "mnist is in place\n"
    assert call("datasets", "verify", "binarized-mnist") == 0
    assert capsys.readouterr().out.count("SHA-256 of the bits as known") == 3


def test_fetching_says_what_was_compared(monkeypatch, capsys):
    monkeypatch.setattr(datasets, "fetch", lambda name: [f"{name}.text: as known"])
    assert call("datasets", "fetch", "binarized-mnist") == 0
    assert capsys.readouterr().out == "binarized-mnist.text: as known\nbinarized-mnist is in place\n"


COMMANDS = *NUMBERS, "gradcheck", "presets", "datasets"


@pytest.mark.parametrize("argv", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help(argv, capsys):
    assert call(*argv) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: python -m draw_np") and err == ""


def test_help_names_weights_that_the_command_takes(capsys):
    """Of all: a command refuses the others, so every name is one to go on with."""
    taken = {"evaluate": {*MODELS}, "sample": {"draw", "vae"}, "play": {"draw"}}
    for command, models in taken.items():
        call(command, "--help")
        told = set(" ".join(capsys.readouterr().out.split()).replace(",", "").split())
        names = {name for name in pretrained.names() if pretrained.load_record(name)["model"] in models}
        assert told & {*pretrained.names()} == names


def test_as_a_program(here):
    child = start("evaluate", "--weights", "nothing", "--dataset", "mnist")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 1 and out == b"" and err.count(b"\n") == 1 and err.startswith(b"draw_np: no weights")
    child = start("trane")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 2 and out == b"" and err.count(b"\n") == 1
    child = start("datasets", "list", "--json")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0 and err == b"" and "datasets" in json.loads(out.splitlines()[-1])


def test_a_reader_that_goes_away(here):
    """As in `python -m draw_np datasets | head -0`."""
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "draw_np", "datasets"]
    found = subprocess.run(command, env=environment, stdout=writing, stderr=subprocess.PIPE, timeout=60)
    os.close(writing)
    assert found.returncode != 0 and found.stderr.count(b"\n") <= 1 and b"Traceback" not in found.stderr


def test_alone_it_says_what_to_do_first_and_that_works(capsys):
    assert cli.main([]) == 0
    commands = re.findall(r"python -m draw_np (.*?)(?:  |\n|$)", capsys.readouterr().out)
    assert len(commands) > 5 and commands[-1] == "--help"
    for command in commands[:-1]:
        assert cli.make_parser().parse_args(command.split()).run


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"draw_np {cli.__version__}\n"


def test_what_is_typed_is_what_training_is_asked_for(here, monkeypatch):
    asked = []
    monkeypatch.setattr(cli.train, "train", lambda *args, **how: asked.append((args, how)) or True)
    options = {"seed": 3, "updates": 2, "checkpoint_every": 7, "ops": "equations", "threads": 2, "keep_every": 4}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    assert call("train", "--preset", "small", "--out", "x", "--resume", *words) == 0
    ((args, how),) = asked
    assert args == (SMALL, "x") and how["resume"] is True and how["epochs"] is None and how["start"] is None
    assert {name: how[name] for name in options} == options
    call("train", "--preset", "small", "--out", "x", "--epochs", 5)
    assert asked[1][1]["epochs"] == 5 and asked[1][1]["resume"] is False and asked[1][1]["checkpoint_every"] == 100


def test_a_classifier_s_weights_that_give_no_numbers(saved, capsys):
    params = glimpse_classifier.init_params(CLASSIFIER, np.random.default_rng(0))
    params["classes"]["b"][:] = np.where(np.arange(CLASSIFIER.classes) % 2, -3e38, 3e38)
    with np.errstate(all="ignore"):
        words = "evaluate", "--dataset", "cluttered-mnist", "--images", 20, "--weights", saved(CLASSIFIER, params)
        assert call(*words) == 1
    out, err = capsys.readouterr()
    assert out == "" and "these weights are of no use" in err


def test_the_listing_says_what_is_not_here(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DRAW_NP_DATA", str(tmp_path))
    assert call("datasets") == 0
    out = capsys.readouterr().out
    for name in datasets.NAMES:
        state = out.split(f"{name}\n")[1].strip()
        fetch = f"not here: python -m draw_np datasets fetch {name}, "
        assert state.startswith(fetch if name in ("cifar10", "svhn") else "here, ")


def test_the_estimate_is_told_with_its_own_error(weights, capsys):
    command = ("evaluate", "--weights", weights, "--dataset", "mnist", "--images", 20, "--importance-samples", 9)
    assert call(*command, "--json") == 0
    out = capsys.readouterr().out
    found = json.loads(out.splitlines()[-1])
    said = "importance samples: {nll_estimate:.2f} +- {nll_estimate_standard_error:.2f} nats\n".format(**found)
    assert said in out and f"{found['nll_estimate_standard_error']:.2f}" != f"{found['standard_error']:.2f}"
