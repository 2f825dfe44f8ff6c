"""Make the course's notebooks from its texts: `python lessons/build.py [NN ...] [--force] [--check] [--student DIR]`.

A lesson is written as text, `lessons/NN_name.py`, in jupytext's py:percent form. `lessons/NN_name.ipynb` is
that text executed from top to bottom, pictures and printed numbers kept, and stamped with a hash of the text.
The exercises of a lesson have one text, `lessons/solutions/NN_name.py`, and two notebooks are made from it:
`lessons/solutions/NN_name.ipynb`, solved and executed, and `lessons/exercises/NN_name.ipynb`, where every
answer is replaced by a line that says that it is to be written. Nobody edits a notebook by hand: change the
text and build again. README.md in this folder describes the forms.

Two builds of one text differ in nothing but the seconds that a lesson prints.
"""

import argparse
import hashlib
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jupytext
import nbclient
import nbformat

LESSONS = Path(__file__).resolve().parent
SECONDS_A_CELL = 300  # a guard against cells that hang, on a busy machine too
WIDGET = "application/vnd.jupyter.widget-view+json"
BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
COUNTED = " lessons, from a derivative"  # what README says behind their number
NUMBERS = re.compile(r"\.\./(figures/\w+\.json)")  # what a lesson reads of what figures/ measured
ANSWER = re.compile(rf"^([ ]*){BEGIN}\n(?:.*\n)*?\1{END}$", re.MULTILINE)


class LessonError(Exception):
    """A lesson that cannot be built, or a notebook out of step with its text; the message says why."""


class Page(NamedTuple):
    """One notebook of the course: the text it is made from, its own path, and whether answers are left out."""

    source: Path
    notebook: Path
    unsolved: bool = False

    @property
    def name(self):
        return self.notebook.relative_to(LESSONS).as_posix() if LESSONS in self.notebook.parents else self.notebook.name


class Exercise(NamedTuple):
    """One exercise: its number "5.2", its title, the cell that answers it, and the cell that checks the answer."""

    number: str
    title: str
    answer: str
    check: str


def sources(numbers=(), folder=None):
    """Return the lessons' texts in order, all or those of these numbers; LessonError if one is unknown."""
    found = {path.name[:2]: path for path in sorted((folder or LESSONS).glob("[0-9][0-9]_*.py"))}
    unknown = [number for number in numbers if number not in found]
    if unknown:
        raise LessonError(f"no lesson {', '.join(unknown)}; there are {', '.join(found)}")
    return [found[number] for number in numbers or found]


def solutions():
    """Return the texts of all exercises, solved, in order."""
    return sources(folder=LESSONS / "solutions")


def pages(numbers=()):
    """Return every Page of the course, or of these lessons: first a lesson, then its exercises, then solutions."""
    exercises = {text.name[:2]: text for text in solutions()}
    found = []
    for lesson in sources(numbers):
        found.append(Page(lesson, lesson.with_suffix(".ipynb")))
        if lesson.name[:2] in exercises:
            text = exercises[lesson.name[:2]]
            found.append(Page(text, LESSONS / "exercises" / f"{text.stem}.ipynb", unsolved=True))
            found.append(Page(text, text.with_suffix(".ipynb")))
    return found


def read_source(source):
    """Return the text as a notebook that has not run, its cells with stable ids."""
    text = source.read_text(encoding="utf-8")  # line ends become \n, so the hash is the same on every system
    notebook = jupytext.reads(text, fmt="py:percent")
    for index, cell in enumerate(notebook.cells):
        cell.id = f"{source.name[:2]}-{index:02d}"
        cell.metadata.clear()
    return nbformat.v4.new_notebook(cells=notebook.cells, metadata=metadata(source, text))


def metadata(source, text):
    """What the notebook says of itself: the same on every machine. The numbers that it shows count as its text."""
    text += "".join((LESSONS.parent / name).read_text(encoding="utf-8") for name in NUMBERS.findall(text))
    return {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "source": {"file": source.name, "sha256": hashlib.sha256(text.encode()).hexdigest()},
    }


def read_page(page):
    """Return a Page as a notebook that has not run, without its answers if it is the student's version."""
    notebook = read_source(page.source)
    if page.unsolved:
        exercises = {exercise.answer: exercise.number for exercise in read_exercises(page.source)}
        for cell in notebook.cells:
            if cell.source in exercises:
                cell.source = unsolved(cell.source, exercises[cell.source])
    return notebook


def unsolved(answer, number):
    """Return the cell that answers an exercise as the student finds it."""
    return ANSWER.sub(rf'\1raise NotImplementedError("Exercise {number}")', answer)


def read_exercises(source):
    """Return the Exercises of a text in order; LessonError, saying where, if it has not the form that README asks."""
    cells = read_source(source).cells
    lesson, found = int(source.name[:2]), []
    headings = [re.match(r"## Exercise (\S+) (.+)", cell.source) for cell in cells]
    starts = [place for place, heading in enumerate(headings) if heading and cells[place].cell_type == "markdown"]
    for count, (start, end) in enumerate(zip(starts, [*starts[1:], len(cells)]), 1):
        number, title = headings[start].groups()
        place = f"{source.name}, exercise {number}"
        if number != f"{lesson}.{count}":
            raise LessonError(f"{place}: its number should be {lesson}.{count}")
        answer, check, *more = [cell.source for cell in cells[start:end] if cell.cell_type == "code"] + ["", ""]
        if not ANSWER.search(answer):
            raise LessonError(f"{place}: its first code cell has no answer between {BEGIN} and {END}, alike indented")
        if not check.startswith(f"# Check {number}\n"):
            raise LessonError(f"{place}: its second code cell does not begin with # Check {number}")
        found.append(Exercise(number, title, answer, check))
    if not found:
        raise LessonError(f"{source.name} has no heading like ## Exercise {lesson}.1 Title")
    answers = [exercise.answer for exercise in found]
    for number, cell in enumerate(cells, 1):
        left = ANSWER.sub("", cell.source) if cell.source in answers else cell.source
        if BEGIN in left or END in left:
            raise LessonError(f"{source.name}, cell {number}: {BEGIN} or {END} where it does not belong")
    return found


def execute(source):
    """Return the text as a notebook that has run, in a new kernel; LessonError if a cell fails or warns."""
    notebook = read_source(source)
    stamped = dict(notebook.metadata)
    client = nbclient.NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR", "--InteractiveShell.colors=nocolor"],  # plain errors
        record_timing=False,
        resources={"metadata": {"path": str(source.parent)}},
    )
    environment = dict(os.environ)
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")  # idle threads cost the small products here a lot
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


def problem(page):
    """Say in one line how the notebook is out of step with its text, or None if it is in step."""
    wanted = read_page(page)
    if not page.notebook.exists():
        return f"{page.name} has not been built"
    notebook = nbformat.read(page.notebook, as_version=4)
    if notebook.metadata.get("source") != wanted.metadata["source"]:
        return f"{page.source.name}, or what it reads, has changed since {page.name} was built"
    if contents(notebook) != contents(wanted):
        return f"{page.name} has been edited by hand: change {page.source.name} instead"
    return None


def contents(notebook):
    return [(cell.id, cell.cell_type, cell.source) for cell in notebook.cells]


def build(page):
    """Write a Page's notebook, after running it unless it is the student's version; returns the seconds it took."""
    start = time.perf_counter()
    notebook = read_page(page) if page.unsolved else execute(page.source)
    text = nbformat.writes(notebook) + "\n"
    page.notebook.parent.mkdir(exist_ok=True)
    page.notebook.write_text(text, encoding="utf-8", newline="\n")
    return time.perf_counter() - start


def contents_row(source):
    """Return the row of README's table that a lesson has: title, question, the lessons it needs, minutes."""
    first, *_ = cells = [cell.source for cell in read_source(source).cells]
    begins = re.match(r"# (.+)\n\n\*\*(.+?)\*\*\n.+## What you'll need(.+)", first, re.DOTALL)
    if not begins:
        raise LessonError(
            f"{source.name}: its first cell is not a title, a **question** and What you'll do, learn, need"
        )
    title, question, need = begins.groups()
    needed = sorted(set(re.findall(r"\b[01]\d\b", need)))
    minutes = sum(map(int, re.findall(r"^## \d+\. .+ \((\d+) minutes\)$", "\n".join(cells), re.MULTILINE)))
    return f"| [{title}]({source.stem}.ipynb) | {' '.join(question.split())} | {', '.join(needed)} | {minutes} |"


def write_contents():
    """Bring README's table of lessons, and their number, in step with the lessons that are there."""
    path = LESSONS / "README.md"
    text = path.read_text(encoding="utf-8")
    text = re.sub(rf"^\w+{COUNTED}", in_words(len(sources())) + COUNTED, text, count=1, flags=re.MULTILINE)
    for source in sources():
        row = contents_row(source)
        text = re.sub(rf"^\| \[?{source.name[:2]} .*$", lambda _, row=row: row, text, count=1, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8", newline="\n")


def write_student_version(folder, numbers=()):
    """Copy the lessons and their exercises, without any solution, to a new folder; LessonError if that cannot be."""
    chosen = [page for page in pages(numbers) if page.notebook.parent.name != "solutions"]
    found = [problem(page) for page in chosen if problem(page)]
    if found:
        raise LessonError(f"{found[0]}: run python lessons/build.py first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise LessonError(f"{folder} is not empty: name a new folder")
        (folder / "exercises").mkdir()
        for page in chosen:
            text = page.notebook.read_text(encoding="utf-8")
            for name in NUMBERS.findall(text):
                (folder / "figures").mkdir(exist_ok=True)
                shutil.copyfile(LESSONS.parent / name, folder / name)
            text = NUMBERS.sub(r"\1", text)  # there figures/ is beside the lessons
            (folder / page.notebook.relative_to(LESSONS)).write_text(text, encoding="utf-8", newline="\n")
        names = [page.name for page in chosen]
        for name, shown in ("README.md", student_guide), ("glossary.md", only_lines_on):
            text = shown((LESSONS / name).read_text(encoding="utf-8"), names)
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise LessonError(f"cannot write {folder}: {error.strerror}") from None


def student_guide(readme, names):
    """Return the part of README.md that is for students, about the notebooks of these names and no others."""
    text = readme.split("\n## For teachers")[0].rstrip() + "\n"
    text = text.replace(" (`make lessons` does)", "")
    everything = {link for link in notebook_links(text) if "/" not in link}
    here = everything & set(names)
    if here != everything:  # then it is not the way to the end
        few = f"{in_words(len(here))} of the {in_words(len(everything)).lower()} lessons that lead{COUNTED[9:]}"
        text = re.sub(rf"^\w+{COUNTED}", few, text, count=1, flags=re.MULTILINE)
        text = re.sub(r"\s+At the end you can[^.]+\.", "", text)
        text = re.sub(r" Which lesson needs which:\n\n(    .+\n)+", "\n", text)
    return only_lines_on(text, names)


def only_lines_on(text, names):
    """Return a text without its lines that link to notebooks that are not among `names`."""
    lines = text.splitlines()
    return "\n".join(line for line in lines if all(link in names for link in notebook_links(line))) + "\n"


def in_words(count):
    """A number from 1 to 12 as it begins a sentence; a larger one in figures."""
    words = "One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve".split()
    return words[count - 1] if 1 <= count <= len(words) else str(count)


def notebook_links(line):
    return re.findall(r"\]\(([^)]+\.ipynb)\)", line)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Make the course's notebooks from its texts.")
    parser.add_argument("numbers", nargs="*", metavar="NN", help="lessons to build; all if none is named")
    parser.add_argument("--force", action="store_true", help="build also what has not changed")
    parser.add_argument("--check", action="store_true", help="only say which notebooks are out of step")
    parser.add_argument("--student", type=Path, metavar="DIR", help="write lessons and exercises, no solutions, to DIR")
    options = parser.parse_args(arguments)
    try:
        if options.student:
            write_student_version(options.student, options.numbers)
            return print(f"{options.student} holds the course without solutions.")
        problems = {page: problem(page) for page in pages(options.numbers)}
        if options.check:
            found = [(said, page.source.name[:2]) for page, said in problems.items() if said]
            lines = [f"{said}: run python lessons/build.py {number}" for said, number in found]
            sys.exit("\n".join(lines) or 0)
        for page in problems:
            if options.force or problems[page]:
                print(f"{page.name} ...", flush=True)
                print(f"{page.name}: {build(page):.0f} s", flush=True)
        write_contents()
    except LessonError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
