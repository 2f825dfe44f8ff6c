"""Figure 6: generated MNIST images; on the right the training images nearest to those of the last generated column.

Generated are the means sigma(c_T), although the network was trained on binary samples. The fixed binarized training
set was made of 50,000 of MNIST's 60,000 training digits; the nearest of all 60,000, by the L2 distance of their pixels,
is shown in its grey levels. The first samples of a fixed seed are shown, none left out.

Run `python figures/figure_06.py [FILE.png]`; the default is figure_06.png beside this script.
"""

from pathlib import Path

from _neighbours import nearest
from _script import drawn, run, save_figure, show_beside

import numpy as np

from draw_np import datasets

PICTURE = Path(__file__).with_suffix(".png")
WEIGHTS = "mnist"
SEED, ROWS, COLUMNS = 0, 10, 12


def training_images():
    """All 60,000 training digits of MNIST, (count, 28, 28); 10,000 of them are `datasets`' validation images."""
    return np.concatenate([datasets.load("mnist", split).images for split in ("train", "valid")])


def main(path):
    images = drawn(WEIGHTS, ROWS * COLUMNS, SEED)[1][-1]
    neighbours, _ = nearest(images[COLUMNS - 1 :: COLUMNS], [training_images()])
    save_figure(show_beside(images, COLUMNS, neighbours), path)


if __name__ == "__main__":
    run(main, PICTURE)
