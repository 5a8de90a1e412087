"""How much each layer loses in 8 bits: quantize all but one and see what that gains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import onnxruntime as ort

from calibration.qdq import plan, write_qdq
from calibration.scales import choose_scales
from engines.fetch import write_atomically
from engines.integer_form import integer_form, machine_offsets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import onnx
    from numpy.typing import NDArray

    from calibration.ranges import Ranges
    from calibration.scales import Method
    from engines.graph import Graph

PICTURES = 48


def sweep(
    graph: Graph,
    ranges: dict[str, Ranges],
    method: Method,
    inputs: list[NDArray[np.float32]],
    kept: Path,
    stage: Callable[[str, int], Callable[[], None]],
) -> dict[str, float]:
    """Return by layer how much the relative output error falls when it alone stays in float.

    Args:
        graph: the equalised float graph.
        ranges: of its tensors.
        method: for the scales.
        inputs: network inputs; the first 48 are used.
        kept: a file with the results so far; a run that was killed goes on behind them.
        stage: shows progress.
    """
    done = msgspec.json.decode(kept.read_bytes(), type=dict[str, float]) if kept.is_file() else {}
    layers = plan(graph).layers
    inputs = inputs[:PICTURES]
    step = stage("sensitivity", len(layers) + 1)
    wanted = _outputs(graph.model(), inputs)
    for layer in ("", *layers):
        if layer not in done:
            chosen = plan(graph, frozenset({layer} - {""}))
            model = write_qdq(graph, chosen, choose_scales(graph, chosen, ranges, method))
            done[layer] = _error(wanted, _outputs(integer_form(model, machine_offsets()), inputs))
            write_atomically(kept, msgspec.json.encode(done))
        step()
    return {layer: done[""] - done[layer] for layer in layers}


def _outputs(
    model: onnx.ModelProto, inputs: list[NDArray[np.float32]]
) -> list[list[NDArray[np.float32]]]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return [session.run(None, {name: picture}) for picture in inputs]


def _error(
    wanted: list[list[NDArray[np.float32]]], found: list[list[NDArray[np.float32]]]
) -> float:
    """Return the mean over pictures and outputs of |found - wanted| / |wanted|."""
    shares = [
        np.linalg.norm(b - a) / max(float(np.linalg.norm(a)), 1e-9)
        for one, other in zip(wanted, found, strict=True)
        for a, b in zip(one, other, strict=True)
    ]
    return float(np.mean(shares))
