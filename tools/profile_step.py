"""Where the time and the memory of a recorded training step go: every call of its replay measured, by kind.

`python tools/profile_step.py [REPEATS]` prints tables for MNIST's model in float32. Times are the processor's, medians
of each call over the repeats, less the timer's own cost. A call's time is without that of the calls inside it. Memory
is that of arrays which NumPy has handed out and not got back.
"""

import argparse
import sys
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the package that lies beside this folder

from draw_np import kernels
from draw_np.backend import program
from draw_np.cli.common import count
from draw_np.kernels import primitive
from draw_np.models import draw
from draw_np.training.presets import PRESETS
from draw_np.training.shards import one_thread
from draw_np.training.update import RecordedLosses

SIZES = (32, 128), (32, 32), (8, 128)  # T, batch
KINDS = {
    "lstm_kernel": "LSTM, all but its products", "filterbanks_kernel": "filterbanks", "read": "reading",
    "write": "writing",
    "window_kernel": "windows' parameters",
    **dict.fromkeys(("posterior_kernel", "sample", "kl"), "posterior, sample, KL"),
    **dict.fromkeys(("error_image", "negative_log_likelihood"), "error image, likelihood"),
}  # fmt: skip
OTHER = "the rest: the canvas's sum, stacking, reshaping"
LOOP = "the replay's own loop"


class Stopwatch:
    """Notes of every call of what it has wrapped: its kind, how far `clock` went in it alone, how many were inside it.

    A "{}" in a kind stands for the way that the call was on.
    """

    def __init__(self, clock=time.thread_time_ns):
        self.clock, self.notes, self.open, self.way = clock, [], [], ""

    def wrap(self, function, kind, way=None):
        def timed(*arguments):
            self.way = way or self.way
            self.open.append([0, 0])
            started = self.clock()
            answer = function(*arguments)
            taken = self.clock() - started
            inside, count = self.open.pop()
            self.notes.append((kind.format(self.way), taken - inside, count))
            if self.open:
                self.open[-1][0] += taken
                self.open[-1][1] += 1
            return answer

        return timed

    def wrap_instruction(self, instruction):
        kind = KINDS.get(instruction.function.__name__, OTHER)
        forward = self.wrap(instruction.function, kind, "forward")

        def carry_out(*arguments):
            outputs, pull_back = forward(*arguments)
            return outputs, pull_back and self.wrap(pull_back, kind, "back")

        instruction.function = carry_out

    def cost(self, calls=10000):
        """Nanoseconds of a wrapped call that does nothing: as noted, and in all."""
        empty, started = self.wrap(lambda: None, ""), time.thread_time_ns()
        for _ in range(calls):
            empty()
        whole = (time.thread_time_ns() - started) / calls
        noted = np.median([own for _, own, _ in self.notes[-calls:]])
        return noted, whole


def recorded_step(steps, batch):
    """A training step of MNIST's model that has been recorded, and its arguments."""
    config, rng = replace(PRESETS["mnist"].config, steps=steps), np.random.default_rng(0)
    params = draw.init_params(config, rng)
    images = (rng.random((batch, config.height, config.width)) < 0.13).astype(np.float32)
    noise = draw.sample_noise(config, batch, rng)
    recorded, arguments = RecordedLosses(), (params, draw, config, images, noise, kernels)
    recorded(*arguments)
    return recorded, arguments


def memory(steps, batch):
    """{what: MB}: what calls of each kind add on the way forward, what is left at its end, and the most at once."""
    recorded, arguments = recorded_step(steps, batch)
    watch = Stopwatch(lambda: tracemalloc.get_traced_memory()[0])
    step = recorded.recorded.program
    for instruction in step.instructions:
        watch.wrap_instruction(instruction)
    back, at_end = step.back, []
    step.back = lambda *parts: at_end.append(watch.clock()) or back(*parts)
    tracemalloc.start()
    recorded(*arguments)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    found = {}
    for kind, size, _ in watch.notes[: len(step.instructions)]:
        found[kind] = found.get(kind, 0) + size
    found = dict(sorted(found.items(), key=lambda item: -item[1]))
    let_go = {"let go again before the way back": at_end[0] - sum(found.values())}
    ends = {"held when the way back begins": at_end[0], "the most held at once": most}
    return {what: size / 1e6 for what, size in {**found, **let_go, **ends}.items()}


def profile(steps, batch, repeats):
    """{kind: (calls a step, microseconds a step)} of MNIST's model."""
    (recorded, arguments), watch, loop, own = recorded_step(steps, batch), Stopwatch(), [], []
    noted, in_all = watch.cost()
    plain = primitive.product, primitive.add_product, program.added
    primitive.product = watch.wrap(plain[0], "products with weights, {}")
    primitive.add_product = watch.wrap(plain[1], "products for the weights' gradients")
    program.added = watch.wrap(plain[2], "adding gradients")
    for instruction in recorded.recorded.program.instructions:
        watch.wrap_instruction(instruction)
    for _ in range(repeats):
        watch.notes.clear()
        started = time.thread_time_ns()
        recorded(*arguments)
        taken = time.thread_time_ns() - started
        outermost = len(watch.notes) - sum(inside for *_, inside in watch.notes)
        own.append([nanoseconds for _, nanoseconds, _ in watch.notes])
        loop.append(taken - sum(own[-1]) - outermost * (in_all - noted))
    primitive.product, primitive.add_product, program.added = plain
    found = {LOOP: (1, np.median(loop) / 1e3)}
    for (kind, _, inside), taken in zip(watch.notes, np.median(own, axis=0)):
        calls, sum_so_far = found.get(kind, (0, 0))
        found[kind] = calls + 1, sum_so_far + (taken - noted - inside * (in_all - noted)) / 1e3
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repeats", nargs="?", type=count, default=15, metavar="REPEATS")
    repeats = parser.parse_args().repeats
    one_thread()
    columns = [profile(*size, repeats) for size in SIZES]
    wholes = [sum(us for _, us in found.values()) for found in columns]
    print("| |", " | ".join(f"T = {steps}, batch {batch}: calls | µs a call | %" for steps, batch in SIZES), "|")
    print("|---" * (1 + 3 * len(SIZES)) + "|")
    for kind in sorted(columns[0], key=lambda kind: -columns[0][kind][1]):
        cells = [(*found[kind], 100 * found[kind][1] / whole) for found, whole in zip(columns, wholes)]
        print(f"| {kind} |", " | ".join(f"{n} | {us / n:.0f} | {share:.1f}" for n, us, share in cells), "|")
    print("| the whole step |", " | ".join(f"1 | {whole:.0f} | 100" for whole in wholes), "|")
    steps, batch = SIZES[0]
    print(f"\n| memory, T = {steps}, batch {batch} | MB |\n|---|---|")
    for what, size in memory(steps, batch).items():
        print(f"| {what} | {size:.1f} |")


if __name__ == "__main__":
    main()
