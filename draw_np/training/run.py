"""A folder with a run in it: one run at a time, an exact way back in, and how it is asked to stop.

Everything random comes from generators spawned from the seed, one for each purpose, whose states are part of every
checkpoint: a run that was killed and resumed ends in the same bits as one that was not.
"""

import contextlib
import dataclasses
import functools
import math
import os
import pathlib
import shlex
import signal
import sys
import threading
from dataclasses import dataclass

from .. import datasets, equations, files, kernels
from ..backend import on_gpu, to_device, to_host
from ..counts import check_count
from ..models import MODELS
from ..models.prune import restored
from ..names import one_line, shown
from . import checkpoint, recipe
from .adam import AdamState, Weights
from .journal import METRICS, TrainingError, tell
from .recipe import Run, one_of
from .shards import SIGNALS

CHECKPOINT, WEIGHTS = "checkpoint.npz", "weights.npz"
TREES = "params", "average", "optimiser/mean", "optimiser/mean_square"
FOREVER = 10**12
"""More updates, and more seconds, than any run has."""
OPS = {"kernels": kernels, "equations": equations}

require = functools.partial(recipe.require, error=TrainingError)


@dataclass
class Progress:
    """Where a run stands: with the places of its generators, all that a checkpoint holds."""

    weights: Weights
    update: int = 0  # updates made
    seconds: float = 0.0  # spent on them
    phases: int = 0  # phases begun, of which the last is the one that holds
    units: list | None = None  # the latent units that are left after pruning; None: all

    def config(self, config):
        """The configuration of the weights as they are: after pruning it has fewer latent units."""
        return dataclasses.replace(config, latent=len(self.units)) if self.units is not None else config


class Folder:
    """The folder of a Run, to be used in a `with`: no second process can use it meanwhile.

    Raises TrainingError: a run is already there, or none is there to resume, or another process is at it.
    """

    def __init__(self, out, run, resume):
        require(out and isinstance(out, str | os.PathLike), f"the second argument must name a folder, got {shown(out)}")
        self.out, self.run, self.resume = pathlib.Path(out), run, resume
        self.checkpoint = self.out / CHECKPOINT

    def __enter__(self):
        self.made = False
        if self.resume and not self.checkpoint.exists():
            raise TrainingError(
                f"there is no run to resume in {self.out} (no {CHECKPOINT}); leave out --resume to start one"
            )
        try:
            self.made = not self.out.exists()
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"{self.out}: {error.strerror}"
            raise TrainingError(f"cannot make the folder {reason}; name another --out") from error
        self.lock = locked(self.out)
        try:
            if not self.resume and self.checkpoint.exists():
                raise TrainingError(
                    f"{self.out} already holds a run; add --resume to go on with it, or name another --out"
                )
            for name in () if self.resume else (METRICS, WEIGHTS):  # of a run whose checkpoint was thrown away, say
                kept = f"{self.out} already has a {name}, which a new run would replace"
                require(not (self.out / name).exists(), f"{kept}: move it away, or name another --out")
            for name in (CHECKPOINT, METRICS, WEIGHTS):
                for path in files.left_behind(self.out / name):
                    path.unlink()
            self.trees, self.meta = self.read() if self.resume else (None, {})
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        if self.made and exception[0]:
            with contextlib.suppress(OSError):  # it is not empty
                self.out.rmdir()
        files.release(self.lock)

    def read(self):
        """The checkpoint's trees and meta, which must be of this run."""
        trees, meta = checkpoint.load(self.checkpoint, self.check)
        for tree in (trees["params"], trees["average"], *trees["optimiser"].values()):
            checkpoint.check_finite(self.checkpoint, tree)
        return trees, meta

    def check(self, meta, forms):
        """Raise TrainingError unless a checkpoint is of this run. Returns the names of what is read of it."""
        run = self.run
        if meta.get("preset") != run.name:
            raise TrainingError(
                f"{self.out} holds a run of preset {shown(meta.get('preset'))}, not {run.name!r}; name its preset"
            )
        data, given = meta.get("dataset", run.data_name), isinstance(run.data, str)
        if given and data not in datasets.NAMES:
            other = f"{one_line(str(data))}, not on {run.data}"
            raise TrainingError(f"{self.out} holds a run on {other}; add the --images that it had")
        units = meta.get("units")
        sizes, ours = ({**config, "steps": None} for config in (meta["config"], dataclasses.asdict(run.config)))
        if units is not None:
            fits = run.model == "draw" and whole_numbers(units, below=run.config.latent) and units == sorted({*units})
            ours["latent"] = len(units) if fits and units else None
        if (meta["model"], sizes) != (run.model, ours):  # the parameters do not depend on T
            now = f"the preset {run.name!r} has now" if given else f"{run.name!r} has on these images"
            raise TrainingError(f"{self.checkpoint} holds a run with other sizes than {now}; start a new run")
        counts = [meta.get(key) for key in ("length", "threads")]
        counts += [] if meta.get("keep_every") is None else [meta["keep_every"]]
        seconds = meta.get("seconds")
        fits = (
            whole_numbers([meta.get("seed")])
            and whole_numbers([meta.get("update"), meta.get("phases")], below=FOREVER)
            and whole_numbers(counts, 1, FOREVER)
            and (type(seconds) in (int, float) and 0 <= seconds < FOREVER)  # which NaN is not
            and meta.get("ops") in [*OPS]
            and isinstance(meta.get("recipe"), dict)
        )
        if not fits or not any(name.startswith("optimiser/") for name in forms):
            reason = "holds weights only, or is of another version, and cannot be resumed"
            raise TrainingError(f"{self.checkpoint} {reason}; start a new run in another --out")
        shapes = MODELS[run.model].shapes(Progress(None, units=units).config(run.config))
        return checkpoint.check_forms(self.checkpoint, forms, shapes, TREES)

    def settings(self, asked):
        """How the run is made, beside its recipe, a dict: as asked, see `checked`, or as the resumed run was, else
        with seed 0, the recipe's length, one thread and the kernels.
        """
        if self.resume and asked["seed"] not in (None, self.meta["seed"]):
            seeds = f"{shown(self.meta['seed'])}, not {shown(asked['seed'])}"
            raise TrainingError(f"the run in {self.out} has seed {seeds}; leave out --seed")
        asked = {**asked, "length": asked["updates"]}
        usual = {"seed": 0, "length": None, "threads": 1, "ops": "kernels", "keep_every": None}
        found = {key: self.meta.get(key, usual[key]) if asked[key] is None else asked[key] for key in usual}
        threads = found["threads"] = 1 if on_gpu() else found["threads"]
        fewest, cores = min(self.run.recipe.batch_sizes), os.cpu_count() or threads
        limits = (fewest, "images of a batch"), (cores, "cores of this machine")
        for most, of_what in limits:
            if threads > most:
                raise TrainingError(f"{threads} threads are more than the {most} {of_what}; use fewer")
        return found

    def progress(self, batches, noise_rng, length, validation):
        """Where the resumed run stands; the data and the noise are put where they were, and news are told."""
        if self.meta["update"] > length:
            raise TrainingError(
                f"the run in {self.out} is at update {self.meta['update']:,} already, beyond the {length:,} asked for"
            )
        if news := self.news(validation):
            tell(f"{self.run.name}: the preset's {', '.join(news)} changed since; going on as it is now")
        try:
            batches.restore(self.meta["data"])
            noise_rng.bit_generator.state = self.meta["noise"]
        except Exception as error:  # whatever NumPy says of a state that is none
            reason = one_line(str(error)) or type(error).__name__
            text = f"{self.checkpoint} does not say where in the data and the noise it was ({reason}); start a new run"
            raise TrainingError(text) from error
        trees, meta = self.trees, self.meta
        adam = AdamState(meta["update"], trees["optimiser"]["mean"], trees["optimiser"]["mean_square"])
        weights = to_device(Weights(trees["params"], trees["average"], adam))
        return Progress(weights, meta["update"], meta["seconds"], meta["phases"], meta.get("units"))

    def news(self, validation):
        """What of the run changed since the checkpoint was made, in words."""
        before, now = self.meta.get("recipe", {}), described(self.run.recipe)
        changed = [key for key in now if before.get(key) != now[key]]
        changed += ["steps"] * (self.meta["config"].get("steps") != getattr(self.run.config, "steps", None))
        changed += ["data"] * (self.meta.get("dataset") != self.run.data_name)
        known = {"data", "validation_images"} & {*changed}
        others = self.meta.get("validation") not in (None, validation)
        return changed + ["validation images"] * (others and not known)

    def save(self, job):
        """Write the checkpoint of a loop.Job."""
        weights = to_host(job.progress.weights)
        optimiser = {"mean": weights.adam.mean, "mean_square": weights.adam.mean_square}
        trees = {"params": weights.params, "average": weights.average, "optimiser": optimiser}
        generators = {"data": job.batches.state(), "noise": job.noise_rng.bit_generator.state}
        checkpoint.save(self.checkpoint, trees, self.about(job, job.progress.config(self.run.config), **generators))

    def save_weights(self, job):
        """Write the weights that the run was for: the average, with pruned latent units put back. Returns the path."""
        params, units = to_host(job.progress.weights.average), job.progress.units
        params = params if units is None else restored(params, units, self.run.config.latent)
        checkpoint.save(self.out / WEIGHTS, {"params": params}, self.about(job, self.run.config))
        return self.out / WEIGHTS

    def about(self, job, config, **generators):
        """The meta of a file."""
        run = {"preset": self.run.name, "dataset": self.run.data_name, "recipe": described(self.run.recipe)}
        done = {key: getattr(job.progress, key) for key in ("update", "phases", "units")}
        seconds = round(job.progress.seconds, 1)
        return checkpoint.describe(self.run.model, config, **run, **done, seconds=seconds, **job.settings, **generators)


def described(recipe):
    """A recipe as a file keeps it: each field as Python writes it."""
    return {each.name: repr(getattr(recipe, each.name)) for each in dataclasses.fields(recipe)}


def whole_numbers(values, least=0, below=math.inf):
    return isinstance(values, list) and all(type(value) is int and least <= value < below for value in values)


def checked(run, ops, **counts):
    """What `train` is asked for beside a Run, a dict by name, with whole numbers as Python's; None: what is usual.

    Raises TrainingError for what cannot be, or would have no effect.
    """
    require(isinstance(run, Run), f"the first argument must be a Run, as find_preset('tiny') is, got {shown(run)}")
    require(ops is None or one_of(ops, OPS), f"ops must be {' or '.join(map(repr, OPS))}, got {shown(ops)}")
    try:
        for name, value in counts.items():
            if value is not None or name == "checkpoint_every":
                counts[name] = check_count(name, value, 0 if name == "seed" else 1)
                require(name == "seed" or counts[name] < FOREVER, f"{name} {shown(value)} is more than any run has")
    except ValueError as error:
        raise TrainingError(str(error)) from error
    require(not (counts["epochs"] and counts["updates"]), "epochs and updates both say how long: leave one of them out")
    check_keep_every(run, counts["keep_every"])
    return {"ops": ops, **counts}


def check_keep_every(run, keep_every, name="keep_every"):
    """Raise TrainingError unless the run has states to keep; `name` is what it was asked by."""
    fits = run.model == "draw" or keep_every is None
    require(fits, f"{name} is for DRAW, whose memory grows with T, not for {run.name}: leave it out")


def again(run, out):
    """The command that goes on with a run or, where no command can name its data, what a program has to do."""
    images = ""
    if not isinstance(run.data, str):
        if not pathlib.Path(run.data.source).exists():
            return "train(..., resume=True)"
        images = f" --images {shlex.quote(run.data.source)}"
        if pathlib.Path(run.data.source).is_dir():  # as the pictures were read, or as they are anyway
            images += f" --size {run.config.height}x{run.config.width}" + " --grey" * (run.config.channels == 1)
    return f"python -m draw_np train --preset {run.name}{images} --out {shlex.quote(str(out))} --resume"


def locked(out):
    """The lock of a run's folder, which `Folder` closes."""
    try:
        return files.locked(out)
    except BlockingIOError as error:
        raise TrainingError(f"another process is training in {out}; wait for it, or name another --out") from error


class StopSignal:
    """Turns Ctrl-C, or a request to terminate, into `asked`: the update under way is finished and saved first.

    Asked again it is done at once, by KeyboardInterrupt; after `over` was set there is nothing to stop. In a thread,
    where Python lets nobody listen to signals, it listens to none.
    """

    def __enter__(self):
        self.asked = self.over = False
        numbers = SIGNALS if threading.current_thread() is threading.main_thread() else ()
        self.before = {number: signal.signal(number, self.ask) for number in numbers}
        return self

    def ask(self, number, frame):
        if self.asked and not self.over:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *exception):
        for number, handler in self.before.items():
            signal.signal(number, handler)
