"""A class that hands in: right answers, wrong ones and hostile ones, and what grading them has to say.

Every lesson has somebody who is right, and somebody who is wrong in every exercise. Nearly all others hand in lesson
06, with something of their own in place of the first answer, and right ones after it.
"""

import functools
import json
import os
import re
import tempfile
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lessons import build

WRONG = Path(__file__).with_name("wrong_answers")
ENDED = "the notebook ended or stopped what checks it"
MARK = "a process that outlives its notebook"
TOUCHED = Path(tempfile.gettempdir()) / "a-shell-command-of-a-notebook-ran"


class Handed(NamedTuple):
    """A notebook: its name, the function that writes it to a path, and what is wrong with it.

    That is {number: a piece of what is said}, all other exercises being right, or the reason why it cannot be graded.
    """

    name: str
    write: Callable
    wrong: dict | str = {}
    ends_all: bool = False  # where the kernel does not separate it, all that it has handed in may be wrong


def everybody():
    """Return all of the class."""
    return [*right(), *wrong(), *hostile()]


@functools.cache
def exercises(lesson):
    return build.read_exercises(build.LESSONS / "solutions" / f"{lesson}.py")


def right():
    return [Handed(f"right/{s.stem}.ipynb", notebook(s.stem)) for s in build.solutions()]


def wrong():
    """The first wrong answer that is known to each exercise."""
    for source in build.solutions():
        known = tomllib.loads((WRONG / f"{source.name[:2]}.toml").read_text("utf-8"))["wrong"]
        first = {entry["exercise"]: entry for entry in reversed(known)}
        answers = {e.number: wrong_answer(e, first[e.number]) for e in exercises(source.stem)}
        yield Handed(f"wrong/{source.stem}.ipynb", notebook(source.stem, answers), dict.fromkeys(answers, ""))


def wrong_answer(exercise, entry):
    answer = exercise.answer
    for old, new in entry.get("replace", []):
        answer = answer.replace(old, new)
    return (
        build.ANSWER.sub(lambda found: textwrap.indent(entry["body"], found[1]), answer) if "body" in entry else answer
    )


def notebook(lesson, answers=None, change=lambda cells: cells, **metadata):
    """A function that writes the solved notebook of a lesson, with other `answers` by number, and its cells changed."""
    given = {exercise.number: exercise.answer for exercise in exercises(lesson)} | (answers or {})
    handed_out = json.loads((build.LESSONS / "exercises" / f"{lesson}.ipynb").read_text("utf-8"))
    number = re.compile(r'raise NotImplementedError\("Exercise (.+)"\)')
    for cell in handed_out["cells"]:
        if stub := number.search("".join(cell["source"])):
            cell["source"] = given[stub[1]]
    handed_out["cells"] = change(handed_out["cells"])
    handed_out["metadata"] |= metadata
    return lambda path: path.write_text(json.dumps(handed_out), "utf-8")


SIXTH = "06_read_and_write"


def answered(name, body, said):
    """Somebody whose answer to 6.1 has this body, of which grading says so."""
    code = "def light(w, gamma):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ")
    return Handed(f"{name}.ipynb", notebook(SIXTH, {"6.1": code}), {"6.1": said})


def with_cell(name, code, wrong=None, answers=None):
    """Somebody with one more cell, before all others."""
    more = {"cell_type": "code", "source": textwrap.dedent(code).strip()}
    return Handed(f"{name}.ipynb", notebook(SIXTH, answers, lambda cells: [more, *cells]), wrong or {})


def hostile():
    slow = "s of the processor"
    yield answered("endless loop", "while True: pass", slow)
    yield answered("output flood", "while True: print('right' * 10**5)", slow)
    yield answered("memory bomb", "a = []\nwhile True: a.append(bytes(2**24))", "MemoryError")
    yield answered("one huge array", "return np.zeros((2**20, 2**20))", "MemoryError")
    yield answered("leaves", "import os\nos._exit(0)", "ended its process")
    yield answered("exits", "raise SystemExit(0)", "SystemExit")
    yield answered("line ends", r"raise ValueError('one\n6.1 right\x1b[31m')", "ValueError: one")
    yield answered("unspeakable", "class E(Exception):\n    def __str__(self): raise self\nraise E", "E")
    yield answered("deep", "return light(w, gamma)", "RecursionError")
    yield answered("nested", "a = []\nfor _ in range(10**5): a = [a]\nreturn a", "RecursionError")
    equal = """
        class Right:
            shape, dtype, __array_priority__ = (4,), np.dtype(float), 1000
            def __eq__(self, other): return True
            __sub__ = __rsub__ = __abs__ = __le__ = __getitem__ = __array__ = lambda self, *_: self
        return Right()"""
    yield answered("equals everything", equal, "expected numbers, got Right")
    children = f"""
        import os, subprocess, sys, time
        for _ in range(30):
            if not os.fork():
                os.setsid()
                os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(1000)", "{MARK}"])
        time.sleep(0.5)
        return w.sum(axis=(1, 2))"""
    yield answered("leaves processes behind", children, "light")
    killer = """
        import os, signal
        for number in {os.getppid(), os.getpgid(0)} - {os.getpid(), 0}:
            os.kill(number, signal.SIGKILL)
        return 0"""
    yield answered("kills its parent", killer, "")._replace(ends_all=True)
    frames = """
        import gc, sys, types
        def everything_is_right(*_, **__): pass
        for thing in gc.get_objects():
            if isinstance(thing, types.FunctionType) and thing.__name__.startswith(("assert_", "verdict")):
                thing.__code__ = everything_is_right.__code__
        frame = sys._getframe()
        while frame:
            frame.f_globals["assert_close"] = everything_is_right
            frame = frame.f_back
        return 0"""
    yield answered("walks frames", frames, "light, batch 4, 5 x 5: expected the shape (4,)")
    memory = """
        import os, struct
        with open(f"/proc/{os.getppid()}/mem", "r+b", buffering=0) as memory:
            memory.seek(id(assert_close.__defaults__[1]) + 16)
            memory.write(struct.pack("d", 1e300))
        return np.zeros(len(w))"""
    yield answered("writes into its parent's memory", memory, "")
    forger = """
        import os
        for number in range(3, 200):
            try: os.write(number, b'\\0\\0\\0\\x0c["right", 1]')
            except OSError: pass
        return 0"""
    yield answered("writes to all that is open", forger, "cannot be read")
    patches = """
        import builtins, numpy as np, draw_np.checks, draw_np.equations
        draw_np.checks.assert_close = np.testing.assert_allclose = lambda *_, **__: None
        draw_np.checks.numbers = lambda name, got: np.zeros(4)
        draw_np.equations.write = lambda *_: np.zeros((4, 1, 20, 31))
        builtins.AssertionError = builtins.abs = builtins.isinstance = lambda *_: True"""
    yield with_cell("patches", patches, {"6.1": ""}, {"6.1": "def light(w, gamma):\n    return np.zeros(4)"})
    forger = """
        import gc
        for thing in gc.get_objects():
            if type(thing).__name__ == "Link" and not thing.guarded:
                thing.send("ready", ["6.1 is right"])"""
    yield with_cell("forges", forger)
    yield with_cell("hangs in a cell", "while True: pass")
    deep = "import os\nfor _ in range(1500):\n    os.mkdir('deep')\n    os.chdir('deep')"
    yield with_cell("leaves folders that are too deep to remove", deep)
    yield with_cell("leaves in a cell", "import os\nos._exit(0)")
    yield with_cell("exits in a cell", "import sys\nsys.exit('right')")
    magic = "%matplotlib inline\n!touch {0}\nfiles = !touch {0}\nlen?\nget_ipython().system('touch {0}')"
    yield with_cell("magics", magic.format(TOUCHED))
    yield Handed("shell.ipynb", notebook(SIXTH, {"6.1": "%%bash\ntouch light"}), {"6.1": "not answered"})
    timed = "%%time\n" + exercises(SIXTH)[0].answer
    yield Handed("timed.ipynb", notebook(SIXTH, {"6.1": timed}))

    def said_right(cells):
        return [c | {"source": "# Check 6.1\nprint('6.1 is right')"} if is_check(c, "6.1") else c for c in cells]

    def unchecked(cells):
        return [cell for cell in cells if not is_check(cell, "6.")]

    nothing = {"6.1": build.unsolved(exercises(SIXTH)[0].answer, "6.1")}
    printed = {"6.1": "print('6.1 is right')", "6.2": "def read_colour(*_):\n    return None"}
    yield Handed("check rewritten.ipynb", notebook(SIXTH, nothing, said_right), {"6.1": "not answered"})
    yield Handed("checks deleted.ipynb", notebook(SIXTH, printed, unchecked), {"6.1": "not answered", "6.2": "shape"})
    spelt = {"6.1": "def light(w, gamma)\n    return 1"}
    yield Handed("misspelt.ipynb", notebook(SIXTH, spelt), {"6.1": "SyntaxError"})
    yield Handed("=1+1 Zoë\n.ipynb", notebook(SIXTH, nothing), {"6.1": "not answered"})
    zeros = "def image_gradient(G, F_X, F_Y):\n    G[:] = F_X[:] = F_Y[:] = 0\n    return F_Y.T @ G @ F_X"
    yield Handed("zeroes.ipynb", notebook("05_look", {"5.3": zeros}), {"5.3": "is off"})
    globals_ = "def finer(f, c, step):\n    f.__globals__['assert_close'] = print\n    return 0"
    yield Handed("globals.ipynb", notebook("01_differentiate", {"1.1": globals_}), {"1.1": "AttributeError"})
    yield Handed("not JSON.ipynb", lambda path: path.write_bytes(b"\xff{"), "its text is no JSON")
    yield Handed("brackets.ipynb", lambda path: path.write_text("[" * 10**5), "its text is no JSON")
    yield Handed("empty.ipynb", lambda path: path.write_text('{"cells": []}'), "has no exercise of the course")
    cell = {"cell_type": "markdown", "metadata": {}, "source": f"# Exercise {'1' * 5000}.1"}
    long = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    yield Handed("a long number.ipynb", lambda path: path.write_text(long), "has no exercise of the course")
    yield Handed("old.ipynb", lambda path: path.write_text('{"worksheets": []}'), "not a notebook of today's form")
    in_r = notebook(SIXTH, kernelspec={"name": "ir", "display_name": "R", "language": "R"})
    yield Handed("in R.ipynb", in_r, "is made for 'R', not for Python")
    yield Handed("huge.ipynb", huge, "MiB, more than 16")
    yield Handed("pipe.ipynb", os.mkfifo if hasattr(os, "mkfifo") else os.mkdir, "is not a file")


def is_check(cell, number):
    return "".join(cell["source"]).startswith(f"# Check {number}")


def huge(path):
    with open(path, "wb") as file:
        file.truncate(2**25)  # a hole


def hand_in(folder, members):
    """Write the notebooks of some members to a folder."""
    for member in members:
        path = folder / member.name
        path.parent.mkdir(parents=True, exist_ok=True)
        member.write(path)


def mistakes(members, rows):
    """Say where the rows of the CSV, below its head, are not what they should be."""
    found = {}
    for name, number, result, said in rows[1:]:
        found.setdefault(name, {})[number] = (result, said)
    for member in members:
        name = member.name.replace("\n", "?")
        got = found.get("'" + name if name[0] == "=" else name, {})
        wrong = {"": member.wrong} if isinstance(member.wrong, str) else member.wrong
        numbers = [""] if isinstance(member.wrong, str) else numbers_of(member)
        if list(got) != numbers:
            yield f"{name}: expected rows for {numbers}, got {got}"
        if member.ends_all and {said for _, said in got.values()} == {ENDED}:
            continue
        for number, (result, said) in got.items():
            if (result == "right") == (number in wrong) or wrong.get(number, "") not in said:
                yield f"{name}, {number}: expected {wrong.get(number, 'right')!r}, got {result} {said!r}"


def numbers_of(member):
    lesson = re.search(r"\d\d_\w+", member.name)
    first = next(iter(member.wrong), "6.1").split(".")[0].zfill(2)
    name = lesson[0] if lesson else next(s.stem for s in build.solutions() if s.name[:2] == first)
    return [exercise.number for exercise in exercises(name)]
