"""Kill runs, and let two at one folder: `tests/campaigns/kill.py [--kills N] [--threads K] [--pairs N] [--seed S]`.

Runs of one thread and of two are killed (SIGKILL) at random moments and resumed, each until it is complete; it must end
in the bits of one that nobody disturbed, with every update in its metrics once and no file or process left over. Of two
processes that are started on one folder one may train, and the other is refused in one line. Prints a table; the exit
status is 1 if anything was wrong.

A run of two threads starts a process in each phase, a new interpreter that first imports everything: nearly all kills
would strike then. So nine in ten of these kills are of runs whose processes are forked instead.
"""

import argparse
import collections
import contextlib
import json
import math
import multiprocessing
import os
import pathlib
import random
import select
import signal
import sys
import tempfile
import threading
import time
from multiprocessing import resource_tracker

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads cannot be forked
sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import numpy as np  # noqa: E402
from tables import print_table  # noqa: E402
from tqdm import tqdm  # noqa: E402

from draw_np.cores import usable_cores  # noqa: E402
from draw_np.models import draw  # noqa: E402
from draw_np.training import checkpoint  # noqa: E402
from draw_np.training.data import Images  # noqa: E402
from draw_np.training.journal import TrainingError  # noqa: E402
from draw_np.training.loop import train  # noqa: E402
from draw_np.training.recipe import Phase, Ramp, Recipe, Run  # noqa: E402
from draw_np.training.trees import named_leaves  # noqa: E402

PIXELS = np.random.default_rng(0).random((40, 8, 7), np.float32)
PHASES = (
    Phase(4, Ramp(0.0, 1e-2), {"steps": 1}),
    Phase(4, 1e-2),
    Phase(4, 1e-2, optimiser="schedule-free", prune=True),
    Phase(3, Ramp(1e-2, 0.0), optimiser="schedule-free", frozen=draw.DECODER),
)
CONFIG = draw.Config(height=8, width=7, steps=2, hidden=6, latent=5, read_size=2, write_size=4)
RUN = Run("killed", "draw", CONFIG, Images(PIXELS, PIXELS[:9]), Recipe(PHASES, batch=7, validation_images=9))
FILES = ["checkpoint.npz", "metrics.jsonl", "weights.npz"]
REFUSED = 3
ALIVE = {}
SECONDS = 60  # in which a process that shares the work must notice that it is alone


class Forked(multiprocessing.context.ForkContext):
    """As the spawn context, but a process is forked, and then closes the files that one spawned would not have."""

    def __init__(self, kept):
        super().__init__()
        self.kept = kept

    def Process(self, target, args, daemon):
        def alone(connection, *rest):
            for name in os.listdir("/proc/self/fd"):
                if int(name) > 2 and int(name) not in (connection.fileno(), self.kept):
                    with contextlib.suppress(OSError):  # the one that lists them
                        os.close(int(name))
            target(connection, *rest)

        return super().Process(target=alone, args=args, daemon=daemon)


def start(out, threads, forked=False):
    """A forked process that trains in a folder or goes on there; returns its id. Its exit status may be REFUSED.

    With `forked` it forks those that share its work, and an end of a pipe in ALIVE is open as long as one of them runs.
    """
    resume = (out / "checkpoint.npz").exists()
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        ALIVE[child] = reading
        return child
    status = 1
    try:
        if forked:
            multiprocessing.get_context = lambda method: Forked(writing)
        os.dup2(os.open(out.with_suffix(".txt"), os.O_CREAT | os.O_TRUNC | os.O_WRONLY), 2)
        tqdm.set_lock(threading.RLock())  # its own is shared with all forks, and this one may die with it
        train(RUN, out, checkpoint_every=1, resume=resume, threads=threads)
        status = 0
    except (TrainingError, checkpoint.CheckpointError) as error:
        status = REFUSED if "another process" in str(error) or "already holds a run" in str(error) else 1
    finally:
        os._exit(status)


def wait(child):
    """How a process ended: the signal's number below zero, or its exit status; what it forked has ended as well."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    reading = ALIVE.pop(child)
    if not select.select([reading], [], [], SECONDS)[0]:
        raise SystemExit(f"WRONG: a process that {child} forked still runs {SECONDS} s after its end")
    os.close(reading)
    return status


def outcome(out):
    """All that must not depend on how often a run was stopped."""
    found = [sorted(path.name for path in out.iterdir())]
    for name in ("checkpoint.npz", "weights.npz"):
        trees, meta = checkpoint.load(out / name)
        del meta["seconds"]
        found += [meta, {key: (leaf.dtype.str, leaf.tobytes()) for key, leaf in named_leaves(trees).items()}]
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [*found, [{key: value for key, value in row.items() if key != "seconds"} for row in rows]]


def undisturbed(out, *how):
    """The outcome of a run that nobody disturbs, and how long it took."""
    started = time.perf_counter()
    if wait(start(out, *how)) != 0:
        raise SystemExit(out.with_suffix(".txt").read_text())
    return outcome(out), time.perf_counter() - started


def killed(folder, kills, chance, table, *how):
    """Kill runs so many times; `how` they are started is what `start` takes beside the folder."""
    (expected, took), struck, runs = undisturbed(folder / "whole", *how), 0, 0
    while struck < kills:
        out, status, mine = folder / f"run {runs}", None, 0
        runs += 1
        while status != 0:
            child = start(out, *how)
            if struck + mine < kills:
                time.sleep(chance.uniform(0, took))
                os.kill(child, signal.SIGKILL)
            status = wait(child)
            mine += status == -signal.SIGKILL
            if status not in (0, -signal.SIGKILL):
                break
        right = status == 0 and outcome(out) == expected
        if not right:
            print(f"WRONG: {out} ended with {status}: {out.with_suffix('.txt').read_text()[-300:]!r}", flush=True)
        table[folder.name, "harmless" if right else "wrong"] += mine
        struck += mine


def two(folder, pairs, chance, table):
    """Start two processes on one folder, so many times, the second at a random moment."""
    expected, took = undisturbed(folder / "whole", 1)
    for number in range(pairs):
        out = folder / f"pair {number}"
        children = [start(out, 1)]
        time.sleep(chance.choice([0, chance.uniform(0, took)]))
        children.append(start(out, 1))
        ends = sorted(map(wait, children))
        right = ends in ([0, 0], [0, REFUSED]) and outcome(out) == expected
        if not right:
            print(f"WRONG: two at {out} ended with {ends}: {out.with_suffix('.txt').read_text()[-300:]!r}", flush=True)
        table[folder.name, ("refused" if REFUSED in ends else "harmless") if right else "wrong"] += 1


def campaign(kills, pairs, seed, threads=None):
    """{(kind, verdict): count} of so many kills and pairs; half of the kills of runs of two threads, if not told."""
    chance, table = random.Random(seed), collections.Counter()
    of_one = {None: kills - kills // 2, 1: kills, 2: 0}[threads]
    of_two = kills - of_one if len(usable_cores()) > 1 else 0
    spawned = math.ceil(of_two / 10)
    kinds = {"1 thread": (of_one, 1), "2, spawned": (spawned, 2), "2, forked": (of_two - spawned, 2, True)}
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # what multiprocessing makes and a killed process leaves
        for kind, (count, *how) in kinds.items():
            if kind == "2, forked":
                resource_tracker.ensure_running()  # or each run starts one, a new interpreter as well
            if count:
                killed(made(folder, kind), count, chance, table, *how)
        if pairs:
            two(made(folder, "two at once"), pairs, chance, table)
        tempfile.tempdir = None
    return table


def made(folder, name):
    """A folder in a folder."""
    path = pathlib.Path(folder, name)
    path.mkdir()
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--threads", type=int, choices=(1, 2), help="kill only runs of so many")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(print_table(campaign(arguments.kills, arguments.pairs, arguments.seed, arguments.threads)))
