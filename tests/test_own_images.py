"""Training on images of one's own: the sizes of the images, the rest of the preset, the same promises."""

import dataclasses
import os
import re
import shlex
import signal

import numpy as np
import pytest
from PIL import Image

from draw_np.cli import main
from draw_np.training import checkpoint, loop
from draw_np.training.data import of_images
from draw_np.training.presets import PRESETS
from draw_np.training.run import again


@pytest.fixture
def pictures(tmp_path):
    """Seventy pictures of a bright square on 9 x 11 pixels, in colour."""
    rng, folder = np.random.default_rng(0), tmp_path / "my pictures"
    folder.mkdir()
    for k in range(70):
        picture, (y, x) = np.zeros((9, 11, 3), np.uint8), rng.integers(0, 6, 2)
        picture[y : y + 4, x : x + 4] = (250, 200, 90)
        Image.fromarray(picture).save(folder / f"{k:02}.png")
    return folder


def test_train_evaluate_and_sample(tmp_path, pictures, capsys):
    out = tmp_path / "run"
    train = ["train", "--preset", "tiny", "--images", str(pictures), "--out", str(out)]
    assert main([*train, "--updates", "6"]) == 0
    _, _, config, meta = checkpoint.load_weights(out / "weights.npz")
    assert (config.height, config.width, config.channels) == (9, 11, 3)
    assert config.hidden == PRESETS["tiny"].config.hidden and meta["dataset"] == str(pictures)
    assert main([*train, "--resume", "--updates", "8"]) == 0
    weights = ["--weights", str(out / "weights.npz")]
    assert main(["evaluate", *weights, "--images", str(pictures)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"70 images of {pictures}: at most ") and " nats above the floor of " in said
    assert main(["sample", *weights, "--out", str(tmp_path / "x.png"), "--count", "2"]) == 0


def test_a_model_of_colour_takes_a_folder_of_grey_pictures(tmp_path, pictures, capsys):
    """As it would in training, where some are coloured and some are grey; but not what was asked to be grey."""
    out, grey = tmp_path / "run", tmp_path / "grey"
    assert main(["train", "--preset", "tiny", "--images", str(pictures), "--out", str(out), "--updates", "1"]) == 0
    grey.mkdir()
    for k in range(3):
        Image.fromarray(np.full((9, 11), 70 * k, np.uint8)).save(grey / f"{k}.png")
    evaluate = ["evaluate", "--weights", str(out / "weights.npz"), "--images", str(grey)]
    assert main(evaluate) == 0
    assert capsys.readouterr().out.startswith(f"3 images of {grey}: at most ")
    assert main([*evaluate, "--grey"]) != 0
    assert "is a model of 9 x 11 x 3 images" in capsys.readouterr().err


def test_a_tenth_is_kept_for_validation_and_none_is_in_both():
    images = np.arange(95, dtype=np.uint8)[:, None, None] + np.zeros((1, 3, 4), np.uint8)
    run = of_images(PRESETS["tiny"], images, "mine")
    train, valid = (set(part[:, 0, 0].tolist()) for part in (run.data.train, run.data.valid.images))
    assert len(valid) == 9 and train | valid == set(range(95)) and not train & valid
    assert run.recipe.images is None and (run.config.height, run.config.width, run.config.channels) == (3, 4, 1)


@pytest.mark.parametrize("count", [4, 9, 10, 11, 25])
def test_of_few_images_some_are_validated_on_and_the_others_learned(count):
    images = np.arange(count, dtype=np.uint8)[:, None, None] + np.zeros((1, 3, 4), np.uint8)
    preset = PRESETS["tiny"]
    run = of_images(dataclasses.replace(preset, recipe=dataclasses.replace(preset.recipe, batch=2)), images, "mine")
    assert len(run.data.to_validate) == max(1, count // 10) and len(run.data.train) + len(run.data.to_validate) == count


def test_pictures_that_came_meanwhile_are_said(tmp_path, pictures, capsys):
    """Which images are kept for validation depends on all of them: some have been learned from by now."""
    train = ["train", "--preset", "tiny", "--images", str(pictures), "--out", str(tmp_path / "run")]
    assert main([*train, "--updates", "3"]) == 0
    assert main([*train, "--resume", "--updates", "4"]) == 0
    assert "changed since" not in capsys.readouterr().err
    Image.fromarray(np.full((9, 11, 3), 70, np.uint8)).save(pictures / "another.png")
    assert main([*train, "--resume", "--updates", "5"]) == 0
    assert "tiny: the preset's validation images changed since; going on as it is now\n" in capsys.readouterr().err


@pytest.mark.parametrize("side", [28, 9])
def test_a_run_on_images_of_ones_own_is_not_resumed_on_those_of_the_preset(tmp_path, pictures, capsys, side):
    """Whoever forgets --images would have the preset's data trained into the model: 28 x 28 grey fits."""
    train = ["train", "--preset", "tiny", "--out", str(tmp_path / "run"), "--updates"]
    assert main([*train, "2", "--images", str(pictures), "--size", str(side), "--grey"]) == 0
    before = (tmp_path / "run" / "checkpoint.npz").read_bytes()
    capsys.readouterr()
    assert main([*train, "3", "--resume"]) == 1
    error = capsys.readouterr().err
    assert f"holds a run on {pictures}, not on binarized-mnist; add the --images" in error and error.count("\n") == 1
    assert (tmp_path / "run" / "checkpoint.npz").read_bytes() == before


@pytest.mark.parametrize("options", [[], ["--size", "8"], ["--size", "8x6", "--grey"]], ids=" ".join)
def test_the_printed_command_reads_the_same_pictures(tmp_path, pictures, capsys, monkeypatch, options):
    update, train = loop.update, ["train", "--preset", "tiny", "--images", str(pictures), *options, "--updates", "3"]

    def stopping(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)
        return update(*args, **kwargs)

    assert main([*train, "--out", str(tmp_path / "whole")]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(loop, "update", stopping)
        assert main([*train, "--out", str(tmp_path / "pieces")]) == 130
    words = shlex.split(capsys.readouterr().err.splitlines()[-1].partition("to go on: python -m draw_np ")[2])
    assert main(words) == 0 and "changed since" not in capsys.readouterr().err
    whole, pieces = (checkpoint.load(tmp_path / name / "checkpoint.npz")[0] for name in ("whole", "pieces"))
    for name, leaf in checkpoint.named_leaves(whole).items():
        assert np.array_equal(leaf, checkpoint.named_leaves(pieces)[name])


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["train", "--preset", "mnist", "--out", "x", "--images", "{pictures}"], "pass at least 256"),
        (
            ["train", "--preset", "two-digit-mnist", "--out", "x", "--images", "{pictures}"],
            "for the data set two-digit-mnist alone: train another preset",
        ),
        (["train", "--preset", "cluttered-mnist-4", "--out", "x", "--images", "{pictures}"], "train another preset"),
        (["train", "--preset", "tiny", "--out", "x", "--images", "nowhere"], "neither a folder"),
        (["train", "--preset", "tiny", "--out", "x", "--size", "4"], "--size and --grey are for --images"),
        (["train", "--preset", "tiny", "--out", "x", "--images", "{pictures}", "--size", "4x"], "HEIGHTxWIDTH"),
        (["evaluate", "--weights", "vae"], "which images?"),
        (["evaluate", "--weights", "vae", "--images", "{pictures}", "--split", "valid"], "--split is for --dataset"),
        (["evaluate", "--weights", "vae", "--dataset", "mnist", "--images", "{pictures}"], "not both"),
        (
            ["evaluate", "--weights", "vae", "--dataset", "mnist", "--images", "0"],
            "--images 0: the test split has 10,000",
        ),
        (["evaluate", "--weights", "vae", "--images", "{pictures}"], "is a model of 28 x 28 images"),
        (
            ["evaluate", "--weights", "vae", "--images", "{pictures}"],
            "or bring pictures to 28x28 with --size and --grey",
        ),
        (["evaluate", "--weights", "vae", "--images", "nowhere", "--dataset", "mnist"], "must be a whole number"),
        (["evaluate", "--weights", "vae", "--images=-5", "--dataset", "mnist"], "must be a whole number"),
        (["evaluate", "--weights", "vae", "--images", "", "--dataset", "mnist"], "must be a whole number"),
        (["evaluate", "--weights", "vae", "--dataset", "mnist", "--grey"], "are for --images FOLDER"),
    ],
)
def test_bad_orders_end_in_one_line(arguments, words, pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        status = main([each.format(pictures=pictures) for each in arguments])
    except SystemExit as stopped:
        status = stopped.code
    error = capsys.readouterr().err
    assert status != 0 and words in error and error.count("\n") == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="Windows does not say how much memory there is")
@pytest.mark.parametrize("size, factor", [([], 3), (["--size", "9x11"], 1)], ids=["coloured", "before it is read"])
def test_what_needs_more_memory_than_there_is_is_not_begun(size, factor, pictures, tmp_path, monkeypatch, capsys):
    """A canvas for each of 32 images at each of 4 steps, in float32: Linux would end the process without a word."""
    need = 4 * 32 * 4 * 9 * 11 * factor
    memory = {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": need - 1}
    monkeypatch.setattr(os, "sysconf", memory.__getitem__)
    train = ["train", "--preset", "tiny", "--images", str(pictures), "--out", str(tmp_path / "x"), "--updates", "1"]
    assert main([*train, *size]) != 0
    error = capsys.readouterr().err
    assert "an update of tiny with images of this size needs more than " in error and error.count("\n") == 1
    assert not (tmp_path / "x").exists()
    memory["SC_PHYS_PAGES"] = 4 * 32 * 4 * 9 * 11 * 3
    assert main([*train, *size]) == 0


def test_fewer_than_two_batches_are_refused():
    images = np.zeros((64, 3, 4), np.uint8)
    assert len(of_images(PRESETS["tiny"], images, "mine").data.train) == 58
    with pytest.raises(ValueError, match="^mine has 63 images and tiny trains with batches of 32: pass at least 64$"):
        of_images(PRESETS["tiny"], images[1:], "mine")


def test_the_tenth_for_validation_is_from_all_over():
    images = np.arange(95, dtype=np.uint8)[:, None, None] + np.zeros((1, 3, 4), np.uint8)
    one, two = (of_images(PRESETS["tiny"], images, "mine").data.to_validate[:, 0, 0].tolist() for _ in range(2))
    assert one == two == sorted(one) and one[0] < 40 and one[-1] > 60


def test_images_of_no_folder_are_told_the_call():
    run = of_images(PRESETS["tiny"], np.zeros((70, 3, 4), np.uint8), "mine")
    assert again(run, "x") == "train(..., resume=True)"


def test_above_the_floor_is_the_bound_less_the_floor(tmp_path, pictures, capsys):
    out = tmp_path / "run"
    assert main(["train", "--preset", "tiny", "--images", str(pictures), "--out", str(out), "--updates", "1"]) == 0
    assert main(["evaluate", "--weights", str(out / "weights.npz"), "--images", str(pictures)]) == 0
    said = capsys.readouterr().out
    patterns = r"at most ([\d.]+) ", r"\n([\d.]+) nats above", r"floor of ([\d.]+),"
    bound, above, floor = (float(re.search(pattern, said)[1]) for pattern in patterns)
    assert above == pytest.approx(bound - floor, abs=0.011)
