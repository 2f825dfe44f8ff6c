"""A run in words, as `python -m draw_np presets NAME` prints it: what is trained, on what, and phase by phase how."""

import textwrap

from ..models import MODELS
from .recipe import Ramp

TITLES = {
    "draw": "DRAW",
    "vae": "a variational auto-encoder (Fig 2, left)",
    "glimpse_classifier": "a classifier that takes glimpses (section 4.1)",
}


def in_words(run):
    """A Run in words: a paragraph, and a line for each phase."""
    recipe = run.recipe
    sizes = ", ".join(f"{name} {size}" for name, size in vars(run.config).items() if size is not None)
    without = " without attention" if getattr(run.config, "read_size", 1) is None else ""
    images = f"{recipe.images} images of {run.data_name}" if recipe.images else run.data_name
    told = f"{run.name}: {TITLES[run.model]}{without} ({sizes}), trained on {images} in {recipe.updates:,} updates of "
    told += f"{images_of(recipe)} images."
    if recipe.start:
        told += f" It begins as {recipe.start!r} on a larger canvas."
    told += f" Gradients are clipped at a norm of {recipe.clip:g}"
    if recipe.lstm_clip:
        told += f", and in an LSTM at {recipe.lstm_clip:g} nats by each pre-activation of an image"
    if recipe.decay:
        told += f"; under plain Adam weights decay by {recipe.decay:g} of the rate an update"
    if recipe.average:
        told += f"; the weights are averaged over the last {recipe.average:.0%}"
    lines = [f"{told}.", *(f"- {phase_in_words(phase, run)}" for phase in recipe.phases)]
    return "\n".join(textwrap.fill(line, 100, subsequent_indent="  ") for line in lines)


def images_of(recipe):
    """How many images an update has: "128", or "64 to 128"."""
    return " to ".join(f"{count}" for count in sorted({min(recipe.batch_sizes), max(recipe.batch_sizes)}))


def phase_in_words(phase, run):
    """One phase in a sentence."""
    names = {"adam": "Adam", "schedule-free": "schedule-free Adam"}
    config = {key: value for key, value in phase.config.items() if key != "steps"}
    parts = [f"{phase.updates:,} updates"]
    if hasattr(run.config, "steps"):
        parts[0] += f" at T = {phase.config.get('steps', run.config.steps)}"
    if "height" in config:
        parts.append(f"images of {config['height']} x {config['width']}")
    if len({*run.recipe.batch_sizes}) > 1:  # else it has been said of all
        parts.append(f"batches of {run.recipe.batch_of(phase)}")
    shown = {key: value for key, value in phase.shown.items() if key != "side"}
    if shown:
        parts.append("shown: " + ", ".join(option_in_words(*option) for option in shown.items()))
    parts.append(f"{names[phase.optimiser]}, rate {value_in_words(phase.rate)}")
    if phase.kl != 1.0:
        parts.append(f"L^z counting {value_in_words(phase.kl)} in the gradient")
    if phase.prune:
        parts.append("inactive latent units pruned")
    if phase.frozen:
        whole = phase.frozen == MODELS[run.model].DECODER
        parts.append(("the decoder" if whole else ", ".join(phase.frozen)) + " frozen")
    return ", ".join(parts) + "."


def option_in_words(key, value):
    """An option of a data set: spread from 0 to 100, staged."""
    return key if value is True else f"{key} {value_in_words(value)}"


def value_in_words(value):
    """A number, or how it moves."""
    if isinstance(value, Ramp):
        return f"from {value_in_words(value.first)} to {value_in_words(value.last)}"
    return f"{value:g}" if type(value) in (int, float) else str(value)
