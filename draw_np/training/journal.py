"""What a run says of itself: its metrics, a line per update, and a progress bar."""

import contextlib
import io
import json
import math
import sys

from .. import files
from ..backend import on_gpu, to_host
from ..stderr import STDERR

METRICS = "metrics.jsonl"
LONGEST = 10_000  # bytes of a line: ours have 300
LOOK_EVERY = 50  # updates on a GPU: to look at a number is to wait for it


def tell(text):
    """Print a line on standard error."""
    print(text, file=STDERR, flush=True)


class TrainingError(Exception):
    """Training cannot start or go on; the message is one line that says why and what to do."""


class Journal:
    """The metrics of a run, a line per update, and the progress bar. For a `with`.

    A resumed run goes on with `metrics.jsonl`, without the lines after its checkpoint and without one that a kill cut
    short. The file is not synced: after a crash of the machine lines may be missing.
    """

    def __init__(self, folder, job):
        self.folder, self.progress, self.names, self.pending = folder, job.progress, job.model.LOSSES, []
        self.path, length = folder.out / METRICS, job.settings["length"]
        self.total, self.initial = work(job.run, length), work(job.run, length, job.progress.update)

    def __enter__(self):
        from tqdm import tqdm  # only here: whoever reads weights draws no bar

        with self.faults_named():
            kept = []
            if self.path.exists():
                with io.BufferedReader(files.opened(self.path)) as file:
                    kept = list(whole_rows(file, self.progress.update, self.names))
            with files.replacing(self.path) as file:
                file.writelines(kept)
            self.file = open(self.path, "a")
        # It counts the steps t of all images, not updates: T and batches may grow, and it is to tell the time left.
        how = {"mininterval": 0.5 if sys.stderr and sys.stderr.isatty() else 30, "disable": sys.stderr is None}
        self.bar = tqdm(total=self.total, initial=self.initial, unit="step", unit_scale=True, file=STDERR, **how)
        return self

    def __exit__(self, kind, *exception):
        self.bar.close()
        with contextlib.suppress(OSError) if kind else self.faults_named():
            self.file.close()  # it writes what is left; where the disk is full, that is being said already

    @contextlib.contextmanager
    def faults_named(self):
        """Turns what the system says into a TrainingError that names the file."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise TrainingError(f"cannot go on with {self.path} ({reason}): set that right, then --resume") from error

    def add(self, steps, images, nats):
        """Take note of an update: its T, how many images it saw, and its numbers, which a GPU may not have yet."""
        self.pending.append(({"update": self.progress.update, "steps": steps}, nats))
        self.bar.update(steps * images)

    def rows(self, look):
        """The rows of the updates added since the last call; on a GPU none, while they are few, unless `look`.

        Raises TrainingError for a number that is not finite.
        """
        if on_gpu() and len(self.pending) < LOOK_EVERY and not look:
            return []
        rows, self.pending = [self.row(*found) for found in to_host(self.pending)], []
        return rows

    def row(self, row, nats):
        nats = {name: float(value) for name, value in nats.items()}
        for quantity, value in nats.items():
            if not math.isfinite(value):
                raise TrainingError(
                    f"{quantity} became {value} at update {row['update']}, and would again with --resume from "
                    f"{self.folder.checkpoint}: start anew with another --seed, or with a recipe of a lower rate"
                )
        nats = {"nats": sum(nats[name] for name in self.names), **nats}
        return {**row, **{name: float(f"{value:.7g}") for name, value in nats.items()}}  # the digits of a float32

    def write(self, rows):
        """Write rows to the metrics and the last one to the bar."""
        if not rows:
            return
        seconds = round(self.progress.seconds, 2)
        with self.faults_named():
            self.file.writelines(json.dumps({**row, "seconds": seconds}) + "\n" for row in rows)
        row = rows[-1]
        terms = " + ".join(f"{row[name]:.3g}" for name in self.names)
        self.bar.set_postfix_str(f"update {row['update']}: {terms} nats, |g| {row['gradient_norm']:.3g}", refresh=False)

    def flush(self):
        """Hand what was written to the system: no checkpoint must be ahead of its metrics."""
        with self.faults_named():
            self.file.flush()

    def say(self, text):
        self.bar.write(text, STDERR)


def whole_rows(file, until, names):
    """The lines of the metrics in a binary `file` that are whole rows: one per update, in order, up to update `until`.

    `names` are those of the loss's terms. Everything else is left out, however long its lines are.
    """
    last, needed = 0, {"update", "steps", "nats", "seconds", *names}
    for line in iter(lambda: file.readline(LONGEST), b""):
        try:
            row = json.loads(line.decode())
            numbers = all(type(value) in (int, float) and math.isfinite(value) for value in row.values())
            if numbers and needed <= row.keys() and type(row["update"]) is int and last < row["update"] <= until:
                last = row["update"]
                yield line.strip() + b"\n"
        except (ValueError, AttributeError, OverflowError, RecursionError):
            continue


def work(run, length, until=None):
    """The steps t of all images in the first `until` updates of a run, or in all: what the bar counts."""
    until, found = length if until is None else until, 0
    for phase, first, end in run.recipe.spans(length):
        steps = getattr(phase.config_of(run.config), "steps", 1)
        found += steps * run.recipe.batch_of(phase) * max(0, min(until, end) - first)
    return found
