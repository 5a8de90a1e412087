"""The runtime against a TensorRT of host memory: data, shapes, graphs and ownership are real.

`HostTensorRt` offers the few names that the runtime uses (which `test_tensorrt_api.py` holds
against the real bindings) and computes with ONNX Runtime on raw addresses, as TensorRT would.
"""

from __future__ import annotations

import ctypes
import sys
import types
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest

from engines.align import align
from engines.detector import YunetDetector
from engines.embedder import Embedder
from engines.errors import ModelShapeError
from engines.fetch import fetch
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.tensorrt import bindings
from engines.tensorrt.build import detector_profiles, embedder_profiles
from engines.tensorrt.device import DeviceImage
from engines.tensorrt.errors import PlanError, TensorRtMissingError
from engines.tensorrt.faces import DeviceDetector, DeviceEmbedder
from engines.tensorrt.preprocess import Preprocessor
from engines.tensorrt.runtime import TensorRtEngine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engines.tensorrt.plan_cache import ProfileShapes


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
        self.session = ort.InferenceSession(plan, providers=["CPUExecutionProvider"])
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


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """y = relu(x) summed over the channels; dynamic batch."""
    make = onnx.helper
    x = make.make_tensor_value_info("data", onnx.TensorProto.FLOAT, ["N", 3, 4, 4])
    y = make.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 1, 4, 4])
    axes = make.make_tensor("axes", onnx.TensorProto.INT64, [1], [1])
    nodes = [
        make.make_node("Relu", ["data"], ["r"]),
        make.make_node("ReduceSum", ["r", "axes"], ["y"]),
    ]
    graph = make.make_graph(nodes, "tiny", [x], [y], [axes])
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    onnx.save(model, path)
    return path


def opened(trt: HostTensorRt, path: Path, profiles: Any, **options: Any) -> TensorRtEngine:
    trt.profiles = profiles
    return TensorRtEngine(path.read_bytes(), trt.device, **options)


def expected(x: Any) -> Any:
    return np.maximum(x, 0).sum(axis=1, keepdims=True)


def test_each_batch_of_the_profile_gives_its_own_result(host_trt: Any, tiny: Path) -> None:
    engine = opened(host_trt, tiny, embedder_profiles(side_px=4), precision="int8")
    rng = np.random.default_rng(1)
    for batch in (16, 1, 3, 16, 4):
        x = rng.normal(size=(batch, 3, 4, 4)).astype(np.float32)
        assert np.allclose(engine.run({"data": x})["y"], expected(x), atol=1e-6)
    assert engine.kind == "tensorrt int8"
    assert host_trt.device.graph_launches == 0  # shapes vary: no graph


def test_fixed_shapes_run_as_a_graph_after_one_plain_run(host_trt: Any, tiny: Path) -> None:
    sizes = [(4, 4)]
    engine = opened(host_trt, tiny, detector_profiles(sizes, name="data"), high_priority=True)
    rng = np.random.default_rng(2)
    for i in range(4):
        x = rng.normal(size=(1, 3, 4, 4)).astype(np.float32)
        assert np.allclose(engine.run({"data": x})["y"], expected(x), atol=1e-6)
        assert host_trt.device.graph_launches == i
    assert host_trt.device.streams == {engine.stream: True}
    assert host_trt.engines[0].executions == 4


def test_nothing_is_allocated_after_loading(host_trt: Any, tiny: Path) -> None:
    engine = opened(host_trt, tiny, embedder_profiles(side_px=4))
    owned = len(host_trt.device.memory), len(host_trt.device.pinned)
    for batch in (1, 16, 7):
        engine.run({"data": np.ones((batch, 3, 4, 4), np.float32)})
    assert (len(host_trt.device.memory), len(host_trt.device.pinned)) == owned


def test_outputs_are_the_callers_to_keep(host_trt: Any, tiny: Path) -> None:
    engine = opened(host_trt, tiny, embedder_profiles(side_px=4))
    first = engine.run({"data": np.ones((1, 3, 4, 4), np.float32)})["y"]
    engine.run({"data": np.zeros((1, 3, 4, 4), np.float32)})
    assert np.array_equal(first, np.full((1, 1, 4, 4), 3, np.float32))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((17, 3, 4, 4), np.float32), r"\[17, 3, 4, 4\], expected \[1, 3, 4, 4\] to"),
        (np.zeros((1, 3, 4), np.float32), r"\[1, 3, 4\], expected"),
        (np.zeros((1, 3, 4, 4)), r"float64, expected float32"),
        (None, r"missing, expected float32"),
    ],
)
def test_wrong_inputs_are_named(host_trt: Any, tiny: Path, value: Any, message: str) -> None:
    engine = opened(host_trt, tiny, embedder_profiles(side_px=4))
    with pytest.raises(ModelShapeError, match=message):
        engine.run({} if value is None else {"data": value})


def test_a_plan_of_another_device_is_refused_with_tensorrts_reason(host_trt: Any) -> None:
    with pytest.raises(PlanError, match="magicTagRead failed") as refused:
        TensorRtEngine(b"not a plan", host_trt.device)
    assert refused.value.exit_code == 3


def test_an_old_tensorrt_is_refused(host_trt: Any) -> None:
    host_trt.__version__ = "8.6.1"
    with pytest.raises(TensorRtMissingError, match=r"8\.6\.1, expected 10\.3 or newer"):
        TensorRtEngine(b"", host_trt.device)


def test_without_tensorrt_the_error_says_what_to_install(
    host_device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(TensorRtMissingError, match="comes with JetPack") as refused:
        TensorRtEngine(b"", host_device)
    assert refused.value.exit_code == 3


def test_device_path_finds_and_embeds_the_same_faces(host_trt: Any, data_dir: Path) -> None:
    """Frames in device memory give the CPU path's faces and embeddings, through both kernels."""
    bgr = cv2.imread(str(min((data_dir / "sitcom" / "scenes").glob("*.jpg"))))
    assert bgr is not None
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    image = DeviceImage(rgb.ctypes.data, rgb.shape[1], rgb.shape[0], rgb.strides[0], 3, blue_at=2)
    device, yunet, sface = host_trt.device, fetch("yunet"), fetch("sface")
    kernels = Preprocessor(device, b"")
    sizes = [(640, 384), (640, 640)]
    detector_engine = opened(host_trt, yunet, detector_profiles(sizes), high_priority=True)
    found = DeviceDetector(detector_engine, device, kernels).detect(image)
    long_side = 640
    reference = YunetDetector(OnnxRuntimeEngine(yunet), long_side_px=long_side).detect(bgr)
    assert len(found) == len(reference) >= 3
    assert np.abs(found.landmarks_px - reference.landmarks_px).max() < 1.5

    embedder_engine = opened(host_trt, sface, embedder_profiles())
    embedded = DeviceEmbedder(embedder_engine, device, kernels).embed(image, found.landmarks_px)
    chips = align(bgr, found.landmarks_px)
    cpu = Embedder(OnnxRuntimeEngine(sface)).embed(chips)
    assert (embedded.vectors * cpu.vectors).sum(axis=1).min() > 0.999
