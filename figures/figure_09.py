"""Figure 9: generated house numbers, and how far those of the last column are from the nearest training images.

Generated are the means sigma(c_T), the first samples of a fixed seed, none left out. The distance is the L2 distance
as a root mean square over the pixels, the smallest to all training images, each in nine pieces (see _neighbours.py).
No picture of SVHN may be published here, so these distances stand where the paper has the images; they are kept in
figure_09.json. Where SVHN is on this machine they are measured anew, and FILE_neighbours.png shows the images too.

Run `python figures/figure_09.py [FILE.png]`; the default is figure_09.png beside this script. It writes FILE.json and
FILE_neighbours.png too, where SVHN is at hand.
"""

import hashlib
import json
from pathlib import Path

from _neighbours import PLACES, is_here, nearest, training_blocks
from _script import complain, drawn, run, save_figure, show_beside

from draw_np import datasets, plotting, pretrained

PICTURE = Path(__file__).with_suffix(".png")
WEIGHTS = DATASET = "svhn"
SEED, ROWS, COLUMNS = 0, 8, 12


def weights_hash():
    """The SHA-256 of the shipped weights: distances of others are not those of what is drawn."""
    return hashlib.sha256(pretrained.find(WEIGHTS).read_bytes()).hexdigest()


def measured(images, path):
    """The nearest training images and their distances, which are written to the file `path`. Raises OSError."""
    neighbours, distances = nearest(images, training_blocks(DATASET))
    found = {
        "distances": [round(float(distance), 4) for distance in distances],
        "training_images": len(datasets.raw(DATASET, "train")),
        "pieces": len(PLACES),
        "weights": weights_hash(),
    }
    with plotting.naming(path):
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(path)
    return neighbours, found["distances"]


def kept():
    """The distances of figure_09.json, or None, and a line that says so, if they are of other weights."""
    path = PICTURE.with_suffix(".json")
    if path.exists():
        found = json.loads(path.read_text("utf-8"))
        if found["weights"] == weights_hash():
            return found["distances"]
    complain("the distances are left out: SVHN is not here, and figure_09.json has none of these weights")
    return None


def main(path):
    path = Path(path)
    images = drawn(WEIGHTS, ROWS * COLUMNS, SEED)[1][-1]
    if is_here(DATASET):
        neighbours, distances = measured(images[COLUMNS - 1 :: COLUMNS], path.with_suffix(".json"))
        beside = path.with_name(f"{path.stem}_neighbours{path.suffix}")
        save_figure(show_beside(images, COLUMNS, neighbours, distances), beside)
    else:
        distances = kept()
    save_figure(show_beside(images, COLUMNS, distances=distances), path)


if __name__ == "__main__":
    run(main, PICTURE)
