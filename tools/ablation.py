"""What each part of the recipe of `mnist` is worth: one at a time is left out, at the same cost, with two seeds.

`python tools/ablation.py FOLDER` trains what is measured, 20 runs of some ten minutes of one core each, with their
states in FOLDER, writes ablation.json beside this script and docs/ablation.md from it. It may be stopped with Ctrl-C
and called again, and a run that is in ablation.json is not made again; `--part K/N` makes only every N-th run, to share
them among N cores; `--table` only writes the page.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the package that lies beside this folder

from draw_np import datasets, files, kernels
from draw_np.models import draw
from draw_np.training.checkpoint import load_weights
from draw_np.training.evaluation import evaluate
from draw_np.training.loop import train
from draw_np.training.recipe import Phase, Ramp, Recipe, Run

FOUND = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs/ablation.md"
SEEDS = 0, 1
RATE = 4e-3
PHASES = (
    Phase(300, Ramp(0.0, RATE), {"steps": 4}, kl=Ramp(0.0, 1.0)),
    Phase(900, RATE, {"steps": 8}),
    Phase(1200, RATE),
    Phase(1500, Ramp(RATE, 0.0), optimiser="schedule-free", prune=True),
)
WHOLE = Recipe(PHASES, decay=0.3)
ADAM = *PHASES[:3], Phase(1500, Ramp(RATE, 0.0))
NOT_GROWN = (Phase(300, Ramp(0.0, RATE), kl=Ramp(0.0, 1.0)), Phase(1425, RATE), PHASES[3])  # as many steps of t


def with_phases(phases, **changed):
    return dataclasses.replace(WHOLE, phases=tuple(phases), **changed)


VARIANTS = {
    "the whole recipe": WHOLE,
    "T = 16 from the start": with_phases(NOT_GROWN),
    "c_0 starts grey, not as the mean image": WHOLE,
    "filters start with sigma = 1, not tiling the patch": WHOLE,
    "no KL warm-up": with_phases([dataclasses.replace(phase, kl=1.0) for phase in PHASES]),
    "no weight decay": dataclasses.replace(WHOLE, decay=0.0),
    "inactive latent units not pruned": with_phases([*PHASES[:3], dataclasses.replace(PHASES[3], prune=False)]),
    "Adam to the end, not schedule-free Adam": with_phases(ADAM),
    "Adam to the end, and no average of the weights": with_phases(ADAM, average=0.0),
    "no clipping": dataclasses.replace(WHOLE, clip=1e9),
}


def grey(config, rng, mean_image=None):
    """New parameters whose c_0 is 0."""
    return INIT_PARAMS(config, rng)


def window_of_one_pixel(window, config, N):
    """Leave the new bias of Eq 21 at 0: sigma = 1."""


INIT_PARAMS = draw.init_params
PATCHES = {
    "c_0 starts grey, not as the mean image": ("init_params", grey),
    "filters start with sigma = 1, not tiling the patch": ("tile", window_of_one_pixel),
}


def measure(folder, part, parts):
    """Train every variant with every seed in `folder`, and write what each reaches; but for those that are in FOUND."""
    config, valid = draw.Config(steps=16), datasets.load("binarized-mnist", "valid").images
    cells = [(name, seed) for name in VARIANTS for seed in SEEDS]
    for name, seed in cells[part::parts]:
        if str(seed) in read().get(name, {}):
            continue
        out = folder / f"{list(VARIANTS).index(name)}-{seed}"
        what = Run(f"ablation: {name}", "draw", config, "binarized-mnist", VARIANTS[name])
        with mock.patch.object(draw, *PATCHES.get(name, ("init_params", INIT_PARAMS))):
            if not train(what, out, seed=seed, resume=(out / "checkpoint.npz").exists()):
                sys.exit("stopped: call this script again to go on")
        params, _, _, meta = load_weights(out / "weights.npz")
        bound = evaluate(draw, params, config, valid, np.random.default_rng(0), ops=kernels)
        found = read()  # another part may have written meanwhile
        found.setdefault(name, {})[str(seed)] = {"nats": round(bound.nll_bound, 3), "seconds": meta["seconds"]}
        with files.replacing(FOUND) as file:
            file.write(json.dumps(found, indent=1).encode() + b"\n")


def read():
    """What has been found: {variant: {seed: {"nats", "seconds"}}}."""
    return json.loads(FOUND.read_text("utf-8")) if FOUND.exists() else {}


def table(found):
    """The table as Markdown, as `read` gives it, of every variant and seed."""
    lines = ["| | nats, seed 0 | seed 1 | worth, nats |", "|---|---|---|---|"]
    nats = {name: [found[name][str(seed)]["nats"] for seed in SEEDS] for name in VARIANTS}
    for name, each in nats.items():
        worth = "" if name == "the whole recipe" else f"{np.mean(each) - np.mean(nats['the whole recipe']):+.2f}"
        lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in each)} | {worth} |")
    minutes = np.median([each["seconds"] for runs in found.values() for each in runs.values()]) / 60
    return f"""# What each part of the recipe is worth

{chr(10).join(lines)}

DRAW with Table 3's sizes and T = 16, on all 10,000 validation images of the fixed binarized MNIST, nats an image with
one sample of z. Each row leaves one thing out of the first row's recipe, at the same number of steps of t (about
{minutes:.0f} minutes of one core); worth is the mean of the seeds minus the first row's. Two seeds tell large effects
from small ones, no more: see how far they differ in a row.
"""


def part(text):
    """K and N of "K/N", K from 0 to N - 1. Raises ValueError for anything else."""
    k, n = map(int, text.split("/"))
    if not 0 <= k < n:
        raise ValueError
    return k, n


def main():
    parser = argparse.ArgumentParser(
        prog="python tools/ablation.py", description="What each part of a recipe is worth."
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="of the runs")
    parser.add_argument("--part", type=part, default="0/1", metavar="K/N", help="only every N-th run, from number K on")
    parser.add_argument("--table", action="store_true", help="only write the page again")
    arguments = parser.parse_args()
    if not arguments.table:
        if arguments.folder is None:
            parser.error("FOLDER is needed, or --table")
        measure(arguments.folder, *arguments.part)
    found, runs = read(), len(VARIANTS) * len(SEEDS)
    if (done := sum(map(len, found.values()))) == runs:
        PAGE.write_text(table(found), "utf-8")
        print(PAGE)
    else:
        print(f"{done} of {runs} runs are done: the table is made when all are")


if __name__ == "__main__":
    main()
