"""Lessons and exercises run where the package is installed and nothing of the repository is beside them.

Only numbers that figures/ measured may be missing, and the cell that reads them says so.
"""

import ast
import json
import os
import re
from pathlib import Path

import pytest

from lessons import build

ROOT = build.LESSONS.parent
FOLDERS = "draw_np", "docs", "figures", "lessons", "tests", "tools"
PLACES = ROOT, *(ROOT / name for name in FOLDERS)
MODULES = {path.stem for place in PLACES for path in place.glob("*.py")} | {*FOLDERS} - {"draw_np"}
each_text = pytest.mark.parametrize(
    "source", [*build.sources(), *build.solutions()], ids=lambda path: path.relative_to(build.LESSONS).as_posix()
)


def code(source):
    return [cell.source for cell in build.read_source(source).cells if cell.cell_type == "code"]


def needs(text):
    """What a program imports, or names as a path, that the package does not bring."""
    nodes = [*ast.walk(ast.parse(text))]
    imported = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    imported += ["." * node.level + (node.module or "") for node in nodes if isinstance(node, ast.ImportFrom)]
    found = [name for name in imported if name.startswith(".") or name.partition(".")[0] in MODULES]
    found += [node.id for node in nodes if isinstance(node, ast.Name) and node.id == "__file__"]
    strings = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return found + [string for string in strings if is_path(string) and not build.NUMBERS.match(string)]


def is_path(text):
    """Whether it leads out of the lessons' folder, or to what is in the repository."""
    return bool(re.match(r"(\.\.|~)/", text)) or text in FOLDERS or any(os.path.isfile(each / text) for each in PLACES)


@each_text
def test_nothing_of_the_repository_is_needed_but_numbers(source):
    assert needs("\n".join(code(source))) == []


@each_text
def test_a_cell_says_which_numbers_it_lacks(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for cell in code(source):
        for name in build.NUMBERS.findall(cell)[:1]:
            with pytest.raises(AssertionError, match=f"^../{name} is missing: it is in draw_np's repository$"):
                exec(cell, {"json": json, "Path": Path})


@pytest.mark.parametrize(
    "line, found",
    [
        ("from draw_np import datasets, plotting", []),
        ("import json, numpy.linalg as la", []),
        ("open('../figures/speed.json'); f'{x}/y'; 'KL and more'; ''; '.'; 'lr'; '/'", []),
        ("import figures.speed", ["figures.speed"]),
        ("import numpy, colour", ["colour"]),
        ("from tests.campaigns import fuzz", ["tests.campaigns"]),
        ("from . import build", ["."]),
        ("open('../figures/speed.png')", ["../figures/speed.png"]),
        ("np.load('legibility.npz')", ["legibility.npz"]),
        ("Path('figures') / name", ["figures"]),
        ("Path('~/.cache/x')", ["~/.cache/x"]),
        ("open('README.md')", ["README.md"]),
        ("Path(__file__).parent", ["__file__"]),
    ],
)
def test_what_a_line_needs(line, found):
    assert needs(line) == found
