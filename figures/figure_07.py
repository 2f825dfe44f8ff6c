"""Figure 7: MNIST digits being drawn without attention: a blurred image that is sharpened as a whole.

A row is one digit, from left to right its canvas after more and more steps. Every step writes on the whole canvas, so
there are no rectangles. The first samples of a fixed seed are shown, none left out.

Run `python figures/figure_07.py [FILE.png]`; the default is figure_07.png beside this script.
"""

import sys
from pathlib import Path

import numpy as np

from draw_np import equations, load_pretrained, plotting
from draw_np.models import draw
from draw_np.training.checkpoint import CheckpointError

PICTURE = Path(__file__).with_suffix(".png")
WEIGHTS = "mnist-no-attention"
SEED, COUNT, COLUMNS = 1, 8, 12


def drawn(params, config, count=COUNT):
    """Draw `count` digits: the canvases' means after every step, of shape (steps, count, height, width)."""
    noise = draw.sample_noise(config, count, np.random.default_rng(SEED))
    return equations.pixel_means(draw.generate(params, config, noise).canvases)


def main(path=PICTURE):
    try:
        params, config = load_pretrained(WEIGHTS)
    except CheckpointError as error:
        sys.exit(f"{Path(__file__).name}: {error}")
    plotting.save_film_strip(path, drawn(params, config), steps_shown=COLUMNS)
    print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
