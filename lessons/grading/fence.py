"""What keeps a process with strange code apart: as much as the system allows."""

import ctypes
import math
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

try:
    import resource
except ImportError:  # Windows: no limits but time
    resource = None

UNSHARE = 0x10000000 | 0x20000000 | 0x40000000 | 0x08000000  # Linux: new users, process numbers, network, shared memory
DIE_WITH_PARENT, DUMPABLE, ADOPT_ORPHANS = 1, 4, 36  # Linux: PR_SET_PDEATHSIG, _DUMPABLE, _CHILD_SUBREAPER of prctl
LARGEST_FILE, PROCESSES, OPEN = 2**26, 64, 2**16


def leave_only(connection):
    """Let go of everything that was open, the keyboard and the screen too, but the connection."""
    if os.name == "posix":
        os.setsid()  # a group of its own, to be killed as one
        null, line = os.open(os.devnull, os.O_RDWR), connection.fileno()
        for standard in range(3):
            os.dup2(null, standard)
        os.closerange(3, line)
        os.closerange(line + 1, OPEN)
    sys.stdin, sys.stdout, sys.stderr = open(os.devnull), open(os.devnull, "w"), open(os.devnull, "w")


def separate():
    """On Linux, if it is allowed: no network, no processes seen but one's own, and those end with the first of them.

    Then it goes on in a grandchild, and two processes wait for it, which nothing inside can reach.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)
    if libc.unshare(UNSHARE):
        return
    for _ in range(2):
        child = os.fork()
        if child:
            guard_memory(True)
            os.closerange(0, OPEN)
            _, status = os.waitpid(child, 0)
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
        libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)


def confine(limits):
    """Limit memory, to so much more than the course itself has, the sizes of files, and the number of processes."""
    if resource:
        limit(resource.RLIMIT_AS, address_space() + limits.memory)
        limit(resource.RLIMIT_FSIZE, LARGEST_FILE)
        limit(resource.RLIMIT_NPROC, PROCESSES)
        limit(resource.RLIMIT_CORE, 0)


def limit(what, most):
    """Set a limit for good, where there is such a thing."""
    with suppress(AttributeError, ValueError, OSError):
        resource.setrlimit(what, (most, most))


def address_space():
    """The bytes that this process has mapped."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 2**32


def more_seconds(limits):
    """From now on the processor may work for `limits.seconds`."""
    if resource:
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = math.ceil(used.ru_utime + used.ru_stime) + limits.seconds
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def guard_memory(guarded):
    """On Linux: whether no other process of this user may write into the memory of this one, through /proc."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DUMPABLE, 0 if guarded else 1)


def adopt_orphans():
    """On Linux: whatever a child of this process leaves behind becomes its own child."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1)


def end_children():
    """On Linux: kill all children of this process, and theirs, until there is none."""
    for _ in range(100):  # each time those come that the dead have left behind
        children = " ".join(file.read_text() for file in Path("/proc/self/task").glob("*/children")).split()
        for child in map(int, children):
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        if not children:
            break
