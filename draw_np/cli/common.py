"""What the commands share: the parser, the words it knows, and how they speak."""

import argparse
import json
import math
import os
import re
import sys

import numpy as np
from tqdm import tqdm

from .. import datasets, pretrained
from ..backend import on_gpu
from ..counts import whole
from ..datasets import DatasetError
from ..models import MODELS
from ..names import shown
from ..stderr import STDERR
from ..training.checkpoint import CheckpointError

MOST_DIGITS = 1000
"""Of a number that is typed."""


class UsageError(Exception):
    """What was asked for cannot be done; the message is one line."""


class OutputError(Exception):
    """Standard output cannot be written; the message is one line."""


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one line without the usage above it, and so is help that cannot be printed."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def print_help(self, file=None):
        say(self.format_help().rstrip())


def count(text):
    return whole_number(text, 1)


def seed(text):
    return whole_number(text, 0)


def port(text):
    """A port, or 0."""
    return whole_number(text, 0, 65535)


def whole_number(text, least, most=None):
    """A whole number from `least` to `most`, with no more digits than Python reads."""
    readable = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    number = whole(int(text) if readable else None, least, most)
    if number is None:
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise argparse.ArgumentTypeError(f"must be a whole number {span}, not {shown(text)}")
    return number


def folder(text):
    """A folder; without a name it would be the current one."""
    if not text:
        raise argparse.ArgumentTypeError("must name a folder")
    return text


def size(text):
    """Height and width in pixels, "32" or "48x64"."""
    sides = re.fullmatch("([1-9][0-9]{0,3})(?:x([1-9][0-9]{0,3}))?", text, re.ASCII)
    if not sides:
        raise argparse.ArgumentTypeError(f"must be a number of pixels, or HEIGHTxWIDTH, not {shown(text)}")
    return int(sides[1]), int(sides[2] or sides[1])


def add_picture_options(command):
    """What is made of the pictures of `--images`."""
    command.add_argument(
        "--size",
        type=size,
        metavar="SIDE|HxW",
        help="cut the middle out of the pictures of --images and resize it to this, in pixels",
    )
    command.add_argument("--grey", action="store_true", default=None, help="make the pictures of --images grey")


def add_device(command):
    command.add_argument("--device", default="cpu", metavar="cpu|cuda", help="where to compute: cpu, if not given")


def add_json(command):
    command.add_argument("--json", action="store_true", help="print the numbers as JSON, too, in the last line")


def add_weights(command, able=None, **how):
    """Add --weights; its help names the shipped ones, where `able` is given only those whose model it accepts."""

    def fits(name):
        try:
            return able(MODELS[pretrained.load_record(name)["model"]])
        except CheckpointError:  # it came without its record
            return True

    names = ", ".join(filter(able and fits, pretrained.names()))
    command.add_argument("--weights", metavar="NAME|FILE", help=f"{names}, or the weights.npz of a run", **how)


def own_images(arguments, colour=False):
    """The images that --images, --size and --grey ask for; where `colour` is asked for, a folder of grey ones too."""
    if not arguments.images:
        raise UsageError("--images must name a folder of pictures or a .npy file")
    coloured = colour and not arguments.grey and os.path.isdir(arguments.images)
    try:
        return datasets.read_own(arguments.images, arguments.size, False if coloured else arguments.grey)
    except DatasetError as error:
        raise UsageError(f"--images: {error}") from error


def user_value(function, *values):
    """function(*values); its ValueError is the fault of whoever typed them, and becomes a UsageError."""
    try:
        return function(*values)
    except ValueError as error:
        raise UsageError(str(error)) from error


def progress_bar(iterator):
    return tqdm(iterator, unit="batch", leave=False, disable=not sys.stderr.isatty())


def say(text):
    """Print a text. Raises OutputError where nobody takes it: the disk is full, or the reader has gone."""
    try:
        print(text, flush=True)
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror or error}") from error


def complain(text):
    """Print a line on standard error, if anybody listens there."""
    print(text, file=STDERR, flush=True)


def print_json(record):
    def plain(value):
        return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)

    say(json.dumps(record, default=plain))


def check_memory(what, canvases, advice):
    """Raise UsageError where the canvases of all images and steps, in float32 and of this shape in all, are more than
    this machine's memory: Linux would end the process without a word.
    """
    if on_gpu() or not hasattr(os, "sysconf"):
        return
    need, have = 4 * math.prod(canvases), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if need > have:
        needs = f"more than {need // 10**9:,} GB of memory" if need < 10**18 else "more memory than there ever is"
        raise UsageError(f"{what} needs {needs}, and this machine has {have / 1e9:,.0f} GB: {advice}")
