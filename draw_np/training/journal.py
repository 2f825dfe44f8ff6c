"""What a run says of itself: its metrics, a line an update, and a progress bar."""

import json
import math
import sys

from tqdm import tqdm

from .. import files
from ..backend import on_gpu, to_host

METRICS = "metrics.jsonl"
LOOK_EVERY = 50  # updates on a GPU: to look at a number is to wait for it


class TrainingError(Exception):
    """Training cannot start or go on; the message is one line that says why and what to do."""


class Journal:
    """The metrics of a run, a line an update, and the progress bar. To be used in a `with`.

    `metrics.jsonl` is continued without what was logged after the checkpoint that the run goes on from; a last line
    that a kill cut short goes too. It is not synced: after a crash of the machine lines may be missing.
    """

    def __init__(self, folder, job):
        self.folder, self.progress, self.names, self.pending = folder, job.progress, job.model.LOSSES, []
        total, initial = (work(job.run, job.settings["length"], until) for until in (None, job.progress.update))
        # It counts steps of t, not updates: T may grow, and the time left should not surprise.
        interval = 0.5 if sys.stderr.isatty() else 30
        self.bar = tqdm(total=total, initial=initial, unit="step", unit_scale=True, mininterval=interval)

    def __enter__(self):
        path, kept = self.folder.out / METRICS, []
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            try:
                if json.loads(line)["update"] <= self.progress.update:
                    kept.append(line + "\n")
            except (ValueError, KeyError, TypeError):
                continue
        with files.replacing(path, "w") as file:
            file.writelines(kept)
        self.file = open(path, "a")
        return self

    def __exit__(self, *exception):
        self.bar.close()
        self.file.close()

    def add(self, steps, nats):
        """Take note of an update with its T and its numbers, which may still be being computed."""
        self.pending.append(({"update": self.progress.update, "steps": steps}, nats))
        self.bar.update(steps)

    def rows(self, look):
        """The rows of what was added since they were last looked at, or none: on a GPU one may wait, unless `look`.

        Raises TrainingError for what is not finite.
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
                    f"{quantity} became {value} at update {row['update']}; the last good checkpoint is "
                    f"{self.folder.checkpoint}: --resume from it, or start again with a lower rate"
                )
        nats = {"nats": sum(nats[name] for name in self.names), **nats}
        return {**row, **{name: float(f"{value:.7g}") for name, value in nats.items()}}  # the digits of a float32

    def write(self, rows):
        """Write rows to the metrics and the last one to the bar."""
        if not rows:
            return
        seconds = round(self.progress.seconds, 2)
        self.file.writelines(json.dumps({**row, "seconds": seconds}) + "\n" for row in rows)
        row = rows[-1]
        terms = " + ".join(f"{row[name]:.3g}" for name in self.names)
        self.bar.set_postfix_str(f"update {row['update']}: {terms} nats, |g| {row['gradient_norm']:.3g}", refresh=False)

    def flush(self):
        """Hand what was written to the system: a checkpoint is not to be ahead of its metrics."""
        self.file.flush()

    def say(self, text):
        self.bar.write(text, sys.stderr)


def work(run, length, until=None):
    """The number of steps t that the first `until` of a run's updates take together, or all: what a bar can count."""
    until = length if until is None else until
    spans = [(getattr(phase.config_of(run.config), "steps", 1), *span) for phase, *span in run.recipe.spans(length)]
    return sum(steps * max(0, min(until, end) - first) for steps, first, end in spans)
