"""Where the time of a recorded training step goes: every call of its replay timed, by kind.

`python tools/profile_step.py [REPEATS]` prints a table for MNIST's model in float32. Times are the processor's, medians
of each call over the repeats, less the timer's own cost. A call's time is without that of the calls inside it.
"""

import sys
import time
from dataclasses import replace

import numpy as np

from draw_np import kernels
from draw_np.backend import program
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
    """Notes of every call of what it has wrapped: its kind, its own nanoseconds, how many wrapped calls were inside.

    A "{}" in a kind stands for the way that the call was on.
    """

    def __init__(self):
        self.notes, self.open, self.way = [], [], ""

    def wrap(self, function, kind, way=None):
        def timed(*arguments):
            self.way = way or self.way
            self.open.append([0, 0])
            started = time.thread_time_ns()
            answer = function(*arguments)
            taken = time.thread_time_ns() - started
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


def profile(steps, batch, repeats):
    """{kind: (calls a step, microseconds a step)} of MNIST's model."""
    config, rng = replace(PRESETS["mnist"].config, steps=steps), np.random.default_rng(0)
    params = draw.init_params(config, rng)
    images = (rng.random((batch, config.height, config.width)) < 0.13).astype(np.float32)
    noise = draw.sample_noise(config, batch, rng)
    recorded, watch, loop, own = RecordedLosses(), Stopwatch(), [], []
    recorded(params, draw, config, images, noise, kernels)
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
        recorded(params, draw, config, images, noise, kernels)
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
    one_thread()
    columns = [profile(*size, int((*sys.argv[1:], "15")[0])) for size in SIZES]
    wholes = [sum(us for _, us in found.values()) for found in columns]
    print("| |", " | ".join(f"T = {steps}, batch {batch}: calls | µs a call | %" for steps, batch in SIZES), "|")
    print("|---" * (1 + 3 * len(SIZES)) + "|")
    for kind in sorted(columns[0], key=lambda kind: -columns[0][kind][1]):
        cells = [(*found[kind], 100 * found[kind][1] / whole) for found, whole in zip(columns, wholes)]
        print(f"| {kind} |", " | ".join(f"{n} | {us / n:.0f} | {share:.1f}" for n, us, share in cells), "|")
    print("| the whole step |", " | ".join(f"1 | {whole:.0f} | 100" for whole in wholes), "|")


if __name__ == "__main__":
    main()
