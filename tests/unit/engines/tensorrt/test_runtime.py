"""The runtime against a TensorRT of host memory; see `conftest.py`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from engines.errors import ModelShapeError
from engines.tensorrt.build import detector_profiles, embedder_profiles
from engines.tensorrt.errors import PlanError, TensorRtMissingError
from engines.tensorrt.runtime import TensorRtEngine

if TYPE_CHECKING:
    from pathlib import Path


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


def opened(trt: Any, path: Path, profiles: Any, **options: Any) -> TensorRtEngine:
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
