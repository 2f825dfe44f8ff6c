"""Can the house numbers be read? A classifier says so of what `svhn` draws, of its reconstructions and of photographs.

The classifier is the project's own (section 4.1): it takes a few glimpses of 54 x 54 pixels and names the leftmost
digit. It is not shown colours, but what is lighter than the image's mean, and what is darker, as two channels, measured
in the image's own contrast: so dark digits on light ground are as easy as light on dark, and few photographs teach
more. It learns from pieces of the training photographs at random places and their labels, never from a sample, by
`python figures/house_numbers.py --train FOLDER` (resumable), which leaves its weights in house_numbers.npz.

Run `python figures/house_numbers.py [FILE.md]`; the default is house_numbers.md beside this script. It prints the table
too. Where SVHN is not on this machine, the table stays as it is.
"""

from pathlib import Path

import _reading
from _neighbours import is_here
from _script import complain, finished, reconstructed, run, save_table

import numpy as np

from draw_np import datasets
from draw_np.datasets import DatasetError, Split, svhn
from draw_np.models import glimpse_classifier
from draw_np.training.data import Made
from draw_np.training.recipe import Phase, Ramp, Recipe, Run

TABLE, WEIGHTS = (Path(__file__).with_suffix(ending) for ending in (".md", ".npz"))
COUNT, SEED, SQUARE = 1000, 0, 9  # images, and pixels of the squares that the control is cut into
RANGE = 2.5  # standard deviations that are told apart
PHASES = Phase(200, Ramp(0.0, 1e-3)), Phase(1_800, 1e-3), Phase(10_000, Ramp(1e-3, 0.0))


def light_and_dark(images):
    """What is lighter than each image's mean and what is darker, (count, height, width, 2), of colour images.

    In units of RANGE standard deviations of the image's grey levels; what is more is cut off at 1.
    """
    grey = images.mean(axis=-1)
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    grey /= RANGE * grey.std(axis=(1, 2), keepdims=True) + 1e-6  # of one colour, it is neither
    return np.clip(np.stack([grey, -grey], axis=-1), 0, 1)


def leftmost(split):
    """The leftmost digits of a split, (count,). Raises DatasetError where they are not here."""
    digits = svhn.digits(split)
    if digits is None:
        raise DatasetError(f"{svhn.digits_path(split)} is not there, the digits of the numbers: fetch svhn anew")
    return digits[:, 0].astype(np.int64)


def sample(rng, count):
    """New pieces of training photographs, one half turned from light to dark, with their leftmost digits."""
    pixels = datasets.raw("svhn", "train")
    chosen = np.sort(rng.integers(len(pixels), size=count))
    images = light_and_dark(datasets.augment("svhn", pixels[chosen], rng))
    turned = rng.random(count) < 0.5
    images[turned] = images[turned][..., ::-1]
    return Split(images, leftmost("train")[chosen])


def fixed(split):
    """The centres of the photographs of a split, as the classifier is shown them, with their leftmost digits."""
    return Split(light_and_dark(datasets.load("svhn", split).images), leftmost(split))


def reader_run():
    """How the classifier is trained."""
    config = glimpse_classifier.Config(54, 54, channels=2, steps=6, hidden=256, read_size=12)
    recipe = Recipe(PHASES, clip=5.0, lstm_clip=0.3, validation_images=1000)  # clipped, it learns faster
    return Run("house numbers", "glimpse_classifier", config, Made(sample, fixed("valid"), "svhn"), recipe)


def table():
    """The table as Markdown."""
    real, digits = datasets.load("svhn", "test", COUNT).images, leftmost("test")[:COUNT]
    shown = {
        "samples of `svhn`": finished("svhn", COUNT, SEED),
        "reconstructions of test photographs": reconstructed("svhn", real, SEED),
        "test photographs": real,
        f"test photographs in squares of {SQUARE} x {SQUARE}, shuffled": _reading.shuffled(real, SQUARE),
        "clouds of the same spectra as the test photographs": _reading.random_phases(real),
    }
    read = {name: _reading.probabilities(WEIGHTS, light_and_dark(images)) for name, images in shown.items()}
    lines = [_reading.HEAD, *(_reading.row(name, p.max(axis=1)) for name, p in read.items())]
    right = {name: f"{np.mean(p.argmax(axis=1) == digits):.1%}" for name, p in read.items() if len(p) == len(digits)}
    return f"""# Can house numbers be read?

{chr(10).join(lines)}

p is the probability that a classifier gives to the digit that it holds for the likeliest to be the leftmost, of ten. It
takes {reader_run().config.steps} glimpses of 12 x 12 and has learned from the labels of training photographs alone. Of
these test photographs it names {right["test photographs"]} right, of their reconstructions
{right["reconstructions of test photographs"]}. It was never shown what is no digit, so it is sure of some of that too:
the last two rows are controls, and the last has the photographs' waves, each as strong as it is there, shifted at
random. The samples are the first {COUNT:,} of seed {SEED}, the means sigma(c_T). Standard errors of the shares are at
most {np.sqrt(0.25 / len(real)):.3f}. How near the samples are to what was trained on, [copying.md](copying.md) tells.
"""


def main(path):
    if not is_here("svhn"):
        return complain(f"{path} stays as it is: run python -m draw_np datasets fetch svhn to measure it")
    save_table(table(), path)


if __name__ == "__main__":
    run(main, TABLE, lambda folder: _reading.train_classifier(reader_run(), folder, WEIGHTS))
