"""`python -m draw_np`: the command line, and what is to hold of the whole program, from its imports to its exit.

Ctrl-C, or a request to terminate, ends it with the word "stopped" and status 130, whenever it comes once Python itself
has started; output takes any text, whatever its encoding, and a closed standard stream is a sink.
"""

import os
import signal  # and no more before `run` listens: whatever takes time here, a signal would end without a word
import sys
import time

STOPPED = 130  # the exit status that shells give to Ctrl-C


def stop(*_):
    """End at once: while modules are imported nothing can be lost, and some of them make another error of this one."""
    try:
        os.write(2, b"stopped\n")
    except OSError:
        pass
    os._exit(STOPPED)


class Interrupt:
    """Ends a command by KeyboardInterrupt. Who asks twice within a second does not disturb what tidies up after it."""

    def __init__(self):
        self.asked = -1.0

    def __call__(self, *_):
        asked, self.asked = self.asked, time.monotonic()
        if self.asked > asked + 1:
            raise KeyboardInterrupt


def prepare_streams():
    """Make standard output and error take any text, if need be as \\N escapes; closed ones, as by `2>&-`, none."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))
        getattr(sys, name).reconfigure(errors="backslashreplace")


def listen(numbers, handler):
    for number in numbers:
        signal.signal(number, handler)


def run():
    """Returns the exit status."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    numbers = [number for number, handler in usual.items() if signal.getsignal(number) is handler]  # not under `nohup`
    listen(numbers, stop)
    prepare_streams()
    from .cli import main  # only now that Ctrl-C is looked after: this takes half a second

    try:
        listen(numbers, Interrupt())
        status = main()
    except SystemExit as end:  # argparse's
        status = end.code
    except KeyboardInterrupt:
        stop()
    finally:
        listen(numbers, signal.SIG_IGN)  # all is done, and Python tidies up
    return finished(status)


def finished(status):
    """The exit status, once all that was printed has been taken; Python's own last try would end in a traceback."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if not status:
            print(f"draw_np: standard output cannot be written: {error.strerror}", file=sys.stderr)
        try:
            sys.stdout.close()
        except OSError:
            pass
        return status or 1
    return status


if __name__ == "__main__":
    raise SystemExit(run())
