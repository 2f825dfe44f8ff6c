"""What every model tells training of itself is true."""

import dataclasses
from types import SimpleNamespace

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


def calls(name):
    """Every function of a model that takes its parameters, as call(params, config, ops), and whether it only draws."""
    model, rng = MODELS[name], np.random.default_rng(0)
    images, labels = rng.random((BATCH, 8, 7)), np.array([0, 4])
    if name == "glimpse_classifier":
        functions = [("look", (images,)), *((each, (images, labels)) for each in ("cross_entropy", "losses", "loss"))]
    else:
        noise = model.sample_noise(CONFIGS[name], BATCH, rng)
        names = "infer", "bound", "losses", "loss", "log_importance_weight"
        functions = [*((each, (images, noise)) for each in names), ("generate", (noise,))]
    return {
        each: lambda params, config, ops, each=each, given=given: getattr(model, each)(params, config, *given, ops)
        for each, given in functions
    }


@every_model
def test_what_no_model_can_be_computed_with_is_refused_in_a_line(name):
    params, config = MODELS[name].init_params(CONFIGS[name], np.random.default_rng(0)), CONFIGS[name]
    others = [each for each in CONFIGS.values() if each is not config]
    for call in calls(name).values():
        call(params, config, equations)
        for ops in (None, 3, "kernels", np.zeros(3), SimpleNamespace(lstm=equations.lstm)):
            with pytest.raises(ValueError, match=r"^ops must be .*draw_np.kernels or like them: .* has no [A-z]+$"):
                call(params, config, ops)
        for wrong in (None, 3, "config", dataclasses.asdict(config), *others):
            with pytest.raises(ValueError, match=f"^config must be a {name}.Config, got "):
                call(params, wrong, kernels)
        for wrong in (None, 3, "params", list(params.values()), {}, {"x": params}):
            with pytest.raises(ValueError, match="^params must be a dict of [a-z_, ]+, as init_params makes it, got "):
                call(wrong, config, kernels)


@every_model
def test_each_parameter_is_missed_by_the_functions_that_use_it(name):
    params, config, missed = MODELS[name].init_params(CONFIGS[name], np.random.default_rng(0)), CONFIGS[name], set()
    for function, call in calls(name).items():
        for part in params:
            rest = {key: value for key, value in params.items() if key != part}
            try:
                call(rest, config, equations)
            except ValueError as error:
                assert str(error).endswith(f"got params without {part!r}")
                missed.add((function, part))
    unused = {(function, part) for function in calls(name) for part in params} - missed
    assert unused == {("generate", part) for part in UNUSED.get(name, ())}


UNUSED = {"draw": ("encoder", "mu", "sigma", "read_window"), "vae": ("encoder", "mu", "sigma")}  # when drawing


@every_model
def test_what_no_parameters_or_noise_can_be_made_of(name):
    model, config, rng = MODELS[name], CONFIGS[name], np.random.default_rng(0)
    for wrong in (None, 3, np.random.RandomState(0)):
        with pytest.raises(ValueError, match="^rng is a .*: pass a Generator"):
            model.init_params(config, wrong)
    for wrong in (None, 3, dataclasses.asdict(config)):
        with pytest.raises(ValueError, match=f"^config must be a {name}.Config, got "):
            model.init_params(wrong, rng)
        if hasattr(model, "sample_noise"):
            with pytest.raises(ValueError, match=f"^config must be a {name}.Config, got "):
                model.sample_noise(wrong, BATCH, rng)


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
