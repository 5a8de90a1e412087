"""Choose one scale for each quantized tensor from the values it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from calibration.errors import CalibrationError
from calibration.quantise.prepare import linear_consumers, weights_of
from engines.onnx_models.graph import Graph, integer

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from calibration.quantise.plan import Plan
    from calibration.quantise.ranges import Ranges

Method = Literal["mse", "minmax", "percentile", "entropy"]
METHODS: tuple[Method, ...] = ("mse", "minmax", "percentile", "entropy")
PERCENTILE = 99.99
STEPS = 127
CANDIDATES = np.geomspace(0.05, 1.0, 48)
BINS = 2048


def choose_scales(
    graph: Graph,
    chosen: Plan,
    ranges: dict[str, Ranges],
    method: Method,
    *,
    skip: frozenset[str] = frozenset(),
) -> dict[str, float]:
    """Return the scale of each root of a plan.

    Args:
        graph: the float graph as it will be quantized.
        chosen: from `plan`.
        ranges: of each tensor in `tensors_to_measure`.
        method: `mse` minimises the squared error weighted by what the next layer makes of it;
            `percentile` cuts at 99.99 %, `entropy` at the least Kullback-Leibler divergence.
        skip: roots that have a scale already; they get none here.

    Raises:
        CalibrationError: no such method.
    """
    if method not in METHODS:
        raise CalibrationError(f"method {method!r}: expected one of {', '.join(METHODS)}")
    producers = graph.producers()
    roots = [root for root in chosen.roots if root not in skip]
    return {root: _scale(graph, producers, root, ranges, method) for root in roots}


def tensors_to_measure(graph: Graph, chosen: Plan) -> list[str]:
    """Return the tensors whose ranges `choose_scales` and `equalise` read."""
    producers = graph.producers()
    names: dict[str, None] = {}
    for root in chosen.roots:
        name = behind_flatten(producers, root)
        names[name] = None
        before = producers.get(name)
        if before is not None and before.op_type in ("Relu", "PRelu"):
            names[before.input[0]] = None
    return list(names)


def behind_flatten(producers: dict[str, onnx.NodeProto], name: str) -> str:
    """Return the tensor with channels: what a Flatten flattens, or the tensor itself."""
    before = producers.get(name)
    return before.input[0] if before is not None and before.op_type == "Flatten" else name


def _scale(
    graph: Graph,
    producers: dict[str, onnx.NodeProto],
    root: str,
    ranges: dict[str, Ranges],
    method: Method,
) -> float:
    exact = _picture_step(graph, producers, root)
    if exact is not None:
        return exact
    name = behind_flatten(producers, root)
    act = producers.get(name)
    slope = None
    stored = ranges[name]
    if act is not None and act.op_type == "PRelu":
        # The integer form stores the value before the activation with the same scale.
        slope = graph.constants[act.input[1]].astype(np.float32).ravel()
        stored = ranges[act.input[0]]
    magnitudes = np.abs(stored.samples)
    if method == "minmax":
        return _at_least(float(stored.peaks.max()) / STEPS)
    if method == "percentile":
        return _at_least(float(np.quantile(magnitudes, PERCENTILE / 100)) / STEPS)
    if method == "entropy":
        return _at_least(_entropy_reach(magnitudes) / STEPS)
    return _least_error(stored.samples, slope, sensitivity(graph, name, stored.samples.shape[1]))


def _at_least(scale: float) -> float:
    return max(float(np.float32(scale)), 1e-9)


def _picture_step(graph: Graph, producers: dict[str, onnx.NodeProto], root: str) -> float | None:
    """A centred picture's scale is the step between grey levels: int8 holds it exactly."""
    step, node = 1.0, producers.get(root)
    while node is not None:
        if node.op_type == "Mul":
            step *= float(graph.constants[node.input[1]].ravel()[0])
        elif node.op_type not in ("Sub", "Pad"):
            return None
        if node.input[0] == graph.inputs[0].name:
            return step
        node = producers.get(node.input[0])
    return None


def sensitivity(graph: Graph, name: str, channels: int) -> NDArray[np.float64]:
    """Return float64 (channels,): the sum of squares of the weights that read each channel."""
    total = np.zeros(channels)
    for node in linear_consumers(graph, name) or []:
        squares = weights_of(graph, node)[0] ** 2
        if node.op_type == "Gemm":
            total += squares.sum(axis=0).reshape(channels, -1).sum(axis=1)
        else:
            group = integer(node, "group", 1)
            grouped = squares.reshape(group, len(squares) // group, squares.shape[1], -1)
            total += grouped.sum(axis=(1, 3)).ravel()
    return total if total.any() else np.ones(channels)


def _least_error(
    samples: NDArray[np.float32], slope: NDArray[np.float32] | None, weight: NDArray[np.float64]
) -> float:
    """Return the scale with the least weighted squared error after the activation."""
    top = float(np.abs(samples).max())
    wanted = _activate(samples, slope)
    best = (np.inf, top / STEPS)
    for share in CANDIDATES:
        scale = np.float32(max(share * top / STEPS, 1e-9))
        steps = np.clip(np.rint(samples / scale), -STEPS - 1, STEPS)
        got = np.rint(_activate(steps, slope)) * scale
        error = float((((got - wanted) ** 2).mean(axis=0) * weight).sum())
        best = min(best, (error, float(scale)))
    return best[1]


def _activate(x: NDArray[np.float32], slope: NDArray[np.float32] | None) -> NDArray[np.float32]:
    return x if slope is None else np.where(x > 0, x, slope * x)


def _entropy_reach(magnitudes: NDArray[np.float32]) -> float:
    """Return the cut with the least divergence (Migacz, "8-bit inference with TensorRT", 2017)."""
    # Relu's zeros need no range; they would outweigh everything.
    counts, edges = np.histogram(magnitudes[magnitudes > 0], bins=BINS)
    best = (np.inf, float(edges[-1]))
    for stop in range(128, BINS + 1, 16):
        reference = counts[:stop].astype(np.float64)
        reference[-1] += counts[stop:].sum()
        owner = np.arange(stop) * 128 // stop
        filled = counts[:stop] > 0
        total = np.bincount(owner, counts[:stop], minlength=128)
        share = np.bincount(owner, filled, minlength=128)
        guess = np.where(filled, (total / np.maximum(share, 1))[owner], 0.0)
        p, q = reference / reference.sum(), guess / max(guess.sum(), 1e-12)
        some = p > 0
        divergence = float((p[some] * np.log(p[some] / np.maximum(q[some], 1e-9))).sum())
        best = min(best, (divergence, float(edges[stop])))
    return best[1]
