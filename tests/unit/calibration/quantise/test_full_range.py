from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import helper

from calibration.quantise.full_range import STEPS, use_whole_range
from calibration.quantise.plan import Plan, plan
from calibration.quantise.prepare import prepare, weights_of
from calibration.quantise.qdq import write_qdq
from calibration.quantise.ranges import measure_ranges
from calibration.quantise.scales import choose_scales, tensors_to_measure
from engines.onnx_models.graph import Graph

if TYPE_CHECKING:
    import onnx

Parts = tuple[Graph, Plan, dict[str, float]]


@pytest.fixture
def parts(small) -> Parts:
    graph = prepare(small.network())
    inputs = [p[None] for p in small.pictures(24)]
    ranges = measure_ranges(graph, tensors_to_measure(graph, plan(graph)), inputs)
    chosen = plan(graph)
    return graph, chosen, choose_scales(graph, chosen, ranges, "minmax")


def _relus(model: onnx.ModelProto) -> list[str]:
    return [n.name for n in model.graph.node if n.op_type == "Relu"]


def _error(small, model: onnx.ModelProto) -> float:
    data = small.pictures(32, seed=9)
    return float(np.abs(small.run(model, data) - small.run(small.network(), data)).mean())


def test_only_what_1x1_convolutions_read_is_moved(parts) -> None:
    # act5 is read by a Gemm; the sum of act3 and act4 by a Conv without padding.
    assert _relus(write_qdq(*parts)) == ["act5"]


def test_a_padded_reader_keeps_the_relus(small, parts) -> None:
    graph = parts[0]
    conv = next(n for n in graph.nodes if n.name == "conv5")
    graph.constants[conv.input[1]] = np.full((16, 16, 3, 3), 0.1, np.float32)
    conv.attribute.append(helper.make_attribute("pads", [1, 1, 1, 1]))
    assert _relus(write_qdq(*parts)) == ["act3", "act4", "act5"]


def test_half_the_step_is_a_smaller_error(small, parts) -> None:
    fine = _error(small, write_qdq(*parts))
    coarse = write_qdq(*parts, full_range=False)
    assert _relus(coarse) == ["act3", "act4", "act5"]
    assert fine < 0.9 * _error(small, coarse)


def test_without_rounding_it_is_the_same_function(small, parts) -> None:
    graph, chosen, scales = parts
    wanted = small.run(graph.model(), small.pictures(4))
    moved = use_whole_range(graph, chosen, scales, lambda node: weights_of(graph, node)[0])
    for name, root in chosen.tensors.items():
        if moved[root] != scales[root]:
            _clip(graph, name, -STEPS * moved[root])
    np.testing.assert_allclose(small.run(graph.model(), small.pictures(4)), wanted, atol=1e-3)


def _clip(graph: Graph, name: str, lowest: float) -> None:
    """Let a tensor saturate as its 8 bits would, without rounding."""
    node = graph.producers()[name]
    node.output[0] = f"{name}.unclipped"
    graph.constants[f"{name}.lowest"] = np.array(lowest, np.float32)
    clip = helper.make_node("Clip", [f"{name}.unclipped", f"{name}.lowest"], [name])
    graph.nodes.insert(graph.nodes.index(node) + 1, clip)
