"""Every notebook runs, is in step with its text and has the form that lessons/README.md describes."""

import re

import nbformat
import pytest

from lessons import build

each_lesson = pytest.mark.parametrize("source", build.sources(), ids=lambda path: path.stem)
each_page = pytest.mark.parametrize("page", build.pages(), ids=lambda page: page.name)
each_executed_page = pytest.mark.parametrize(
    "page", [page for page in build.pages() if not page.unsolved], ids=lambda page: page.name
)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def has_picture(cell):
    return any("image/png" in output.get("data", {}) for output in cell.outputs)


def headings(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.findall(r"^##? (.+)$", text, re.MULTILINE)


@each_page
def test_the_notebook_is_in_step_with_its_text(page):
    assert build.problem(page) is None


@pytest.mark.lessons
@pytest.mark.long
@each_executed_page
def test_the_notebook_executes_from_its_text(page):
    cells = code_cells(build.execute(page.source))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@each_executed_page
def test_no_output_holds_an_error_or_a_warning(page):
    notebook = nbformat.read(page.notebook, 4)
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert outputs
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert not [o for o in outputs if "Warning" in o.get("text", "") or " at 0x" in str(o.get("data", ""))]


@each_lesson
def test_cells_are_few_and_short(source):
    notebook = build.read_source(source)
    cells = code_cells(notebook)
    assert len(notebook.cells) <= 35
    assert max(len(cell.source.splitlines()) for cell in cells) <= 15
    assert sum(bool(re.search(r"^\s*(import|from)\s", cell.source, re.MULTILINE)) for cell in cells) == 1


@each_lesson
def test_pictures_are_many(source):
    _, *cells = code_cells(nbformat.read(source.with_suffix(".ipynb"), 4))  # the first one imports
    pattern = "".join("P" if has_picture(cell) else "." for cell in cells)
    assert 3 * pattern.count("P") >= len(pattern)
    assert "...." not in pattern


@each_lesson
def test_the_sections_are_there(source):
    title, do, learn, need, *parts, own, further = headings(build.read_source(source))
    assert title.startswith(source.name[:2] + " ")
    assert (do, learn, need) == ("What you'll do", "What you'll learn", "What you'll need")
    assert (own, further) == ("On your own", "Further reading")
    assert parts
    for number, part in enumerate(parts, 1):
        assert re.fullmatch(rf"{number}\. .+ \(\d+ minutes\)", part), part


@each_lesson
def test_every_part_asks_first_and_answers_below_and_the_lesson_ends_with_what_to_take_away(source):
    text = "\n".join(cell.source for cell in build.read_source(source).cells if cell.cell_type == "markdown")
    lesson, own = text.split("## On your own")
    parts = re.split(r"^## \d+\. ", lesson, flags=re.MULTILINE)[1:]
    asked = re.findall(r"\*\*(Predict first|Answer)\.\*\*", lesson.split("## 1. ")[1])
    assert asked == ["Predict first", "Answer"] * (len(asked) // 2)
    assert all("**Predict first.**" in part for part in parts)
    assert "**Take away.**" in parts[-1].split("**Answer.**")[-1]


@each_lesson
def test_lesson_and_exercises_say_the_same_minutes_and_each_has_a_hint(source):
    own = "\n".join(cell.source for cell in build.read_source(source).cells).split("## On your own")[1]
    listed = re.findall(r"^\d\. \*\*(.+)\*\* \((easy|harder|hard), (\d+) minutes\)\.", own, re.MULTILINE)
    texts = [cell.source for cell in build.read_source(build.LESSONS / "solutions" / source.name).cells]
    tasks = [text for text in texts if text.startswith("## Exercise")]
    heads = [re.match(r"## Exercise \S+ (.+)\n\n\((\w+), (\d+) minutes\.\) ", task).groups() for task in tasks]
    assert listed == [(title, level.lower(), minutes) for title, level, minutes in heads]
    assert all(
        len(re.findall(r"<details><summary>Hint</summary>\n\n.+\n\n</details>$", task, re.DOTALL)) for task in tasks
    )


@each_lesson
def test_the_lesson_lists_its_exercises(source):
    text = "\n".join(cell.source for cell in build.read_source(source).cells)
    listed = text.split("## On your own")[1].split("## Further reading")[0]
    exercises = build.read_exercises(build.LESSONS / "solutions" / source.name)
    assert len(exercises) >= 3
    assert re.findall(r"^(\d)\. ", listed, re.MULTILINE) == [e.number.split(".")[1] for e in exercises]
    assert f"](exercises/{source.stem}.ipynb)" in listed


# The tool itself, on a lesson of two cells


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "LESSONS", tmp_path)
    source = tmp_path / "99_tiny.py"
    source.write_text("# %% [markdown]\n# # Tiny\n\n# %%\nprint(1 + 1)\n", encoding="utf-8")
    source.with_suffix(".ipynb").write_text(nbformat.writes(build.read_source(source)), encoding="utf-8")
    return source


CHANGED = "99_tiny.py, or what it reads, has changed since 99_tiny.ipynb was built"


def page_of(source):
    return build.Page(source, source.with_suffix(".ipynb"))


def test_an_untouched_notebook_is_in_step(tiny):
    assert build.problem(page_of(tiny)) is None


def test_a_changed_text_is_noticed(tiny):
    tiny.write_text(tiny.read_text(encoding="utf-8") + "print(2)\n", encoding="utf-8")
    assert build.problem(page_of(tiny)) == CHANGED


def test_changed_numbers_are_noticed(tiny, monkeypatch, tmp_path):
    monkeypatch.setattr(build, "LESSONS", tmp_path / "lessons")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/tiny.json").write_text("[1]", encoding="utf-8")
    tiny.write_text('# %%\nopen("../figures/tiny.json")\n', encoding="utf-8")
    tiny.with_suffix(".ipynb").write_text(nbformat.writes(build.read_source(tiny)), encoding="utf-8")
    assert build.problem(page_of(tiny)) is None
    (tmp_path / "figures/tiny.json").write_text("[2]", encoding="utf-8")
    assert build.problem(page_of(tiny)) == CHANGED


def test_windows_line_ends_are_no_change(tiny):
    tiny.write_bytes(tiny.read_bytes().replace(b"\n", b"\r\n"))
    assert build.problem(page_of(tiny)) is None


def test_an_edited_notebook_is_noticed(tiny):
    path = tiny.with_suffix(".ipynb")
    path.write_text(path.read_text(encoding="utf-8").replace("1 + 1", "1 + 2"), encoding="utf-8")
    assert build.problem(page_of(tiny)) == "99_tiny.ipynb has been edited by hand: change 99_tiny.py instead"


def test_a_missing_notebook_is_noticed(tiny):
    tiny.with_suffix(".ipynb").unlink()
    assert build.problem(page_of(tiny)) == "99_tiny.ipynb has not been built"


def test_check_names_the_command_that_helps(tiny):
    tiny.with_suffix(".ipynb").unlink()
    with pytest.raises(SystemExit) as stopped:
        build.main(["--check"])
    assert stopped.value.code == "99_tiny.ipynb has not been built: run python lessons/build.py 99"


def test_an_unknown_lesson_is_named():
    with pytest.raises(build.LessonError, match="no lesson 77"):
        build.sources(["77"])


@pytest.mark.lessons
def test_two_builds_are_the_same_bytes_with_pictures_and_without_widgets(tiny, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")  # as a test run without a screen may set it
    lines = ["import ipywidgets", "import matplotlib.pyplot as plt", "plt.plot([1, 2])", "plt.show()"]
    text = "\n".join(["# %%", *lines, "ipywidgets.IntSlider()"])
    tiny.write_text(text, encoding="utf-8")
    built = []
    for _ in range(2):
        build.build(page_of(tiny))
        built.append(tiny.with_suffix(".ipynb").read_bytes())
    assert built[0] == built[1]
    assert b"image/png" in built[0]
    assert b"widget-view" not in built[0]
    assert build.problem(page_of(tiny)) is None


@pytest.mark.lessons
@pytest.mark.parametrize(
    "line, said",
    [("assert 1 + 1 == 3", "99_tiny.py fails"), ("import warnings; warnings.warn('odd')", "cell 1 writes")],
)
def test_a_lesson_that_fails_or_warns_is_not_built(tiny, line, said):
    tiny.write_text(f"# %%\n{line}\n", encoding="utf-8")
    before = tiny.with_suffix(".ipynb").read_bytes()
    with pytest.raises(build.LessonError, match=said):
        build.build(page_of(tiny))
    assert tiny.with_suffix(".ipynb").read_bytes() == before
