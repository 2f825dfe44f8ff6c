"""Every equation of the paper has a docstring that names it as `Eq. (n)` and a test marked `equation(n)`."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EQUATIONS = range(1, 30)
CODE = [*(ROOT / "draw_np/equations").glob("*.py"), *(ROOT / "draw_np/models").glob("*.py")]
TESTS = [*(ROOT / "tests").rglob("test_*.py")]


def documented_equations(paths=CODE):
    """Which docstrings name an equation: {n: {"draw_np/equations/lstm.py::lstm", ...}}."""
    found = {}
    for node, place in definitions(paths):
        for number in re.findall(r"\bEq\. \((\d+)\)", ast.get_docstring(node) or ""):
            found.setdefault(int(number), set()).add(place)
    return found


def marked_equations(paths=TESTS):
    """Which tests carry an equation's mark: {n: {"tests/equations/test_lstm.py::test_step", ...}}."""
    found = {}
    for node, place in definitions(paths):
        for mark in getattr(node, "decorator_list", []):
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.equation":
                for number in mark.args:
                    found.setdefault(ast.literal_eval(number), set()).add(place)
    return found


def definitions(paths):
    """Every module, class and function in the files, with its place, "folder/file.py::name"."""
    for path in paths:
        file = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module):
                yield node, file.as_posix()
            elif isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield node, f"{file.as_posix()}::{node.name}"


@pytest.mark.parametrize("equations", [documented_equations, marked_equations])
def test_no_equation_is_left_out_and_none_made_up(equations):
    assert sorted(equations()) == list(EQUATIONS)


@pytest.mark.parametrize("path", CODE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_equations_named_in_a_file_are_tested_in_its_test_file(path):
    test = ROOT / "tests" / path.parent.name / f"test_{path.name}"
    marked = marked_equations([test]) if test.exists() else {}
    untested = sorted(documented_equations([path]).keys() - marked.keys())
    assert not untested, f"{path.name} names equations {untested}, {test.name} has no test marked with them"


def test_marks_are_on_tests():
    """On a helper, which pytest does not run, a mark would prove nothing."""
    names = {place.partition("::")[2] for places in marked_equations().values() for place in places}
    assert [name for name in names if not name.startswith("test_")] == []


def test_maps_are_made_of_docstrings_and_marks_only(tmp_path):
    file = tmp_path / "test_example.py"
    file.write_text('''
"""Eq. (3), not Eq 4 nor Eq. 5."""
# Eq. (6)
@pytest.mark.parametrize("n", [7])
@pytest.mark.equation(8, 9)
def test_it(n):
    """Eq. (10) and
    Eq. (11)."""
    "Eq. (12)"
''')
    module, function = file.as_posix(), f"{file.as_posix()}::test_it"
    assert documented_equations([file]) == {3: {module}, 10: {function}, 11: {function}}
    assert marked_equations([file]) == {8: {function}, 9: {function}}
