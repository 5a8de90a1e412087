"""Let what is never negative use all 256 steps of a signed byte.

TensorRT takes zero point 0 only, so what comes out of a Relu would be stored in the steps 0 to 127.
Here 128 steps are taken away: the Conv before has them in its bias, the saturation at -128 does
what the Relu did, and the 1x1 Convs that read the tensor add to their bias what they miss. Steps of
half the size, one operator fewer, and the same function but for the rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibration.quantise.prepare import exact_sums, set_bias, weights_of
from engines.onnx_models.graph import attributes

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import onnx
    from numpy.typing import NDArray

    from calibration.quantise.plan import Plan
    from engines.onnx_models.graph import Graph

    Rounded = Callable[[onnx.NodeProto], NDArray[np.float64]]

STEPS = 128
FINER = 127 / 255
"""A step that covers with 255 what the old one covered with 127."""


def use_whole_range(
    graph: Graph, chosen: Plan, scales: dict[str, float], rounded: Rounded
) -> dict[str, float]:
    """Rewrite a float graph that is about to be quantized; return the scales that go with it.

    Args:
        graph: changed: Relus go, biases change.
        chosen: from `plan`.
        scales: one scale for each of `chosen.roots`.
        rounded: gives a layer's weight as its 8 bits will have it, float64 (outputs, ...).
    """
    wide = _wide(graph, chosen)
    producers = graph.producers()
    result = dict(scales)
    for root in chosen.roots:  # in the order of the graph: a sum comes behind what it sums
        if root not in wide:
            continue
        node = producers[root]
        if node.op_type == "Add":
            # Then the sum's 128 steps are those of its two parts together.
            result[root] = sum(result[chosen.tensors[name]] for name in node.input)
        else:
            result[root] = scales[root] * FINER
    offsets = {t: STEPS * result[r] for t, r in chosen.tensors.items() if r in wide}
    for node in list(graph.nodes):
        if node.op_type == "Relu" and node.output[0] in offsets:
            before = producers[node.input[0]]
            set_bias(graph, before, weights_of(graph, before)[1] - offsets[node.output[0]])
            before.output[0] = node.output[0]
            graph.nodes.remove(node)
        elif node.op_type == "Conv" and node.input[0] in offsets:
            missing = exact_sums(rounded(node)) * offsets[node.input[0]]
            set_bias(graph, node, weights_of(graph, node)[1] + missing)
    return result


def _wide(graph: Graph, chosen: Plan) -> set[str]:
    """Return the roots that can be moved: what brings and what reads them takes part."""
    producers, consumers = graph.producers(), graph.consumers()
    tensors = chosen.tensors
    wide = set(chosen.roots)

    def brought(root: str) -> bool:
        node = producers.get(root)
        if node is not None and node.op_type == "Add":
            return all(tensors.get(name) in wide for name in node.input)
        if node is None or node.op_type != "Relu":
            return False
        before = producers.get(node.input[0])
        return (
            before is not None and before.op_type == "Conv" and len(consumers[node.input[0]]) == 1
        )

    def follows(node: onnx.NodeProto, root: str) -> bool:
        behind = tensors.get(node.output[0])
        if node.op_type == "Conv":
            return node.name in chosen.layers and is_1x1(graph, node)
        return behind in wide if node.op_type == "Add" else behind == root

    def bad(root: str) -> bool:
        own = [tensor for tensor in tensors if tensors[tensor] == root]
        return (
            not brought(root)
            or not graph.output_names().isdisjoint(own)
            or not all(follows(node, root) for t in own for node in consumers.get(t, []))
        )

    while left := {root for root in wide if bad(root)}:
        wide -= left
    return wide


def is_1x1(graph: Graph, node: onnx.NodeProto) -> bool:
    """Return whether a Conv reads no padding, where it would miss the offset."""
    pads = attributes(node).get("pads", ())
    return graph.constants[node.input[1]].shape[2:] == (1, 1) and not any(pads)
