"""Tasks spread over all cores: results come in order, and few tasks wait at a time."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from draw_np.cores import usable_cores
from draw_np.datasets.base import DatasetError


def run(function, tasks):
    """Yield function(*task) for each of `tasks`, in their order, computed by as many processes as it may use cores.

    `tasks` is taken from only as fast as results are asked for, so it may be long. Raises what `function` raises,
    and DatasetError if a process dies.
    """
    cores, waiting = len(usable_cores()), deque()
    with ProcessPoolExecutor(cores, initializer=_end_with_parent) as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(function, *task))
                if len(waiting) > 2 * cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise DatasetError("a process died, perhaps for want of memory: run it again to go on") from None
        finally:
            for future in waiting:
                future.cancel()


def _end_with_parent():
    """Leave Ctrl-C to the parent, and do not outlive it if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_and_exit, args=[multiprocessing.parent_process()], daemon=True).start()


def _wait_and_exit(parent):
    parent.join()
    os._exit(1)
