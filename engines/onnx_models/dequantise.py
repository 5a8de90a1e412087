"""From OpenCV Zoo's block-quantized files to the FP32 reference graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper

from engines.errors import ModelShapeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FP32_OPSET = 17
"""An opset that TensorRT 10.3 to 11.4 and ONNX Runtime all read; no folded graph needs a newer."""


def fold_to_fp32(model: onnx.ModelProto, *, dynamic_size: bool) -> onnx.ModelProto:
    """Return the float32 graph of a block-quantized model.

    Weights behind DequantizeLinear and Reshape become float32 initializers; Dropout and Constant
    nodes go; initializers are no longer listed as inputs; the batch (axis 0) becomes `N`, and with
    `dynamic_size` the picture's height and width become `H` and `W`.

    Args:
        model: the graph as OpenCV Zoo publishes it (opset 21); it is not changed.
        dynamic_size: leave height and width open (a detector), or keep them (an embedder).

    Raises:
        ModelShapeError: a DequantizeLinear has inputs that are not initializers.
    """
    graph = model.graph
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    nodes = [node for node in graph.node if not _fold(node, constants)]
    renamed = {n.output[0]: n.input[0] for n in nodes if n.op_type == "Dropout"}
    nodes = [n for n in nodes if n.op_type != "Dropout"]
    for node in nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        if node.op_type == "Reshape":
            _free_batch(node.input[1], constants)

    used = {name for node in nodes for name in node.input}
    inputs = [i for i in graph.input if i.name in used and i.name not in constants]
    folded = onnx.helper.make_model(
        onnx.helper.make_graph(
            nodes,
            graph.name,
            inputs,
            graph.output,
            [numpy_helper.from_array(constants[name], name) for name in constants if name in used],
        ),
        opset_imports=[onnx.helper.make_opsetid("", FP32_OPSET)],
        producer_name="tvradar",
    )
    folded.ir_version = 8
    for value in folded.graph.input:
        _open_axes(value, ["N", None, "H", "W"] if dynamic_size else ["N"])
    for value in folded.graph.output:
        _open_axes(value, ["N", "A"] if dynamic_size else ["N"])
    onnx.checker.check_model(folded, full_check=True)
    return folded


def _fold(node: onnx.NodeProto, constants: dict[str, NDArray[np.generic]]) -> bool:
    """Compute a node whose inputs are all known; true if it is gone from the graph."""
    if node.op_type == "Constant":
        constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        return True
    if not all(name in constants for name in node.input):
        if node.op_type == "DequantizeLinear":
            raise ModelShapeError(
                f"node {node.name}: an input of DequantizeLinear is computed at run time, "
                "expected a stored weight; this file is not a weight-only quantized model"
            )
        return False
    arrays = [constants[name] for name in node.input]
    if node.op_type == "DequantizeLinear":
        attributes = {a.name: a.i for a in node.attribute}
        constants[node.output[0]] = _dequantize(arrays, attributes)
        return True
    if node.op_type == "Reshape":
        constants[node.output[0]] = arrays[0].reshape(arrays[1].tolist())
        return True
    return False


def _dequantize(
    arrays: list[NDArray[np.generic]], attributes: Mapping[str, int]
) -> NDArray[np.float32]:
    """Blocked DequantizeLinear of ONNX opset 21: scale and zero point per block along an axis."""
    quantized, scale, zero = (a.astype(np.float32) for a in arrays)
    axis, block = attributes["axis"], attributes["block_size"]
    length = quantized.shape[axis]
    scale, zero = (np.repeat(a, block, axis=axis).take(range(length), axis) for a in (scale, zero))
    return ((quantized - zero) * scale).astype(np.float32)


def _free_batch(name: str, constants: dict[str, NDArray[np.generic]]) -> None:
    """Let a Reshape keep the batch that it is given: 0 means `as the input has it`."""
    shape = constants[name].copy()
    if shape.size and shape[0] == 1:
        shape[0] = np.int64(0)
    constants[name] = shape


def _open_axes(value: onnx.ValueInfoProto, names: list[str | None]) -> None:
    for dim, name in zip(value.type.tensor_type.shape.dim, names, strict=False):
        if name:
            dim.dim_param = name
