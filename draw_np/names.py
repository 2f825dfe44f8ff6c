"""What is wrong, in one line: a name that is nearly right, a value, or what a stranger's file says."""

import difflib
import reprlib

SHOWN = reprlib.Repr()
SHOWN.maxstring = SHOWN.maxother = SHOWN.maxlong = 60


def did_you_mean(name, known):
    """Return " (did you mean 'mnist'?)" with the nearest of the names `known`, or "" where none is near.

    `name` may be anything: what is no string is compared by its str. Capitals count as small letters.
    """
    near = difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=0.4)
    return f" (did you mean {near[0]!r}?)" if near else ""


def shown(value, most=200):
    """The repr of `value` in one line of printable characters; if it is long or deep, a part of it."""
    return cut(" ".join(line.strip() for line in SHOWN.repr(value).splitlines()), most)  # that of an array has several


def one_line(text, most=300):
    """The first line of `text` without what a terminal would act on, cut after `most` characters."""
    line = next(iter(text.strip().splitlines()), "").rstrip()
    return cut("".join(each if each.isprintable() else repr(each)[1:-1] for each in line[: most + 1]), most)


def require(fits, message, error=ValueError):
    """Raise the error, with a line that says what is wrong and what to do, unless what it is about fits."""
    if not fits:
        raise error(message)


def cut(line, most):
    return line if len(line) <= most else line[: most - 3] + "..."
