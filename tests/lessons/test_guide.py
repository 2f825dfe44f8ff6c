"""lessons/README.md says what is so: its contents are the lessons', its notation the code's."""

import inspect
import re
import sys

import numpy as np
import pytest

from draw_np import equations
from draw_np.models import draw
from lessons import build

GUIDE = (build.LESSONS / "README.md").read_text("utf-8")
SIZES = {"batch": 2, "steps": 3, "hidden": 6, "width": 7, "height": 8, "channels": 10, "latent": 11}
READ, WRITE = 4, 9  # N, all pairwise distinct, so that no two axes can be mixed up


def rows(heading, columns):
    """The cells of the first table after a heading, row by row, without its head."""
    table = re.search(r"(?:^\|.*\n)+", GUIDE[GUIDE.index(heading) :], re.MULTILINE).group()
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()[2:]]
    assert all(len(row) == columns for row in cells), [row for row in cells if len(row) != columns]
    return cells


# Contents

LESSONS = {row[0].strip("[")[:2]: row for row in rows("# DRAW from scratch", 4)}


@pytest.mark.parametrize("source", build.sources(), ids=lambda path: path.stem)
def test_the_contents_say_what_the_lesson_says(source):
    assert build.contents_row(source) in GUIDE.splitlines(), "run python lessons/build.py"


def test_lessons_that_are_not_there_are_not_linked():
    assert [link for link in build.notebook_links(GUIDE) if not (build.LESSONS / link).exists()] == []
    assert list(LESSONS) == [f"{number:02d}" for number in range(1, 13)]


def test_lessons_build_on_earlier_ones():
    for number, (_, _, needed, _) in LESSONS.items():
        assert all(other < number for other in re.findall(r"\d\d", needed))


def test_exercises_that_are_named_exist():
    exercises = {e.number for source in build.solutions() for e in build.read_exercises(source)}
    there = {number.split(".")[0] for number in exercises}
    named = set(
        re.findall(r"\b(\d+\.\d)\b(?!\.\d)", GUIDE[GUIDE.index("### One afternoon") : GUIDE.index("### What stud")])
    )
    assert named and {number for number in named - exercises if number.split(".")[0] in there} == set()


def test_lessons_are_counted():
    assert GUIDE.split("\n\n")[1].startswith(f"{build.in_words(len(build.sources()))} lessons, from a derivative to")


@pytest.mark.parametrize(
    "source", [*build.sources(), *build.solutions()], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_no_lesson_loads_what_has_to_be_fetched(source):
    assert "No lesson and no exercise needs a network, or data to be fetched" in GUIDE
    text = source.read_text("utf-8")
    loaded = set(re.findall(r"datasets\.(?:load|sample)\(\s*\"([^\"]+)\"", text))
    assert loaded <= {"mnist", "binarized-mnist", "two-digit-mnist", "cluttered-mnist"} and "datasets.fetch" not in text
    if re.search(r"datasets\.load\([^\"]", text):  # by a variable: lesson 10, where it is here
        assert 'if name == "cifar10" and name in here:' in text


def test_students_are_told_nothing_of_solutions():
    guide = build.student_guide(GUIDE, [page.name for page in build.pages()])
    assert "solutions" not in guide and "## Notation" in guide and "05_look.ipynb" in guide
    assert "Which lesson needs which" in guide and "At the end you can write DRAW alone" in guide


@pytest.mark.parametrize("numbers", [["01", "05"]])
def test_the_guide_of_some_lessons_counts_them_and_names_no_other(numbers, tmp_path):
    build.write_student_version(tmp_path / "out", numbers)
    guide = (tmp_path / "out/README.md").read_text("utf-8")
    few, all_ = build.in_words(len(numbers)), build.in_words(len(build.sources())).lower()
    assert guide.split("\n\n")[1].startswith(f"{few} of the {all_} lessons that lead from a derivative to")
    titles = [build.contents_row(source).split("]")[0].removeprefix("| [") for source in build.sources()]
    assert [title[:2] for title in titles if title in guide] == numbers
    for word in "make lessons", "write DRAW alone":
        assert word in GUIDE and word not in guide
    for page in (tmp_path / "out").rglob("*.*"):
        if page.suffix in (".md", ".ipynb"):
            links = re.findall(r"\]\(([^):#]+\.(?:ipynb|md))\)", page.read_text("utf-8"))
            assert links and [link for link in links if not (page.parent / link).exists()] == [], page.name


# Notation


@pytest.fixture(scope="module")
def variables():
    """What every function of the model had in its local variables: {code: [variables, what it returned, callers]}."""
    seen = {}

    def note(frame, event, returned):
        if event == "return":
            _, _, callers = seen.get(frame.f_code, (None, None, set()))
            caller = frame.f_back
            if caller.f_code is equations.kl.__code__:  # what looks at the arguments first, around every equation
                caller = caller.f_back
            seen[frame.f_code] = dict(frame.f_locals), returned, callers | {caller.f_code}

    config = draw.Config(**{k: v for k, v in SIZES.items() if k != "batch"}, read_size=READ, write_size=WRITE)
    rng = np.random.default_rng(0)
    params = draw.init_params(config, rng)
    images = rng.random((SIZES["batch"], SIZES["height"], SIZES["width"], SIZES["channels"]))
    sys.setprofile(note)
    try:
        noise = draw.sample_noise(config, SIZES["batch"], rng)
        canvas = draw.infer(params, config, images, noise, equations).canvases[-1]
        draw.loss(params, config, images, noise, equations)
        equations.sample_image(canvas, rng.random(canvas.shape))
    finally:
        sys.setprofile(None)
    return seen


def function_of(name):
    function = inspect.unwrap(eval(name, {"equations": equations, "draw": draw}))
    assert inspect.isfunction(function)
    return function


def shape_of(name, functions, variables):
    """The shape of what bears this name: in one of the functions, in one that calls it, or the function's return."""
    assert all(inspect.unwrap(function) is function for function in functions), "the door is the same for all equations"
    for function in functions:
        if name == function.__name__:
            return np.shape(variables[function.__code__][1])
    for function in functions:
        own, _, callers = variables[function.__code__]
        for names in own, *(variables[caller][0] for caller in callers if caller in variables):
            try:
                return np.shape(eval(name, {}, names))
            except (NameError, AttributeError, TypeError):
                continue
    raise AssertionError(f"{name} is no variable of {functions}, nor of what calls them")


@pytest.mark.parametrize("row", rows("## Notation", 6), ids=lambda row: re.sub(r"\W+", "_", row[0] + row[2]))
def test_the_notation_is_the_code_s(row, variables):
    _, _, names, shape, made_by, numbers = row
    functions = [function_of(name) for name in re.findall(r"`(.+?)`", made_by)]
    for name in re.findall(r"`(.+?)`", names):
        found = shape_of(name, functions, variables)
        if shape == "a number":
            assert found == ()
        elif shape == "that of its argument":
            x = np.zeros((2, 3))
            assert functions[0](x).shape == x.shape
        elif "outputs" in shape:
            assert functions[0]({"W": np.zeros((3, 4)), "b": np.zeros(4)}, np.zeros((2, 3))).shape == (2, 4)
        else:
            assert found in [eval(shape, {**SIZES, "N": N}) for N in (READ, WRITE)]
    documented = {n for f in functions for n in re.findall(r"Eq\. \((\d+)\)", f.__doc__)}
    assert set(re.findall(r"\d+", numbers)) <= documented


def test_a_name_that_is_not_there_is_noticed(variables):
    read = function_of("equations.read")
    assert shape_of("F_X", [read], variables) == (2, READ, 7)
    with pytest.raises(AssertionError, match="F_Z is no variable"):
        shape_of("F_Z", [read], variables)
    with pytest.raises(AssertionError, match="the door is the same"):
        shape_of("F_X", [equations.read], variables)
