"""The rows of docs/equations.md: from an equation to its function, its test and the lessons that teach it."""

import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for the files beside this one, which import lessons, tools and this very draw_np
PAGE = "docs/equations.md"
ROW = re.compile(r"^\| (\d+) \| (.+?) \| \[`(\w+)`\]\(\.\./(.+?)\) \| \[`(\w+)`\]\(\.\./(.+?)\) \| ?(.*?) ?\|$", re.M)


class Row(NamedTuple):
    """One equation; `file` and `test_file` are paths in the repository, `lessons` numbers such as "05"."""

    number: int
    what: str
    function: str
    file: str
    test: str
    test_file: str
    lessons: tuple

    @property
    def reference(self):
        """The function, as a link to its place in the API reference."""
        module = self.file.removesuffix(".py").replace("/", ".")
        return f"{{py:obj}}`{self.function} <{module}.{self.function}>`"


def rows():
    """Return the Rows in order."""
    found = ROW.findall((ROOT / PAGE).read_text("utf-8"))
    return [Row(int(number), *row, tuple(filter(None, lessons.split(", ")))) for number, *row, lessons in found]


def numbers(rows):
    """The equations of some rows in words, "Eq. 19, 20, 25"."""
    return "Eq. " + ", ".join(str(row.number) for row in rows)
