"""Everything that must hold on a GPU, in one command and within ten minutes: `make gpu-check`.

    python tests/gpu_check.py [--out FILE.json] [--stand-in]

Runs the tests marked `gpu`, compares losses and gradients with NumPy's, trains and resumes across the two devices, and
times a training step against PyTorch and JAX on the same device. Each part is a process of its own; one that fails says
so in one line, the others run all the same, and the exit status is then 1. What was found goes to one JSON file, with
the device's name. `--stand-in` runs the same on no GPU at all, with the stand-in for CuPy and small sizes, to see that
this program works.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[1]
STAND_IN = ROOT / "tests" / "stand_in"
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
TARGETS = {128: 15.0, 512: 25.0}  # milliseconds of an update at T = 64 on an H100, by batch


def device(small):
    """Select the GPU and say what it is."""
    from draw_np.backend import use_device

    use_device("cuda")
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(0)
    return {
        "name": properties["name"].decode(),
        "memory_gb": round(properties["totalGlobalMem"] / 1e9, 1),
        "compute_capability": f"{properties['major']}.{properties['minor']}",
        "driver_cuda": cupy.cuda.runtime.driverGetVersion(),
        "runtime_cuda": cupy.cuda.runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
        "stand_in": pathlib.Path(cupy.__file__).is_relative_to(STAND_IN),
        "python": platform.python_version(),
    }


def tests(small):
    """The tests marked `gpu`: all must pass, and none may be skipped."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-rs", "-p", "no:cacheprovider", "tests/backend"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()[-300:]]
    if done.returncode or "skipped" in lines[-1]:
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR", "SKIPPED"))]
        raise AssertionError("; ".join([lines[-1], *failed[:3]]))
    return {"summary": lines[-1]}


def equality(small):
    """Loss and gradient of Table 3's MNIST model, and of the others, by both sets of operations, against NumPy's."""
    import dataclasses

    from draw_np import equations, kernels
    from draw_np.models import draw, vae

    steps, batch = (2, 3) if small else (16, 16)
    mnist = draw.Config(steps=steps) if not small else draw.Config(steps=steps, hidden=16, latent=5)
    models = {
        "mnist": (draw, mnist),
        "no attention": (draw, dataclasses.replace(mnist, read_size=None, write_size=None)),
        "colour 54 x 54": (
            draw,
            dataclasses.replace(mnist, height=54, width=54, channels=3, read_size=12, write_size=12),
        ),
        "vae": (vae, vae.Config()),
    }
    found = {}
    for name, (model, config) in models.items():
        for dtype, tolerance in TOLERANCE.items():
            for ops in (equations, kernels):
                nats, gradient = loss_and_gradient("cpu", model, config, dtype, ops, batch)
                found_nats, found_gradient = loss_and_gradient("cuda", model, config, dtype, ops, batch)
                worst = max(
                    float(abs(leaf - found_gradient[key]).max() / max(abs(leaf).max(), 1e-300))
                    for key, leaf in gradient.items()
                )
                case = f"{name}, {dtype}, {ops.__name__.rpartition('.')[2]}"
                found[case] = {"loss": abs(nats - found_nats) / abs(nats), "gradient": worst}
                if not (found[case]["loss"] <= tolerance and worst <= tolerance):
                    raise AssertionError(f"{case}: off by {found[case]}, where {tolerance:g} is allowed")
    return found


def loss_and_gradient(where, model, config, dtype, ops, batch):
    """The loss of one batch, the same on every device, and its gradient by name."""
    import numpy as np

    from draw_np.backend import map_arrays, to_device, to_host, use_device, value_and_grad
    from draw_np.training.trees import named_leaves

    use_device(where)
    rng = np.random.default_rng(0)
    shape = (batch, config.height, config.width) + ((config.channels,) if config.channels > 1 else ())
    params = model.init_params(config, rng, dtype=dtype)
    params = map_arrays(lambda leaf: leaf + (0.02 * rng.standard_normal(leaf.shape)).astype(dtype), params)
    images, noise = to_device(
        (rng.random(shape).astype(dtype), model.sample_noise(config, batch, rng, np.dtype(dtype)))
    )
    nats, gradient = value_and_grad(lambda p: model.loss(p, config, images, noise, ops), to_device(params))
    return float(to_host(nats)), named_leaves(to_host(gradient))


def training(small):
    """The command line: train on the GPU, go on on the CPU, and back; evaluate on both."""
    import tempfile

    import numpy as np

    from draw_np.training.checkpoint import load
    from draw_np.training.trees import named_leaves

    def command(*arguments):
        done = subprocess.run([sys.executable, "-m", "draw_np", *arguments], cwd=ROOT, capture_output=True, text=True)
        if done.returncode or "not recorded" in done.stderr:
            raise AssertionError(f"{arguments[0]}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
        return done.stdout

    count = 2 if small else 40
    with tempfile.TemporaryDirectory() as folder:
        for name, devices in {"moved": ("cuda", "cpu", "cuda"), "still": ("cpu", "cpu", "cpu")}.items():
            for k, where in enumerate(devices):
                resume = ["--resume"] if k else []
                updates = ["--updates", str(count * (k + 1))]
                command("train", "--preset", "tiny", "--out", f"{folder}/{name}", "--device", where, *updates, *resume)
        moved, still = (named_leaves(load(pathlib.Path(folder, name, "weights.npz"))[0]) for name in ("moved", "still"))
        bounds = []
        for where in ("cpu", "cuda"):
            weights = ["--weights", f"{folder}/moved/weights.npz", "--dataset", "mnist", "--images", "20"]
            bounds.append(
                json.loads(command("evaluate", *weights, "--device", where, "--json").splitlines()[-1])["nll_bound"]
            )
    if abs(bounds[0] - bounds[1]) > 1e-3 * abs(bounds[0]):
        raise AssertionError(f"the same weights evaluate to {bounds[0]} on the CPU and {bounds[1]} on the GPU")
    distance = max(float(np.abs(moved[name] - still[name]).max()) for name in moved)
    return {"updates": 3 * count, "bounds": bounds, "largest_distance_to_a_run_on_the_cpu": distance}


def benchmark_128(small):
    """A training step at T = 64 and batch 128 against PyTorch eager, torch.compile and JAX jit."""
    return benchmark(small, 128)


def benchmark_512(small):
    """The same at batch 512."""
    return benchmark(small, 512)


def benchmark(small, batch):
    from draw_np.benchmark import gpu

    names = ("kernels", "update", "torch", "jax") if batch == 512 else gpu.CONTESTANTS
    found = gpu.run(
        *((2, 4, 1) if small else (64, batch, 5)), contestants=names, limit_s=80, all_s=PARTS[f"benchmark_{batch}"] - 20
    )
    found["target_ms"] = TARGETS[batch]
    if found["kernels_ms"] is None or found["update_ms"] is None:
        raise AssertionError("; ".join(found["notes"]))
    found["target_met"] = None if small else found["update_ms"] <= TARGETS[batch]
    return found


ALL_S = 590
PARTS = {"device": 60, "equality": 120, "benchmark_128": 240, "benchmark_512": 150, "training": 120, "tests": 240}
"""Seconds that each part may take, within `ALL_S` for all of them."""


def run_part(name, small, environment, limit):
    """One part in a process of its own: what it found, or {"error": one line}."""
    command = [sys.executable, __file__, "--part", name, *(["--small"] if small else [])]
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit)
        return json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {limit:.0f} s"}
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return {"error": f"its process ended with status {done.returncode}: {last}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="gpu_check.json", metavar="FILE.json")
    parser.add_argument("--stand-in", action="store_true", help="run on no GPU, with small sizes")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--small", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        try:
            found = globals()[arguments.part](arguments.small)
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"}
        print(json.dumps(found))
        return 0
    path = [str(ROOT), *([str(STAND_IN)] if arguments.stand_in else []), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    report, started = {"stand_in": arguments.stand_in}, time.perf_counter()
    for name in PARTS:
        began = time.perf_counter()
        limit = max(5, min(PARTS[name], ALL_S - (began - started)))
        report[name] = run_part(name, arguments.stand_in, environment, limit)
        seconds = time.perf_counter() - began
        failed = report[name].get("error")
        print(f"{name:14} {'FAILED: ' + failed if failed else 'passed'} ({seconds:.0f} s)", flush=True)
        if name == "device" and failed:  # nothing else can run
            break
    report["seconds"] = round(time.perf_counter() - started, 1)
    pathlib.Path(arguments.out).write_text(json.dumps(report, indent=2) + "\n")
    where = report["device"].get("name", "no device")
    print(f"device: {where}; what was found: {arguments.out} ({report['seconds']:.0f} s)")
    return 1 if any("error" in part for part in report.values() if isinstance(part, dict)) else 0


if __name__ == "__main__":
    sys.exit(main())
