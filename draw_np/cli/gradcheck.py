"""`gradcheck`: every gradient against finite differences."""

import numpy as np

from ..training.gradient_check import TOLERANCE, gradient_table
from ..training.run import OPS
from .common import UsageError, add_device, add_json, complain, print_json, say

HELP = "compare every gradient with finite differences"


def add_options(command):
    add_device(command)
    add_json(command)


def run(arguments):
    rows = []
    say(f"{'operations':12}{'function':32}{'arguments':>9}  {'largest error':>13}  of")
    try:
        for row in gradient_table(OPS, np.random.default_rng(0)):
            rows.append(row)
            error, failed = row.worst.relative_error, "" if row.passed else "  WRONG"
            say(f"{row.ops:12}{row.function:32}{row.arguments:9}  {error:13.1e}  {row.worst.argument}{failed}")
    except ValueError as error:
        raise UsageError(f"the check stopped: {error}") from error
    wrong = [row for row in rows if not row.passed]
    for row in wrong:
        complain(f"{row.ops} {row.function}: {row.worst}")
    if not wrong:
        say(f"all {len(rows)} rows agree with finite differences to {TOLERANCE:g}")
    if arguments.json:
        records = [{**row._asdict(), "worst": row.worst._asdict(), "passed": row.passed} for row in rows]
        print_json({"passed": not wrong, "tolerance": TOLERANCE, "rows": records})
    return 1 if wrong else 0
