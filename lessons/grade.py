"""Grade a folder of handed-in exercise notebooks: `python lessons/grade.py FOLDER [--csv FILE]`.

It runs what students have written. README.md in this folder says what protects you from it, and what does not.
"""

import argparse
import csv
import multiprocessing
import os
import sys
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, installed or not

from draw_np.training.shards import held_back
from lessons.grading.examiner import Limits, examine
from lessons.grading.fence import guard_memory
from lessons.grading.notebooks import Refused, cells_to_run, lesson_of, read_cells, read_lessons

HEAD = "notebook", "exercise", "result", "what is wrong"
WAITS = 10  # times its limit an exercise may keep the examiner busy: with starting anew, and then it hangs itself


class Examiner:
    """The process that checks, started anew if a notebook has ended or stopped it."""

    def __init__(self, limits):
        self.limits, self.process, self.line = limits, None, None

    def verdicts(self, lesson, cells):
        """Yield (number, passed, what is wrong) for each exercise."""
        left = [exercise.number for exercise in lesson.exercises]
        try:
            self.start()
            self.line.send((lesson, cells))
            while self.line.poll(WAITS * self.limits.patience):
                if (verdict := self.line.recv()) is None:
                    return
                left.remove(verdict[0])
                yield verdict
        except (EOFError, OSError):
            pass
        self.stop()  # it may be dead although nothing is left: the next notebook needs another
        yield from ((number, False, "the notebook ended or stopped what checks it") for number in left)

    def start(self):
        if self.process is None:
            context = multiprocessing.get_context("spawn")
            self.line, there = context.Pipe()
            process = context.Process(target=examine, args=(there, self.limits))
            with held_back():  # Ctrl-C is ours to hear
                process.start()
                self.process = process
            there.close()

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.line.close()
            self.process = None


def notebooks_in(folder):
    """Return the paths of all notebooks in a folder and its folders, without JupyterLab's own copies."""
    return sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def grade(folder, limits):
    """Yield (name, verdicts) for each notebook: pairs (number, passed, what is wrong), or a text why there are none."""
    lessons, examiner = read_lessons(), Examiner(limits)
    try:
        for path in notebooks_in(folder):
            name = path.relative_to(folder).as_posix()
            try:
                cells = read_cells(path)
                lesson = lesson_of(path, cells, lessons)
                yield name, list(examiner.verdicts(lesson, cells_to_run(cells, lesson)))
            except Refused as refused:
                yield name, str(refused)
    finally:
        examiner.stop()


def lines(name, verdicts):
    """Return what the table says of a notebook: one line, and one more for each exercise that is not right."""
    name = plain(name)
    if isinstance(verdicts, str):
        return [f"{name:50}  -       {verdicts}"]
    right = sum(passed for _, passed, _ in verdicts)
    wrong = [f"    {number:5} {said}" for number, passed, said in verdicts if not passed]
    return [f"{name:50}  {right} of {len(verdicts)}", *wrong]


def rows(name, verdicts):
    """Return the rows of the CSV: notebook, exercise, right or wrong, what is wrong."""
    if isinstance(verdicts, str):
        verdicts = [("", False, verdicts)]
    return [[cell(name), number, "right" if passed else "wrong", cell(said)] for number, passed, said in verdicts]


def cell(text):
    """A text that no program for tables takes for a formula."""
    return "'" + plain(text) if text[:1] in tuple("=+-@") else plain(text)


def plain(text):
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def between(least, most):
    """The type of an option: a whole number within these bounds."""

    def number(text):
        if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return number


def is_no_table(path):
    """Whether it is a file with anything else in it than what an earlier grading has written: not to be replaced."""
    if not path or not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.readline(1000).strip() not in (b"", ",".join(HEAD).encode())


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Grade a folder of handed-in exercise notebooks. It runs their code.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with the notebooks, also in folders of its own")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write a table with a row for every exercise")
    parser.add_argument("--seconds", type=between(1, 3600), default=20, help="of the processor for each check (20)")
    parser.add_argument("--patience", type=between(1, 86400), help="seconds that may pass meanwhile (6 times as many)")
    parser.add_argument("--memory", type=between(64, 2**20), default=2048, help="MiB for a notebook (2048)")
    options = parser.parse_args(arguments)
    limits = Limits(options.seconds, options.patience or 6 * options.seconds, options.memory * 2**20)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    guard_memory(True)
    sys.stdout.reconfigure(errors="backslashreplace")
    if not options.folder.is_dir():
        sys.exit(f"{options.folder} is not a folder")
    if not notebooks_in(options.folder):
        sys.exit(f"{options.folder} has no notebook in it")
    try:
        if is_no_table(options.csv):
            sys.exit(f"{options.csv} is there already and no table of a grading: name another --csv")
        table = open(options.csv or os.devnull, "w", encoding="utf-8", newline="")
    except OSError as error:
        sys.exit(f"cannot write {options.csv}: {error.strerror}")
    try:
        with table, closing(grade(options.folder, limits)) as graded:
            report(graded, csv.writer(table, lineterminator="\n"), table.flush)
    except KeyboardInterrupt:
        print("stopped; what has been graded is in the table", file=sys.stderr)
        sys.exit(130)
    except OSError as error:  # the disk is full, or nobody reads any more
        print(f"grading stopped ({error.strerror or error}): set that right, and grade again", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left could not be written either
        sys.exit(1)


def report(graded, table, flush):
    """Write what has been graded to the table, then print it, notebook by notebook."""
    table.writerow(HEAD)
    flush()
    right = count = 0
    for name, verdicts in graded:
        table.writerows(rows(name, verdicts))
        flush()
        print(*lines(name, verdicts), sep="\n", flush=True)
        exercises = [result for _, number, result, _ in rows(name, verdicts) if number]
        right, count = right + exercises.count("right"), count + len(exercises)
    print(f"{right} of {count} exercises are right.")


if __name__ == "__main__":
    main()
