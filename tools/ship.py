"""Ship a run: `python tools/ship.py NAME RUN_DIR "where and with what it was trained"`.

Into draw_np/pretrained it writes NAME.npz, the weights alone; NAME.json, the record of where they come from and how
good they are; NAME.csv, the loss epoch by epoch; and README.md, which tells all records: `--readme` writes that one
alone.
"""

import argparse
import csv
import dataclasses
import functools
import json
import pathlib
import re
import sys

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))  # the package that lies beside this folder

from draw_np import datasets, equations, kernels
from draw_np.models.common import initial_canvas, to_planes
from draw_np.models.prune import restored
from draw_np.pretrained import FOLDER
from draw_np.training.checkpoint import CheckpointError, describe, load_weights, save
from draw_np.training.evaluation import evaluate, evaluate_classifier
from draw_np.training.journal import METRICS
from draw_np.training.presets import PRESETS
from draw_np.training.run import CHECKPOINT
from draw_np.training.trees import map_leaves, named_leaves
from draw_np.training.words import in_words
from tools.record import page

QUICK, MANY = 500, 10_000
CLOSE = 0.01  # nats: weights are stored as float16 where that moves the bound, or cross-entropy, by less
BOUNDS = ("nll_bound", "standard_error", "reconstruction", "floor", "kl", "images")
ESTIMATES = ("nll_estimate", "nll_estimate_standard_error", "importance_samples", "kl_per_step")


def ship(name, run, where, importance_samples):
    """Ship the averaged weights of a run's checkpoint: where it ended or, if it has not, where it stands."""
    run, preset = pathlib.Path(run), PRESETS[name]
    params, model, _, meta = load_weights(run / CHECKPOINT)
    if meta["preset"] != name:
        raise CheckpointError(f"{run} holds a run of preset {meta['preset']!r}, not {name!r}; name its preset")
    dataset, length, threads = meta["dataset"], meta["length"], meta["threads"]
    config = trained_config(preset, meta["update"], length)
    if meta.get("units") is not None:
        params = restored(params, meta["units"], config.latent)
    measure = errors if model.MEASURE == "error" else functools.partial(bounds, importance_samples=importance_samples)
    params, kept_as = as_small_as_may_be(params, lambda params: measure(model, params, config, dataset, ["valid"]))
    options = [f" --updates {length}"] * (length != preset.recipe.updates) + [f" --threads {threads}"] * (threads > 1)
    record = {
        "train": f"python -m draw_np train --preset {name} --out runs/{name} --seed {meta['seed']}{''.join(options)}",
        "evaluate": f"python -m draw_np evaluate --weights {name} --dataset {dataset}",
        "model": meta["model"],
        "parameters": sum(leaf.size for leaf in named_leaves(params).values()),
        "stored_as": kept_as,
        "config": dataclasses.asdict(config),
        "told": in_words(preset).splitlines(),
        **{key: meta[key] for key in ("dataset", "seed", "update", "length", "seconds", "threads", "ops")},
        "where": where,
        "measured": measure(model, params, config, dataset, measured_parts(dataset)),
    }
    if model.MEASURE == "bound":
        for part, nats in of_mean_image(config, dataset, record["measured"]).items():
            record["measured"][part]["mean_image"] = nats
        record["quick"] = quick_check(model, params, config, dataset)
    stored = map_leaves(lambda leaf: leaf.astype(kept_as), params)
    save(FOLDER / f"{name}.npz", {"params": stored}, describe(meta["model"], config, preset=name))
    ship_curve(run / METRICS, FOLDER / f"{name}.csv")
    text = re.sub(r"\[[^][{}\"]*\]", lambda numbers: " ".join(numbers[0].split()), json.dumps(record, indent=2))
    (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")


def trained_config(preset, update, length):
    """The preset's configuration with the T of the last phase that had an update: a run midway knows no larger one."""
    phase = next(phase for phase, _, end in preset.recipe.spans(length) if update <= end)
    return phase.config_of(preset.config, data=False)


def as_small_as_may_be(params, measure):
    """(parameters, the type to store them with): rounded to float16, if what is measured hardly moves by it."""
    rounded = map_leaves(lambda leaf: leaf.astype(np.float16).astype(np.float32), params)
    nats = [
        found.get("nll_bound", found.get("cross_entropy"))
        for found in (measure(each)["valid"] for each in (params, rounded))
    ]
    return (rounded, "float16") if abs(nats[0] - nats[1]) < CLOSE else (params, "float32")


def bounds(model, params, config, dataset, names, importance_samples):
    """The bound on each of the parts `names`, with seed 0, and the floor below it, in nats; of the test images also
    -log p by importance sampling and L^z step by step.
    """
    measured = {}
    for split in names:
        images, _ = some_of(dataset, split)
        samples = importance_samples if split == "test" else 1
        rng, progress = np.random.default_rng(0), functools.partial(tqdm, desc=split, leave=False)
        found = evaluate(model, params, config, images, rng, samples, kernels, progress)
        keys = BOUNDS + ESTIMATES if split == "test" else BOUNDS
        measured[split] = {key: np.round(getattr(found, key), 4).tolist() for key in keys}
    return measured


def errors(model, params, config, dataset, names):
    """A classifier's error in percent and its cross-entropy in nats, on each of the splits `names`."""
    measured = {}
    for split in names:
        images, labels = some_of(dataset, split)
        found = evaluate_classifier(model, params, config, images, labels, kernels)
        measured[split] = {key: round(value, 4) for key, value in found._asdict().items()}
    return measured


def of_mean_image(config, dataset, names):
    """What each of the parts `names` costs under the mean of the training images that are measured: {part: nats}.

    It is kept within 1e-3 of 0 and 1, as DRAW's c_0 is. L^x is linear in x: the mean of its values is that of the mean.
    """
    means = {part: some_of(dataset, part).images.mean(axis=0, dtype=np.float64) for part in {"train", *names}}
    canvas = initial_canvas(config, means["train"])
    planes = {part: to_planes(means[part][None], config) for part in names}
    return {part: round(equations.negative_log_likelihood(x, canvas[None]).item(), 4) for part, x in planes.items()}


def measured_parts(dataset):
    """The parts of a data set that are measured: its splits and, where training shows pieces of its images at random
    places, and "train" is their centres, "train_random", such pieces.
    """
    if datasets.is_raw(dataset):
        few = datasets.raw(dataset, "train")[:10]
        if not np.array_equal(datasets.augment(dataset, few, np.random.default_rng(0)), datasets.centres(dataset, few)):
            return "train", "train_random", "valid", "test"
    return datasets.SPLITS


def some_of(dataset, split):
    """The images of a split; of a training set about 10,000: every fifth of a fixed one, or fewer where that were more,
    and of an endless one new ones with seed 0.
    """
    if split in ("valid", "test"):
        return datasets.load(dataset, split)
    if datasets.is_endless(dataset):
        return datasets.sample(dataset, np.random.default_rng(0), MANY)
    if datasets.is_raw(dataset):
        pixels = datasets.raw(dataset, "train")  # of which all as floats may not fit into memory
        pixels = pixels[:: max(5, len(pixels) // MANY)]
        if split == "train_random":
            return datasets.Split(datasets.augment(dataset, pixels, np.random.default_rng(0)), None)
        return datasets.Split(datasets.centres(dataset, pixels), None)
    images, labels = datasets.load(dataset, "train")
    return datasets.Split(images[::5], None if labels is None else labels[::5])


def quick_check(model, params, config, dataset):
    """The bound in nats on a few test images, for a test to compare."""
    images, which = datasets.load(dataset, "test").images[:QUICK], f"the first {QUICK} test images of {dataset}"
    found = evaluate(model, params, config, images, np.random.default_rng(0), ops=kernels)
    return {"images": which, "nll_bound": round(found.nll_bound, 4), "floor": round(found.floor, 4)}


def ship_curve(metrics, path):
    """Write the rows of a run's metrics that end an epoch, each with the means of the training loss since the last.

    Without metrics, or before the first epoch's end, there is no file, not even that of earlier weights.
    """
    path.unlink(missing_ok=True)
    means = ("nats", "L_x", "L_z")
    bounds = ("validation", "validation_average", "validation_average_above_floor")
    fields = ("update", "seconds", "steps", *means, *bounds)
    rows, since = [], []
    for line in metrics.read_text().splitlines() if metrics.exists() else ():
        row = json.loads(line)
        since.append(row)
        if "validation" in row:
            row.update({key: round(np.mean([each[key] for each in since]).item(), 3) for key in means if key in row})
            rows.append({key: row[key] for key in fields if key in row})
            since = []
    if not rows:
        return
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python tools/ship.py", description="Ship the weights of a run.")
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
    (FOLDER / "README.md").write_text(page(), "utf-8")
    print(FOLDER / "README.md")


if __name__ == "__main__":
    try:
        main()
    except (CheckpointError, datasets.DatasetError, OSError) as error:
        sys.exit(f"draw_np: {error}")
