"""Does an ONNX graph have the form that NVIDIA's parser and builder take?

Each finding names the node and the mend. The rules are those that TensorRT enforces or silently
punishes with slow kernels; they were tried with the TensorRT-RTX parser and builder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engines.onnx_models.graph import Graph, integer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

OPSETS = range(13, 21)
"""13 brought DequantizeLinear an axis; TensorRT 10.3 reads up to 20."""
ACTIVATIONS = frozenset(
    {
        *("Clip", "Elu", "HardSigmoid", "LeakyRelu", "PRelu", "Relu", "Selu"),
        *("Sigmoid", "Softplus", "Softsign", "Tanh"),
    }
)
BLOCKS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_OTHERS = """
        Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Concat Constant
        ConstantOfShape Cos CumSum DepthToSpace DequantizeLinear Div Dropout Einsum Equal Erf
        Exp Expand Flatten Floor Gather GatherElements GatherND GlobalAveragePool
        GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSwish Identity
        InstanceNormalization IsInf IsNaN LRN LayerNormalization Less LessOrEqual Log
        LogSoftmax LpNormalization Max MaxPool Mean Min Mod Mul Neg Not OneHot Or Pad Pow
        QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean
        ReduceMin ReduceProd ReduceSum ReduceSumSquare Reshape Resize Round ScatterElements
        ScatterND Shape Sign Sin Slice Softmax SpaceToDepth Split Sqrt Squeeze Sub Sum Tile
        TopK Transpose Trilu Unsqueeze Upsample Where Xor
"""
KNOWN = ACTIVATIONS | BLOCKS | frozenset(re.findall(r"\w+", _OTHERS))
"""Operators of the default domain that both parse and build."""
NOT_BUILT = {
    "NonMaxSuppression": "it parses but does not build; do it outside the engine",
    "RoiAlign": "it does not build; align faces outside the engine",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        node: the node's name, or `graph`.
        problem: what was found.
        mend: what to do.
    """

    node: str
    problem: str
    mend: str

    def __str__(self) -> str:
        """One line: node, problem, mend."""
        return f"{self.node}: {self.problem}; {self.mend}"


def lint(model: onnx.ModelProto) -> list[Finding]:
    """Return what keeps a graph from running well in TensorRT; an empty list if nothing does."""
    graph = Graph.of(model)
    for node in graph.nodes:
        node.name = node.name or node.output[0]
    return [
        *_graph_rules(graph),
        *_operators(graph),
        *_pairs(graph),
        *_fusions(graph),
        *_weight_axes(graph),
    ]


def _graph_rules(graph: Graph) -> Iterator[Finding]:
    opset = graph.domains.get("", 0)
    if opset not in OPSETS:
        yield Finding(
            "graph",
            f"opset {opset}, expected {OPSETS[0]} to {OPSETS[-1]}",
            "convert it with onnx.version_converter",
        )
    for value in graph.inputs:
        dims = value.type.tensor_type.shape.dim
        if len(dims) and dims[0].HasField("dim_value"):
            yield Finding(
                value.name,
                f"batch fixed to {dims[0].dim_value}",
                "name axis 0 of this input and of the outputs, e.g. N",
            )


def _operators(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes:
        if node.op_type in NOT_BUILT:
            yield Finding(node.name, f"operator {node.op_type}", NOT_BUILT[node.op_type])
        elif node.domain not in ("", "ai.onnx") or node.op_type not in KNOWN:
            name = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
            yield Finding(
                node.name,
                f"operator {name} is unknown to TensorRT",
                "write it with standard operators, or move it outside the engine",
            )


def _pairs(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        stored = graph.constants.get(node.input[0])
        if node.op_type == "DequantizeLinear" and stored is not None and stored.dtype == np.int32:
            yield Finding(
                node.name, "dequantizes int32, a bias", "keep the bias in float32 (QuantizeBias)"
            )
            continue
        scale = graph.constants.get(node.input[1])
        if scale is None or not bool((scale.astype(np.float64) > 0).all()):
            yield Finding(node.name, "its scale is not a positive constant", "calibrate again")
        zero = graph.constants.get(node.input[2]) if len(node.input) > 2 else None
        if zero is None and node.op_type == "QuantizeLinear":
            yield Finding(node.name, "no zero point means uint8", "give it an int8 zero point of 0")
        elif zero is not None and zero.dtype != np.int8:
            yield Finding(node.name, f"{zero.dtype} zero point", "quantize to signed int8 (QInt8)")
        elif zero is not None and zero.any():
            yield Finding(
                node.name, f"zero point {zero.ravel()[0]}", "quantize symmetrically, zero point 0"
            )


def _fusions(graph: Graph) -> Iterator[Finding]:
    producers, consumers = graph.producers(), graph.consumers()
    for node in graph.nodes:
        sources = [_before_pair(producers, name) for name in node.input]
        if node.op_type in ACTIVATIONS and sources[0] is not None:
            block = sources[0]
            if block.op_type in BLOCKS:
                yield Finding(
                    node.name,
                    f"Q/DQ between {block.op_type} {block.name} and {node.op_type}",
                    "quantize behind the activation, so that the two become one kernel",
                )
        if node.op_type == "Add" and all(s is not None for s in sources):
            for name, source in zip(node.input, sources, strict=True):
                # What others read too has to be written out anyway.
                if source is not None and source.op_type == "Conv" and len(consumers[name]) == 1:
                    yield Finding(
                        node.name,
                        f"Q/DQ between Conv {source.name} and the Add behind it",
                        "quantize the skip input only, so that Conv and Add become one kernel",
                    )


def _before_pair(producers: dict[str, onnx.NodeProto], name: str) -> onnx.NodeProto | None:
    """Return the node whose output a Q/DQ pair passes on as `name`, if one does."""
    dequantize = producers.get(name)
    if dequantize is None or dequantize.op_type != "DequantizeLinear":
        return None
    quantize = producers.get(dequantize.input[0])
    return producers.get(quantize.input[0]) if quantize is not None else None


def _weight_axes(graph: Graph) -> Iterator[Finding]:
    producers = graph.producers()
    for node in graph.nodes:
        pair = producers.get(node.input[1]) if node.op_type in BLOCKS else None
        if pair is None or pair.op_type != "DequantizeLinear":
            continue
        stored = graph.constants.get(pair.input[0])
        scale = graph.constants.get(pair.input[1])
        if stored is None or scale is None or scale.ndim == 0:
            continue
        transposed = node.op_type == "Gemm" and integer(node, "transB", 0)
        wanted = 0 if node.op_type == "Conv" or transposed else 1
        axis = integer(pair, "axis", 1) % stored.ndim
        if axis != wanted or len(scale) != stored.shape[axis]:
            yield Finding(
                pair.name,
                f"{len(scale)} weight scales along axis {axis} of {list(stored.shape)}",
                f"one scale for each output of {node.op_type} {node.name}: axis {wanted}",
            )
