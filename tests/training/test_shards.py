"""Shards of a batch in processes of their own: the same numbers, and nobody left behind."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from draw_np import equations, kernels
from draw_np.cores import usable_cores
from draw_np.models import draw, glimpse_classifier
from draw_np.training import shards
from draw_np.training.shards import Shards
from draw_np.training.trees import named_leaves
from draw_np.training.update import losses_and_gradient

ROOT = Path(shards.__file__).parents[2]
CONFIG = draw.Config(height=6, width=5, steps=3, hidden=4, latent=3)


def problem(batch, dtype=np.float64):
    rng = np.random.default_rng(0)
    params = draw.init_params(CONFIG, rng, dtype=dtype)
    images = rng.random((batch, CONFIG.height, CONFIG.width)).astype(dtype)
    return params, draw, CONFIG, images, draw.sample_noise(CONFIG, batch, rng, dtype)


@pytest.fixture(scope="module")
def three():
    with Shards(3, problem(1)[0]) as shards:
        yield shards


@pytest.mark.parametrize("ops", [equations, kernels])
@pytest.mark.parametrize("batch", [3, 7])
def test_shards_add_up_to_the_whole(three, ops, batch):
    nats, gradient = losses_and_gradient(*problem(batch), ops)
    sharded_nats, sharded = three.losses_and_gradient(*problem(batch), ops)
    np.testing.assert_allclose(sharded_nats, nats, rtol=1e-12)
    for name, leaf in named_leaves(gradient).items():
        np.testing.assert_allclose(named_leaves(sharded)[name], leaf, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("how", [{"kl_weight": np.array([1, 0.25], np.float32)}, {"lstm_clip": 0.05}])
def test_shards_weigh_the_kl_and_clip_as_the_whole_does(three, how):
    _, gradient = losses_and_gradient(*problem(7), kernels, **how)
    _, sharded = three.losses_and_gradient(*problem(7), kernels, **how)
    for name, leaf in named_leaves(gradient).items():
        np.testing.assert_allclose(named_leaves(sharded)[name], leaf, rtol=1e-9, atol=1e-12, err_msg=name)


ONE_THREAD = """
    import numpy as np
    from threadpoolctl import threadpool_info
    from draw_np.backend import add_product
    from draw_np.training.shards import one_thread

    with one_thread():
        add_product(np.zeros((3, 4), np.float32), np.ones((2, 3), np.float32), np.ones((2, 4), np.float32))
        print([pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"])
"""


@pytest.mark.skipif(len(usable_cores()) < 2, reason="has one core")
def test_every_product_takes_one_thread():
    """Also those of a BLAS that is loaded with the first gradient."""
    free = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", textwrap.dedent(ONE_THREAD)]
    ran = subprocess.run(command, cwd=ROOT, env=free, text=True, capture_output=True, check=True)
    assert set(json.loads(ran.stdout)) == {1}


def test_labels_go_with_their_images():
    config = glimpse_classifier.Config(height=6, width=5, steps=2, hidden=4, read_size=2)
    rng = np.random.default_rng(0)
    params = glimpse_classifier.init_params(config, rng, dtype=np.float64)
    whole = params, glimpse_classifier, config, rng.random((7, 6, 5)), np.arange(7), kernels
    (nats,), gradient = losses_and_gradient(*whole)
    with Shards(3, params) as three:
        (sharded_nats,), sharded = three.losses_and_gradient(*whole)
    assert sharded_nats == pytest.approx(nats, rel=1e-12)
    for name, leaf in named_leaves(gradient).items():
        np.testing.assert_allclose(named_leaves(sharded)[name], leaf, rtol=1e-9, atol=1e-12, err_msg=name)


def test_same_bits_every_time_and_float32_stays():
    with Shards(3, problem(7, np.float32)[0]) as three:
        first, second = (three.losses_and_gradient(*problem(7, np.float32), kernels)[1] for _ in range(2))
    for name, leaf in named_leaves(first).items():
        assert leaf.dtype == np.float32
        np.testing.assert_array_equal(named_leaves(second)[name], leaf)


def test_one_shard_is_the_whole():
    with Shards(1, problem(4)[0]) as one:
        nats, gradient = one.losses_and_gradient(*problem(4), kernels)
    expected_nats, expected = losses_and_gradient(*problem(4), kernels)
    assert nats == expected_nats
    for name, leaf in named_leaves(expected).items():
        np.testing.assert_array_equal(named_leaves(gradient)[name], leaf)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_processes_miss_no_signal_while_they_start_others_and_these_hear_none(monkeypatch):
    """Ctrl-C in a terminal goes to all of them, and is for the one that saves."""
    heard, before = [], set(multiprocessing.active_children())

    def interrupted(*args):
        os.kill(os.getpid(), signal.SIGINT)
        return trees_in(*args)

    trees_in = shards.trees_in
    monkeypatch.setattr(shards, "trees_in", interrupted)  # called once before the process is started, and once after
    handler = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        with Shards(2, problem(4)[0]) as two:
            (process,) = set(multiprocessing.active_children()) - before
            for number in shards.SIGNALS:
                os.kill(process.pid, number)
            nats, _ = two.losses_and_gradient(*problem(4), kernels)
        assert len(heard) == 2 and signal.getsignal(signal.SIGINT) is not handler
        assert not {*shards.SIGNALS} & signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.signal(signal.SIGINT, handler)
    np.testing.assert_allclose(nats, losses_and_gradient(*problem(4), kernels)[0], rtol=1e-12)


def test_processes_end_with_the_shards():
    before = set(multiprocessing.active_children())
    with Shards(2, problem(4)[0]):
        (process,) = set(multiprocessing.active_children()) - before
    process.join(100)  # on a busy machine
    assert process.exitcode == 0


def test_a_process_that_died_is_said_in_one_line():
    before = set(multiprocessing.active_children())
    with Shards(2, problem(4)[0]) as shards:
        (process,) = set(multiprocessing.active_children()) - before
        process.kill()
        process.join()
        with pytest.raises(
            ChildProcessError,
            match="has died .killed by signal 9.: was memory short",
        ):
            shards.losses_and_gradient(*problem(4), kernels)


def fails_to_serve(connection, *rest):
    raise RuntimeError("of its own")


def test_a_process_that_ends_of_itself_is_not_said_to_lack_memory(monkeypatch):
    monkeypatch.setattr(shards, "serve", fails_to_serve)
    with Shards(2, problem(4)[0]) as two:
        with pytest.raises(ChildProcessError, match="has died: what it said is above$"):
            two.losses_and_gradient(*problem(4), kernels)


SCRIPT = """
import sys
import textwrap
from draw_np.training.loop import train
from draw_np.training.presets import PRESETS
HERE = True
print("once", flush=True)
assert train(PRESETS["tiny"], "run", updates=2, threads=2)
assert sys.modules["__main__"].HERE
"""


@pytest.mark.parametrize("program", [("script.py",), ("-m", "script"), ("-",)])
def test_a_script_needs_no_guard(tmp_path, program):
    """Processes do not run the script that starts them again, however it was started."""
    if len(usable_cores()) < 2:
        pytest.skip("one core only")
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DRAW_NP_DATA": str(tmp_path)}
    child = subprocess.run(
        [sys.executable, *program], cwd=tmp_path, env=environment, input=SCRIPT, capture_output=True, text=True
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout == "once\n" and (tmp_path / "run" / "weights.npz").exists()


def test_more_shards_than_images_are_refused(three):
    with pytest.raises(ValueError, match="3 shards of a batch of 2"):
        three.losses_and_gradient(*problem(2), kernels)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not hold processes to cores")
@pytest.mark.skipif(len(usable_cores()) < 2, reason="has one core")
def test_each_shard_has_cores_of_its_own_while_it_lasts():
    cores, before = os.sched_getaffinity(0), set(multiprocessing.active_children())
    with Shards(2, problem(4)[0]) as two:
        two.losses_and_gradient(*problem(4), kernels)  # so the other process has begun
        (process,) = set(multiprocessing.active_children()) - before
        held = [os.sched_getaffinity(pid) for pid in (0, process.pid)]
        assert all(held) and not held[0] & held[1] and held[0] | held[1] == cores
    assert os.sched_getaffinity(0) == cores


@pytest.mark.parametrize(
    "cores, count, expected",
    [([4, 7], 2, [[4], [7]]), ([0, 1, 2, 3, 4], 2, [[0, 2, 4], [1, 3]]), ([0, 1], 3, [[0, 1]] * 3)],
    ids=["as many", "more", "fewer"],
)
def test_which_cores_a_shard_is_held_to(monkeypatch, cores, count, expected):
    """Two runs on a large machine are not held to the same few cores of it."""
    held = []

    class Context:
        """Processes that are not started."""

        def Process(self, target, args, daemon):
            held.append(args[1])
            return SimpleNamespace(start=lambda: None)

        def __getattr__(self, name):
            return getattr(multiprocessing, name)

    monkeypatch.setattr(multiprocessing, "get_context", lambda method: Context())
    monkeypatch.setattr(shards, "usable_cores", lambda: cores)
    monkeypatch.setattr(shards, "hold_to", held.append)
    Shards(count, problem(4)[0])
    assert [held[-1], *held[:-1]] == expected
