"""The command line: train, presets, evaluate, sample, gradcheck, bench and datasets, each in a file of its name.

Every mistake ends in one line on standard error and an exit status other than 0. With `--json`, the last line of
standard output is one JSON object.
"""

from .. import __version__
from ..backend import DeviceError, gpu_failure, use_device
from ..datasets import DatasetError
from ..training.checkpoint import CheckpointError
from ..training.journal import TrainingError
from . import bench, datasets, evaluate, gradcheck, presets, sample, train
from .common import OutputError, Parser, UsageError, complain, say, user_value
from .train import STOPPED

COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "sample": sample,
    "gradcheck": gradcheck,
    "bench": bench,
    "presets": presets,
    "datasets": datasets,
}

FIRST = f"""\
draw_np {__version__}: DRAW (Gregor et al. 2015) from scratch in NumPy. To begin with:

  python -m draw_np sample --weights mnist --out digits.gif   draw digits, stroke by stroke
  python -m draw_np evaluate --weights mnist --dataset binarized-mnist
                                                              the paper's number, measured: a few minutes
  python -m draw_np train --preset tiny --out runs/tiny       train a small DRAW: seconds
  python -m draw_np presets mnist                             how a model is trained, in words
  python -m draw_np gradcheck                                 every gradient against finite differences

All commands: python -m draw_np --help"""


def make_parser():
    parser = Parser(prog="python -m draw_np", description="DRAW (Gregor et al. 2015) from scratch in NumPy.")
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_options(command)
        command.set_defaults(run=module.run)
    return parser


def main(argv=None):
    """Run one command; returns the exit status."""
    try:
        arguments = make_parser().parse_args(argv)
        if arguments.command is None:
            say(f"draw_np {__version__}" if arguments.version else FIRST)
            return 0
        user_value(use_device, getattr(arguments, "device", "cpu"))
        return arguments.run(arguments)
    except (UsageError, OutputError, DatasetError, CheckpointError, TrainingError, DeviceError) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    except MemoryError as error:
        message = gpu_failure(error) or "not enough memory: ask for fewer images or use a smaller model"
    except KeyboardInterrupt:
        complain("stopped")
        return STOPPED
    except Exception as error:
        message = gpu_failure(error)
        if not message:
            raise
    complain(f"draw_np: {message}")
    return 1
