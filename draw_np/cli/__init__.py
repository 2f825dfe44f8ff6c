"""The command line: train, presets, evaluate, sample, play, gradcheck, bench, datasets, each in a file of its name.

Every mistake ends in one line on standard error and an exit status other than 0. With `--json`, the last line of
standard output is one JSON object.
"""

from ..backend import DeviceError, gpu_failure, use_device
from ..datasets import DatasetError
from ..training.checkpoint import CheckpointError
from ..training.journal import TrainingError
from . import bench, datasets, evaluate, gradcheck, play, presets, sample, train
from .common import OutputError, Parser, UsageError, complain, user_value
from .train import STOPPED

COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "sample": sample,
    "play": play,
    "gradcheck": gradcheck,
    "bench": bench,
    "presets": presets,
    "datasets": datasets,
}


def make_parser():
    parser = Parser(prog="python -m draw_np", description="DRAW (Gregor et al. 2015) from scratch in NumPy.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_options(command)
        command.set_defaults(run=module.run)
    return parser


def main(argv=None):
    """Run one command; returns the exit status."""
    try:
        arguments = make_parser().parse_args(argv)
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
