"""Ship a run: `python -m draw_np.pretrained NAME RUN_DIR "where and with what it was trained"`.

Beside this file it writes NAME.npz, the weights alone; NAME.json, the record of where they come from and how good they
are; NAME.csv, the loss epoch by epoch; and README.md, which tells all records: `--readme` writes that one alone.
"""

import argparse
import csv
import functools
import json
import pathlib
import re
import sys

import numpy as np
from tqdm import tqdm

from .. import datasets, kernels
from ..models import is_classifier
from ..training.checkpoint import CheckpointError, describe, load_weights, save
from ..training.evaluation import evaluate, evaluate_classifier
from ..training.loop import CHECKPOINT, METRICS
from ..training.presets import PRESETS
from ..training.trees import named_leaves
from . import FOLDER
from .readme import readme

QUICK = 500
BOUNDS = ("nll_bound", "standard_error", "reconstruction", "kl", "images")
ESTIMATES = ("nll_estimate", "nll_estimate_standard_error", "importance_samples", "kl_per_step")


def ship(name, run, where, importance_samples):
    """Ship the averaged weights of a run's checkpoint: where it ended or, if it has not, where it stands."""
    run = pathlib.Path(run)
    params, model, config, meta = load_weights(run / CHECKPOINT)
    if meta["preset"] != name:
        raise CheckpointError(f"{run} holds a run of preset {meta['preset']!r}, not {name!r}; name its preset")
    dataset, update, length = meta["recipe"]["dataset"], meta["update"], meta["length"]
    recipe, train = PRESETS[name].recipe, f"python -m draw_np train --preset {name} --out runs/{name}"
    usual, threads = recipe.epochs * ((recipe.images or 50_000) // recipe.batch), meta.get("threads", 1)
    options = (f" --updates {length}" if length != usual else "") + (f" --threads {threads}" if threads > 1 else "")
    record = {
        "train": f"{train} --seed {meta['seed']}{options}",
        "resume": f"{train} --resume" + (f" --updates {longer(recipe, length)}" if update == length else ""),
        "evaluate": f"python -m draw_np evaluate --weights {name} --dataset {dataset}",
        "model": meta["model"],
        "parameters": sum(leaf.size for leaf in named_leaves(params).values()),
        **{key: meta[key] for key in ("config", "recipe", "seed", "update", "length", "seconds")},
        "threads": threads,
        "ops": meta.get("ops", "kernels"),
        "where": where,
    }
    if is_classifier(model):
        record["measured"] = errors(model, params, config, dataset)
    else:
        record["measured"] = bounds(model, params, config, dataset, importance_samples)
        record["quick"] = quick_check(model, params, config, dataset)
    save(FOLDER / f"{name}.npz", {"params": params}, describe(meta["model"], config, preset=name))
    ship_curve(run / METRICS, FOLDER / f"{name}.csv")
    text = re.sub(r"\[[^][{}]*\]", lambda numbers: " ".join(numbers[0].split()), json.dumps(record, indent=2))
    (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")


def longer(recipe, length):
    """A length to train on to: twice as long or, where the recipe's parts, which grow with it, would then begin again
    before the last of them, shorter.
    """
    parts = [sum(part[-1] for part in recipe.grow), sum(part[-1] for part in recipe.easier), recipe.decoder_until or 0]
    return int(length / max(0.5, *parts))


def bounds(model, params, config, dataset, importance_samples):
    """The bound on each split, with seed 0, in nats; of the test images also -log p by importance sampling and L^z step
    by step.
    """
    measured = {}
    for split, (images, _) in splits(dataset).items():
        samples = importance_samples if split == "test" else 1
        rng, progress = np.random.default_rng(0), functools.partial(tqdm, desc=split, leave=False)
        found = evaluate(model, params, config, images, rng, samples, kernels, progress)
        keys = BOUNDS + ESTIMATES if split == "test" else BOUNDS
        measured[split] = {key: np.round(getattr(found, key), 4).tolist() for key in keys}
    return measured


def errors(model, params, config, dataset):
    """A classifier's error in percent and its cross-entropy in nats, on each split."""
    measured = {}
    for split, (images, labels) in splits(dataset).items():
        found = evaluate_classifier(model, params, config, images, labels, kernels)
        measured[split] = {key: round(value, 4) for key, value in found._asdict().items()}
    return measured


def splits(dataset):
    """10,000 images of each split: of a fixed training set every fifth, of an endless one new ones with seed 0."""
    if datasets.is_endless(dataset):
        train = datasets.sample(dataset, np.random.default_rng(0), 10_000)
    else:
        images, labels = datasets.load(dataset, "train")
        train = datasets.Split(images[::5], None if labels is None else labels[::5])
    return {"train": train, "valid": datasets.load(dataset, "valid"), "test": datasets.load(dataset, "test")}


def quick_check(model, params, config, dataset):
    """The bound in nats on a few test images that are always at hand, for a test to compare."""
    if dataset == "binarized-mnist":  # has to be fetched; the digits that it was made of come with the package
        images = datasets.binarize(datasets.load("mnist", "test").images[:QUICK], np.random.default_rng(0))
        which = f"the first {QUICK} MNIST test digits, binarized with seed 0"
    else:
        images, which = datasets.load(dataset, "test").images[:QUICK], f"the first {QUICK} test images of {dataset}"
    found = evaluate(model, params, config, images, np.random.default_rng(0), ops=kernels)
    return {"images": which, "nll_bound": round(found.nll_bound, 4)}


def ship_curve(metrics, path):
    """Write the rows of a run's metrics that end an epoch, each with the means of the training loss since the last.

    Without metrics there is no file, not even that of earlier weights.
    """
    path.unlink(missing_ok=True)
    if not metrics.exists():
        return
    fields = ("update", "seconds", "steps", "nats", "L_x", "L_z", "validation", "validation_average")
    means = ("nats", "L_x", "L_z")
    rows, since = [], []
    for line in metrics.read_text().splitlines():
        row = json.loads(line)
        since.append(row)
        if "validation" in row:
            row.update({key: round(np.mean([each[key] for each in since]).item(), 3) for key in means if key in row})
            rows.append({key: row[key] for key in fields if key in row})
            since = []
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m draw_np.pretrained", description="Ship the weights of a run.")
    parser.add_argument("name", nargs="?", choices=PRESETS, metavar="NAME", help="of the weights and their preset")
    parser.add_argument("run", nargs="?", metavar="RUN_DIR", help="folder of the run")
    parser.add_argument("where", nargs="?", metavar="WHERE", help="where and with what it was trained, in words")
    parser.add_argument("--importance-samples", type=int, default=50, metavar="K", help="for -log p (default: 50)")
    parser.add_argument("--readme", action="store_true", help="only write README.md again")
    arguments = parser.parse_args(argv)
    if not arguments.readme:
        if arguments.where is None:
            parser.error("NAME, RUN_DIR and WHERE are needed, or --readme")
        if arguments.importance_samples < 2:
            parser.error("--importance-samples must be 2 or more: one sample gives the bound")
        ship(arguments.name, arguments.run, arguments.where, arguments.importance_samples)
    (FOLDER / "README.md").write_text(readme(), "utf-8")
    print(FOLDER / "README.md")


if __name__ == "__main__":
    try:
        main()
    except (CheckpointError, datasets.DatasetError, OSError) as error:
        sys.exit(f"draw_np: {error}")
