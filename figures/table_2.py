"""Table 2: negative log-likelihood on the binarized MNIST, the paper's rows quoted and ours as their records have them.

Our numbers are read from the records of the shipped weights, since measuring all three takes many minutes; the command
under the table measures one of them again.

Run `python figures/table_2.py [FILE.md]`; the default is table_2.md beside this script. It prints the table too.
"""

from pathlib import Path

from _script import run, save_table

from draw_np.pretrained import load_record

TABLE = Path(__file__).with_suffix(".md")
QUOTED = (  # the paper's Table 2: model, -log p, upper bound, and the weights to compare with
    ("DBM 2hl [1]", "~ 84.62", "", None),
    ("DBN 2hl [2]", "~ 84.55", "", None),
    ("NADE [3]", "88.33", "", None),
    ("EoNADE 2hl (128 orderings) [3]", "85.10", "", None),
    ("EoNADE-5 2hl (128 orderings) [4]", "84.68", "", None),
    ("DLGM [5]", "~ 86.60", "", None),
    ("DLGM 8 leapfrog steps [6]", "~ 85.51", "88.30", None),
    ("DARN 1hl [7]", "~ 84.13", "88.30", None),
    ("DARN 12hl [7]", "-", "87.72", None),
    ("DRAW without attention", "-", "87.40", "mnist-no-attention"),
    ("DRAW", "-", "80.97", "mnist"),
    ("VAE, one hidden layer each way (not in the paper)", "", "", "vae"),
)


def measured(name):
    """Our two cells, the estimate of -log p and the bound, from the record of the shipped weights of this name."""
    test = load_record(name)["measured"]["test"]
    estimate = f"{test['nll_estimate']:.2f} +- {test['nll_estimate_standard_error']:.2f}"
    bound = f"**{test['nll_bound']:.2f}** +- {test['standard_error']:.2f}"
    return f"{estimate} (K = {test['importance_samples']})", bound


def table():
    """The table as Markdown."""
    lines = [
        "| model | -log p, quoted | <=, quoted | -log p, ours | <=, ours | weights |",
        "|---|---|---|---|---|---|",
    ]
    for model, likelihood, bound, name in QUOTED:
        ours = (*measured(name), f"`{name}`") if name else ("", "", "")
        lines.append(f"| {' | '.join((model, likelihood, bound, *ours))} |")
    return f"""# Table 2: nats per test image of the fixed binarized MNIST

{chr(10).join(lines)}

The quoted columns are the paper's Table 2, not run again; `~` marks what it gives as approximate, and [1] to [7] are
its sources: Salakhutdinov & Hinton 2009, Murray & Salakhutdinov 2009, Uria et al. 2014, Raiko et al. 2014, Rezende et
al. 2014, Salimans et al. 2014, Gregor et al. 2014. Ours are of the shipped weights on all 10,000 test images, with
standard errors over the images. Columns `<=` are upper bounds on -log p, Eq 12 with one sample of z. Our -log p is
estimated with K importance samples for each image: on average it is still above -log p, a closer bound.

    python -m draw_np evaluate --weights mnist --dataset binarized-mnist --importance-samples K

measures a row again.
"""


def main(path):
    save_table(table(), path)


if __name__ == "__main__":
    run(main, TABLE)
