"""The shipped weights load, are as good as their record says, and draw."""

import json

import numpy as np
import pytest

from draw_np import datasets, kernels, load_pretrained, pretrained
from draw_np.models import MODELS, draw, is_classifier
from draw_np.pretrained.__main__ import ERRORS, QUICK, errors, quick_check
from draw_np.training.checkpoint import CheckpointError, load_weights
from draw_np.training.evaluation import evaluate
from draw_np.training.presets import PRESETS

NAMES = pretrained.names()
CLASSIFIERS = [name for name in NAMES if is_classifier(MODELS[PRESETS[name].model])]


def record_of(name):
    return json.loads((pretrained.FOLDER / f"{name}.json").read_text())


def test_there_are_some_and_each_has_a_record():
    assert "mnist" in NAMES
    assert [name for name in NAMES if not (pretrained.FOLDER / f"{name}.json").is_file()] == []


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CLASSIFIERS])
def test_bound_on_digits_that_are_always_here(name):
    params, model, config, _ = load_weights(pretrained.find(name))
    said = record_of(name)[f"the same for the first {QUICK} MNIST test digits, binarized with seed 0"]
    assert quick_check(model, params, config) == pytest.approx(said, abs=0.02)  # another BLAS rounds otherwise


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_error_on_all_images(name):
    """The 10,000 images are made from digits that are always here."""
    params, model, config, _ = load_weights(pretrained.find(name))
    said, found = (record[ERRORS] for record in (record_of(name), errors(model, params, config, "cluttered-mnist")))
    for split in ("valid", "test"):
        assert found[split]["images"] == said[split]["images"] == 10_000
        assert found[split]["error"] == pytest.approx(said[split]["error"], abs=0.05)  # another BLAS rounds otherwise
        assert found[split]["cross_entropy"] == pytest.approx(said[split]["cross_entropy"], abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_record_is_of_the_preset_as_it_stands(name):
    _, model, config, meta = load_weights(pretrained.find(name))
    preset, record = PRESETS[name], record_of(name)
    assert meta["preset"] == name and config == preset.config
    assert record["recipe"]["dataset"] == preset.recipe.dataset


def test_bound_on_the_fixed_binarized_test_images():
    row = next(row for row in datasets.listing() if row.name == "binarized-mnist")
    if not row.here:
        pytest.skip("the fixed binarized MNIST is not here: python -m draw_np datasets fetch binarized-mnist")
    params, config = load_pretrained("mnist")
    images = datasets.load("binarized-mnist", "test").images[::10]  # the first ones are harder than most
    found = evaluate(draw, params, config, images, np.random.default_rng(0), ops=kernels)
    said = record_of("mnist")["bounds in nats, one sample of z with seed 0"]["test"]["nll_bound"]
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
