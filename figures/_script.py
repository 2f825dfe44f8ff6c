"""What the scripts of this folder share: what they do with the command line, how they draw digits and save pictures."""

import os
import sys
from pathlib import Path

os.environ["MPLBACKEND"] = "agg"  # before Matplotlib is imported: these scripts open no window, whatever a user's does

import numpy as np
from matplotlib import pyplot as plt

from draw_np import equations, load_pretrained, plotting
from draw_np.models import draw
from draw_np.training.checkpoint import CheckpointError


def run(main, default):
    """Call `main` with the file of the command line, else with `default`, in the project's style.

    Weights that are missing or damaged, and a file that cannot be written, end the script with one line.
    """
    script = f"{Path(default).stem}.py"
    if len(sys.argv) > 2:
        sys.exit(f"usage: python figures/{script} [FILE{Path(default).suffix}]")
    plotting.use_style()
    try:
        main(*(sys.argv[1:] or [default]))
    except (CheckpointError, OSError) as error:
        sys.exit(f"{script}: {error}")


def drawn(weights, count, seed):
    """Draw `count` images with the shipped weights of this name.

    Returns the configuration, the means of the canvas after every step, of shape (steps, count, height, width), and the
    windows that the steps wrote through, None without attention. Raises CheckpointError.
    """
    params, config = load_pretrained(weights)
    noise = draw.sample_noise(config, count, np.random.default_rng(seed))
    canvases, windows = draw.generate(params, config, noise)
    return config, equations.pixel_means(canvases), windows


def save_figure(figure, path, **options):
    """Save a figure of Matplotlib, forget it and say where it is. Raises OSError."""
    with plotting.naming(path):
        figure.savefig(path, **options)
    plt.close(figure)
    print(path)


def save_table(text, path):
    """Save a table, print it and say where it is. Raises OSError."""
    with plotting.naming(path):
        Path(path).write_text(text, encoding="utf-8")
    print(text, path, sep="\n")
