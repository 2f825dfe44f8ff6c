"""Figure 7: MNIST digits being drawn without attention: a blurred image that is sharpened as a whole.

A row is one digit, from left to right its canvas after more and more steps. Every step writes on the whole canvas, so
there are no rectangles. The first samples of a fixed seed are shown, none left out.

Run `python figures/figure_07.py [FILE.png]`; the default is figure_07.png beside this script.
"""

from pathlib import Path

from _script import run, save_strip

PICTURE = Path(__file__).with_suffix(".png")
WEIGHTS = "mnist-no-attention"
SEED, COUNT, COLUMNS = 1, 8, 12


def main(path):
    save_strip(path, WEIGHTS, COUNT, SEED, COLUMNS, animated=False)


if __name__ == "__main__":
    run(main, PICTURE)
