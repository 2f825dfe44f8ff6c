"""The command line: train, presets, evaluate, sample, gradcheck, bench and datasets.

Every mistake ends in one line on standard error and an exit status other than 0. With `--json`, the last line of
standard output is one JSON object.
"""

import argparse
import json
import os
import pathlib
import re
import sys
import tempfile

import numpy as np
from tqdm import tqdm

from . import datasets, equations, pretrained
from .backend import DeviceError, gpu_failure, on_gpu, to_device, to_host, use_device
from .datasets import DatasetError
from .models.common import image_shape
from .training.batches import floats
from .training.checkpoint import CheckpointError, load_weights
from .training.data import of_images
from .training.evaluation import evaluate, evaluate_classifier
from .training.gradient_check import TOLERANCE, gradient_table
from .training.journal import TrainingError
from .training.loop import train
from .training.presets import PRESETS, find_preset
from .training.run import OPS
from .training.words import in_words

STOPPED = 130  # the exit status that shells give to Ctrl-C


class UsageError(Exception):
    """What was asked for cannot be done; the message is one line."""


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one line, without the usage above it."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def count(text):
    """A whole number of at least 1."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def seed(text):
    """A whole number of at least 0."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, not {text!r}")
    return int(text)


def folder(text):
    """A folder; without a name it would be the current one."""
    if not text:
        raise argparse.ArgumentTypeError("must name a folder")
    return text


def size(text):
    """Height and width in pixels, "32" or "48x64"."""
    sides = re.fullmatch("([1-9][0-9]{0,3})(?:x([1-9][0-9]{0,3}))?", text, re.ASCII)
    if not sides:
        raise argparse.ArgumentTypeError(f"must be a number of pixels, or HEIGHTxWIDTH, not {text!r}")
    return int(sides[1]), int(sides[2] or sides[1])


def add_picture_options(command):
    """What `--images` with pictures may be brought to."""
    command.add_argument(
        "--size", type=size, metavar="SIDE|HxW", help="cut the pictures of --images to this size, in pixels"
    )
    command.add_argument("--grey", action="store_true", default=None, help="make the pictures of --images grey")


def make_parser():
    parser = Parser(prog="python -m draw_np", description="DRAW (Gregor et al. 2015) from scratch in NumPy.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, run, text):
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    added = command("train", run_train, "train a preset, or go on with a run")
    added.add_argument("--preset", required=True, metavar="NAME", help=", ".join(PRESETS))
    added.add_argument(
        "--out", type=folder, required=True, metavar="DIR", help="folder of the run: checkpoint, metrics, weights"
    )
    added.add_argument(
        "--images", metavar="FOLDER|FILE.npy", help="train on images of your own, in place of the preset's"
    )
    add_picture_options(added)
    length = added.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=count, metavar="N", help="passes over the training images")
    length.add_argument("--updates", type=count, metavar="N", help="or the number of updates")
    added.add_argument("--seed", type=seed, metavar="S", help="0, if not given")
    added.add_argument("--checkpoint-every", type=count, default=100, metavar="UPDATES")
    added.add_argument("--device", default="cpu", metavar="cpu|cuda")
    added.add_argument("--ops", choices=OPS, help="which derivatives to train with: kernels, unless the run has others")
    added.add_argument("--threads", type=count, metavar="K", help="cores to use: each takes a shard of every batch")
    added.add_argument(
        "--keep-every", type=count, metavar="K", help="save memory: keep the state of every K-th step, compute it again"
    )
    added.add_argument("--resume", action="store_true", help="go on with the run in DIR, to the same bits")

    added = command("evaluate", run_evaluate, "the bound in nats on a split of a data set, or a classifier's error")
    added.add_argument("--weights", required=True, metavar="NAME|FILE")
    added.add_argument("--dataset", metavar="NAME", help=", ".join(datasets.NAMES))
    added.add_argument("--split", default="test", metavar="SPLIT", help="train, valid or test (default)")
    added.add_argument(
        "--images",
        metavar="N|FOLDER|FILE.npy",
        help="only the first N images, or images of your own, without --dataset",
    )
    add_picture_options(added)
    added.add_argument("--importance-samples", type=count, default=1, metavar="K", help="also estimate -log p with K")
    added.add_argument("--seed", type=seed, default=0, metavar="S")
    added.add_argument("--device", default="cpu", metavar="cpu|cuda")
    added.add_argument("--json", action="store_true")

    added = command("sample", run_sample, "draw images: a film strip (.png) or an animation (.gif)")
    added.add_argument("--weights", required=True, metavar="NAME|FILE")
    added.add_argument("--out", required=True, metavar="FILE.png|FILE.gif")
    added.add_argument("--count", type=count, default=8, metavar="N")
    added.add_argument("--seed", type=seed, default=0, metavar="S")
    added.add_argument("--device", default="cpu", metavar="cpu|cuda")

    added = command("gradcheck", run_gradcheck, "compare every gradient with finite differences")
    added.add_argument("--device", default="cpu", metavar="cpu|cuda")
    added.add_argument("--json", action="store_true")

    added = command("bench", run_bench, "time one training step against the frameworks that are installed")
    added.add_argument("--steps", type=count, default=32, metavar="T")
    added.add_argument("--batch", type=count, default=128, metavar="N")
    added.add_argument("--threads", type=count, default=1, metavar="K")
    added.add_argument("--repeats", type=count, default=5, metavar="R")
    added.add_argument("--device", default="cpu", metavar="cpu|cuda")
    added.add_argument("--json", action="store_true")

    added = command("presets", run_presets, "the recipes in words")
    added.add_argument("name", nargs="?", metavar="NAME", help="one of them only")

    added = command("datasets", run_datasets, "list the data sets, fetch one, or verify its hashes")
    added.add_argument("action", nargs="?", default="list", choices=["list", "fetch", "verify"])
    added.add_argument("name", nargs="?", metavar="NAME")
    added.add_argument("--json", action="store_true")
    return parser


def own_images(arguments):
    """The images that --images, --size and --grey ask for."""
    if not arguments.images:
        raise UsageError("--images must name a folder of pictures or a .npy file")
    try:
        return datasets.read_own(arguments.images, arguments.size, arguments.grey)
    except DatasetError as error:
        raise UsageError(f"--images: {error}") from error


def run_train(arguments):
    preset = user_value(find_preset, arguments.preset)
    if arguments.images is not None:
        images = own_images(arguments)
        preset = user_value(lambda run: of_images(run, images, arguments.images), preset)
    elif arguments.size or arguments.grey:
        raise UsageError("--size and --grey are for --images")
    if on_gpu() and (arguments.threads or 1) > 1:
        raise UsageError("--threads is for the cores of the processor; leave it out with --device cuda")
    if arguments.keep_every and preset.model != "draw":
        raise UsageError(f"--keep-every is for DRAW, whose memory grows with T, not {arguments.preset}")
    start = pretrained.load_pretrained(preset.recipe.start) if preset.recipe.start and not arguments.resume else None
    finished = train(
        preset, arguments.out, seed=arguments.seed, epochs=arguments.epochs, updates=arguments.updates,
        checkpoint_every=arguments.checkpoint_every, resume=arguments.resume, ops=arguments.ops,
        threads=arguments.threads, keep_every=arguments.keep_every, start=start,
    )  # fmt: skip
    return 0 if finished else STOPPED


def run_presets(arguments):
    if arguments.name is not None:
        print(in_words(user_value(find_preset, arguments.name)))
    else:
        print("\n\n".join(in_words(run) for run in PRESETS.values()))
    return 0


def run_evaluate(arguments):
    params, model, config, _ = load_weights(pretrained.find(arguments.weights))
    images, labels, name = images_to_evaluate(arguments)
    ours = image_shape(config)
    if ours != images.shape[1:]:
        sizes = [" x ".join(map(str, shape)) for shape in (ours, images.shape[1:])]
        raise UsageError(
            f"{arguments.weights} is a model of {sizes[0]} images, the {name} have {sizes[1]}; "
            "choose another --dataset or --weights"
        )
    if model.MEASURE == "error":
        return run_classify(arguments, model, params, config, images, labels, name)
    if arguments.dataset == "mnist":  # grey levels are not what a model of binary pixels is measured on
        images = datasets.binarize(images, np.random.default_rng(arguments.seed))
        print(f"mnist: grey levels binarized with seed {arguments.seed}", file=sys.stderr)
    rng = np.random.default_rng(arguments.seed)
    found = evaluate(model, params, config, images, rng, arguments.importance_samples, progress=progress_bar)
    if not np.isfinite(found.nll_bound):
        raise UsageError(f"{arguments.weights} gives a bound of {found.nll_bound} nats: these weights are of no use")
    print(
        f"{len(images):,} {name}: at most {found.nll_bound:.2f} +- "
        f"{found.standard_error:.2f} nats = L^x {found.reconstruction:.2f} + L^z {found.kl:.2f}"
    )
    if found.nll_estimate is not None:
        print(
            f"-log p, {found.importance_samples} importance samples: {found.nll_estimate:.2f} +- "
            f"{found.nll_estimate_standard_error:.2f} nats"
        )
    if arguments.json:
        print_json(found._asdict())
    else:
        print("KL per step: " + " ".join(f"{nats:.2f}" for nats in found.kl_per_step))
    return 0


def images_to_evaluate(arguments):
    """The images, their labels and what to call them: "test images of mnist"."""
    text = arguments.images
    if text is not None and not (text.isascii() and text.isdigit()):
        if arguments.dataset and pathlib.Path(text).exists():
            raise UsageError(f"--images {text}: these or --dataset {arguments.dataset}, not both")
        return floats(own_images(arguments)), None, f"images of {text}"
    if not arguments.dataset:
        raise UsageError("which images? --dataset NAME, or --images FOLDER|FILE.npy")
    if arguments.size or arguments.grey:
        raise UsageError("--size and --grey are for --images FOLDER")
    images, labels = datasets.load(arguments.dataset, arguments.split)
    wanted = len(images) if text is None else int(text[:9])
    if not 1 <= wanted <= len(images):
        raise UsageError(f"--images {text[:9]}: the {arguments.split} split has {len(images):,}")
    labels = None if labels is None else labels[:wanted]
    return images[:wanted], labels, f"{arguments.split} images of {arguments.dataset}"


def run_classify(arguments, model, params, config, images, labels, name):
    """What `evaluate` prints of a classifier."""
    if arguments.importance_samples > 1:
        raise UsageError(f"{arguments.weights} classifies; it has no use for --importance-samples")
    if labels is None or labels.ndim != 1 or labels.max() >= config.classes:
        raise UsageError(f"{arguments.weights} tells {config.classes} classes apart, the {name} have no such labels")
    found = evaluate_classifier(model, params, config, images, labels, progress=progress_bar)
    if not np.isfinite(found.cross_entropy):
        raise UsageError(f"{arguments.weights} gives {found.cross_entropy} nats: these weights are of no use")
    print(
        f"{len(images):,} {name}, {config.steps} glimpses: {found.error:.2f} "
        f"+- {found.standard_error:.2f} % wrong, {found.cross_entropy:.4f} nats"
    )
    if arguments.json:
        print_json(found._asdict())
    return 0


def run_sample(arguments):
    from . import plotting  # Matplotlib takes a second to import, and only this command draws

    out = pathlib.Path(arguments.out)
    savers = {".png": plotting.save_film_strip, ".gif": plotting.save_animation}
    if out.suffix not in savers:
        raise UsageError(f"--out {out}: the ending must be one of {', '.join(savers)}")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise UsageError(f"--out {out}: the folder {out.parent} is not there or cannot be written")
    params, model, config, _ = load_weights(pretrained.find(arguments.weights))
    if not hasattr(model, "generate"):
        raise UsageError(f"{arguments.weights} classifies images and draws none; use the weights of another model")
    try:
        noise = model.sample_noise(config, arguments.count, np.random.default_rng(arguments.seed))
    except ValueError as error:  # more numbers than an array can have
        raise MemoryError from error
    canvases, windows = model.generate(to_device(params), config, to_device(noise))
    images, windows = to_host((equations.pixel_means(canvases), windows))
    try:
        with tempfile.TemporaryDirectory(prefix=".draw_np-", dir=out.parent) as folder:
            half = pathlib.Path(folder, out.name)
            savers[out.suffix](half, images, windows, getattr(config, "write_size", None))
            os.replace(half, out)  # now that it is whole
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror or error}") from error
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--out {out}: {arguments.count} such images make no picture ({error})") from error
    print(f"{arguments.count} images, drawn in {len(canvases)} steps: {out}")
    return 0


def run_gradcheck(arguments):
    rows = []
    print(f"{'operations':12}{'function':32}{'arguments':>9}  {'largest error':>13}  of")
    try:
        for row in gradient_table(OPS, np.random.default_rng(0)):
            rows.append(row)
            error, failed = row.worst.relative_error, "" if row.passed else "  WRONG"
            print(f"{row.ops:12}{row.function:32}{row.arguments:9}  {error:13.1e}  {row.worst.argument}{failed}")
    except ValueError as error:
        raise UsageError(f"the check stopped: {error}") from error
    wrong = [row for row in rows if not row.passed]
    for row in wrong:
        print(f"{row.ops} {row.function}: {row.worst}", file=sys.stderr)
    if not wrong:
        print(f"all {len(rows)} rows agree with finite differences to {TOLERANCE:g}")
    if arguments.json:
        records = [{**row._asdict(), "worst": row.worst._asdict(), "passed": row.passed} for row in rows]
        print_json({"passed": not wrong, "tolerance": TOLERANCE, "rows": records})
    return 1 if wrong else 0


def run_bench(arguments):
    from . import benchmark
    from .benchmark import gpu

    try:
        if on_gpu():
            found = gpu.run(arguments.steps, arguments.batch, arguments.repeats)
        else:
            found = benchmark.run(arguments.steps, arguments.batch, arguments.threads, arguments.repeats, OPS)
    except (ValueError, RuntimeError) as error:
        raise UsageError(str(error)) from error
    for key, value in found.items():
        print(f"{key:24}{value:.4g}" if isinstance(value, float) else f"{key:24}{value}")
    if arguments.json:
        print_json(found)
    return 0


def run_datasets(arguments):
    if (arguments.name is None) != (arguments.action == "list"):
        verb = "takes no name" if arguments.name else f"needs a name: {', '.join(datasets.NAMES)}"
        raise UsageError(f"datasets {arguments.action} {verb}")
    if arguments.action == "fetch":
        print("\n".join([*datasets.fetch(arguments.name), f"{arguments.name} is in place"]))
    elif arguments.action == "verify":
        print("\n".join(datasets.verify(arguments.name)))
    else:
        for row in datasets.listing():
            splits = ", ".join(f"{split} {count_of(row, split)}" for split in row.images)
            state = "here" if row.here else f"not here: python -m draw_np datasets fetch {row.name}"
            print(f"{row.name}\n    {state}, {row.bytes / 1e6:.1f} MB, images: {splits}")
            print(f"    from {row.source}\n    licence: {row.licence}\n    in {row.path}")
    if arguments.json:
        print_json({"datasets": [{**row._asdict(), "path": str(row.path)} for row in datasets.listing()]})
    return 0


def count_of(row, split):
    """How many images a split has, and of how many if not all of them are here."""
    here, whole = row.images[split], row.whole[split]
    if here is None:
        return "endless"
    return f"{here:,}" if here == whole else f"{here:,} of {whole:,}"


def user_value(function, value):
    """function(value), its ValueError, the fault of who typed the value, turned into a UsageError."""
    try:
        return function(value)
    except ValueError as error:
        raise UsageError(str(error)) from error


def progress_bar(iterator):
    return tqdm(iterator, unit="batch", leave=False, disable=not sys.stderr.isatty())


def print_json(record):
    def plain(value):
        return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)

    print(json.dumps(record, default=plain), flush=True)


def main(argv=None):
    """Run one command; returns the exit status."""
    try:
        arguments = make_parser().parse_args(argv)
        user_value(use_device, getattr(arguments, "device", "cpu"))
        return arguments.run(arguments)
    except (UsageError, DatasetError, CheckpointError, TrainingError, DeviceError) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    except MemoryError as error:
        message = gpu_failure(error) or "not enough memory: ask for fewer images or use a smaller model"
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    except Exception as error:
        message = gpu_failure(error)
        if not message:
            raise
    print(f"draw_np: {message}", file=sys.stderr)
    return 1
