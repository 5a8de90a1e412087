"""Exact rewrites that make a float graph easy to quantize; its outputs stay the same.

BatchNormalization moves into its neighbours, a picture's normalisation becomes exact in 8 bits,
PRelu slopes above 1 are turned round. What remains is Conv -> activation -> Conv.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from engines.onnx_models.graph import Graph, attributes, integer

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

LINEAR = ("Conv", "Gemm")


def prepare(model: onnx.ModelProto) -> Graph:
    """Return the graph with all rewrites of this module; `model` is not changed."""
    graph = Graph.of(model)
    while _fold_into_producer(graph) or _fold_into_consumer(graph):
        pass
    _centre_input(graph)
    _turn_steep_slopes(graph)
    _name_nodes(graph)
    graph.model()
    return graph


def _fold_into_producer(graph: Graph) -> bool:
    """Move one BatchNormalization into the Conv or Gemm before it."""
    producers, consumers = graph.producers(), graph.consumers()
    for norm in graph.nodes:
        before = producers.get(norm.input[0])
        if norm.op_type != "BatchNormalization" or before is None:
            continue
        if before.op_type in LINEAR and len(consumers[norm.input[0]]) == 1:
            factor, shift = _affine(graph, norm)
            weight, bias = weights_of(graph, before)
            scale_outputs(graph, before, factor)
            set_bias(graph, before, bias * factor + shift)
            assert weight.shape[0] == len(factor)
            before.output[0] = norm.output[0]
            graph.nodes.remove(norm)
            return True
    return False


def _fold_into_consumer(graph: Graph) -> bool:
    """Move one BatchNormalization through Flatten into the Gemm behind it."""
    consumers = graph.consumers()
    for norm in graph.nodes:
        if norm.op_type != "BatchNormalization":
            continue
        behind = consumers.get(norm.output[0], [])
        if [n.op_type for n in behind] != ["Flatten"]:
            continue
        gemms = consumers[behind[0].output[0]]
        if [n.op_type for n in gemms] != ["Gemm"] or not integer(gemms[0], "transB", 0):
            continue
        factor, shift = _affine(graph, norm)
        weight, bias = weights_of(graph, gemms[0])
        area = weight.shape[1] // len(factor)
        set_bias(graph, gemms[0], bias + exact_sums(weight * np.repeat(shift, area)))
        set_weight(graph, gemms[0], weight * np.repeat(factor, area))
        behind[0].input[0] = norm.input[0]
        graph.nodes.remove(norm)
        return True
    return False


def _affine(graph: Graph, norm: onnx.NodeProto) -> tuple[NDArray[np.float64], ...]:
    """Return factor and shift, float64 (channels,), that a BatchNormalization applies."""
    gamma, beta, mean, var = (graph.constants[n].astype(np.float64) for n in norm.input[1:5])
    epsilon = attributes(norm).get("epsilon", 1e-5)
    assert isinstance(epsilon, float)
    factor = gamma / np.sqrt(var + epsilon)
    return factor, beta - mean * factor


def _centre_input(graph: Graph) -> None:
    """Let a picture's pixels be integers after normalisation, so that 8 bits hold them exactly.

    (p - 127.5) / 128 lies between two steps of 1/128 for each pixel p. (p - 128) / 128 lies on
    them; the half step moves into the first Conv's bias. Only where that Conv reads its zero
    padding this differs, by half a grey level.
    """
    consumers = graph.consumers()
    data = graph.inputs[0].name
    if first := _follow(consumers, data, ["Conv"]):
        _centre_raw_pixels(graph, first[0])
    chain = _follow(consumers, data, ["Sub", "Mul", "Conv"])
    if not chain:
        return
    sub, mul, conv = chain
    offset = float(graph.constants[sub.input[1]].ravel()[0])
    whole = float(np.ceil(offset))
    if graph.constants[sub.input[1]].size != 1 or whole == offset:
        return
    factor = float(graph.constants[mul.input[1]].ravel()[0])
    weight, bias = weights_of(graph, conv)
    set_bias(graph, conv, bias + (whole - offset) * factor * exact_sums(weight))
    graph.constants[sub.input[1]] = np.full((1,), whole, np.float32)


def _centre_raw_pixels(graph: Graph, conv: onnx.NodeProto) -> None:
    """Shift 0..255 to -128..127, which int8 holds exactly; the padding stays black."""
    pads = attributes(conv).get("pads", [0, 0, 0, 0])
    assert isinstance(pads, list)
    data, shifted, padded = conv.input[0], "centred", "centred_padded"
    graph.constants["grey"] = np.full((1,), 128, np.float32)
    graph.constants["black"] = np.array(-128, np.float32)
    graph.constants["border"] = np.array([0, 0, *pads[:2], 0, 0, *pads[2:]], np.int64)
    weight, bias = weights_of(graph, conv)
    set_bias(graph, conv, bias + 128 * exact_sums(weight))
    conv.input[0] = padded
    for attribute in conv.attribute:
        if attribute.name == "pads":
            attribute.ints[:] = [0] * len(attribute.ints)
    graph.nodes[:0] = [
        helper.make_node("Sub", [data, "grey"], [shifted]),
        helper.make_node("Pad", [shifted, "border", "black"], [padded]),
    ]


def _follow(
    consumers: dict[str, list[onnx.NodeProto]], name: str, kinds: list[str]
) -> list[onnx.NodeProto]:
    """Return the nodes behind a tensor if they are of these kinds, without branches."""
    chain = []
    for kind in kinds:
        behind = consumers.get(name, [])
        if [n.op_type for n in behind] != [kind]:
            return []
        chain.append(behind[0])
        name = behind[0].output[0]
    return chain


def _turn_steep_slopes(graph: Graph) -> None:
    """Bring PRelu slopes a > 1 below 1: PRelu_a(x) = -a PRelu_1/a(-x).

    The signs and the factor move into the layers around it. With a <= 1 everywhere PRelu is
    max(x, a x), which integers can do.
    """
    producers = graph.producers()
    for act in graph.nodes:
        if act.op_type != "PRelu":
            continue
        slope = graph.constants[act.input[1]].astype(np.float64)
        steep = slope.ravel() > 1
        before = producers.get(act.input[0])
        behind = linear_consumers(graph, act.output[0])
        if not steep.any() or before is None or before.op_type != "Conv" or behind is None:
            continue
        scale_outputs(graph, before, np.where(steep, -1.0, 1.0), with_bias=True)
        for node in behind:
            scale_inputs(graph, node, np.where(steep, -slope.ravel(), 1.0))
        flat = np.where(steep, 1 / slope.ravel(), slope.ravel())
        graph.constants[act.input[1]] = flat.reshape(slope.shape).astype(np.float32)


def linear_consumers(graph: Graph, name: str) -> list[onnx.NodeProto] | None:
    """Return the Conv and Gemm nodes that read a tensor, or None if anything else does too."""
    if name in graph.output_names():
        return None
    consumers = graph.consumers()
    found = []
    for node in consumers.get(name, []):
        if node.op_type == "Flatten":
            inner = linear_consumers(graph, node.output[0])
            if inner is None:
                return None
            found += inner
        elif node.op_type in LINEAR:
            found.append(node)
        else:
            return None
    return found


def weights_of(
    graph: Graph, node: onnx.NodeProto
) -> tuple[
    NDArray[np.float64],
    NDArray[np.float64],
]:
    """Return weight (outputs first) and bias, float64; a missing bias is zeros."""
    weight = graph.constants[node.input[1]].astype(np.float64)
    if len(node.input) > 2 and node.input[2]:
        return weight, graph.constants[node.input[2]].astype(np.float64)
    return weight, np.zeros(weight.shape[0])


def exact_sums(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum over all axes but the first, float64 (rows,), the same on every machine.

    NumPy and BLAS add in an order that depends on the processor, and the last bit with it.
    """
    return np.array([math.fsum(row) for row in rows.reshape(len(rows), -1).tolist()])


def set_weight(
    graph: Graph,
    node: onnx.NodeProto,
    weight: NDArray[np.float64],
) -> None:
    """Replace a layer's weight, as float32."""
    name = f"{node.output[0]}.w"
    graph.constants[name] = weight.astype(np.float32)
    node.input[1] = name


def set_bias(graph: Graph, node: onnx.NodeProto, bias: NDArray[np.float64]) -> None:
    """Replace or add a layer's bias, as float32."""
    name = f"{node.output[0]}.b"
    graph.constants[name] = bias.astype(np.float32)
    node.input[:] = [*node.input[:2], name]


def scale_outputs(
    graph: Graph,
    node: onnx.NodeProto,
    factor: NDArray[np.float64],
    *,
    with_bias: bool = False,
) -> None:
    """Multiply a layer's output channels, float64 (outputs,)."""
    weight, bias = weights_of(graph, node)
    set_weight(graph, node, weight * factor.reshape(-1, *[1] * (weight.ndim - 1)))
    if with_bias:
        set_bias(graph, node, bias * factor)


def scale_inputs(graph: Graph, node: onnx.NodeProto, factor: NDArray[np.float64]) -> None:
    """Multiply what a layer makes of its input channels, float64 (inputs,)."""
    weight, _ = weights_of(graph, node)
    if node.op_type == "Gemm":
        set_weight(graph, node, weight * np.repeat(factor, weight.shape[1] // len(factor)))
        return
    group = integer(node, "group", 1)
    per_group = factor.reshape(group, -1)
    rows = np.repeat(per_group, weight.shape[0] // group, axis=0)
    set_weight(graph, node, weight * rows[:, :, None, None])


def _name_nodes(graph: Graph) -> None:
    """Give every node a name that messages can use: its own, or its output's."""
    for node in graph.nodes:
        node.name = node.name or node.output[0]
        node.doc_string = ""
