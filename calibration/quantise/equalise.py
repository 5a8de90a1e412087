"""Even out the channels of a tensor, so that one scale fits all of them.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019:
Relu and PRelu commute with positive factors, so a channel can be divided by k before the
activation and the next layer's weights multiplied by k, and the network stays the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from calibration.quantise.prepare import linear_consumers, scale_inputs, scale_outputs, weights_of
from engines.onnx_models.graph import Graph, integer

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from calibration.quantise.ranges import Ranges


Factors = dict[str, tuple[float, ...]]
"""By the output of a Conv, by what each of its channels is divided."""
DIGITS = 3
"""Factors are rounded to this many digits: they are kept as text, and any value would do."""


def equalise(graph: Graph, ranges: dict[str, Ranges], strength: float) -> Factors:
    """Even out every Conv -> activation -> Conv or Gemm, in place, ranges too.

    Args:
        graph: a graph from `prepare`.
        ranges: of the activations' inputs and outputs.
        strength: how much of a channel's range moves into a layer that mixes channels, 0 to 1.
            A depthwise layer has a weight scale per channel, so there all of it moves for free.

    Returns:
        by the Conv's output, by what each of its channels was divided; for `divide_channels`.
    """
    consumers = graph.consumers()
    factors: Factors = {}
    for conv in graph.nodes:
        if conv.op_type != "Conv":
            continue
        names = _homogeneous(consumers, conv.output[0])
        behind = linear_consumers(graph, names[-1])
        if not behind or names[-1] not in ranges:
            continue
        depthwise = all(is_depthwise(graph, n) for n in behind)
        factor = channel_factors(ranges[names[-1]], 1.0 if depthwise else strength)
        factors[conv.output[0]] = tuple(float(f"{f:.{DIGITS}g}") for f in factor)
        for name in names:
            if name in ranges:
                ranges[name] = ranges[name].scaled(1 / np.array(factors[conv.output[0]]))
    divide_channels(graph, factors)
    return factors


def divide_channels(graph: Graph, factors: Factors) -> None:
    """Divide the channels of Convs, and multiply the weights behind them; the output stays."""
    consumers, producers = graph.consumers(), graph.producers()
    for output, values in factors.items():
        factor = np.array(values, np.float64)
        scale_outputs(graph, producers[output], 1 / factor, with_bias=True)
        for node in linear_consumers(graph, _homogeneous(consumers, output)[-1]) or []:
            scale_inputs(graph, node, factor)


def _homogeneous(consumers: dict[str, list[onnx.NodeProto]], name: str) -> list[str]:
    """Return a tensor and those behind it to which a positive factor passes unchanged."""
    names = [name]
    while len(readers := consumers.get(names[-1], [])) == 1:
        if readers[0].op_type not in ("Relu", "PRelu", "MaxPool"):
            break
        names.append(readers[0].output[0])
    return names


def is_depthwise(graph: Graph, node: onnx.NodeProto) -> bool:
    """Return whether each output channel reads one input channel of its own."""
    weight, _ = weights_of(graph, node)
    return node.op_type == "Conv" and integer(node, "group", 1) == weight.shape[0] > 1


def channel_factors(ranges: Ranges, strength: float) -> NDArray[np.float64]:
    """Return float64 (channels,): each channel's range over their geometric mean."""
    reach = np.quantile(np.abs(ranges.peaks.astype(np.float64)), 0.95, axis=0)
    reach = np.maximum(reach, max(1e-3 * float(reach.max()), 1e-9))
    power = np.exp(strength * (np.log(reach) - np.log(reach).mean()))
    return np.asarray(np.clip(power, 1 / 64, 64))
