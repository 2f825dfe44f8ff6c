"""Figure 2: a variational auto-encoder and, beside it, three steps of DRAW with the arrows of Eq 3-8.

Run `python figures/figure_02.py [FILE.png]`; the default is figure_02.png beside this script.
"""

from pathlib import Path
from typing import NamedTuple

from _script import run, save_figure

from matplotlib import patheffects
from matplotlib import pyplot as plt
from matplotlib.patches import Circle, FancyBboxPatch

from draw_np import plotting

PICTURE = Path(__file__).with_suffix(".png")
ENCODING, DECODING, DATA = plotting.BLUE, plotting.RED, plotting.BLACK
FILL = {ENCODING: "#D6E8F5", DECODING: "#FBE3D2", DATA: "#EEEEEE"}

# Lengths are in inches: one unit of the axes is one inch of the figure.
ROWS = {"x": 0.75, "x_hat": 1.85, "read": 2.95, "encoder": 4.1, "Q": 5.2, "z": 6.45, "prior": 6.45,
        "decoder": 7.7, "write": 8.8, "c": 9.9, "P": 11.0}  # fmt: skip
WIDTH, HEIGHT, RADIUS = 2.4, 0.66, 0.36  # of a box, and of the circle around z
VAE, COLUMNS, LAST = 2.05, (7.5, 11.7, 15.9), 20.0  # where the columns' centres are
C_LINE, H_LINE = -2.55, -2.15  # left of a column: where c and h_dec of the step before come down
START = COLUMNS[0] - COLUMNS[1] + WIDTH / 2  # where the column before ends


class Arrow(NamedTuple):
    """An arrow of one step: its equation, source, target and way, x counted from the step's centre.

    A source "before ..." is that of the step before.
    """

    equation: int
    source: str
    target: str
    colour: str
    way: tuple


def up(equation, source, target, colour, x=0.0):
    """A straight Arrow from the top of one row to the bottom of a higher one."""
    start, end = (RADIUS if row == "z" else HEIGHT / 2 for row in (source, target))
    return Arrow(equation, source, target, colour, ((x, ROWS[source] + start), (x, ROWS[target] - end)))


def across(equation, source, target, colour, y=0.0):
    """A straight Arrow from the step before, `y` above the row's middle."""
    y += ROWS[target]
    return Arrow(equation, source, target, colour, ((START, y), (-WIDTH / 2, y)))


def down(equation, source, target, x, y=0.0):
    """An Arrow from the step before that comes down at `x` and enters `y` above the row's middle."""
    top = ROWS[source.removeprefix("before ")]
    y += ROWS[target]
    return Arrow(equation, source, target, ENCODING, ((x, top), (x, y), (-WIDTH / 2, y)))


STEP = (
    up(3, "x", "x_hat", ENCODING, -0.5),
    down(3, "before c", "x_hat", C_LINE),
    up(4, "x", "read", ENCODING, 0.85),
    up(4, "x_hat", "read", ENCODING, -0.5),
    down(4, "before decoder", "read", H_LINE),
    up(5, "read", "encoder", ENCODING),
    down(5, "before decoder", "encoder", H_LINE, y=0.16),
    across(5, "before encoder", "encoder", ENCODING, -0.16),
    up(6, "encoder", "Q", ENCODING),
    up(6, "Q", "z", ENCODING),
    across(7, "before decoder", "decoder", DECODING),
    up(7, "z", "decoder", DECODING),
    up(8, "decoder", "write", DECODING),
    across(8, "before c", "c", DECODING),
    up(8, "write", "c", DECODING),
)
PRIOR = Arrow(13, "prior", "z", DECODING, ((-0.7, ROWS["z"]), (-RADIUS, ROWS["z"])))
VAE_ARROWS = (("x", "encoder", ENCODING), ("encoder", "Q", ENCODING), ("Q", "z", ENCODING),
              ("z", "decoder", DECODING), ("decoder", "P", DECODING))  # fmt: skip


def box(axes, x, row, text, colour, width=WIDTH, equation=None):
    """A labelled box around (x, the row's middle), the number of its equation in its corner."""
    left, bottom = x - width / 2, ROWS[row] - HEIGHT / 2
    shape = FancyBboxPatch((left, bottom), width, HEIGHT, boxstyle="round,pad=0,rounding_size=0.12", zorder=3)
    shape.set(facecolor=FILL[colour], edgecolor=colour, linewidth=2)
    axes.add_patch(shape)
    axes.text(x, ROWS[row], text, ha="center", va="center", fontsize=19, zorder=4)
    if equation:
        axes.text(left + width - 0.06, bottom + 0.06, f"({equation})", ha="right", fontsize=13, zorder=4)


def line(axes, xs, ys, colour, dashed=False):
    """An arrow along a polyline; a straight one has a white rim and so passes over the lines it crosses."""
    (body,) = axes.plot(xs, ys, "--" if dashed else "-", color=colour, linewidth=2.5, zorder=2)
    if len(xs) == 2:
        body.set_path_effects([patheffects.Stroke(linewidth=7, foreground="white"), patheffects.Normal()])
    head = {"arrowstyle": "-|>", "mutation_scale": 24, "color": colour, "linewidth": 0, "shrinkB": 0}
    axes.annotate("", (xs[-1], ys[-1]), (xs[-2], ys[-2]), arrowprops=head, zorder=2)


def draw_arrow(axes, x, arrow):
    """Draw an Arrow of the column around `x`, with a dot where it branches off another one."""
    xs, ys = [x + offset for offset, _ in arrow.way], [y for _, y in arrow.way]
    line(axes, xs, ys, arrow.colour, dashed=arrow.source == "prior")
    if len(xs) == 3:
        axes.plot(xs[0], ys[0], "o", color=arrow.colour, markersize=10, zorder=3)


def draw_code(axes, x, text, prior):
    """The sampled code z in a circle, and the prior that it comes from when generating."""
    circle = Circle((x, ROWS["z"]), RADIUS, facecolor="white", edgecolor="black", linewidth=2, zorder=3)
    axes.add_patch(circle)
    axes.text(x, ROWS["z"], text, ha="center", va="center", fontsize=19, zorder=4)
    box(axes, x - 1.25, "prior", prior, DECODING, width=1.1)
    draw_arrow(axes, x, PRIOR)


def draw_vae(axes, x):
    """The left of the figure, its one column around `x`."""
    box(axes, x, "x", "image $x$", DATA)
    box(axes, x, "encoder", "encoder", ENCODING)
    box(axes, x, "Q", "$Q(z|x)$", ENCODING)
    draw_code(axes, x, "$z$", "$P(z)$")
    box(axes, x, "decoder", "decoder", DECODING)
    box(axes, x, "P", "$P(x|z)$", DECODING)
    for source, target, colour in VAE_ARROWS:
        draw_arrow(axes, x, up(None, source, target, colour))


def draw_step(axes, x, before, now):
    """One step of DRAW around `x`; `before` and `now` are the names of the last step and of this one."""
    box(axes, x, "x", "image $x$", DATA)
    box(axes, x - 0.5, "x_hat", f"$\\hat{{x}}_{{{now}}}$", ENCODING, WIDTH - 1, equation=3)
    box(axes, x, "read", "read", ENCODING, equation=4)
    box(axes, x, "encoder", "encoder RNN", ENCODING, equation=5)
    box(axes, x, "Q", f"$Q(z_{{{now}}}|x, z_{{1:{before}}})$", ENCODING)
    draw_code(axes, x, f"$z_{{{now}}}$", f"$P(z_{{{now}}})$")
    axes.text(x + RADIUS + 0.1, ROWS["z"], "(6), (13)", va="center", fontsize=13)
    box(axes, x, "decoder", "decoder RNN", DECODING, equation=7)
    box(axes, x, "write", "write", DECODING)
    box(axes, x, "c", f"canvas $c_{{{now}}}$", DECODING, equation=8)
    for arrow in STEP:
        draw_arrow(axes, x, arrow)
    for row, letter, name in ("read", "r", ""), ("encoder", "h", "enc"), ("decoder", "h", "dec"):
        axes.text(x + 0.1, ROWS[row] + 0.56, state(letter, now, name), va="center", fontsize=17)
    for row, y, name in ("encoder", -0.48, "enc"), ("decoder", 0.32, "dec"):
        axes.text(x - 1.65, ROWS[row] + y, state("h", before, name), ha="center", va="center", fontsize=17)


def state(letter, step, name):
    """The paper's symbol for what is passed on, such as h_t^enc."""
    return f"${letter}_{{{step}}}^{{\\mathrm{{{name}}}}}$"


def draw_ends(axes):
    """What goes on to the left and right of the steps shown, as far as P(x | z_1:T)."""
    first, last = COLUMNS[0] + START, COLUMNS[-1] + WIDTH / 2
    for row, y, colour in ("c", 0, DECODING), ("decoder", 0, DECODING), ("encoder", -0.16, ENCODING):
        y += ROWS[row]
        line(axes, (last, last + 0.5), (y, y), colour)
        for x in (first - 0.2, last + 0.7):
            axes.text(x, y, "\N{MIDLINE HORIZONTAL ELLIPSIS}", ha="center", va="center", fontsize=22)
    line(axes, (last + 0.9, LAST - 0.9), (ROWS["c"],) * 2, DECODING)
    box(axes, LAST, "c", "canvas $c_T$", DECODING, width=1.8)
    box(axes, LAST, "P", "$P(x|z_{1:T})$", DECODING, width=2.2)
    draw_arrow(axes, LAST, up(None, "c", "P", DECODING))


def draw_legend(axes, x, y):
    """What the arrows' colours and the small numbers mean, in lines from (x, y) downwards."""
    for colour, dashed, text in (
        (DECODING, False, "generating and inferring"),
        (DECODING, True, "generating: $z$ from the prior"),
        (ENCODING, False, "inferring: $z$ from $Q$"),
    ):
        line(axes, (x, x + 0.7), (y, y), colour, dashed)
        axes.text(x + 0.85, y, text, va="center", fontsize=16)
        y -= 0.5
    axes.text(x + 0.35, y, "(3)", ha="center", va="center", fontsize=13)
    axes.text(x + 0.85, y, "equation of the paper", va="center", fontsize=16)


def draw():
    """The whole figure."""
    width, height = 21.6, 12.2
    figure = plt.figure(figsize=(width, height), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    edges = 0.2, (ROWS["Q"] + ROWS["z"]) / 2, 11.55
    names = (ENCODING, "encoding (inference)"), (DECODING, "decoding (generative model)")
    centred = {"ha": "center", "va": "center", "fontsize": 22}
    for bottom, top, (colour, name) in zip(edges, edges[1:], names):
        axes.axhspan(bottom, top, color=FILL[colour], alpha=0.35, linewidth=0)
        axes.text(3.9, (bottom + top) / 2, name, color=colour, rotation=90, **centred)
    axes.text(VAE, 11.87, "variational auto-encoder", **centred)
    axes.text(COLUMNS[1], 11.87, "DRAW, unrolled in time \N{RIGHTWARDS ARROW}", **centred)
    draw_vae(axes, VAE)
    for x, before, now in zip(COLUMNS, ("t-2", "t-1", "t"), ("t-1", "t", "t+1")):
        draw_step(axes, x, before, now)
    draw_ends(axes)
    draw_legend(axes, 17.4, 3.2)
    return figure


def main(path):
    save_figure(draw(), path, dpi=100)


if __name__ == "__main__":
    run(main, PICTURE)
