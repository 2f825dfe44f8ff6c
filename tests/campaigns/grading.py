"""Grade a class: `python tests/campaigns/grading.py [WORD ...]`, all or those with one of the words in their names.

Prints what the grader prints, then a table: "refused" are notebooks in which it found something wrong and should have,
"harmless" those in which all is right and should be, whatever else they tried. All else is wrong, and so is what a
notebook leaves behind. The exit status is 1 if anything was wrong.
"""

import argparse
import collections
import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/lessons")]

import a_class  # noqa: E402
from tables import print_table  # noqa: E402


def graded(members, folder, *options):
    """Return the rows of the CSV for these members of the class, whose notebooks are written to a folder."""
    a_class.hand_in(folder / "class", members)
    command = [sys.executable, ROOT / "lessons/grade.py", folder / "class", "--csv", folder / "table.csv", *options]
    subprocess.run(command, check=True)
    with open(folder / "table.csv", encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def left_behind():
    """Say which processes and files of notebooks are still there."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if a_class.MARK.encode() in path.read_bytes():
                yield f"{path.parent}: {a_class.MARK}"
        except OSError:
            pass  # gone meanwhile
    if a_class.TOUCHED.exists():
        yield f"{a_class.TOUCHED} is there"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", metavar="WORD")
    options = parser.parse_args()
    members = [m for m in a_class.everybody() if not options.words or any(word in m.name for word in options.words)]
    start, table = time.perf_counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        rows = graded(members, pathlib.Path(folder), "--seconds", "1", "--patience", "300")
    wrong = [*a_class.mistakes(members, rows), *left_behind()]
    print(*wrong, sep="\n")
    for member in members:
        kind = member.name.split("/")[0] if "/" in member.name else "hostile"
        verdict = "refused" if member.wrong else "harmless"
        table[kind, "wrong" if any(member.name in text for text in wrong) else verdict] += 1
    table["left behind", "wrong"] += len([*left_behind()])
    used = os.times()
    processor = used.user + used.system + used.children_user + used.children_system
    print(f"{time.perf_counter() - start:.0f} s, {processor:.0f} s of the processor")
    return int(bool(print_table(table) or wrong))


if __name__ == "__main__":
    sys.exit(main())
