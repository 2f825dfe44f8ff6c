"""Make each lesson's notebook from its text: `python lessons/build.py [NN ...] [--force] [--check]`.

A lesson is written as text, `lessons/NN_name.py`, in jupytext's py:percent form. `lessons/NN_name.ipynb` is
that text executed from top to bottom, pictures and printed numbers kept, and stamped with a hash of the text.
Nobody edits a notebook by hand: change the text and build again. README.md in this folder describes their
form.

Two builds of one text differ in nothing but the seconds that a lesson prints.
"""

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path

import jupytext
import nbclient
import nbformat

LESSONS = Path(__file__).resolve().parent
SECONDS_A_CELL = 120
WIDGET = "application/vnd.jupyter.widget-view+json"


class LessonError(Exception):
    """A lesson that cannot be built, or a notebook out of step with its text; the message says why."""


def sources(numbers=()):
    """Return the lessons' texts in order, all or those of these numbers; LessonError if one is unknown."""
    found = {path.name[:2]: path for path in sorted(LESSONS.glob("[0-9][0-9]_*.py"))}
    unknown = [number for number in numbers if number not in found]
    if unknown:
        raise LessonError(f"no lesson {', '.join(unknown)}; there are {', '.join(found)}")
    return [found[number] for number in numbers or found]


def read_source(source):
    """Return the lesson as a notebook that has not run, its cells with stable ids."""
    text = source.read_text(encoding="utf-8")  # line ends become \n, so the hash is the same on every system
    notebook = jupytext.reads(text, fmt="py:percent")
    for index, cell in enumerate(notebook.cells):
        cell.id = f"{source.name[:2]}-{index:02d}"
        cell.metadata.clear()
    return nbformat.v4.new_notebook(cells=notebook.cells, metadata=metadata(source, text))


def metadata(source, text):
    """What the notebook says of itself: the same on every machine."""
    return {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "source": {"file": source.name, "sha256": hashlib.sha256(text.encode()).hexdigest()},
    }


def execute(source):
    """Return the lesson as a notebook that has run, in a new kernel; LessonError if a cell fails or warns."""
    notebook = read_source(source)
    stamped = dict(notebook.metadata)
    client = nbclient.NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR", "--InteractiveShell.colors=nocolor"],  # plain errors
        record_timing=False,
        resources={"metadata": {"path": str(LESSONS)}},
    )
    environment = dict(os.environ)
    environment.pop("MPLBACKEND", None)  # another backend would keep the pictures out of the notebook
    paths = [str(LESSONS.parent), os.environ.get("PYTHONPATH")]  # this checkout first, installed or not
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    try:
        client.execute(env=environment)
    except (nbclient.exceptions.CellControlSignal, nbclient.exceptions.DeadKernelError) as error:
        raise LessonError(f"{source.name} fails:\n{error}") from None
    notebook.metadata = nbformat.from_dict(stamped)  # the kernel adds its Python's version
    for number, cell in enumerate(notebook.cells, 1):
        tidy_outputs(cell, f"{source.name}, cell {number}")
    return notebook


def tidy_outputs(cell, place):
    """Drop widgets, dead without a kernel and different at every run; raise LessonError for a warning."""
    cell.metadata.clear()
    if cell.cell_type == "code":
        warnings = [output.text for output in cell.outputs if output.get("name") == "stderr"]
        if warnings:
            raise LessonError(f"{place} writes to standard error:\n{''.join(warnings)}")
        cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]


def problem(source):
    """Say in one line how the notebook is out of step with its text, or None if it is in step."""
    path, wanted = source.with_suffix(".ipynb"), read_source(source)
    if not path.exists():
        return f"{path.name} has not been built"
    notebook = nbformat.read(path, as_version=4)
    if notebook.metadata.get("source") != wanted.metadata["source"]:
        return f"{source.name} has changed since {path.name} was built"
    if contents(notebook) != contents(wanted):
        return f"{path.name} has been edited by hand: change {source.name} instead"
    return None


def contents(notebook):
    return [(cell.id, cell.cell_type, cell.source) for cell in notebook.cells]


def build(source):
    """Run a lesson and write its notebook; returns the seconds it took."""
    start = time.perf_counter()
    notebook = execute(source)
    text = nbformat.writes(notebook) + "\n"
    source.with_suffix(".ipynb").write_text(text, encoding="utf-8", newline="\n")
    return time.perf_counter() - start


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Make each lesson's notebook from its text.")
    parser.add_argument("numbers", nargs="*", metavar="NN", help="lessons to build; all if none is named")
    parser.add_argument("--force", action="store_true", help="build also what has not changed")
    parser.add_argument("--check", action="store_true", help="only say which notebooks are out of step")
    options = parser.parse_args(arguments)
    try:
        problems = {source: problem(source) for source in sources(options.numbers)}
        if options.check:
            found = [(said, source.name[:2]) for source, said in problems.items() if said]
            lines = [f"{said}: run python lessons/build.py {number}" for said, number in found]
            sys.exit("\n".join(lines) or 0)
        for source in problems:
            if options.force or problems[source]:
                print(f"{source.stem} ...", flush=True)
                print(f"{source.stem}: {build(source):.0f} s", flush=True)
    except LessonError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
