"""SFace and its kin: an aligned face to a unit vector.

Zhong et al., "SFace: sigmoid-constrained hypersphere loss for robust face recognition", 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engines.align import CHIP_SIZE_PX
from engines.errors import ModelShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engines.engine import Engine

MAX_BATCH = 16


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The embeddings of some faces.

    Attributes:
        vectors: float32 (n, dimension), each of length 1.
        norms: float32 (n,), the lengths before normalisation; a weak sign of quality.
    """

    vectors: NDArray[np.float32]
    norms: NDArray[np.float32]


class Embedder:
    """Embeds aligned faces in batches.

    Args:
        engine: a model with the input `data`, (N, 3, 112, 112), 0 to 255.
        dimension: the embedding's length.
        colour_order: what the network takes, `rgb` or `bgr`.
        max_batch: faces in one run of the model.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        dimension: int = 128,
        colour_order: str = "rgb",
        max_batch: int = MAX_BATCH,
    ) -> None:
        self._engine = engine
        self.dimension = dimension
        self._flip = colour_order == "rgb"
        self._max_batch = max_batch

    @property
    def kind(self) -> str:
        """What runs the model."""
        return self._engine.kind

    def embed(self, chips_bgr: NDArray[np.uint8]) -> Embeddings:
        """Return the unit vectors of aligned faces.

        Args:
            chips_bgr: uint8 (n, 112, 112, 3), BGR, aligned to the ArcFace template.

        Raises:
            ModelShapeError: the chips have another shape or dtype.
        """
        side = CHIP_SIZE_PX
        if chips_bgr.shape[1:] != (side, side, 3) or chips_bgr.dtype != np.uint8:
            raise ModelShapeError(
                f"chips: {chips_bgr.dtype} {list(chips_bgr.shape)}, "
                f"expected uint8 [n, {side}, {side}, 3] BGR"
            )
        if not len(chips_bgr):
            return Embeddings(np.zeros((0, self.dimension), np.float32), np.zeros(0, np.float32))
        ordered = chips_bgr[..., ::-1] if self._flip else chips_bgr
        planes = np.ascontiguousarray(ordered.transpose(0, 3, 1, 2), dtype=np.float32)
        raw = np.concatenate(
            [
                self._run(planes[i : i + self._max_batch])
                for i in range(0, len(planes), self._max_batch)
            ]
        )
        norms = np.linalg.norm(raw, axis=1)
        return Embeddings(raw / np.maximum(norms, 1e-9)[:, None], norms)

    def _run(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        (output,) = self._engine.run({"data": planes}).values()
        return output


def embed_looks(embedder: Embedder, looks: Sequence[NDArray[np.uint8]]) -> Embeddings:
    """Return the embedding of each face: of one that was cut out twice, the mean of both.

    Its norm is the mean of both norms, not the length of their mean: what a norm tells of a face
    was learned from single ones.

    Args:
        embedder: compares faces.
        looks: the chips of each face, uint8 (1 or 2, 112, 112, 3), BGR.

    Raises:
        ModelShapeError: the chips have another shape or dtype.
    """
    every = embedder.embed(np.concatenate(looks))
    counts = np.array([len(chips) for chips in looks])
    begins = np.cumsum(counts) - counts
    vectors = every.vectors[begins]
    sums = np.add.reduceat(every.vectors, begins)[counts > 1]
    vectors[counts > 1] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    norms = np.add.reduceat(every.norms, begins) / counts
    return Embeddings(vectors, norms.astype(np.float32))
