"""Which layers and tensors become INT8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.onnx_models.graph import Graph

ACTIVATIONS = ("Relu", "PRelu", "LeakyRelu", "Clip")


SAME_SCALE = ("MaxPool", "Resize")
"""Operators that only pick or repeat values: what comes out has the scale of what goes in."""


@dataclass(frozen=True)
class Plan:
    """Which tensors are quantized.

    Attributes:
        layers: names of Conv and Gemm nodes that compute in 8 bits.
        tensors: quantized tensors, each with the tensor whose scale it shares (mostly itself).
    """

    layers: tuple[str, ...]
    tensors: dict[str, str]

    @property
    def roots(self) -> list[str]:
        """Tensors that have a scale of their own."""
        return list(dict.fromkeys(self.tensors.values()))


def plan(graph: Graph, float_layers: frozenset[str] = frozenset()) -> Plan:
    """Choose the tensors that get a Q/DQ pair.

    Args:
        graph: a graph from `prepare`.
        float_layers: names of Conv and Gemm nodes that keep float weights and float inputs.
    """
    producers = graph.producers()
    wanted: dict[str, None] = {}
    layers = []
    for node in graph.nodes:
        if node.op_type in ("Conv", "Gemm") and node.name not in float_layers:
            layers.append(node.name)
            wanted[node.input[0]] = None
    todo = list(wanted)
    while todo:
        before = producers.get(todo.pop())
        if before is None or before.op_type not in (*SAME_SCALE, "Add"):
            continue
        for name in before.input[: 2 if before.op_type == "Add" else 1]:
            # The sum with a convolution's own output fuses only if that side stays as it is.
            inner = producers.get(name)
            fuses = before.op_type == "Add" and inner is not None and inner.op_type == "Conv"
            if name not in wanted and name not in graph.constants and not fuses:
                wanted[name] = None
                todo.append(name)
    order = [n for node in graph.nodes for n in node.output if n in wanted]
    inputs = [i.name for i in graph.inputs if i.name in wanted]
    roots: dict[str, str] = {}
    for name in [*inputs, *order]:
        before = producers.get(name)
        shares = before is not None and before.op_type in SAME_SCALE
        roots[name] = roots.get(before.input[0], name) if shares and before else name
    return Plan(tuple(layers), roots)
