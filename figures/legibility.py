"""Can the digits be read? A classifier of pairs says so of what `two-digit-mnist` draws, and of real pictures.

The classifier is the project's own (section 4.1): it takes a few glimpses of a picture of 60 x 60 pixels and names the
pair of digits in it, one of 55, for the order is not asked. It was trained on pictures of the training set alone, never
on a sample, by `python figures/legibility.py --train FOLDER` (resumable), which leaves its weights in legibility.npz.

Run `python figures/legibility.py [FILE.md]`; the default is legibility.md beside this script. It prints the table too.
"""

from functools import partial
from pathlib import Path

import _reading
from _script import drawn, run, save_table

import numpy as np

from draw_np import datasets
from draw_np.datasets import Split
from draw_np.models import glimpse_classifier
from draw_np.training.data import Made
from draw_np.training.recipe import Phase, Ramp, Recipe, Run

TABLE, WEIGHTS = (Path(__file__).with_suffix(ending) for ending in (".md", ".npz"))
COUNT, SEED = 1000, 0
FIRST, SECOND = np.triu_indices(10)  # the pairs, 0 and 0 to 9 and 9
PHASES = (
    Phase(200, Ramp(0.0, 1e-3), shown={"spread": 50}),
    Phase(1_800, 1e-3, shown={"spread": Ramp(50, 100)}),
    Phase(18_000, Ramp(1e-3, 0.0)),
)


def pair_of(labels):
    """Labels (count, 2) as the numbers of pairs, (count,): the same whichever digit comes first."""
    low, high = np.sort(labels, axis=1).T
    return np.searchsorted(10 * FIRST + SECOND, 10 * low + high)


def sample(rng, count, split="train", **options):
    """Pictures of two digits with the numbers of their pairs."""
    images, labels = datasets.sample("two-digit-mnist", rng, count, split, **options)
    return Split(images, pair_of(labels))


def fixed(split):
    """The fixed pictures of a split with the numbers of their pairs."""
    images, labels = datasets.load("two-digit-mnist", split)
    return Split(images, pair_of(labels))


def pairs_run():
    """How the classifier of pairs is trained."""
    config = glimpse_classifier.Config(60, 60, steps=6, hidden=256, read_size=12, classes=len(FIRST))
    recipe = Recipe(PHASES, clip=5.0, validation_images=2000)
    return Run("pairs", "glimpse_classifier", config, Made(sample, fixed("valid"), "pairs"), recipe)


probabilities = partial(_reading.probabilities, WEIGHTS)
shuffled = partial(_reading.shuffled, side=10)


def table():
    """The table as Markdown."""
    real, pairs = fixed("test")
    read = {"samples of `two-digit-mnist`": probabilities(drawn("two-digit-mnist", COUNT, SEED)[1][-1])}
    read["test pictures"] = probabilities(real[:COUNT])
    read["test pictures in squares of 10 x 10, shuffled"] = probabilities(shuffled(real[:COUNT]))
    lines = [_reading.HEAD, *(_reading.row(name, p.max(axis=1)) for name, p in read.items())]
    right = np.mean(read["test pictures"].argmax(axis=1) == pairs[:COUNT])
    error = np.sqrt(0.25 / COUNT)
    return f"""# Can both digits be read?

{chr(10).join(lines)}

p is the probability that a classifier gives to the pair of digits that it holds for the likeliest, of 55. It takes
{pairs_run().config.steps} glimpses of 12 x 12 and has learned from pictures of the training set alone. Of these test
pictures, in which digits overlap too, it names {right:.1%} right. It was never shown what is no digit, so it is sure of
some of that too: the last row is a control. The samples are the first {COUNT:,} of seed {SEED}, the means sigma(c_T).
Standard errors of the shares are at most {error:.3f}.
"""


def main(path):
    save_table(table(), path)


if __name__ == "__main__":
    run(main, TABLE, lambda folder: _reading.train_classifier(pairs_run(), folder, WEIGHTS))
