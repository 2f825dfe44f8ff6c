"""Figure 8: generated images of two digits, and how they were drawn.

Left the finished images, numbered; beside each, when its pixels came to half of their final value, from blue, early, to
orange, late: two digits in two colours were drawn one after the other. Then the canvas after more and more steps, with
the window that the step wrote through. The first ten samples of a fixed seed are shown, none left out, so that those
with two legible digits can be counted.

Run `python figures/figure_08.py [FILE.png]`; the default is figure_08.png beside this script. FILE.gif is written too.
"""

from pathlib import Path

from _script import drawn, run, save_figure

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, Normalize

from draw_np import plotting

PICTURE = Path(__file__).with_suffix(".png")
WEIGHTS = "two-digit-mnist"
SEED, COUNT, COLUMNS = 0, 10, 8
EARLY_TO_LATE = LinearSegmentedColormap.from_list("early to late", [plotting.SKY, "white", plotting.ORANGE])


def drawn_at(probabilities):
    """The step, counted from 1, from which on a pixel has at least half of its final value: (count, height, width)."""
    below = probabilities < probabilities[-1] / 2  # (steps, count, height, width)
    steps = np.arange(1, len(below) + 1)[:, None, None, None]
    return 1 + np.max(steps * below, axis=0)  # one after the last at which it had less


def time_map(probabilities):
    """The finished images, each pixel in the colour of the step at which it was drawn: (count, height, width, 3)."""
    when = Normalize(1, len(probabilities))(drawn_at(probabilities))
    return probabilities[-1][..., None] * EARLY_TO_LATE(when)[..., :3]


def figure_of(probabilities, windows, write_size):
    """The whole figure."""
    steps, count, height, width = probabilities.shape
    border, columns = plotting.strip_border(height, width), min(COLUMNS, steps)
    cell = width + border  # a column of the strip, in pixels
    figure, axes = plt.subplots(figsize=(1.3 * (columns + 3), 1.3 * count + 2))
    strip = plotting.draw_film_strip(axes, probabilities, windows, write_size, columns)
    for images, x in ((time_map(probabilities), -1.3 * cell), (probabilities[-1], -2.4 * cell)):
        picture = plotting.grid(images, 1, border, shade=1)
        bottom, right = picture.shape[0] - 0.5, x + picture.shape[1]
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, extent=(x, right, bottom, -0.5))
    axes.set(xlim=(-2.5 * cell, strip.shape[1] - 0.5), ylim=(strip.shape[0] - 0.5, -0.5))
    first = [(-2.4 * cell, "finished"), (-1.3 * cell, "drawn when")]
    ticks = [(x + cell / 2, text) for x, text in first]
    ticks += [(x, text.get_text()) for x, text in zip(axes.get_xticks(), axes.get_xticklabels())]
    axes.set_xticks(*zip(*ticks))
    middles = [plotting.corner(k, 1, height, width, border)[1] + height / 2 for k in range(count)]
    axes.set_yticks(middles, range(1, count + 1), fontsize=20)
    colours = plt.cm.ScalarMappable(Normalize(1, steps), EARLY_TO_LATE)
    bar = figure.colorbar(colours, ax=axes, location="bottom", ticks=[1, steps], aspect=12, shrink=0.2, anchor=(0, 0))
    bar.set_label("drawn at step t")
    return figure


def main(path):
    config, probabilities, windows = drawn(WEIGHTS, COUNT, SEED)
    figure = figure_of(probabilities, windows, config.write_size)
    save_figure(figure, path, bbox_inches="tight")  # with the labels on top
    animation = Path(path).with_suffix(".gif")
    plotting.save_animation(animation, probabilities, windows, config.write_size, columns=5)
    print(animation)


if __name__ == "__main__":
    run(main, PICTURE)
