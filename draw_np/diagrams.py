"""Diagrams of how numbers flow: one step of an LSTM, one step of DRAW without its attention's details.

Each function makes a Figure and returns it, for a notebook to show. `figures/figure_02.py` has DRAW unrolled in time.
"""

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from .plotting import BLACK, BLUE, GREEN, LOOK, ORANGE, RED

FILL = {BLUE: "#D6E8F5", RED: "#FBE3D2", GREEN: "#D5EFE6", ORANGE: "#FBEFCF", BLACK: "#F0F0F0"}
RADIUS = 0.27  # of a circle; one unit of the axes is one inch of the figure


def canvas(width, height):
    """A Figure of so many inches, and its empty axes, where one unit is one inch."""
    with plt.style.context(LOOK):
        figure = Figure(figsize=(width, height), layout="none")
        axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def box(axes, x, y, text, colour=BLACK, width=1.2, note=""):
    """A labelled box around (x, y), and a note in small letters below it."""
    shape = FancyBboxPatch((x - width / 2, y - 0.3), width, 0.6, boxstyle="round,pad=0,rounding_size=0.1", zorder=3)
    shape.set(facecolor=FILL[colour], edgecolor=colour, linewidth=2)
    axes.add_patch(shape)
    axes.text(x, y, text, ha="center", va="center", fontsize=15, zorder=4)
    axes.text(x, y - 0.36, note, ha="center", va="top", fontsize=11, zorder=4)


def circle(axes, x, y, text):
    """A small circle around (x, y): what is done with the numbers that arrive."""
    axes.add_patch(Circle((x, y), RADIUS, facecolor="white", edgecolor=BLACK, linewidth=2, zorder=3))
    axes.text(x, y, text, ha="center", va="center", fontsize=15, zorder=4)


def arrow(axes, *points, colour=BLACK, dashed=False):
    """An arrow along the points, each (x, y)."""
    axes.plot(*zip(*points), "--" if dashed else "-", color=colour, linewidth=2, zorder=1)
    head = {"arrowstyle": "-|>", "mutation_scale": 18, "color": colour, "linewidth": 0, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], points[-2], arrowprops=head, zorder=2)


def lstm():
    """One step of an LSTM: i, f, o and g from x_t and h_{t-1}, then s_t = f s_{t-1} + i g and h_t = o tanh(s_t)."""
    figure, axes = canvas(13, 5.2)
    columns = {"f": 3.0, "i": 5.0, "g": 6.6, "o": 8.8}
    names = {"f": "forget gate", "i": "input gate", "g": "candidate", "o": "output gate"}
    axes.plot([0.9, columns["o"]], [0.9, 0.9], color=BLACK, linewidth=2)
    axes.text(0.1, 1.15, "$x_t$ and $h_{t-1}$", va="center", fontsize=17)
    for name, x in columns.items():
        colour, bend = (ORANGE, r"\tanh") if name == "g" else (BLUE, r"\sigma")
        arrow(axes, (x, 0.9), (x, 1.7))
        box(axes, x, 2.0, f"${name} = {bend}(a_{name})$", colour, width=1.5)
        axes.text(x + 0.1, 1.32, names[name], va="center", fontsize=12)
    arrow(axes, (columns["f"], 2.3), (columns["f"], 4.2 - RADIUS))
    arrow(axes, (columns["i"], 2.3), (columns["i"], 3.1), (5.8 - RADIUS, 3.1))
    arrow(axes, (columns["g"], 2.3), (columns["g"], 3.1), (5.8 + RADIUS, 3.1))
    arrow(axes, (5.8, 3.1 + RADIUS), (5.8, 4.2 - RADIUS))
    arrow(axes, (0.9, 4.2), (columns["f"] - RADIUS, 4.2), colour=RED)
    arrow(axes, (columns["f"] + RADIUS, 4.2), (5.8 - RADIUS, 4.2), colour=RED)
    arrow(axes, (5.8 + RADIUS, 4.2), (12.0, 4.2), colour=RED)
    arrow(axes, (10.6, 4.2), (10.6, 3.5), colour=RED)
    box(axes, 10.6, 3.2, r"$\tanh$", ORANGE, width=0.9)
    arrow(axes, (10.6, 2.9), (10.6, 2.0 + RADIUS))
    arrow(axes, (columns["o"] + 0.75, 2.0), (10.6 - RADIUS, 2.0))
    arrow(axes, (10.6 + RADIUS, 2.0), (12.0, 2.0))
    for x, y in (columns["f"], 4.2), (5.8, 3.1), (10.6, 2.0):
        circle(axes, x, y, r"$\times$")
    circle(axes, 5.8, 4.2, "$+$")
    for x, y, text in (0.1, 4.2, "$s_{t-1}$"), (12.15, 4.2, "$s_t$"), (12.15, 2.0, "$h_t$"):
        axes.text(x, y, text, va="center", fontsize=18)
    axes.text(7.4, 4.45, "the memory cell: no matrix on this way", ha="left", fontsize=13, color=RED)
    axes.text(
        0.1, 0.3, r"pre-activations: $a = W x_t + U h_{t-1} + b$, rows of its own for each of the four", fontsize=13
    )
    return figure


def draw_loop():
    """One step of DRAW, Fig 2 right rolled up: what it looks at, what it says, what it draws, and what comes back."""
    figure, axes = canvas(16.5, 5.0)
    y, places = 2.3, {"x": 0.9, "x_hat": 3.0, "read": 5.0, "encoder": 7.0, "Q": 9.0, "z": 10.7, "decoder": 12.3}
    places |= {"write": 14.0, "c": 15.7}
    axes.axvspan(1.9, 9.9, color=FILL[BLUE], alpha=0.35, linewidth=0)
    axes.axvspan(9.9, 16.5, color=FILL[RED], alpha=0.35, linewidth=0)
    axes.text(5.9, 4.75, "looking: only where there is an image", ha="center", va="center", fontsize=14, color=BLUE)
    axes.text(13.2, 4.75, "drawing", ha="center", va="center", fontsize=14, color=RED)
    box(axes, places["x"], y, "image $x$")
    box(axes, places["x_hat"], y, r"$x - \sigma(c_{t-1})$", BLUE, 1.5, r"error image $\hat{x}_t$, Eq. 3")
    box(axes, places["read"], y, "read", BLUE, note="$r_t$, Eq. 4")
    box(axes, places["encoder"], y, "encoder", BLUE, note="LSTM, Eq. 5")
    box(axes, places["Q"], y, r"$\mu_t, \sigma_t$", BLUE, note="Eq. 1, 2")
    circle(axes, places["z"], y, "$z_t$")
    axes.text(places["z"], y + 0.38, "Eq. 6", ha="center", fontsize=11)
    box(axes, places["decoder"], y, "decoder", RED, note="LSTM, Eq. 7")
    box(axes, places["write"], y, "write", RED, note="Eq. 18")
    box(axes, places["c"], y, "$+$ canvas", RED, 1.3, "$c_t$, Eq. 8")
    row, half = list(places), {"z": RADIUS, "x_hat": 0.75, "c": 0.65}
    for before, after in zip(row, row[1:]):
        start, end = places[before] + half.get(before, 0.6), places[after] - half.get(after, 0.6)
        arrow(axes, (start, y), (end, y), colour=RED if start > 10 else BLUE)
    bottom, right = y - 0.3, places["read"] + 0.45
    arrow(axes, (places["x"], bottom), (places["x"], 1.1), (right, 1.1), (right, bottom), colour=BLUE)
    box(axes, places["z"], 0.7, "prior $N(0, 1)$", RED, 1.7)
    when = "takes the place of $\\mu_t, \\sigma_t$ when the\nmodel draws on its own, Eq. 13"
    axes.text(places["z"] + 1.0, 0.7, when, va="center", fontsize=12)
    arrow(axes, (places["z"], 1.0), (places["z"], y - RADIUS), colour=RED, dashed=True)
    top = y + 0.3
    arrow(axes, (places["c"], top), (places["c"], 4.2), (places["x_hat"], 4.2), (places["x_hat"], top))
    axes.text(7.6, 4.24, "the canvas so far, $c_{t-1}$ in the next step", fontsize=13, ha="center", va="bottom")
    for name in "read", "encoder":
        arrow(axes, (places["decoder"], top), (places["decoder"], 3.5), (places[name], 3.5), (places[name], top))
    axes.text(9.0, 3.54, r"what the decoder said, $h^{dec}_{t-1}$", fontsize=13, ha="center", va="bottom")
    return figure
