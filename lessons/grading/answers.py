"""The process in which a student's code runs: fenced in as far as the system allows, it answers calls over a Link."""

import os
import re

from .fence import confine, guard_memory, leave_only, more_seconds, separate
from .link import Link, first_line

MAGIC = re.compile(r"^\s*[%!?]|\?\s*$|=\s*[%!]", re.MULTILINE)


def answer(connection, setup, cells, folder, limits):
    """Run the course's `setup`, then a student's cells, say which of them failed, and serve calls until killed."""
    leave_only(connection)
    guard_memory(False)  # its own, which a fork has guarded too
    os.chdir(folder)
    separate()
    confine(limits)
    names = {"__name__": "__main__", "display": print}
    shell = Shell(names)
    names["get_ipython"] = lambda: shell
    link = Link(connection, names, guarded=False)
    for text in setup:
        exec(compile(text, "set-up", "exec"), names)
    for place, text in enumerate(cells):
        link.send("cell", place)
        more_seconds(limits)
        try:
            exec(compile(python(text), "cell", "exec"), names)
        except BaseException as error:  # SystemExit too: a cell that fails does not keep the others from running
            link.send("failed", place, f"{type(error).__name__}: {first_line(error)}")
    link.send("ready")
    while True:
        what, *rest = link.receive()
        if what == "begin":
            more_seconds(limits)
        else:
            link.serve(what, rest)
        del rest


# Notebooks' own commands


class Shell:
    """What `get_ipython()` gives: shell commands and magics do nothing, except those that only watch a cell."""

    def __init__(self, names):
        self.names = names

    def run_cell_magic(self, name, line, body):
        if name in ("time", "timeit", "capture", "prun"):
            exec(compile(python(body), "cell", "exec"), self.names)

    def __getattr__(self, name):
        return lambda *arguments, **named: None


def python(text):
    """Return a cell as Python: lines like %matplotlib, !ls and x? become calls of get_ipython()."""
    if not MAGIC.search(text):
        return text
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(text)
