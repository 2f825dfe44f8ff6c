"""README's map leads from every equation to a function that names it and a test that is marked with it."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def equation_maps():
    spec = importlib.util.spec_from_file_location("equation_map", ROOT / "tests/test_equation_map.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.documented_equations(), module.marked_equations()


def test_map_of_equations():
    functions, tests = equation_maps()
    row = re.compile(r"^\| (\d+) \| .+ \| \[`(\w+)`\]\((.+?)\) \| \[`(\w+)`\]\((.+?)\) \| ?(.*?) ?\|$", re.MULTILINE)
    rows = row.findall((ROOT / "README.md").read_text("utf-8"))
    assert [int(number) for number, *_ in rows] == list(range(1, 30))
    for number, function, file, test, test_file, lessons in rows:
        assert f"{file}::{function}" in functions[int(number)]
        assert f"{test_file}::{test}" in tests[int(number)]
        for lesson in filter(None, lessons.split(", ")):
            (text,) = (path.read_text("utf-8") for path in (ROOT / "lessons").glob(f"{lesson}_*.py"))
            named = [range(int(a), int(b or a) + 1) for a, b in re.findall(r"Eqs?\.? ?\(?(\d+)\)?(?:-(\d+))?", text)]
            assert any(int(number) in numbers for numbers in named), f"lesson {lesson} does not name Eq {number}"


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
