"""The shipped weights load, are as good as their record says, and draw."""

import dataclasses
import json
import shlex
import shutil

import numpy as np
import pytest

from draw_np import datasets, kernels, load_pretrained, pretrained
from draw_np.cli import make_parser
from draw_np.datasets import cifar10, svhn
from draw_np.models import MODELS, draw, glimpse_classifier
from draw_np.pretrained import load_curve, load_record
from draw_np.training import loop
from draw_np.training.checkpoint import CheckpointError, describe, load, load_weights, save
from draw_np.training.evaluation import evaluate, evaluate_classifier
from draw_np.training.loop import train
from draw_np.training.presets import PRESETS
from draw_np.training.recipe import Phase, Recipe, Run
from draw_np.training.trees import named_leaves
from draw_np.training.words import in_words
from tools import record as page
from tools import ship as shipping
from tools.ship import errors, main, quick_check

NAMES = pretrained.names()
CLASSIFIERS = [name for name in NAMES if MODELS[PRESETS[name].model].MEASURE == "error"]


def test_there_are_some_and_each_has_a_record():
    assert "mnist" in NAMES
    assert [name for name in NAMES if not (pretrained.FOLDER / f"{name}.json").is_file()] == []


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CLASSIFIERS])
def test_bound_on_digits_that_are_always_here(name):
    params, model, config, _ = load_weights(pretrained.find(name))
    record = load_record(name)
    if not next(row.here for row in datasets.listing() if row.name == record["dataset"]):
        pytest.skip(f"{record['dataset']} is not here")
    found = quick_check(model, params, config, record["dataset"])
    said = record["quick"]
    if datasets.is_raw(record["dataset"]) and found["floor"] != pytest.approx(said["floor"], abs=1e-2):
        pytest.skip(f"the images of {record['dataset']} that are here are not those of the record")
    assert found["images"] == said["images"]
    assert found["nll_bound"] == pytest.approx(said["nll_bound"], abs=0.02)  # another BLAS rounds otherwise


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_error_on_all_images(name):
    """The 10,000 images are made from digits that are always here."""
    params, model, config, _ = load_weights(pretrained.find(name))
    said, found = load_record(name)["measured"], errors(model, params, config, "cluttered-mnist", ["valid", "test"])
    for split in ("valid", "test"):
        assert found[split]["images"] == said[split]["images"] == 10_000
        assert found[split]["error"] == pytest.approx(said[split]["error"], abs=0.05)  # another BLAS rounds otherwise
        assert found[split]["cross_entropy"] == pytest.approx(said[split]["cross_entropy"], abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_record_is_of_the_preset_as_it_stands(name):
    _, model, config, meta = load_weights(pretrained.find(name))
    preset, record = PRESETS[name], load_record(name)
    trained = shipping.trained_config(preset, record["update"], record["length"])
    assert meta["preset"] == name and config == trained
    assert record["update"] < record["length"] or config == preset.config
    assert record["dataset"] == preset.data


def test_bound_on_the_fixed_binarized_test_images():
    """A thousand images from all over the set: its first thousand are harder, 91.70 nats."""
    params, config = load_pretrained("mnist")
    images = datasets.load("binarized-mnist", "test").images[::10]
    found = evaluate(draw, params, config, images, np.random.default_rng(0), ops=kernels)
    print(f"mnist, every tenth image of the fixed binarized test set: {found.nll_bound:.4f} nats")
    said = load_record("mnist")["measured"]["test"]
    assert found.images == 1000 and said["images"] == 10_000
    assert found.nll_bound == pytest.approx(80.7266, abs=0.02)  # another BLAS rounds otherwise
    assert abs(found.nll_bound - said["nll_bound"]) < 3 * found.standard_error


def test_digits_are_drawn():
    """Generated images are nearly black and white, and about as much of them is on as of MNIST's digits."""
    params, config = load_pretrained("mnist")
    canvases, windows = draw.generate(params, config, draw.sample_noise(config, 50, np.random.default_rng(0)))
    means = kernels.pixel_means(canvases[-1])
    assert 0.08 < means.mean() < 0.19
    assert (np.abs(means - 0.5) > 0.4).mean() > 0.85
    assert windows.g_X.shape == (config.steps, 50)


def test_unknown_name():
    for wrong in (None, 3, 1.5, ["mnist"], np.ones((3, 3)), b"mnist"):
        with pytest.raises(CheckpointError, match="^no weights and no file of the name [^\n]+$"):
            load_pretrained(wrong)
    with pytest.raises(CheckpointError, match=r"no weights and no file of the name 'mnits' \(did you mean 'mnist'\?\)"):
        load_pretrained("mnits")


def test_the_folder_of_a_run_gets_its_weights(tmp_path):
    (tmp_path / "weights.npz").touch()
    with pytest.raises(CheckpointError, match=rf"\(did you mean {str(tmp_path / 'weights.npz')!r}\?\)"):
        load_pretrained(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_commands_of_the_record_are_commands(name):
    record = load_record(name)
    for command in ("train", "evaluate"):
        program, arguments = record[command].split(" draw_np ")
        assert program == "python -m"
        assert make_parser().parse_args(shlex.split(arguments)).command == command
    again = make_parser().parse_args(record["train"].split()[3:])
    assert (again.preset, again.seed, again.resume) == (name, record["seed"], False)


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_a_bound_add_up(name):
    record = load_record(name)
    for split, found in record["measured"].items():
        assert split in (*datasets.SPLITS, "train_random") and found["standard_error"] > 0
        assert found["images"] == 10_000 or datasets.is_raw(record["dataset"])  # of which fewer may be at hand
        if "mean_image" in found:
            assert found["floor"] < found["nll_bound"] < found["mean_image"]
        if "nll_bound" in found:
            assert found["nll_bound"] == pytest.approx(found["reconstruction"] + found["kl"], abs=2e-4)
        if "kl_per_step" in found:
            assert sum(found["kl_per_step"]) == pytest.approx(found["kl"], abs=0.01)
            assert found["nll_estimate"] < found["nll_bound"]  # Jensen


def test_weights_of_ones_own_have_no_record(tmp_path):
    mine = str(shutil.copy(pretrained.find("vae"), tmp_path / "mine.npz"))
    with pytest.raises(CheckpointError, match="mine.npz' have no record mine.json beside them"):
        load_record(mine)


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
    """If this fails: python tools/ship.py --readme"""
    assert (pretrained.FOLDER / "README.md").read_text("utf-8") == page.page()


def test_the_record_says_when_validation_passed(tmp_path, monkeypatch):
    (tmp_path / "tiny.npz").touch()
    rows = "900,8,120,111.0", "1800,16,99.0,100.0", "3600,32,89.0,90.5", "5400,32,95.0,84.9", "7200,64,82.0,86.0"
    (tmp_path / "tiny.csv").write_text("\n".join(["seconds,steps,validation,validation_average", *rows]))
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    record = {"dataset": "binarized-mnist", "threads": 2}
    expected = "100 nats after 1.00 (T = 16); 90 nats after 3.00 (T = 32); 85 nats after 3.00 (T = 32)"
    assert page.passed("tiny", record) == expected
    assert page.passed("tiny", record | {"dataset": "svhn"}) == ""
    (tmp_path / "tiny.csv").unlink()
    assert page.passed("tiny", record) == ""


def test_a_record_tells_its_preset_as_it_stands():
    """But for those of before, which say so."""
    for name in NAMES:
        record = load_record(name)
        assert record.get("earlier") or record["told"] == in_words(PRESETS[name]).splitlines()


def small_preset(monkeypatch):
    """The preset `tiny` with a smaller model, on few images, and pruned half-way."""
    load = datasets.load
    few = {split: datasets.Split(load("binarized-mnist", split).images[:40], None) for split in datasets.SPLITS}
    monkeypatch.setattr(datasets, "load", lambda name, split: few[split])
    config = draw.Config(steps=2, hidden=5, latent=4, read_size=2, write_size=3)
    phases = Phase(2, 1e-2), Phase(2, 1e-2, prune=True, optimiser="schedule-free")
    preset = Run("tiny", "draw", config, "binarized-mnist", Recipe(phases, batch=20, validation_images=20))
    monkeypatch.setitem(PRESETS, "tiny", preset)
    return preset, few


@pytest.mark.parametrize("fewest, validated", [(1, [2, 4]), (10, [4])])
def test_a_run_is_shipped_whole(fewest, validated, tmp_path, monkeypatch):
    """From a folder as training leaves it: weights, record, curve and page."""
    monkeypatch.setattr(loop, "FEWEST", fewest)
    run, shelf = tmp_path / "run", tmp_path / "shelf"
    shelf.mkdir()
    preset, few = small_preset(monkeypatch)
    train(preset, run, epochs=2)
    for module in (pretrained, shipping):
        monkeypatch.setattr(module, "FOLDER", shelf)
    main(["tiny", str(run), "one core", "--importance-samples", "3"])
    params, config = load_pretrained("tiny")
    whole = named_leaves(load(run / "weights.npz")[0]["params"])
    assert {leaf.dtype for leaf in named_leaves(load(shelf / "tiny.npz")[0]).values()} == {np.dtype(np.float16)}
    for leaf, value in named_leaves(params).items():
        assert value.dtype == np.float32 and value.shape == whole[leaf].shape
        np.testing.assert_array_equal(value, whole[leaf].astype(np.float16), err_msg=leaf)
    record, curve, text = load_record("tiny"), load_curve("tiny"), (shelf / "README.md").read_text("utf-8")
    assert config == preset.config and record["update"] == 4 and record["stored_as"] == "float16"
    assert record["train"] == "python -m draw_np train --preset tiny --out runs/tiny --seed 0"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert curve["update"].tolist() == validated
    since = [0, *validated][-2]
    assert curve["nats"][-1] == pytest.approx(np.mean([line["nats"] for line in lines[since:]]), abs=1e-3)
    assert curve["validation"][-1] == lines[3]["validation"]
    measured = evaluate(draw, params, config, few["test"].images, np.random.default_rng(0), 3, kernels)
    assert record["measured"]["test"]["nll_estimate"] == pytest.approx(measured.nll_estimate, abs=1e-3)
    assert record["measured"]["test"]["nll_bound"] == pytest.approx(measured.nll_bound, abs=1e-3)
    mean = np.clip(few["train"].images[::5].mean(axis=0), 1e-3, 1 - 1e-3)
    costs = few["test"].images * np.log(mean) + (1 - few["test"].images) * np.log(1 - mean)
    assert record["measured"]["test"]["mean_image"] == pytest.approx(-costs.sum() / 40, rel=1e-5)
    assert record["measured"]["test"]["floor"] == 0
    words = f"{measured.nll_bound:.2f} +- ", f"(mean image {-costs.sum() / 40:.2f})", "K = 3", "4 updates", "one core"
    for each in (*words, record["train"], *record["told"]):
        assert each in text


@pytest.mark.parametrize("update, steps", [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 7), (6, 7)])
def test_a_run_is_shipped_midway_with_the_steps_it_has_learned(update, steps):
    """Of images of the usual size, whatever it was shown."""
    config = draw.Config(steps=7, hidden=5, latent=4, read_size=2, write_size=3)
    phases = Phase(1, 1e-2, {"steps": 1}), Phase(1, 1e-2, {"steps": 2}), Phase(1, 1e-2)
    preset = Run("small", "draw", config, "binarized-mnist", Recipe(phases))
    assert shipping.trained_config(preset, update, 6) == dataclasses.replace(config, steps=steps)


def test_a_run_without_a_whole_epoch_has_no_curve(tmp_path):
    """Nor is that of earlier weights kept."""
    metrics, path = tmp_path / "metrics.jsonl", tmp_path / "tiny.csv"
    for text in None, "", '{"update": 1, "seconds": 0.5, "steps": 2, "nats": 90.0}\n':
        path.write_text("of earlier weights")
        if text is not None:
            metrics.write_text(text)
        shipping.ship_curve(metrics, path)
        assert not path.exists()


@pytest.mark.parametrize("above", [{}, {"validation_above_floor": 4.5, "validation_average_above_floor": 3.5}])
def test_a_curve_has_what_the_run_told_of_its_floor(above, tmp_path):
    """The images validated on may be some of those that the record measures, with another floor."""
    rows = [{"update": 1, "seconds": 0.5, "nats": 90.0}, {"update": 2, "seconds": 1.0, "nats": 80.0}]
    rows[1] |= {"validation": 70.5, "validation_average": 69.5, **above}
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shipping.ship_curve(tmp_path / "metrics.jsonl", tmp_path / "tiny.csv")
    kept = ["update", "seconds", "nats", "validation", "validation_average"], ["2", "1.0", "85.0", "70.5", "69.5"]
    more = ["validation_average_above_floor"], ["3.5"]
    expected = [row + extra * bool(above) for row, extra in zip(kept, more)]
    assert [line.split(",") for line in (tmp_path / "tiny.csv").read_text().splitlines()] == expected


@pytest.mark.parametrize("count, step", [(23, 5), (61, 6)])
def test_house_numbers_are_measured_at_their_centres_and_at_random_places(count, step, monkeypatch):
    """By raw pixels: of the whole set, as floats, 8 GB would be loaded."""
    rng = np.random.default_rng(0)
    pixels = {"train": rng.integers(256, size=(count, 64, 64, 3), dtype=np.uint8)}
    monkeypatch.setattr(svhn, "raw", pixels.__getitem__)
    monkeypatch.setattr(svhn, "digits", lambda split: None)
    monkeypatch.setattr(shipping, "MANY", 10)
    assert shipping.measured_parts("svhn") == ("train", "train_random", "valid", "test")
    centres, pieces = (shipping.some_of("svhn", part).images for part in ("train", "train_random"))
    chosen = pixels["train"][::step]
    assert np.array_equal(centres, chosen[:, 5:59, 5:59] / np.float32(255))
    assert np.array_equal(pieces, datasets.augment("svhn", chosen, np.random.default_rng(0)))
    pixels["valid"] = pixels["train"][::-1]
    mean = centres.mean(axis=0, dtype=np.float64)
    valid = datasets.load("svhn", "valid").images
    for part, images in (("train", centres), ("train_random", pieces), ("valid", valid)):
        costs = images * np.log(mean) + (1 - images) * np.log(1 - mean)
        found = shipping.of_mean_image(draw.Config(54, 54, 3), "svhn", [part])
        assert found == {part: pytest.approx(-costs.sum() / len(images), rel=1e-5)}


def test_photographs_are_shown_whole_and_have_no_random_places(monkeypatch):
    photographs = np.random.default_rng(0).integers(256, size=(12, 32, 32, 3), dtype=np.uint8)
    monkeypatch.setattr(cifar10, "raw", lambda split: photographs)
    assert shipping.measured_parts("cifar10") == datasets.SPLITS == shipping.measured_parts("mnist")
    assert np.array_equal(shipping.some_of("cifar10", "train").images, photographs[::5] / np.float32(255))


def test_a_bound_is_told_beside_its_floor_and_the_mean_image():
    found = {"nll_bound": 5250.0, "floor": 5000.0, "mean_image": 7000.0}
    assert page.compared(found) == " (250.00 above the floor of 5000.00: 0.125 of the mean image's 2000.00)"
    assert page.compared({**found, "floor": 0.0}) == " (mean image 7000.00)"
    assert page.compared({"error": 3.0}) == page.compared({"nll_bound": 80.0}) == ""


def test_weights_that_float16_would_spoil_are_kept_as_they_are(tmp_path, monkeypatch):
    run, shelf = tmp_path / "run", tmp_path / "shelf"
    shelf.mkdir()
    preset, _ = small_preset(monkeypatch)
    train(preset, run, epochs=2)
    for module in (pretrained, shipping):
        monkeypatch.setattr(module, "FOLDER", shelf)
    monkeypatch.setattr(shipping, "CLOSE", 0.0)
    main(["tiny", str(run), "one core", "--importance-samples", "2"])
    whole = named_leaves(load(run / "weights.npz")[0]["params"])
    for leaf, value in named_leaves(load_pretrained("tiny")[0]).items():
        np.testing.assert_array_equal(value, whole[leaf], err_msg=leaf)
    assert load_record("tiny")["stored_as"] == "float32"


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
    for module in (pretrained, shipping):
        monkeypatch.setattr(module, "FOLDER", shelf)
    with pytest.raises((SystemExit, CheckpointError)):
        main(arguments)
    assert list(shelf.iterdir()) == []


def test_the_record_s_command_has_the_seed_the_length_and_the_threads_of_the_run(tmp_path, monkeypatch):
    run, shelf = tmp_path / "run", tmp_path / "shelf"
    shelf.mkdir()
    preset, _ = small_preset(monkeypatch)
    train(preset, run, updates=3, seed=2)
    trees, meta = load(run / "checkpoint.npz")
    save(run / "checkpoint.npz", trees, {**meta, "threads": 2})
    for module in (pretrained, shipping):
        monkeypatch.setattr(module, "FOLDER", shelf)
    main(["tiny", str(run), "two cores", "--importance-samples", "2"])
    command = "python -m draw_np train --preset tiny --out runs/tiny --seed 2 --updates 3 --threads 2"
    assert load_record("tiny")["train"] == command


def test_a_classifier_is_shipped_with_its_errors(tmp_path, monkeypatch):
    run, shelf = tmp_path / "run", tmp_path / "shelf"
    shelf.mkdir()
    few = datasets.sample("cluttered-mnist", np.random.default_rng(1), 20, "valid")
    monkeypatch.setattr(datasets, "load", lambda name, split: few)
    monkeypatch.setattr(shipping, "MANY", 30)
    config = glimpse_classifier.Config(steps=2, hidden=5, read_size=3)
    recipe = Recipe((Phase(2, 1e-3),), batch=5, validation_images=20)
    preset = Run("tiny", "glimpse_classifier", config, "cluttered-mnist", recipe)
    monkeypatch.setitem(PRESETS, "tiny", preset)
    train(preset, run)
    for module in (pretrained, shipping):
        monkeypatch.setattr(module, "FOLDER", shelf)
    main(["tiny", str(run), "one core"])
    params, _ = load_pretrained("tiny")
    measured = load_record("tiny")["measured"]
    fresh = datasets.sample("cluttered-mnist", np.random.default_rng(0), 30)
    for part, split in ("train", fresh), ("valid", few), ("test", few):
        found = evaluate_classifier(glimpse_classifier, params, config, *split, kernels)
        assert measured[part] == {key: round(value, 4) for key, value in found._asdict().items()}


def test_of_a_classifier_it_is_the_cross_entropy_that_float16_must_not_move():
    params = {"W": np.array([1 + 2**-12], np.float32)}

    def measure(params):
        return {"valid": {"error": 5.0, "cross_entropy": 1e3 * float(params["W"][0])}}

    assert shipping.as_small_as_may_be(params, measure) == (params, "float32")
