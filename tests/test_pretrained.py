"""The shipped weights load, are as good as their record says, and draw."""

import dataclasses
import json
import shlex

import numpy as np
import pytest

from draw_np import datasets, kernels, load_pretrained, pretrained
from draw_np.cli import make_parser
from draw_np.models import MODELS, draw
from draw_np.pretrained import __main__ as shipping
from draw_np.pretrained import load_curve, load_record
from draw_np.pretrained import readme as page
from draw_np.pretrained.__main__ import errors, main, quick_check
from draw_np.pretrained.readme import readme
from draw_np.training.checkpoint import CheckpointError, describe, load, load_weights, save
from draw_np.training.evaluation import evaluate
from draw_np.training.loop import train
from draw_np.training.presets import PRESETS
from draw_np.training.trees import named_leaves

NAMES = pretrained.names()
CLASSIFIERS = [name for name in NAMES if MODELS[PRESETS[name].model].MEASURE == "error"]


def test_there_are_some_and_each_has_a_record():
    assert "mnist" in NAMES
    assert [name for name in NAMES if not (pretrained.FOLDER / f"{name}.json").is_file()] == []


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CLASSIFIERS])
def test_bound_on_digits_that_are_always_here(name):
    params, model, config, _ = load_weights(pretrained.find(name))
    record = load_record(name)
    found = quick_check(model, params, config, record["recipe"]["dataset"])
    assert found["images"] == record["quick"]["images"]
    assert found["nll_bound"] == pytest.approx(record["quick"]["nll_bound"], abs=0.02)  # another BLAS rounds otherwise


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_error_on_all_images(name):
    """The 10,000 images are made from digits that are always here."""
    params, model, config, _ = load_weights(pretrained.find(name))
    said, found = load_record(name)["measured"], errors(model, params, config, "cluttered-mnist")
    for split in ("valid", "test"):
        assert found[split]["images"] == said[split]["images"] == 10_000
        assert found[split]["error"] == pytest.approx(said[split]["error"], abs=0.05)  # another BLAS rounds otherwise
        assert found[split]["cross_entropy"] == pytest.approx(said[split]["cross_entropy"], abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_record_is_of_the_preset_as_it_stands(name):
    _, model, config, meta = load_weights(pretrained.find(name))
    preset, record = PRESETS[name], load_record(name)
    assert meta["preset"] == name and config == preset.config
    assert record["recipe"]["dataset"] == preset.data_name


def test_bound_on_the_fixed_binarized_test_images():
    row = next(row for row in datasets.listing() if row.name == "binarized-mnist")
    if not row.here:
        pytest.skip("the fixed binarized MNIST is not here: python -m draw_np datasets fetch binarized-mnist")
    params, config = load_pretrained("mnist")
    images = datasets.load("binarized-mnist", "test").images[::10]  # the first ones are harder than most
    found = evaluate(draw, params, config, images, np.random.default_rng(0), ops=kernels)
    said = load_record("mnist")["measured"]["test"]["nll_bound"]
    assert abs(found.nll_bound - said) < 4 * found.standard_error  # a tenth of the images


def test_digits_are_drawn():
    """Generated images are nearly black and white, and about as much of them is on as of MNIST's digits."""
    params, config = load_pretrained("mnist")
    canvases, windows = draw.generate(params, config, draw.sample_noise(config, 50, np.random.default_rng(0)))
    means = kernels.pixel_means(canvases[-1])
    assert 0.08 < means.mean() < 0.19
    assert (np.abs(means - 0.5) > 0.4).mean() > 0.85
    assert windows.g_X.shape == (config.steps, 50)


def test_unknown_name():
    with pytest.raises(CheckpointError, match="no weights and no file of the name 'mnits'; did you mean mnist?"):
        load_pretrained("mnits")


@pytest.mark.parametrize("name", NAMES)
def test_commands_of_the_record_are_commands(name):
    record = load_record(name)
    for job, command in (("train", "train"), ("resume", "train"), ("evaluate", "evaluate")):
        program, arguments = record[job].split(" draw_np ")
        assert program == "python -m"
        assert make_parser().parse_args(shlex.split(arguments)).command == command
    again = make_parser().parse_args(record["train"].split()[3:])
    assert (again.preset, again.seed, again.resume) == (name, record["seed"], False)
    further = make_parser().parse_args(record["resume"].split()[3:])
    assert further.resume and (further.updates or record["length"]) > record["update"]
    *_, (_, first, end) = PRESETS[name].recipe.spans(further.updates or record["length"])
    assert first <= record["update"] < end  # it goes on in the recipe's last phase


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_a_bound_add_up(name):
    for split, found in load_record(name)["measured"].items():
        assert split in datasets.SPLITS and found["images"] == 10_000 and found["standard_error"] > 0
        if "nll_bound" in found:
            assert found["nll_bound"] == pytest.approx(found["reconstruction"] + found["kl"], abs=2e-4)
        if "kl_per_step" in found:
            assert sum(found["kl_per_step"]) == pytest.approx(found["kl"], abs=0.01)
            assert found["nll_estimate"] < found["nll_bound"]  # Jensen


@pytest.mark.parametrize("name", NAMES)
def test_a_committed_checkpoint_is_where_the_weights_ended(name):
    file = pretrained.FOLDER.parents[1] / "checkpoints" / name / "checkpoint.npz"
    if not file.exists():
        assert f"copy `checkpoints/{name}`" not in readme()
        return
    trees, meta = load(file)
    assert meta["update"] == load_record(name)["update"]
    params, _ = load_pretrained(name)
    averages = named_leaves(trees["average"])
    for leaf, value in named_leaves(params).items():
        np.testing.assert_array_equal(averages[leaf], value, err_msg=leaf)


@pytest.mark.parametrize("name", NAMES)
def test_loss_curve_ends_where_the_record_does(name):
    if not (pretrained.FOLDER / f"{name}.csv").exists():
        with pytest.raises(CheckpointError, match="no loss curve"):
            load_curve(name)
        return
    curve, record = load_curve(name), load_record(name)
    assert curve["update"][-1] == record["update"] or record["update"] < record["length"]
    assert np.all(np.diff(curve["update"]) > 0) and np.all(np.diff(curve["seconds"]) > 0)


def test_readme_is_made_from_the_records_as_they_are():
    """If this fails: python -m draw_np.pretrained --readme"""
    assert (pretrained.FOLDER / "README.md").read_text("utf-8") == readme()


def test_a_run_is_shipped_whole(tmp_path, monkeypatch):
    """From a folder as training leaves it: weights, record, curve and page."""
    run, shelf = tmp_path / "run", tmp_path / "shelf"
    shelf.mkdir()
    config = draw.Config(steps=2, hidden=5, latent=4, read_size=2, write_size=3)
    preset = dataclasses.replace(PRESETS["tiny"], config=config, data="mnist")
    monkeypatch.setitem(PRESETS, "tiny", preset)
    train(preset, run, epochs=2)
    few = {split: datasets.Split(*(part[:20] for part in datasets.load("mnist", split))) for split in datasets.SPLITS}
    monkeypatch.setattr(datasets, "load", lambda name, split: few[split])
    for module in (pretrained, shipping, page):
        monkeypatch.setattr(module, "FOLDER", shelf)
    main(["tiny", str(run), "one core", "--importance-samples", "3"])
    params, config = load_pretrained("tiny")
    np.testing.assert_array_equal(params["mu"]["W"], load(run / "weights.npz")[0]["params"]["mu"]["W"])
    record, curve, text = load_record("tiny"), load_curve("tiny"), (shelf / "README.md").read_text("utf-8")
    assert config == preset.config and record["update"] == 32
    assert record["train"] == "python -m draw_np train --preset tiny --out runs/tiny --seed 0 --updates 32"
    assert record["resume"] == "python -m draw_np train --preset tiny --out runs/tiny --resume --updates 64"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert curve["update"].tolist() == [16, 32]
    assert curve["nats"][1] == pytest.approx(np.mean([line["nats"] for line in lines[16:]]), abs=1e-3)
    assert curve["validation"][1] == lines[31]["validation"]
    measured = evaluate(draw, params, config, few["test"].images, np.random.default_rng(0), 3, kernels)
    assert record["measured"]["test"]["nll_estimate"] == pytest.approx(measured.nll_estimate, abs=1e-3)
    for words in (f"{measured.nll_bound:.2f} +- ", "K = 3", "32 updates", "one core", record["train"]):
        assert words in text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["mnist"],
        ["nothing", "run", "where"],
        ["mnist", "no/such/run", "where"],
        ["vae", "run", "where"],
        ["mnist", "run", "where", "--importance-samples", "1"],
    ],
)
def test_bad_orders_change_nothing(arguments, tmp_path, monkeypatch):
    run, shelf = tmp_path / "run", tmp_path / "shelf"
    config = draw.Config(steps=2, hidden=5, latent=4, read_size=2, write_size=3)
    params = draw.init_params(config, np.random.default_rng(0))
    run.mkdir()
    shelf.mkdir()
    save(run / "checkpoint.npz", {"params": params}, describe("draw", config, preset="mnist"))
    monkeypatch.chdir(tmp_path)
    for module in (pretrained, shipping, page):
        monkeypatch.setattr(module, "FOLDER", shelf)
    with pytest.raises((SystemExit, CheckpointError)):
        main(arguments)
    assert list(shelf.iterdir()) == []
