from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from calibration.quantise.equalise import equalise
from calibration.quantise.plan import plan
from calibration.quantise.prepare import prepare
from calibration.quantise.qdq import write_qdq
from calibration.quantise.ranges import measure_ranges
from calibration.quantise.scales import choose_scales, tensors_to_measure
from engines.errors import EngineError
from engines.onnx_models.compare_layers import (
    TAIL_TOLERANCE,
    channel_drift,
    compare_layers,
    smooth_pictures,
)
from engines.onnx_models.graph import Graph

pytest.importorskip("polygraphy", reason="polygraphy is not installed")


@pytest.fixture
def quantized(small):
    """Equalised to the full: every channel has another factor than in FP32."""
    graph = prepare(small.network())
    chosen = plan(graph)
    names = tensors_to_measure(graph, chosen)
    ranges = measure_ranges(graph, names, [p[None] for p in small.pictures(24)])
    equalise(graph, ranges, 1.0)
    return write_qdq(graph, chosen, choose_scales(graph, chosen, ranges, "minmax"))


def feeds(small, model):
    name = Graph.of(model).inputs[0].name
    return [{name: picture[None]} for picture in small.pictures(3)]


def test_no_layer_of_a_sound_file_drifts(small, quantized) -> None:
    layers = compare_layers(small.network(), quantized, feeds(small, quantized))
    assert len(layers) >= 2
    assert not any(layer.drifted for layer in layers)
    assert max(layer.drift for layer in layers) > 0


def test_the_first_layer_that_drifts_is_the_spoiled_one(small, quantized) -> None:
    sound = compare_layers(small.network(), quantized, feeds(small, quantized))
    for number in range(1, len(sound)):
        graph = Graph.of(quantized)
        layer = next(n for n in graph.nodes if n.output[0] == sound[number].tensor)
        pair = next(n for n in graph.nodes if n.output[0] == layer.input[1])
        weight = graph.constants[pair.input[0]]
        graph.constants[pair.input[0]] = np.roll(weight, 1, axis=0)
        layers = compare_layers(small.network(), graph.model(), feeds(small, quantized))
        drifted = [layer.tensor for layer in layers if layer.drifted]
        assert drifted[0] == sound[number].tensor


def test_graphs_without_a_common_layer_are_refused(small, quantized) -> None:
    other = Graph.of(small.network())
    for node in other.nodes:
        node.input[:] = [f"{n}.x" if n not in other.constants else n for n in node.input]
        node.output[:] = [f"{n}.x" for n in node.output]
    with pytest.raises(EngineError, match="no layer of the same name"):
        compare_layers(other.model(check=False), quantized, [])


def test_factors_and_shifts_of_channels_are_no_drift() -> None:
    one = np.random.default_rng(0).normal(size=(1, 4, 6, 6)).astype(np.float32)
    factor = np.array([1, -2, 0.01, 50], np.float32).reshape(1, 4, 1, 1)
    assert max(channel_drift(one, one * factor + factor)) < 1e-6
    assert min(channel_drift(one, one[:, ::-1])) > 0.5
    assert channel_drift(np.zeros_like(one), one) == (0, 0)


def test_a_few_spoiled_channels_are_seen_and_a_single_one_is_let_go() -> None:
    one = np.random.default_rng(0).normal(size=(1, 200, 6, 6)).astype(np.float32)
    for spoiled, seen in ((1, False), (10, True)):
        other = one.copy()
        other[:, :spoiled] = other[:, :spoiled, ::-1]
        median, tail = channel_drift(one, other)
        assert median < 1e-6
        assert (tail > TAIL_TOLERANCE) == seen


def test_smooth_pictures_have_the_networks_own_size(small) -> None:
    for feed in smooth_pictures(small.network()):
        (picture,) = feed.values()
        assert picture.shape[1] == 3
        assert 0 <= picture.min() < picture.max() <= 255


def test_a_network_that_takes_no_picture_is_refused() -> None:
    sound = helper.make_tensor_value_info("sound", TensorProto.FLOAT, [1, 512])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 512])
    nodes = [helper.make_node("Relu", ["sound"], ["y"])]
    model = helper.make_model(helper.make_graph(nodes, "voice", [sound], [out]))
    with pytest.raises(EngineError, match=r"voice: 1 inputs, .* expected one picture"):
        smooth_pictures(model)
