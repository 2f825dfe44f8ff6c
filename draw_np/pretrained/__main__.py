"""Ship a finished run: `python -m draw_np.pretrained NAME RUN_DIR "where and with what it was trained"`.

Writes NAME.npz, the weights alone, and NAME.json, where they come from and how good they are, beside this file.
"""

import json
import pathlib
import sys

import numpy as np

from .. import datasets, kernels
from ..models import is_classifier
from ..training.checkpoint import describe, load_weights, save
from ..training.evaluation import evaluate, evaluate_classifier
from ..training.loop import WEIGHTS
from . import FOLDER

QUICK = 500
ERRORS = "errors in percent, cross-entropy in nats"


def ship(name, run, where):
    """Copy the weights of a finished run and write down their provenance and how good they are."""
    params, model, config, meta = load_weights(pathlib.Path(run) / WEIGHTS)
    measured = errors if is_classifier(model) else bounds
    record = {
        "command": f"python -m draw_np train --preset {name} --out runs/{name} --seed {meta['seed']}",
        **{key: meta[key] for key in ("config", "recipe", "seed", "update", "seconds")},
        "threads": meta.get("threads", 1),
        "ops": meta.get("ops", "kernels"),
        "where": where,
        **measured(model, params, config, meta["recipe"]["dataset"]),
    }
    save(FOLDER / f"{name}.npz", {"params": params}, describe(meta["model"], config, preset=name))
    (FOLDER / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    return record


def bounds(model, params, config, dataset):
    """The bounds on a data set's validation and test images, and the quick check, as the record says them."""

    def bound(images):
        found = evaluate(model, params, config, images, np.random.default_rng(0), ops=kernels)
        keys = ("nll_bound", "standard_error", "reconstruction", "kl", "images")
        return {key: round(getattr(found, key), 4) for key in keys}

    return {
        "bounds in nats, one sample of z with seed 0": {
            split: bound(datasets.load(dataset, split).images) for split in ("valid", "test")
        },
        f"the same for the first {QUICK} MNIST test digits, binarized with seed 0": quick_check(model, params, config),
    }


def errors(model, params, config, dataset):
    """A classifier's errors on a data set's validation and test images, as the record says them."""

    def error(split):
        found = evaluate_classifier(model, params, config, *datasets.load(dataset, split), kernels)
        return {key: round(value, 4) for key, value in found._asdict().items()}

    return {ERRORS: {split: error(split) for split in ("valid", "test")}}


def quick_check(model, params, config):
    """The bound on a few digits that are always at hand, for a test to compare: nats per image."""
    digits = datasets.binarize(datasets.load("mnist", "test").images[:QUICK], np.random.default_rng(0))
    return round(evaluate(model, params, config, digits, np.random.default_rng(0), ops=kernels).nll_bound, 4)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__.split("\n")[0])
    print(json.dumps(ship(*sys.argv[1:]), indent=2))
