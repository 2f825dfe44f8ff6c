"""The ablation trains what has not been measured yet, and its table says what each part is worth."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from draw_np import datasets
from draw_np.models import draw
from draw_np.training.journal import work
from draw_np.training.recipe import Run
from tools import ablation


@pytest.fixture
def found(tmp_path, monkeypatch):
    """All runs but one are measured: the k-th variant reached 90 + k and 92 + k nats, in ten minutes each."""
    numbers = {
        name: {str(seed): {"nats": 90.0 + k + 2 * seed, "seconds": 600.0} for seed in ablation.SEEDS}
        for k, name in enumerate(ablation.VARIANTS)
    }
    del numbers["no clipping"]["1"]
    path = tmp_path / "ablation.json"
    path.write_text(json.dumps(numbers))
    monkeypatch.setattr(ablation, "FOUND", path)
    monkeypatch.setattr(ablation, "PAGE", tmp_path / "ablation.md")
    return path


def call(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["ablation.py", *map(str, arguments)])
    ablation.main()


def test_only_what_is_not_measured_is_trained(found, tmp_path, monkeypatch):
    trained, before = [], json.loads(found.read_text())

    def train(run, out, seed, resume):
        trained.append((run.name, seed, resume))
        return True

    monkeypatch.setattr(ablation, "train", train)
    monkeypatch.setattr(ablation, "load_weights", lambda path: (None, None, None, {"seconds": 660.0}))
    monkeypatch.setattr(ablation, "evaluate", lambda *args, **kwargs: SimpleNamespace(nll_bound=104.5))
    call(monkeypatch, tmp_path, "--part", "0/2")
    assert trained == []
    call(monkeypatch, tmp_path, "--part", "1/2")
    assert trained == [("ablation: no clipping", 1, False)]
    before["no clipping"]["1"] = {"nats": 104.5, "seconds": 660.0}
    assert json.loads(found.read_text()) == before
    page = ablation.PAGE.read_text()
    assert "| the whole recipe | 90.00 | 92.00 |  |\n| T = 16 from the start | 91.00 | 93.00 | +1.00 |\n" in page
    assert "| no clipping | 99.00 | 104.50 | +10.75 |\n" in page and "(about\n10 minutes" in page


def test_there_is_no_table_of_some_of_the_runs(found, monkeypatch, capsys):
    call(monkeypatch, "--table")
    assert capsys.readouterr().out == "19 of 20 runs are done: the table is made when all are\n"
    assert not ablation.PAGE.exists()


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """All variants measured with a `train` that only looks: {variant: what it saw}, and the images of each bound."""
    seen, images = {}, []

    def train(run, out, seed, resume):
        seen[run.name.removeprefix("ablation: ")] = draw.init_params, draw.tile
        return True

    def evaluate(*arguments, **how):
        images.append(arguments[3])
        return SimpleNamespace(nll_bound=104.5)

    monkeypatch.setattr(ablation, "FOUND", tmp_path / "ablation.json")
    monkeypatch.setattr(ablation, "PAGE", tmp_path / "ablation.md")
    monkeypatch.setattr(ablation, "train", train)
    monkeypatch.setattr(ablation, "load_weights", lambda path: (None, None, None, {"seconds": 660.0}))
    monkeypatch.setattr(ablation, "evaluate", evaluate)
    call(monkeypatch, tmp_path)
    return seen, images


def test_a_variant_is_what_its_name_says_while_it_trains_and_no_longer(measured):
    seen, _ = measured
    init_params, tile = draw.init_params, draw.tile
    assert (init_params, tile) == (ablation.INIT_PARAMS, seen["the whole recipe"][1])
    for name, found in seen.items():
        assert found == {
            "c_0 starts grey, not as the mean image": (ablation.grey, tile),
            "filters start with sigma = 1, not tiling the patch": (init_params, ablation.window_of_one_pixel),
        }.get(name, (init_params, tile)), name
    same = {name for name, recipe in ablation.VARIANTS.items() if recipe == ablation.WHOLE}
    assert same == {"the whole recipe", *ablation.PATCHES}


def test_it_is_measured_on_all_validation_images(measured):
    valid = datasets.load("binarized-mnist", "valid").images
    assert len(measured[1]) == 20 and all(np.array_equal(images, valid) for images in measured[1])


def test_every_variant_takes_as_many_steps():
    config = draw.Config(steps=16)
    runs = [Run(name, "draw", config, "binarized-mnist", recipe) for name, recipe in ablation.VARIANTS.items()]
    assert len({work(run, run.recipe.updates) for run in runs}) == 1


@pytest.mark.parametrize("text", ["2/2", "-1/2", "1", "a/b", "0/0", "1/2/3"])
def test_a_part_that_is_none(text):
    with pytest.raises(ValueError):
        ablation.part(text)
