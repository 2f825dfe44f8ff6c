"""One training step timed on a GPU: ours, recorded as a CUDA graph, against PyTorch and JAX on the same device.

A step is the loss and its gradient for Table 3's MNIST model in float32, full precision in every product; "update" is
all that a training update does. Each contestant is a process of its own, `python -m draw_np.benchmark.gpu '{...}'`,
which prints one line of JSON.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings

import numpy

from .. import equations, kernels
from ..backend import arrays, captured, on_gpu, to_device, use_device, value_and_grad
from ..counts import check_count
from ..models import draw
from ..stderr import STDERR
from ..training.adam import first_weights
from ..training.recipe import Recipe
from ..training.update import Work, losses, update
from . import version

CONTESTANTS = ("kernels", "update", "torch", "jax", "equations", "torch_compile")
PACKAGES = ("numpy", "autograd", "cupy-cuda12x", "cupy-cuda13x", "torch", "jax")
IN_A_ROW = 10  # steps that are launched before the host waits


def run(steps=64, batch=128, repeats=5, contestants=CONTESTANTS, limit_s=150, all_s=900):
    """Time every contestant. Returns a dict that JSON can hold: medians in milliseconds as the device counts them.

    None stands for what could not be timed, or took longer than `limit_s` seconds with its compilation, or came after
    `all_s`, and "notes" say why. Raises ValueError for a count that is not a whole number above zero.
    """
    counts = {"steps": steps, "batch": batch, "repeats": repeats}
    steps, batch, repeats = (check_count(name, value) for name, value in counts.items())
    found, notes, started = {}, [], time.perf_counter()
    for name in contestants:
        print(f"{name} ...", end=" ", file=STDERR, flush=True)
        answer = ask({"name": name, "steps": steps, "batch": batch, "repeats": repeats},
                     max(1, min(limit_s, all_s - (time.perf_counter() - started))))  # fmt: skip
        print(answer.get("error") or f"{answer['ms']:.3g} ms", file=STDERR)
        if "error" in answer:
            notes.append(f"{name}: {answer['error']}")
        else:
            found[name] = answer
            notes += [f"{name}: {note}" for note in answer["notes"]]
    losses = {name: answer["nats"] for name, answer in found.items()}
    for name, nats in losses.items():
        first = next(iter(losses.values()))
        if not abs(nats - first) <= 1e-4 * abs(first):
            notes.append(f"{name}: computes a different loss, {nats} nats where others find {first}")
            del found[name]
    return {
        **{f"{name}_ms": found[name]["ms"] if name in found else None for name in contestants},
        "build_s": {name: answer["build_s"] for name, answer in found.items()},
        "device": {name: answer["device"] for name, answer in found.items()},
        "steps": steps, "batch": batch, "repeats": repeats, "in_a_row": IN_A_ROW,
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
        "notes": notes,
    }  # fmt: skip


def ask(request, limit_s):
    """What the process of one contestant answers; {"error": ...} if it fails or takes too long."""
    environment = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false", "JAX_DEFAULT_MATMUL_PRECISION": "highest"}
    command = [sys.executable, "-m", "draw_np.benchmark.gpu", json.dumps(request)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit_s)
        return json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"error": f"not ready after {limit_s:.0f} s"}
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return {"error": f"its process ended with status {done.returncode}: {last}"}


def contestant(name, steps, batch, repeats):
    """Build one contestant and time it."""
    config, rng = draw.Config(steps=steps), numpy.random.default_rng(0)
    params = draw.init_params(config, rng)
    images = (rng.random((batch, config.height, config.width)) < 0.13).astype(numpy.float32)
    noise = draw.sample_noise(config, batch, rng)
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        build = {"torch": torch, "torch_compile": torch, "jax": jax}.get(name, ours)
        launch, clock, device = build(name, params, config, images, noise)
        clock(launch, 1)
        nats = float(launch())
    build_s = time.perf_counter() - started
    times = [clock(launch, IN_A_ROW) for _ in range(repeats)]
    notes = [str(w.message) for w in warned if "CUDA graph" in str(w.message)]
    return {"ms": statistics.median(times), "nats": nats, "build_s": build_s, "device": device, "notes": notes}


def ours(name, params, config, images, noise):
    use_device("cuda")
    import cupy

    ops = equations if name == "equations" else kernels
    given = [to_device(images), to_device(noise)]

    def loss_and_gradient(params, images, noise):
        value, gradient = value_and_grad(lambda p: losses(p, draw, config, images, noise, ops), params)
        return params, (arrays.sum(value), gradient)

    def whole_update(weights, images, noise, rate):
        weights, found = update(weights, images, noise, rate, None, Work(draw, config, ops, Recipe(phases=())))
        return weights, (found["L_x"] + found["L_z"],)

    if name == "update":
        state, step, given = to_device(first_weights(to_device(params))), captured(whole_update), [*given, 0.0]
    else:
        state, step = to_device(params), captured(loss_and_gradient)

    def launch():
        nonlocal state
        state, (nats, *_) = step(state, *given)
        return nats

    def clock(launch, count):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        for _ in range(count):
            launch()
        end.record()
        end.synchronize()
        return cupy.cuda.get_elapsed_time(start, end) / count

    return launch, clock, device_name()


def torch(name, params, config, images, noise):
    import torch

    from . import torch_peer

    if not torch.cuda.is_available():
        raise RuntimeError("PyTorch sees no GPU")
    step = torch_peer.training_step(params, config, images, noise, name == "torch_compile", "cuda")

    def clock(launch, count):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(count):
            launch()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / count

    return lambda: step()[0], clock, torch.cuda.get_device_name()


def jax(name, params, config, images, noise):
    import jax

    from . import jax_peer

    if jax.default_backend() != "gpu":
        raise RuntimeError("JAX sees no GPU")
    step = jax_peer.training_step(params, config, images, noise, stay=True)

    def clock(launch, count):  # JAX has no events: a host clock around work that is waited for
        jax.block_until_ready(launch())
        started = time.perf_counter()
        jax.block_until_ready([launch() for _ in range(count)])
        return 1e3 * (time.perf_counter() - started) / count

    return lambda: step()[0], clock, jax.devices()[0].device_kind


def device_name():
    """The name of the GPU in use, as CUDA gives it."""
    import cupy

    assert on_gpu()
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"]
    return name.decode() if isinstance(name, bytes) else name


def main():
    try:
        answer = contestant(**json.loads(sys.argv[1]))
    except ModuleNotFoundError as error:
        answer = {"error": f"{error.name} is not installed"}
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        answer = {"error": f"{type(error).__name__}: {lines[0]}"}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
