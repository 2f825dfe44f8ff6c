"""The processor's cores: which ones this process may use, and how to hold it to some of them."""

import os


def usable_cores():
    """The numbers of the cores that this process may use, in order: all, where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def hold_to(cores):
    """Keep this process, and those that it starts from now on, on these cores, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
