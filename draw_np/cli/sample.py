"""`sample`: new images, drawn."""

import atexit
import os
import pathlib
import shutil
import sys
import tempfile

import numpy as np

from .. import equations, pretrained
from ..backend import to_device, to_host
from ..models.common import image_shape
from ..training.checkpoint import load_weights
from .common import UsageError, add_device, add_weights, check_memory, count, say, seed

HELP = "draw images: a film strip (.png) or an animation (.gif)"
ENDINGS = ".png", ".gif"


def add_options(command):
    add_weights(command, lambda model: hasattr(model, "generate"), required=True)
    command.add_argument("--out", required=True, metavar="FILE.png|FILE.gif", help="a film strip, or an animation")
    command.add_argument("--count", type=count, default=8, metavar="N", help="images: 8, if not given")
    command.add_argument("--seed", type=seed, default=0, metavar="S", help="of the noise: 0, if not given")
    add_device(command)


def run(arguments):
    out = pathlib.Path(arguments.out)
    if out.suffix.lower() not in ENDINGS:
        raise UsageError(f"--out {out}: the ending must be one of {', '.join(ENDINGS)}")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise UsageError(f"--out {out}: the folder {out.parent} is not there or cannot be written")
    params, model, config, _ = load_weights(pretrained.find(arguments.weights))
    if not hasattr(model, "generate"):
        raise UsageError(f"{arguments.weights} classifies images and draws none; use the weights of another model")
    plotting = import_plotting()
    save = plotting.save_film_strip if out.suffix.lower() == ".png" else plotting.save_animation
    canvases = arguments.count, getattr(config, "steps", 1), *image_shape(config)
    check_memory("drawing so many images", canvases, "ask for a smaller --count")
    try:
        noise = model.sample_noise(config, arguments.count, np.random.default_rng(arguments.seed))
    except ValueError as error:  # more numbers than an array can have
        raise MemoryError from error
    canvases, windows = model.generate(to_device(params), config, to_device(noise))
    images, windows = to_host((equations.pixel_means(canvases), windows))
    if not all(np.isfinite(numbers).all() for numbers in (images, *(windows or ()))):
        raise UsageError(f"{arguments.weights} draws what are no numbers: these weights are of no use")
    try:
        with tempfile.TemporaryDirectory(prefix=".draw_np-", dir=out.parent) as folder:
            half = pathlib.Path(folder, out.name)
            save(half, images, windows, getattr(config, "write_size", None))
            os.replace(half, out)  # now that it is whole
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror or error}") from error
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--out {out}: {arguments.count} such images make no picture ({error})") from error
    say(f"{arguments.count} images, drawn in {len(canvases)} steps: {out}")
    return 0


def import_plotting():
    """The module that draws. Matplotlib takes a second to import, and only this command needs it.

    A user's settings are for windows and pictures of their own; here a mistake in them would only be in the way.
    """
    if "matplotlib" not in sys.modules:
        os.environ.update(MPLBACKEND="agg", MATPLOTLIBRC=os.devnull)
        try:
            pathlib.Path.home()
        except RuntimeError:  # without a home folder Matplotlib before 3.11 does not start, and later ones complain
            folder = tempfile.mkdtemp(prefix="draw_np-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            os.environ.setdefault("MPLCONFIGDIR", folder)
    try:
        from .. import plotting
    except (ValueError, RuntimeError, OSError) as error:  # a matplotlibrc in this folder, no folder of its own
        reason = str(error).strip().split("\n")[0]
        raise UsageError(f"Matplotlib, which draws, cannot start: {reason}") from error
    return plotting
