"""The stand-in for CuPy is as strict as CuPy, so that what passes with it can pass on a GPU."""

import inspect
import re
import sys
import types

import numpy as np
import pytest

from draw_np import backend, equations, kernels
from draw_np.backend import to_device
from draw_np.models import draw
from draw_np.training.adam import first_weights
from draw_np.training.recipe import Recipe
from draw_np.training.update import Work, update

MISUSES = {
    "implicit conversion": lambda cupy, a: np.asarray(a),
    "a host array beside one on the GPU": lambda cupy, a: a + np.zeros(3),
    "the other way round": lambda cupy, a: np.zeros(3) + a,
    "in place": lambda cupy, a: a.__iadd__(np.zeros(3)),
    "a host array in a function": lambda cupy, a: cupy.maximum(a, np.zeros(3)),
    "a host array in a slice": lambda cupy, a: a.__setitem__(slice(0, 3), np.zeros(3)),
    "in a list": lambda cupy, a: cupy.concatenate([a, np.zeros(3)]),
    "a function of NumPy": lambda cupy, a: np.exp(a),
    "another": lambda cupy, a: np.concatenate([a, a]),
    "a matrix product": lambda cupy, a: a @ np.ones((3, 3)),
    "a keyword that CuPy lacks": lambda cupy, a: cupy.sum(a, where=a > 0),
    "the same in a method": lambda cupy, a: a.sum(initial=0),
    "a keyword of creation": lambda cupy, a: cupy.zeros(3, like=a),
    "a ufunc's": lambda cupy, a: cupy.exp(a, where=a > 0),
    "a host array uploaded with another type": lambda cupy, a: a.set(np.zeros(3, np.float32)),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_it_refuses(stand_in, misuse):
    with pytest.raises(TypeError):
        MISUSES[misuse](stand_in, stand_in.ones(3))


@pytest.mark.parametrize("name", ["ix_no_such", "errstate", "block", "ndenumerate", "float128"])
def test_it_has_no_names_of_its_own(stand_in, name):
    assert not hasattr(stand_in, name)


@pytest.mark.parametrize("look", [float, bool, int, lambda a: a.get(), lambda a: a.item(), lambda a: a.tolist()])
def test_it_counts_waits_and_refuses_them_while_recording(stand_in, look):
    array = stand_in.ones(())
    before = stand_in.cuda.waits
    look(array)
    assert stand_in.cuda.waits == before + 1
    stream = stand_in.cuda.Stream(non_blocking=True)
    stream.begin_capture()
    with pytest.raises(RuntimeError, match="capturing"):
        look(array)
    with pytest.raises(RuntimeError, match="capturing"):
        stand_in.asarray(np.zeros(3))
    with pytest.raises(NotImplementedError, match="cuBLAS"):
        stand_in.ones((2, 2)) @ stand_in.ones((2, 2))
    stream.end_capture()


def test_while_recording_nothing_is_computed(stand_in):
    a, stream = stand_in.ones(3), stand_in.cuda.Stream(non_blocking=True)
    stream.begin_capture()
    b = a + 1
    a *= 2
    graph = stream.end_capture()
    assert np.isnan(b.get()).all() and a.get().tolist() == [1, 1, 1]
    graph.launch()
    assert b.get().tolist() == [2, 2, 2] and a.get().tolist() == [2, 2, 2]
    graph.launch()
    assert b.get().tolist() == [3, 3, 3] and a.get().tolist() == [4, 4, 4]


def indexes(x):
    return x[0] + x


def stretches(x, y):
    return x * y, y * 2


def reduces_twice(x):
    return backend.arrays.sum(backend.arrays.sum(x, axis=1), axis=0)


def shapes(x):
    return x + x.shape[0]


@pytest.mark.parametrize("function", [indexes, stretches, reduces_twice, shapes])
def test_it_fuses_only_what_cupy_can(stand_in, function):
    backend.use_device("cuda")
    try:
        arguments = [stand_in.ones((2, 3)), stand_in.ones((2, 1))][: len(inspect.signature(function).parameters)]
        with pytest.raises((TypeError, AttributeError)):
            stand_in.fuse(function)(*arguments)
    finally:
        backend.use_device("cpu")


@pytest.mark.parametrize("ops", [equations, kernels], ids=["equations", "kernels"])
def test_a_planted_host_array_is_caught(stand_in, ops, monkeypatch):
    """What someone would write who forgets the backend: `numpy.zeros` in the middle of a model."""

    def planted(params, batch, ops):
        state = initial_state(params, batch, ops)
        return state._replace(canvas=state.canvas + np.zeros(state.canvas.shape))

    initial_state = draw.initial_state
    config, rng = (
        draw.Config(height=9, width=7, hidden=6, steps=2, latent=5, read_size=2, write_size=4),
        np.random.default_rng(0),
    )
    params, images, noise = draw.init_params(config, rng), rng.random((2, 9, 7)), draw.sample_noise(config, 2, rng)
    backend.use_device("cuda")
    try:
        arguments = to_device(params), config, to_device(images), to_device(noise), ops
        assert float(draw.loss(*arguments)) > 0
        monkeypatch.setattr(draw, "initial_state", planted)
        with pytest.raises(TypeError, match="Unsupported type <class 'numpy.ndarray'>"):
            draw.loss(*arguments)
    finally:
        backend.use_device("cpu")


def keywords(function):
    """The names that a function of Python or of Cython takes, in order."""
    if isinstance(function, types.FunctionType):
        return list(inspect.signature(function).parameters)
    inside = re.search(r"\((.*?)\)(?: ->|$)", (function.__doc__ or "").splitlines()[0]).group(1)
    words = [word.partition("=")[0].split()[-1].strip("*") for word in inside.split(", ") if word not in ("/", "*")]
    return [word for word in words if word]


def test_names_and_keywords_are_those_of_cupy(real_cupy, stand_in):
    """Compared with the real one, where it is installed: it needs no GPU for that."""
    functions = {
        name: value for name, value in vars(stand_in).items()
        if isinstance(value, types.FunctionType) and not name.startswith("_") and name != "fuse"
    }  # fmt: skip
    assert len(functions) > 25
    for name, function in functions.items():
        assert keywords(function) == keywords(getattr(real_cupy, name)), name
    for name, value in vars(stand_in).items():
        if isinstance(value, stand_in.ufunc):
            assert isinstance(getattr(real_cupy, name), real_cupy.ufunc), name
            assert (value.nin, value.nout) == (getattr(real_cupy, name).nin, getattr(real_cupy, name).nout), name
    methods = {name: value for name, value in vars(stand_in.ndarray).items() if not name.startswith("_")}
    assert len(methods) > 20
    for name, value in methods.items():
        real = getattr(real_cupy.ndarray, name)
        if isinstance(value, types.FunctionType) and name not in ("transpose", "reshape"):
            assert keywords(value) == keywords(real), name
    for part in ("Stream", "Graph", "Event", "MemoryPool"):
        for name in vars(getattr(stand_in.cuda, part)):
            assert name.startswith("_") or hasattr(getattr(real_cupy.cuda, part), name), (part, name)
    for name in vars(stand_in.cuda.runtime):
        assert hasattr(real_cupy.cuda.runtime, name), name


def test_cupy_itself_can_fuse_every_fused_function(real_cupy, real_modules, stand_in, monkeypatch):
    """Its fusing traces a function and writes the source of a kernel: no GPU is needed up to there."""
    calls = {}

    def note(fused, *arguments):
        calls[fused.function] = [(a.shape, a.dtype) if isinstance(a, stand_in.ndarray) else a for a in arguments]
        return call(fused, *arguments)

    call = stand_in._Fused.__call__
    monkeypatch.setattr(stand_in._Fused, "__call__", note)
    rng, config = (
        np.random.default_rng(0),
        draw.Config(height=9, width=7, hidden=6, steps=2, latent=5, read_size=2, write_size=4),
    )
    backend.use_device("cuda")
    try:
        weights = to_device(first_weights(to_device(draw.init_params(config, rng))))
        images, noise = to_device(rng.random((2, 9, 7), np.float32)), to_device(draw.sample_noise(config, 2, rng))
        update(weights, images, noise, 0.01, None, Work(draw, config, kernels, Recipe(phases=())))
        vars(backend.arrays).update(vars(real_cupy))  # what the functions call is CuPy's from here on
        monkeypatch.undo()
        for name in [name for name in sys.modules if name.partition(".")[0] == "cupy"]:
            monkeypatch.delitem(sys.modules, name)
        for name, module in real_modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        fusion = real_cupy._core.fusion
        assert len(calls) >= 8
        for function, arguments in calls.items():
            given = [unfilled(real_cupy, *a) if isinstance(a, tuple) else a for a in arguments]
            history = fusion._FusionHistory()
            fusion._thread_local.history, fusion._thread_local.is_old_fusing = history, True
            try:
                kernel, _ = history.get_fusion(function, given, function.__name__)
            finally:
                fusion._thread_local.history, fusion._thread_local.is_old_fusing = None, False
            assert all(p.dtype == np.float32 for p in kernel.out_params), function.__name__
    finally:
        backend.use_device("cpu")


def unfilled(cupy, shape, dtype):
    """An array of CuPy's without memory behind it."""
    memory = cupy.cuda.UnownedMemory(4096, int(np.prod(shape)) * dtype.itemsize, None, 0)
    return cupy.ndarray(shape, dtype, memptr=cupy.cuda.MemoryPointer(memory, 0))
