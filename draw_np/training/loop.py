"""The training loop: a folder with a run in it, metrics, checkpoints, and an exact way back in.

Everything random comes from generators spawned from the seed, one for each purpose, whose states are part of every
checkpoint: a run that was killed and resumed ends in the same bits as one that was not.
"""

import dataclasses
import functools
import json
import math
import os
import pathlib
import shlex
import signal
import sys
import time

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .. import datasets, equations, kernels
from ..backend import captured, on_gpu, to_device, to_host
from ..models import MODELS, is_classifier
from ..models.enlarge import enlarge
from . import checkpoint
from .adam import AdamState
from .batches import Endless, Shuffled
from .evaluation import evaluate, evaluate_classifier
from .presets import changed
from .settle import settle
from .shards import SIGNALS, Shards
from .step import Weights, first_weights, kl_weight_at, loss_names, options_at, rate_at, steps_at, steps_until, update
from .trees import named_leaves

LOOK_EVERY = 50  # updates on a GPU: to look at a number is to wait for it
OPS = {"kernels": kernels, "equations": equations}
CHECKPOINT, METRICS, WEIGHTS = "checkpoint.npz", "metrics.jsonl", "weights.npz"


class TrainingError(Exception):
    """Training cannot start or go on; the message is one line that says why and what to do."""


def train(
    preset,
    out,
    name,
    seed=0,
    epochs=None,
    updates=None,
    checkpoint_every=100,
    resume=False,
    ops=None,
    threads=None,
    start=None,
):
    """Train a preset in the folder `out`, which gets `checkpoint.npz`, `metrics.jsonl` and, at the end, `weights.npz`.

    Parameters: `preset` a presets.Preset with its `name`; `epochs` or `updates` instead of the recipe's length (its
    warm-up, decay and growth keep their shape); `checkpoint_every` so many updates; `resume` goes on where the
    folder's checkpoint stands, to the same bits. `ops` is the set of operations, `threads` the number of shards that
    each batch is cut into, one for each core to use: if not given, what a resumed run had, else the kernels and 1;
    `start` the parameters and configuration of the model that `recipe.start` names.
    Returns True when the run is complete, False when it was asked to stop.

    Raises TrainingError: a run is already there, or none is there to resume; the loss or the gradient is not finite.
    CheckpointError: a file cannot be read or written. DatasetError: the images are not to be had.
    """
    out, (model_name, config, recipe), model = pathlib.Path(out), preset, MODELS[preset.model]
    saved = find_run(out, name, preset, resume)
    trees, meta = saved or ({}, {"seed": seed, "update": 0, "seconds": 0.0})
    seed, done, seconds, settling = meta["seed"], meta["update"], meta["seconds"], meta.get("settling", False)
    ops = ops or OPS[meta.get("ops", "kernels")]
    threads = 1 if on_gpu() else threads or meta.get("threads", 1)
    if threads > recipe.batch:
        raise TrainingError(f"{threads} threads are more than the {recipe.batch} images of a batch; use fewer")
    if threads > (os.cpu_count() or threads):
        raise TrainingError(f"{threads} threads are more than the {os.cpu_count()} cores of this machine; use fewer")
    data_rng, noise_rng, weights_rng, pixels_rng = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(4))
    batches, validation, mean_image = prepare_data(recipe, data_rng, pixels_rng)
    length = updates or (epochs and epochs * batches.per_epoch) or meta.get("length")
    length = length or recipe.epochs * batches.per_epoch
    if done > length:
        raise TrainingError(f"the run in {out} is at update {done:,} already, beyond the {length:,} asked for")
    make_folder(out)
    if saved:
        news = changed(recipe, meta.get("recipe", {}))
        if meta["config"] != dataclasses.asdict(config):
            news.append("steps")
        if news:
            print(f"{name}: the preset's {', '.join(news)} changed since; going on as it is now", file=sys.stderr)
        restore_generators(out, meta, batches, noise_rng)
        adam = AdamState(done, trees["optimiser"]["mean"], trees["optimiser"]["mean_square"])
        weights = Weights(trees["params"], trees["average"], adam)
    else:
        if recipe.start and not start:
            raise TrainingError(f"{name} begins from the weights {recipe.start!r}: pass them as `start`")
        params = enlarge(*start, config) if recipe.start else model.init_params(config, weights_rng, mean_image)
        weights = first_weights(to_device(params))
    weights = to_device(weights)

    def about():
        generators = {"data": batches.state(), "noise": noise_rng.bit_generator.state}
        progress = {"update": done, "length": length, "seconds": round(seconds, 1), "settling": settling}
        way = {"seed": seed, "threads": threads, "ops": ops.__name__.rpartition(".")[2]}
        run = {"preset": name, "recipe": dataclasses.asdict(recipe), **way}
        return checkpoint.describe(model_name, config, **run, **progress, **generators)

    def save():
        metrics.flush()
        optimiser = {"mean": weights.adam.mean, "mean_square": weights.adam.mean_square}
        trees = {"params": weights.params, "average": weights.average, "optimiser": optimiser}
        checkpoint.save(out / CHECKPOINT, to_host(trees), about())

    size = sum(leaf.size for leaf in named_leaves(weights.params).values())
    print(f"{name}: {size:,} parameters, {length:,} updates of {recipe.batch} images, in {out}", file=sys.stderr)
    with (
        StopSignal() as stop,
        threadpool_limits(1),  # one BLAS thread to a shard
        Shards(threads, weights.params) as shards,
        metrics_file(out / METRICS, done) as metrics,
        progress(recipe, config, done, length) as bar,
    ):
        how = {"keep_every": recipe.keep_every, "lstm_clip": recipe.lstm_clip}
        gradient_of = functools.partial(shards.losses_and_gradient, **how)

        @functools.lru_cache(maxsize=1)
        def step_of(config, settling, resting, shape):  # a recorded step is for images of one shape
            def step(weights, images, given, rate, kl_weight):
                how = recipe, rate, ops, gradient_of, kl_weight, settling, resting
                return update(weights, model, config, images, given, *how)

            return captured(step)

        if not saved:
            save()
        pending, stopping = [], False  # updates that nobody has looked at yet
        while done < length and not stopping:
            started = time.perf_counter()
            steps = steps_at(recipe, config, done, length)
            now = grown = dataclasses.replace(config, steps=steps) if hasattr(config, "steps") else config
            options = options_at(recipe, done, length)
            if "side" in options:
                now = dataclasses.replace(grown, height=options["side"], width=options["side"])
            if recipe.settle is not None and not settling and done >= recipe.settle * length:
                looked_at = to_device(validation.images[: recipe.batch])
                noise = model.sample_noise(grown, len(looked_at), np.random.default_rng(seed))
                params = settle(weights.average, grown, looked_at, noise, ops)
                weights, settling = Weights(params, params, weights.adam), True
            images, labels = batches.next(**options)
            given = labels if is_classifier(model) else model.sample_noise(now, len(images), noise_rng)
            weighing = rate_at(recipe, done, length), kl_weight_at(recipe, done)
            resting = recipe.decoder_until is not None and done >= recipe.decoder_until * length
            weights, nats = step_of(now, settling, resting, images.shape)(weights, images, given, *weighing)
            done, stopping = done + 1, stop.asked
            pending.append(({"update": done, "steps": steps}, nats))
            bar.update(steps)
            validating = done % batches.per_epoch == 0 or done == length
            saving = done % checkpoint_every == 0 or done == length or stopping
            if on_gpu() and len(pending) < LOOK_EVERY and not (validating or saving):
                seconds += time.perf_counter() - started
                continue
            rows = [row_of(out, model, *found) for found in to_host(pending)]
            seconds, row, pending = seconds + time.perf_counter() - started, rows[-1], []
            if validating:
                row.update(validate(model, weights, grown, validation, seed, ops))
                kind = "error {validation:.2f} %" if is_classifier(model) else "bound {validation:.2f} nats"
                text = f"update {{update:,}}: validation {kind} at T = {{steps}}, {{validation_average:.2f}}"
                bar.write(text.format(**row) + " with averaged weights", sys.stderr)
            metrics.writelines(json.dumps({**row, "seconds": round(seconds, 2)}) + "\n" for row in rows)
            parts = " + ".join(f"{row[name]:.3g}" for name in loss_names(model))
            bar.set_postfix_str(f"update {done}: {parts} nats, |g| {row['gradient_norm']:.3g}", refresh=False)
            if saving:
                save()
    if done < length:
        again = f"python -m draw_np train --preset {name} --out {shlex.quote(str(out))} --resume"
        print(f"stopped and saved at update {done:,} of {length:,}; to go on: {again}", file=sys.stderr)
        return False
    checkpoint.save(out / WEIGHTS, to_host({"params": weights.average}), about())
    print(f"done: {out / WEIGHTS}", file=sys.stderr)
    return True


def find_run(out, name, preset, resume):
    """The folder's checkpoint (trees, meta) to resume, or None for a new run."""
    path = out / CHECKPOINT
    if not resume:
        if path.exists():
            raise TrainingError(f"{out} already holds a run; add --resume to go on with it, or name another --out")
        return None
    if not path.exists():
        raise TrainingError(f"there is no run to resume in {out} (no {CHECKPOINT}); leave out --resume to start one")
    trees, meta = checkpoint.load(path)
    if meta.get("preset") != name:
        raise TrainingError(f"{out} holds a run of preset {meta.get('preset')!r}, not {name!r}; name its preset")
    sizes, ours = ({**config, "steps": None} for config in (meta["config"], dataclasses.asdict(preset.config)))
    if (meta["model"], sizes) != (preset.model, ours):  # the parameters do not depend on T
        raise TrainingError(f"{out} holds a run with other sizes than the preset {name!r} has now; start a new run")
    counts = [meta.get("seed"), meta.get("update"), meta.get("length"), meta.get("threads", 1)]
    whole = all(type(value) is int and value >= 0 for value in counts) and type(meta.get("seconds")) in (int, float)
    if not whole or meta.get("ops", "kernels") not in OPS or "optimiser" not in trees:
        raise TrainingError(f"{path} holds weights only and cannot be resumed; start a new run in another --out")
    expected = MODELS[preset.model].init_params(preset.config, np.random.default_rng(0))
    optimiser = trees["optimiser"]
    for tree in (trees.get("params"), trees.get("average"), optimiser.get("mean"), optimiser.get("mean_square")):
        checkpoint.check_params(path, tree, expected)
    return trees, meta


def make_folder(out):
    """Make the run's folder. Raises TrainingError when that cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"cannot make the folder {out}: {error.strerror}") from error


def restore_generators(out, meta, batches, noise_rng):
    """Put the data and the noise where the checkpoint says that they were."""
    try:
        batches.restore(meta["data"])
        noise_rng.bit_generator.state = meta["noise"]
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{out / CHECKPOINT} does not say where its generators were; start a new run") from error


def prepare_data(recipe, data_rng, pixels_rng):
    """The batches, the Split to validate on and the mean training image of a recipe's data set."""
    valid, labels = datasets.load(recipe.dataset, "valid")
    valid, labels = valid[: recipe.validation_images], None if labels is None else labels[: recipe.validation_images]
    if datasets.is_endless(recipe.dataset):
        sample = datasets.sample(recipe.dataset, pixels_rng, 1000).images
        return Endless(recipe.dataset, recipe.batch, data_rng), datasets.Split(valid, labels), sample.mean(axis=0)
    images = datasets.load(recipe.dataset, "train").images[: recipe.images]
    if recipe.binarize:
        images, valid = datasets.binarize(images, pixels_rng), datasets.binarize(valid, pixels_rng)
    return Shuffled(to_device(images), recipe.batch, data_rng), datasets.Split(valid, labels), images.mean(axis=0)


def validate(model, weights, config, split, seed, ops):
    """The bound in nats on the validation images, with the same noise for the weights as they are and for their
    average; of a classifier the error in percent, and the cross-entropy.
    """
    if is_classifier(model):
        found = {}
        for name, params in (("validation", weights.params), ("validation_average", weights.average)):
            error, _, nats, _ = evaluate_classifier(model, params, config, *split, ops)
            found.update({name: round(error, 3), f"{name}_nats": round(nats, 5)})
        return found

    def bound(params):
        return round(evaluate(model, params, config, split.images, np.random.default_rng(seed), ops=ops).nll_bound, 3)

    return {"validation": bound(weights.params), "validation_average": bound(weights.average)}


def row_of(out, model, row, nats):
    """A line of the metrics: the update's number and T in `row`, and its losses. Raises as `check_finite`."""
    nats = {name: float(value) for name, value in nats.items()}
    check_finite(out, row["update"], nats)
    nats = {"nats": sum(nats[name] for name in loss_names(model)), **nats}
    return {**row, **{name: float(f"{value:.7g}") for name, value in nats.items()}}  # the digits that a float32 has


def check_finite(out, number, quantities):
    """Raise TrainingError, naming the quantity, if one is NaN or infinite. The last checkpoint stays as it is."""
    for quantity, value in quantities.items():
        if not math.isfinite(value):
            raise TrainingError(
                f"{quantity} became {value} at update {number}; the last good checkpoint is {out / CHECKPOINT}: "
                "--resume from it, or start again with a lower rate"
            )


def metrics_file(path, done):
    """Open `metrics.jsonl` to append to, without what was logged after the checkpoint that the run goes on from.

    A last line that a kill cut short goes too. It is not synced: after a crash of the machine lines may be missing.
    """
    kept = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            if json.loads(line)["update"] <= done:
                kept.append(line + "\n")
        except (ValueError, KeyError, TypeError):
            continue
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join(kept))
    os.replace(temporary, path)
    return open(path, "a")


def progress(recipe, config, done, length):
    """A progress bar that counts steps of t, not updates: T may grow, and the time left should not surprise."""
    interval = 0.5 if sys.stderr.isatty() else 30
    total, initial = (steps_until(recipe, config, update, length) for update in (length, done))
    return tqdm(total=total, initial=initial, unit="step", unit_scale=True, mininterval=interval)


class StopSignal:
    """Turns Ctrl-C, or a request to terminate, into `asked`: the update under way is finished and saved first."""

    def __enter__(self):
        self.asked = False
        self.before = {number: signal.signal(number, self.ask) for number in SIGNALS}
        return self

    def ask(self, number, frame):
        if self.asked:  # a second time: now
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *exception):
        for number, handler in self.before.items():
            signal.signal(number, handler)
