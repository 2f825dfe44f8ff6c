"""A class that hands in is graded right: everybody who is right, and some who are wrong or hostile.

All of it is graded by tests/campaigns/grading.py.
"""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from draw_np import equations
from draw_np.models import draw
from lessons import build, grade
from lessons.grading import notebooks
from lessons.grading.link import AnswerError, Link, Lost, Remote, raised
from tests.lessons import a_class

SOME = (
    "right/", "wrong/01", "endless", "kills", "leaves.", "leaves processes", "memory", "patches", "walks", "magics",
    "hangs", "check rewritten", "=1", "not JSON", "zeroes", "globals",
)  # fmt: skip
LESSONS = notebooks.read_lessons()


def run(folder, *options):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, build.LESSONS / "grade.py", folder, *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_a_class_is_graded_right(tmp_path):
    members = [member for member in a_class.everybody() if member.name.startswith(SOME)]
    a_class.hand_in(tmp_path / "class", members)
    done = run(tmp_path / "class", "--csv", tmp_path / "table.csv", "--seconds", "1", "--patience", "300")
    assert done.returncode == 0 and done.stderr == ""
    rows = list(csv.reader(io.StringIO((tmp_path / "table.csv").read_text("utf-8"), newline="")))
    assert list(a_class.mistakes(members, rows)) == []
    right, wrong = (sum(row[2] == result and row[1] != "" for row in rows) for result in ("right", "wrong"))
    assert done.stdout.splitlines()[-1] == f"{right} of {right + wrong} exercises are right."
    assert not a_class.TOUCHED.exists()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        assert a_class.MARK.encode() not in path.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="no alarms")
def test_who_sleeps_is_not_waited_for(tmp_path):
    a_class.hand_in(tmp_path, [a_class.answered("sleeper", "import time\ntime.sleep(10**6)", "")])
    done = run(tmp_path, "--patience", "3")
    assert "    6.1   took more than 3 s\n" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_ctrl_c_stops_it_in_one_line(tmp_path):
    sleeper = a_class.answered("sleeper", "import time\ntime.sleep(10**6)", "")
    a_class.hand_in(tmp_path, [a_class.Handed("first.ipynb", Path.touch, ""), sleeper])
    command = [sys.executable, build.LESSONS / "grade.py", tmp_path, "--csv", tmp_path / "table.csv"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, start_new_session=True) as grading:
        assert grading.stdout.readline().startswith("first.ipynb")
        os.killpg(grading.pid, signal.SIGINT)  # as a terminal does: whatever it has started hears it
        assert grading.communicate(timeout=300) == ("", "stopped; what has been graded is in the table\n")
    assert grading.returncode == 130
    assert (
        (tmp_path / "table.csv").read_text("utf-8").splitlines()[1].startswith("first.ipynb,,wrong,is not a notebook")
    )


def test_every_member_s_notebook_is_graded_by_its_own_lesson(tmp_path):
    members = [member for member in a_class.everybody() if not isinstance(member.wrong, str)]
    a_class.hand_in(tmp_path, members)
    for member in members:
        path = tmp_path / member.name
        lesson = notebooks.lesson_of(path, notebooks.read_cells(path), LESSONS)
        assert [exercise.number for exercise in lesson.exercises] == a_class.numbers_of(member)


def test_the_mistakes_of_a_grader_are_noticed():
    member = a_class.Handed("06_read_and_write.ipynb", None, {"6.1": "off"})
    name, head = member.name, ["notebook", "exercise", "result", "what is wrong"]
    rows = [head, [name, "6.1", "wrong", "it is off"], [name, "6.2", "right", ""], [name, "6.3", "right", ""]]
    assert list(a_class.mistakes([member], rows)) == []
    for k, changed in (1, ["right", ""]), (1, ["wrong", "else"]), (2, ["wrong", "off"]):
        other = [row if place != k else [*row[:2], *changed] for place, row in enumerate(rows)]
        assert len(list(a_class.mistakes([member], other))) == 1
    ended = [head, *([name, f"6.{k}", "wrong", a_class.ENDED] for k in (1, 2, 3))]
    assert len(list(a_class.mistakes([member], ended))) == 3
    assert list(a_class.mistakes([member._replace(ends_all=True)], ended)) == []
    assert list(a_class.mistakes([member], rows[:-1])) and list(a_class.mistakes([member], rows[:1]))


# The command


@pytest.mark.parametrize(
    "made, options, said",
    [
        ("missing/class", [], "is not a folder"),
        ("class", [], "has no notebook in it"),
        ("class/x.ipynb", ["--csv", "missing/table.csv"], "cannot write missing/table.csv: No such file or directory"),
        ("class/x.ipynb", ["--csv", "class/y.ipynb"], "class/y.ipynb is there already and no table of a grading"),
        *(
            ("class/x.ipynb", [option, value], f"argument {option}: must be a whole number from {span}, not {value!r}")
            for option, span in (
                ("--seconds", "1 to 3600"),
                ("--patience", "1 to 86400"),
                ("--memory", "64 to 1048576"),
            )
            for value in ("0", "-1", "x", "9" * 9, "9" * 30)
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, monkeypatch, capsys, made, options, said):
    monkeypatch.chdir(tmp_path)
    if "missing" not in made:
        (tmp_path / "class").mkdir()
    if made.endswith(".ipynb"):
        (tmp_path / made).touch()
        (tmp_path / "class/y.ipynb").write_text("of weeks")
    with pytest.raises(SystemExit) as stopped:
        grade.main(["class", *options])
    assert said in f"{stopped.value.code}{capsys.readouterr().err.splitlines()[-1:]}".replace("\\'", "'")
    assert not made.endswith(".ipynb") or (tmp_path / "class/y.ipynb").read_text() == "of weeks"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full disk of Linux")
@pytest.mark.parametrize("options, full", [([], True), (["--csv", "/dev/full"], False), (["--seconds", "1"], None)])
def test_output_that_nobody_takes_is_said_in_one_line(tmp_path, options, full):
    (tmp_path / "x.ipynb").touch()
    command = [sys.executable, build.LESSONS / "grade.py", tmp_path, *options]
    reading, closed = os.pipe()
    os.close(reading)
    with open("/dev/full" if full else os.devnull, "w") as sink:
        done = subprocess.run(command, stdout=closed if full is None else sink, stderr=subprocess.PIPE, text=True)
    os.close(closed)
    reason = "Broken pipe" if full is None else "No space left on device"
    assert (done.returncode, done.stderr) == (1, f"grading stopped ({reason}): set that right, and grade again\n")


def test_a_table_may_be_written_anew(tmp_path):
    (tmp_path / "x.ipynb").touch()
    for _ in range(2):
        grade.main([str(tmp_path), "--csv", str(tmp_path / "table.csv")])
    assert (tmp_path / "table.csv").read_text("utf-8").count("x.ipynb") == 1


def test_jupyter_s_own_copies_are_no_notebooks(tmp_path):
    for name in "b.ipynb", "a/c.ipynb", "a/.ipynb_checkpoints/c.ipynb", "d.txt":
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    assert grade.notebooks_in(tmp_path) == [tmp_path / "a/c.ipynb", tmp_path / "b.ipynb"]


def test_cells_are_what_the_student_has_written():
    lesson = LESSONS[6]
    (exercise, *_), setup = lesson.exercises, lesson.setup
    cells = [("code", text) for text in (*setup, exercise.stub, exercise.check + "\n", "# Check 6.1\npass", "x = 1")]
    assert notebooks.cells_to_run([*cells, ("markdown", "x")], lesson) == ["x = 1"]
    assert exercise.functions == ("light",)


def test_every_exercise_has_a_function_to_call():
    for number, lesson in LESSONS.items():
        functions = [function for exercise in lesson.exercises for function in exercise.functions]
        assert all(exercise.functions for exercise in lesson.exercises) and len(set(functions)) == len(functions)
        assert [e.number for e in lesson.exercises] == [f"{number}.{k}" for k in range(1, len(lesson.exercises) + 1)]
        solved = build.read_exercises(build.LESSONS / "solutions" / f"{lesson.name}.py")
        assert [(e.number, e.check) for e in solved] == [(e.number, e.check) for e in lesson.exercises]


# The line between the two processes


class Pipe:
    """Both ends of a connection, in one process."""

    def __init__(self):
        self.messages = []

    def send_bytes(self, data):
        self.messages.append(bytes(data))

    def recv_bytes(self, room):
        if not self.messages:
            raise EOFError
        if len(self.messages[0]) > room:
            raise OSError("bad message length")
        return self.messages.pop(0)


def over(value):
    link = Link(Pipe(), {}, guarded=True)
    link.send("value", value)
    return link.receive()[1]


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 2**70, -0.5, float("inf"), "a\n\x00é\ud800", 2 - 1j, (1, [2, {"a": (), 3: None}]), {},
        np.float32(0.1), np.bool_(True), np.arange(6.0).reshape(2, 3).T, np.zeros((0, 4), ">i2"), np.array("é"),
        draw.Config(height=7, width=8, steps=3), equations.LSTMState(np.ones(2), np.zeros(3)), equations,
    ],
    ids=repr,
)  # fmt: skip
def test_values_arrive_as_they_were(value):
    got = over(value)
    assert type(got) is type(value) and repr(got) == repr(value)
    assert getattr(got, "dtype", None) == getattr(value, "dtype", None)


def test_strange_arrays_arrive():
    assert over(np.array([1, None, "a"], object)).tolist() == [1, None, "a"]
    masked = over(np.ma.array([1.0, 2.0], mask=[False, True]))
    assert masked.mask.tolist() == [False, True]
    assert np.isnan(over(np.array([np.nan]))[0])


@pytest.mark.parametrize(
    "message",
    [
        b"", b"\xff", b"[]", b"1", b"[[], 0]", b'["right", 1]', b"[" * 10**5, b'[[], {"yours": 1}, 0]', b"[[], [1], 0]",
        b'[[], {"module": "os"}, 0]', b'[[], {"record": ["os", "stat_result", []]}, 0]', b'[[]]',
        b'[[], {"record": ["draw_np.files", "os", []]}, 0]', b'[[], {"array": ["O", [1], 0, false]}, 0]',
        b'[[], {"array": ["<f8", [1], 0, false]}, 0]', b'[[], {"mine": [1, "a b"]}, 0]',
    ],
)  # fmt: skip
def test_nonsense_is_refused(message):
    link = Link(Pipe(), {}, guarded=True)
    link.connection.messages += message, b""
    with pytest.raises(Lost, match="cannot be read"):
        link.receive()


def test_an_answer_cannot_end_a_loop_of_the_check():
    assert isinstance(raised("ValueError", "x"), ValueError)
    for name in "StopIteration", "SystemExit", "GeneratorExit", "Lost", "print", "UnicodeDecodeError":
        assert type(raised(name, "x")) is AnswerError


class Course:
    """As a class of the exercise's cells."""

    def __init__(self):
        self.value, self.tape, self._own = 3, [1], 4


def test_the_other_end_may_call_and_look_and_nothing_else():
    course, function = Course(), lambda: 5
    link = Link(Pipe(), {"Course": Course, "secret": [7]}, guarded=True)

    def asked(what, *rest):
        link.serve(what, rest)
        return link.receive()

    assert asked("call", function, (), {}) == ["returned", 5]
    assert asked("get", course, "value") == ["returned", 3]
    what, tape = asked("get", course, "tape")
    assert what == "returned" and isinstance(tape, Remote)
    for request in (
        ("get", function, "__globals__"), ("get", course, "_own"), ("get", course, "__class__"), ("get", function, "x"),
        ("set", course, "value", 4), ("function", "secret"), ("get", json, "loads"), ("get", draw, "np"), ("else", 1),
    ):  # fmt: skip
        what, kind, _ = asked(*request)
        assert what == "raised" and kind in ("TypeError", "AttributeError"), request
    assert course.value == 3
