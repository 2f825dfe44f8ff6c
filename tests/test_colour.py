"""The figures of house numbers and photographs: they draw with small weights, with and without the images at hand."""

import itertools
import json
import re
import runpy
from pathlib import Path

import _neighbours
import _reading
import _script

import matplotlib
import numpy as np
import pytest
from PIL import Image

from draw_np import datasets, equations, pretrained
from draw_np.datasets import cifar10, svhn
from draw_np.models import draw
from draw_np.training.checkpoint import describe, save
from draw_np.training.recipe import Phase

FIGURES = Path(__file__).parents[1] / "figures"
PICTURES = {"train": 13, "valid": 5, "test": 6}
CONFIGS = {
    "svhn": draw.Config(54, 54, 3, steps=3, hidden=6, latent=5, read_size=4, write_size=3),
    "cifar10": draw.Config(32, 32, 3, steps=3, hidden=6, latent=5, read_size=4, write_size=3),
}
CURVE = """\
update,seconds,steps,nats,L_x,L_z,validation,validation_average
10,100.0,2,5300.0,5210.0,90.0,5250.0,5245.0
20,300.0,4,5220.0,5120.0,100.0,5200.0,5190.0
"""


def measured(bound):
    """What a record says of a split, made up."""
    return {"nll_bound": bound, "standard_error": 0.25, "floor": 5000.0, "mean_image": 6000.0, "images": 9}


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Small untrained weights of both colour models, with records made up."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    for name, config in CONFIGS.items():
        params = draw.init_params(config, np.random.default_rng(0))
        save(folder / f"{name}.npz", {"params": params}, describe("draw", config))
        splits = {"train": 5250.0, "train_random": 5275.5, "valid": 5262.25, "test": 5300.0}
        record = {"dataset": name, "measured": {split: measured(bound) for split, bound in splits.items()}}
        (folder / f"{name}.json").write_text(json.dumps(record))
    (folder / "svhn.csv").write_text(CURVE)
    return folder


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder with a few made-up house numbers and photographs; returns the photographs, by split."""
    monkeypatch.setenv("DRAW_NP_DATA", str(tmp_path / "data"))
    rng = np.random.default_rng(0)
    svhn.folder().mkdir(parents=True)
    for split, count in PICTURES.items():
        np.save(svhn.path(split), rng.integers(256, size=(count, 64, 64, 3), dtype=np.uint8))
        np.save(svhn.digits_path(split), rng.integers(10, size=(count, 5), dtype=np.uint8))
    photographs = {
        split: rng.integers(256, size=(count, 32, 32, 3), dtype=np.uint8) for split, count in PICTURES.items()
    }
    monkeypatch.setattr(cifar10, "_read", lambda split: (photographs[split], np.zeros(len(photographs[split]))))
    monkeypatch.setattr(cifar10, "is_here", lambda: True)
    return photographs


def run(script, file, monkeypatch):
    """Run a script of this name as if from the command line; returns what it defines."""
    monkeypatch.setattr("sys.argv", [f"{script}.py", str(file)])
    with matplotlib.rc_context():
        return runpy.run_path(str(FIGURES / f"{script}.py"), run_name="__main__")


def width(path):
    with Image.open(path) as image:
        assert image.format == "PNG" and np.asarray(image.convert("L")).std() > 10
        return image.width


def test_house_numbers_being_drawn(shelf, tmp_path, monkeypatch, capsys):
    run("figure_10", tmp_path / "picture.png", monkeypatch)
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / f"picture{end}") for end in (".png", ".gif")]
    assert width(tmp_path / "picture.png") > 500
    with Image.open(tmp_path / "picture.gif") as image:
        assert image.n_frames == 3


def test_figure_9_with_house_numbers_measures_and_shows_them_apart(shelf, data, tmp_path, monkeypatch, capsys):
    module = run("figure_09", tmp_path / "picture.png", monkeypatch)
    made = [tmp_path / name for name in ("picture.json", "picture_neighbours.png", "picture.png")]
    assert capsys.readouterr().out.splitlines() == list(map(str, made))
    found = json.loads(made[0].read_text())
    assert found["training_images"] == 13 and found["pieces"] == 9 and found["weights"] == module["weights_hash"]()
    params, config = pretrained.load_pretrained("svhn")
    noise = draw.sample_noise(config, 96, np.random.default_rng(0))
    last = equations.pixel_means(draw.generate(params, config, noise).canvases[-1])[11::12]
    raw = datasets.raw("svhn", "train") / np.float32(255)
    pieces = [raw[:, y : y + 54, x : x + 54] for y in (0, 5, 10) for x in (0, 5, 10)]
    least = [min(np.sqrt(np.mean((piece - image) ** 2, axis=(1, 2, 3))).min() for piece in pieces) for image in last]
    assert found["distances"] == pytest.approx(least, abs=1e-4)
    assert width(made[1]) > width(made[2])


def test_the_picture_to_publish_is_the_same_with_and_without_house_numbers(shelf, data, tmp_path, monkeypatch, capsys):
    run("figure_09", tmp_path / "with.png", monkeypatch)
    script = tmp_path / "figure_09.py"  # beside the distances
    (tmp_path / "with.json").rename(tmp_path / "figure_09.json")
    script.write_bytes((FIGURES / "figure_09.py").read_bytes())
    monkeypatch.setenv("DRAW_NP_DATA", str(tmp_path / "nothing"))
    monkeypatch.setattr("sys.argv", ["figure_09.py", str(tmp_path / "without.png")])
    capsys.readouterr()
    with matplotlib.rc_context():
        runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr() == (f"{tmp_path / 'without.png'}\n", "")
    assert (tmp_path / "with.png").read_bytes() == (tmp_path / "without.png").read_bytes()
    assert not (tmp_path / "without.json").exists()
    params = draw.init_params(CONFIGS["svhn"], np.random.default_rng(1))
    save(shelf / "svhn.npz", {"params": params}, describe("draw", CONFIGS["svhn"]))  # others
    with matplotlib.rc_context():
        runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().err == (
        "figure_09.py: the distances are left out: SVHN is not here, and figure_09.json has none of these weights\n"
    )


def test_figure_12_has_its_column_where_the_photographs_are(shelf, data, tmp_path, monkeypatch, capsys):
    run("figure_12", tmp_path / "with.png", monkeypatch)
    assert capsys.readouterr() == (f"{tmp_path / 'with.png'}\n", "")
    monkeypatch.setattr(cifar10, "is_here", lambda: False)
    run("figure_12", tmp_path / "without.png", monkeypatch)
    out, err = capsys.readouterr()
    assert re.fullmatch(r"figure_12.py: the nearest training images are left out: .* datasets fetch cifar10\n", err)
    assert width(tmp_path / "without.png") < width(tmp_path / "with.png")


@pytest.mark.parametrize("memory_mapped", [True, False])
def test_the_nearest_are_found_in_blocks(memory_mapped, data, monkeypatch):
    monkeypatch.setattr(_neighbours, "BLOCK", 4)  # so that the last block is shorter
    raw = datasets.raw("svhn", "train") if memory_mapped else np.array(datasets.raw("svhn", "train"))
    monkeypatch.setattr(svhn, "raw", lambda split: raw)
    chosen = [(12, 0, 10), (0, 5, 5), (3, 10, 0), (4, 10, 10)]  # picture, row, column
    images = np.stack([raw[k, y : y + 54, x : x + 54] / np.float32(255) for k, y, x in chosen])
    noisy = np.clip(images + np.random.default_rng(1).normal(0, 0.05, images.shape), 0, 1).astype(np.float32)
    blocks = list(_neighbours.training_blocks("svhn"))
    assert [len(block) for block in blocks] == 9 * [4] + 9 * [4] + 9 * [4] + 9 * [1]
    found, distances = _neighbours.nearest(noisy, blocks)
    assert np.array_equal(found, images)
    assert distances == pytest.approx(np.sqrt(np.mean((noisy - images) ** 2, axis=(1, 2, 3))), rel=1e-5)


def test_the_photographs_are_compared_whole(data):
    (block,) = _neighbours.training_blocks("cifar10")
    assert np.array_equal(block, data["train"] / np.float32(255))


def test_figure_11_is_the_metrics_and_the_record(shelf, tmp_path, monkeypatch, capsys):
    module = run("figure_11", tmp_path / "picture.png", monkeypatch)
    assert capsys.readouterr().out == f"{tmp_path / 'picture.png'}\n" and width(tmp_path / "picture.png") > 1000
    figure = module["figure_of"](pretrained.load_curve("svhn"), pretrained.load_record("svhn"))
    training, validation = (line.get_xydata().tolist() for line in figure.axes[0].lines[:2])
    assert training == [[10, 5300], [20, 5220]] and validation == [[10, 5245], [20, 5190]]
    (text,) = (text.get_text() for text in figure.texts)
    above = re.findall(r"(.*): ([\d.]+) ± 0.2 nats above the floor of 5000.0", text)
    assert above == [
        ("training, random places", "275.5"),
        ("training, the same images' centres", "250.0"),
        ("validation, centres", "262.2"),
    ]


def script(name, monkeypatch, **changed):
    """What a script defines, some of it changed."""
    module = runpy.run_path(str(FIGURES / f"{name}.py"))
    for key, value in changed.items():
        monkeypatch.setitem(module["main"].__globals__, key, value)
    return module


def cells(path):
    """The table of a page: a list of cells for each row below the head."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_many_images_are_drawn_as_few_are(shelf):
    for name in CONFIGS:
        _, means, _ = _script.drawn(name, 130, 7)
        assert _script.finished(name, 130, 7) == pytest.approx(means[-1], abs=1e-5)


def test_reconstructions_are_those_of_the_images(shelf, data):
    images = datasets.load("svhn", "test").images
    params, config = pretrained.load_pretrained("svhn")
    noise = draw.sample_noise(config, len(images), np.random.default_rng(3))
    trace = draw.infer(params, config, images, noise)
    expected = np.moveaxis(equations.pixel_means(trace.canvases[-1]), 1, -1)
    assert _script.reconstructed("svhn", images, 3) == pytest.approx(expected, abs=1e-5)


def test_copies_are_found_out(shelf, data, tmp_path, monkeypatch, capsys):
    """Of a test set that lies in the training set, at a place of its own and off by a pixel's value."""
    module = script("copying", monkeypatch, COUNT=6)
    data["test"][:] = data["train"][:6]
    data["test"][0, 0, 0, 0] ^= 128
    raw = np.load(svhn.path("train"))
    np.save(svhn.path("test"), np.roll(raw[:6], (-5, 5), (1, 2)))  # the centre is the piece at row 10, column 0
    for name in CONFIGS:
        found = module["distances"](name)
        assert [len(each) for each in found.values()] == [6, 6, 6]
        far, near = list(found.values())[0], found["test images"]
        assert near == pytest.approx([0.5 / np.sqrt(3072) if name == "cifar10" else 0, 0, 0, 0, 0, 0], abs=1e-4)
        assert far.min() > 0.2
    module["main"](tmp_path / "table.md")
    table = cells(tmp_path / "table.md")
    assert [row[0] for row in table[:4]] == [
        "6 samples of `svhn`",
        "6 reconstructions of test images",
        "6 test images",
        "- of 13 training images of `svhn`",
    ]
    assert table[0][2:] == ["0.000", "0.000"] and len(table) == 8
    capsys.readouterr()
    before = (tmp_path / "table.md").read_bytes()
    monkeypatch.setattr(cifar10, "is_here", lambda: False)
    module["main"](tmp_path / "table.md")
    out, err = capsys.readouterr()
    assert "table.md stays as it is: run python -m draw_np datasets fetch cifar10 to measure it\n" in err and not out
    assert (tmp_path / "table.md").read_bytes() == before


def test_light_and_dark_do_not_depend_on_brightness_contrast_or_sign(monkeypatch):
    light_and_dark = script("house_numbers", monkeypatch)["light_and_dark"]
    images = np.random.default_rng(0).random((3, 8, 7, 3)).astype(np.float32)
    seen = light_and_dark(images)
    assert seen.shape == (3, 8, 7, 2) and seen.dtype == np.float32 and seen.min() == 0 and 0.5 < seen.max() <= 1
    assert light_and_dark(0.25 + images / 2) == pytest.approx(seen, abs=1e-4)
    assert light_and_dark(1 - images) == pytest.approx(seen[..., ::-1], abs=1e-4)
    assert np.all(np.minimum(seen[..., 0], seen[..., 1]) == 0)
    assert np.all(light_and_dark(np.full((1, 8, 7, 3), 0.5, np.float32)) == 0)


def test_controls_have_the_pixels_or_the_waves_and_no_more(data):
    images = datasets.load("svhn", "test").images
    faint = 0.5 + (images - 0.5) / 8  # so that nothing is clipped
    squares, waves = _reading.shuffled(images, 9), _reading.random_phases(faint)
    for image, mixed in zip(images, squares):
        assert np.array_equal(np.sort(image, axis=None), np.sort(mixed, axis=None)) and not np.array_equal(image, mixed)
        cut = [part[y : y + 9, x : x + 9] for part in (image, mixed) for y in range(0, 54, 9) for x in range(0, 54, 9)]
        assert sorted(map(np.ndarray.tobytes, map(np.ascontiguousarray, cut[:36]))) == (
            sorted(map(np.ndarray.tobytes, map(np.ascontiguousarray, cut[36:])))
        )
    strength = [np.abs(np.fft.rfft2(each, axes=(1, 2))) for each in (faint, waves)]
    inner = np.s_[:, 1:27, 1:27]  # where no wave is its own mirror image
    assert strength[1][inner] == pytest.approx(strength[0][inner], rel=0.01, abs=0.01)
    assert waves.mean(axis=(1, 2)) == pytest.approx(faint.mean(axis=(1, 2)), abs=1e-4)
    assert not np.allclose(waves, faint, atol=0.02)


def test_the_classifier_learns_from_pieces_and_their_leftmost_digits(data, monkeypatch):
    module = script("house_numbers", monkeypatch, CLOUDS=0, BLUR=0)
    images, digits = module["sample"](np.random.default_rng(0), 40)
    assert images.shape == (40, 54, 54, 2) and digits.shape == (40,)
    raw, labels = datasets.raw("svhn", "train"), svhn.digits("train")[:, 0]
    places = itertools.product(range(13), range(11), range(11))
    pieces = [raw[k : k + 1, y : y + 54, x : x + 54] / np.float32(255) for k, y, x in places]
    known = np.concatenate([module["light_and_dark"](piece) for piece in pieces])
    turned = 0
    for image, digit in zip(images[:8], digits[:8]):
        both = [np.abs(known - each).max(axis=(1, 2, 3)) for each in (image, image[..., ::-1])]
        assert min(map(np.min, both)) < 1e-5
        turned += both[1].min() < both[0].min()
        assert digit == labels[min(both, key=np.min).argmin() // 121]
    assert 0 < turned < 8


def test_the_classifier_learns_that_clouds_are_no_digit_and_from_blurred_digits(data, monkeypatch):
    share, blur = 0.25, 3.0
    module = script("house_numbers", monkeypatch, CLOUDS=share, BLUR=blur)
    seen, digits = module["sample"](np.random.default_rng(0), 400)
    assert abs(np.mean(digits == 10) - share) < 0.1 and {*digits} - {10} <= {*svhn.digits("train")[:, 0]}
    same = script("house_numbers", monkeypatch, CLOUDS=share, BLUR=0)["sample"](np.random.default_rng(0), 400)
    sharp, others = [], script("house_numbers", monkeypatch, CLOUDS=0, BLUR=0)["sample"](np.random.default_rng(0), 400)
    for images, labels in (same, (seen, digits)):
        steep = [np.abs(np.diff(images[labels == which], axis=2)).mean() for which in {*labels}]
        sharp.append(np.array(steep))
    assert np.all(sharp[1] < 0.95 * sharp[0])  # all classes are blurred, so that blur tells nothing
    assert np.array_equal(same.labels[same.labels != 10], others.labels[same.labels != 10])


def test_a_classifier_is_trained_gone_on_with_and_asked(shelf, data, tmp_path, monkeypatch, capsys):
    changed = {"PHASES": (Phase(2, 1e-3),), "WEIGHTS": tmp_path / "reader.npz", "COUNT": 5}
    module = script("house_numbers", monkeypatch, **changed)
    _reading.train_classifier(module["reader_run"](), tmp_path / "run", tmp_path / "reader.npz")
    made = (tmp_path / "reader.npz").read_bytes()
    _reading.train_classifier(module["reader_run"](), tmp_path / "run", tmp_path / "reader.npz")
    assert (tmp_path / "reader.npz").read_bytes() == made
    module["main"](tmp_path / "table.md")
    assert [row[0] for row in cells(tmp_path / "table.md")] == [
        "5 samples of `svhn`",
        "5 reconstructions of test photographs",
        "5 test photographs",
        "5 test photographs in squares of 9 x 9, shuffled",
        "5 clouds of the same spectra as the test photographs",
    ]
    p = _reading.probabilities(tmp_path / "reader.npz", module["fixed"]("test").images[:5])
    assert p.shape == (5, 11) and p.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    p = p[:, :10]  # that there is none is no digit
    assert cells(tmp_path / "table.md")[2][3] == f"{p.max(axis=1).mean():.3f}"
    right = np.mean(p.argmax(axis=1) == svhn.digits("test")[:5, 0])
    told = (tmp_path / "table.md").read_text().replace("\n", " ")
    assert f"it names {right:.1%} of these test photographs right" in told
    assert f"at most {np.sqrt(0.25 / 5):.3f}" in told
    before, said = (tmp_path / "table.md").read_bytes(), capsys.readouterr()
    monkeypatch.setenv("DRAW_NP_DATA", str(tmp_path / "nothing"))
    module["main"](tmp_path / "table.md")
    assert "stays as it is: run python -m draw_np datasets fetch svhn" in capsys.readouterr().err
    assert (tmp_path / "table.md").read_bytes() == before and "5 samples" in said.out


def test_house_numbers_without_digits_are_one_line(shelf, data, tmp_path, monkeypatch):
    svhn.digits_path("test").unlink()
    with pytest.raises(SystemExit, match="^house_numbers.py: .*test_digits.npy is not there"):
        run("house_numbers", tmp_path / "table.md", monkeypatch)


def test_colour_is_told_from_the_records(shelf, tmp_path, monkeypatch):
    module = script("colour", monkeypatch, FOUND=tmp_path / "colour.json")
    vaes = {name: {"nll_bound": 5500.0, "standard_error": 2.0, "floor": 5000.0} for name in CONFIGS}
    vaes["cifar10"]["floor"] = 5000.5  # of other images
    (tmp_path / "colour.json").write_text(json.dumps(vaes))
    module["main"](tmp_path / "table.md")
    assert [row[1:] for row in cells(tmp_path / "table.md")] == [
        ["5,000.0", "0.0", "0.000"],
        ["6,000.0", "1,000.0", "1.000"],
        ["5,500.0 +- 2.0", "500.0", "0.500"],
        ["5,300.0 +- 0.2", "300.0", "0.300"],
        ["5,000.0", "0.0", "0.000"],
        ["6,000.0", "1,000.0", "1.000"],
        ["5,300.0 +- 0.2", "300.0", "0.300"],
    ]
    assert "evaluate --weights svhn --dataset svhn\n" in (tmp_path / "table.md").read_text()
    (shelf / "cifar10.npz").rename(shelf / "hidden")
    (tmp_path / "colour.json").unlink()
    module["main"](tmp_path / "table.md")
    assert len(cells(tmp_path / "table.md")) == 3
    (shelf / "hidden").rename(shelf / "cifar10.npz")
    (shelf / "svhn.npz").unlink()
    module["main"](tmp_path / "table.md")
    assert len(cells(tmp_path / "table.md")) == 3
    assert "svhn" not in (tmp_path / "table.md").read_text()


def test_the_variational_auto_encoders_are_trained_and_measured(data, tmp_path, monkeypatch):
    sizes = {"svhn": (54, 54, 3, 6, 5), "cifar10": (32, 32, 3, 6, 5)}
    changed = {"FOUND": tmp_path / "colour.json", "SIZES": sizes, "PHASES": (Phase(2, 1e-3),), "BATCH": 4}
    module = script("colour", monkeypatch, **changed)
    module["train"](tmp_path / "runs")
    found = json.loads((tmp_path / "colour.json").read_text())
    for name in sizes:
        images = datasets.load(name, "test").images
        assert found[name]["floor"] == pytest.approx(datasets.floor(images), abs=1e-4)
        assert found[name]["images"] == 6 and found[name]["update"] == 2
        assert found[name]["nll_bound"] == pytest.approx(found[name]["reconstruction"] + found[name]["kl"], abs=2e-4)


def test_a_script_trains_before_it_tells(monkeypatch):
    calls = []
    monkeypatch.setattr("sys.argv", ["x.py", "--train", "folder"])
    with matplotlib.rc_context():
        _script.run(lambda path: calls.append(path), "x.md", lambda folder: calls.append(f"trained in {folder}"))
    assert calls == ["trained in folder", "x.md"]


@pytest.mark.parametrize("arguments", [["--train"], ["--train", "a", "b"], ["a.md", "b.md"]])
def test_a_script_that_can_train_is_told_how(arguments, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["colour.py", *arguments])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"usage: python figures/colour.py \[FILE.md \| --train FOLDER\]"):
        runpy.run_path(str(FIGURES / "colour.py"), run_name="__main__")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "script, missing",
    [
        ("figure_09", "svhn"),
        ("figure_10", "svhn"),
        ("figure_11", "svhn"),
        ("figure_12", "cifar10"),
        ("copying", "svhn"),
        ("colour", "svhn"),
    ],
)
def test_missing_weights_are_one_line(script, missing, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    with pytest.raises(SystemExit) as stopped:
        run(script, tmp_path / f"picture{'.png' if script.startswith('figure') else '.md'}", monkeypatch)
    message = stopped.value.code
    assert message.startswith(f"{script}.py: ") and repr(missing) in message and "\n" not in message
    assert not list(tmp_path.iterdir())


def test_damaged_house_numbers_are_one_line(shelf, data, tmp_path, monkeypatch):
    svhn.path("train").write_bytes(svhn.path("train").read_bytes()[:-1])
    monkeypatch.setattr(svhn, "is_here", lambda: True)
    monkeypatch.setattr(svhn, "counts", lambda: PICTURES)
    with pytest.raises(SystemExit, match="^figure_09.py: .*train.npy cannot be read"):
        run("figure_09", tmp_path / "picture.png", monkeypatch)


def test_the_rows_of_copying_are_medians_and_shares(data, monkeypatch):
    found = {"samples": np.array([0.5, 1.5, 40.0, 60.0]), "test images": np.arange(1.0, 102.0)}  # half: 51, 1 %: 2
    module = script("copying", monkeypatch, distances=lambda name: found)
    assert module["rows"]("svhn")[:2] == [
        "| 4 samples | 20.7500 | 0.750 | 0.500 |",
        "| 101 test images | 51.0000 | 0.495 | 0.010 |",
    ]


def test_copying_compares_reconstructions_and_not_what_they_are_of(shelf, data, monkeypatch):
    module = script("copying", monkeypatch, COUNT=6)
    for name in CONFIGS:
        made = _script.reconstructed(name, datasets.load(name, "test", 6).images, 0)
        _, expected = _neighbours.nearest(made.astype(np.float32), _neighbours.training_blocks(name))
        assert module["distances"](name)["reconstructions of test images"] == pytest.approx(expected, abs=1e-5)


def test_the_reader_is_validated_on_validation_photographs(data, monkeypatch):
    module = script("house_numbers", monkeypatch)
    valid = module["reader_run"]().data.valid
    assert np.array_equal(valid.labels, svhn.digits("valid")[:, 0])
    assert np.array_equal(valid.images, module["light_and_dark"](datasets.load("svhn", "valid").images))


def test_a_cloud_s_colours_move_together(data):
    grey = np.repeat(np.random.default_rng(0).random((3, 54, 54, 1)), 3, axis=3)
    clouds = _reading.random_phases(grey)
    assert np.allclose(clouds, clouds[..., :1], atol=1e-6)


def test_light_and_dark_of_an_image_do_not_depend_on_the_others(monkeypatch):
    light_and_dark = script("house_numbers", monkeypatch)["light_and_dark"]
    images = np.random.default_rng(0).random((3, 8, 7, 3)) * np.array([1, 0.5, 0.1])[:, None, None, None]
    for image, expected in zip(images, light_and_dark(images)):
        assert light_and_dark(image[None])[0] == pytest.approx(expected, abs=1e-9)
