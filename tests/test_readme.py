"""The map of docs/equations.md leads from every equation to its function and to a test that is marked with it."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

import draw_np
from draw_np.pretrained import load_record, names
from draw_np.training.presets import PRESETS
from tools.record import plus_minus

ROOT = Path(__file__).parents[1]


def equation_maps():
    spec = importlib.util.spec_from_file_location("equation_map", ROOT / "tests/test_equation_map.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.documented_equations(), module.marked_equations()


def test_map_of_equations():
    functions, tests = equation_maps()
    row = re.compile(r"^\| (\d+) \| .+ \| \[`(\w+)`\]\((.+?)\) \| \[`(\w+)`\]\((.+?)\) \| ?(.*?) ?\|$", re.MULTILINE)
    rows = row.findall((ROOT / "docs/equations.md").read_text("utf-8").replace("(../", "("))
    assert [int(number) for number, *_ in rows] == list(range(1, 30))
    for number, function, file, test, test_file, lessons in rows:
        assert f"{file}::{function}" in functions[int(number)]
        assert f"{test_file}::{test}" in tests[int(number)]
        for lesson in filter(None, lessons.split(", ")):
            (text,) = (path.read_text("utf-8") for path in (ROOT / "lessons").glob(f"{lesson}_*.py"))
            named = [range(int(a), int(b or a) + 1) for a, b in re.findall(r"Eqs?\.? ?\(?(\d+)\)?(?:-(\d+))?", text)]
            assert any(int(number) in numbers for numbers in named), f"lesson {lesson} does not name Eq {number}"


def test_map_of_the_wiring():
    _, tests = equation_maps()
    row = re.compile(r"^\| ([\d, -]+) \| \[`(\w+)`\]\((.+?)\) \| \[`(\w+)`\]\((.+?)\) \|$", re.MULTILINE)
    rows = row.findall((ROOT / "docs/equations.md").read_text("utf-8").replace("(../", "("))
    told = set()
    for numbers, function, file, test, test_file in rows:
        spans = [[int(end) for end in span.split("-")] for span in numbers.split(", ")]
        here = {number for span in spans for number in range(span[0], span[-1] + 1)}
        assert f"\ndef {function}(" in (ROOT / file).read_text("utf-8")
        assert any(f"{test_file}::{test}" in tests[number] for number in here)
        told |= here
    assert told == {*range(1, 30)} - {16}  # of which a model makes no use


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "draw_np/pretrained/README.md", "figures/README.md", "docs/*.md"]
)
def test_links_lead_somewhere(page):
    pages = list(ROOT.glob(page))
    assert pages
    for path in pages:
        links = re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8"))
        assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_how_many_images_of_one_s_own_are_needed():
    text = (ROOT / "README.md").read_text("utf-8")
    few = re.search(r"`mnist` needs (\d+) of them or more, two batches, and `tiny` (\d+);", text)
    batches = (max(PRESETS[name].recipe.batch_sizes) for name in ("mnist", "tiny"))
    assert [int(count) for count in few.groups()] == [2 * batch for batch in batches]


def test_weights_are_told_as_their_records_have_them():
    """One row for each of the shipped weights: `name`, ..., test, valid, the paper's number, updates."""
    block = (ROOT / "README.md").read_text("utf-8").partition("<!-- weights -->")[2].partition("<!-- /weights -->")[0]
    rows = {cells[0].strip("`"): cells for line in block.splitlines() if (cells := line.strip("| ").split(" | "))[3:]}
    assert set(names()) == {name for name in rows if name in PRESETS}
    for name in names():
        record = load_record(name)
        test, valid = (plus_minus(record["measured"][split]) for split in ("test", "valid"))
        finished = record["update"] == record["length"]
        updates = f"{record['update']:,}" + ("" if finished else f" of {record['length']:,}")
        told = rows[name]
        assert (told[2].replace("*", ""), told[3], told[5]) == (test, valid, updates), name


def test_weights_of_earlier_recipes_are_said_to_be_so():
    """README names those that the preset's one command made; when all are, the sentence goes."""
    text = " ".join((ROOT / "README.md").read_text("utf-8").split())
    told = re.search(r"([^.:;]+) (?:was|were) made by the one command there; the others are of earlier recipes", text)
    earlier = {name for name in names() if load_record(name).get("earlier")}
    assert set(re.findall(r"`(.+?)`", told[1] if told else "")) == (set(names()) - earlier if earlier else set())
    looked = "but for the length of `cluttered-mnist-8`, which was trained on after a look at its test error"
    assert (looked in text) == ("cluttered-mnist-8" in earlier)


def test_photographs_are_told_above_their_floor():
    text, record = " ".join((ROOT / "README.md").read_text("utf-8").split()), load_record("cifar10")
    test, steps = record["measured"]["test"], record["config"]["steps"]
    share = (test["nll_bound"] - test["floor"]) / (test["mean_image"] - test["floor"])
    assert f"and {test['floor']:.2f} nats are their own entropy" in text
    assert f"`cifar10` stands at {share:.2f} of what the mean image costs" in text
    assert (f"with the {steps} steps it has learned so far" in text) == (record["update"] < record["length"])


def test_speed_is_told_as_it_was_measured():
    """Both tables of docs/speed.md, and README's ratios, are those of figures/speed.json."""
    one, two, *others = json.loads((ROOT / "figures/speed.json").read_text("utf-8"))["compared"]
    kinds = {
        "equations": "plain equations, autograd's rules", "torch": "PyTorch eager",
        "torch_compile": "PyTorch `torch.compile`", "jax": "JAX `jit`, `lax.scan`",
        "gemm_floor": "the matrix products alone",
    }  # fmt: skip

    def ratio(row, kind):
        return f"{row['kernels_s'] / row[f'{kind}_s']:.2f}"

    def cells(row, kind):
        return [f"{row[f'{kind}_s']:.3f}", ratio(row, kind)]

    memory = {kind: f"{megabytes:.0f}" for kind, megabytes in one["peak_memory_mb"].items()}
    ours = [f"**{row['kernels_s']:.3f}**" for row in (one, two)]
    rows = [["**kernels**", ours[0], "", ours[1], "", memory["kernels"]]]
    rows += [[title, *cells(one, kind), *cells(two, kind), memory.get(kind, "")] for kind, title in kinds.items()]
    for row in others:
        title = f"{row['model']}, T = {row['steps']}, batch {row['batch']}, cores: {row['threads']}"
        both = ", ".join(f"{row['peak_memory_mb'][kind]:.0f}" for kind in ("kernels", "jax"))
        both = both if row["threads"] == 1 else ""  # of two processes one was measured
        ratios = [ratio(row, kind) for kind in ("torch", "torch_compile", "jax", "gemm_floor")]
        rows.append([title, f"{row['kernels_s']:.3f}", *ratios, both])
    told = [[cell.strip() for cell in line[1:-1].split("|")] for line in
            (ROOT / "docs/speed.md").read_text("utf-8").splitlines() if line.startswith("|")]  # fmt: skip
    assert [row for row in rows if row not in told] == []
    of_one, of_two = ([ratio(row, kind) for kind in ("torch", "torch_compile", "jax")] for row in (one, two))
    colour = sorted(ratio(row, kind) for row in others for kind in ("torch", "torch_compile", "jax")
                    if row["model"] in ("SVHN", "CIFAR-10"))  # fmt: skip
    (small,) = (row for row in others if row["batch"] == 32 and row["model"] == "MNIST")
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    for sentence in (
        "takes {} of PyTorch's time on one core, {} of compiled PyTorch's and {} of JAX's".format(*of_one),
        "on two cores {}, {} and {}.".format(*of_two),
        f"house numbers and photographs it is {colour[0]} to {colour[-1]}",
        f"with batches of 32 digits the kernels need {ratio(small, 'jax')} of JAX's time",
        f"they need {memory['kernels']} MB for JAX's {memory['jax']}.",
    ):
        assert sentence in readme


def test_contributors_are_told_of_tests_that_are_there():
    table = re.findall(r"^\| .* \| `pytest (.+?)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    paths = [path for row in table for path in row.split()]
    assert len(paths) > 10 and [path for path in paths if not (ROOT / path).exists()] == []


def test_the_citation_is_of_this_version():
    lines = (ROOT / "CITATION.cff").read_text("utf-8").splitlines()
    assert f"version: {draw_np.__version__}" in lines and "license: MIT" in lines
