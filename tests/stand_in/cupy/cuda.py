"""The part of `cupy.cuda` that draw_np uses: streams, graphs, events, memory pools, and the runtime's questions."""

import contextlib
import time
from types import SimpleNamespace

waits = 0
"""How often the host waited for the device."""
_state = SimpleNamespace(graph=None, memory=None)  # what is being recorded: functions, and arrays that they may use


def _wait():
    global waits
    if _state.graph is not None:
        raise runtime.CUDARuntimeError(
            "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing"
        )
    waits += 1


def _copy_from_host():
    if _state.graph is not None:
        raise RuntimeError("the current stream is capturing, so H2D transfers are disallowed")


def _kept(host):
    """While a graph is recorded, its memory is not given to anything else."""
    if _state.graph is not None:
        _state.memory.append(host)
    return host


class _Pointer:
    def __init__(self, ptr):
        self.ptr = ptr


class CUDARuntimeError(RuntimeError):
    pass


def _properties(device):
    return {"name": b"none: NumPy as a stand-in for CuPy", "totalGlobalMem": 0, "major": 0, "minor": 0}


runtime = SimpleNamespace(
    CUDARuntimeError=CUDARuntimeError,
    runtimeGetVersion=lambda: 99000,
    driverGetVersion=lambda: 99000,
    getDeviceCount=lambda: 1,
    getDeviceProperties=_properties,
)


class Stream:
    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr, self._can_record = 1, non_blocking

    def use(self):
        return self

    def synchronize(self):
        _wait()

    def is_capturing(self):
        return _state.graph is not None

    def begin_capture(self, mode=None):
        if not self._can_record:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        _state.graph, _state.memory = [], []

    def end_capture(self):
        recorded, _state.graph = _state.graph, None
        return Graph(recorded, _state.memory)


Stream.null = Stream()


class Graph:
    def __init__(self, recorded, memory):
        self._recorded, self._memory = recorded, memory

    def launch(self, stream=None):
        for function in self._recorded:
            function()

    def upload(self, stream=None):
        pass


class Event:
    def __init__(self, block=False, disable_timing=False, interprocess=False):
        pass

    def record(self, stream=None):
        self._at = time.perf_counter()

    def synchronize(self):
        _wait()


def get_elapsed_time(start_event, end_event):
    return 1e3 * (end_event._at - start_event._at)


class MemoryPool:
    def malloc(self, size):
        raise AssertionError("only handed on in this stand-in")

    def used_bytes(self):
        return 0

    def total_bytes(self):
        return 0

    def free_all_blocks(self):
        pass


@contextlib.contextmanager
def using_allocator(allocator=None):
    yield
