"""The map of docs/equations.md leads from every equation to its function and to a test that is marked with it."""

import importlib.util
import re
from pathlib import Path

import pytest

import draw_np
from draw_np.pretrained import load_record, names
from draw_np.training.presets import PRESETS
from tools.record import plus_minus

ROOT = Path(__file__).parents[1]


def equation_maps():
    spec = importlib.util.spec_from_file_location("equation_map", ROOT / "tests/test_equation_map.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.documented_equations(), module.marked_equations()


def test_map_of_equations():
    functions, tests = equation_maps()
    row = re.compile(r"^\| (\d+) \| .+ \| \[`(\w+)`\]\((.+?)\) \| \[`(\w+)`\]\((.+?)\) \| ?(.*?) ?\|$", re.MULTILINE)
    rows = row.findall((ROOT / "docs/equations.md").read_text("utf-8").replace("(../", "("))
    assert [int(number) for number, *_ in rows] == list(range(1, 30))
    for number, function, file, test, test_file, lessons in rows:
        assert f"{file}::{function}" in functions[int(number)]
        assert f"{test_file}::{test}" in tests[int(number)]
        for lesson in filter(None, lessons.split(", ")):
            (text,) = (path.read_text("utf-8") for path in (ROOT / "lessons").glob(f"{lesson}_*.py"))
            named = [range(int(a), int(b or a) + 1) for a, b in re.findall(r"Eqs?\.? ?\(?(\d+)\)?(?:-(\d+))?", text)]
            assert any(int(number) in numbers for numbers in named), f"lesson {lesson} does not name Eq {number}"


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "draw_np/pretrained/README.md", "figures/README.md", "docs/*.md"]
)
def test_links_lead_somewhere(page):
    pages = list(ROOT.glob(page))
    assert pages
    for path in pages:
        links = re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8"))
        assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_weights_are_told_as_their_records_have_them():
    """One row for each of the shipped weights: `name`, ..., test, valid, the paper's number, updates."""
    block = (ROOT / "README.md").read_text("utf-8").partition("<!-- weights -->")[2].partition("<!-- /weights -->")[0]
    rows = {cells[0].strip("`"): cells for line in block.splitlines() if (cells := line.strip("| ").split(" | "))[3:]}
    assert set(names()) == {name for name in rows if name in PRESETS}
    for name in names():
        record = load_record(name)
        test, valid = (plus_minus(record["measured"][split]) for split in ("test", "valid"))
        finished = record["update"] == record["length"]
        updates = f"{record['update']:,}" + ("" if finished else f" of {record['length']:,}")
        told = rows[name]
        assert (told[2].replace("*", ""), told[3], told[5]) == (test, valid, updates), name


def test_contributors_are_told_of_tests_that_are_there():
    table = re.findall(r"^\| .* \| `pytest (.+?)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    paths = [path for row in table for path in row.split()]
    assert len(paths) > 10 and [path for path in paths if not (ROOT / path).exists()] == []


def test_the_citation_is_of_this_version():
    lines = (ROOT / "CITATION.cff").read_text("utf-8").splitlines()
    assert f"version: {draw_np.__version__}" in lines and "license: MIT" in lines
