"""The FP16 graph of a model, made from its FP32 reference.

A strongly typed network takes its precision from the graph, so FP16 is not a builder flag (11.0
removed that) but another ONNX file: weights and layers in float16, inputs and outputs in float32.
ONNX Runtime's converter makes it; what it would do silently is refused here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from engines.errors import ModelShapeError

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = float(np.finfo(np.float16).max)


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the float16 form of a float32 graph; the given one is not changed.

    Raises:
        ModelShapeError: the graph is quantized, or a weight does not fit float16: the converter
            would cut it to the largest value that does.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16  # noqa: PLC0415
    from onnxruntime.transformers.onnx_model import OnnxModel  # noqa: PLC0415

    quantized = [n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    if quantized:
        raise ModelShapeError(
            f"node {quantized[0].name}: {quantized[0].op_type}, expected a float32 graph; an INT8 "
            "graph keeps its own precisions"
        )
    for name, tensor in _float_tensors(model.graph):
        largest = float(np.abs(numpy_helper.to_array(tensor)).max(initial=0))
        if not largest <= LARGEST:
            raise ModelShapeError(
                f"weight {name}: as large as {largest:g}, expected at most {LARGEST:g}; this model "
                "has no FP16 form, build it in FP32 or INT8"
            )
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    half: onnx.ModelProto = convert_float_to_float16(copy, keep_io_types=True, op_block_list=[])
    OnnxModel.graph_topological_sort(half.graph)  # the casts were put at the end
    onnx.checker.check_model(half, full_check=True)
    return half


def _float_tensors(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Yield what a graph holds in float32: weights, and constants in attributes."""
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            yield tensor.name, tensor
    for node in graph.node:
        for attribute in node.attribute:
            tensor = attribute.t
            is_tensor = attribute.type == onnx.AttributeProto.TENSOR
            if is_tensor and tensor.data_type == TensorProto.FLOAT:
                yield node.name, tensor
