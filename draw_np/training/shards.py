"""Every core at work: processes that each take a shard of the batch through its own forward and backward pass.

Processes, not threads: between two NumPy calls a thread needs the interpreter's lock, which the others hold. Parameters
and gradients lie in memory that all of them see; images and noise are sent.
"""

import contextlib
import importlib
import multiprocessing
import signal
import sys
import threading
import types
from multiprocessing import resource_tracker
from multiprocessing.connection import wait

import numpy as np
from threadpoolctl import threadpool_limits

from ..backend import blas
from ..cores import hold_to, usable_cores
from .trees import map_leaves, named_leaves
from .update import RecordedLosses

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What asks a run to stop. All processes get it, and only the one that saves must hear it."""
SECONDS = 10
"""More than a process needs to end once its pipe is closed, on a busy machine too."""
MAIN = threading.Lock()
"""Held while the main module is hidden."""


class Shards:
    """`count` processes, this one among them, for parameters like `params`. For a `with`.

    Where the system allows it and there are enough cores, each process is held to cores that no other has: left alone,
    two of them may share one for long while another idles.
    """

    def __init__(self, count, params):
        self.own_shard = RecordedLosses()
        self.processes, self.workers = [], []  # [(connection, the gradient it computes), ...]
        self.cores = usable_cores()
        if count > 1:
            self.start(count, params)

    def start(self, count, params):
        """Start the other processes, and hold each to its cores."""
        context = multiprocessing.get_context("spawn")
        form = map_leaves(lambda leaf: (leaf.dtype, leaf.shape), params)
        size = sum(leaf.nbytes for leaf in named_leaves(params).values())
        block = context.RawArray("b", size)
        self.params = trees_in(block, form)
        enough = count <= len(self.cores)
        own = [self.cores[k::count] if enough else self.cores for k in range(count)]
        with held_back():
            for cores in own[1:]:
                ours, theirs = context.Pipe()
                gradient = context.RawArray("b", size)
                process = context.Process(target=serve, args=(theirs, cores, form, block, gradient), daemon=True)
                with no_main_module():
                    process.start()
                theirs.close()
                self.processes.append(process)
                self.workers.append((ours, trees_in(gradient, form)))
        hold_to(own[0])

    def losses_and_gradient(self, params, model, config, images, given, ops, **how):
        """As `update.losses_and_gradient`, over all shards.

        The sums are added in the order of the shards: the same bits every time, and the same numbers up to rounding
        whatever the number of shards. Raises ValueError for fewer images than shards, ChildProcessError when a process
        has died.
        """
        if not self.workers:
            return self.own_shard(params, model, config, images, given, ops, **how)
        count, batch = len(self.workers) + 1, len(images)
        if count > batch:
            raise ValueError(f"{count} shards of a batch of {batch} images: some would be empty; use fewer threads")
        own, *parts = zip(np.array_split(images, count), np.array_split(given, count, model.BATCH_AXIS))
        map_leaves(np.copyto, self.params, params)
        how["batch"] = batch
        try:
            for (connection, _), part in zip(self.workers, parts):
                connection.send((model.__name__, config, *part, ops.__name__, how))
            nats, gradient = self.own_shard(params, model, config, *own, ops, **how)
            for connection, their_gradient in self.workers:
                nats = [own + their for own, their in zip(nats, connection.recv())]
                map_leaves(np.add, gradient, their_gradient, gradient)
        except (EOFError, ConnectionError) as error:
            raise ChildProcessError(f"a process that computes a shard of the batch has died{self.why()}") from error
        return nats, gradient

    def why(self):
        """What is known of a process that has died, to end a sentence with."""
        ended = wait([process.sentinel for process in self.processes], SECONDS)
        for process in self.processes:
            if process.sentinel in ended:
                process.join(SECONDS)  # its status comes after the end of all that it has open
        codes = [process.exitcode for process in self.processes if process.exitcode]
        if not codes:
            return ""
        return f" (killed by signal {-codes[0]}): was memory short?" if codes[0] < 0 else ": what it said is above"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for connection, _ in self.workers:
            connection.close()  # the other end then reads the end of the file, and its process ends
        if self.workers:
            hold_to(self.cores)


@contextlib.contextmanager
def held_back():
    """Processes started in this block never get SIGNALS; this one gets them when the block ends, and misses none."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where `serve` ignores them
        yield
        return
    resource_tracker.ensure_running()  # or it is started with the first process, and lets the signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def no_main_module():
    """Processes started in this block do not run the user's script again, of which they need nothing.

    So a script that trains needs no `if __name__ == "__main__"`.
    """
    with MAIN:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def trees_in(block, form):
    """A tree of arrays that lie one after the other in a block of memory; the leaves of `form` are (dtype, shape)."""
    start = 0

    def place(leaf):
        nonlocal start
        dtype, shape = leaf
        array = np.ndarray(shape, dtype, block, start)
        start += array.nbytes
        return array

    return map_leaves(place, form)


def one_thread():
    """Hold matrix products to one thread, from now on or in a `with`: a shard has one core.

    SciPy's BLAS is loaded first: if the first gradient loaded it, as elsewhere, it would take every core there is.
    """
    blas.load()
    return threadpool_limits(1)


def serve(connection, cores, form, params, gradient):
    """What a process does: gradients of what it is sent, until the pipe is closed."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    hold_to(cores)
    params, gradient = trees_in(params, form), trees_in(gradient, form)
    shard = RecordedLosses()
    with one_thread():
        while True:
            try:
                model, config, images, given, ops, how = connection.recv()
            except EOFError:
                return
            model, ops = importlib.import_module(model), importlib.import_module(ops)
            nats, found = shard(params, model, config, images, given, ops, **how)
            map_leaves(np.copyto, gradient, found)
            connection.send(nats)
