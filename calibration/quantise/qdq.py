"""Write a float graph as an explicit Q/DQ graph.

The form serves NVIDIA's parser and ONNX Runtime alike: signed int8, zero point 0, weights per
output channel, float bias, nothing between a convolution and its activation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from calibration.quantise.full_range import use_whole_range
from calibration.quantise.plan import ACTIVATIONS, Plan
from calibration.quantise.shift import take_steps
from engines.onnx_models.graph import Graph

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

ZERO = "int8.zero"


def quantize_weight(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric int8 per output channel: int8 of the weight's shape, float32 (outputs,)."""
    flat = np.abs(weight.reshape(len(weight), -1)).max(axis=1)
    scale = np.maximum(flat / 127, 1e-12).astype(np.float32)
    steps = weight / scale.reshape(-1, *[1] * (weight.ndim - 1))
    return np.clip(np.rint(steps), -127, 127).astype(np.int8), scale


def write_qdq(
    graph: Graph,
    chosen: Plan,
    scales: dict[str, float],
    weights: dict[str, tuple[NDArray[np.int8], NDArray[np.float32]]] | None = None,
    *,
    shifts: dict[str, int] | None = None,
    full_range: bool = True,
) -> onnx.ModelProto:
    """Return the Q/DQ model.

    Args:
        graph: the float graph; not changed.
        chosen: from `plan`.
        scales: one scale for each of `chosen.roots`, for 127 steps; those that can have 255 get
            them, see `use_whole_range`.
        weights: int8 weight and scale by layer name where another rounding than to the nearest
            was found.
        shifts: by root, how many steps lower than 0 a PRelu's output is stored; see `take_steps`.
        full_range: let what is never negative have 255 steps.
    """
    result = Graph.of(graph.model())

    def rounded(node: onnx.NodeProto) -> NDArray[np.float64]:
        given = (weights or {}).get(node.name)
        steps, scale = given or quantize_weight(result.constants[node.input[1]].astype(np.float32))
        return steps * scale.astype(np.float64).reshape(-1, *[1] * (steps.ndim - 1))

    if full_range:
        scales = use_whole_range(result, chosen, scales, rounded)
    take_steps(result, chosen, scales, shifts or {}, rounded)
    result.constants[ZERO] = np.array(0, np.int8)
    nodes: list[onnx.NodeProto] = []
    scale_names = {name: f"{name}.s" for name in chosen.roots}
    for name, scale in scale_names.items():
        result.constants[scale] = np.array(scales[name], np.float32)
    pairs: dict[str, list[onnx.NodeProto]] = {}
    for name, root in chosen.tensors.items():
        pairs[name] = [
            helper.make_node(
                "QuantizeLinear", [name, scale_names[root], ZERO], [f"{name}.q"], f"{name}.q"
            ),
            helper.make_node(
                "DequantizeLinear",
                [f"{name}.q", scale_names[root], ZERO],
                [f"{name}.d"],
                f"{name}.d",
            ),
        ]
    for value in result.inputs:
        nodes += pairs.get(value.name, [])
    for node in result.nodes:
        if node.name in chosen.layers:
            nodes.append(_weight_pair(result, node, (weights or {}).get(node.name)))
        if node.op_type == "PRelu":
            round_slopes(result, node)
        if node.op_type not in ACTIVATIONS:
            node.input[:] = [f"{n}.d" if n in pairs else n for n in node.input]
        nodes.append(node)
        for name in node.output:
            nodes += pairs.get(name, [])
    result.nodes = nodes
    return result.model()


def _weight_pair(
    graph: Graph,
    node: onnx.NodeProto,
    given: tuple[NDArray[np.int8], NDArray[np.float32]] | None,
) -> onnx.NodeProto:
    weight = graph.constants[node.input[1]].astype(np.float32)
    name = f"{node.output[0]}.w"
    graph.constants[f"{name}q"], graph.constants[f"{name}s"] = given or quantize_weight(weight)
    graph.constants[f"{name}z"] = np.zeros(len(weight), np.int8)
    node.input[1] = f"{name}d"
    return helper.make_node(
        "DequantizeLinear", [f"{name}q", f"{name}s", f"{name}z"], [f"{name}d"], f"{name}d", axis=0
    )


def round_slopes(graph: Graph, node: onnx.NodeProto) -> None:
    """Round PRelu's slopes to 8 bits, so that integer and float arithmetic use the same."""
    slope = graph.constants[node.input[1]].astype(np.float32)
    step = max(float(np.abs(slope).max()) / 127, 1e-9)
    name = f"{node.output[0]}.a"
    graph.constants[name] = (np.rint(slope / step) * step).astype(np.float32)
    node.input[1] = name
