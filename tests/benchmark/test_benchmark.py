"""The benchmark: what it returns, how it holds its contestants to some cores, and what it says when one fails."""

import importlib.util
import json
import os
import subprocess
import sys
import types

import numpy as np
import pytest

from draw_np import benchmark, equations
from draw_np.benchmark import gemm_floor, gpu
from draw_np.models import draw

TINY = {"steps": 2, "batch": 3, "threads": 1, "repeats": 1}


@pytest.fixture
def write_module(tmp_path, monkeypatch):
    """Write a module that the contestants find before any other of its name; returns a stand-in that has its name."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        return types.SimpleNamespace(__name__=name)

    return write


@pytest.fixture
def no_peers(monkeypatch):
    monkeypatch.setattr(benchmark, "PEERS", ())


def test_peers_that_are_not_installed_are_null_with_a_note(write_module):
    for name in ("torch", "jax"):
        write_module(name, f"raise ModuleNotFoundError('missing', name={name!r})")
    found = benchmark.run(**TINY, ops_sets={"equations": equations})
    assert {key for key in found if found[key] is None} == {
        "kernels_s", "torch_s", "torch_compile_s", "jax_s", "torch_compile_compile_s", "jax_compile_s",
    }  # fmt: skip
    assert found["notes"] == [
        "torch: torch is not installed", "torch_compile: torch is not installed", "jax: jax is not installed",
    ]  # fmt: skip
    for key in ("equations_s", "gemm_floor_s", "gemm_floor_gflop"):
        assert 0 < found[key] < 10
    assert {key: found[key] for key in TINY} == TINY
    assert list(found["peak_memory_mb"]) == ["equations"]
    assert set(found["machine"]) == {"processor", "cores", "numpy_blas"}
    assert set(found["versions"]) == {"python", "numpy", "autograd", "torch", "jax"}
    assert json.loads(json.dumps(found)) == found


def test_peers_that_are_installed_are_timed(monkeypatch):
    peers = [name for name in ("torch", "jax") if importlib.util.find_spec(name)]
    if not peers:
        pytest.skip("neither torch nor jax is installed")
    monkeypatch.setattr(benchmark, "PEERS", peers)
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # compiles faster
    found = benchmark.run(**TINY)
    assert found["notes"] == []
    for name in peers:
        assert 0 < found[f"{name}_s"] < 10
        assert found["versions"][name]
    if "jax" in peers:
        assert found["jax_compile_s"] > found["jax_s"]


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2", None])
def test_counts_must_be_whole_numbers_above_zero(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be a whole number of at least 1, got {value!r}$"):
        benchmark.run(**{**TINY, name: value})
    if name != "threads":
        with pytest.raises(ValueError, match=f"^{name} must be a whole number of at least 1, got {value!r}$"):
            gpu.run(**{name: value})


def test_counts_may_be_numpy_s(monkeypatch):
    monkeypatch.setattr(benchmark, "usable_cores", lambda: [0])
    counts = {name: np.int64(count) for name, count in {**TINY, "threads": 2}.items()}
    with pytest.raises(ValueError, match="^threads must be at most 1, .* got 2$"):  # the last thing that is looked at
        benchmark.run(**counts)


def test_no_more_threads_than_cores(monkeypatch):
    monkeypatch.setattr(benchmark, "usable_cores", lambda: [0, 1])
    with pytest.raises(ValueError, match="^threads must be at most 2, .* got 3$"):
        benchmark.run(**{**TINY, "threads": 3})


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot hold a process to some cores")
def test_contestants_have_as_many_cores_and_threads_as_asked(write_module, no_peers):
    own = os.sched_getaffinity(0)
    spy = """
import os
from draw_np.equations import *
assert len(os.sched_getaffinity(0)) == 1
assert os.environ["OPENBLAS_NUM_THREADS"] == os.environ["OMP_NUM_THREADS"] == "1"
"""
    found = benchmark.run(**TINY, ops_sets={"equations": write_module("spy", spy)})
    assert found["equations_s"] > 0
    assert os.sched_getaffinity(0) == own


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak memory of a process")
def test_peak_memory_is_that_of_the_step(write_module, no_peers):
    hungry = """
import numpy
from draw_np import equations
from draw_np.equations import *
def kl(mu, sigma):
    numpy.ones(100_000_000, numpy.uint8)
    return equations.kl(mu, sigma)
"""
    found = benchmark.run(**TINY, ops_sets={"equations": equations, "hungry": write_module("hungry", hungry)})
    peak = found["peak_memory_mb"]
    assert 0 <= peak["equations"] < 50
    assert 100 <= peak["hungry"] < 150


@pytest.mark.parametrize(
    "source, message",
    [
        ("raise ValueError('first line\\nsecond')", "ValueError: first line"),
        ("import os, sys; print('last words', file=sys.stderr, flush=True); os._exit(3)", ".* status 3: last words"),
    ],
    ids=["raises", "dies"],
)
def test_a_contestant_that_fails_is_one_line(write_module, no_peers, source, message):
    with pytest.raises(RuntimeError, match=f"^kernels: {message}$"):
        benchmark.run(**TINY, ops_sets={"kernels": write_module("failing", source)})


def test_a_contestant_that_computes_something_else_is_refused(write_module, no_peers):
    other = write_module("other", "from draw_np.equations import *\nkl = lambda mu, sigma: 9 + mu[:, 0]")
    with pytest.raises(RuntimeError, match="^kernels: computes a different loss, .* nats where others find .*$"):
        benchmark.run(**TINY, ops_sets={"equations": equations, "kernels": other})


@pytest.mark.parametrize("nats", [100.2, 99.8, float("nan")])
def test_losses_that_count_as_different(nats):
    def contestants(*losses):
        return {name: types.SimpleNamespace(built={"nats": loss}) for name, loss in zip("ab", losses)}

    benchmark.check_same_loss(contestants(100.0, 100.001))
    with pytest.raises(RuntimeError, match="^b: "):
        benchmark.check_same_loss(contestants(100.0, nats))


def test_importing_the_benchmark_imports_no_framework():
    code = "import sys, draw_np.benchmark; sys.exit(bool({'torch', 'jax'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_products_of_a_step():
    config = draw.Config(height=8, width=7, channels=3, steps=3, hidden=6, latent=5, read_size=2, write_size=4)
    reading = 2 * 3 * 2 * 2
    assert sorted(gemm_floor.products(config, 9)) == sorted(
        [
            (1, 9, reading + 6, 24, False),  # encoder: W, U
            (1, 9, 6, 24, False),
            (1, 9, 5, 24, False),  # decoder: W, U
            (1, 9, 6, 24, False),
            (1, 9, 6, 5, False),  # mu, sigma
            (1, 9, 6, 5, False),
            (1, 9, 6, 5, False),  # windows
            (1, 9, 6, 5, False),
            (1, 9, 6, 48, False),  # patch
            (27, 2, 8, 7, True),  # F_Y x F_X^T
            (27, 2, 7, 2, False),
            (27, 2, 8, 7, False),  # F_Y x_hat F_X^T
            (27, 2, 7, 2, False),
            (27, 8, 4, 4, False),  # F_Y^T w F_X
            (27, 8, 4, 7, False),
        ]
    )


def test_products_without_attention():
    config = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=None, write_size=None)
    found = gemm_floor.products(config, 9)
    assert (1, 9, 2 * 56 + 6, 24, False) in found and (1, 9, 6, 56, False) in found
    assert len(found) == 7


def test_gigaflop_counts_forward_and_both_backward_products():
    config = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=None, write_size=None)
    weights = (118 + 6) * 24 + (5 + 6) * 24 + 2 * 6 * 5 + 6 * 56
    assert gemm_floor.gigaflop(config, 9) == pytest.approx(3 * 3 * 2 * 9 * weights / 1e9)


def test_every_product_and_its_two_gradients_are_computed(monkeypatch):
    config = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=2, write_size=4)
    flops = []

    def matmul(a, b, out):
        flops.append(2 * out.size * a.shape[-1])
        assert out.shape == (*a.shape[:-1], b.shape[-1]) and out.dtype == a.dtype == b.dtype == "float32"

    run = gemm_floor.all_products(config, 9)
    run()  # the shapes fit
    monkeypatch.setattr(gemm_floor.numpy, "matmul", matmul)
    run()
    assert sum(flops) == pytest.approx(gemm_floor.gigaflop(config, 9) * 1e9)
