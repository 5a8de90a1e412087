"""TensorRT-RTX parser and builder, SM86: our graphs are accepted, spoiled ones are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.fetch import fetch
from engines.onnx_models.qdq_lint import lint
from tests.integration.conftest import ROOT, tool

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(3)
MODELS = ("yunet", "sface")


def initializers(**arrays: Any) -> list[onnx.TensorProto]:
    return [numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()]


def qdq_graph(
    *,
    zero: tuple[type[np.integer[Any]], int] = (np.int8, 0),
    int32_bias: bool = False,
    activation: str = "conv -> relu -> q",
    tail: str = "",
    batch: str | int = "N",
) -> onnx.ModelProto:
    """Q/DQ -> Conv (Q/DQ weights per channel) -> Relu -> Q/DQ, as the shipped INT8 graphs are."""
    weight = RNG.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    scales = RNG.uniform(0.001, 0.01, 4).astype(np.float32)
    bias = RNG.normal(size=4).astype(np.float32)
    constants = initializers(
        s=np.float32(0.02), z=zero[0](zero[1]), w=weight, ws=scales, wz=np.zeros(4, np.int8), b=bias
    )
    node = helper.make_node
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["xq"], "q_in"),
        node("DequantizeLinear", ["xq", "s", "z"], ["xd"], "dq_in"),
        node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], "dq_w", axis=0),
    ]
    bias_name = "b"
    if int32_bias:
        constants += initializers(
            bq=(bias / (scales * 0.02)).astype(np.int32),
            bs=(scales * 0.02).astype(np.float32),
            bz=np.zeros(4, np.int32),
        )
        nodes.append(node("DequantizeLinear", ["bq", "bs", "bz"], ["bd"], "dq_bias", axis=0))
        bias_name = "bd"
    nodes.append(node("Conv", ["xd", "wd", bias_name], ["c"], "conv", pads=[1, 1, 1, 1]))
    last = "c"
    if activation == "conv -> q -> relu":
        nodes.append(node("QuantizeLinear", ["c", "s", "z"], ["cq"], "q_between"))
        nodes.append(node("DequantizeLinear", ["cq", "s", "z"], ["cd"], "dq_between"))
        last = "cd"
    nodes.append(node("Relu", [last], ["r"], "relu"))
    nodes.append(node("QuantizeLinear", ["r", "s", "z"], ["rq"], "q_out"))
    nodes.append(node("DequantizeLinear", ["rq", "s", "z"], ["y" if not tail else "d"], "dq_out"))
    opsets = [helper.make_opsetid("", 17)]
    if tail == "unknown":
        nodes.append(node("FaceMagic", ["d"], ["y"], "magic", domain="tvradar.test"))
        opsets.append(helper.make_opsetid("tvradar.test", 1))
    shape = [batch, 3, 16, 16]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 4, 16, 16])]
    graph = helper.make_graph(nodes, "qdq", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def nms_graph() -> onnx.ModelProto:
    """Boxes made from the input, then NonMaxSuppression, which belongs outside of the engine."""
    constants = initializers(k=np.int64(10), iou=np.float32(0.3), score=np.float32(0.5))
    nodes = [
        helper.make_node("Slice", ["x", "b0", "b4", "ax"], ["boxes"], "boxes"),
        helper.make_node("Slice", ["x", "b4", "b5", "ax"], ["raw"], "scores"),
        helper.make_node("Transpose", ["raw"], ["scores"], "turn", perm=[0, 2, 1]),
        helper.make_node(
            "NonMaxSuppression", ["boxes", "scores", "k", "iou", "score"], ["y"], "nms"
        ),
    ]
    constants += initializers(
        b0=np.array([0], np.int64),
        b4=np.array([4], np.int64),
        b5=np.array([5], np.int64),
        ax=np.array([2], np.int64),
    )
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 100, 5])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.INT64, ["M", 3])]
    graph = helper.make_graph(nodes, "nms", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


SPOILED = {
    "good": qdq_graph(),
    "uint8_zero_128": qdq_graph(zero=(np.uint8, 128)),
    "int8_zero_3": qdq_graph(zero=(np.int8, 3)),
    "int32_bias": qdq_graph(int32_bias=True),
    "unknown_op": qdq_graph(tail="unknown"),
    "fixed_batch": qdq_graph(batch=1),
    "q_before_relu": qdq_graph(activation="conv -> q -> relu"),
    "nms": nms_graph(),
}


@pytest.fixture(scope="module")
def int8_files(request: pytest.FixtureRequest) -> dict[str, Path]:
    """Both models as `calibrate int8` makes them; none where there are no pictures."""
    try:
        cache: Path = request.getfixturevalue("int8_cache")
    except pytest.skip.Exception:
        return {}
    return {f"{name} int8": next(cache.glob(f"models/{name}-*-int8-*.onnx")) for name in MODELS}


@pytest.fixture(scope="module")
def verdicts(
    trtx: Path, int8_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """One run for all graphs: loading the library takes most of the time."""
    assert trtx.is_dir()
    folder = tmp_path_factory.mktemp("graphs")
    files = {name: folder / f"{name}.onnx" for name in SPOILED}
    for name, path in files.items():
        onnx.save(SPOILED[name], path)
    files |= {f"{name} fp32": fetch(name) for name in MODELS} | int8_files
    ran = tool("trtx_gate.py", "--json", *files.values())
    assert ran.code == 1, ran.err
    return dict(zip(files, ran.json["graphs"], strict=True))


@pytest.mark.parametrize("name", ["yunet fp32", "sface fp32", "good"])
def test_our_graphs_parse_and_build(verdicts: dict[str, dict[str, Any]], name: str) -> None:
    assert verdicts[name]["accepted"], verdicts[name]["reason"]
    assert verdicts[name]["plan_bytes"] > 1000


@pytest.mark.parametrize("name", MODELS)
def test_calibrated_graphs_parse_and_build(
    verdicts: dict[str, dict[str, Any]], int8_files: dict[str, Path], name: str
) -> None:
    if not int8_files:
        pytest.skip("no pictures to calibrate with; set TVRADAR_TEST_DATA")
    found = verdicts[f"{name} int8"]
    assert found["accepted"], found["reason"]
    assert found["plan_bytes"] > 1000
    assert lint(onnx.load(int8_files[f"{name} int8"])) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("uint8_zero_128", "node q_in (QuantizeLinear): Assertion failed: shiftIsAllZeros"),
        ("int8_zero_3", "Non-zero zero point is not supported"),
        ("int32_bias", "dq_bias: input has type Int32 but must have type"),
        ("unknown_op", "node magic (FaceMagic)"),
        ("fixed_batch", "Input tensor x has static dimensions"),
        ("nms", "has no runners that implement it"),
    ],
)
def test_spoiled_graphs_are_refused_with_the_reason(
    verdicts: dict[str, dict[str, Any]], name: str, message: str
) -> None:
    assert not verdicts[name]["accepted"]
    assert message in verdicts[name]["reason"]


def test_a_quantizer_before_relu_is_only_slow(verdicts: dict[str, dict[str, Any]]) -> None:
    """The parser takes it; only our linter refuses it, since it splits a fusion."""
    assert verdicts["q_before_relu"]["accepted"]


def test_the_real_library_has_every_name_that_the_runtime_uses(trtx: Path) -> None:
    """`--backend tensorrt-rtx` runs by these; no GPU, so only the names."""
    code = """
from engines.tensorrt.bindings import product, require_tensorrt, rtx_in_use, use_rtx
use_rtx()
import tensorrt as trt
from tools.lean_trial import USED
require_tensorrt()
print(rtx_in_use(), product().split()[0])
print([f"{c}.{n}" for c, names in USED.items() for n in names.split()
       if not hasattr(getattr(trt, c, None), n)])
"""
    paths = os.pathsep.join([str(ROOT), str(trtx)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["True TensorRT-RTX", "[]"], done.stderr
