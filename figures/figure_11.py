"""Figure 11: the cost of house numbers along the run, in training and in validation.

Training shows pieces of 54 x 54 at random places of each picture, validation its centre, as in the paper, whose
validation cost is lower for that reason. Below the curves stand what the finished weights cost above the floor, the
pixels' own entropy, which no model can go below: on training images at random places, on the centres of the same
images, and on those of validation. The first two tell what the place is worth, the last two what is learned by heart.
Curves come from the run's metrics, numbers from the record.

Run `python figures/figure_11.py [FILE.png]`; the default is figure_11.png beside this script.
"""

from pathlib import Path

from _script import run, save_figure

import numpy as np
from matplotlib import pyplot as plt

from draw_np import plotting
from draw_np.pretrained import load_curve, load_record

PICTURE = Path(__file__).with_suffix(".png")
WEIGHTS = "svhn"
MEASURED = {
    "train_random": "training, random places",
    "train": "training, the same images' centres",
    "valid": "validation, centres",
}
TOP = 0.1  # the axis ends this much above the lowest cost: what comes before is over in minutes


def stated(record):
    """A line for each of MEASURED: what the finished weights cost above the floor, in nats an image."""
    lines = []
    for name, text in MEASURED.items():
        found = record["measured"][name]
        above = f"{found['nll_bound'] - found['floor']:.1f} ± {found['standard_error']:.1f} nats"
        lines.append(f"{text}: {above} above the floor of {found['floor']:.1f}")
    return lines


def figure_of(curve, record):
    """The whole figure."""
    figure, axes = plt.subplots(figsize=(11, 8))
    axes.plot(curve["update"], curve["nats"], label="training, random places, mean of an epoch")
    axes.plot(curve["update"], curve["validation_average"], label="validation, centres, averaged weights")
    for k in 1 + np.flatnonzero(np.diff(curve["steps"])):
        place = curve["update"][k], curve["validation_average"][k]
        axes.plot(*place, "o", color=plotting.RED)
        axes.annotate(f"T = {curve['steps'][k]:.0f}", place, (-4, -8), textcoords="offset points", ha="right", va="top")
    lowest = min(curve["nats"].min(), curve["validation_average"].min())
    axes.set(xlabel="updates", ylabel="nats per image", title="the cost of house numbers along the run")
    axes.set_ylim(lowest * (1 - TOP / 10), lowest * (1 + TOP))
    axes.legend()
    figure.text(0.02, -0.02, "The finished weights:\n" + "\n".join(stated(record)), va="top", fontsize=13)
    return figure


def main(path):
    save_figure(figure_of(load_curve(WEIGHTS), load_record(WEIGHTS)), path, bbox_inches="tight")


if __name__ == "__main__":
    run(main, PICTURE)
