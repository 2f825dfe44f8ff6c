"""Figure 1: MNIST digits being drawn, as a film strip and as an animation.

A row is one digit, from left to right its canvas after more and more steps. The red rectangle is the window that the
step wrote through. The first samples of a fixed seed are shown, none left out.

Run `python figures/figure_01.py [FILE.png]`; the default is figure_01.png beside this script. FILE.gif is written too.
"""

import sys
from pathlib import Path

import numpy as np

from draw_np import equations, load_pretrained, plotting
from draw_np.models import draw
from draw_np.training.checkpoint import CheckpointError

PICTURE = Path(__file__).with_suffix(".png")
WEIGHTS = "mnist"
SEED, COUNT, COLUMNS = 1, 8, 12


def drawn(params, config, count=COUNT):
    """Draw `count` digits: the canvases' means (steps, count, height, width) and the write windows."""
    noise = draw.sample_noise(config, count, np.random.default_rng(SEED))
    canvases, windows = draw.generate(params, config, noise)
    return equations.pixel_means(canvases), windows


def main(path=PICTURE):
    try:
        params, config = load_pretrained(WEIGHTS)
    except CheckpointError as error:
        sys.exit(f"{Path(__file__).name}: {error}")
    probabilities, windows = drawn(params, config)
    animation = Path(path).with_suffix(".gif")
    plotting.save_film_strip(path, probabilities, windows, config.write_size, COLUMNS)
    plotting.save_animation(animation, probabilities, windows, config.write_size)
    print(path, animation, sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
