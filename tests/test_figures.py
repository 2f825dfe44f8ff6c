"""The figure scripts run, draw something, and compute what their captions say."""

import runpy
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from draw_np import datasets, equations, load_pretrained, pretrained
from draw_np.models import glimpse_classifier

FIGURES = Path(__file__).parents[1] / "figures"


def names(number):
    """Everything that a figure's script defines."""
    return runpy.run_path(str(FIGURES / f"figure_{number:02}.py"))


SHIPPED = {"cluttered-mnist-4", "cluttered-mnist-8"} <= set(pretrained.names())
shipped = pytest.mark.skipif(not SHIPPED, reason="the classifiers' weights are still being trained")


@pytest.mark.parametrize("number", [2, 3, 4, pytest.param(5, marks=shipped)])
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


@shipped
def test_figure_5_shows_the_first_images_and_the_first_mistake():
    module = names(5)
    params, config, images, labels = module["examples"]()
    test = datasets.load("cluttered-mnist", "test")
    assert np.array_equal(images[:4], test.images[:4]) and np.array_equal(labels[:4], test.labels[:4])
    logits = glimpse_classifier.look(params, config, test.images[:500]).logits
    place = next(n for n in range(4, 500) if logits[n].argmax() != test.labels[n])
    assert np.array_equal(images[4], test.images[place])


@shipped
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
