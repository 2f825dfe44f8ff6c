"""Wrong answers to the exercises of lessons 05 to 11 that look right, in wrong_answers/: each must fail its check."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from lessons import build
from tests.lessons.test_exercises import run, run_setup, undrawn  # noqa: F401

EXERCISES = {
    exercise.number: (source, exercise) for source in build.solutions() for exercise in build.read_exercises(source)
}
FILES = [Path(__file__).parent / "wrong_answers" / f"{lesson}.toml" for lesson in ("05", "06", "07", "08", "09", "11")]
WRONG = [wrong for path in FILES for wrong in tomllib.loads(path.read_text("utf-8"))["wrong"]]


@pytest.fixture(scope="module")
def setup():
    """A function that returns what the cells before a lesson's first exercise define, made once for each lesson."""
    made = {}
    return lambda source: dict(made[source] if source in made else made.setdefault(source, run_setup(source)))


@pytest.mark.lessons
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("wrong", [pytest.param(w, id=f"{w['exercise']}: {w['what']}") for w in WRONG])
def test_a_plausible_wrong_answer_is_refused(wrong, setup):
    source, exercise = EXERCISES[wrong["exercise"]]
    answer = exercise.answer
    for old, new in wrong["replace"]:
        assert old in answer, f"the answer has no {old}"
        answer = answer.replace(old, new)
    names = setup(source)
    run(answer, names)
    with np.errstate(all="ignore"), pytest.raises(AssertionError) as refused:
        run(exercise.check, names)
    assert str(refused.value), "the check does not say what is wrong"


@pytest.mark.parametrize("number", [number for number in EXERCISES if int(number.split(".")[0]) >= 5])
def test_every_exercise_has_wrong_answers(number):
    assert sum(wrong["exercise"] == number for wrong in WRONG) >= 10
