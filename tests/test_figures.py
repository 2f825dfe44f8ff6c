"""The figure scripts run, draw something, and compute what their captions say."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from draw_np import datasets, equations, load_pretrained, pretrained
from draw_np.models import draw, glimpse_classifier
from draw_np.training.checkpoint import describe, save

FIGURES = Path(__file__).parents[1] / "figures"


def names(number):
    """Everything that a figure's script defines."""
    return runpy.run_path(str(FIGURES / f"figure_{number:02}.py"))


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_script_draws_a_picture_where_it_is_told(number, tmp_path, monkeypatch, capsys):
    script, file = FIGURES / f"figure_{number:02}.py", tmp_path / "picture.png"
    monkeypatch.setattr("sys.argv", [str(script), str(file)])
    with matplotlib.rc_context():
        runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out == f"{file}\n"
    with Image.open(file) as image:
        assert image.format == "PNG" and image.width > 2000 and image.height > 1000
        assert np.asarray(image.convert("L")).std() > 20


def test_figure_2_has_the_arrows_of_the_equations():
    assert {arrow[:3] for arrow in names(2)["STEP"]} == {
        (3, "x", "x_hat"), (3, "before c", "x_hat"),
        (4, "x", "read"), (4, "x_hat", "read"), (4, "before decoder", "read"),
        (5, "before encoder", "encoder"), (5, "read", "encoder"), (5, "before decoder", "encoder"),
        (6, "encoder", "Q"), (6, "Q", "z"),
        (7, "before decoder", "decoder"), (7, "z", "decoder"),
        (8, "before c", "c"), (8, "decoder", "write"), (8, "write", "c"),
    }  # fmt: skip


def test_figure_2_separates_generation_from_inference():
    """Eq 14 and 15 use what Eq 7 and 8 use, and nothing else is needed to generate."""
    module = names(2)
    decoding = {arrow.equation for arrow in module["STEP"] if arrow.colour == module["DECODING"]}
    encoding = {arrow.equation for arrow in module["STEP"] if arrow.colour == module["ENCODING"]}
    assert decoding == {7, 8} and encoding == {3, 4, 5, 6}


def test_figure_3_reads_the_pixels_that_narrow_filters_stand_on():
    module = names(3)
    image = np.arange(56.0).reshape(8, 7)
    window = module["window"](g_X=3.5, g_Y=5.5, delta=1.0, sigma=0.1)
    assert module["read_patch"](image, window, 4) == pytest.approx(image[3:7, 1:5])  # columns 2-5, rows 4-7


def test_figure_3_shows_what_its_caption_says():
    module = names(3)
    zoomed, downsampled, blurred = module["PATCHES"].values()
    assert zoomed["delta"] < 1 and zoomed["sigma"] > zoomed["delta"]
    assert downsampled["sigma"] < 1 < downsampled["delta"]
    assert blurred["delta"] == downsampled["delta"] and blurred["sigma"] > blurred["delta"]
    assert 0.9 < module["N"] * blurred["delta"] / 28 <= 1  # the whole image


def test_figure_4_writes_back_what_it_read():
    """A white image's patch is white; written back, it is white inside the window and black far outside."""
    module = names(4)
    patch, written, _, _ = module["zoom"](np.ones((75, 100)), module["window"]())
    assert patch.shape == (12, 12) and written.shape == (75, 100)
    assert patch == pytest.approx(1)
    assert written[20:55, 48:83] == pytest.approx(1, abs=0.03)  # filters delta / 2 wide leave a ripple
    assert np.abs(written[:, :30]).max() < 1e-6


def test_figure_4_shows_the_first_and_the_last_filter():
    module = names(4)
    image = module["scene"]()
    window = module["window"]()
    assert image.shape == (75, 100) and image.max() == 1
    _, _, F_X, F_Y = module["zoom"](image, window)
    means = [equations.filter_means(g, window.delta, 12)[0] for g in (window.g_X, window.g_Y)]
    for weights, k in zip(module["two_filters"](F_X, F_Y), (0, -1)):
        y, x = np.unravel_index(weights.argmax(), weights.shape)
        assert weights.max() == 1
        assert (x + 1, y + 1) == pytest.approx((means[0][k], means[1][k]), abs=0.51)


def test_figure_5_shows_the_first_images_and_the_first_mistake():
    module = names(5)
    params, config, images, labels = module["examples"]()
    test = datasets.load("cluttered-mnist", "test")
    assert np.array_equal(images[:4], test.images[:4]) and np.array_equal(labels[:4], test.labels[:4])
    logits = glimpse_classifier.look(params, config, test.images[:500]).logits
    place = next(n for n in range(4, 500) if logits[n].argmax() != test.labels[n])
    assert np.array_equal(images[4], test.images[place])


def test_table_1_is_measured(tmp_path, monkeypatch, capsys):
    """Ours change with the weights, the paper's do not."""
    module = runpy.run_path(str(FIGURES / "table_1.py"))
    few = datasets.sample("cluttered-mnist", np.random.default_rng(0), 20, "test")
    monkeypatch.setattr(datasets, "load", lambda name, split: few)
    module["main"](tmp_path / "table.md")
    text = (tmp_path / "table.md").read_text("utf-8")
    assert capsys.readouterr().out.startswith(text)
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("|")][2:]
    assert [row[1] for row in rows] == ["14.35 %", "9.41 %", "8.11 %", "4.18 %", "3.36 %"]
    for row, name in zip(rows[3:], ("cluttered-mnist-4", "cluttered-mnist-8")):
        params, config = load_pretrained(name)
        named = glimpse_classifier.look(params, config, few.images).logits.argmax(axis=1)
        assert f"**{100 * np.mean(named != few.labels):.2f} %** +- " in row[2] and name in row[2]


SMALL = {"steps": 3, "hidden": 6, "latent": 5}
MODELS = {
    "mnist": draw.Config(**SMALL, read_size=2, write_size=4),
    "mnist-no-attention": draw.Config(**SMALL, read_size=None, write_size=None),
    "two-digit-mnist": draw.Config(height=60, width=60, **SMALL, read_size=2, write_size=4),
}
KL = {
    "mnist": [1.0, 2.5, 0.5],
    "mnist-no-attention": [7.0, 1.0, 1.0],
    "two-digit-mnist": [4.0, 3.0, 2.0],
    "vae": [25.0],
}
CURVE = """\
update,seconds,steps,nats,L_x,L_z,validation,validation_average
10,100.0,2,130.0,110.0,20.0,125.0,{0}8.5
20,300.0,2,120.0,100.0,20.0,115.0,{0}5.25
30,900.0,3,110.0,80.0,30.0,105.0,{0}1.75
"""


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Small untrained weights with records made up, under the names of those that the scripts draw with."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    for place, (name, kl) in enumerate(KL.items()):
        config = MODELS.get(name, MODELS["mnist"])
        save(
            folder / f"{name}.npz",
            {"params": draw.init_params(config, np.random.default_rng(0))},
            describe("draw", config),
        )
        test = {"nll_bound": 90.125 + place, "standard_error": 0.5, "kl_per_step": kl}
        test.update(nll_estimate=80.25 + place, nll_estimate_standard_error=0.375, importance_samples=7)
        dataset = "two-digit-mnist" if name == "two-digit-mnist" else "binarized-mnist"
        record = {"dataset": dataset, "measured": dict.fromkeys(("train", "valid", "test"), test)}
        (folder / f"{name}.json").write_text(json.dumps(record))
    for name in ("mnist", "two-digit-mnist"):
        (folder / f"{name}.csv").write_text(CURVE.format(len(name)))
    return folder


def run(script, file, monkeypatch):
    """Run a script of this name as if from the command line."""
    monkeypatch.setattr("sys.argv", [f"{script}.py", str(file)])
    with matplotlib.rc_context():
        runpy.run_path(str(FIGURES / f"{script}.py"), run_name="__main__")


@pytest.mark.parametrize("script", ["figure_01", "figure_06", "figure_07", "figure_08", "kl_per_step", "loss_curve"])
def test_script_draws_from_weights(script, shelf, tmp_path, monkeypatch, capsys):
    animated = script in ("figure_01", "figure_08")
    run(script, tmp_path / "picture.png", monkeypatch)
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / f"picture{ending}") for ending in ([".png", ".gif"] if animated else [".png"])
    ]
    with Image.open(tmp_path / "picture.png") as image:
        assert image.format == "PNG" and min(image.size) > 500
        assert np.asarray(image.convert("L")).std() > 10
    if animated:
        with Image.open(tmp_path / "picture.gif") as image:
            assert image.format == "GIF" and image.n_frames == SMALL["steps"]


@pytest.mark.parametrize(
    "script, missing",
    [
        ("figure_01", "'mnist'"),
        ("figure_06", "'mnist'"),
        ("figure_07", "'mnist-no-attention'"),
        ("figure_08", "'two-digit-mnist'"),
        ("table_2", "'mnist-no-attention'"),
        ("kl_per_step", "no shipped weights"),
        ("loss_curve", "no shipped weights"),
    ],
)
def test_missing_weights_are_one_line(script, missing, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "empty")
    with pytest.raises(SystemExit) as stopped:
        run(script, tmp_path / f"picture{'.md' if script == 'table_2' else '.png'}", monkeypatch)
    message = stopped.value.code
    assert message.startswith(f"{script}.py: ") and missing in message and "\n" not in message
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize(
    "script, file", [("figure_03", "picture.png"), ("figure_01", "picture.png"), ("table_2", "t.md")]
)
def test_a_file_that_cannot_be_written_is_one_line(script, file, shelf, tmp_path, monkeypatch):
    with pytest.raises(SystemExit) as stopped:
        run(script, tmp_path / "nowhere" / file, monkeypatch)
    message = stopped.value.code
    assert message.startswith(f"{script}.py: ") and "nowhere" in message and "\n" not in message


def test_one_argument_too_many_is_told_how(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["table_2.py", str(tmp_path / "t.md"), "more"])
    with pytest.raises(SystemExit, match=r"usage: python figures/table_2.py \[FILE.md\]"):
        runpy.run_path(str(FIGURES / "table_2.py"), run_name="__main__")
    assert not list(tmp_path.iterdir())


def test_figure_6_finds_the_nearest_of_the_whole_training_set():
    module = names(6)
    rng = np.random.default_rng(0)
    training = module["training_images"]()
    assert training.shape == (60_000, 28, 28)
    chosen = training[[3, 49_999, 50_000, 59_999]]  # also of the 10,000 that others call validation images
    noisy = np.clip(chosen + rng.normal(0, 0.1, chosen.shape), 0, 1).astype(np.float32)
    found, distances = module["nearest"](noisy, [training[:20_000], training[20_000:]])
    assert np.array_equal(found, chosen)
    assert distances == pytest.approx(np.sqrt(np.mean((noisy - chosen) ** 2, axis=(1, 2))), rel=1e-5)
    images, few = rng.random((5, 8, 7)), rng.random((9, 8, 7))
    slow = [few[np.argmin([np.linalg.norm(image - other) for other in few])] for image in images]
    assert np.array_equal(module["nearest"](images, [few])[0], slow)


def test_figure_8_tells_when_a_pixel_was_drawn():
    module = names(8)
    probabilities = np.zeros((4, 1, 2, 2))
    probabilities[:, 0, 0, 0] = 0.5, 0.8, 0.8, 0.8  # from the start
    probabilities[:, 0, 0, 1] = 0.0, 0.1, 0.2, 1.0  # at the end
    probabilities[:, 0, 1, 0] = 0.9, 0.0, 0.5, 0.9  # drawn, deleted and drawn again
    assert module["drawn_at"](probabilities)[0, 0].tolist() == [1, 4]
    assert module["drawn_at"](probabilities)[0, 1, 0] == 3
    early, late = module["time_map"](probabilities)[0, 0] / probabilities[-1, 0, 0, :, None]
    assert early[2] > early[0] and late[0] > late[2]  # blue and orange
    assert np.all(module["time_map"](probabilities)[0, 1, 1] == 0)


def test_table_2_quotes_the_paper_and_reads_ours_from_the_records(shelf, tmp_path, monkeypatch, capsys):
    run("table_2", tmp_path / "table.md", monkeypatch)
    text = (tmp_path / "table.md").read_text("utf-8")
    assert capsys.readouterr().out.startswith(text)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")][2:]
    assert [row[1] for row in rows[:9]] == (
        ["~ 84.62", "~ 84.55", "88.33", "85.10", "84.68", "~ 86.60", "~ 85.51", "~ 84.13", "-"]
    )
    assert [row[2] for row in rows] == ["", "", "", "", "", "", "88.30", "88.30", "87.72", "87.40", "80.97", ""]
    assert rows[9][3:] == ["81.25 +- 0.38 (K = 7)", "**91.12** +- 0.50", "`mnist-no-attention`"]
    assert rows[10][3:] == ["80.25 +- 0.38 (K = 7)", "**90.12** +- 0.50", "`mnist`"]
    assert rows[11][3:] == ["83.25 +- 0.38 (K = 7)", "**93.12** +- 0.50", "`vae`"]
    assert all(row[3:] == ["", "", ""] for row in rows[:9])


def test_kl_per_step_leaves_out_what_has_one_step(shelf):
    module = runpy.run_path(str(FIGURES / "kl_per_step.py"))
    nats = module["kl_per_step"]()
    assert {name: values.tolist() for name, values in nats.items()} == {k: v for k, v in KL.items() if k != "vae"}
    each, together = module["figure_of"](nats).axes
    assert [line.get_ydata().tolist() for line in each.lines] == list(map(list, nats.values()))
    assert [line.get_ydata()[-1] for line in together.lines] == [4.0, 9.0, 9.0]


def test_loss_curve_is_the_metrics(shelf):
    module = runpy.run_path(str(FIGURES / "loss_curve.py"))
    curves = module["curves"]()
    assert {dataset: list(runs) for dataset, runs in curves.items()} == {
        "binarized-mnist": ["mnist"], "two-digit-mnist": ["two-digit-mnist"]
    }  # fmt: skip
    first, second = module["figure_of"](curves).axes
    drawn = {line.get_label(): line.get_xydata().tolist() for line in first.lines}
    assert drawn["mnist, 2,000 validation images: 51.8 at the end"] == [[100, 58.5], [300, 55.25], [900, 51.75]]
    assert [text.get_text() for text in second.texts] == ["T = 3"]


def test_loss_curve_of_colours_is_above_the_floor_of_what_was_measured(shelf):
    """Of training images the record tells the floor; the run itself told that of the few that it was validated on."""
    measured = {"train": {"floor": 70.5}, "valid": {"floor": 40.25}, "test": {"floor": 3.0, "nll_bound": 50.0}}
    (shelf / "svhn.json").write_text(json.dumps({"dataset": "svhn", "measured": measured}))
    lines = zip(CURVE.format(5).splitlines(), (",validation_average_above_floor", ",18.5", ",15.5", ",11.25"))
    (shelf / "svhn.csv").write_text("\n".join(line + more for line, more in lines))
    (shelf / "svhn.npz").write_bytes((shelf / "mnist.npz").read_bytes())
    module = runpy.run_path(str(FIGURES / "loss_curve.py"))
    axes = dict(zip(curves := module["curves"](), module["figure_of"](curves).axes))
    validation, training, *_ = axes["svhn"].lines
    assert validation.get_ydata().tolist() == [18.5, 15.5, 11.25]
    assert training.get_ydata().tolist() == [59.5, 49.5, 39.5]
    assert axes["svhn"].get_ylabel() == "nats per image, above the floor"
    assert axes["binarized-mnist"].get_ylabel() == "nats per image"


@pytest.mark.parametrize("script", ["figure_02.py", "figure_03.py"])
def test_a_script_does_not_depend_on_a_user_s_settings(script, tmp_path):
    settings = "image.origin: lower\ntext.usetex: True\nsavefig.dpi: 20\naxes.grid: True\nfont.family: serif\n"
    (tmp_path / "hostile").write_text(settings)
    (tmp_path / "plain").write_text("")
    for name, backend in (("plain", "agg"), ("hostile", "nonsense")):
        environment = {"MATPLOTLIBRC": str(tmp_path / name), "MPLBACKEND": backend, "PYTHONPATH": str(FIGURES.parent)}
        command = [sys.executable, str(FIGURES / script), f"{name}.png"]
        child = subprocess.run(command, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True)
        assert (child.returncode, child.stdout, child.stderr) == (0, f"{name}.png\n", "")
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "hostile.png").read_bytes()


@pytest.mark.parametrize("script", sorted(path.stem for path in FIGURES.glob("[!_]*.py")))
@pytest.mark.parametrize("words", [["a", "b", "c"], ["--help"], ["."], ["x.txt"]], ids=" ".join)
def test_what_a_script_cannot_write_is_told_in_one_line(script, words, tmp_path, monkeypatch):
    """Matplotlib would write --help.png, and for a folder a picture beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [f"{script}.py", *words])
    with matplotlib.rc_context(), pytest.raises(SystemExit, match=rf"^usage: python figures/{script}.py \[FILE.*\]$"):
        runpy.run_path(str(FIGURES / f"{script}.py"), run_name="__main__")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("repeats", [["x"], ["0"], ["-1"], ["2.5"], ["9" * 5_000], ["3", "4"], [""]])
def test_speed_takes_a_number_of_repeats(repeats, monkeypatch):
    monkeypatch.setattr("sys.argv", ["speed.py", "--measure", *repeats])
    with pytest.raises(SystemExit, match=r"^usage: .* --measure \[REPEATS\]\]$"):
        runpy.run_path(str(FIGURES / "speed.py"), run_name="__main__")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
@pytest.mark.parametrize("script, ending", [("figure_02", ".png"), ("table_2", ".md")])
def test_a_full_disk_is_one_line_with_the_file(script, ending, tmp_path, monkeypatch):
    (tmp_path / f"full{ending}").symlink_to("/dev/full")
    monkeypatch.setattr("sys.argv", ["", str(tmp_path / f"full{ending}")])
    with matplotlib.rc_context(), pytest.raises(SystemExit, match=f"^{script}.py: .*No space left.*full{ending}'$"):
        runpy.run_path(str(FIGURES / f"{script}.py"), run_name="__main__")


def test_pairs_are_numbered_whatever_comes_first():
    module = runpy.run_path(str(FIGURES / "legibility.py"))
    labels = np.array([[a, b] for a in range(10) for b in range(10)])
    found = module["pair_of"](labels)
    assert set(found) == set(range(55)) and np.array_equal(found, module["pair_of"](labels[:, ::-1]))
    for number, (first, second) in zip(found, labels):
        assert {module["FIRST"][number], module["SECOND"][number]} == {first, second}


def test_the_classifier_of_pairs_reads_pictures_that_it_has_never_seen():
    module = runpy.run_path(str(FIGURES / "legibility.py"))
    images, pairs = module["fixed"]("test")
    p = module["probabilities"](images[:400])
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert 0.8 < np.mean(p.argmax(axis=1) == pairs[:400]) < 0.95
    mixed = module["shuffled"](images[:400])
    np.testing.assert_array_equal(np.sort(mixed, axis=None), np.sort(images[:400], axis=None))
    assert np.mean(module["probabilities"](mixed).max(axis=1) > 0.8) < 0.2 < 0.6 < np.mean(p.max(axis=1) > 0.8)


def test_the_table_of_legibility_is_of_the_shipped_weights():
    """Its second row is measured again; the first takes half a minute of drawing."""
    module = runpy.run_path(str(FIGURES / "legibility.py"))
    p = module["probabilities"](module["fixed"]("test").images[: module["COUNT"]]).max(axis=1)
    row = f"| 1,000 test pictures | {np.mean(p > 0.5):.3f} | {np.mean(p > 0.8):.3f} | {p.mean():.3f} |"
    assert row in (FIGURES / "legibility.md").read_text("utf-8")


def test_table_3_has_the_paper_s_sizes(tmp_path):
    module = runpy.run_path(str(FIGURES / "table_3.py"))
    for _, *quoted, name in module["QUOTED"]:
        assert module["ours"](name) == tuple(quoted)
    module["main"](tmp_path / "x.md")
    assert (tmp_path / "x.md").read_text("utf-8") == (FIGURES / "table_3.md").read_text("utf-8")


def test_the_classifier_of_pairs_learns_from_training_digits_and_is_validated_on_others():
    module = runpy.run_path(str(FIGURES / "legibility.py"))
    data = module["pairs_run"]().data
    images, pairs = data.sample(np.random.default_rng(0), 4)
    expected, labels = datasets.sample("two-digit-mnist", np.random.default_rng(0), 4, "train")
    assert np.array_equal(images, expected) and np.array_equal(pairs, module["pair_of"](labels))
    valid = datasets.load("two-digit-mnist", "valid")
    assert np.array_equal(data.valid.images, valid.images)
    assert np.array_equal(data.valid.labels, module["pair_of"](valid.labels))


def test_the_rows_of_legibility_are_the_last_canvases_pictures_and_shuffled_ones(tmp_path, monkeypatch):
    module = runpy.run_path(str(FIGURES / "legibility.py"))
    images, pairs = module["fixed"]("test")
    steps = np.stack([np.zeros((40, 60, 60), np.float32), images[40:80]])
    for key, value in {"COUNT": 40, "drawn": lambda name, count, seed: (None, steps, None)}.items():
        monkeypatch.setitem(module["main"].__globals__, key, value)
    module["main"](tmp_path / "t.md")
    text = (tmp_path / "t.md").read_text("utf-8")
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("|")][2:]
    p = [module["probabilities"](each) for each in (images[40:80], images[:40], module["shuffled"](images[:40]))]
    for row, each in zip(rows, p, strict=True):
        sure = each.max(axis=1)
        expected = np.mean(sure > 0.5), np.mean(sure > 0.8), sure.mean()
        assert [cell.strip() for cell in row[1:]] == [f"{number:.3f}" for number in expected]
    assert f"it names {np.mean(p[1].argmax(axis=1) == pairs[:40]):.1%} right" in text.replace("\n", " ")
    assert f"at most {np.sqrt(0.25 / 40):.3f}" in text
