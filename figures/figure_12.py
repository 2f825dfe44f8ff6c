"""Figure 12: generated CIFAR images; on the right the training images nearest to those of the last generated column.

Generated are the means sigma(c_T). The nearest of all 45,000 training images, by the L2 distance of their pixels, is
shown; without CIFAR-10 on this machine that column is left out. The first samples of a fixed seed are shown, none left
out.

Run `python figures/figure_12.py [FILE.png]`; the default is figure_12.png beside this script.
"""

from pathlib import Path

from _neighbours import is_here, nearest, training_blocks
from _script import complain, drawn, run, save_figure, show_beside

PICTURE = Path(__file__).with_suffix(".png")
WEIGHTS = DATASET = "cifar10"
SEED, ROWS, COLUMNS = 0, 8, 12


def main(path):
    images, neighbours = drawn(WEIGHTS, ROWS * COLUMNS, SEED)[1][-1], None
    if is_here(DATASET):
        neighbours, _ = nearest(images[COLUMNS - 1 :: COLUMNS], training_blocks(DATASET))
    else:
        complain(f"the nearest training images are left out: run python -m draw_np datasets fetch {DATASET}")
    save_figure(show_beside(images, COLUMNS, neighbours), path)


if __name__ == "__main__":
    run(main, PICTURE)
