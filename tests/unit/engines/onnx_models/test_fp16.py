from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.align import CHIP_SIZE_PX
from engines.detector import YunetDetector
from engines.embedder import Embedder
from engines.errors import ModelShapeError
from engines.fetch import fetch
from engines.onnx_models.fp16 import to_half
from engines.onnxruntime_engine import OnnxRuntimeEngine

if TYPE_CHECKING:
    from tests.free import Free


@pytest.fixture(scope="module")
def half_of(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("half")

    def make(name: str) -> OnnxRuntimeEngine:
        path = folder / f"{name}.onnx"
        onnx.save(to_half(onnx.load(fetch(name))), path)
        assert path.stat().st_size < 0.6 * fetch(name).stat().st_size
        return OnnxRuntimeEngine(path, precision="fp16")

    return make


def test_sface_in_fp16_gives_the_same_embeddings(half_of) -> None:
    # ONNX Runtime computes FP16 layers in FP32 on most CPUs: this shows the weights' rounding.
    chips = np.random.default_rng(5).integers(0, 256, (4, 7, 7, 3), dtype=np.uint8)
    size = (CHIP_SIZE_PX, CHIP_SIZE_PX)
    chips = np.stack([cv2.resize(chip, size, interpolation=cv2.INTER_CUBIC) for chip in chips])
    fp32 = Embedder(OnnxRuntimeEngine(fetch("sface"))).embed(chips)
    fp16 = Embedder(half_of("sface")).embed(chips)
    assert (fp32.vectors * fp16.vectors).sum(axis=1).min() > 0.9999


def test_yunet_in_fp16_finds_the_same_faces(half_of, free: Free) -> None:
    bgr = cv2.imread(str(free.pair))
    fp32 = YunetDetector(OnnxRuntimeEngine(fetch("yunet"))).detect(bgr)
    fp16 = YunetDetector(half_of("yunet")).detect(bgr)
    assert len(fp32) == len(fp16) > 0
    assert np.abs(fp32.landmarks_px - fp16.landmarks_px).max() < 0.5


def one_node(op: str, weight: np.ndarray, name: str = "w") -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    node = helper.make_node(op, ["x", name], ["y"], "node")
    graph = helper.make_graph([node], "g", [x], [y], [numpy_helper.from_array(weight, name)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("value", [70000.0, np.inf, np.nan])
def test_a_weight_that_does_not_fit_is_named(value: float) -> None:
    with pytest.raises(ModelShapeError, match="weight w: as large as"):
        to_half(one_node("Add", np.array([1, value], np.float32)))


def test_a_quantized_graph_is_refused() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    y = helper.make_tensor_value_info("y", TensorProto.INT8, [2])
    node = helper.make_node("QuantizeLinear", ["x", "s"], ["y"], "q_in")
    scale = numpy_helper.from_array(np.float32(0.1), "s")
    graph = helper.make_graph([node], "g", [x], [y], [scale])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ModelShapeError, match="node q_in: QuantizeLinear"):
        to_half(model)


def test_the_given_graph_is_not_changed() -> None:
    model = one_node("Add", np.array([1, 2], np.float32))
    before = model.SerializeToString(deterministic=True)
    to_half(model)
    assert model.SerializeToString(deterministic=True) == before
