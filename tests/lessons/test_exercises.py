"""Solutions pass their checks, stubs say which exercise is missing, and wrong answers fail.

Solutions are also executed as notebooks, in test_lessons.py.
"""

import ast
import copy
import functools
import re
import textwrap
import tomllib
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pytest
from matplotlib import pyplot as plt

from lessons import build

NAMES = [source.stem for source in build.solutions()]
EXERCISES = [(source, k) for source in build.solutions() for k in range(len(build.read_exercises(source)))]
each_exercise = pytest.mark.parametrize(
    "source, k", EXERCISES, ids=[build.read_exercises(source)[k].number for source, k in EXERCISES]
)
WRONG = [
    (answer["exercise"], answer["what"], answer)
    for path in sorted((Path(__file__).parent / "wrong_answers").glob("*.toml"))
    for answer in tomllib.loads(path.read_text("utf-8"))["wrong"]
]


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures that an exercise makes are not shown, and its style does not outlive the test."""
    monkeypatch.setattr(plt, "show", lambda: None)
    with matplotlib.rc_context():
        plt.switch_backend("agg")
        yield
    plt.close("all")


def run_setup(source):
    """What an exercise finds: the names that the cells before the first exercise make."""
    first = build.read_exercises(source)[0].answer
    cells = build.read_source(source).cells
    before = cells[: [cell.source for cell in cells].index(first)]
    names = {"__name__": "__main__"}
    for cell in before:
        if cell.cell_type == "code":
            exec(compile(cell.source, f"{source.name} set-up", "exec"), names)
    return names


@pytest.fixture(scope="module")
def set_up():
    """As `run_setup`, which is called once for each lesson."""
    once = functools.cache(run_setup)
    return lambda source: dict(once(source))


def run(cell, names):
    exec(compile(cell, "exercise", "exec"), names)


def spoiled(answer):
    """An answer like this one with every number changed."""
    if isinstance(answer, bool | np.bool_):
        return not answer
    if isinstance(answer, dict):
        return {key: spoiled(value) for key, value in answer.items()}
    if isinstance(answer, tuple | list):
        values = [spoiled(value) for value in answer]
        return type(answer)(*values) if hasattr(answer, "_fields") else type(answer)(values)
    if callable(answer):
        return lambda *arguments, **named: spoiled(answer(*arguments, **named))
    if hasattr(answer, "dtype") or isinstance(answer, int | float):  # autograd's boxes too
        return ~answer if getattr(answer, "dtype", None) == np.dtype(bool) else 1.5 * answer + 0.5
    if hasattr(answer, "__dict__"):
        other = copy.copy(answer)
        numbers = {name: value for name, value in vars(answer).items() if isinstance(value, float | np.ndarray)}
        vars(other).update(spoiled(numbers))
        return other
    return answer


def test_exercises_belong_to_lessons():
    assert NAMES == [source.stem for source in build.sources()]


@pytest.mark.lessons
@each_exercise
def test_a_stub_fails_with_its_own_message_and_a_solution_passes_and_a_wrong_answer_does_not(source, k, undrawn):
    exercise = build.read_exercises(source)[k]
    names = run_setup(source)
    run(build.unsolved(exercise.answer, exercise.number), names)
    with pytest.raises(NotImplementedError) as missing:
        run(exercise.check, names)
    assert str(missing.value) == f"Exercise {exercise.number}"
    run(exercise.answer, names)
    run(exercise.check, names)
    run(exercise.answer, names)
    for function in answered_functions(exercise.answer):
        names[function] = spoiled(names[function])
    with pytest.raises(AssertionError) as wrong:
        run(exercise.check, names)
    assert str(wrong.value), f"the check of {exercise.number} does not say what is wrong"


@each_exercise
def test_every_exercise_has_been_attacked(source, k):
    number = build.read_exercises(source)[k].number
    assert sum(attacked == number for attacked, _, _ in WRONG) >= 10


@pytest.mark.lessons
@pytest.mark.parametrize("number, wrong", [pytest.param(n, w, id=f"{n}: {what}") for n, what, w in WRONG])
def test_a_plausible_wrong_answer_is_refused(number, wrong, undrawn, set_up):
    """Each is the shipped answer with pieces of it replaced, or another body: see wrong_answers/. Whatever the numbers
    that the check draws, it is refused.
    """
    source = next(source for source in build.solutions() if int(source.name[:2]) == int(number.split(".")[0]))
    (exercise,) = [exercise for exercise in build.read_exercises(source) if exercise.number == number]
    answer = exercise.answer
    for old, new in wrong.get("replace", []):
        assert old in answer, f"the answer of {number} has no {old}"
        answer = answer.replace(old, new)
    if "body" in wrong:
        answer = build.ANSWER.sub(lambda found: textwrap.indent(wrong["body"], found[1]), answer)
    assert answer != exercise.answer
    for seed in range(3):
        names = set_up(source) | {"rng": np.random.default_rng(seed)}
        run(answer, names)
        with np.errstate(all="ignore"), pytest.raises(AssertionError) as refused:
            run(exercise.check, names)
        assert str(refused.value), f"the check of {number} does not say what is wrong"


def answered_functions(answer):
    """The functions of an exercise's cell that hold an answer: those whose stub raises."""
    found = [node for node in ast.parse(answer).body if isinstance(node, ast.FunctionDef)]
    return [node.name for node in found if build.BEGIN in ast.get_source_segment(answer, node)]


# The tool itself, on a tiny course: one lesson and its two exercises

SOLUTION = """\
# %% [markdown]
# # Exercises of lesson 99

# %%
import math

# %% [markdown]
# ## Exercise 99.1 Twice
# $2 x$

# %%
def twice(x):
    \"\"\"2 x.\"\"\"
    # BEGIN SOLUTION
    secret = 2

    return secret * x
    # END SOLUTION

# %%
# Check 99.1
assert twice(3) == 6, f"expected 6, got {twice(3)}"
print("right")

# %% [markdown]
# ## Exercise 99.2 A root

# %%
def root(x):
    if x >= 0:
        # BEGIN SOLUTION
        return math.sqrt(x)
        # END SOLUTION

# %%
# Check 99.2
assert root(9) == 3
"""
README = """# The lessons

| [99 Tiny](99_tiny.ipynb) | how? |
| [98 Other](98_other.ipynb) | why? |

## For teachers

See solutions/.
"""


GLOSSARY = """# Glossary

| tiny | [99](99_tiny.ipynb) | small |
| other | [98](98_other.ipynb) | another |
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "LESSONS", tmp_path / "lessons")
    (build.LESSONS / "solutions").mkdir(parents=True)
    (build.LESSONS / "README.md").write_text(README, "utf-8")
    (build.LESSONS / "glossary.md").write_text(GLOSSARY, "utf-8")
    (build.LESSONS / "99_tiny.py").write_text("# %% [markdown]\n# # 99 Tiny\n", "utf-8")
    (build.LESSONS / "solutions/99_tiny.py").write_text(SOLUTION, "utf-8")
    return build.LESSONS


def write_unexecuted(course):
    for page in build.pages():
        page.notebook.parent.mkdir(exist_ok=True)
        page.notebook.write_text(nbformat.writes(build.read_page(page)), "utf-8")


def test_the_pages_of_a_lesson(course):
    assert [page.name for page in build.pages(["99"])] == [
        "99_tiny.ipynb", "exercises/99_tiny.ipynb", "solutions/99_tiny.ipynb",
    ]  # fmt: skip


def test_stubs_take_the_place_of_answers(course):
    _, page, _ = build.pages()
    cells = [cell.source for cell in build.read_page(page).cells]
    assert cells[3] == 'def twice(x):\n    """2 x."""\n    raise NotImplementedError("Exercise 99.1")'
    assert cells[6] == 'def root(x):\n    if x >= 0:\n        raise NotImplementedError("Exercise 99.2")'
    solved = [cell.source for cell in build.read_source(page.source).cells]
    assert [place for place in range(len(cells)) if cells[place] != solved[place]] == [3, 6]


def test_titles_and_checks_of_exercises(course):
    first, second = build.read_exercises(course / "solutions/99_tiny.py")
    assert (first.number, first.title, second.number, second.title) == ("99.1", "Twice", "99.2", "A root")
    assert first.check.startswith("# Check 99.1\n")


@pytest.mark.lessons
def test_solutions_are_built_solved_and_exercises_are_not(course):
    _, student, solved = build.pages()
    for page in student, solved:
        build.build(page)
        assert build.problem(page) is None
    cells = [c for c in nbformat.read(solved.notebook, 4).cells if c.cell_type == "code"]
    assert [output.text for cell in cells for output in cell.outputs] == ["right\n"]
    text = student.notebook.read_text("utf-8")
    assert "secret" not in text and '"outputs": []' in text and '"execution_count": null' in text


@pytest.mark.lessons
def test_a_solution_that_fails_its_check_is_not_built(course):
    source = course / "solutions/99_tiny.py"
    source.write_text(SOLUTION.replace("secret = 2", "secret = 3"), "utf-8")
    with pytest.raises(build.LessonError, match="expected 6, got 9"):
        build.build(build.pages()[2])
    assert not source.with_suffix(".ipynb").exists()


def test_edits_of_either_notebook_are_noticed(course):
    write_unexecuted(course)
    for page in build.pages()[1:]:
        assert build.problem(page) is None
        page.notebook.write_text(page.notebook.read_text("utf-8").replace("$2 x$", "$3 x$"), "utf-8")
        assert build.problem(page) == f"{page.name} has been edited by hand: change 99_tiny.py instead"


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("## Exercise 99.2", "## Exercise 99.3", "exercise 99.3: its number should be 99.2"),
        ("## Exercise 99.1", "## Exercise 9.1", "exercise 9.1: its number should be 99.1"),
        ("    # END SOLUTION\n\n# %%\n# Check 99.1", "# %%\n# Check 99.1", "99.1: its first code cell has no answer"),
        ("        # END SOLUTION", "    # END SOLUTION", "exercise 99.2: its first code cell has no answer between"),
        ("# Check 99.1", "# Check 99.2", "exercise 99.1: its second code cell does not begin with # Check 99.1"),
        (
            "import math",
            "import math  # BEGIN SOLUTION",
            "cell 2: # BEGIN SOLUTION or # END SOLUTION where it does not",
        ),
        (
            "def root(x):",
            "# END SOLUTION\ndef root(x):",
            "cell 7: # BEGIN SOLUTION or # END SOLUTION where it does not",
        ),
        ("## Exercise", "### Exercise", "99_tiny.py has no heading like ## Exercise 99.1 Title"),
    ],
)
def test_a_text_of_another_form_is_refused(course, old, new, said):
    source = course / "solutions/99_tiny.py"
    source.write_text(SOLUTION.replace(old, new), "utf-8")
    with pytest.raises(build.LessonError, match=re.escape(said)):
        build.read_exercises(source)


LESSON = """\
# %% [markdown]
# # 99 Tiny
#
# **How small?
# And why?**
#
# ## What you'll do
# ## What you'll need
# Lessons 05 and 01, NumPy 2.

# %% [markdown]
# ## 1. One (10 minutes)

# %% [markdown]
# ## 2. Two (15 minutes)
"""


@pytest.mark.lessons
def test_a_build_brings_the_contents_in_step(course, capsys):
    (course / "99_tiny.py").write_text(LESSON, "utf-8")
    build.main(["99"])
    assert "solutions/99_tiny.ipynb: " in capsys.readouterr().out
    row = "| [99 Tiny](99_tiny.ipynb) | How small? And why? | 01, 05 | 25 |"
    assert (course / "README.md").read_text("utf-8") == README.replace("| [99 Tiny](99_tiny.ipynb) | how? |", row)


def test_a_lesson_without_a_question_is_refused(course):
    with pytest.raises(build.LessonError, match="99_tiny.py: its first cell is not a title, a "):
        build.write_contents()


def test_the_student_version_has_no_solution(course, tmp_path, capsys):
    write_unexecuted(course)
    build.main(["99", "--student", str(tmp_path / "out")])
    assert capsys.readouterr().out == f"{tmp_path / 'out'} holds the course without solutions.\n"
    files = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert files == ["99_tiny.ipynb", "README.md", "exercises/99_tiny.ipynb", "glossary.md"]
    assert not [file for file in files if "secret" in (tmp_path / "out" / file).read_text("utf-8")]
    assert (tmp_path / "out/README.md").read_text("utf-8") == "# The lessons\n\n| [99 Tiny](99_tiny.ipynb) | how? |\n"
    assert (tmp_path / "out/glossary.md").read_text("utf-8") == GLOSSARY.replace(
        "| other | [98](98_other.ipynb) | another |\n", ""
    )


def test_the_student_version_brings_the_numbers_that_a_lesson_reads(course, tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/tiny.json").write_text("[1]", "utf-8")
    (course / "99_tiny.py").write_text('# %%\nopen("../figures/tiny.json")\n', "utf-8")
    write_unexecuted(course)
    build.main(["99", "--student", str(tmp_path / "out")])
    assert (tmp_path / "out/figures/tiny.json").read_text("utf-8") == "[1]"
    (cell,) = nbformat.read(tmp_path / "out/99_tiny.ipynb", 4).cells
    assert cell.source == 'open("figures/tiny.json")'


def test_the_student_version_is_refused_where_it_would_be_wrong(course, tmp_path):
    def said(folder):
        with pytest.raises(SystemExit) as stopped:
            build.main(["--student", str(folder)])
        return stopped.value.code

    assert said(tmp_path / "out") == "99_tiny.ipynb has not been built: run python lessons/build.py first"
    write_unexecuted(course)
    assert said(tmp_path) == f"{tmp_path} is not empty: name a new folder"
    assert said(course / "README.md").startswith(f"cannot write {course / 'README.md'}: ")


@pytest.mark.parametrize("answer", [1.0, 0, True, [1, 2.0], (1.0, None), {"a": np.zeros(2)}, np.array([True])])
def test_a_spoiled_answer_is_another(answer):
    assert repr(spoiled(answer)) != repr(answer)
    assert spoiled(lambda x: x)(1.0) == 2.0
