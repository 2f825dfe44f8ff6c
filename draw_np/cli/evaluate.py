"""`evaluate`: how good weights are."""

import pathlib

import numpy as np

from .. import datasets, pretrained
from ..models.common import image_shape
from ..names import cut, shown
from ..training.batches import floats
from ..training.checkpoint import load_weights
from ..training.evaluation import evaluate, evaluate_classifier
from .common import (
    UsageError,
    add_device,
    add_json,
    add_picture_options,
    add_weights,
    complain,
    count,
    own_images,
    print_json,
    progress_bar,
    say,
    seed,
)

HELP = "the bound in nats on a split of a data set, or a classifier's error"


def add_options(command):
    add_weights(command, required=True)
    command.add_argument("--dataset", metavar="NAME", help=", ".join(datasets.NAMES))
    command.add_argument("--split", metavar="SPLIT", help="train, valid or test (default)")
    command.add_argument(
        "--images",
        metavar="N|FOLDER|FILE.npy",
        help="only the first N images, or images of your own, without --dataset",
    )
    add_picture_options(command)
    command.add_argument("--importance-samples", type=count, default=1, metavar="K", help="also estimate -log p with K")
    command.add_argument("--seed", type=seed, default=0, metavar="S", help="of the noise: 0, if not given")
    add_device(command)
    add_json(command)


def run(arguments):
    params, model, config, _ = load_weights(pretrained.find(arguments.weights))
    shape = image_shape(config)
    images, labels, name = images_to_evaluate(arguments, colour=len(shape) == 3)
    ours, theirs = (" x ".join(map(str, each)) for each in (shape, images.shape[1:]))
    if ours != theirs:
        text = f"{arguments.weights} is a model of {ours} images, the {name} have {theirs}"
        size = "x".join(map(str, shape[:2]))
        own = f"other --images or --weights, or bring pictures to {size} with --size and --grey"
        raise UsageError(f"{text}; choose {'another --dataset or --weights' if arguments.dataset else own}")
    if model.MEASURE == "error":
        return run_classify(arguments, model, params, config, images, labels, name)
    if arguments.dataset == "mnist":  # grey levels are not what a model of binary pixels is measured on
        images = datasets.binarize(images, np.random.default_rng(arguments.seed))
        complain(f"mnist: grey levels binarized with seed {arguments.seed}")
    rng = np.random.default_rng(arguments.seed)
    found = evaluate(model, params, config, images, rng, arguments.importance_samples, progress=progress_bar)
    if not np.isfinite(found.nll_bound):
        raise UsageError(f"{arguments.weights} gives a bound of {found.nll_bound} nats: these weights are of no use")
    say(
        f"{len(images):,} {name}: at most {found.nll_bound:.2f} +- "
        f"{found.standard_error:.2f} nats = L^x {found.reconstruction:.2f} + L^z {found.kl:.2f}"
    )
    if found.floor:
        above = f"{found.nll_bound - found.floor:.2f} nats above the floor of {found.floor:.2f}"
        say(f"{above}, which the pixels' own entropy costs any model: they are intensities, not bits")
    if found.nll_estimate is not None:
        say(
            f"-log p, {found.importance_samples} importance samples: {found.nll_estimate:.2f} +- "
            f"{found.nll_estimate_standard_error:.2f} nats"
        )
    if arguments.json:
        print_json(found._asdict())
    else:
        say("KL per step: " + " ".join(f"{nats:.2f}" for nats in found.kl_per_step))
    return 0


def images_to_evaluate(arguments, colour):
    """The images, their labels and what to call them: "test images of mnist". One's own are coloured for `colour`."""
    text = arguments.images
    if text is not None and not (text.isascii() and text.isdigit()):
        if arguments.dataset:
            wanted = f"these or --dataset {arguments.dataset}, not both"
            if not text or not pathlib.Path(text).exists():
                wanted = "with --dataset this must be a whole number, of images"
            raise UsageError(f"--images {shown(text)}: {wanted}")
        if arguments.split:
            raise UsageError("--split is for --dataset; all images of your own are measured")
        return floats(own_images(arguments, colour)), None, f"images of {text}"
    if not arguments.dataset:
        raise UsageError("which images? --dataset NAME, or --images FOLDER|FILE.npy")
    if arguments.size or arguments.grey:
        raise UsageError("--size and --grey are for --images FOLDER")
    split = arguments.split or "test"
    images, labels = datasets.load(arguments.dataset, split)
    wanted = len(images) if text is None else int(text.lstrip("0")[:12] or 0)
    if not 1 <= wanted <= len(images):
        raise UsageError(f"--images {cut(text, 60)}: the {split} split has {len(images):,}; ask for 1 or more of them")
    labels = None if labels is None else labels[:wanted]
    return images[:wanted], labels, f"{split} images of {arguments.dataset}"


def run_classify(arguments, model, params, config, images, labels, name):
    """What `evaluate` prints of a classifier."""
    if arguments.importance_samples > 1:
        raise UsageError(f"{arguments.weights} classifies; it has no use for --importance-samples")
    if labels is None or labels.ndim != 1 or labels.max() >= config.classes:
        raise UsageError(f"{arguments.weights} tells {config.classes} classes apart, the {name} have no such labels")
    found = evaluate_classifier(model, params, config, images, labels, progress=progress_bar)
    if not np.isfinite(found.cross_entropy):
        raise UsageError(f"{arguments.weights} gives {found.cross_entropy} nats: these weights are of no use")
    say(
        f"{len(images):,} {name}, {config.steps} glimpses: {found.error:.2f} "
        f"+- {found.standard_error:.2f} % wrong, {found.cross_entropy:.4f} nats"
    )
    if arguments.json:
        print_json(found._asdict())
    return 0
