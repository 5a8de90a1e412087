"""What values a network's tensors take on real pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from engines.onnx_models.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

POSITIONS = 16
"""Places of a feature map that are kept of each picture, the same for all its channels."""


@dataclass(frozen=True)
class Ranges:
    """Values that one tensor took.

    Attributes:
        samples: float32 (n, channels), at random places of all pictures.
        peaks: float32 (pictures, channels), the largest magnitude of each picture.
    """

    samples: NDArray[np.float32]
    peaks: NDArray[np.float32]

    def scaled(self, factor: NDArray[np.float64]) -> Ranges:
        """Return the ranges of the tensor whose channels were multiplied by a factor."""
        whole = factor.astype(np.float32)
        return Ranges(self.samples * whole, self.peaks * np.abs(whole))


def session_with_outputs(graph: Graph, names: list[str]) -> ort.InferenceSession:
    """Return a session that yields these inner tensors in float32."""
    view = Graph(
        graph.nodes,
        graph.constants,
        graph.inputs,
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names],
        graph.domains,
    )
    options = ort.SessionOptions()
    options.log_severity_level = 3
    # One thread adds in one order: the same pictures give the same ranges to the last bit.
    options.intra_op_num_threads = 1
    data = view.model(check=False).SerializeToString()
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def measure_ranges(
    graph: Graph,
    names: list[str],
    pictures: Iterable[NDArray[np.float32]],
    *,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Ranges]:
    """Run pictures through a float graph and keep samples of these tensors.

    Args:
        graph: the float graph.
        names: tensors (1, channels, height, width) or (1, channels).
        pictures: network inputs, each float32 (1, 3, height, width).
        seed: of the places that are sampled.
        progress: called after each picture.
    """
    session = session_with_outputs(graph, names)
    random = np.random.default_rng(seed)
    samples: dict[str, list[NDArray[np.float32]]] = {n: [] for n in names}
    peaks: dict[str, list[NDArray[np.float32]]] = {n: [] for n in names}
    for picture in pictures:
        for name, value in zip(
            names, session.run(None, {graph.inputs[0].name: picture}), strict=True
        ):
            flat = value.reshape(value.shape[1], -1)
            where = random.integers(0, flat.shape[1], POSITIONS)
            samples[name].append(flat[:, where].T)
            peaks[name].append(np.abs(flat).max(axis=1))
        progress()
    return {n: Ranges(np.concatenate(samples[n]), np.stack(peaks[n])) for n in names}
