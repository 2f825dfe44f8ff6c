"""The loss in nats against the time trained, for all shipped weights whose run's metrics were kept.

One panel for each data set. A line is the validation bound of the averaged weights, which are those shipped; a dotted
one the mean training loss of each epoch, of the weights as they were; a dot marks where T grew. Bounds are taken at the
T of the moment, of the validation images that training looks at: the first 2,000, or 1,000 photographs. So a curve may
end up to a nat from the `valid` of its record, which is of all. Numbers of the paper are dashed. Of colours, whose
cross-entropy is never 0, what is above the floor is shown, the pixels' own entropy.

Run `python figures/loss_curve.py [FILE.png]`; the default is loss_curve.png beside this script.
"""

from pathlib import Path

from _script import run, save_figure

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.ticker import NullLocator

from draw_np import datasets, plotting
from draw_np.pretrained import load_curve, load_record, names
from draw_np.training.checkpoint import CheckpointError
from draw_np.training.presets import PRESETS

PICTURE = Path(__file__).with_suffix(".png")
PAPER = {"binarized-mnist": (("DRAW, the paper", 80.97), ("without attention, the paper", 87.40))}
TICKS = {60: "1 min", 600: "10 min", 3600: "1 h", 10_800: "3 h", 36_000: "10 h", 108_000: "30 h"}
TICKS_FROM = 50  # seconds
NEAR = 1.45  # times the seconds of the dot before: nearer, their names would overlap
TOP = 1.5  # an axis ends at this multiple of the lowest loss: what comes before is over in minutes


def curves():
    """{data set: {name: curve}} of the shipped models of images that have a loss curve, of nats above the floor.

    Raises CheckpointError if there are none.
    """
    found = {}
    for name in names():
        record = load_record(name)
        try:
            curve = load_curve(name)
        except CheckpointError:
            continue
        if "nll_bound" in record["measured"]["test"]:
            if record["measured"]["train"].get("floor"):
                curve["nats"] -= record["measured"]["train"]["floor"]
                curve["validation_average"] = curve["validation_average_above_floor"]  # of the images validated on
            found.setdefault(record["dataset"], {})[name] = curve
    if not found:
        raise CheckpointError("no shipped weights have a loss curve")
    return found


def figure_of(curves):
    """The whole figure, from {data set: {name: curve}}."""
    figure, panels = plt.subplots(len(curves), 1, figsize=(10, 8 * len(curves)), squeeze=False)
    for axes, (dataset, runs) in zip(panels[:, 0], curves.items()):
        lowest = min(np.min(curve["validation_average"]) for curve in runs.values())
        for text, nats in PAPER.get(dataset, ()):
            axes.axhline(nats, color=plotting.BLACK, linestyle="--", linewidth=1)
            axes.text(0.01, nats, text, transform=axes.get_yaxis_transform(), va="bottom", fontsize=11)
            lowest = min(lowest, nats)
        best = min(runs, key=lambda name: runs[name]["validation_average"][-1])
        for name, curve in runs.items():
            draw_curve(axes, name, curve, lowest=name == best)
        axes.plot([], [], ":", color=plotting.BLACK, label="training, mean of an epoch")
        label = "nats per image" + ", above the floor" * datasets.is_raw(dataset)
        axes.set(xscale="log", xlabel="time trained", ylabel=label, title=dataset)
        axes.set_xticks(list(TICKS), TICKS.values())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(TICKS_FROM, 1.2 * max(curve["seconds"][-1] for curve in runs.values()))
        axes.set_ylim(0.98 * lowest, TOP * lowest)
        axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(0, -0.13))
    return figure


def draw_curve(axes, name, curve, lowest):
    """One run: validation, training, and the dots where T grew, their names free of the `lowest` line of the panel and
    of one another: those of dots that are near each other stand together.
    """
    seconds, validation = curve["seconds"], curve["validation_average"]
    count = PRESETS[name].recipe.validation_images
    words = f"{name}, {count:,} validation images: {validation[-1]:.1f} at the end"
    (line,) = axes.plot(seconds, validation, label=words)
    axes.plot(seconds, curve["nats"], ":", color=line.get_color())
    to, ha = ((-4, -6), "right") if lowest else ((-6, -8), "center")
    grown = 1 + np.flatnonzero(np.diff(curve["steps"]))
    axes.plot(seconds[grown], validation[grown], "o", color=line.get_color())
    apart = np.flatnonzero(seconds[grown[1:]] > NEAR * seconds[grown[:-1]]) + 1
    for near in np.split(grown, apart) if len(grown) else ():
        text = "T = " + ", ".join(f"{T:.0f}" for T in curve["steps"][near])
        place = seconds[near[-1]], validation[near[-1]]
        note = axes.annotate(text, place, to, textcoords="offset points", ha=ha, va="top", fontsize=11)
        note.set(color=line.get_color(), bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})


def main(path):
    save_figure(figure_of(curves()), path)


if __name__ == "__main__":
    run(main, PICTURE)
