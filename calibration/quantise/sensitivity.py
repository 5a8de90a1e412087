"""How much each layer loses in 8 bits: quantize all but one and see what that gains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import onnxruntime as ort

from calibration.quantise.plan import plan
from calibration.quantise.qdq import write_qdq
from calibration.quantise.scales import choose_scales
from engines.detector import STRIDES_PX
from engines.files import write_atomically
from engines.onnx_models.integer_ops import integer_form, machine_offsets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import onnx
    from numpy.typing import NDArray

    from calibration.quantise.ranges import Ranges
    from calibration.quantise.scales import Method
    from engines.onnx_models.graph import Graph

    Outputs = Mapping[str, NDArray[np.float32]]
    Error = Callable[[Outputs, Outputs], float]

PICTURES = 48
FACE_SCORE = 0.5


def sweep(
    graph: Graph,
    ranges: dict[str, Ranges],
    method: Method,
    inputs: list[NDArray[np.float32]],
    error: Error,
    kept: Path,
    stage: Callable[[str, int], Callable[[], None]],
) -> dict[str, float]:
    """Return by layer how much the relative output error falls when it alone stays in float.

    Args:
        graph: the equalised float graph.
        ranges: of its tensors.
        method: for the scales.
        inputs: network inputs; the first 48 are used.
        error: compares the outputs for one picture, FP32 first.
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
            done[layer] = _mean(
                error, wanted, _outputs(integer_form(model, machine_offsets()), inputs)
            )
            write_atomically(kept, msgspec.json.encode(done))
        step()
    return {layer: done[""] - done[layer] for layer in layers}


def _outputs(model: onnx.ModelProto, inputs: list[NDArray[np.float32]]) -> list[Outputs]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [o.name for o in session.get_outputs()]
    data = session.get_inputs()[0].name
    return [
        dict(zip(names, session.run(names, {data: picture}), strict=True)) for picture in inputs
    ]


def _mean(error: Error, wanted: list[Outputs], found: list[Outputs]) -> float:
    return float(np.mean([error(a, b) for a, b in zip(wanted, found, strict=True)]))


def embedding_error(wanted: Outputs, found: Outputs) -> float:
    """Return 1 - cosine, averaged over the outputs."""
    angles = [
        1 - float((a * found[n]).sum() / (np.linalg.norm(a) * np.linalg.norm(found[n]) + 1e-12))
        for n, a in wanted.items()
    ]
    return float(np.mean(angles))


def face_error(wanted: Outputs, found: Outputs) -> float:
    """Return how far landmarks and scores are off in the cells where FP32 sees a face.

    Landmarks count in distances between the eyes; 0.01 of score counts as 1 % of that.
    """
    errors = []
    for stride in STRIDES_PX:
        cls, obj = f"cls_{stride}", f"obj_{stride}"
        score, other = (
            np.sqrt(np.clip(o[cls][0, :, 0], 0, 1) * np.clip(o[obj][0, :, 0], 0, 1))
            for o in (wanted, found)
        )
        seen = score >= FACE_SCORE
        a, b = (o[f"kps_{stride}"][0, seen].reshape(-1, 5, 2) for o in (wanted, found))
        eyes = np.maximum(np.linalg.norm(a[:, 0] - a[:, 1], axis=1), 1e-3)
        shift = np.linalg.norm(a - b, axis=2).mean(axis=1) / eyes
        errors += list(shift + np.abs(score - other)[seen])
    return float(np.mean(errors)) if errors else 0.0
