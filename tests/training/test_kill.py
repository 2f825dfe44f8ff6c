"""A run that is killed (SIGKILL: nothing can be tidied up) and resumed, again and again, ends in the same bits."""

import json
import os
import random
import signal
import sys
import threading
import time

import numpy as np
import pytest
from tqdm import tqdm

from draw_np.files import left_behind
from draw_np.training import checkpoint

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a child that starts quickly is forked")

KILLS = 24


def in_child(function):
    """Run `function` in a forked child, silently; returns the child's process id. It exits with 1 on an exception."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        sys.stderr = open(os.devnull, "w")
        tqdm.set_lock(threading.RLock())  # its own lock is shared with all forks, and this one may die with it
        signal.signal(signal.SIGINT, signal.default_int_handler)
        function()
        status = 0
    finally:
        os._exit(status)


def wait(child):
    """How the child ended: the signal's number below zero, or its exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def metrics(out):
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def update_reached(out):
    """Where the checkpoint stands, None if there is none; whatever struck, it must be whole."""
    return checkpoint.load(out / "checkpoint.npz")[1]["update"] if (out / "checkpoint.npz").exists() else None


def test_killed_at_random_moments(run, tmp_path, bits):
    """Runs are killed until so many kills have struck, a quarter of them in the middle, each run until it is complete;
    every update is saved. On a machine that grows busy they are given more time, so that they get somewhere.
    """
    started = time.perf_counter()
    assert wait(in_child(lambda: run(tmp_path / "whole", checkpoint_every=1))) == 0
    took, whole, rows = time.perf_counter() - started, bits(tmp_path / "whole"), metrics(tmp_path / "whole")
    chance, runs, struck, in_the_middle, while_writing = random.Random(0), 0, 0, 0, 0
    patience = took / 3
    while struck < KILLS or (in_the_middle < KILLS / 4 and struck < 10 * KILLS):
        out, complete = tmp_path / str(runs), False
        runs += 1
        while not complete:
            before = update_reached(out)
            resume = before is not None
            child = in_child(lambda out=out, resume=resume: run(out, checkpoint_every=1, resume=resume))
            time.sleep(chance.uniform(0, patience))
            os.kill(child, signal.SIGKILL)
            status = wait(child)
            assert status in (0, -signal.SIGKILL)  # it never failed by itself
            struck += status == -signal.SIGKILL
            complete = (out / "weights.npz").exists()
            if status == -signal.SIGKILL and not complete:
                got_somewhere = (update_reached(out) or 0) > (before or 0)
                in_the_middle += got_somewhere
                patience *= 0.9 if got_somewhere else 1.1
                while_writing += len(left_behind(out / "checkpoint.npz"))
        if status != 0:  # it was killed between the weights and its end
            assert wait(in_child(lambda out=out: run(out, resume=True))) == 0
        assert bits(out) == whole
        assert metrics(out) == rows
        assert sorted(path.name for path in out.iterdir()) == ["checkpoint.npz", "metrics.jsonl", "weights.npz"]
    assert in_the_middle >= KILLS / 4
    print(f"{runs} runs, {struck} kills, {in_the_middle} in the middle, {while_writing} while writing a checkpoint")


def half_a_file(file, **leaves):
    SAVEZ(file, **leaves)
    file.flush()
    file.truncate(file.tell() // 2)


SAVEZ = np.savez
MOMENTS = {  # what of the writing of a checkpoint is done when the kill strikes
    "nothing": ("savez", None),
    "half the file": ("savez", half_a_file),
    "the file, not synced": ("fsync", None),
    "the file, synced, not renamed": ("replace", None),
    "the file, renamed": ("replace", os.replace),
}


@pytest.mark.parametrize("write", [1, 7, 17])  # the first one, a later one, the weights
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_writing(run, tmp_path, finished, bits, monkeypatch, moment, write):
    name, first_do = MOMENTS[moment]
    module = np if name == "savez" else os

    def doomed():
        count, function = iter(range(1, 1000)), getattr(module, name)

        def counting(*args, **kwargs):
            file = f"/proc/self/fd/{args[0]}" if name == "fsync" else args[0]
            mine = name == "savez" or ".npz." in os.path.basename(os.path.realpath(file))
            if mine and next(count) == write:
                if first_do:
                    first_do(*args, **kwargs)
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        monkeypatch.setattr(module, name, counting)
        run(tmp_path / "x", checkpoint_every=1)

    assert wait(in_child(doomed)) == -signal.SIGKILL
    written = write if moment == "the file, renamed" else write - 1  # files: update 0, 1, ... 15, the weights
    assert update_reached(tmp_path / "x") == (min(written, 16) - 1 if written else None)
    assert (tmp_path / "x" / "weights.npz").exists() is (written == 17)
    assert run(tmp_path / "x", resume=written > 0)
    assert bits(tmp_path / "x") == bits(finished)
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [
        "checkpoint.npz",
        "metrics.jsonl",
        "weights.npz",
    ]
    assert [row["update"] for row in metrics(tmp_path / "x")] == list(range(1, 16))
