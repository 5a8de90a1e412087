"""What is known of a track's identity: its best faces, weighted by quality."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from engines.faces import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_FACES = 12
HALF_LIFE_S = 6.0
"""Evidence loses half its weight in this time, so that an error can be overturned."""
SAME_FACE_COSINE = 0.15
"""A good face less like the template than this is another person's: the track has jumped."""


def norm_weight(norm: float) -> float:
    """Return the weight, 0 to 1, of an embedding of this norm: it tells the quality best of all."""
    return min(max((norm - 5.0) / 8.0, 0.05), 1.0) ** 2


@dataclass(slots=True)
class TrackTemplate:
    """The faces of one track.

    Attributes:
        vectors: each float32 (dimension,), unit length.
        qualities: the weight of each, 0 to 1.
        norms: length of each embedding before normalisation.
        times_s: when each was seen.
        best_quality: of all faces seen, also of those not embedded.
    """

    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    qualities: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)

    def add(self, vector: NDArray[np.float32], norm: float, quality: float, pts_s: float) -> None:
        """Take a face; the weakest one goes when there are too many."""
        self.vectors.append(vector)
        self.norms.append(norm)
        self.qualities.append(max(quality * norm_weight(norm), 1e-4))
        self.times_s.append(pts_s)
        if len(self.vectors) > MAX_FACES:
            weakest = int(np.argmin(self._weights(pts_s)[:-1]))
            for values in (self.vectors, self.norms, self.qualities, self.times_s):
                del values[weakest]

    def contradicts(self, vector: NDArray[np.float32], quality: float) -> bool:
        """Return whether a face of this quality cannot be the same person's."""
        if not self.vectors or min(quality, max(self.qualities)) < 0.2:
            return False
        return float(self.mean(self.times_s[-1]) @ vector) < SAME_FACE_COSINE

    def mean(self, pts_s: float) -> NDArray[np.float32]:
        """Return the weighted mean at a time, float32 (dimension,), unit length."""
        weights = self._weights(pts_s).astype(np.float32)
        return unit((np.stack(self.vectors) * weights[:, None]).sum(axis=0))

    def norm(self) -> float:
        """Return the weighted mean of the norms."""
        return float(np.average(self.norms, weights=self.qualities))

    def overall(self) -> NDArray[np.float32]:
        """Return the mean over the whole track without regard to time, as hindsight allows."""
        weights = np.array(self.qualities, np.float32)
        return unit((np.stack(self.vectors) * weights[:, None]).sum(axis=0))

    def _weights(self, pts_s: float) -> NDArray[np.float64]:
        age = np.maximum(pts_s - np.array(self.times_s), 0.0)
        return np.asarray(np.array(self.qualities) * 0.5 ** (age / HALF_LIFE_S), np.float64)
