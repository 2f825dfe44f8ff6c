"""Give the programs files that are damaged or hostile: `python tests/campaigns/fuzz.py [--count N] [--seed S]`.

Each file is used by a command in a process of its own with 5 s of time and 1 GiB of memory. It is refused in one line,
or does no harm: the command ends well without a warning, and where the file has checksums with what a good one gives.
All else is wrong. Prints a table; the exit status is 1 if anything was wrong.
"""

import argparse
import collections
import contextlib
import hashlib
import itertools
import os
import pathlib
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads cannot be forked
sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import hostile  # noqa: E402
import numpy as np  # noqa: E402
from tables import print_table  # noqa: E402

from draw_np import datasets, plotting  # noqa: E402, F401  what draws is imported once
from draw_np.cli import main  # noqa: E402
from draw_np.datasets import DatasetError, Split, binarized_mnist, mnist  # noqa: E402
from draw_np.models import draw, glimpse_classifier, vae  # noqa: E402
from draw_np.training import checkpoint  # noqa: E402
from draw_np.training.data import Images  # noqa: E402
from draw_np.training.loop import train  # noqa: E402
from draw_np.training.presets import PRESETS  # noqa: E402
from draw_np.training.recipe import Phase, Recipe, Run  # noqa: E402

SECONDS, MEMORY, PATIENCE = 5, 1 << 30, 30
CONFIG = draw.Config(height=8, width=7, steps=2, hidden=6, latent=5, read_size=2, write_size=4)
MODELS = {
    "weights": (draw, CONFIG),
    "vae": (vae, vae.Config(height=8, width=7, hidden=6, latent=5)),
    "classifier": (glimpse_classifier, glimpse_classifier.Config(8, 7, steps=2, hidden=6, read_size=4, classes=5)),
}
PIXELS = np.random.default_rng(0).random((9, 8, 7), np.float32)
DIGITS = Split(PIXELS, np.arange(9) % 5)
RECIPE = Recipe((Phase(2, 1e-2), Phase(4, 1e-2, prune=True)), batch=3, validation_images=3)
PRESETS["small"] = Run("small", "draw", CONFIG, Images(PIXELS, PIXELS), RECIPE)
NAMES = {"images": "x.npy", "idx": "x.gz", "amat": "binarized_mnist/binarized_mnist_test.amat"}
IN_A_RUN = {"checkpoint": "checkpoint.npz", "metrics": "metrics.jsonl"}


def good_files(folder):
    """A good file of each kind, {kind: path}."""
    datasets.load = lambda name, split: DIGITS
    for name, (model, config) in MODELS.items():
        params = model.init_params(config, np.random.default_rng(1))
        meta = checkpoint.describe(model.__name__.rpartition(".")[2], config)
        checkpoint.save(folder / f"{name}.npz", {"params": params}, meta)
    np.save(folder / "images.npy", PIXELS)
    with contextlib.redirect_stderr(open(os.devnull, "w")):
        train(PRESETS["small"], folder / "run", updates=5)
    (folder / "run" / "weights.npz").unlink()
    (folder / "test.amat").write_bytes(binarized_mnist.text("test"))
    return {
        **{name: folder / f"{name}.npz" for name in MODELS},
        "images": folder / "images.npy",
        **{kind: folder / "run" / name for kind, name in IN_A_RUN.items()},
        "idx": mnist.FILES / "t10k-labels-idx1-ubyte.gz",
        "amat": folder / "test.amat",
    }


def place(kind, folder, good):
    """Where a file of a kind is to lie, with what belongs beside it."""
    if kind in IN_A_RUN:
        shutil.copytree(good["checkpoint"].parent, folder / "run")
        (folder / "run" / IN_A_RUN[kind]).unlink()
        return folder / "run" / IN_A_RUN[kind]
    path = folder / NAMES.get(kind, "x.npz")
    path.parent.mkdir(exist_ok=True)
    return path


def use(kind, path, good, drawing):
    """What is done with a file: an exit status, and what came of it, in bytes."""
    if kind in IN_A_RUN:
        status = main(["train", "--preset", "small", "--out", str(path.parent), "--resume", "--updates", "6"])
        if status:
            return status, b""
        rows = [line.split(b",")[0] for line in (path.parent / "metrics.jsonl").read_bytes().splitlines()]
        if len({*rows}) != len(rows) or len(rows) < 1:
            raise AssertionError(f"these are the metrics now: {rows}")
        return status, repr(checkpoint.load(path.parent / "weights.npz")[0]).encode()
    if kind == "idx":
        return 0, mnist.read_idx(path, (10_000,)).tobytes()
    if kind == "amat":
        os.environ["DRAW_NP_DATA"] = str(path.parents[1])
        return main(["datasets", "verify", "binarized-mnist"]), b"as published"
    if kind == "images":
        return main(["evaluate", "--weights", str(good["weights"]), "--images", str(path)]), b""
    if drawing and kind != "classifier":
        picture = path.with_suffix(".png")
        status = main(["sample", "--weights", str(path), "--out", str(picture), "--count", "2"])
        return status, b"" if status else picture.read_bytes()
    which = ["--dataset", "cluttered-mnist"] if kind == "classifier" else ["--images", str(good["images"])]
    return main(["evaluate", "--weights", str(path), *which]), b""


def in_child(kind, path, good, drawing, log):
    """Use a file in a forked process; returns how it ended: the signal's number below zero, or its exit status."""
    child = os.fork()
    if not child:
        status = 99
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for name, number in (("out", 1), ("err", 2)):
                os.dup2(os.open(log / name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), number)
            status, made = use(kind, path, good, drawing)
            print("", hashlib.sha256(made).hexdigest())  # after what the command printed
            sys.stdout.flush()
        except DatasetError as error:  # of a function that no command calls with a path
            print(f"draw_np: {error}", file=sys.stderr)
            status = 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    ends = time.monotonic() + PATIENCE
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > ends:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def result(log, here):
    """What the command printed, wherever the file lay, and what came of it."""
    return (log / "out").read_text().replace(str(here), "")


def judge(status, log, here, case, expected):
    """ "refused", "harmless", or what is wrong."""
    said = (log / "err").read_text("utf-8", "replace").replace("\r", "\n").split("\n")
    ordinary = ("small: ", "done: ", "update ")
    said = [line for line in said if line.strip() and not line.startswith(ordinary) and "step/s" not in line]
    if status < 0 or status == 99:
        return f"ended by {signal.Signals(-status).name}" if status < 0 else " | ".join(said[-3:])
    if status == 0:
        if case.same and result(log, here) != expected:
            return "used, with another result than the good file"
        return f"said: {said[0]}" if said else "harmless"
    if len(said) != 1 or not said[0].startswith("draw_np: ") or not said[0].isprintable() or len(said[0]) > 1000:
        return f"{len(said)} lines: {' | '.join(said)[:300]!r}"
    return "refused"


def campaign(count, seed, everything=False):
    """Use `count` files, crafted ones and random ones; returns {(kind, verdict): count} and prints what is wrong."""
    rng, table = np.random.default_rng(seed), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "good").mkdir()
        good, expected = good_files(folder / "good"), {}
        for kind, path in good.items():
            for drawing in (False, True):
                here = folder / f"{kind} {drawing}"
                here.mkdir()
                target = place(kind, here, good)
                shutil.copy(path, target)
                status = in_child(kind, target, good, drawing, folder)
                expected[kind, drawing] = result(folder, here)
                verdict = judge(status, folder, here, hostile.Case(kind, "good", None), "")
                if verdict != "harmless":
                    raise SystemExit(f"the good file of {kind} is not used as it should be: {verdict}")
        chosen = {*range(count)} if everything else {*rng.choice(3000, count, replace=False).tolist()}
        for number, case in enumerate(itertools.islice(hostile.cases(good, rng), max(chosen) + 1)):
            if number not in chosen:
                continue
            here, drawing = folder / str(number), number % 4 == 0 or case.label.startswith("all ")
            here.mkdir()
            path = place(case.kind, here, good)
            case.write(path)
            status = in_child(case.kind, path, good, drawing, folder)
            verdict = judge(status, folder, here, case, expected[case.kind, drawing])
            if verdict not in ("refused", "harmless"):
                print(f"WRONG: {case.kind}, {case.label}: {verdict}", flush=True)
                verdict = "wrong"
            table[case.kind, verdict] += 1
            shutil.rmtree(here)
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--count", type=int, help="a sample of so many files; all crafted and 1,000 random ones without"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    found = campaign(arguments.count or 4000, arguments.seed, everything=not arguments.count)
    sys.exit(print_table(found))
