"""Pictures of DRAW at work: grids of images, attention windows, film strips as in Fig 1, animations.

An image is an array of shape (height, width), grey, or (height, width, 3), colour, with values in [0, 1];
what is outside is shown as 0 or 1. A function that makes a figure returns it, for a notebook to show.
"""

import contextlib
import math
import pathlib
from itertools import product

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from PIL import Image, ImageColor, ImageDraw

from .counts import check_count
from .rectangles import clip_rectangle, margin, window_rectangle

BLUE, RED, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, BLACK = "#56B4E9", "#CC79A7", "#000000"
"""Okabe and Ito's colours, told apart with any colour vision; their vermilion stands for the paper's red."""

STYLE = {
    "axes.prop_cycle": matplotlib.cycler(color=[BLUE, RED, GREEN, ORANGE, SKY, PURPLE, BLACK]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "font.size": 14,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "lines.linewidth": 2,
    "savefig.dpi": 150,
}
LOOK = ["default", STYLE]
"""Matplotlib's own settings and ours on top: a picture is not to depend on whose computer drew it."""

MOST_PIXELS, MOST_SHOWN, LONGEST = 2**25, 2**22, 2**16 - 1
"""Pixels of a picture that is made, of one that Matplotlib is given, which needs some 80 bytes for each, and of a side,
which a GIF cannot have longer.
"""


def use_style():
    """Give every figure from here on the look of the course: readable from afar and colour-blind safe."""
    plt.switch_backend(plt.get_backend())  # else a notebook shows no Figure until pyplot has made one
    plt.style.use(LOOK)


def show_image(axes, image, title=None):
    """Show an image on `axes`, 0 black and 1 white, without ticks or frame."""
    axes.imshow(
        np.clip(image, 0, 1), vmin=0, vmax=1, cmap="gray", interpolation="nearest", origin="upper", aspect="equal"
    )
    axes.set(xticks=[], yticks=[], title=title)
    axes.spines[:].set_visible(False)


def grid(images, columns, border=1, shade=0.5):
    """Tile images, row after row, into one picture with a border of grey level `shade` around each.

    Parameters: `images` of shape (count, height, width[, 3]); `border` in pixels. Returns a picture of shape
    (rows (height + border) + border, columns (width + border) + border[, 3]), cells without an image being
    border. Raises ValueError on any other shape.
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4) or images.shape[3:] not in ((), (3,)) or 0 in images.shape:
        raise ValueError(f"a grid needs images of shape (count, height, width[, 3]), got {images.shape}")
    columns, border = check_count("columns", columns), check_count("border", border, 0)
    count, height, width = images.shape[:3]
    rows = -(-count // columns)  # rounded up
    size = rows * (height + border) + border, columns * (width + border) + border
    picture = np.full(size + images.shape[3:], shade, images.dtype)
    for k, image in enumerate(images):
        x, y = corner(k, columns, height, width, border)
        picture[y : y + height, x : x + width] = image
    return picture


def corner(k, columns, height, width, border):
    """Where image k of a `grid` begins: x and y of its first pixel."""
    row, column = divmod(k, columns)
    return border + column * (width + border), border + row * (height + border)


def draw_window(axes, window, N, colour=RED):
    """Draw the rectangle of one attention window, clipped to the margin, on `axes` that show an image.

    Parameters: `window` (g_X, g_Y, delta, sigma_squared, gamma) in pixels, each a number or an array of one
    number; `N` filters a side. Returns Matplotlib's patch.
    """
    N = check_count("N", N)
    height, width = axes.images[0].get_array().shape[:2]
    numbers = (np.asarray(field).item() for field in window[:4])
    rectangle = clip_rectangle(window_rectangle(*numbers, N), height, width)
    return axes.add_patch(outline(rectangle, 0, 0, colour))


def outline(rectangle, x, y, colour):
    """A Rectangle's border, to scale, on the image whose first pixel is at (x, y)."""
    left, top, width, height, line_width = rectangle

    def path(grow):
        xs, ys = [x + left - grow, x + left + width + grow], [y + top - grow, y + top + height + grow]
        return [(xs[i], ys[j]) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))]

    border = path(line_width / 2) + path(-line_width / 2)[::-1]  # the inner one turns back: a hole
    codes = 2 * ([Path.MOVETO] + 3 * [Path.LINETO] + [Path.CLOSEPOLY])
    return PathPatch(Path(border, codes), color=colour, linewidth=0.6, clip_on=False)


def film_strip(probabilities, windows=None, write_size=None, steps_shown=10):
    """A figure in the form of Fig 1: a row for each sample, its canvas after some steps, always the last too.

    Parameters as for `draw_film_strip`. Returns a Figure. Raises ValueError on a wrong shape.
    """
    with plt.style.context(LOOK):
        figure = Figure()
        picture = draw_film_strip(figure.subplots(), probabilities, windows, write_size, steps_shown)
        height, width = np.shape(probabilities)[2:4]
        border = strip_border(height, width)
        inch = max(width, (width + border) / 1.5, (height + border) / 3)  # in pixels; of small images mostly border
        down, across = picture.shape[0] / inch, picture.shape[1] / inch
        grows = 0.22 * down / across  # the layout widens the picture into the margins at its sides
        figure.set_size_inches(across + 0.3, down + max(0.9, 0.7 + grows))
    return figure


def draw_film_strip(axes, probabilities, windows=None, write_size=None, steps_shown=10):
    """Draw a film strip on `axes`; returns its picture, the `grid` of its images.

    The rectangle is the window that the step wrote through, drawn on the canvas after the write.

    Parameters: `probabilities`, the canvases' means, of shape (steps, count, height, width[, 3]); `windows`
    (g_X, g_Y, delta, sigma_squared, gamma), each of shape (steps, count), or None (no attention);
    `write_size`, their N; `steps_shown`, how many steps, evenly spaced. Raises ValueError on a wrong shape.
    """
    probabilities = np.asarray(probabilities)
    rectangles = window_rectangles(probabilities, windows, write_size)
    steps, count, height, width = probabilities.shape[:4]
    columns, border = min(steps, check_count("steps_shown", steps_shown)), strip_border(height, width)
    check_size(count, columns, height, width, border)
    shown = np.linspace(steps - 1, 0, columns).round().astype(int)[::-1]
    images = np.swapaxes(probabilities[shown], 0, 1)  # (count, columns, height, width[, 3])
    picture = grid(images.reshape(-1, *images.shape[2:]), columns, border, shade=1)
    every = math.ceil(math.sqrt(picture.shape[0] * picture.shape[1] / MOST_SHOWN))  # of pixels that lie too dense
    show_image(axes, picture[::every, ::every])
    axes.images[-1].set_extent((-0.5, picture.shape[1] - 0.5, picture.shape[0] - 0.5, -0.5))
    corners = [corner(k, columns, height, width, border) for k in range(count * columns)]
    if rectangles is not None:
        for (sample, t), (x, y) in zip(product(range(count), shown), corners):
            axes.add_patch(outline(rectangles[t][sample], x, y, RED)).set_in_layout(False)  # thousands take long
    axes.set_xticks([x + (width - 1) / 2 for x, _ in corners[:columns]], [f"t = {t + 1}" for t in shown])
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.set_xlabel("time \N{RIGHTWARDS ARROW}")
    return picture


def strip_border(height, width):
    """The pixels between the images of a film strip: room for the margins of two."""
    return 2 * margin(height, width) + 2


def window_rectangles(probabilities, windows, write_size):
    """For each step a list of the samples' Rectangles, clipped; None without windows. Checks all shapes."""
    shape = probabilities.shape
    if len(shape) not in (4, 5) or shape[4:] not in ((), (3,)) or 0 in shape:
        raise ValueError(f"probabilities must be of shape (steps, count, height, width[, 3]), got {shape}")
    if windows is None:
        return None
    if write_size is None:
        raise ValueError("windows need their write_size")
    write_size = check_count("write_size", write_size)
    for field in windows:
        if np.shape(field) != shape[:2]:
            raise ValueError(f"each field of windows must be of shape {shape[:2]}, got {np.shape(field)}")
    steps = np.stack(windows[:4], axis=-1)  # (steps, count, 4)
    return [[clip_rectangle(window_rectangle(*w, write_size), *shape[2:4]) for w in step] for step in steps]


def save_film_strip(path, probabilities, windows=None, write_size=None, steps_shown=10):
    """Write a `film_strip` to a PNG file: ValueError on another ending, OSError if it cannot be written."""
    check_ending(path, ".png")
    with plt.style.context(LOOK), naming(path):
        figure = film_strip(probabilities, windows, write_size, steps_shown)
        dpi = min(STYLE["savefig.dpi"], 8000 / max(figure.get_size_inches()))  # of a hundred samples, too
        figure.savefig(path, format="png", dpi=dpi)


def save_animation(path, probabilities, windows=None, write_size=None, frame_ms=100, hold_ms=2000, columns=10):
    """Write an animated GIF of all samples, at most `columns` side by side, drawing themselves again and again.

    Parameters as for `film_strip`; a step is shown for `frame_ms` milliseconds, the last for `hold_ms`. The
    bar below is time. Raises ValueError on another ending than .gif, OSError if the file cannot be written.
    """
    check_ending(path, ".gif")
    probabilities = np.asarray(probabilities)
    rectangles = window_rectangles(probabilities, windows, write_size)
    frame_ms, hold_ms = check_count("frame_ms", frame_ms, 0), check_count("hold_ms", hold_ms, 0)
    steps, count, height, width = probabilities.shape[:4]
    columns, border = min(count, check_count("columns", columns)), strip_border(height, width)
    down, across = check_size(count, columns, height, width, border)
    scale = min(round(112 / max(height, width)), 1400 // across, math.isqrt(MOST_SHOWN // (down * across)))
    scale = max(1, scale)  # of a pixel on the screen
    frames = []
    for t, images in enumerate(probabilities):
        frame, colours = indexed(grid(np.clip(images, 0, 1), columns, border, shade=1))
        frame.putpalette([*colours, *ImageColor.getrgb(RED), *ImageColor.getrgb(BLUE)])
        red, blue = len(colours) // 3, len(colours) // 3 + 1
        frame = frame.resize((scale * frame.width, scale * frame.height), Image.Resampling.NEAREST)
        pen = ImageDraw.Draw(frame)
        for k, rectangle in enumerate(rectangles[t] if rectangles else ()):
            left, top = rectangle[:2] + np.array(corner(k, columns, height, width, border)) + 0.5
            border_width = max(1, math.ceil(scale * rectangle.line_width))
            sides = scale * np.array([left, top, left + rectangle.width, top + rectangle.height])
            sides += np.array([-1, -1, 1, 1]) * border_width / 2
            pen.rectangle([*sides], outline=red, width=border_width)
        pen.rectangle([0, frame.height - scale - 1, frame.width * (t + 1) / steps, frame.height], fill=blue)
        frames.append(frame)
    duration = [frame_ms] * (steps - 1) + [hold_ms]
    with naming(path):
        frames[0].save(path, "GIF", save_all=True, append_images=frames[1:], loop=0, duration=duration)


def indexed(picture):
    """A picture in [0, 1] as an image of numbers, and the list of the up to 254 colours that they stand for.

    A frame of a GIF has 256 colours. Of greys 128 look the same and make a smaller file.
    """
    if picture.ndim == 2:
        levels = np.rint(np.linspace(0, 255, 128)).astype(int)
        return Image.fromarray(np.rint(127 * picture).astype(np.uint8)), np.repeat(levels, 3).tolist()
    image = Image.fromarray(np.rint(255 * picture).astype(np.uint8)).quantize(254, Image.Quantize.FASTOCTREE)
    return image, image.getpalette()


def check_size(count, columns, height, width, border):
    """Height and width of the `grid` of so many images. Raises ValueError where that is too large for a picture."""
    down, across = -(-count // columns) * (height + border) + border, columns * (width + border) + border
    if down * across > MOST_PIXELS or max(down, across) > LONGEST:
        raise ValueError(f"a picture of {across:,} x {down:,} pixels would be too large; draw fewer images")
    return down, across


@contextlib.contextmanager
def naming(path):
    """An OSError in this block, which may come from a disk that is full, says which file it is about."""
    try:
        yield
    except OSError as error:
        if error.filename or not error.errno:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def check_ending(path, ending):
    """Raise ValueError unless the file's name ends as its format asks."""
    if pathlib.Path(path).suffix.lower() != ending:
        raise ValueError(f"{path} must end in {ending}")
