"""Figure 5: a classifier with attention finds the digit in cluttered images, in four glimpses each.

Run `python figures/figure_05.py [FILE.png]`; the default is figure_05.png beside this script.
"""

from pathlib import Path

from _script import run, save_figure

import numpy as np
from matplotlib import pyplot as plt

from draw_np import datasets, equations, load_pretrained, plotting
from draw_np.models import glimpse_classifier

PICTURE = Path(__file__).with_suffix(".png")
WEIGHTS = "cluttered-mnist-4"
FIRST = 4  # so many images from the head of the test set, and after them the first that is named wrongly


def examples():
    """The parameters, the configuration, and the images and labels to show: nothing picked by hand."""
    params, config = load_pretrained(WEIGHTS)
    images, labels = datasets.load("cluttered-mnist", "test")
    images, labels = images[:500], labels[:500]
    named = glimpse_classifier.look(params, config, images).logits.argmax(axis=1)
    wrong = np.flatnonzero(named != labels)
    chosen = [*range(FIRST), *wrong[wrong >= FIRST][:1]]
    return params, config, images[chosen], labels[chosen]


def draw(params, config, images, labels):
    """The whole figure: an image a row; glimpse after glimpse, first where it is, then what is read."""
    seen = glimpse_classifier.look(params, config, images)
    probabilities = equations.softmax(seen.logits)  # (count, classes)
    N, steps = config.read_size, config.steps
    border = 1.1 * plotting.margin(config.height, config.width)  # windows reach beyond the image
    figure = plt.figure(figsize=(2 + 2.3 * 2 * steps, 0.7 + 2.35 * len(images)))
    left, right = figure.subfigures(1, 2, width_ratios=(steps, steps + 1.15))
    left.suptitle("where it looks")
    right.suptitle(f"the {N} \N{MULTIPLICATION SIGN} {N} patch that it reads, and what it says")
    wheres = left.subplots(len(images), steps, squeeze=False)
    whats = right.subplots(len(images), steps + 1, squeeze=False, width_ratios=[1] * steps + [1.15])
    for n, (image, label) in enumerate(zip(images, labels)):
        for t in range(steps):
            title = f"glimpse {t + 1}" if n == 0 else None
            plotting.show_image(wheres[n, t], image, title)
            wheres[n, t].set(xlim=(-border, config.width - 1 + border), ylim=(config.height - 1 + border, -border))
            plotting.draw_window(wheres[n, t], [field[n] for field in seen.windows[t]], N, plotting.GREEN)
            patch = seen.patches[t][n].reshape(N, N)
            plotting.show_image(whats[n, t], patch / patch.max(), title)  # gamma and the blur make them bright or dim
        draw_answer(whats[n, steps], probabilities[n], label)
    return figure


def draw_answer(axes, probabilities, label):
    """A bar for the probability of each class, the right one in blue."""
    colours = [plotting.BLUE if k == label else plotting.ORANGE for k in range(len(probabilities))]
    axes.bar(range(len(probabilities)), probabilities, color=colours)
    axes.set(ylim=(0, 1), yticks=[0, 1], xticks=range(len(probabilities)))
    axes.tick_params(length=0, labelsize=11)
    best = probabilities.argmax()
    verdict = "right" if best == label else f"wrong, it is a {label}"
    axes.set_title(f"{best}: {verdict}", fontsize=14)


def main(path):
    save_figure(draw(*examples()), path)


if __name__ == "__main__":
    run(main, PICTURE)
