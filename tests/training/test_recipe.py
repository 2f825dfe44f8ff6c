"""Recipes: what holds when, that what makes no sense is refused in a line, and the presets."""

import dataclasses
import itertools
import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draw_np.datasets import Split
from draw_np.models import draw, glimpse_classifier, vae
from draw_np.training.data import Images, Made
from draw_np.training.journal import work
from draw_np.training.presets import PRESETS, find_preset
from draw_np.training.recipe import Phase, Ramp, Recipe, Run, now
from draw_np.training.words import in_words

CONFIG = draw.Config(height=60, width=60, steps=64, hidden=6, latent=5)


def run(*phases, config=CONFIG, model="draw", data="two-digit-mnist", **recipe):
    return Run("small", model, config, data, Recipe(phases or (Phase(3, 0.1),), **recipe))


# When which phase holds


def phases(*lengths):
    return tuple(Phase(length, 0.1) for length in lengths)


def test_phases_hold_as_long_as_they_say_or_as_their_share_says():
    recipe = Recipe(phases(2, 3, 5))
    assert recipe.updates == 10
    for length, expected in {
        10: [(0, 2), (2, 5), (5, 10)],
        30: [(0, 6), (6, 15), (15, 30)],
        4: [(0, 1), (1, 2), (2, 4)],  # ends are rounded up
        1: [(0, 1), (1, 1), (1, 1)],
    }.items():
        assert [span for _, *span in recipe.spans(length)] == [[*span] for span in expected]
        assert [phase for phase, _, _ in recipe.spans(length)] == [*recipe.phases]


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=6), st.integers(1, 10**7))
@settings(deadline=None, derandomize=True)
def test_every_update_is_in_one_phase_and_none_is_too_long(lengths, length):
    recipe = Recipe(phases(*lengths))
    spans = recipe.spans(length)
    assert spans[0][1] == 0 and spans[-1][2] == length
    assert all(before[2] == after[1] for before, after in itertools.pairwise(spans))
    for phase, first, end in spans:
        assert 0 <= first <= end and abs((end - first) - Fraction(phase.updates * length, sum(lengths))) < 1


# Ramps


def test_a_ramp_between_numbers_moves_evenly():
    ramp = Ramp(0.5, 2.5)
    assert [ramp.at(part) for part in (0, 0.25, 0.5, 1)] == [0.5, 1.0, 1.5, 2.5]
    assert [Ramp(4e-3, 0.0).at(part) for part in (0, 0.75, 1)] == [4e-3, pytest.approx(1e-3), 0.0]
    assert Ramp(0, 1.0).at(0.25) == Ramp(0.0, 1).at(0.25) == 0.25  # both must be whole for whole steps


@pytest.mark.parametrize("first, last", [(0, 3), (3, 0), (2, 4), (4, 4), (-1, 1)])
def test_a_ramp_between_whole_numbers_stays_equally_long_at_each(first, last):
    step = 1 if last >= first else -1
    expected = [*range(first, last + step, step)]
    updates = 7 * len(expected)
    found = [Ramp(first, last).at((update + 0.5) / updates) for update in range(updates)]
    assert found == [value for value in expected for _ in range(7)] and {type(value) for value in found} == {int}
    assert (Ramp(first, last).at(0.0), Ramp(first, last).at(1.0)) == (first, last)


@given(st.integers(-100, 100), st.integers(-100, 100), st.integers(1, 1000))
@settings(deadline=None, derandomize=True)
def test_a_whole_ramp_never_leaves_its_ends_nor_turns(first, last, updates):
    found = [Ramp(first, last).at((update + 0.5) / updates) for update in range(updates)]
    assert found == sorted(found, reverse=last < first)
    assert min(first, last) <= min(found) and max(found) <= max(first, last)


def test_the_value_of_the_moment():
    assert now(3, 0.7) == 3 and now(True, 0.7) is True
    assert now(Ramp(0.0, 1.0), 0.7) == 0.7 and now(Ramp(0, 9), 0.7) == 7


# What a bar counts


@pytest.mark.parametrize("steps", [(64,), (8, 16, 64), (1, 2, 3, 64), (5,)])
@pytest.mark.parametrize("length", [1, 7, 10, 30])
def test_the_work_of_a_run_is_the_sum_of_its_images_steps(steps, length):
    one = run(*(Phase(k + 1, 0.1, {"steps": T}, batch=(None, 9, 4)[k % 3]) for k, T in enumerate(steps)), batch=7)
    total = 0
    for done in range(length + 1):
        assert work(one, length, done) == total
        for phase, first, end in one.recipe.spans(length):
            total += phase.config["steps"] * (phase.batch or 7) if first <= done < end else 0
    assert work(one, length) == work(one, length, length)


def test_a_model_without_steps_has_one():
    assert work(run(model="vae", config=vae.Config(60, 60), batch=3), 10, 4) == 4 * 3


def test_the_configuration_of_a_phase_follows_the_images_or_does_not():
    config = glimpse_classifier.Config(steps=8)
    phase = Phase(3, 0.1, {"steps": 4, "height": 48, "width": 48})
    assert phase.config_of(config) == dataclasses.replace(config, steps=4, height=48, width=48)
    assert phase.config_of(config, data=False) == dataclasses.replace(config, steps=4)
    assert Phase(3, 0.1).config_of(config) == config


# What is refused

GOOD = {"model": "draw", "config": CONFIG, "data": "two-digit-mnist", "recipe": Recipe((Phase(3, 0.1),))}
CLASSIFIER = {"model": "glimpse_classifier", "config": glimpse_classifier.Config(), "data": "cluttered-mnist"}
BAD_RUNS = [
    ({"model": "dram"}, "small: there is no model 'dram'; known: draw, vae, glimpse_classifier"),
    ({"model": ["draw"]}, "there is no model ['draw']"),
    ({"config": vae.Config()}, "small: config must be a draw.Config"),
    ({"config": None}, "config must be a draw.Config"),
    ({"data": "mnits"}, "small: data must be one of mnist, binarized-mnist, two-digit-mnist, cl"),
    ({"data": np.zeros(3)}, "data must be one of"),
    ({"recipe": None}, "small: recipe must be a Recipe, not None"),
    ({**CLASSIFIER, "data": "mnist"}, "small: mnist has no labels for a glimpse_classifier"),
    ({**CLASSIFIER, "data": Images(np.zeros((3, 9, 9)), np.zeros((3, 9, 9)))}, "images has no labels for"),
]
BAD_RECIPES = [
    ({"phases": ()}, "phases must be a tuple of one Phase or more, not ()"),
    ({"phases": [Phase(3, 0.1)]}, "phases must be a tuple"),
    ({"phases": (Phase(3, 0.1), 3)}, "phases must be a tuple"),
    *(({key: value}, f"{key} must be a whole number of at least 1, not {value!r}")
      for key in ("batch", "validation_images", "images") for value in (0, -1, 1.5, True, "7")),
    ({"batch": None}, "batch must be a whole number of at least 1, not None"),
    *(({key: value}, f"{key} must be a number of at least 0, not {value!r}")
      for key in ("clip", "lstm_clip", "decay", "average") for value in (-1, math.nan, math.inf, "1", True)),
    ({"decay": None}, "decay must be a number of at least 0, not None"),
    ({"decay": 0.1, "phases": (Phase(3, 0.1, optimiser="schedule-free"),)}, "decay is for phases of plain Adam, and"),
    ({"clip": 0}, "a clip of 0 would leave no gradient"),
    ({"lstm_clip": 0.0}, "a clip of 0 would leave no gradient"),
    ({"images": 100}, "two-digit-mnist has no end, or no array of images, so leave out images"),
    ({"start": 3}, "start must be the name of shipped weights, and the model draw, not 3"),
]  # fmt: skip
BAD_PHASES = [
    *((Phase(value, 0.1), f"updates must be a whole number of at least 1, not {value!r}") for value in (0, 1.5, "3")),
    *((Phase(3, value), f"rate must be a number above 0 or a Ramp as from 0.0 to 1.0, not {value!r}")
      for value in (0.0, -0.1, math.nan, "1", None, True, Ramp(0.0, 0.0), Ramp(0.1, -0.1), Ramp(0, None), Ramp(0, 1))),
    *((Phase(3, 0.1, kl=value), f"kl must be a number above 0 or a Ramp as from 0.0 to 1.0, not {value!r}")
      for value in (0, -1.0, math.inf, [1.0], Ramp(0, 1), Ramp(1.0, math.nan))),
    *((Phase(3, 0.1, batch=value), f"batch must be a whole number of at least 1 or None, not {value!r}")
      for value in (0, 1.5, "3", True)),
    (Phase(3, 0.1, {"T": 3}), "config must be a dict that changes steps, not {'T': 3}"),
    (Phase(3, 0.1, {"height": 48}), "config must be a dict that changes steps, not {'height': 48}"),  # c_0 has sizes
    (Phase(3, 0.1, {"hidden": 48}), "config must be a dict that changes steps"),
    (Phase(3, 0.1, None), "config must be a dict"),
    (Phase(3, 0.1, {"steps": 0}), "config: steps must be a whole number of at least 1, got 0"),
    (Phase(3, 0.1, shown=[1]), "shown must be a dict, not [1]"),
    (Phase(3, 0.1, shown={"side": 48}), "shown: two-digit-mnist has no option 'side': there are digits, spread, sta"),
    (Phase(3, 0.1, shown={"digits": 3}), "shown: digits is 3: pass a whole number, from 1 to 2"),
    (Phase(3, 0.1, shown={"spread": Ramp(0, 101)}), "shown: spread is 101: pass a whole number, from 0 to 100"),
    (Phase(3, 0.1, shown={"spread": Ramp(-1, 100)}), "a Ramp of spread must be between whole numbers, not Ramp("),
    (Phase(3, 0.1, shown={"spread": Ramp(0.0, 100.0)}), "a Ramp of spread must be between whole numbers, not Ramp("),
    (Phase(3, 0.1, optimiser="sgd"), "there is no optimiser 'sgd'; known: adam, schedule-free"),
    (Phase(3, 0.1, optimiser=["adam"]), "there is no optimiser ['adam']"),
    (Phase(3, 0.1, prune="yes"), "prune must be True or False, not 'yes'"),
    (Phase(3, 0.1, frozen="decoder"), "frozen must be a tuple of some of decoder, write_window, write_patch, "),
    (Phase(3, 0.1, frozen=("mu",)), "frozen must be a tuple of some of"),
]  # fmt: skip
OTHER_MODELS = [
    ({**CLASSIFIER, "recipe": Recipe((Phase(3, 0.1, kl=0.5),))}, "kl is for models with an L^z, not glimpse_classifi"),
    ({**CLASSIFIER, "recipe": Recipe((Phase(3, 0.1, prune=True),))}, "prune and frozen are for draw"),
    ({**CLASSIFIER, "recipe": Recipe((Phase(3, 0.1, frozen=draw.DECODER),))}, "prune and frozen are for draw"),
    ({**CLASSIFIER, "recipe": Recipe((Phase(3, 0.1),), start="mnist")}, "start must be the name of shipped weights"),
    ({**CLASSIFIER, "recipe": Recipe((Phase(3, 0.1, {"read_size": 4}),))}, "changes steps or height or width"),
    ({**CLASSIFIER, "recipe": Recipe((Phase(3, 0.1, shown={"distractors": -1}),))}, "distractors is -1: pass"),
    ({"model": "vae", "config": vae.Config(), "recipe": Recipe((Phase(3, 0.1, {"steps": 3}),))}, "changes nothing"),
    ({"data": "mnist", "recipe": Recipe((Phase(3, 0.1, shown={"digits": 1}),))}, "mnist is a fixed set and has no op"),
]


def refused(fields):
    with pytest.raises(ValueError) as error:
        Run("small", **{**GOOD, **fields})
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("fields, expected", BAD_RUNS + OTHER_MODELS)
def test_a_run_that_makes_no_sense(fields, expected):
    assert expected in refused(fields)


@pytest.mark.parametrize("fields, expected", BAD_RECIPES)
def test_a_recipe_that_makes_no_sense(fields, expected):
    line = refused({"recipe": Recipe(**{"phases": (Phase(3, 0.1),), **fields})})
    assert line.startswith("the recipe of small: ") and expected in line


@pytest.mark.parametrize("phase, expected", BAD_PHASES)
def test_a_phase_that_makes_no_sense(phase, expected):
    line = refused({"recipe": Recipe((Phase(3, 0.1), phase))})
    assert line.startswith("the recipe of small, phase 2: ") and expected in line


@pytest.mark.parametrize("kind", [Phase, Recipe, Run])
def test_what_an_array_is_refused_with_is_one_line(kind):
    """Of each field: NumPy writes an array in several."""
    wrong = np.zeros((30, 60, 60))
    for name in {each.name for each in dataclasses.fields(kind)} - {"name"}:
        changed = {name: wrong}
        if kind is Phase:
            changed = {"phases": (Phase(**{"updates": 3, "rate": 0.1, **changed}),)}
        if kind is not Run:
            changed = {"recipe": Recipe(**{"phases": (Phase(3, 0.1),), **changed})}
        line = refused(changed)
        assert name in line and len(line) < 400


@pytest.mark.parametrize(
    "data",
    [
        Made(lambda rng, count: None, Split(np.zeros((3, 60, 60)), None), "pictures"),
        SimpleNamespace(valid=Split(np.zeros((3, 60, 60)), None), batches=None, mean=None, source="pictures"),
    ],
)
def test_only_some_images_of_what_is_no_array(data):
    """What has no array of training images has no first ones."""
    line = refused({"data": data, "recipe": Recipe((Phase(3, 0.1),), images=7)})
    assert line == "the recipe of small: pictures has no end, or no array of images, so leave out images"


def test_what_makes_sense_is_taken():
    """What the bad ones above differ from, and the bounds of what is allowed."""
    Run("small", **GOOD)
    Run("classifier", recipe=GOOD["recipe"], **CLASSIFIER)
    everything = Phase(1, Ramp(0.0, 1), {"steps": 3}, {"spread": Ramp(0, 100)}, Ramp(0.0, 1.0), "schedule-free", 2)
    run(everything, dataclasses.replace(everything, prune=True, frozen=draw.DECODER), lstm_clip=1, decay=0, average=0)
    run(data="mnist", images=1, batch=1, validation_images=1)
    run(data=Images(np.zeros((3, 60, 60)), np.zeros((3, 60, 60))))


def test_numbers_may_be_numpy_s():
    """They become Python's: a checkpoint holds the recipe as Python writes it, and compares it when the run goes on."""
    phases = (
        Phase(2, 0.5, {"steps": 3}, {"digits": 1, "spread": Ramp(0, 100)}, Ramp(0.0, 1.0)),
        Phase(3, Ramp(0.5, 0.0), batch=9, prune=True, frozen=draw.DECODER),
    )
    kinds = {int: np.int16, float: np.float32, bool: np.bool_}

    def numpy_s(value):
        if isinstance(value, dict):
            return {key: numpy_s(each) for key, each in value.items()}
        if dataclasses.is_dataclass(value):
            return type(value)(*(numpy_s(getattr(value, each.name)) for each in dataclasses.fields(value)))
        if isinstance(value, tuple):
            return tuple(map(numpy_s, value))
        return kinds[type(value)](value) if type(value) in kinds else value

    recipe = Recipe(phases, batch=7, clip=2.5, lstm_clip=0.5, decay=0.25, average=0.5, validation_images=5)
    assert repr(numpy_s(recipe)) == repr(recipe)
    assert repr(run(*numpy_s(phases), validation_images=np.array(5))) == repr(run(*phases, validation_images=5))
    assert run(data="mnist", images=np.uint8(200)).recipe.images == 200


# The presets


@pytest.mark.parametrize("name", PRESETS)
def test_presets_make_sense(name):
    one = find_preset(name)
    assert one.name == name
    steps = [getattr(phase.config_of(one.config), "steps", 1) for phase in one.recipe.phases]
    assert steps == sorted(steps) and steps[-1] == getattr(one.config, "steps", 1)
    assert one.recipe.phases[-1].config == {} and one.recipe.phases[-1].shown == {}  # it ends with what is asked for
    rates = [[now(phase.rate, part) for part in (0.0, 1.0)] for phase in one.recipe.phases]
    assert rates[0][0] < max(itertools.chain(*rates))
    for before, after in itertools.pairwise(rates):
        assert before[1] >= after[0] > 0  # never up at once


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_in_words(name):
    one, text = find_preset(name), in_words(find_preset(name))
    assert text.startswith(f"{name}: ") and f"in {one.recipe.updates:,} updates" in " ".join(text.split())
    assert text.count("\n- ") == len(one.recipe.phases) and all(len(line) <= 100 for line in text.splitlines())
    for phase, line in zip(one.recipe.phases, text.split("\n- ")[1:]):
        line = " ".join(line.split())
        assert line.startswith(f"{phase.updates:,} updates")
        assert ("inactive latent units pruned" in line) == phase.prune
        assert ("the decoder frozen" in line) == (phase.frozen == draw.DECODER)
        assert ("schedule-free" in line) == (phase.optimiser == "schedule-free")
        assert ("batches of " in line) == (len({*one.recipe.batch_sizes}) > 1)
        assert ("shown: " in line) == bool(phase.shown.keys() - {"side"})
        if hasattr(one.config, "steps"):
            assert f"at T = {phase.config_of(one.config).steps}" in line


def test_words_say_what_moves():
    text = " ".join(in_words(find_preset("two-digit-mnist")).split())
    assert "It begins as 'mnist' on a larger canvas." in text
    assert "shown: digits 1, spread from 0 to 100, schedule-free Adam, rate 0.001." in text
    assert "shown: staged, schedule-free Adam, rate 0.001." in text
    assert "L^z counting from 0 to 1 in the gradient" in " ".join(in_words(find_preset("mnist")).split())
    without = " ".join(in_words(find_preset("mnist-no-attention")).split())
    assert "DRAW without attention (" in without and "read_size" not in without


def test_phases_may_have_batches_of_their_own():
    one = run(Phase(6, 0.1), Phase(3, 0.1, batch=20), Phase(1, 0.1, batch=8), batch=10)
    assert one.recipe.batch_sizes == [10, 20, 8] == [one.recipe.batch_of(phase) for phase in one.recipe.phases]
    text = " ".join(in_words(one).split())
    assert "10 updates of 8 to 20 images" in text
    for updates, batch in (6, 10), (3, 20), (1, 8):
        assert f"- {updates} updates at T = {CONFIG.steps}, batches of {batch}, Adam" in text
    assert "batches of " not in in_words(run(Phase(6, 0.1, batch=20), Phase(3, 0.1, batch=20)))
    assert one.recipe.updates_of(6 * 10 + 3 * 20 + 8) == 10 and one.recipe.updates_of(10 * 128) == 100
    assert run(Phase(3, 0.1), batch=7).recipe.updates_of(35) == 5


def test_an_unknown_preset_gets_the_nearest_and_all_the_known():
    with pytest.raises(ValueError, match="did you mean 'tiny'") as error:
        find_preset("tinny")
    assert all(name in str(error.value) for name in PRESETS) and "\n" not in str(error.value)
    with pytest.raises(ValueError, match="unknown preset"):
        find_preset("")
