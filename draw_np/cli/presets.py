"""`presets`: the recipes in words."""

from ..training.presets import PRESETS, find_preset
from ..training.words import in_words
from .common import say, user_value

HELP = "the recipes in words"


def add_options(command):
    command.add_argument("name", nargs="?", metavar="NAME", help="one of them only")


def run(arguments):
    if arguments.name is not None:
        say(in_words(user_value(find_preset, arguments.name)))
    else:
        say("\n\n".join(in_words(run) for run in PRESETS.values()))
    return 0
