"""One contestant in a process of its own: asked on standard input, it answers on standard output, a line of JSON each.

The first line says what to build. Every further line asks for one more training step and is answered with its seconds.
"""

import contextlib
import importlib
import json
import os
import pathlib
import sys
import time

import numpy
from threadpoolctl import threadpool_info

from ..models import draw
from ..models.common import image_shape
from ..training.shards import Shards, one_thread
from ..training.update import RecordedLosses
from . import gemm_floor


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not look like an answer
    try:
        step, built = build(**json.loads(sys.stdin.readline()))
        print(json.dumps(built), file=answers)
        for _ in sys.stdin:
            print(json.dumps({"seconds": timed(step)[0]}), file=answers)
    except ModuleNotFoundError as error:
        print(json.dumps({"error": f"{error.name} is not installed"}), file=answers)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        print(json.dumps({"error": f"{type(error).__name__}: {reason}"}), file=answers)


def build(name, ops, config, batch, threads):
    """The training step to be timed, run once, and what there is to tell about it.

    `ops` names a module of operations; without one, `name` is a peer or the floor.
    """
    config = draw.Config(**config)
    rng = numpy.random.default_rng(0)
    params = draw.init_params(config, rng)
    images = (rng.random((batch, *image_shape(config))) < 0.13).astype(numpy.float32)
    noise = draw.sample_noise(config, batch, rng)

    def make():
        if name == "gemm_floor":
            return gemm_floor.all_products(config, batch)
        if ops is None:
            peer = importlib.import_module(f".{name.removesuffix('_compile')}_peer", __package__)
            options = {"compiled": True} if name == "torch_compile" else {}
            return peer.training_step(params, config, images, noise, **options)
        operations = importlib.import_module(ops)
        if threads > 1:  # one BLAS thread to a shard, as training does it
            one_thread()
            shards = Shards(threads, params)
            return lambda: shards.losses_and_gradient(params, draw, config, images, noise, operations)
        losses_and_gradient = RecordedLosses()
        return lambda: losses_and_gradient(params, draw, config, images, noise, operations)

    build_seconds, step = timed(make)
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak (VmHWM) is counted anew
    before = memory_mb("VmRSS")
    first_seconds, result = timed(step)
    peak = memory_mb("VmHWM")
    return step, {
        "nats": result and float(numpy.sum(result[0])),
        "blas": next(
            (f"{pool['version']} {pool['architecture']}" for pool in threadpool_info() if "numpy" in pool["filepath"]),
            None,
        ),
        "build_seconds": build_seconds + first_seconds,
        "peak_memory_mb": None if None in (before, peak) else round(peak - before, 1),
    }


def timed(function):
    """Seconds that a call takes, and what it returns."""
    started = time.perf_counter()
    result = function()
    return time.perf_counter() - started, result


def memory_mb(field):
    """A line of this process's status in megabytes; None where the system does not tell (Linux does)."""
    try:
        status = pathlib.Path("/proc/self/status").read_text()
        return int(status.split(f"{field}:")[1].split()[0]) * 1024 / 1e6
    except (OSError, IndexError):
        return None


if __name__ == "__main__":
    main()
