"""What every model tells training of itself is true."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draw_np import equations, kernels
from draw_np.models import MODELS, draw, glimpse_classifier, vae
from draw_np.training.evaluation import MEASURES
from draw_np.training.presets import PRESETS
from draw_np.training.trees import named_leaves

BATCH = 2
CONFIGS = {
    "draw": draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=4, write_size=9),
    "vae": vae.Config(height=8, width=7, hidden=6, latent=5),
    "glimpse_classifier": glimpse_classifier.Config(height=8, width=7, steps=3, hidden=6, read_size=4, classes=5),
}
every_model = pytest.mark.parametrize("name", MODELS)


SIZES = {
    name: {field.name: st.integers(1, 9) for field in dataclasses.fields(config)} for name, config in CONFIGS.items()
}
NO_ATTENTION = st.just({"read_size": None, "write_size": None})


def made(name, config):
    params = MODELS[name].init_params(config, np.random.default_rng(0))
    return {leaf: array.shape for leaf, array in named_leaves(params).items()}


@every_model
def test_the_terms_of_the_loss_have_their_names_and_add_up(name):
    model, config, rng = MODELS[name], CONFIGS[name], np.random.default_rng(0)
    params, images = model.init_params(config, rng), rng.random((BATCH, 8, 7), np.float32)
    given = model.given(config, np.array([0, 4]), BATCH, rng)
    assert given.shape[model.BATCH_AXIS] == BATCH and model.MEASURE in MEASURES
    for ops in (equations, kernels):
        terms = model.losses(params, config, images, given, ops)
        assert len(terms) == len(model.LOSSES) and all(term.shape[-1] == BATCH for term in terms)
        total = sum(np.sum(term) for term in terms) / BATCH
        assert total == pytest.approx(model.loss(params, config, images, given, ops), rel=1e-6)


@every_model
def test_the_free_sizes_are_those_that_no_parameter_depends_on(name):
    config = CONFIGS[name]
    for field in dataclasses.fields(config):
        other = dataclasses.replace(config, **{field.name: getattr(config, field.name) + 1})
        assert (made(name, other) == made(name, config)) == (field.name in MODELS[name].FREE), field.name


@every_model
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_the_shapes_are_those_of_the_parameters(name, data):
    sizes = data.draw(st.fixed_dictionaries(SIZES[name]))
    sizes |= data.draw(st.just({}) | NO_ATTENTION) if name == "draw" else {}
    config = MODELS[name].Config(**sizes)
    assert named_leaves(MODELS[name].shapes(config)) == made(name, config)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_shapes_are_those_of_the_presets(preset):
    run = PRESETS[preset]
    assert named_leaves(MODELS[run.model].shapes(run.config)) == made(run.model, run.config)


@every_model
def test_shapes_take_no_memory(name):
    config = dataclasses.replace(CONFIGS[name], hidden=10**30)
    assert (10**30,) in named_leaves(MODELS[name].shapes(config)).values()
