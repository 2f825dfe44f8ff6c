"""How long one training step takes, against the frameworks, and how time and memory grow.

`python figures/speed.py [FILE.png]` draws the numbers in speed.json beside this script; the default is speed.png.
`python figures/speed.py --measure [REPEATS]` takes them again on this machine, on one core and on two, in ten to thirty
minutes; the frameworks are brought by `pip install .[peers]`. A step is the loss and its gradient in float32.
"""

import json
import re
import sys
from pathlib import Path

from _script import run, save_figure

import numpy as np
from matplotlib import pyplot as plt

from draw_np import benchmark, equations, kernels, plotting
from draw_np.models import draw
from draw_np.training.presets import PRESETS

PICTURE, NUMBERS = Path(__file__).with_suffix(".png"), Path(__file__).with_suffix(".json")
OPS = {"equations": equations, "kernels": kernels}
MODELS = {
    name: PRESETS[preset].config  # Table 3's, but for T
    for name, preset in {
        "MNIST": "mnist", "MNIST without attention": "mnist-no-attention", "SVHN": "svhn", "CIFAR-10": "cifar10",
    }.items()
}  # fmt: skip
COMPARED = [  # model, T, batch, cores
    *(("MNIST", 32, 128, cores) for cores in (1, 2)),
    *(("MNIST", steps, 128, 1) for steps in (8, 64)),
    *(("MNIST", 32, batch, 1) for batch in (32, 512)),
    ("MNIST without attention", 32, 128, 1),
    *(("SVHN", 32, 32, cores) for cores in (1, 2)),
    ("CIFAR-10", 64, 32, 1),
]
GROWING = {  # what grows: its values, and how a value becomes (T, batch, side of the image)
    "steps T": ([8, 16, 32, 64, 128], lambda n: (n, 128, 28)),
    "batch": ([32, 64, 128, 256, 512], lambda n: (32, n, 28)),
    "pixels": ([28**2, 56**2, 84**2, 112**2], lambda n: (8, 128, round(n**0.5))),
}
FIXED = {"steps T": "batch 128", "batch": "T = 32", "pixels": "T = 8, batch 128"}  # of kernels at MNIST's sizes
NAMES = {
    "equations": "plain equations", "torch": "PyTorch eager", "torch_compile": "PyTorch compiled", "jax": "JAX jit",
    "kernels": "kernels", "gemm_floor": "matrix products alone",
}  # fmt: skip
COLOURS = {
    "equations": plotting.SKY, "torch": plotting.ORANGE, "torch_compile": plotting.RED, "jax": plotting.GREEN,
    "kernels": plotting.BLUE, "gemm_floor": "0.6",
}  # fmt: skip


def measure(repeats):
    """All runs of `benchmark.run`, as a dict that JSON can hold."""
    found = {"compared": [], "growing": {}}
    for model, steps, batch, cores in COMPARED:
        print(f"{model}, T = {steps}, batch {batch}, cores: {cores}", file=sys.stderr)
        row = benchmark.run(steps, batch, cores, repeats, OPS, MODELS[model])
        found["compared"].append({"model": model, **row})
    for name, (values, sizes) in GROWING.items():
        found["growing"][name] = []
        for value in values:
            steps, batch, side = sizes(value)
            print(f"{name}: {value}", file=sys.stderr)
            config = draw.Config(side, side)
            row = benchmark.run(steps, batch, 1, repeats, {"kernels": kernels}, config, peers=())
            found["growing"][name].append({"value": value, **row})
    return found


def exponent(x, y):
    """The slope of log y over log x, fitted: 1 when y is proportional to x."""
    return np.polyfit(np.log(x), np.log(y), 1)[0]


def draw_bars(ax, row):
    names = [name for name in NAMES if row[f"{name}_s"]]
    seconds = [row[f"{name}_s"] for name in names]
    ax.barh([NAMES[name] for name in names], seconds, color=[COLOURS[name] for name in names])
    for place, (name, value) in enumerate(zip(names, seconds)):
        ratio = "" if name == "kernels" else f"   kernels / this = {row['kernels_s'] / value:.2f}"
        ax.text(value, place, f" {value:.3f} s{ratio}", va="center", fontsize=12)
    ax.set(xlabel="seconds a step", xlim=(0, 1.9 * max(seconds)))
    ax.set_title(f"{row['model']}, T = {row['steps']}, batch {row['batch']}, cores: {row['threads']}")
    ax.invert_yaxis()


def draw_ratios(ax, rows):
    for name in NAMES:
        if name != "kernels":
            ratios = [row["kernels_s"] / row[f"{name}_s"] if row[f"{name}_s"] else np.nan for row in rows]
            ax.plot(ratios, range(len(rows)), "o", markersize=11, color=COLOURS[name], label=NAMES[name])
    labels = [f"{row['model']}, T {row['steps']}, batch {row['batch']}, cores: {row['threads']}" for row in rows]
    ax.set_yticks(range(len(rows)), labels)
    ax.axvline(1, color="black", linewidth=1)
    ax.set(xlabel="time of the kernels / time of the other (left of 1 the kernels are faster)", xlim=(0, None))
    ax.set_title("All sizes")
    ax.legend(fontsize=11)
    ax.invert_yaxis()


def draw_growth(ax, name, rows, of, label, colour):
    x, y = np.array([[row["value"], of(row)] for row in rows]).T
    ax.loglog(x, y, "o-", color=colour)
    ax.set_xticks(x, [f"{value:.0f}" for value in x])
    ax.minorticks_off()
    ax.set_yticks(y, [f"{value:.3g}" for value in y])
    ax.set(xlabel=name, ylabel=label, title=f"kernels, {FIXED[name]}\nexponent {exponent(x, y):.2f}")


def draw_all(found):
    plotting.use_style()
    figure = plt.figure(figsize=(20, 19), layout="constrained")
    grid = figure.add_gridspec(4, 6)
    one, two, *_ = found["compared"]
    draw_bars(figure.add_subplot(grid[0, :3]), one)
    draw_bars(figure.add_subplot(grid[0, 3:]), two)
    draw_ratios(figure.add_subplot(grid[1, :]), found["compared"])
    for column, (name, rows) in enumerate(found["growing"].items()):
        places = slice(2 * column, 2 * column + 2)
        draw_growth(figure.add_subplot(grid[2, places]), name, rows, lambda row: row["kernels_s"], "seconds a step",
                    plotting.BLUE)  # fmt: skip
        draw_growth(figure.add_subplot(grid[3, places]), name, rows, lambda row: row["peak_memory_mb"]["kernels"],
                    "peak memory, MB", plotting.BLUE)  # fmt: skip
    about = one["versions"]
    versions = ", ".join(f"{name} {version}" for name, version in about.items() if version)
    figure.suptitle(f"One training step of DRAW\n{one['machine']['processor']}; {versions}", fontsize=18)
    return figure


def main():
    match sys.argv[1:]:
        case ["--measure", *repeats] if re.fullmatch("( [1-9][0-9]{0,3})?", "".join(f" {count}" for count in repeats)):
            NUMBERS.write_text(json.dumps(measure(int((*repeats, "7")[0])), indent=1) + "\n")
            print(NUMBERS)
        case ["--measure", *_] | [_, _, *_]:
            sys.exit("usage: python figures/speed.py [FILE.png | --measure [REPEATS]]")
        case _:
            run(lambda path: save_figure(draw_all(json.loads(NUMBERS.read_text())), path), PICTURE)


if __name__ == "__main__":
    main()
