"""Table 3: the sizes of the models, the paper's rows and beside them ours, read from the presets.

Run `python figures/table_3.py [FILE.md]`; the default is table_3.md beside this script. It prints the table too.
"""

from pathlib import Path

from _script import run, save_table

from draw_np.training.presets import PRESETS

TABLE = Path(__file__).with_suffix(".md")
QUOTED = (  # the paper's Table 3: task, glimpses, LSTM #h, #z, read and write size; and our preset
    ("100 x 100 MNIST Classification", 8, 256, None, 12, None, "cluttered-mnist-8"),
    ("MNIST Model", 64, 256, 100, 2, 5, "mnist"),
    ("SVHN Model", 32, 800, 100, 12, 12, "svhn"),
    ("CIFAR Model", 64, 400, 200, 5, 5, "cifar10"),
)
SIZES = "steps", "hidden", "latent", "read_size", "write_size"


def ours(name):
    """The sizes of a preset in the order of the table, None for those that its model has not."""
    return tuple(getattr(PRESETS[name].config, size, None) for size in SIZES)


def cells(sizes):
    """Sizes as the table writes them."""
    *counts, read, write = sizes
    squares = (f"{size} x {size}" if size else "-" for size in (read, write))
    return [*(str(count) if count else "-" for count in counts), *squares]


def table():
    """The table as Markdown."""
    lines = ["| task | #glimpses | LSTM #h | #z | read size | write size |", "|---|---|---|---|---|---|"]
    for task, *quoted, name in QUOTED:
        lines.append(f"| {' | '.join((task, *cells(quoted)))} |")
        lines.append(f"| `{name}` | {' | '.join(cells(ours(name)))} |")
    return f"""# Table 3: the sizes of the models

{chr(10).join(lines)}

Of each pair of rows the first is the paper's Table 3, the second the preset of that name. The paper does not say how
many glimpses its other models take; `python -m draw_np presets` tells all of ours.
"""


def main(path):
    save_table(table(), path)


if __name__ == "__main__":
    run(main, TABLE)
