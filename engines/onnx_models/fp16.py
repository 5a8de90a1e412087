"""The FP16 graph of a model, made from its FP32 reference.

A strongly typed network takes its precision from the graph, so FP16 is not a builder flag (11.0
removed that) but another ONNX file: weights and layers in float16, inputs and outputs in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.errors import ModelShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOAT_ONLY = {"Resize": (1, 2)}
"""Inputs that ONNX wants in float32 whatever the data is: the region and the scales."""

LARGEST = float(np.finfo(np.float16).max)


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the float16 form of a float32 graph; the given one is not changed.

    Raises:
        ModelShapeError: the graph is quantized, or a weight does not fit float16.
    """
    half = onnx.ModelProto()
    half.CopyFrom(model)
    graph = half.graph
    quantized = [n for n in graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    if quantized:
        raise ModelShapeError(
            f"node {quantized[0].name}: {quantized[0].op_type}, expected a float32 graph; an INT8 "
            "graph keeps its own precisions"
        )
    keep = {
        node.input[i]
        for node in graph.node
        for i in FLOAT_ONLY.get(node.op_type, ())
        if i < len(node.input)
    }
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in keep:
            array = _narrow(tensor.name, numpy_helper.to_array(tensor))
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for node in graph.node:
        _convert_attributes(node)
    del graph.value_info[:]  # they name the old types
    _cast_borders(graph)
    onnx.checker.check_model(half, full_check=True)
    return half


def _narrow(name: str, array: NDArray[np.generic]) -> NDArray[np.float16]:
    largest = float(np.abs(array).max(initial=0))
    if not largest <= LARGEST:
        raise ModelShapeError(
            f"weight {name}: as large as {largest:g}, expected at most {LARGEST:g}; this model "
            "has no FP16 form, build it in FP32 or INT8"
        )
    return array.astype(np.float16)


def _convert_attributes(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.FLOAT16
        tensor = attribute.t
        if attribute.type == onnx.AttributeProto.TENSOR and tensor.data_type == TensorProto.FLOAT:
            array = _narrow(node.name, numpy_helper.to_array(tensor))
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _cast_borders(graph: onnx.GraphProto) -> None:
    """Cast each float32 input to float16 at once, and each float16 output back at the end."""
    renamed = {}
    casts = []
    for value in graph.input:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            renamed[value.name] = f"{value.name}_half"
            casts.append(
                helper.make_node(
                    "Cast",
                    [value.name],
                    [renamed[value.name]],
                    f"cast_{value.name}",
                    to=TensorProto.FLOAT16,
                )
            )
    outputs = {v.name: f"{v.name}_half" for v in graph.output}
    back = [
        helper.make_node("Cast", [half], [name], f"cast_{name}", to=TensorProto.FLOAT)
        for name, half in outputs.items()
    ]
    renamed |= outputs
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [outputs.get(name, name) for name in node.output]
    nodes = [*casts, *graph.node, *back]
    del graph.node[:]
    graph.node.extend(nodes)
