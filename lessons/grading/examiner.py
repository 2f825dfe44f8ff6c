"""The process that checks: it runs the course's own cells, and calls a student's functions, which run elsewhere."""

import functools
import multiprocessing
import os
import signal
import sys
import tempfile
import warnings
from contextlib import contextmanager, redirect_stdout, suppress
from typing import NamedTuple

from .answers import answer
from .fence import adopt_orphans, end_children, guard_memory, limit, resource
from .link import NONSENSE, AnswerError, Link, Lost, first_line

LEFT_OUT = 3  # cells that hang or end the process
OWN_MEMORY = 2**32  # bytes, of what the checks are made of
OUT_OF_SECONDS = getattr(signal, "SIGXCPU", 24)


class Limits(NamedTuple):
    """What each cell, and the check of each exercise, may take: processor seconds, seconds, bytes of memory."""

    seconds: int
    patience: float
    memory: int


class Unstarted(Exception):
    """A notebook whose cells cannot be run to their end."""


def examine(connection, limits):
    """For every (lesson, cells) that is received, send (number, passed, what is wrong) for each exercise, then None."""
    os.environ["MPLBACKEND"] = "agg"
    warnings.simplefilter("ignore")
    adopt_orphans()
    guard_memory(True)
    limit(resource and resource.RLIMIT_AS, limits.memory + OWN_MEMORY)  # an answer may have much sent to it
    with suppress(EOFError, BrokenPipeError), open(os.devnull, "w") as null, redirect_stdout(null):
        while True:
            for verdict in verdicts(*connection.recv(), limits):
                connection.send(verdict)
            connection.send(None)


def verdicts(lesson, cells, limits):
    """Yield (number, passed, what is wrong) for each exercise."""
    names = {"__name__": "__main__"}
    for text in lesson.setup:
        exec(compile(text, "set-up", "exec"), names)
    # What lies too deep to be removed stays.
    with suppress(RecursionError), tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        student = Student(lesson, list(cells), limits, names, folder)
        try:
            for exercise in lesson.exercises:
                yield exercise.number, *student.verdict(exercise)
        finally:
            student.stop()


def like(function, called):
    """A function with the name and the parameters of the stub's that calls what a student has written."""

    @functools.wraps(function)
    def calls(*arguments, **named):
        return called(*arguments, **named)

    return calls


def said(error):
    """What a failed check says, in one line."""
    kind, text = type(error).__name__, first_line(error)
    return text if text and isinstance(error, AssertionError | AnswerError) else f"{kind}: {text}".strip(" :")


class Student:
    """The process with a student's code, started anew for the next exercise when one has ended or stopped it."""

    def __init__(self, lesson, cells, limits, names, folder):
        self.lesson, self.cells, self.limits, self.names, self.folder = lesson, cells, limits, names, folder
        self.process = self.link = self.place = None
        self.errors = []  # (cell, what it raised)

    def verdict(self, exercise):
        """Return (passed, what is wrong) for one exercise."""
        exec(compile(exercise.stub, "stub", "exec"), self.names)
        try:
            self.start()
            with self.deadline():
                self.link.send("begin")
                for function in exercise.functions:
                    called = self.link.ask("function", function)
                    self.names[function] = like(self.names[function], called)
                exec(compile(exercise.check, "check", "exec"), self.names)
        except Lost as lost:
            return False, self.why(lost)
        except Unstarted as error:
            return False, str(error)
        except NotImplementedError as error:
            return False, self.unanswered(exercise) if str(error) == f"Exercise {exercise.number}" else said(error)
        except Exception as error:
            return False, said(error)
        return True, ""

    def unanswered(self, exercise):
        """Why an exercise has its stub still: its cell failed, or there is none."""
        for cell, error in self.errors:
            if any(f"def {function}" in cell for function in exercise.functions):
                return error
        return "not answered"

    def start(self):
        """Run the cells in a new process, if there is none; without those that end it or hang, if they are few."""
        for _ in range(LEFT_OUT + 1):
            if self.process is not None:
                return
            self.place, self.errors = None, []
            try:
                with self.deadline():
                    self.spawn()
                    while self.is_at_work():
                        pass
            except Lost as lost:
                why = self.why(lost)
                if self.place not in range(len(self.cells)):
                    break
                self.cells[self.place] = ""
        if self.process is None:
            raise Unstarted(f"a cell {why}")

    def is_at_work(self):
        """Take in which cell runs now, or which have failed; False when all have run."""
        match self.link.receive():
            case ["cell", int(place)]:
                self.place = place
                return True
            case ["failed", int(place), str(error)] if place in range(len(self.cells)):
                self.errors.append((self.cells[place], error[:300]))
                return True
            case ["ready"]:
                return False
        raise Lost(NONSENSE)

    def spawn(self):
        here, there = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        setup = [*self.lesson.setup, *(exercise.stub for exercise in self.lesson.exercises)]
        self.process = context.Process(target=answer, args=(there, setup, self.cells, self.folder, self.limits))
        self.process.start()
        there.close()
        self.link = Link(here, self.names, guarded=True)

    def why(self, lost):
        """What has stopped the process, which is gone afterwards."""
        process, reason = self.process, str(lost)
        if reason == "ended its process":
            process.join(5)
        code = process.exitcode
        self.stop()
        if code in (-OUT_OF_SECONDS, 128 + OUT_OF_SECONDS):
            return f"took more than {self.limits.seconds} s of the processor"
        return reason

    def stop(self):
        if self.process is not None:
            with suppress(OSError, AttributeError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()
            self.process.join()
            end_children()
            self.link.connection.close()
            self.process = self.link = None

    @contextmanager
    def deadline(self):
        """Raise Lost when the block has taken too long, whatever it waits for."""

        def over(*_):
            raise Lost(f"took more than {self.limits.patience:g} s")

        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, over)
            signal.setitimer(signal.ITIMER_REAL, self.limits.patience)
        try:
            yield
        finally:
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)
