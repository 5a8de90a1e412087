"""Let what is seldom negative use most of the 256 steps of a signed byte.

Behind PRelu values reach far up and little down, yet zero point 0, the only one that TensorRT
takes, leaves as many steps for both. Here whole steps are taken away behind PRelu; the 1x1
convolutions and the Gemm that read the tensor add to their bias what they miss. A layer that reads
padding would miss them there, so its inputs stay as they are. (`full_range.py` does it for Relu.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from calibration.quantise.full_range import is_1x1
from calibration.quantise.prepare import exact_sums, linear_consumers, set_bias, weights_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx
    from numpy.typing import NDArray

    from calibration.quantise.plan import Plan
    from engines.onnx_models.graph import Graph


def may_shift(graph: Graph, act: onnx.NodeProto) -> bool:
    """Return whether no layer that reads this PRelu's output reads padding with it."""
    behind = linear_consumers(graph, act.output[0]) if act.op_type == "PRelu" else None
    return bool(behind) and all(n.op_type == "Gemm" or is_1x1(graph, n) for n in behind or [])


def take_steps(
    graph: Graph,
    chosen: Plan,
    scales: dict[str, float],
    shifts: dict[str, int],
    rounded: Callable[[onnx.NodeProto], NDArray[np.float64]],
) -> None:
    """Put a Sub behind PRelus of a float graph that is about to be quantized.

    Args:
        graph: changed.
        chosen: from `plan`.
        scales: of the roots of the plan.
        shifts: by root, how many steps are taken away; roots that are not in the plan are skipped.
        rounded: gives a layer's weight as its 8 bits will have it, float64 (outputs, ...).
    """
    for root in chosen.roots:
        if not (steps := shifts.get(root, 0)):
            continue
        producers = graph.producers()
        act = producers[root]
        while act.op_type == "Flatten":
            act = producers[act.input[0]]
        assert may_shift(graph, act), root
        name, offset = act.output[0], steps * float(np.float32(scales[root]))
        for node in linear_consumers(graph, name) or []:
            missing = exact_sums(rounded(node)) * offset
            set_bias(graph, node, weights_of(graph, node)[1] + missing)
        act.output[0] = f"{name}.whole"
        graph.constants[f"{name}.steps"] = np.full((1,), offset, np.float32)
        sub = helper.make_node("Sub", [act.output[0], f"{name}.steps"], [name], f"{name}.sub")
        graph.nodes.insert(graph.nodes.index(act) + 1, sub)
