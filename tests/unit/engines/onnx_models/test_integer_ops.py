from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from calibration.quantise.equalise import equalise
from calibration.quantise.plan import plan
from calibration.quantise.prepare import prepare
from calibration.quantise.qdq import write_qdq
from calibration.quantise.ranges import measure_ranges
from calibration.quantise.scales import choose_scales, tensors_to_measure
from engines.onnx_models.float_ops import split_prelu
from engines.onnx_models.graph import Graph
from engines.onnx_models.integer_ops import Offsets, UnknownFormError, integer_form, machine_offsets

if TYPE_CHECKING:
    import onnx


def _quantized(small, float_layers=()) -> onnx.ModelProto:
    graph = prepare(small.network())
    chosen = plan(graph)
    inputs = [p[None] for p in small.pictures(24)]
    ranges = measure_ranges(graph, tensors_to_measure(graph, chosen), inputs)
    equalise(graph, ranges, 0.5)
    chosen = plan(graph, frozenset(float_layers))
    return write_qdq(graph, chosen, choose_scales(graph, chosen, ranges, "mse"))


@pytest.fixture(scope="module")
def quantized(small) -> onnx.ModelProto:
    return _quantized(small)


def test_prelu_written_as_relu_and_factors_is_the_same_function(small) -> None:
    model = small.network()
    graph = Graph.of(model)
    assert split_prelu(graph) == 2
    assert not [n for n in graph.nodes if n.op_type == "PRelu"]
    data = small.pictures(4)
    np.testing.assert_allclose(small.run(graph.model(), data), small.run(model, data), atol=1e-4)


def test_the_integer_form_has_no_float_convolution(quantized) -> None:
    kinds = {n.op_type for n in integer_form(quantized, Offsets(128, 0)).graph.node}
    assert {"QLinearConv", "Max", "NhwcMaxPool", "QLinearAdd", "QGemm"} <= kinds
    assert not kinds & {"Conv", "PRelu", "Relu", "MaxPool", "Gemm", "DequantizeLinear"}


def test_the_integer_form_computes_what_the_file_says(small, quantized) -> None:
    data = small.pictures(32, seed=5)
    said = small.run(quantized, data)
    computed = small.run(integer_form(quantized, machine_offsets()), data)
    # Not bit for bit: biases are rounded to integers, and a half step may fall to either side.
    assert small.cosines(said, computed).min() > 0.9995


def test_storage_offsets_do_not_change_one_bit(small, quantized) -> None:
    data = small.pictures(8, seed=6)
    forms = [Offsets(0, 0), Offsets(128, 128)]
    if machine_offsets() == Offsets(128, 0):  # elsewhere that pair saturates
        forms.append(Offsets(128, 0))
    outputs = [small.run(integer_form(quantized, offsets), data) for offsets in forms]
    for output in outputs[1:]:
        np.testing.assert_array_equal(output, outputs[0])


@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv4", "gemm"])
def test_a_layer_kept_in_float_is_float_in_the_integer_form(small, layer) -> None:
    model = _quantized(small, {layer})
    data = small.pictures(16, seed=7)
    lowered = integer_form(model, machine_offsets())
    assert layer in {n.name for n in lowered.graph.node}
    assert small.cosines(small.run(model, data), small.run(lowered, data)).min() > 0.995


def test_a_float_graph_has_no_integer_form(small) -> None:
    with pytest.raises(UnknownFormError, match="no QuantizeLinear"):
        integer_form(small.network(), Offsets(128, 0))


def test_another_zero_point_is_not_guessed(quantized) -> None:
    graph = Graph.of(quantized)
    graph.constants["int8.zero"] = np.array(3, np.int8)
    with pytest.raises(UnknownFormError, match="zero point of 0"):
        integer_form(graph.model(), Offsets(128, 0))
