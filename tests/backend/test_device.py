"""What is said, in one line, where the GPU cannot be used."""

import builtins
import sys
import types

import pytest

from draw_np import backend
from draw_np.backend import DeviceError, use_device
from draw_np.cli import main


class CUDARuntimeError(RuntimeError):
    pass


CUDARuntimeError.__module__ = "cupy_backends.cuda.api.runtime"


def fails(error):
    def function(*arguments, **keywords):
        raise error

    return function


@pytest.fixture
def cupy(stand_in, monkeypatch):
    """The stand-in with other answers: cupy(getDeviceCount=...)."""

    def change(ones=None, **answers):
        for name, value in answers.items():
            monkeypatch.setattr(stand_in.cuda.runtime, name, value)
        if ones:
            monkeypatch.setattr(stand_in, "ones", ones)

    return change


def message():
    with pytest.raises(DeviceError) as error:
        use_device("cuda")
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.fixture
def no_import(monkeypatch):
    """Have `import cupy` fail with an error."""

    def fail(error):
        def importing(name, *rest):
            if name.partition(".")[0] == "cupy":
                raise error
            return load(name, *rest)

        load = builtins.__import__
        monkeypatch.setattr(builtins, "__import__", importing)

    return fail


def test_no_cupy(no_import, capsys):
    no_import(ModuleNotFoundError("No module named 'cupy'", name="cupy"))
    assert message().startswith("--device cuda needs CuPy, which is not installed: pip install cupy-cuda12x or")
    assert main(["gradcheck", "--device", "cuda"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("draw_np: --device cuda needs CuPy") and captured.err.count("\n") == 1


def test_a_broken_cupy(no_import):
    frame = "=" * 20
    no_import(ImportError(f"{frame}\nFailed to import CuPy.\n\nOriginal error:\n  libcudart.so.12: not found\n{frame}"))
    assert "cannot be imported (libcudart.so.12: not found); remove every cupy package, then pip install" in message()
    no_import(ModuleNotFoundError("No module named 'numpy.x'", name="numpy.x"))
    assert "CuPy lacks the module numpy.x" in message()


def test_two_builds_of_cupy_at_once(stand_in, monkeypatch):
    source = (
        "import warnings\nwarnings.warn('CuPy may not function correctly because multiple CuPy packages are installed')"
    )
    loader = types.SimpleNamespace(exec_module=lambda module: exec(source, {}), create_module=lambda spec: None)
    spec = __import__("importlib.machinery").machinery.ModuleSpec("cupy", loader)
    del sys.modules["cupy"]  # not by monkeypatch, which would bring it back after the stand-in has gone
    finder = types.SimpleNamespace(find_spec=lambda name, *rest: spec if name == "cupy" else None)
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    assert "multiple CuPy packages are installed" in message()


def test_no_driver(cupy):
    cupy(driverGetVersion=lambda: 0)
    assert "there is no NVIDIA driver on this machine" in message()
    cupy(driverGetVersion=fails(CUDARuntimeError("no library")))
    assert "there is no NVIDIA driver on this machine" in message()


def test_no_device(cupy):
    cupy(getDeviceCount=lambda: 0)
    assert "shows no GPU; look at `nvidia-smi` and CUDA_VISIBLE_DEVICES" in message()


def test_a_build_for_a_newer_driver(cupy, stand_in):
    error = stand_in.cuda.runtime.CUDARuntimeError("cudaErrorInsufficientDriver")
    cupy(driverGetVersion=lambda: 12040, runtimeGetVersion=lambda: 13000, getDeviceCount=fails(error))
    assert "CuPy is built for CUDA 13.0 and the driver knows CUDA 12.4 at most" in message()
    assert message().endswith("pip install cupy-cuda12x")


def test_a_cupy_that_does_not_compute(cupy):
    cupy(ones=fails(RuntimeError("libnvrtc.so.12: cannot open shared object file")))
    assert "does not compute on this GPU (libnvrtc.so.12: cannot open shared object file)" in message()


def test_no_memory_from_the_start(cupy):
    cupy(ones=fails(MemoryError("Out of memory allocating 16 bytes")))
    assert message() == "the GPU has no memory left: see in `nvidia-smi` who has it"


def test_after_a_failure_the_device_is_as_before(cupy):
    cupy(getDeviceCount=lambda: 0)
    message()
    assert backend.gpu is None and float(backend.np.sum(backend.np.ones(2))) == 2


class OutOfMemoryError(MemoryError):
    pass


OutOfMemoryError.__module__ = "cupy.cuda.memory"


@pytest.mark.parametrize("error, expected", [
    (OutOfMemoryError("Out of memory allocating 1,024 bytes (allocated so far: 0 bytes)."),
     "the GPU's memory is full (Out of memory allocating 1,024 bytes (allocated so far: 0 bytes).): use a smaller"),
    (CUDARuntimeError("cudaErrorMemoryAllocation: out of memory"), "the GPU's memory is full (cudaErrorMemory"),
    (CUDARuntimeError("cudaErrorLaunchFailure: unspecified launch failure"), "the GPU failed: cudaErrorLaunchFailure"),
    (MemoryError(), "not enough memory: ask for fewer images"),
])  # fmt: skip
def test_failures_later_on(monkeypatch, capsys, error, expected):
    monkeypatch.setattr("draw_np.cli.gradcheck.gradient_table", fails(error))
    assert main(["gradcheck"]) == 1
    last = capsys.readouterr().err
    assert last.startswith(f"draw_np: {expected}") and last.count("\n") == 1


def test_a_mistake_of_ours_is_not_called_the_gpus(monkeypatch):
    monkeypatch.setattr("draw_np.cli.gradcheck.gradient_table", fails(KeyError("x")))
    with pytest.raises(KeyError):
        main(["gradcheck"])


def test_out_of_memory_in_any_words():
    class Failure(RuntimeError):
        pass

    Failure.__module__ = "cupy_backends.cuda.libs.cublas"
    assert backend.gpu_failure(Failure("CUBLAS: out of memory")).startswith("the GPU's memory is full")
