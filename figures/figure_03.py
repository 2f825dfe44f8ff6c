"""Figure 3: a 3 x 3 grid of filters on an image, and three 12 x 12 patches that attention takes from it.

Run `python figures/figure_03.py [FILE.png]`; the default is figure_03.png beside this script.
"""

from itertools import product
from pathlib import Path

from _script import run, save_figure

import numpy as np
from matplotlib import pyplot as plt

from draw_np import datasets, equations, plotting

PICTURE = Path(__file__).with_suffix(".png")
DIGIT = 51  # its place in the test set: a three
CENTRE = {"g_X": 14.5, "g_Y": 14.5}  # in pixels, counted from 1
GRID = {"delta": 7.0, "sigma": 1.5}  # of 3 x 3 filters
N = 12
PATCHES = {  # in the caption's order
    "zoomed in, but blurry": {"delta": 0.9, "sigma": 1.2},
    "the whole, downsampled": {"delta": 2.2, "sigma": 0.3},
    "the whole, blurred": {"delta": 2.2, "sigma": 3.0},
}


def digit():
    """The image that attention looks at, a handwritten MNIST digit of shape (28, 28)."""
    return datasets.load("mnist", "test").images[DIGIT]


def window(g_X, g_Y, delta, sigma):
    """A Window onto one image, in pixels, from plain numbers; gamma is 1."""
    return equations.Window(*(np.full((1, 1), number) for number in (g_X, g_Y, delta, sigma**2, 1.0)))


def read_patch(image, window, N):
    """The N x N patch that a window reads from an image (height, width): Eq. (27) without the error image."""
    x = image[None, None]  # (1, 1, height, width)
    F_X, F_Y = equations.filterbanks(window, N, *image.shape)
    return equations.glimpse(x, F_X, F_Y, window.gamma).reshape(N, N)


def draw_filters(axes, image, g_X, g_Y, delta, sigma):
    """The figure's left: 3 x 3 filters, each a dot at its mean and a circle of radius sigma."""
    plotting.show_image(axes, image)
    x, y = g_X - 1, g_Y - 1  # Matplotlib counts pixels from 0
    mu_X, mu_Y = (equations.filter_means(np.array([[g]]), np.array([[delta]]), 3)[0] - 1 for g in (g_X, g_Y))
    for mean in product(mu_X, mu_Y):
        axes.add_patch(plt.Circle(mean, sigma, fill=False, edgecolor=plotting.SKY, linewidth=3))
        axes.plot(*mean, ".", color=plotting.SKY, markersize=12)
    axes.plot([-0.5, x, x], [y, y, len(image) - 0.5], "--", color=plotting.ORANGE, linewidth=2.5)
    axes.plot(x, y, "o", color=plotting.ORANGE, markersize=15)
    axes.set_xticks([x], ["$g_X$"])
    axes.set_yticks([y], ["$g_Y$"])
    axes.tick_params(length=0, labelsize=28)
    above = mu_Y[0] - 1.6 * sigma
    arrow = {"arrowstyle": "<->", "color": "white", "linewidth": 2.5, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (mu_X[0], above), (mu_X[1], above), arrowprops=arrow)
    between = (mu_X[0] + mu_X[1]) / 2
    axes.text(between, above - 0.3, "$\\delta$", color="white", ha="center", va="bottom", fontsize=28)
    axes.plot([mu_X[2], mu_X[2] + sigma], [mu_Y[0]] * 2, color=plotting.SKY)
    axes.text(mu_X[2] + sigma + 0.3, mu_Y[0], "$\\sigma$", color=plotting.SKY, va="center", fontsize=28)


def draw(image):
    """The whole figure, from one image of shape (height, width)."""
    figure = plt.figure(figsize=(14.5, 9))
    left, right = figure.subfigures(1, 2, width_ratios=(1.35, 1))
    left.suptitle("3 \N{MULTIPLICATION SIGN} 3 filters on an image", fontsize=18)
    right.suptitle(f"{N} \N{MULTIPLICATION SIGN} {N} filters and their patch", fontsize=18)
    draw_filters(left.subplots(), image, **CENTRE, **GRID)
    for (seen, patch), (effect, numbers) in zip(right.subplots(3, 2), PATCHES.items()):
        looking = window(**CENTRE, **numbers)
        plotting.show_image(seen, image)
        plotting.draw_window(seen, looking, N, plotting.GREEN)
        plotting.show_image(patch, read_patch(image, looking, N))
        seen.set_title(f"$\\delta$ = {numbers['delta']}, $\\sigma$ = {numbers['sigma']} pixels", pad=12)
        patch.set_title(effect, pad=12)
    return figure


def main(path):
    save_figure(draw(digit()), path)


if __name__ == "__main__":
    run(main, PICTURE)
