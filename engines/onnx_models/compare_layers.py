"""Where two forms of one network drift apart, layer by layer, with NVIDIA's Polygraphy.

Polygraphy runs both graphs in ONNX Runtime with every tensor as an output and its Comparator pairs
them by name. Calibration multiplies channels by factors and shifts them, and the network stays the
same: so a layer is judged by the correlation of each of its channels, which neither changes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from engines.errors import EngineError
from engines.onnx_models.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx
    from numpy.typing import NDArray

TOLERANCE = 0.1
"""The median channel of a layer may lose this much correlation; rounding costs below 0.07."""
TAIL, TAIL_TOLERANCE = 0.97, 0.5
"""Three channels in a hundred may lose this; rounding costs below 0.3, a single channel all."""
FLAT = 1e-6
DETECTOR_SIDES_PX = (192, 320)
MISSING = (
    "Polygraphy is not installed, expected for the comparison of layers; "
    f"run {sys.executable} -m pip install polygraphy onnx-graphsurgeon"
)


class PolygraphyMissingError(EngineError):
    """The optional library is not here."""

    exit_code = 2


@dataclass(frozen=True)
class Layer:
    """A layer that both graphs have.

    Attributes:
        tensor: its output.
        operator: of the first graph, e.g. `Conv`.
        drift: 1 minus the correlation of its median channel in both graphs.
        tail: the same of the channel that three in a hundred are worse than.
        drifted: whether one of them is more than its tolerance.
    """

    tensor: str
    operator: str
    drift: float
    tail: float
    drifted: bool


def smooth_pictures(model: onnx.ModelProto, count: int = 2) -> list[dict[str, NDArray[np.float32]]]:
    """Return inputs for a network: coarse noise made smooth, 0 to 255, as pictures are.

    Raises:
        EngineError: the network does not take one picture.
    """
    data, *others = Graph.of(model).inputs
    sides = [d.dim_value for d in data.type.tensor_type.shape.dim[2:]]
    if others or len(sides) != 2:
        raise EngineError(
            f"{model.graph.name}: {1 + len(others)} inputs, the first of {2 + len(sides)} axes, "
            "expected one picture; compare a detector or an embedder of faces"
        )
    height, width = (s or free for s, free in zip(sides, DETECTOR_SIDES_PX, strict=True))
    random = np.random.default_rng(0)
    feeds = []
    for _ in range(count):
        coarse = random.uniform(0, 255, (8, 8, 3)).astype(np.float32)
        bgr = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        planes = np.clip(np.rint(bgr), 0, 255).transpose(2, 0, 1)[None]
        feeds.append({data.name: np.ascontiguousarray(planes, np.float32)})
    return feeds


def compare_layers(
    first: onnx.ModelProto,
    second: onnx.ModelProto,
    feeds: Sequence[Mapping[str, NDArray[np.float32]]],
    tolerance: float = TOLERANCE,
) -> list[Layer]:
    """Run two graphs and compare each layer that both have, in the order of the first.

    Args:
        first: the reference, e.g. FP32.
        second: e.g. Q/DQ INT8.
        feeds: inputs by name.
        tolerance: of `Layer.drift`; that of `Layer.tail` is fixed.

    Raises:
        PolygraphyMissingError: the optional library is not installed.
        EngineError: the graphs have no layer in common.
    """
    try:
        from polygraphy.comparator import Comparator  # noqa: PLC0415
        from polygraphy.logger import G_LOGGER  # noqa: PLC0415
    except ImportError as error:
        raise PolygraphyMissingError(MISSING) from error
    inside = _layers(second)
    common = {name: kind for name, kind in _layers(first).items() if name in inside}
    if not common:
        raise EngineError("the two graphs: no layer of the same name, expected forms of one model")
    found = dict.fromkeys(common, (0.0, 0.0))

    def drifted(name: str) -> bool:
        return found[name][0] > tolerance or found[name][1] > TAIL_TOLERANCE

    def judge(one: Any, other: Any) -> dict[str, bool]:
        for name in common:
            median, tail = channel_drift(one[name], other[name])
            found[name] = max(found[name][0], median), max(found[name][1], tail)
        return {name: not drifted(name) for name in common}

    with G_LOGGER.verbosity(G_LOGGER.CRITICAL):
        runners = [_runner(model, list(common)) for model in (first, second)]
        results = Comparator.run(runners, data_loader=[dict(feed) for feed in feeds])
        Comparator.compare_accuracy(results, compare_func=judge)
    return [Layer(name, kind, *found[name], drifted(name)) for name, kind in common.items()]


def channel_drift(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, float]:
    """Return 1 minus the correlation, between two forms, of a layer's median channel and its tail.

    Args:
        one: float32 (1, channels, ...), or without places, when all is one channel.
        other: of the same shape.
    """
    rows = one.shape[1] if one.ndim == 4 else 1
    a, b = (x.astype(np.float64).reshape(rows, -1) for x in (one, other))
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    size = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    lively = np.linalg.norm(a, axis=1) > FLAT * max(1.0, float(np.abs(one).max()))
    if not lively.any():
        return 0.0, 0.0
    drift = 1 - np.abs((a * b).sum(axis=1)[lively]) / np.maximum(size[lively], 1e-12)
    return float(np.median(drift)), float(np.quantile(drift, TAIL, method="lower"))


def _layers(model: onnx.ModelProto) -> dict[str, str]:
    """Return the operator by output of the layers that compute, in order."""
    kinds = ("Conv", "Gemm", "BatchNormalization")
    return {n.output[0]: n.op_type for n in model.graph.node if n.op_type in kinds}


def _runner(model: onnx.ModelProto, outputs: list[str]) -> Any:
    from polygraphy.backend.onnx import BytesFromOnnx, ModifyOutputs  # noqa: PLC0415
    from polygraphy.backend.onnxrt import OnnxrtRunner, SessionFromOnnx  # noqa: PLC0415

    marked = ModifyOutputs(model, outputs=outputs, copy=True)
    return OnnxrtRunner(SessionFromOnnx(BytesFromOnnx(marked)))
