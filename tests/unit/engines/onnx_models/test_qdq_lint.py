from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from calibration.quantise.plan import plan
from calibration.quantise.prepare import prepare
from calibration.quantise.qdq import write_qdq
from engines.onnx_models.graph import Graph
from engines.onnx_models.qdq_lint import lint


@pytest.fixture
def sound(small) -> Graph:
    graph = prepare(small.network())
    chosen = plan(graph)
    return Graph.of(write_qdq(graph, chosen, dict.fromkeys(chosen.roots, 0.05)))


def _node(graph: Graph, name: str) -> onnx.NodeProto:
    return next(n for n in graph.nodes if n.name == name)


def _findings(graph: Graph) -> list[str]:
    return [str(f) for f in lint(graph.model(check=False))]


def test_what_we_write_is_sound(sound) -> None:
    assert _findings(sound) == []


def test_uint8_zero_point(sound) -> None:
    sound.constants["odd"] = np.array(0, np.uint8)
    for name in ("p1.q", "p1.d"):
        _node(sound, name).input[2] = "odd"
    found = _findings(sound)
    assert [f.split(":")[0] for f in found] == ["p1.q", "p1.d"]
    assert "uint8 zero point" in found[0]
    assert "signed int8" in found[0]


def test_a_zero_point_that_is_left_out_means_uint8(sound) -> None:
    del _node(sound, "p1.q").input[2]
    assert any(f.startswith("p1.q: no zero point") for f in _findings(sound))


def test_zero_point_other_than_zero(sound) -> None:
    sound.constants["shifted"] = np.array(5, np.int8)
    _node(sound, "p1.q").input[2] = "shifted"
    assert any(f.startswith("p1.q: zero point 5") for f in _findings(sound))


def test_int32_bias(sound) -> None:
    conv = _node(sound, "conv3")
    sound.constants["steps"] = np.zeros(16, np.int32)
    sound.constants["bias_scale"] = np.ones(16, np.float32)
    pair = helper.make_node(
        "DequantizeLinear", ["steps", "bias_scale"], ["bias_d"], "bias_d", axis=0
    )
    sound.nodes.insert(sound.nodes.index(conv), pair)
    conv.input[2] = "bias_d"
    (found,) = _findings(sound)
    assert found.startswith("bias_d: dequantizes int32")


def test_pair_between_convolution_and_activation(sound) -> None:
    act = _node(sound, "act5")
    name = act.input[0]
    sound.constants["s"] = np.array(0.1, np.float32)
    pair = [
        helper.make_node("QuantizeLinear", [name, "s", "int8.zero"], ["early.q"], "early.q"),
        helper.make_node("DequantizeLinear", ["early.q", "s", "int8.zero"], ["early.d"], "early.d"),
    ]
    at = sound.nodes.index(act)
    sound.nodes[at:at] = pair
    act.input[0] = "early.d"
    (found,) = _findings(sound)
    assert found.startswith("act5: Q/DQ between Conv conv5 and Relu")
    assert "behind the activation" in found


def test_unknown_operator(sound) -> None:
    node = _node(sound, "act5")
    node.op_type, node.domain = "FancyRelu", "my.domain"
    sound.domains["my.domain"] = 1
    (found,) = _findings(sound)
    assert found.startswith("act5: operator my.domain::FancyRelu is unknown")


def test_suppression_inside_the_graph(sound) -> None:
    _node(sound, "act5").op_type = "NonMaxSuppression"
    (found,) = _findings(sound)
    assert "does not build" in found


def test_fixed_batch(small) -> None:
    (found,) = (str(f) for f in lint(small.network(batch=1)))
    assert found.startswith("data: batch fixed to 1")


def test_scales_along_the_inputs(sound) -> None:
    pair = _node(sound, _node(sound, "conv3").input[1])
    for attribute in pair.attribute:
        attribute.i = 1
    (found,) = _findings(sound)
    assert "axis 0" in found


def test_old_opset(sound) -> None:
    sound.domains[""] = 11
    assert any(f.startswith("graph: opset 11") for f in _findings(sound))


def test_both_sides_of_a_residual_sum(sound) -> None:
    """The Add reads Relu and Resize; let it read conv5's sibling through a pair instead."""
    add = _node(sound, "sum")
    conv = _node(sound, "conv4")
    sound.constants["s"] = np.array(0.1, np.float32)
    name = conv.output[0]
    pair = [
        helper.make_node("QuantizeLinear", [name, "s", "int8.zero"], ["c.q"], "c.q"),
        helper.make_node("DequantizeLinear", ["c.q", "s", "int8.zero"], ["c.d"], "c.d"),
    ]
    at = sound.nodes.index(add)
    sound.nodes[at:at] = pair
    add.input[1] = "c.d"
    assert any(f.startswith("sum: Q/DQ between Conv conv4") for f in _findings(sound))
