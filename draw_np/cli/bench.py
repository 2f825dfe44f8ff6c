"""`bench`: the time of a training step."""

from ..backend import on_gpu
from ..models import draw
from ..models.common import image_shape
from ..training.run import OPS
from .common import UsageError, add_device, add_json, check_memory, count, print_json, say

HELP = "time one training step against the frameworks that are installed"


def add_options(command):
    command.add_argument("--steps", type=count, default=32, metavar="T", help="of the model: 32, if not given")
    command.add_argument("--batch", type=count, default=128, metavar="N", help="images in a batch: 128")
    command.add_argument("--threads", type=count, default=1, metavar="K", help="cores to use: 1")
    command.add_argument(
        "--repeats", type=count, default=5, metavar="R", help="rounds, of which the medians are told: 5"
    )
    add_device(command)
    add_json(command)


def run(arguments):
    from .. import benchmark
    from ..benchmark import gpu

    if on_gpu() and arguments.threads > 1:
        raise UsageError("--threads is for the cores of the processor; leave it out with --device cuda")
    shape = arguments.batch, arguments.steps, *image_shape(draw.Config())
    check_memory("a training step of this size", shape, "ask for fewer --steps or a smaller --batch")
    try:
        if on_gpu():
            found = gpu.run(arguments.steps, arguments.batch, arguments.repeats)
        else:
            found = benchmark.run(arguments.steps, arguments.batch, arguments.threads, arguments.repeats, OPS)
    except (ValueError, RuntimeError) as error:
        raise UsageError(str(error)) from error
    for key, value in found.items():
        say(f"{key:24}{value:.4g}" if isinstance(value, float) else f"{key:24}{value}")
    if arguments.json:
        print_json(found)
    return 0
