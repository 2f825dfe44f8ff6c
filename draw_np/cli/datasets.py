"""`datasets`: what is here, and what can be fetched."""

from .. import datasets
from .common import UsageError, add_json, print_json, say

HELP = "list the data sets, fetch one, or verify its hashes"


def add_options(command):
    command.add_argument(
        "action", nargs="?", default="list", choices=["list", "fetch", "verify"], help="list, if not given"
    )
    command.add_argument("name", nargs="?", metavar="NAME", help=", ".join(datasets.NAMES))
    add_json(command)


def run(arguments):
    if (arguments.name is None) != (arguments.action == "list"):
        verb = "takes no name" if arguments.name else f"needs a name: {', '.join(datasets.NAMES)}"
        raise UsageError(f"datasets {arguments.action} {verb}")
    if arguments.action == "fetch":
        say("\n".join([*datasets.fetch(arguments.name), f"{arguments.name} is in place"]))
    elif arguments.action == "verify":
        say("\n".join(datasets.verify(arguments.name)))
    else:
        for row in datasets.listing():
            splits = ", ".join(f"{split} {count_of(row, split)}" for split in row.images)
            state = "here" if row.here else f"not here: python -m draw_np datasets fetch {row.name}"
            say(f"{row.name}\n    {state}, {row.bytes / 1e6:.1f} MB, images: {splits}")
            say(f"    source: {row.source}\n    licence: {row.licence}\n    in {row.path}")
    if arguments.json:
        print_json({"datasets": [{**row._asdict(), "path": str(row.path)} for row in datasets.listing()]})
    return 0


def count_of(row, split):
    """How many images a split has, and of how many if not all of them are here."""
    here, whole = row.images[split], row.whole[split]
    if here is None:
        return "endless"
    return f"{here:,}" if here == whole else f"{here:,} of {whole:,}"
