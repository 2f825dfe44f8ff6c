"""The training loop: phase by phase, update by update."""

import time
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..backend import captured, to_device, to_host
from ..models import MODELS
from ..models.enlarge import enlarge
from ..models.prune import ACTIVE, nats_of_units, pruned
from .adam import AdamState, Weights, first_weights
from .data import digest, prepare
from .evaluation import MEASURES
from .journal import tell
from .ranks import Alone
from .recipe import now
from .run import FOREVER, OPS, Progress, StopSignal, again, checked, require
from .shards import one_thread
from .trees import named_leaves
from .update import Work, learning, update
from .words import images_of

FEWEST = 10  # updates between two validations: of 256 images one at each would add a fifth to the time, and a line


class Job(NamedTuple):
    """All that a run works with."""

    run: Any
    model: Any
    ops: Any
    settings: dict
    progress: Progress
    batches: Any
    noise_rng: np.random.Generator
    validation: Any
    team: Any  # ranks.Alone or ranks.Ranks


def train(
    run, out, seed=None, epochs=None, updates=None, resume=False, checkpoint_every=100, ops=None, threads=None,
    keep_every=None, start=None, team=None,
):  # fmt: skip
    """Train a recipe.Run in the folder `out`, which gets `checkpoint.npz`, `metrics.jsonl` and, last, `weights.npz`.

    Parameters: `seed` (0 if not given); `epochs` or `updates` instead of the recipe's length, its phases in the same
    shares; `resume` goes on where the folder's checkpoint stands, to the same bits; a checkpoint is written after every
    `checkpoint_every` updates. `ops` is "kernels" or "equations"; `threads` the number of shards that each batch is cut
    into, one for each core to use; `keep_every` saves memory: see `draw.bound`. A resumed run keeps what it had where
    these are not given, a new one takes the kernels, 1 thread, and keeps all states. `start` has the parameters and
    configuration of the model that `recipe.start` names; `team` is `ranks.world()` where MPI has started processes to
    share the work. Returns True when the run is complete, False when it was asked to stop.

    Raises TrainingError: what is asked for is impossible or would have no effect; a run is already there, or none is
    there to resume; the loss or the gradient is not finite. CheckpointError: a file cannot be read or written.
    DatasetError: there are no images, or too few, or they cannot be validated on. ValueError: training images of
    another size than the model's, or not in [0, 1]. ChildProcessError: a process of the shards has died.
    """
    asked = checked(
        run, ops, seed=seed, epochs=epochs, updates=updates, checkpoint_every=checkpoint_every, threads=threads,
        keep_every=keep_every,
    )  # fmt: skip
    team = team or Alone()
    with StopSignal() as stop, team.folder(out, run, resume) as folder, one_thread():
        settings = folder.settings(asked)
        seeds = np.random.SeedSequence(settings["seed"]).spawn(4)
        data_rng, noise_rng, weights_rng, mean_rng = map(np.random.default_rng, seeds)
        data, batches, validation = team.together(partial(prepare, run, data_rng))
        team.check(run, validation)
        length = settings["length"] or run.recipe.updates
        if asked["epochs"]:
            length = run.recipe.updates_of(asked["epochs"] * batches.per_epoch * batches.batch)
        require(length < FOREVER, f"{length:,} updates would never end; ask for fewer")
        # which of your own images are validated on depends on how many there are: the digest tells if they changed
        settings |= {"length": length, "validation": digest(validation.images)}
        fresh = partial(begin, run, start, weights_rng, data, mean_rng)
        stored = partial(folder.progress, batches, noise_rng, length, settings["validation"])
        progress = team.together(stored if resume else fresh)
        how = MODELS[run.model], OPS[settings["ops"]], settings
        job = Job(run, *how, progress, batches, noise_rng, validation, team)
        if not resume:
            folder.save(job)
        size = sum(leaf.size for leaf in named_leaves(progress.weights.params).values())
        tell(f"{run.name}: {size:,} parameters, {length:,} updates of {images_of(run.recipe)} images, in {out}")
        stopping = False
        with team.journal(folder, job) as journal:
            for number, (phase, first, end) in enumerate(run.recipe.spans(length)):
                if progress.update < end and not stopping:
                    if progress.phases != number + 1:
                        enter(job, number)
                    stopping = make_updates(job, phase, first, end, folder, journal, stop, asked["checkpoint_every"])
        stop.over = progress.update < length
        if stop.over:
            tell(f"stopped and saved at update {progress.update:,} of {length:,}; to go on: {again(run, out)}")
            return False
        tell(f"done: {folder.save_weights(job)}")
        return True


def begin(run, start, rng, data, mean_rng):
    """The Progress of a new run: new parameters, or those of the smaller model that the recipe names."""
    if run.recipe.start:
        require(start, f"{run.name} begins from the weights {run.recipe.start!r}: pass them as `start`")
        params = enlarge(*start, run.config)
    else:
        require(not start, f"{run.name} begins from new weights: leave `start` out")
        params = MODELS[run.model].init_params(run.config, rng, data.mean(mean_rng))
    return Progress(first_weights(to_device(params)))


def enter(job, number):
    """Do what is done once where a phase begins: go on from the average, where the phases ask for it, and prune.

    In a short run the phases before it may have had no update: what they would have pruned is pruned here. A run that
    was made longer may be in an earlier phase again.
    """
    phases, progress, phase = job.run.recipe.phases, job.progress, job.run.recipe.phases[number]
    before = phases[progress.phases - 1] if 0 < progress.phases <= len(phases) else phase
    pruning = any(each.prune for each in phases[progress.phases : number + 1])
    if pruning or phase.frozen or phase.optimiser != before.optimiser:
        progress.weights = progress.weights._replace(params=progress.weights.average)
    if pruning:
        prune(job, phase.config_of(progress.config(job.run.config)))
    progress.phases = number + 1


def prune(job, config):
    """Leave the inactive latent units out of the weights: those with few nats on a batch of validation images."""
    progress = job.progress
    images = to_device(job.validation.images[: job.run.recipe.batch])
    noise = to_device(job.model.sample_noise(config, len(images), np.random.default_rng(job.settings["seed"])))
    nats = to_host(nats_of_units(progress.weights.params, config, images, noise, job.ops))
    kept = [unit for unit, each in enumerate(nats) if not each < min(ACTIVE, max(nats))]  # and what is NaN
    (params, average, adam), units = to_host(progress.weights), progress.units or range(config.latent)
    params, average, mean, square = (pruned(tree, kept) for tree in (params, average, adam.mean, adam.mean_square))
    progress.weights = to_device(Weights(params, average, AdamState(adam.count, mean, square)))
    progress.units = [units[unit] for unit in kept]


def make_updates(job, phase, first, end, folder, journal, stop, checkpoint_every):
    """Make the updates left of a phase, or those until the run is asked to stop, and save. Returns whether it was."""
    progress, length, stopping = job.progress, job.settings["length"], False
    # the first rank's, should another have rounded otherwise when it pruned
    progress.weights, progress.units = job.team.from_first(lambda: (progress.weights, progress.units))
    config = phase.config_of(progress.config(job.run.config))
    job.batches.batch = job.run.recipe.batch_of(phase)
    with job.team.shards(job.settings["threads"], progress.weights.params) as shards:
        step = step_of(job, phase, config, shards)
        while progress.update < end and not stopping:
            started = time.perf_counter()
            part = (progress.update + 0.5 - first) / (end - first)
            images, labels = job.batches.next(**{key: now(value, part) for key, value in phase.shown.items()})
            given = job.model.given(config, labels, len(images), job.noise_rng)
            kl = None if phase.kl == 1.0 else np.array([1.0, now(phase.kl, part)], np.float32)
            progress.weights, nats = step(progress.weights, images, given, now(phase.rate, part), kl)
            progress.update += 1
            stopping = job.team.any(stop.asked)
            journal.add(getattr(config, "steps", 1), len(images), nats)
            validating = progress.update % validation_interval(job.batches) == 0 or progress.update == length
            saving = progress.update % checkpoint_every == 0 or progress.update == length or stopping
            rows = job.team.together(partial(journal.rows, look=validating or saving))
            progress.seconds += time.perf_counter() - started
            if validating:
                validate(job, phase, rows[-1], journal)
            journal.write(rows)
            if saving:
                journal.flush()
                folder.save(job)
    return stopping


def validation_interval(batches):
    """The updates from one validation to the next: an epoch, or as many as make FEWEST."""
    return batches.per_epoch * -(-FEWEST // batches.per_epoch)


def step_of(job, phase, config, shards):
    """The function (weights, images, given, rate, kl) -> (weights, numbers) of a phase; on a GPU, recorded."""
    how = {"keep_every": job.settings["keep_every"], "lstm_clip": job.run.recipe.lstm_clip}
    learns = learning(job.progress.weights.params, phase.frozen) if phase.frozen else None
    gradient_of = partial(shards.losses_and_gradient, **how)
    work = Work(job.model, config, job.ops, job.run.recipe, phase.optimiser, learns, gradient_of)
    return captured(lambda weights, images, given, rate, kl: update(weights, images, given, rate, kl, work))


def validate(job, phase, row, journal):
    """Score the weights as they are, and their average, on the validation images: into `row` and onto the screen."""
    measure, weights, said = MEASURES[job.model.MEASURE], job.progress.weights, []
    config = phase.config_of(job.progress.config(job.run.config), data=False)
    for name, params in (("validation", weights.params), ("validation_average", weights.average)):
        numbers, words = measure(job.model, params, config, job.validation, job.settings["seed"], job.ops)
        row.update({name + suffix: value for suffix, value in numbers.items()})
        said.append(words)
    journal.say(
        f"update {row['update']:,}: validation {said[0]} at T = {row['steps']}, {said[1]} with averaged weights"
    )
