"""What is graded by: the course's own exercise notebooks. And what is graded: notebooks that were handed in."""

import ast
import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

EXERCISES = Path(__file__).resolve().parents[1] / "exercises"
LARGEST = 16 * 2**20  # bytes; with its pictures a solved notebook has less than one million
HEADING = re.compile(r"^#+ Exercise (\d{1,2}\.\d+)\b", re.MULTILINE)
CHECK = re.compile(r"^# Check (\d{1,2}\.\d+)\b")


class Refused(Exception):
    """A notebook that cannot be graded; the message says why in one line."""


class Exercise(NamedTuple):
    """One exercise: its number "5.2", the cell to be filled in, the check, and the functions that answer it."""

    number: str
    stub: str
    check: str
    functions: tuple


class Lesson(NamedTuple):
    """The exercises of one lesson: the cells that stand before the first, and the sources of all code cells."""

    name: str
    setup: tuple
    exercises: tuple
    own: frozenset


def read_cells(path):
    """Return the cells of a notebook as pairs, ("code" or another kind, source); Refused if it is none in Python."""
    if not path.is_file():  # a pipe would be waited for, a device has no end
        raise Refused("is not a file")
    if path.stat().st_size > LARGEST:
        raise Refused(f"has {path.stat().st_size / 2**20:,.0f} MiB, more than {LARGEST / 2**20:.0f}")
    try:
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):  # also text that is not UTF-8
        raise Refused("is not a notebook: its text is no JSON") from None
    try:
        told = [notebook.get("metadata", {}).get(name, {}) for name in ("kernelspec", "language_info")]
        language = str(told[0].get("language") or told[1].get("name") or "python")
        cells = [(str(cell["cell_type"]), "".join(cell["source"])) for cell in notebook["cells"]]
    except (AttributeError, KeyError, TypeError):
        raise Refused("is not a notebook of today's form: open it in JupyterLab and save it") from None
    if "python" not in language.lower():
        raise Refused(f"is made for {language!r}, not for Python")
    return cells


def read_lessons(folder=EXERCISES):
    """Return the course's Lessons by number, {1: Lesson, ...}, as students get them."""
    return {int(path.name[:2]): read_lesson(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}


def read_lesson(path):
    cells = read_cells(path)
    starts = [place for place, (kind, text) in enumerate(cells) if kind == "markdown" and HEADING.match(text)]
    exercises = []
    for start, end in zip(starts, [*starts[1:], len(cells)]):
        stub, check = [text for kind, text in cells[start:end] if kind == "code"][:2]
        exercises.append(Exercise(HEADING.match(cells[start][1])[1], stub, check, answered_functions(stub)))
    code = [(place, text) for place, (kind, text) in enumerate(cells) if kind == "code"]
    setup = tuple(text for place, text in code if place < starts[0])
    return Lesson(path.stem, setup, tuple(exercises), frozenset(text.strip() for _, text in code))


def answered_functions(stub):
    """The functions of a stub that wait for an answer: they raise NotImplementedError."""
    functions = [node for node in ast.parse(stub).body if isinstance(node, ast.FunctionDef)]
    return tuple(node.name for node in functions if "raise NotImplementedError(" in ast.unparse(node))


def lesson_of(path, cells, lessons):
    """Return the Lesson whose exercises most headings and checks of a notebook name, or else its file's name."""
    found = [number for _, text in cells for number in HEADING.findall(text) + CHECK.findall(text)]
    votes = Counter(int(number.split(".")[0]) for number in found)
    votes = [number for number, _ in votes.most_common() if number in lessons]
    votes += [number for number, lesson in lessons.items() if lesson.name in path.name]
    if not votes:
        raise Refused("has no exercise of the course")
    return lessons[votes[0]]


def cells_to_run(cells, lesson):
    """Return what a student has written: the code cells that are neither the course's own nor a check."""
    code = [text for kind, text in cells if kind == "code"]
    return [text for text in code if text.strip() not in lesson.own and not CHECK.match(text.lstrip())]
