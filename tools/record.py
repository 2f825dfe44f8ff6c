"""The training record as one page, draw_np/pretrained/README.md, made from the records of all shipped weights."""

import numpy as np

from draw_np.pretrained import load_curve, load_record, names
from draw_np.training.checkpoint import CheckpointError
from draw_np.training.presets import PRESETS

MILESTONES = {"binarized-mnist": (100, 90, 85, 82, 81.25)}  # nats on validation, each passed in so many core-hours
TITLES = {
    "draw": "DRAW",
    "vae": "variational auto-encoder (Fig 2, left)",
    "glimpse_classifier": "classifier (section 4.1)",
}
INTRODUCTION = """\
# The shipped weights and how they were trained

<!-- Made from the records NAME.json beside it by `python tools/ship.py --readme`: do not edit. -->

`load_pretrained("NAME")` gives the weights. `NAME.csv`, where the run's metrics were kept, tells how the loss fell:
epoch by epoch the mean training loss in nats, the validation bound in nats or error in percent, of the weights as they
were and of their average, of colours that of the average also above the floor, and the seconds trained so far. Training
validates on the first 2,000 validation images (5,000 cluttered ones, 1,000 two-digit ones and photographs, 500 house
numbers), so a curve ends a little off the record's `valid`, which is of more.

A bound is L = L^x + L^z of Eq 12 in nats per image, with one sample of z and seed 0, and its standard error over the
images; of a classifier it is the error in percent. Of a fixed training set every fifth image is measured, of house
numbers every 23rd, of one that is made without end 10,000 new images. -log p is estimated with K importance samples for
each image: such an estimate is above -log p on average, and nearer to it with every sample. Pixels of `binarized-mnist`
are 0 or 1; those of the others are intensities, so that their nats are cross-entropies, not lengths of codes: no model
can go below the pixels' own entropy, the floor. "Mean image" is what the images cost under the mean of the training
images. House numbers are measured at their centres, and as `train_random` also at random places, as training shows
them. Hours are of training alone, without the validation between epochs.

Run again on the same kind of processor, with the same NumPy and OpenBLAS, a command gives the same bits. Elsewhere
products are rounded otherwise. On a Zen 3 with `OPENBLAS_CORETYPE=SandyBridge`, which takes what OpenBLAS has for
processors without AVX2, losses of `vae` differed from update 11 on, never by 0.1 nats, and its bound on the test images
was 97.92 again. Those of `tiny`, a DRAW, differed from update 26 on and by 0.1 from update 132 on, and its bound on
validation images was 152.15 again after all 320 (with the seeds 1, 2 and 3: 148.4, 154.6 and 152.3). How far apart long
runs of DRAW end has not been measured.
"""


def page():
    """The text of README.md."""
    records = {name: load_record(name) for name in names()}
    summary = "| weights | model | data | train | valid | test | updates | hours |\n|---|---|---|---|---|---|---|---|\n"
    for name, record in records.items():
        numbers = [plus_minus(record["measured"][split]) for split in ("train", "valid", "test")]
        cells = (f"[`{name}`](#{name})", title(record), f"`{record['dataset']}`", *numbers, *spent(record))
        summary += f"| {' | '.join(cells)} |\n"
    return "\n".join([INTRODUCTION, summary, *(section(name, record) for name, record in records.items())])


def title(record):
    """What the model is, in words."""
    without = " without attention" if record["config"].get("read_size", 1) is None else ""
    return TITLES.get(record["model"], record["model"]) + without


def plus_minus(measured):
    """A bound in nats or, of a classifier, an error in percent, with its standard error."""
    if "error" in measured:
        return f"{measured['error']:.2f} +- {measured['standard_error']:.2f} %"
    return f"{measured['nll_bound']:.2f} +- {measured['standard_error']:.2f}"


def compared(measured):
    """A bound beside its floor and the mean image, where the record has them."""
    if "mean_image" not in measured:
        return ""
    floor, mean = measured["floor"], measured["mean_image"]
    if not floor:
        return f" (mean image {mean:.2f})"
    above, most = measured["nll_bound"] - floor, mean - floor
    share = f"{above / most:.3f} of the mean image's {most:.2f}"
    return f" ({above:.2f} above the floor of {floor:.2f}: {share})"


def spent(record):
    """The updates and the hours of training."""
    return f"{record['update']:,}", f"{record['seconds'] / 3600:.2f}"


def passed(name, record):
    """When a run's validation first fell to each of its data's MILESTONES, in core-hours of training, and at what T."""
    try:
        curve = load_curve(name)
    except CheckpointError:
        return ""
    when = []
    for nats in MILESTONES.get(record["dataset"], ()):
        below = np.flatnonzero(curve["validation_average"] <= nats)
        if below.size:
            row = curve[below[0]]
            when.append(f"{nats:g} nats after {row['seconds'] * record['threads'] / 3600:.2f} (T = {row['steps']:.0f})")
    return "; ".join(when)


def section(name, record):
    """All there is to say about one model."""
    updates, hours = spent(record)
    cores = f"{record['threads']} core{'s' * (record['threads'] > 1)}"
    unfinished = "" if record["update"] == record["length"] else f" of {record['length']:,} planned"
    rows = {
        "model": f"{title(record)}, {record['parameters']:,} parameters",
        "sizes": ", ".join(f"{key} {value}" for key, value in record["config"].items() if value is not None),
        "seed": record["seed"],
        "trained": f"{updates} updates{unfinished} in {hours} hours on {cores}: {record['where']}",
    }
    if when := passed(name, record):
        rows[f"{PRESETS[name].recipe.validation_images:,} validation images, core-hours"] = when
    for split, measured in record["measured"].items():
        parts = f" = L^x {measured['reconstruction']:.2f} + L^z {measured['kl']:.2f}" if "kl" in measured else ""
        rows[split] = f"{plus_minus(measured)}{parts}{compared(measured)}, {measured['images']:,} images"
    test = record["measured"]["test"]
    if "nll_estimate" in test:
        estimate = f"{test['nll_estimate']:.2f} +- {test['nll_estimate_standard_error']:.2f}"
        rows["-log p, test"] = f"{estimate}, K = {test['importance_samples']}"
    table = "".join(f"| {key} | {value} |\n" for key, value in rows.items())
    told = "\n".join(record["told"])
    commands = f"    {record['train']}\n    {record['evaluate']}\n"
    made = "Not yet trained to its end; trained and measured by" if unfinished else "Trained and measured by"
    if record.get("earlier"):
        made = (
            "These weights are of an earlier recipe, which is told above. The preset as it stands, and their measuring:"
        )
    return f"## {name}\n\n{told}\n\n| | |\n|---|---|\n{table}\n{made}\n\n{commands}"
