"""Training over MPI, with real processes: the numbers of one, one line for what is wrong, and no hang."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from draw_np.training import checkpoint
from draw_np.training.journal import TrainingError
from draw_np.training.ranks import Alone, Ranks, world
from draw_np.training.recipe import Phase
from draw_np.training.trees import named_leaves

ROOT = Path(__file__).parents[2]
UPDATES = 18  # more than an epoch of `tiny`
TRAIN = ["train", "--preset", "tiny", "--updates", str(UPDATES), "--checkpoint-every", "5"]
RANK = "import os, sys\nfrom mpi4py import MPI\nrank = MPI.COMM_WORLD.rank\n"
MAIN = "\nfrom draw_np.cli import main\nsys.exit(main(sys.argv[1:]))\n"


def mpiexec():
    """The mpiexec that belongs to mpi4py, or None."""
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")


@pytest.fixture(scope="module")
def start():
    pytest.importorskip("mpi4py", reason="mpi4py is not installed: nothing was run on several ranks")
    program = mpiexec() or pytest.skip("there is no mpiexec: nothing was run on several ranks")

    def start(ranks, *arguments, code=None, cwd=None):
        """Start `python -m draw_np`, or a script, on so many ranks."""
        command = [program, "-n", str(ranks), sys.executable, *(["-c", code] if code else ["-m", "draw_np"])]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*command, *map(str, arguments)], env=env, cwd=cwd, **pipes)

    return start


def ended(process, seconds=100):
    """(Exit status, lines on standard error that are the program's own), before it would be called a hang."""
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, [line for line in said.splitlines() if line.startswith(("draw_np: ", "done: "))]


def weights(out):
    return named_leaves(checkpoint.load_weights(out / "weights.npz")[0])


def nats(out):
    return [json.loads(line)["nats"] for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def runs(start, tmp_path_factory):
    """The folders of the same run with 1, 2, 2 and 4 ranks."""
    folder = tmp_path_factory.mktemp("ranks")
    outs = [folder / name for name in ("1", "2", "2 again", "4")]
    for out in outs:
        assert ended(start(int(out.name[0]), *TRAIN, "--out", out)) == (0, [f"done: {out / 'weights.npz'}"])
    return outs


def test_the_same_numbers_on_any_number_of_ranks(runs):
    alone, two, _, four = runs
    for out in two, four:
        assert nats(out) == pytest.approx(nats(alone), rel=1e-5) and len(nats(out)) == UPDATES
        for name, leaf in weights(out).items():
            np.testing.assert_allclose(leaf, weights(alone)[name], rtol=1e-3, atol=1e-4, err_msg=name)
    assert any((weights(two)[name] != leaf).any() for name, leaf in weights(alone).items())  # they did share the work


def test_the_same_bits_on_the_same_number(runs):
    _, two, again, _ = runs
    for name, leaf in weights(two).items():
        np.testing.assert_array_equal(leaf, weights(again)[name], err_msg=name)
    assert nats(two) == nats(again)


def test_resumed_on_another_number(start, runs, tmp_path):
    out = tmp_path / "run"
    process = start(2, *TRAIN, "--out", out)
    while not (out / "metrics.jsonl").exists() or process.poll() is None and len(nats_so_far(out)) < 6:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)  # to mpiexec, which passes it on
    status, _ = ended(process)
    assert status == 130 and 0 < len(nats(out)) < UPDATES
    assert ended(start(4, *TRAIN, "--out", out, "--resume")) == (0, [f"done: {out / 'weights.npz'}"])
    assert nats(out) == pytest.approx(nats(runs[0]), rel=1e-5)


def nats_so_far(out):
    return (out / "metrics.jsonl").read_text("utf-8").splitlines()


def test_a_folder_that_only_rank_0_sees(start, runs, tmp_path):
    """Every rank has a disk of its own, here a current folder; the run is resumed, too."""
    code = f"{RANK}os.makedirs(str(rank), exist_ok=True)\nos.chdir(str(rank)){MAIN}"
    for more in [], ["--resume", "--updates", "20"]:
        arguments = [word for word in TRAIN if not more or word not in ("--updates", str(UPDATES))]
        assert ended(start(2, *arguments, "--out", "run", *more, code=code, cwd=tmp_path))[0] == 0
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "0", "1", "checkpoint.npz", "metrics.jsonl", "run", "weights.npz"
    ]  # fmt: skip
    assert nats(tmp_path / "0/run")[:UPDATES] == nats(runs[1]) and len(nats(tmp_path / "0/run")) == 20


OTHER = f"{RANK}from draw_np.training import ranks\nfrom draw_np.training.presets import PRESETS\n"


@pytest.mark.parametrize(
    "code, words",
    [
        (f"{OTHER}ranks.__version__ += '.9' * rank", "rank 1 has another version of draw_np than rank 0 (0.1.0.9, and"),
        (f"{RANK}sys.argv[3] = ['tiny', 'vae', 'tiny'][rank]", "rank 1 has another preset than rank 0 (vae, and not"),
        (
            f"{OTHER}import numpy\nfloats = numpy.asarray\nfrom draw_np.training import data\n"
            "data.floats = lambda images: images.astype('float32') * (rank < 2)",
            "rank 2 has another images than rank 0",
        ),
        (
            f"{OTHER}from draw_np.training import loop\nfrom draw_np.datasets import DatasetError\n"
            "prepare = loop.prepare\ndef broken(*arguments):\n    if rank == 2:\n"
            "        raise DatasetError('no images here: fetch them')\n"
            "    return prepare(*arguments)\nloop.prepare = broken",
            "rank 2: no images here: fetch them",
        ),
        (
            f"{OTHER}from draw_np.training.recipe import Phase\n"
            "phases = Phase(6, 0.1), Phase(9, 0.1, batch=2)\n"
            "object.__setattr__(PRESETS['tiny'].recipe, 'phases', phases)",
            "3 ranks are more than the 2 images of a batch; start fewer",
        ),
        (f"{RANK}sys.argv[3] = 'tinny'", "unknown preset 'tinny'"),
        (f"{RANK}sys.argv += ['--resume']", "there is no run to resume"),
        (f"{RANK}sys.argv += ['--threads', '2']", "--threads is for one process"),
        (
            f"{OTHER}share = ranks.Summed.losses_and_gradient\n"
            "def broken(*arguments, **how):\n    if rank == 2:\n        raise MemoryError('no memory\\nat all')\n"
            "    return share(*arguments, **how)\nranks.Summed.losses_and_gradient = broken",
            "rank 2 of 3: no memory at all",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_and_ends_all(start, tmp_path, code, words):
    out = tmp_path / "run"
    status, lines = ended(start(3, *TRAIN, "--out", out, code=code + MAIN))
    assert status != 0 and len(lines) == 1 and lines[0].startswith(f"draw_np: {words}"), lines
    assert not (out / "weights.npz").exists()


def test_a_rank_that_dies_ends_all_and_loses_nothing(start, runs, tmp_path):
    out = tmp_path / "run"
    code = (
        f"{OTHER}import signal\nshare, calls = ranks.Summed.losses_and_gradient, []\n"
        "def dying(*arguments, **how):\n    calls.append(1)\n    if rank == 1 and len(calls) == 8:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n    return share(*arguments, **how)\n"
        f"ranks.Summed.losses_and_gradient = dying{MAIN}"
    )
    assert ended(start(2, *TRAIN, "--out", out, code=code))[0] != 0
    assert not (out / "weights.npz").exists()
    assert ended(start(2, *TRAIN, "--out", out, "--resume"))[0] == 0
    for name, leaf in weights(runs[1]).items():
        np.testing.assert_array_equal(leaf, weights(out)[name], err_msg=name)


def test_weights_that_drift_apart_are_noticed(start, tmp_path):
    code = (
        f"{OTHER}from draw_np.training import loop\nupdate = loop.update\n"
        "def rounding(*arguments):\n    weights, nats = update(*arguments)\n"
        "    weights.params['mu']['b'][0] += 1e-6 * rank\n    return weights, nats\n"
        f"loop.update = rounding{MAIN}"
    )
    status, lines = ended(start(2, *TRAIN, "--out", tmp_path / "run", code=code))
    assert status == 1 and lines[0].startswith("draw_np: the weights of the ranks have drifted apart by update 5")


class OneOfThree:
    """A communicator whose other ranks say and know what this one does."""

    size, rank = 3, 0

    def allgather(self, value):
        return [value] * self.size

    def bcast(self, value):
        return value


@pytest.mark.parametrize("phases", [(Phase(3, 0.1), Phase(3, 0.1, batch=2)), (Phase(3, 0.1, batch=2), Phase(3, 0.1))])
def test_more_ranks_than_images_in_a_batch_of_any_phase(run, changed, tmp_path, phases):
    """It is said before anything is made: not where that phase begins, when the run is hours old."""
    with pytest.raises(TrainingError, match="^3 ranks are more than the 2 images of a batch; start fewer$"):
        run(tmp_path / "x", changed(phases=phases), team=Ranks(OneOfThree()))
    assert not (tmp_path / "x").exists()


def test_without_mpiexec_nothing_changes(monkeypatch):
    for name in "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_SIZE", "MV2_COMM_WORLD_SIZE":
        monkeypatch.delenv(name, raising=False)
    assert isinstance(world(), Alone)


@pytest.mark.parametrize("value", ["", "x", "-1", "1"])
def test_a_size_that_no_mpiexec_has_set(monkeypatch, value):
    monkeypatch.setenv("PMI_SIZE", value)
    assert isinstance(world(), Alone)


def test_without_mpi4py_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "3")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(TrainingError, match="mpiexec has started 3 processes, but .*pip install mpi4py mpich"):
        world()
