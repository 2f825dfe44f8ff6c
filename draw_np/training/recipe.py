"""What is trained, and how: a run is a model, its sizes, data and a recipe, and a recipe is a story told in phases.

The paper states Adam and nothing else (section 4), so the numbers of all recipes are ours.
"""

import dataclasses
import itertools
import math
from dataclasses import dataclass, field
from typing import Any

from .. import datasets
from ..counts import in_python
from ..datasets import Split
from ..models import MODELS
from ..models.draw import DECODER
from ..names import require, shown
from .adam import OPTIMISERS
from .data import NEEDED, Images


class Plain:
    """A frozen dataclass that turns NumPy's numbers into Python's when it is made, so that files can hold them."""

    def __post_init__(self):
        for each in dataclasses.fields(self):
            object.__setattr__(self, each.name, in_python(getattr(self, each.name)))


@dataclass(frozen=True)
class Ramp(Plain):
    """A value that moves evenly from `first` to `last` through a phase; between whole numbers it takes whole steps."""

    first: float
    last: float

    def at(self, part):
        """The value where `part` of the phase, from 0 to 1, has passed."""
        if isinstance(self.first, int) and isinstance(self.last, int):
            step = 1 if self.last >= self.first else -1
            return self.first + step * min(int(part * (abs(self.last - self.first) + 1)), abs(self.last - self.first))
        return self.first + part * (self.last - self.first)


@dataclass(frozen=True)
class Phase(Plain):
    """A part of a run in which nothing changes but what a Ramp moves."""

    updates: int  # its length in a run of the recipe's own length; a longer or shorter run keeps the shares
    rate: Any  # the optimiser's rate, a number or a Ramp
    config: dict = field(default_factory=dict)  # fields of the configuration that differ: {"steps": 8}
    shown: dict = field(default_factory=dict)  # options of the data set, for easier images; numbers or Ramps
    kl: Any = 1.0  # the weight of L^z in the gradient, where L^x has 1: a number or a Ramp
    optimiser: str = "adam"  # a name in adam.OPTIMISERS
    batch: int | None = None  # images per update; None: as the recipe says
    prune: bool = False  # whether inactive latent units are left out from here on
    frozen: tuple = ()  # what does not learn: some of draw.DECODER

    def config_of(self, config, data=True):
        """The configuration in this phase; with `data` False for images of the usual size, whatever is shown."""
        changed = {key: value for key, value in self.config.items() if data or key == "steps"}
        return dataclasses.replace(config, **changed)


@dataclass(frozen=True)
class Recipe(Plain):
    """How to train: what holds for the whole run, and its phases."""

    phases: tuple  # of Phase
    batch: int = 128  # images per update, where a phase has no number of its own
    clip: float = 10.0  # the largest global norm of a gradient
    lstm_clip: float | None = None  # the largest derivative of an image's loss by an LSTM's pre-activation; None: any
    decay: float = 0.0  # weight decay: plain Adam shortens the matrices by this part, times the rate, at every update
    average: float = 0.05  # the weights are averaged over about this last fraction of the updates so far; 0: not at all
    images: int | None = None  # how many training images are used; None: all
    validation_images: int = 2000  # how many images are validated on, at most
    start: str | None = None  # the shipped weights of a smaller DRAW to begin from: see models.enlarge

    @property
    def updates(self):
        """The recipe's own length."""
        return sum(phase.updates for phase in self.phases)

    def batch_of(self, phase):
        """The images of an update in a phase."""
        return phase.batch or self.batch

    @property
    def batch_sizes(self):
        """The images of an update, from phase to phase."""
        return [self.batch_of(phase) for phase in self.phases]

    def updates_of(self, images):
        """The updates that see so many images in all, each phase keeping its share of the updates."""
        seen = sum(phase.updates * batch for phase, batch in zip(self.phases, self.batch_sizes))
        return max(1, round(images * self.updates / seen))

    def spans(self, length):
        """[(phase, updates made before it, updates made when it ends), ...] of a run of `length` updates in all."""
        totals = itertools.accumulate(phase.updates for phase in self.phases)
        ends = [math.ceil(total * length / self.updates) for total in totals]
        return list(zip(self.phases, [0, *ends], ends))


@dataclass(frozen=True)
class Run:
    """What is trained. It is checked when it is made: raises ValueError, in one line, for what makes no sense."""

    name: str
    model: str  # a name in models.MODELS
    config: Any  # the model's Config
    data: Any  # the name of a data set, or an object like those of data.py
    recipe: Recipe

    def __post_init__(self):
        check(self)

    @property
    def data_name(self):
        """The name of the data."""
        return self.data if isinstance(self.data, str) else self.data.source


def now(value, part):
    """The value of a number or a Ramp where `part` of the phase has passed."""
    return value.at(part) if isinstance(value, Ramp) else value


def check(run):
    """Raise ValueError, in one line that says what to do, unless a Run makes sense."""
    recipe, name = run.recipe, f"the recipe of {run.name}"
    require(one_of(run.model, MODELS), f"{run.name}: there is no model {shown(run.model)}; known: {', '.join(MODELS)}")
    model = MODELS[run.model]
    require(isinstance(run.config, model.Config), f"{run.name}: config must be a {run.model}.Config")
    fits = one_of(run.data, datasets.NAMES) or all(hasattr(run.data, each) for each in NEEDED)
    words = f"one of {', '.join(datasets.NAMES)}, or have {', '.join(NEEDED)}"
    require(fits, f"{run.name}: data must be {words}, not {shown(run.data)}")
    if not isinstance(run.data, str):
        valid = run.data.valid
        require(isinstance(valid, Split), f"{run.name}: data.valid must be a datasets.Split, not {shown(valid)}")
    endless = datasets.is_endless(run.data) if isinstance(run.data, str) else hasattr(run.data, "sample")
    labelled = endless if isinstance(run.data, str) else run.data.valid.labels is not None
    require(model.MEASURE == "bound" or labelled, f"{run.name}: {run.data_name} has no labels for a {run.model}")
    require(isinstance(recipe, Recipe), f"{run.name}: recipe must be a Recipe, not {shown(recipe)}")
    phases = recipe.phases
    fits = isinstance(phases, tuple) and phases and all(isinstance(phase, Phase) for phase in phases)
    require(fits, f"{name}: phases must be a tuple of one Phase or more, not {shown(phases)}")
    for key in ("batch", "images", "validation_images"):
        value = getattr(recipe, key)
        fits = is_whole(value, 1) or value is None and key == "images"
        require(fits, f"{name}: {key} must be a whole number of at least 1, not {shown(value)}")
    for key in ("clip", "lstm_clip", "decay", "average"):
        value = getattr(recipe, key)
        fits = number(value) and value >= 0 or value is None and key == "lstm_clip"
        require(fits, f"{name}: {key} must be a number of at least 0, not {shown(value)}")
    require(recipe.clip > 0 and recipe.lstm_clip != 0, f"{name}: a clip of 0 would leave no gradient")
    fits = not recipe.decay or any(phase.optimiser == "adam" for phase in phases)
    require(fits, f"{name}: decay is for phases of plain Adam, and there are none: leave it out")
    fits = not recipe.images or isinstance(run.data, Images) or isinstance(run.data, str) and not endless
    require(fits, f"{name}: {run.data_name} has no end, or no array of images, so leave out images")
    fits = recipe.start is None or isinstance(recipe.start, str) and run.model == "draw"
    require(fits, f"{name}: start must be the name of shipped weights, and the model draw, not {shown(recipe.start)}")
    for position, phase in enumerate(phases, 1):
        check_phase(f"{name}, phase {position}", phase, run, model, endless)


def check_phase(name, phase, run, model, endless):
    """The part of `check` that is about one phase."""
    fits = is_whole(phase.updates, 1)
    require(fits, f"{name}: updates must be a whole number of at least 1, not {shown(phase.updates)}")
    fits = phase.batch is None or is_whole(phase.batch, 1)
    require(fits, f"{name}: batch must be a whole number of at least 1 or None, not {shown(phase.batch)}")
    for key in ("rate", "kl"):
        value = getattr(phase, key)
        ends = (value.first, value.last) if isinstance(value, Ramp) else (value,)
        fits = all(number(end) and end >= 0 for end in ends) and max(ends) > 0
        fits = fits and (len(ends) == 1 or float in map(type, ends))  # else it would take whole steps
        require(fits, f"{name}: {key} must be a number above 0 or a Ramp as from 0.0 to 1.0, not {shown(value)}")
    require(phase.kl == 1.0 or "L_z" in model.LOSSES, f"{name}: kl is for models with an L^z, not {run.model}")
    fits = isinstance(phase.config, dict) and set(phase.config) <= set(model.FREE)
    free = " or ".join(model.FREE) or "nothing"
    require(fits, f"{name}: config must be a dict that changes {free}, not {shown(phase.config)}")
    named(f"{name}: config", phase.config_of, run.config)
    require(isinstance(phase.shown, dict), f"{name}: shown must be a dict, not {shown(phase.shown)}")
    require(not phase.shown or endless, f"{name}: {run.data_name} is a fixed set and has no options of what is shown")
    for key, value in phase.shown.items():
        fits = not isinstance(value, Ramp) or is_whole(value.first, 0) and is_whole(value.last, 0)
        require(fits, f"{name}: a Ramp of {key} must be between whole numbers, not {shown(value)}")
    for part in (0.0, 1.0) if phase.shown and isinstance(run.data, str) else ():
        options = {key: now(value, part) for key, value in phase.shown.items()}
        named(f"{name}: shown", datasets.check_options, run.data, options)
    fits = one_of(phase.optimiser, OPTIMISERS)
    require(fits, f"{name}: there is no optimiser {shown(phase.optimiser)}; known: {', '.join(OPTIMISERS)}")
    require(type(phase.prune) is bool, f"{name}: prune must be True or False, not {shown(phase.prune)}")
    fits = isinstance(phase.frozen, tuple) and all(one_of(part, DECODER) for part in phase.frozen)
    require(fits, f"{name}: frozen must be a tuple of some of {', '.join(DECODER)}, not {shown(phase.frozen)}")
    require(not (phase.prune or phase.frozen) or run.model == "draw", f"{name}: prune and frozen are for draw")


def named(name, function, *arguments):
    """Call function(*arguments); where it raises, its message is given a name to begin with."""
    try:
        function(*arguments)
    except (ValueError, datasets.DatasetError) as error:
        raise ValueError(f"{name}: {error}") from error


def one_of(value, names):
    return isinstance(value, str) and value in names


def is_whole(value, least):
    return type(value) is int and value >= least


def number(value):
    return type(value) in (int, float) and math.isfinite(value)
