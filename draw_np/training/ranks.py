"""Beyond one machine: processes that MPI has started, each with a shard of every batch.

All ranks do the same: the same batches from the same seed, and the same update from the same gradient. Each computes
the gradient of its shard, and one Allreduce adds them up. Only rank 0 reads and writes the run's folder, and speaks.
"""

import contextlib
import os
import sys
import time
from functools import partial

import numpy as np
from tqdm import tqdm

from .. import __version__
from ..datasets import DatasetError
from .checkpoint import CheckpointError
from .data import digest
from .journal import Journal, TrainingError
from .run import Folder, described, require
from .shards import Shards
from .trees import from_named_leaves, named_leaves
from .update import RecordedLosses

STARTED = "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_SIZE", "MV2_COMM_WORLD_SIZE"
"""Where the mpiexec of an MPI says how many processes it has started."""
FAULTS = TrainingError, CheckpointError, DatasetError


class Alone:
    """One process, with or without helpers on this machine: what `Ranks` offers, where there are no other ranks."""

    size = 1

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def folder(self, *arguments):
        return Folder(*arguments)

    def journal(self, *arguments):
        return Journal(*arguments)

    def shards(self, threads, params):
        return Shards(threads, params)

    def together(self, function, faults=()):
        return function()

    def from_first(self, function):
        return function()

    def any(self, flag):
        return flag

    def check(self, run, validation):
        pass


class Ranks:
    """The processes of an MPI communicator, this one among them. For a `with`.

    What fails on one rank ends all of them, with one line: else the others would wait for it for ever.
    """

    def __init__(self, comm):
        self.comm, self.size, self.leads, self.agreed = comm, comm.size, comm.rank == 0, False

    def __enter__(self):
        self.streams = sys.stdout, sys.stderr
        if not self.leads:
            sys.stdout = sys.stderr = open(os.devnull, "w")
        return self

    def __exit__(self, kind, error, traceback):
        sys.stdout, sys.stderr = self.streams
        if kind and self.agreed and not self.leads:
            raise SystemExit(1)
        if kind and not self.agreed and kind is not SystemExit:
            words = " ".join(str(error).split()) or kind.__name__
            os.write(2, f"\ndraw_np: rank {self.comm.rank} of {self.size}: {words}\n".encode())  # below rank 0's bar
            time.sleep(0.3)  # Abort ends mpiexec too, at times before it has passed that line on
            self.comm.Abort(1)
            os._exit(1)  # it may return before the end comes

    def folder(self, *arguments):
        """A run's folder that rank 0 alone has to see."""
        return SharedFolder(self, *arguments)

    def journal(self, *arguments):
        return Journal(*arguments) if self.leads else Silent(*arguments)

    def shards(self, threads, params):
        """What computes the gradient: these ranks, each with one thread."""
        return contextlib.nullcontext(Summed(self.comm))

    def together(self, function, faults=FAULTS):
        """Call `function` on every rank; returns its value. If it fails on one, all fail with that one's message."""
        value = fault = None
        try:
            value = function()
        except faults as error:
            fault = error
        said = self.comm.allgather(fault and str(fault))
        for rank, words in enumerate(said):
            if words:
                self.agreed = True
                raise TrainingError(f"rank {rank}: {words}" if rank and words not in said[:rank] else words)
        return value

    def from_first(self, function):
        """Call `function` on rank 0 alone; returns its value on every rank. If it fails, all fail."""
        value = self.together(lambda: function() if self.leads else None)
        return self.comm.bcast(value)

    def any(self, flag):
        """Whether it is true on any rank."""
        return any(self.comm.allgather(flag))

    def check(self, run, validation):
        """Raise TrainingError on all ranks unless all are about to train the same."""
        ours = {
            "version of draw_np": __version__,
            "version of NumPy": np.__version__,
            "preset": run.name,
            "recipe": described(run.recipe),
            "sizes": run.config,
            "images": digest(validation.images),
        }
        all_of = self.comm.allgather(ours)

        def compare():
            for rank, theirs in enumerate(all_of):
                for what, value in theirs.items():
                    if value != all_of[0][what]:
                        words = f" ({value}, and not {all_of[0][what]})" * isinstance(value, str)
                        raise TrainingError(f"rank {rank} has another {what} than rank 0{words}: make them the same")

        self.together(compare)


class Summed:
    """The gradient of a batch, of which every rank computes its part: what `Shards` is on one machine."""

    def __init__(self, comm):
        self.comm, self.own_shard = comm, RecordedLosses()

    def losses_and_gradient(self, params, model, config, images, given, ops, **how):
        """As `update.losses_and_gradient`, over all ranks: the same numbers up to rounding whatever their number."""
        count, rank = self.comm.size, self.comm.rank
        images, given = np.array_split(images, count), np.array_split(given, count, model.BATCH_AXIS)
        batch = sum(map(len, images))
        own = images[rank], given[rank]
        nats, gradient = self.own_shard(params, model, config, *own, ops, batch=batch, **how)
        leaves = named_leaves(gradient)
        flat = np.concatenate([np.asarray(nats, np.float32), *(leaf.reshape(-1) for leaf in leaves.values())])
        total = np.empty_like(flat)
        self.comm.Allreduce(flat, total)
        sizes = [len(nats), *(leaf.size for leaf in leaves.values())]
        nats, *parts = np.split(total, np.cumsum(sizes)[:-1])
        parts = [part.reshape(leaf.shape) for leaf, part in zip(leaves.values(), parts)]
        return nats.tolist(), from_named_leaves(dict(zip(leaves, parts)))


class SharedFolder(Folder):
    """A run's folder that only rank 0 reads and writes; the others are told what it holds."""

    def __init__(self, ranks, *arguments):
        super().__init__(*arguments)
        self.ranks = ranks

    def __enter__(self):
        enter = super().__enter__

        def opened():
            enter()
            return self.trees, self.meta

        self.trees, self.meta = self.ranks.from_first(opened)
        return self

    def __exit__(self, *exception):
        if self.ranks.leads:
            super().__exit__(*exception)

    def settings(self, asked):
        """As `Folder` has them, and the number of ranks. Raises TrainingError if a batch has fewer images."""
        count, fewest = self.ranks.size, min(self.run.recipe.batch_sizes)  # of any phase: a late one must not end a run
        words = f"{count} ranks are more than the {fewest} images of a batch; start fewer"
        self.ranks.together(partial(require, count <= fewest, words))
        return {**self.ranks.from_first(partial(super().settings, asked)), "ranks": count}

    def save(self, job):
        """Write the checkpoint, if all ranks have the same weights: one that rounds otherwise would drift away."""
        marks = self.ranks.comm.allgather(digest(*named_leaves(job.progress.weights.params).values()))
        words = f"the weights of the ranks have drifted apart by update {job.progress.update:,}: start them on "
        words += f"processors of one kind, from the last good checkpoint, {self.checkpoint}, with --resume"
        self.ranks.together(partial(require, len({*marks}) == 1, words))
        self.ranks.from_first(partial(super().save, job))

    def save_weights(self, job):
        return self.ranks.from_first(partial(super().save_weights, job))


class Silent(Journal):
    """The journal of a rank that writes none."""

    def __enter__(self):
        self.file, self.bar = open(os.devnull, "w"), tqdm(disable=True)
        return self


def world():
    """The Ranks of all processes that an mpiexec has started; `Alone` if there is none, or only one process.

    Raises TrainingError where they could not talk to each other.
    """
    sizes = [os.environ.get(name, "") for name in STARTED]
    count = max([1, *(int(size) for size in sizes if size.isdecimal())])
    if count < 2:
        return Alone()
    started = f"mpiexec has started {count} processes, but mpi4py"
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the latter where it finds no MPI
        reason = str(error).partition("\n")[0]
        raise TrainingError(f"{started} cannot be used ({reason}): pip install mpi4py mpich") from error
    size = MPI.COMM_WORLD.size
    require(size == count, f"{started} sees {size}: they are of two MPIs; call the mpiexec that belongs to mpi4py")
    return Ranks(MPI.COMM_WORLD)
