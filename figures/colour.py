"""Colour in numbers: what house numbers and photographs cost above the floor, under the mean image, a VAE and DRAW.

Ours are read from the records of the shipped weights. The variational auto-encoders are no presets: they are trained
here, by `python figures/colour.py --train FOLDER` (resumable), which leaves what they reach in colour.json.

Run `python figures/colour.py [FILE.md]`; the default is colour.md beside this script. It prints the table too.
"""

import json
from pathlib import Path

import _reading
from _script import run, save_table

import numpy as np

from draw_np import datasets, kernels, plotting, pretrained
from draw_np.models import vae
from draw_np.pretrained import load_record
from draw_np.training.evaluation import evaluate
from draw_np.training.recipe import Phase, Ramp, Recipe, Run
from draw_np.training.trees import named_leaves

TABLE, FOUND = (Path(__file__).with_suffix(ending) for ending in (".md", ".json"))
SIZES = {"svhn": (54, 54, 3, 500, 100), "cifar10": (32, 32, 3, 500, 200)}  # as many z's as DRAW has in one step
BATCH = 128
# At a rate of 1e-3 the one of house numbers diverges after 100 updates.
PHASES = Phase(100, Ramp(0.0, 3e-4)), Phase(5_900, 3e-4, optimiser="schedule-free")


def vae_run(name):
    """How the variational auto-encoder of a data set is trained."""
    recipe = Recipe(PHASES, batch=BATCH, validation_images=500)
    return Run(f"vae of {name}", "vae", vae.Config(*SIZES[name]), name, recipe)


def train(folder):
    """Train the variational auto-encoders in a folder, or go on there, and keep what they reach on test images."""
    found = {}
    for name in SIZES:
        params, config, meta = _reading.trained(vae_run(name), Path(folder) / name)
        images = datasets.load(name, "test").images
        bound = evaluate(vae, params, config, images, np.random.default_rng(0), ops=kernels)
        kept = ("nll_bound", "standard_error", "reconstruction", "floor", "kl", "images")
        found[name] = {key: round(getattr(bound, key), 4) for key in kept}
        found[name]["parameters"] = sum(leaf.size for leaf in named_leaves(params).values())
        found[name].update({key: meta[key] for key in ("update", "seconds")})
    with plotting.naming(FOUND):
        FOUND.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def bound_of(measured):
    """A bound and its standard error."""
    return measured["nll_bound"], measured["standard_error"]


def rows(name, vaes):
    """The rows of one data set, of its test images."""
    test = load_record(name)["measured"]["test"]
    floor, mean = test["floor"], test["mean_image"]
    costs = {
        f"{test['images']:,} test images of `{name}`: the floor, their own entropy": (floor, 0.0),
        "the mean of the training images": (mean, 0.0),
    }
    if abs(vaes.get(name, {}).get("floor", np.inf) - floor) < 0.01:  # of the same images
        costs["a variational auto-encoder, one hidden layer each way"] = bound_of(vaes[name])
    costs[f"DRAW, the weights `{name}`"] = bound_of(test)
    lines = []
    for what, (nats, error) in costs.items():
        written = f"{nats:,.1f}" + (f" +- {error:.1f}" if error else "")
        lines.append(f"| {what} | {written} | {nats - floor:,.1f} | {(nats - floor) / (mean - floor):.3f} |")
    return lines


def table():
    """The table as Markdown."""
    names = [name for name in SIZES if name in pretrained.names()] or list(SIZES)[:1]
    vaes = json.loads(FOUND.read_text("utf-8")) if FOUND.exists() else {}
    head = "| | nats per image | above the floor | as a share of the mean image's |\n|---|---|---|---|"
    lines = [head, *(line for name in names for line in rows(name, vaes))]
    return f"""# Colour: nats per image, and above the floor

{chr(10).join(lines)}

Pixels are intensities from 0 to 1 and not bits, so L^x is a cross-entropy, and no model can go below the pixels' own
entropy, the floor. The mean image is kept within 1e-3 of 0 and 1, as DRAW's first canvas is, which begins with it. The
other two are upper bounds, Eq 12 with one sample of z, with standard errors over the images. Our numbers are of the
shipped weights, from their records, and

    python -m draw_np evaluate --weights {names[0]} --dataset {names[0]}

measures one again.
"""


def main(path):
    save_table(table(), path)


if __name__ == "__main__":
    run(main, TABLE, train)
