"""What the scripts of this folder share that train a model of their own, and ask a classifier what can be read."""

import sys
from functools import partial
from pathlib import Path

import numpy as np

from draw_np import equations, kernels
from draw_np.models import glimpse_classifier
from draw_np.training.checkpoint import load_weights, save
from draw_np.training.loop import train
from draw_np.training.trees import map_leaves

SURE = 0.5, 0.8
HEAD = "| | read with p > 0.5 | p > 0.8 | mean p |\n|---|---|---|---|"


def trained(run, folder):
    """Train a recipe.Run in a folder, or go on there: parameters, configuration and meta. Ends where it is stopped."""
    out = Path(folder)
    if not train(run, out, resume=(out / "checkpoint.npz").exists()):
        sys.exit("stopped: call it again to go on")
    params, _, config, meta = load_weights(out / "weights.npz")
    return params, config, meta


def train_classifier(run, folder, path):
    """Train a classifier in a folder, or go on there, and keep its weights in the file `path`, as float16."""
    params, _, meta = trained(run, folder)
    about = {key: meta[key] for key in ("model", "config", "preset", "seed", "update", "seconds")}
    save(path, {"params": map_leaves(lambda leaf: leaf.astype(np.float16), params)}, about)


def probabilities(path, images):
    """What the classifier in the file `path` thinks of images (count, ...): probabilities, (count, classes)."""
    params, _, config, _ = load_weights(path)
    parts = np.array_split(images, max(1, len(images) // 250))
    look = partial(glimpse_classifier.look, params, config, ops=kernels)
    return np.concatenate([equations.softmax(look(part).logits) for part in parts])


def shuffled(images, side, seed=0):
    """Images (count, height, width[, channels]) cut into squares, which are put together in another order: a control.

    `side` is that of a square, in pixels, of which whole ones have to fit.
    """
    count, height, width, rest = *images.shape[:3], images.shape[3:]
    rows, columns, rng = height // side, width // side, np.random.default_rng(seed)
    squares = images.reshape(count, rows, side, columns, side, *rest).swapaxes(2, 3)
    apart = squares.reshape(count, rows * columns, side, side, *rest)
    mixed = np.stack([each[rng.permutation(len(each))] for each in apart]).reshape(squares.shape)
    return np.ascontiguousarray(mixed.swapaxes(2, 3).reshape(images.shape))


def random_phases(images, seed=0):
    """Images (count, height, width, 3) whose waves are as strong as before but shifted at random, clipped to [0, 1].

    They are as smooth and as colourful as they were and have no shapes: a control for what is blurred.
    """
    noise = np.random.default_rng(seed).random((*images.shape[:3], 1))
    phases = np.exp(1j * np.angle(np.fft.rfft2(noise, axes=(1, 2))))  # the same for all colours
    waves = np.abs(np.fft.rfft2(images, axes=(1, 2))) * phases
    return np.clip(np.fft.irfft2(waves, images.shape[1:3], axes=(1, 2)), 0, 1).astype(images.dtype)


def row(name, p):
    """A row below HEAD, from the probabilities of what a classifier holds for the likeliest, (count,)."""
    shares = [f"{np.mean(p > sure):.3f}" for sure in SURE]
    return f"| {' | '.join((f'{len(p):,} {name}', *shares, f'{p.mean():.3f}'))} |"
