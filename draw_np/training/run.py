"""A folder with a run in it: one run at a time, resumed to the same bits, and stopped by a signal.

Everything random comes from generators spawned from the seed, one for each purpose, and their states are in every
checkpoint: a run that was killed and resumed ends in the same bits as one that was not.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
import shlex
import signal
import sys
import threading
from dataclasses import dataclass

from .. import datasets, equations, files, kernels, names
from ..backend import on_gpu, to_device, to_host
from ..cores import usable_cores
from ..counts import check_count, whole
from ..models import MODELS
from ..models.prune import restored
from ..names import one_line, shown
from . import checkpoint
from .adam import AdamState, Weights
from .journal import METRICS, TrainingError, tell
from .presets import PRESETS
from .recipe import Run, one_of
from .shards import SIGNALS

CHECKPOINT, WEIGHTS = "checkpoint.npz", "weights.npz"
TREES = "params", "average", "optimiser/mean", "optimiser/mean_square"
FOREVER = 10**12
"""More updates, and more seconds, than any run has."""
COUNTS = {
    "seed": (0, None),
    "update": (0, FOREVER),
    "phases": (0, FOREVER),
    "length": (1, FOREVER),
    "threads": (1, FOREVER),
}
"""The whole numbers in the meta of a checkpoint, each with the least and the most that it may be."""
OPS = {"kernels": kernels, "equations": equations}

require = functools.partial(names.require, error=TrainingError)


@dataclass
class Progress:
    """Where a run stands: what a checkpoint holds, besides the states of the generators."""

    weights: Weights
    update: int = 0  # updates made
    seconds: float = 0.0  # spent on them
    phases: int = 0  # phases begun, of which the last is the one that holds
    units: list | None = None  # the latent units that are left after pruning; None: all

    def config(self, config):
        """The configuration of these weights: after pruning it has fewer latent units."""
        return dataclasses.replace(config, latent=len(self.units)) if self.units is not None else config


class Folder:
    """The folder of a Run, locked in a `with`: no second process can use it meanwhile.

    Raises TrainingError: a run is already there, or none is there to resume, or another process is training in it.
    """

    def __init__(self, out, run, resume):
        require(out and isinstance(out, str | os.PathLike), f"the second argument must name a folder, got {shown(out)}")
        self.out, self.run, self.resume = pathlib.Path(out), run, resume
        self.checkpoint = self.out / CHECKPOINT

    def __enter__(self):
        fits = not self.resume or self.checkpoint.exists()
        require(fits, f"there is no run to resume in {self.out} (no {CHECKPOINT}); leave out --resume to start one")
        try:
            self.made = not self.out.exists()
            self.out.mkdir(parents=True, exist_ok=True)
            self.lock = files.locked(self.out)
        except BlockingIOError as error:
            text = f"another process is training in {self.out}; wait for it, or name another --out"
            raise TrainingError(text) from error
        except OSError as error:
            words = f"cannot {'open' if os.path.isdir(self.out) else 'make'} the folder {self.out}: {error.strerror}"
            raise TrainingError(f"{words}; name another --out") from error
        try:
            fits = self.resume or not self.checkpoint.exists()
            require(fits, f"{self.out} already holds a run; add --resume to go on with it, or name another --out")
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
        with checkpoint.reading(self.checkpoint, "start a new run in another --out") as (meta, forms, read):
            shapes = MODELS[self.run.model].shapes(self.config_of(meta, forms))
            trees = checkpoint.read_trees(self.checkpoint, forms, read, shapes, TREES)
        return trees, meta

    def config_of(self, meta, forms):
        """The configuration of the weights in a checkpoint. Raises TrainingError unless it is of this run."""
        run, preset, units = self.run, meta.get("preset"), meta.get("units")
        fits = preset == run.name
        require(fits, f"{self.out} holds a run of preset {shown(preset)}, not {run.name!r}; name its preset")
        data, by_name = meta.get("dataset", run.data_name), isinstance(run.data, str)
        words = f"{one_line(str(data))}, not on {run.data_name}; add the --images that it had"
        require(not by_name or data in datasets.NAMES, f"{self.out} holds a run on {words}")
        fits = units is None or are_units(units, run)
        config = Progress(None, units=units if fits else None).config(run.config)
        sizes, ours = ({**each, "steps": None} for each in (meta["config"], dataclasses.asdict(config)))
        fits = fits and (meta["model"], sizes) == (run.model, ours)  # the parameters do not depend on T
        words = f"the preset {run.name!r} has now" if by_name else f"{run.name!r} has on these images"
        require(fits, f"{self.checkpoint} holds a run with other sizes than {words}; start a new run")
        seconds, keep_every = meta.get("seconds"), meta.get("keep_every")
        fits = (
            all(whole(meta.get(key), *span) is not None for key, span in COUNTS.items())
            and (keep_every is None or whole(keep_every, 1, FOREVER))
            and (type(seconds) in (int, float) and 0 <= seconds < FOREVER)  # which NaN is not
            and meta.get("ops") in [*OPS]
            and isinstance(meta.get("recipe"), dict)
            and any(name.startswith("optimiser/") for name in forms)
        )
        words = "holds weights only, or is of another version, and cannot be resumed; start a new run in another --out"
        require(fits, f"{self.checkpoint} {words}")
        return config

    def settings(self, asked):
        """How the run is made, besides its recipe, a dict: as asked, see `checked`; what was not asked for is as it was
        in the resumed run, or as usual.
        """
        seed, wanted = self.meta.get("seed"), asked["seed"]
        fits = not self.resume or wanted in (None, seed)
        require(fits, f"the run in {self.out} has seed {shown(seed)}, not {shown(wanted)}; leave out --seed")
        usual = {"seed": 0, "length": None, "threads": 1, "ops": "kernels", "keep_every": None}
        found = {key: self.meta.get(key, usual[key]) if asked[key] is None else asked[key] for key in usual}
        threads = found["threads"] = 1 if on_gpu() else found["threads"]
        fewest, cores = min(self.run.recipe.batch_sizes), len(usable_cores())
        for most, of_what in (fewest, "images of a batch"), (cores, "cores that this process may use"):
            require(threads <= most, f"{threads} threads are more than the {most} {of_what}; use fewer")
        return found

    def progress(self, batches, noise_rng, length, validation):
        """The Progress of the resumed run. The data and the noise go back to where they were; what changed is told."""
        done = self.meta["update"]
        require(done <= length, f"the run in {self.out} is at update {done:,} already, beyond the {length:,} asked for")
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
        """What changed in the run since the checkpoint was made, a list of words."""
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
        """Write the weights that the run ends in: the average, with pruned latent units put back. Returns the path."""
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
    """A recipe as a file keeps it: the repr of each field."""
    return {each.name: repr(getattr(recipe, each.name)) for each in dataclasses.fields(recipe)}


def are_units(units, run):
    """Whether these may be the latent units that pruning has left of a run's: some, in order, each once."""
    fits = run.model == "draw" and isinstance(units, list) and units
    return fits and None not in (whole(unit, 0, run.config.latent - 1) for unit in units) and units == sorted({*units})


def checked(run, ops, **counts):
    """What `train` is asked for besides a Run, a dict by name, with Python's whole numbers; None: not asked for.

    Raises TrainingError for what is impossible or would have no effect.
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
    return {"ops": ops, "length": counts["updates"], **counts}


def check_keep_every(run, keep_every, name="keep_every"):
    """Raise TrainingError unless the run has states to keep; `name` is the option's."""
    fits = run.model == "draw" or keep_every is None
    require(fits, f"{name} is for DRAW, whose memory grows with T, not for {run.name}: leave it out")


def again(run, out):
    """The command that resumes a run; for a recipe or data that no command can name, the call that does."""
    preset, images = PRESETS.get(run.name), ""
    if isinstance(run.data, str):
        named = run == preset
    else:
        source = pathlib.Path(run.data.source)
        named = preset and source.exists() and run.recipe == dataclasses.replace(preset.recipe, images=None)
        images = f" --images {shlex.quote(run.data.source)}"
        if source.is_dir():  # the size that was asked for, or that the pictures have anyway
            images += f" --size {run.config.height}x{run.config.width}" + " --grey" * (run.config.channels == 1)
    if not named:
        return "train(..., resume=True)"
    return f"python -m draw_np train --preset {run.name}{images} --out {shlex.quote(str(out))} --resume"


class StopSignal:
    """Turns Ctrl-C, or a request to terminate, into `asked`: the update under way is finished and saved first.

    A second one raises KeyboardInterrupt at once, unless `over` was set: then there is nothing left to stop. What this
    process ignores, as Ctrl-C in the background of a shell's script, it goes on ignoring. In a thread, where Python
    allows no signal handlers, it does nothing.
    """

    def __enter__(self):
        self.asked = self.over = False
        numbers = SIGNALS if threading.current_thread() is threading.main_thread() else ()
        numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        self.before = {number: signal.signal(number, self.ask) for number in numbers}
        return self

    def ask(self, number, frame):
        if self.asked and not self.over:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *exception):
        for number, handler in self.before.items():
            signal.signal(number, handler)
