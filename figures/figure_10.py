"""Figure 10: house numbers being drawn, as a film strip and as an animation.

A row is one house number, from left to right its canvas after more and more steps. The red rectangle is the window that
the step wrote through. The first samples of a fixed seed are shown, none left out.

Run `python figures/figure_10.py [FILE.png]`; the default is figure_10.png beside this script. FILE.gif is written too.
"""

from pathlib import Path

from _script import run, save_strip

PICTURE = Path(__file__).with_suffix(".png")
WEIGHTS = "svhn"
SEED, COUNT, COLUMNS = 1, 8, 12


def main(path):
    save_strip(path, WEIGHTS, COUNT, SEED, COLUMNS)


if __name__ == "__main__":
    run(main, PICTURE)
