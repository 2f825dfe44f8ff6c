"""`train`: a preset, or one's own images, in a folder."""

from ..backend import on_gpu
from ..models.common import image_shape
from ..pretrained import load_pretrained
from ..training.data import of_images
from ..training.loop import train
from ..training.presets import PRESETS, find_preset
from ..training.ranks import FAULTS, world
from ..training.run import OPS, check_keep_every
from .common import (
    UsageError,
    add_device,
    add_picture_options,
    check_memory,
    count,
    folder,
    own_images,
    seed,
    user_value,
)

STOPPED = 130  # the exit status that shells give to Ctrl-C
HELP = "train a preset, or go on with a run"


def add_options(command):
    command.add_argument("--preset", required=True, metavar="NAME", help=", ".join(PRESETS))
    command.add_argument(
        "--out", type=folder, required=True, metavar="DIR", help="folder of the run: checkpoint, metrics, weights"
    )
    command.add_argument(
        "--images", metavar="FOLDER|FILE.npy", help="train on images of your own, in place of the preset's"
    )
    add_picture_options(command)
    length = command.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=count, metavar="N", help="passes over the training images")
    length.add_argument("--updates", type=count, metavar="N", help="or the number of updates")
    command.add_argument("--seed", type=seed, metavar="S", help="0, if not given")
    command.add_argument("--checkpoint-every", type=count, default=100, metavar="UPDATES", help="save so often: 100")
    add_device(command)
    command.add_argument(
        "--ops", choices=OPS, help="which derivatives to train with: kernels, unless the run has others"
    )
    command.add_argument("--threads", type=count, metavar="K", help="cores to use: each takes a shard of every batch")
    command.add_argument(
        "--keep-every", type=count, metavar="K", help="save memory: keep the state of every K-th step, compute it again"
    )
    command.add_argument("--resume", action="store_true", help="go on with the run in DIR, to the same bits")


def run(arguments):
    with world() as team:
        preset, start = team.together(lambda: chosen(arguments, team), (UsageError, *FAULTS))
        finished = train(
            preset, arguments.out, seed=arguments.seed, epochs=arguments.epochs, updates=arguments.updates,
            checkpoint_every=arguments.checkpoint_every, resume=arguments.resume, ops=arguments.ops,
            threads=arguments.threads, keep_every=arguments.keep_every, start=start, team=team,
        )  # fmt: skip
    return 0 if finished else STOPPED


def chosen(arguments, team):
    """The recipe.Run that was asked for, and the weights to begin from, if it begins from any. Raises UsageError."""
    preset = user_value(find_preset, arguments.preset)
    if arguments.images is not None:
        if arguments.size:  # so many pixels may be too much to be read at all
            check_canvases(preset, arguments.size)
        preset = user_value(of_images, preset, own_images(arguments), arguments.images)
        check_canvases(preset, image_shape(preset.config))
    elif arguments.size or arguments.grey:
        raise UsageError("--size and --grey are for --images")
    threads = arguments.threads or 1
    if threads > 1 and on_gpu():
        raise UsageError("--threads is for the cores of the processor; leave it out with --device cuda")
    if on_gpu() and team.size > 1:
        raise UsageError("mpiexec is for processors; leave out --device cuda")
    if threads > 1 and team.size > 1:
        raise UsageError("--threads is for one process; with mpiexec start as many as there are cores")
    check_keep_every(preset, arguments.keep_every, "--keep-every")
    return preset, load_pretrained(preset.recipe.start) if preset.recipe.start and not arguments.resume else None


def check_canvases(run, shape):
    """Raise UsageError unless an update of the run, with images of this shape, fits into memory."""
    what = f"an update of {run.name} with images of this size"
    steps = getattr(run.config, "steps", 1)
    check_memory(what, (max(run.recipe.batch_sizes), steps, *shape), "bring them to a smaller --size")
