"""Figure 4: zooming. A 12 x 12 patch read from a 100 x 75 image, and what writing the patch back restores.

Run `python figures/figure_04.py [FILE.png]`; the default is figure_04.png beside this script.
"""

from pathlib import Path

from _script import run, save_figure

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from draw_np import datasets, equations, plotting

PICTURE = Path(__file__).with_suffix(".png")
HEIGHT, WIDTH = 75, 100
SCENE = (  # a digit's place in the test set, how many times 28 pixels it measures, its first row and column
    (18, 2, 10, 38),
    (32, 1, 3, 5),
    (1, 1, 42, 9),
    (61, 0.5, 30, 3),
    (51, 0.5, 8, 36),
    (46, 0.5, 54, 82),
)
N = 12
CENTRE, DELTA = (66.5, 38.5), 4.2  # of the window, in pixels counted from 1
COLOURS = plotting.ORANGE, plotting.SKY  # of the first filter and the last


def scene():
    """An image of shape (75, 100): digits of several sizes; where two meet, the brighter one."""
    digits = datasets.load("mnist", "test").images
    image = np.zeros((HEIGHT, WIDTH), digits.dtype)
    for place, size, y, x in SCENE:
        digit = resized(digits[place], size)
        here = image[y : y + len(digit), x : x + len(digit)]
        here[:] = np.maximum(here, digit)
    return image


def resized(digit, size):
    """A digit (28, 28) at twice its size (each pixel four times), as it is, or at half (means of four)."""
    if size < 1:
        return digit.reshape(14, 2, 14, 2).mean(axis=(1, 3))  # (14, 14)
    return np.kron(digit, np.ones((size, size), digit.dtype))


def window():
    """The window's five numbers; sigma = delta / 2, so that neighbouring filters leave no gap."""
    return equations.Window(*(np.full((1, 1), number) for number in (*CENTRE, DELTA, (DELTA / 2) ** 2, 1.0)))


def zoom(image, window):
    """Read a patch and write it back: the patch (N, N), what is written (height, width), F_X and F_Y.

    Reading is Eq. (27) with gamma = 1 and without the error image, writing is Eq. (29). Each filter's weights
    sum to 1 and there is one for delta^2 pixels: 1 / gamma-hat = delta^2 gives the image its brightness back.
    """
    x = image[None, None]  # (1, 1, height, width)
    F_X, F_Y = equations.filterbanks(window, N, *image.shape)
    patch = equations.glimpse(x, F_X, F_Y, window.gamma).reshape(1, 1, N, N)
    written = equations.write(patch, F_X, F_Y, 1 / window.delta**2)  # (1, 1, height, width)
    return patch[0, 0], written[0, 0], F_X[0], F_Y[0]


def two_filters(F_X, F_Y):
    """The first and the last of the 2-D filters, (height, width) each, their greatest weight made 1."""
    filters = [np.outer(F_Y[k], F_X[k]) for k in (0, -1)]
    return [weights / weights.max() for weights in filters]


def glow(image, masks, colours):
    """Lay each mask (height, width) in its colour over the darkened grey image: (height, width, 3)."""
    picture = np.repeat(0.45 * image[..., None], 3, axis=2)
    for mask, colour in zip(masks, colours):
        picture += mask[..., None] * (np.array(to_rgb(colour)) - picture)
    return picture


def draw(image):
    """The whole figure, from one image of shape (75, 100)."""
    looking = window()
    patch, written, F_X, F_Y = zoom(image, looking)
    filters = two_filters(F_X, F_Y)

    two_features = 0.45 * patch
    two_features[[0, -1], [0, -1]] = patch[[0, -1], [0, -1]]

    times = "\N{MULTIPLICATION SIGN}"
    figure = plt.figure(figsize=(15, 8.6))
    (image_axes, read_axes, write_axes), below = figure.subplots(2, 3, width_ratios=(4, 3, 4))
    plotting.show_image(image_axes, image, f"the image, {WIDTH} {times} {HEIGHT}")
    plotting.show_image(read_axes, patch, f"read: {N * N} filters, {N} {times} {N} patch")
    plotting.show_image(write_axes, written, "write: transposed filters, $1/\\hat{\\gamma} = \\delta^2$")
    plotting.show_image(below[0], glow(image, filters, COLOURS), "only two of the filters")
    plotting.show_image(below[1], two_features, "the two features they read")
    plotting.show_image(below[2], glow(0 * image, filters, COLOURS), "where the two write")
    for axes in (image_axes, write_axes, below[0], below[2]):
        plotting.draw_window(axes, looking, N, plotting.GREEN)
    for k, colour in zip((0, N - 1), COLOURS):
        frame = plt.Rectangle((k - 0.5, k - 0.5), 1, 1, fill=False, edgecolor=colour, linewidth=5)
        below[1].add_patch(frame)
    return figure


def main(path):
    save_figure(draw(scene()), path)


if __name__ == "__main__":
    run(main, PICTURE)
