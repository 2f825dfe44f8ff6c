"""What to say to a name that is nearly right."""

import difflib


def did_you_mean(name, known):
    """Return " (did you mean 'mnist'?)" with the nearest of the names `known`, or "" where none is near.

    `name` may be anything: what is no string is compared as it is written.
    """
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
    return f" (did you mean {near[0]!r}?)" if near else ""
