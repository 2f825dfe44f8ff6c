"""Can the house numbers be read? A classifier says so of what `svhn` draws, of its reconstructions and of photographs.

The classifier is the project's own (section 4.1): it takes a few glimpses of 54 x 54 pixels and names the leftmost
digit. It is not shown colours, but what is lighter than the image's mean, and what is darker, as two channels, measured
in the image's own contrast: so dark digits on light ground are as easy as light on dark, and few photographs teach
more. It learns from pieces of the training photographs at random places and their labels, blurred more or less, and
that clouds of the same waves are no digit; never from a sample. `python figures/house_numbers.py --train FOLDER`
(resumable) trains it and leaves its weights in house_numbers.npz.

Run `python figures/house_numbers.py [FILE.md]`; the default is house_numbers.md beside this script. It prints the table
too. Where SVHN is not on this machine, the table stays as it is.
"""

from pathlib import Path

import _reading
from _neighbours import is_here
from _script import complain, finished, reconstructed, run, save_table

import numpy as np
from scipy.ndimage import gaussian_filter

from draw_np import datasets
from draw_np.datasets import DatasetError, Split, svhn
from draw_np.models import glimpse_classifier
from draw_np.training.data import Made
from draw_np.training.recipe import Phase, Ramp, Recipe, Run

TABLE, WEIGHTS = (Path(__file__).with_suffix(ending) for ending in (".md", ".npz"))
COUNT, SEED, SQUARE = 1000, 0, 9  # images, and pixels of the squares that the control is cut into
RANGE = 2.5  # standard deviations that are told apart
NO_DIGIT = 10  # the class of clouds
CLOUDS, BLUR = 1 / 8, 2.0  # the share of them in training, and the widest blur there, a Gaussian's sigma in pixels
PHASES = Phase(200, Ramp(0.0, 1e-3)), Phase(1_800, 1e-3), Phase(4_000, Ramp(1e-3, 0.0))


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
        raise DatasetError(f"{svhn.digits_path(split)} is not there: delete the .npy files beside it, and fetch svhn")
    return digits[:, 0].astype(np.int64)


def sample(rng, count):
    """New pieces of training photographs with their leftmost digits, some made clouds, all blurred more or less, one
    half turned from light to dark.
    """
    pixels = datasets.raw("svhn", "train")
    chosen = np.sort(rng.integers(len(pixels), size=count))
    images, digits = datasets.augment("svhn", pixels[chosen], rng), leftmost("train")[chosen]
    clouds = rng.random(count) < CLOUDS
    images[clouds], digits[clouds] = _reading.random_phases(images[clouds], rng.integers(2**32)), NO_DIGIT
    sigmas = rng.uniform(0, BLUR, count)
    blurred = np.stack([gaussian_filter(image, (sigma, sigma, 0)) for image, sigma in zip(images, sigmas)])
    seen = light_and_dark(blurred)
    turned = rng.random(count) < 0.5
    seen[turned] = seen[turned][..., ::-1]
    return Split(seen, digits)


def fixed(split):
    """The centres of the photographs of a split, as the classifier is shown them, with their leftmost digits."""
    return Split(light_and_dark(datasets.load("svhn", split).images), leftmost(split))


def reader_run():
    """How the classifier is trained."""
    config = glimpse_classifier.Config(54, 54, channels=2, steps=6, hidden=256, read_size=12, classes=NO_DIGIT + 1)
    recipe = Recipe(PHASES, clip=5.0, lstm_clip=0.3, validation_images=1000)  # clipped, it learns faster
    return Run("house numbers", "glimpse_classifier", config, Made(sample, fixed("valid"), "svhn"), recipe)


def probabilities(images):
    """How likely each of the ten digits is for the classifier in colour images, (count, 10): the rest is for none."""
    return _reading.probabilities(WEIGHTS, light_and_dark(images))[:, :NO_DIGIT]


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
    read = {name: probabilities(images) for name, images in shown.items()}
    lines = [_reading.HEAD, *(_reading.row(name, p.max(axis=1)) for name, p in read.items())]
    right = {name: f"{np.mean(p.argmax(axis=1) == digits):.1%}" for name, p in read.items() if len(p) == len(digits)}
    return f"""# Can house numbers be read?

{chr(10).join(lines)}

p is the probability that a classifier gives to the digit that it holds for the likeliest to be the leftmost, of ten and
of no digit at all. It takes {reader_run().config.steps} glimpses of 12 x 12 and has learned from training photographs
alone: from their labels, blurred by up to {BLUR:g} pixels, and from clouds made of them, which are no digit. Asked for
one of the ten, it names {right["test photographs"]} of these test photographs right, and
{right["reconstructions of test photographs"]} of their reconstructions. The last two rows are controls: squares it was
never shown; clouds have the photographs' waves, each as strong as it is there, shifted at random. The samples are the
first {COUNT:,} of seed {SEED}, the means sigma(c_T). Standard errors of the shares are at most
{np.sqrt(0.25 / len(real)):.3f}. How near the samples are to what was trained on, [copying.md](copying.md) tells.
"""


def main(path):
    if not is_here("svhn"):
        return complain(f"{path} stays as it is: run python -m draw_np datasets fetch svhn to measure it")
    save_table(table(), path)


if __name__ == "__main__":
    run(main, TABLE, lambda folder: _reading.train_classifier(reader_run(), folder, WEIGHTS))
