"""How many nats each step takes: the terms of L^z, Eq 10, on test images, for every DRAW model that is shipped.

The numbers are the records'. Run `python figures/kl_per_step.py [FILE.png]`; the default is kl_per_step.png beside
this script.
"""

from pathlib import Path

from _script import run, save_figure

import numpy as np
from matplotlib import pyplot as plt

from draw_np.pretrained import load_record, names
from draw_np.training.checkpoint import CheckpointError

PICTURE = Path(__file__).with_suffix(".png")


def kl_per_step():
    """{name: L^z of every step in nats, averaged over the test images} of the shipped weights of more than one step.

    Raises CheckpointError if there are none.
    """
    tests = {name: load_record(name)["measured"]["test"] for name in names()}
    found = {name: test["kl_per_step"] for name, test in tests.items() if len(test.get("kl_per_step", ())) > 1}
    if not found:
        raise CheckpointError("no shipped weights of more than one step")
    return {name: np.array(nats) for name, nats in found.items()}


def figure_of(nats):
    """The whole figure, from {name: nats of shape (steps,)}."""
    figure, (each, together) = plt.subplots(1, 2, figsize=(15, 6))
    for name, values in nats.items():
        steps = np.arange(1, len(values) + 1)
        each.step(steps, values, where="mid", label=name)
        together.step(steps, values.cumsum(), where="mid", label=f"{name}: {values.sum():.1f} nats in all")
    each.set(xlabel="step t", ylabel="nats per image", title="KL of step t from the prior")
    together.set(xlabel="step t", title="of all steps up to t")
    for axes in (each, together):
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0.5)
        axes.legend()
    return figure


def main(path):
    save_figure(figure_of(kl_per_step()), path)


if __name__ == "__main__":
    run(main, PICTURE)
