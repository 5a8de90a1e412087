"""TensorRT of host memory, beside the driver of host memory: `host_driver.cpp`.

It offers the names that `engines/tensorrt` uses (which `test_tensorrt_api.py` holds against the
real bindings), parses and "builds" ONNX graphs, and runs them by ONNX Runtime on raw addresses, in
the order of the stream, also when a CUDA graph is recorded. With it the real commands go from
`engines build` to names. It says nothing about TensorRT's builder, its arithmetic or its speed.

HOST_TENSORRT_DRIFT=sface perturbs one weight tensor of that model while it builds.
"""

# ruff: noqa: ARG002 - the signatures are those of TensorRT
from __future__ import annotations

import ctypes
import json
import os
import types
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

__version__ = "10.3.0.30"
MAGIC = b"hostplan"
float32 = np.float32
Dims = tuple
TensorIOMode = types.SimpleNamespace(INPUT=0, OUTPUT=1)
MemoryPoolType = types.SimpleNamespace(WORKSPACE=0)
NetworkDefinitionCreationFlag = types.SimpleNamespace(STRONGLY_TYPED=1)
_driver = ctypes.CDLL("libcuda.so.1")
_Work = ctypes.CFUNCTYPE(None)
_driver.host_driver_enqueue.argtypes = [ctypes.c_void_p, _Work]


class ILogger:
    Severity = types.SimpleNamespace(INTERNAL_ERROR=0, ERROR=1, WARNING=2, INFO=3, VERBOSE=4)


class IProgressMonitor:
    pass


class OnnxParser:
    num_errors = 0

    def __init__(self, network: types.SimpleNamespace, logger: ILogger) -> None:
        self._network = network

    def parse(self, model: bytes) -> bool:
        self._network.model = onnx.load_from_string(model)
        values = [types.SimpleNamespace(name=i.name) for i in self._network.model.graph.input]
        self._network.num_inputs = len(values)
        self._network.get_input = values.__getitem__
        return True


class Profile:
    def __init__(self) -> None:
        self.shapes: dict[str, list[list[int]]] = {}

    def set_shape(self, name: str, low: tuple, usual: tuple, high: tuple) -> None:
        self.shapes[name] = [list(low), list(usual), list(high)]


class Config:
    progress_monitor: Any = None

    def __init__(self) -> None:
        self.profiles: list[Profile] = []

    def set_memory_pool_limit(self, pool: int, nbytes: int) -> None:
        assert nbytes >= 64 << 20

    def add_optimization_profile(self, profile: Profile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, data: bytes) -> Any:
        return types.SimpleNamespace(serialize=lambda: data or b"timing")

    def set_timing_cache(self, cache: Any, *, ignore_mismatch: bool) -> bool:
        return not ignore_mismatch


class Builder:
    def __init__(self, logger: ILogger) -> None:
        pass

    def create_network(self, flags: int) -> types.SimpleNamespace:
        assert flags == 1 << NetworkDefinitionCreationFlag.STRONGLY_TYPED
        return types.SimpleNamespace()

    def create_builder_config(self) -> Config:
        return Config()

    def create_optimization_profile(self) -> Profile:
        return Profile()

    def build_serialized_network(self, network: Any, config: Config) -> bytes:
        monitor = config.progress_monitor
        monitor.phase_start("Building", None, 1)
        model = network.model
        drift = os.environ.get("HOST_TENSORRT_DRIFT")
        wanted = {"sface": "data", "yunet": "input"}.get(drift or "")
        if model.graph.input[0].name == wanted:
            _perturb(model)
        assert monitor.step_complete("Building", 0)
        monitor.phase_finish("Building")
        head = json.dumps([profile.shapes for profile in config.profiles]).encode()
        return MAGIC + len(head).to_bytes(4, "little") + head + model.SerializeToString()


def _perturb(model: onnx.ModelProto) -> None:
    weights = [t for t in model.graph.initializer if len(t.dims) == 4]
    tensor = weights[len(weights) // 2]
    array = numpy_helper.to_array(tensor)
    noise = np.random.default_rng(0).normal(0, array.std(), array.shape)
    tensor.CopyFrom(numpy_helper.from_array((array + noise).astype(array.dtype), tensor.name))


class Runtime:
    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
        if not plan.startswith(MAGIC):
            self._logger.log(ILogger.Severity.ERROR, "Serialization assertion failed")
            return None
        size = int.from_bytes(plan[8:12], "little")
        return Engine(json.loads(plan[12 : 12 + size]), plan[12 + size :])


class Engine:
    def __init__(self, profiles: list[dict[str, list[list[int]]]], model: bytes) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.profiles = profiles
        self.inputs = [i.name for i in self.session.get_inputs()]
        self.outputs = [o.name for o in self.session.get_outputs()]
        self.num_io_tensors = len(self.inputs) + len(self.outputs)
        self.num_optimization_profiles = len(profiles)
        self._shapes: dict[tuple[int, ...], dict[str, tuple[int, ...]]] = {}

    def output_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if shape not in self._shapes:
            values = self.session.run(None, {self.inputs[0]: np.zeros(shape, np.float32)})
            self._shapes[shape] = {n: v.shape for n, v in zip(self.outputs, values, strict=True)}
        return self._shapes[shape]

    def get_tensor_name(self, index: int) -> str:
        return [*self.inputs, *self.outputs][index]

    def get_tensor_dtype(self, name: str) -> type:
        return float32

    def get_tensor_mode(self, name: str) -> int:
        return TensorIOMode.INPUT if name in self.inputs else TensorIOMode.OUTPUT

    def get_tensor_profile_shape(self, name: str, index: int) -> list[list[int]]:
        return self.profiles[index][name]

    def create_execution_context(self) -> Context:
        return Context(self)


class Context:
    def __init__(self, engine: Engine) -> None:
        self._engine, self._profile = engine, -1
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}
        self._enqueued: list[Any] = []

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        self._profile = index
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        low, _, high = self._engine.profiles[self._profile][name]
        self._shape = tuple(shape)
        return all(a <= n <= b for a, n, b in zip(low, shape, high, strict=True))

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._engine.output_shapes(self._shape)[name]

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        shape, addresses = self._shape, dict(self._addresses)
        work = _Work(lambda: self._compute(shape, addresses))
        self._enqueued.append(work)  # a recorded graph calls it again
        return bool(_driver.host_driver_enqueue(stream, work) == 0)

    def _compute(self, shape: tuple[int, ...], addresses: dict[str, int]) -> None:
        (name,) = self._engine.inputs
        count = int(np.prod(shape))
        flat = np.ctypeslib.as_array((ctypes.c_float * count).from_address(addresses[name]))
        values = self._engine.session.run(None, {name: flat.reshape(shape).copy()})
        for output, value in zip(self._engine.outputs, values, strict=True):
            dense = np.ascontiguousarray(value)
            ctypes.memmove(addresses[output], dense.ctypes.data, dense.nbytes)
