"""A device and a TensorRT of host memory: data, shapes, graphs and ownership are real.

`HostTensorRt` offers the few names that the runtime uses (which
`test_tensorrt_api.py` holds against the real bindings) and computes with ONNX Runtime on raw
addresses, as TensorRT would; its plans are ONNX files.
"""

from __future__ import annotations

import ctypes
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import pytest

from engines.tensorrt import bindings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from engines.tensorrt.plan_cache import ProfileShapes

HERE = Path(__file__).resolve().parent


class HostDevice:
    """`Device` in host memory: addresses are real, streams run at once, graphs are replayed.

    It counts what it gives, refuses what CUDA refuses (an unknown stream, an allocation while a
    graph is captured), and knows what is still owned.
    """

    name = "host"
    compute_capability = (0, 0)
    binding = "host"

    def __init__(self) -> None:
        self.memory: dict[int, NDArray[np.uint8]] = {}
        self.pinned: list[NDArray[np.uint8]] = []
        self.streams: dict[int, bool] = {}
        self.graphs: list[list[Callable[[], None]]] = []
        self.recording: list[Callable[[], None]] | None = None
        self.graph_launches = 0
        self.closed = False

    def activate(self) -> None:
        pass

    def free_bytes(self) -> int:
        return 1 << 30

    def stream(self, *, high_priority: bool = False) -> int:
        self.streams[len(self.streams) + 1] = high_priority
        return len(self.streams)

    def allocate(self, nbytes: int) -> int:
        assert self.recording is None, "CUDA refuses to allocate while it captures"
        array = np.zeros(nbytes, np.uint8)
        self.memory[array.ctypes.data] = array
        return array.ctypes.data

    def allocate_pinned(self, nbytes: int) -> NDArray[np.uint8]:
        assert self.recording is None
        self.pinned.append(np.zeros(nbytes, np.uint8))
        return self.pinned[-1]

    def enqueue(self, work: Callable[[], None], stream: int) -> None:
        assert stream in self.streams
        if self.recording is None:
            work()
        else:
            self.recording.append(work)

    def copy_in(self, target: int, source: NDArray[Any], stream: int) -> None:
        assert source.flags.c_contiguous
        address, nbytes = source.ctypes.data, source.nbytes
        self.enqueue(lambda: self._move(target, address, nbytes), stream)

    def copy_out(self, target: NDArray[Any], source: int, stream: int) -> None:
        assert target.flags.c_contiguous
        address, nbytes = target.ctypes.data, target.nbytes
        self.enqueue(lambda: self._move(address, source, nbytes), stream)

    def _move(self, target: int, source: int, nbytes: int) -> None:
        ctypes.memmove(target, source, nbytes)

    def capture(self, enqueue: Callable[[], None], stream: int) -> int | None:
        assert stream in self.streams
        self.recording = []
        enqueue()
        self.graphs.append(self.recording)
        self.recording = None
        return len(self.graphs)

    def launch_graph(self, graph: int, stream: int) -> None:
        assert stream in self.streams
        self.graph_launches += 1
        for work in self.graphs[graph - 1]:
            work()

    def synchronise(self, stream: int) -> None:
        assert stream in self.streams
        assert self.recording is None, "CUDA refuses to synchronise while it captures"

    def close(self) -> None:
        self.closed = True
        self.memory.clear()
        self.pinned.clear()


@pytest.fixture
def host_device() -> HostDevice:
    return HostDevice()


class Context:
    def __init__(self, engine: HostEngine) -> None:
        self.engine, self.profile = engine, -1
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        self.profile = index
        return stream in self.engine.device.streams

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        profile = self.engine.profiles[self.profile]
        ok = all(a <= n <= b for a, n, b in zip(profile.min, shape, profile.max, strict=True))
        self.shapes[name] = tuple(shape)
        return ok

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        (value,) = self.shapes.values()
        return self.engine.output_shapes(value)[name]

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert address in self.engine.device.memory
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        shapes, addresses = dict(self.shapes), dict(self.addresses)
        self.engine.device.enqueue(lambda: self._compute(shapes, addresses), stream)
        return True

    def _compute(self, shapes: dict[str, tuple[int, ...]], addresses: dict[str, int]) -> None:
        self.engine.executions += 1
        inputs = {n: read(addresses[n], shape) for n, shape in shapes.items()}
        for name, value in zip(
            self.engine.outputs, self.engine.session.run(None, inputs), strict=True
        ):
            flat = np.ascontiguousarray(value)
            ctypes.memmove(addresses[name], flat.ctypes.data, flat.nbytes)


class HostEngine:
    def __init__(self, plan: bytes, device: Any, profiles: tuple[ProfileShapes, ...]) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(plan, options, providers=["CPUExecutionProvider"])
        self.device, self.profiles = device, profiles
        self.inputs = [i.name for i in self.session.get_inputs()]
        self.outputs = [o.name for o in self.session.get_outputs()]
        self.num_io_tensors = len(self.inputs) + len(self.outputs)
        self.num_optimization_profiles = len(profiles)
        self.executions = 0
        self._known: dict[tuple[int, ...], dict[str, tuple[int, ...]]] = {}

    def output_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if shape not in self._known:
            values = self.session.run(None, {self.inputs[0]: np.zeros(shape, np.float32)})
            self._known[shape] = {n: v.shape for n, v in zip(self.outputs, values, strict=True)}
        return self._known[shape]

    def get_tensor_name(self, index: int) -> str:
        return [*self.inputs, *self.outputs][index]

    def get_tensor_dtype(self, name: str) -> str:
        assert name in (*self.inputs, *self.outputs)
        return "float32"

    def get_tensor_mode(self, name: str) -> str:
        return "input" if name in self.inputs else "output"

    def get_tensor_profile_shape(self, name: str, index: int) -> list[tuple[int, ...]]:
        profile = self.profiles[index]
        assert name == profile.input
        return [profile.min, profile.opt, profile.max]

    def create_execution_context(self) -> Context:
        return Context(self)


class HostTensorRt(types.ModuleType):
    """The part of `tensorrt` that the runtime uses."""

    float32 = "float32"
    Dims = tuple
    TensorIOMode = types.SimpleNamespace(INPUT="input", OUTPUT="output")

    def __init__(self, device: Any) -> None:
        super().__init__("tensorrt")
        self.__version__ = "10.3.0"
        self.device = device
        self.profiles: tuple[ProfileShapes, ...] = ()
        self.engines: list[HostEngine] = []
        severity = ("INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE")
        names = {name: name for name in severity}
        self.ILogger = type("ILogger", (), {"Severity": types.SimpleNamespace(**names)})

    def Runtime(self, logger: Any) -> Any:  # noqa: N802
        def deserialize_cuda_engine(plan: bytes) -> HostEngine | None:
            if not plan.startswith(b"\x08"):
                logger.log("ERROR", "Serialization assertion magicTagRead failed")
                return None
            self.engines.append(HostEngine(plan, self.device, self.profiles))
            return self.engines[-1]

        return types.SimpleNamespace(deserialize_cuda_engine=deserialize_cuda_engine)


def read(address: int, shape: tuple[int, ...]) -> Any:
    array = (ctypes.c_float * int(np.prod(shape))).from_address(address)
    return np.ctypeslib.as_array(array).reshape(shape).copy()


@pytest.fixture
def host_trt(host_device: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostTensorRt]:
    module = HostTensorRt(host_device)
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    bindings.shared_logger.cache_clear()
    yield module
    bindings.shared_logger.cache_clear()
