"""One training step timed: equations and kernels against PyTorch, JAX and the matrix products alone.

A step is the loss and its gradient in float32, for Table 3's MNIST model if no other is named. Every contestant is a
process of its own, held to the same K cores, and they take turns, round after round, so that whatever else the machine
does hits all alike.
"""

import contextlib
import dataclasses
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

from .. import equations
from ..cores import hold_to, usable_cores
from ..counts import check_count
from ..models import draw
from ..stderr import STDERR
from . import gemm_floor

PEERS = ("torch", "torch_compile", "jax")
FLOOR = "gemm_floor"
COMPILED = ("torch_compile", "jax")  # before their first step
NO_MEMORY = ("torch_compile", FLOOR)  # the one compiles while it is measured, the other is no training step
PACKAGES = ("numpy", "autograd", "torch", "jax")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class ContestantFailed(RuntimeError):
    """A contestant cannot be timed; the message is one line that says why."""


def run(steps=32, batch=128, threads=1, repeats=5, ops_sets=None, config=None, peers=None):
    """Time every contestant `repeats` times. Returns a dict that JSON can hold.

    Parameters: `steps` T and `batch` images of the training step, on `threads` cores; `ops_sets`, a dict from
    "equations" and "kernels" to a module of operations each; `config` a draw.Config of other sizes than Table 3's MNIST
    model, whose T is `steps` all the same; `peers` the frameworks to run, if not all. Seconds are medians; None stands
    for whatever is missing, and "notes" say why. Memory is what the first step adds to a process, in megabytes.

    Raises ValueError for a count that is not a whole number above zero or more threads than cores, RuntimeError where
    the equations, the kernels or the matrix products cannot be timed.
    """
    cores = usable_cores()
    counts = {"steps": steps, "batch": batch, "threads": threads, "repeats": repeats}
    steps, batch, threads, repeats = (check_count(name, value) for name, value in counts.items())
    if threads > len(cores):
        raise ValueError(f"threads must be at most {len(cores)}, the cores that this process may use, got {threads}")
    config = dataclasses.replace(config or draw.Config(), steps=steps)
    peers = PEERS if peers is None else peers
    sizes = dataclasses.asdict(config)
    ops = {name: module.__name__ for name, module in (ops_sets or {"equations": equations}).items()}

    seconds, contestants, notes = {}, {}, []
    if not hasattr(os, "sched_setaffinity"):
        notes.append("this system cannot hold a process to some cores: JAX uses as many threads as it likes")
    with contextlib.ExitStack() as running:
        for name in (*ops, *peers, FLOOR):
            request = {"name": name, "ops": ops.get(name), "config": sizes, "batch": batch, "threads": threads}
            print(f"{name} ...", end=" ", file=STDERR, flush=True)
            try:
                contestant = running.enter_context(Contestant(request, cores[:threads]))
            except ContestantFailed as failure:
                print("cannot be timed", file=STDERR)
                if name not in PEERS:
                    raise
                notes.append(str(failure))
                continue
            print(f"ready after {contestant.built['build_seconds']:.1f} s", file=STDERR)
            contestants[name], seconds[name] = contestant, []
        check_same_loss(contestants)
        for _ in range(repeats):
            for name, contestant in contestants.items():
                seconds[name].append(contestant.step())

    medians = {name: statistics.median(values) for name, values in seconds.items()}
    built = {name: contestant.built for name, contestant in contestants.items()}
    return {
        **{f"{name}_s": medians.get(name) for name in dict.fromkeys(("equations", "kernels", *ops, *PEERS, FLOOR))},
        **{f"{name}_compile_s": built[name]["build_seconds"] if name in built else None for name in COMPILED},
        "gemm_floor_gflop": gemm_floor.gigaflop(config, batch),
        "peak_memory_mb": {name: built[name]["peak_memory_mb"] for name in built if name not in NO_MEMORY},
        "config": sizes,
        "steps": steps,
        "batch": batch,
        "threads": threads,
        "repeats": repeats,
        "machine": {"processor": processor(), "cores": os.cpu_count(), "numpy_blas": built[FLOOR]["blas"]},
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
        "notes": notes,
    }


class Contestant:
    """A process that runs `python -m draw_np.benchmark` on some cores; a context manager that ends it."""

    def __init__(self, request, cores):
        self.name = request["name"]
        self.errors = tempfile.TemporaryFile("w+")
        root = str(pathlib.Path(__file__).parents[2])
        environment = {
            **os.environ, **dict.fromkeys(THREADS, str(len(cores))), "JAX_PLATFORMS": "cpu",
            "TORCHINDUCTOR_COMPILE_THREADS": "1",  # compiles in its own process
            "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
        }  # fmt: skip
        with held_to(cores):
            self.process = subprocess.Popen(
                [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                text=True, env=environment,
            )  # fmt: skip
        try:
            self.built = self.ask(json.dumps(request))
        except BaseException:
            self.__exit__()
            raise

    def step(self):
        """Seconds of one more training step."""
        return self.ask("")["seconds"]

    def ask(self, line):
        try:
            print(line, file=self.process.stdin, flush=True)
            answer = json.loads(self.process.stdout.readline())
        except (OSError, ValueError):  # it is gone
            self.errors.seek(0)
            last = (self.errors.read().strip().split("\n") or [""])[-1]
            answer = {"error": f"its process ended with status {self.process.wait()}: {last}"}
        if "error" in answer:
            raise ContestantFailed(f"{self.name}: {answer['error']}")
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()
        self.errors.close()


@contextlib.contextmanager
def held_to(cores):
    """Processes started inside inherit that they run on these cores only, where the system can do that."""
    before = usable_cores()
    hold_to(cores)
    try:
        yield
    finally:
        hold_to(before)


def check_same_loss(contestants):
    """Raise ContestantFailed unless all contestants, given the same numbers, found the same loss."""
    losses = {name: c.built["nats"] for name, c in contestants.items() if name != FLOOR}
    first = next(iter(losses.values()))
    for name, nats in losses.items():
        if not abs(nats - first) <= 1e-4 * abs(first):
            raise ContestantFailed(f"{name}: computes a different loss, {nats} nats where others find {first}")


def processor():
    """The processor's name."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def version(package):
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return None
