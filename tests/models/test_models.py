"""What every model tells training of itself is true."""

import dataclasses

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.models import MODELS, draw, glimpse_classifier, vae
from draw_np.training.evaluation import MEASURES
from draw_np.training.trees import named_leaves

BATCH = 2
CONFIGS = {
    "draw": draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=4, write_size=9),
    "vae": vae.Config(height=8, width=7, hidden=6, latent=5),
    "glimpse_classifier": glimpse_classifier.Config(height=8, width=7, steps=3, hidden=6, read_size=4, classes=5),
}
every_model = pytest.mark.parametrize("name", MODELS)


def shapes(name, config):
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
        assert (shapes(name, other) == shapes(name, config)) == (field.name in MODELS[name].FREE), field.name
