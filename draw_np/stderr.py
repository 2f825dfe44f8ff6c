"""Standard error as most of us use it: what is said there is lost if nobody listens, and work goes on."""

import contextlib
import sys


class StandardError:
    """sys.stderr, if it is there: a program without a console has none, and with `2>&1 | head` its reader goes."""

    def write(self, text):
        if sys.stderr:
            with contextlib.suppress(OSError):
                sys.stderr.write(text)

    def flush(self):
        if sys.stderr:
            with contextlib.suppress(OSError):
                sys.stderr.flush()

    def __getattr__(self, name):  # whether it is a terminal, how wide
        return getattr(sys.stderr, name)


STDERR = StandardError()
