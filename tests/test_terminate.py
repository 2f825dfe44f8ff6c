"""SIGTERM is taken as Ctrl-C is, from the imports of the program to its exit: one line at most, and status 130."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

PROGRAM = """
import atexit, os, runpy, signal, sys, types
import draw_np

def terminate():
    os.kill(os.getpid(), signal.SIGTERM)
    sum(range(1000))  # a signal is heard between two operations

class Commands(types.ModuleType):
    moment = sys.argv[1]

    @property
    def main(self):
        if self.moment == "import":
            terminate()
        return self.run

    def run(self, argv=None):
        if self.moment == "command":
            try:
                terminate()
            except KeyboardInterrupt:
                print("stopped", file=sys.stderr)
                return 130
        if self.moment == "twice":
            try:
                try:
                    terminate()
                finally:  # `timeout` asks twice, and so do the impatient
                    terminate()
                    print("tidied up", file=sys.stderr)
            except KeyboardInterrupt:
                print("stopped", file=sys.stderr)
        if self.moment == "end":
            terminate()
        if self.moment == "exit":
            atexit.register(terminate)
            print("stopped and saved", file=sys.stderr)
        return 130

    def __getattr__(self, name):
        raise AttributeError(name)

sys.modules["draw_np.cli"] = Commands("draw_np.cli")
runpy.run_module("draw_np", run_name="__main__")
"""


@pytest.mark.parametrize(
    "moment, line",
    [
        ("import", "stopped"),
        ("command", "stopped"),
        ("end", "stopped"),
        ("exit", "stopped and saved"),
        ("twice", "tidied up\nstopped"),
    ],
)
def test_a_request_to_terminate_at_any_moment(moment, line):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM, moment], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"{line}\n")
