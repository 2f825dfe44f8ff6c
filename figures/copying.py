"""Does DRAW copy what it was trained on? How near house numbers and photographs are to the nearest training images.

Compared are samples, reconstructions of test images, and the test images themselves, by the L2 distance of their pixels
to all training images, house numbers in nine pieces each (see _neighbours.py). Where the images are not on this
machine, the table stays as it is. On one core it takes minutes; of the whole of SVHN, an hour.

Run `python figures/copying.py [FILE.md]`; the default is copying.md beside this script. It prints the table too.
"""

from pathlib import Path

from _neighbours import is_here, nearest, training_blocks
from _script import complain, finished, reconstructed, run, save_table

import numpy as np

from draw_np import datasets, load_pretrained, pretrained

TABLE = Path(__file__).with_suffix(".md")
NAMES = "svhn", "cifar10"  # of data sets, and of the weights that were trained on them
COUNT, SEED, CLOSE = 1000, 0, 1  # percent


def distances(name):
    """{what: distances (count,)} to the nearest training images."""
    real = datasets.load(name, "test", COUNT).images
    compared = {
        f"samples of `{name}`": finished(name, COUNT, SEED),
        "reconstructions of test images": reconstructed(name, real, SEED),
        "test images": real,
    }
    _, found = nearest(np.concatenate(list(compared.values())).astype(np.float32), training_blocks(name))
    return dict(zip(compared, np.split(found, np.cumsum([len(images) for images in compared.values()])[:-1])))


def rows(name):
    """The rows of one data set: the median distance, and the share nearer than the test images are."""
    found = distances(name)
    typical, close = np.percentile(found["test images"], [50, CLOSE])
    lines = []
    for what, each in found.items():
        cells = f"{len(each):,} {what}", f"{np.median(each):.4f}", f"{np.mean(each < typical):.3f}"
        lines.append(f"| {' | '.join((*cells, f'{np.mean(each < close):.3f}'))} |")
    return [*lines, f"| - of {len(datasets.raw(name, 'train')):,} training images of `{name}` | | | |"]


def table(names):
    """The table as Markdown."""
    head = f"| | distance, median | nearer than the median test image | than the nearest {CLOSE} % of test images |"
    lines = [head, "|---|---|---|---|", *(line for name in names for line in rows(name))]
    return f"""# How near are the nearest training images?

{chr(10).join(lines)}

A distance is the root of the mean squared difference of the pixels, from 0 to 1, to the nearest of all training images;
of a house number to the nearest of nine pieces of each. A network that copied would draw images at a distance of nearly
0, and so have a large share in the last column. Blurred images lie nearer to all others than sharp ones do, so the
samples are to be compared with the reconstructions, which are as blurred and of images that were not trained on. The
samples are the first {COUNT:,} of seed {SEED}, the means sigma(c_T).
"""


def main(path):
    names = [name for name in NAMES if name in pretrained.names()]
    if not names:
        load_pretrained(NAMES[0])  # says that there are none
    away = [name for name in names if not is_here(name)]
    if away:
        return complain(f"{path} stays as it is: run python -m draw_np datasets fetch {away[0]} to measure it")
    save_table(table(names), path)


if __name__ == "__main__":
    run(main, TABLE)
