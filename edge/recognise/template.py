"""What is known of a track's identity: its best faces, weighted by quality."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.pipeline import unit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from engines.scores.model import ScoreModel

MAX_FACES = 12
HALF_LIFE_S = 6.0
"""Evidence loses half its weight in this time, so that an error can be corrected."""
MERGED_FACES = 4
MERGED_WEIGHT = 0.5
OWN_FACES_TO_JUDGE = 3


@dataclass(slots=True)
class TrackTemplate:
    """The faces of one track.

    Attributes:
        scores: what cosines of this embedder mean.
        vectors: each float32 (dimension,), unit length.
        qualities: the weight of each, 0 to 1.
        norms: length of each embedding before normalisation.
        times_s: when each was seen.
        merged: whether each is of an earlier track of the same person; see `reidentify`.
    """

    scores: ScoreModel
    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    qualities: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    merged: list[bool] = field(default_factory=list)

    @classmethod
    def of_all(cls, templates: Iterable[TrackTemplate]) -> TrackTemplate:
        """Return one template of all faces of several, of which there is at least one."""
        every = list(templates)
        columns = zip(*(template.columns() for template in every), strict=True)
        return cls(every[0].scores, *(list(chain.from_iterable(parts)) for parts in columns))

    def add(self, vector: NDArray[np.float32], norm: float, quality: float, pts_s: float) -> None:
        """Take a face; the weakest one goes when there are too many."""
        self.vectors.append(vector)
        self.norms.append(norm)
        self.qualities.append(max(quality * self.scores.norm_weight(norm), 1e-4))
        self.times_s.append(pts_s)
        self.merged.append(False)
        self._review()
        if len(self.vectors) > MAX_FACES:
            weakest = int(np.argmin(self._weights(pts_s)[:-1]))
            for values in self.columns():
                del values[weakest]

    def merge(self, earlier: TrackTemplate) -> None:
        """Take the best faces of an earlier track of the same person, at a part of their weight.

        Only faces that tell more than the track's own ones: others would blur what is known.
        """
        best = [i for i in np.argsort(earlier.qualities)[::-1] if earlier.norms[i] > self.norm()]
        for i in sorted(map(int, best[:MERGED_FACES]), reverse=True):
            self.vectors.insert(0, earlier.vectors[i])
            self.norms.insert(0, earlier.norms[i])
            self.qualities.insert(0, earlier.qualities[i] * MERGED_WEIGHT)
            self.times_s.insert(0, earlier.times_s[i])
            self.merged.insert(0, True)

    def own(self) -> TrackTemplate:
        """Return the template of this track's own faces."""
        return self._part(merged=False)

    def _part(self, *, merged: bool) -> TrackTemplate:
        chosen = [i for i, lent in enumerate(self.merged) if lent is merged]
        columns = ([column[i] for i in chosen] for column in self.columns())
        return TrackTemplate(self.scores, *columns)

    def _review(self) -> None:
        """Drop merged faces when the track's own ones disagree with them."""
        if not any(self.merged):
            return
        own = self.own()
        if len(own.vectors) < OWN_FACES_TO_JUDGE:
            return
        if float(own.overall() @ self._part(merged=True).overall()) < self.scores.same.disagree:
            kept = [i for i, lent in enumerate(self.merged) if not lent]
            for column in self.columns():
                column[:] = [column[i] for i in kept]

    def columns(self) -> tuple[list[Any], ...]:
        """Return what is known of each face, in the order of the attributes."""
        return self.vectors, self.qualities, self.norms, self.times_s, self.merged

    def is_id_switch(self, vector: NDArray[np.float32], quality: float) -> bool:
        """Return whether a face of this quality cannot be the same person's."""
        if not self.vectors or min(quality, max(self.qualities)) < 0.2:
            return False
        return float(self.mean(self.times_s[-1]) @ vector) < self.scores.same.jump

    def mean(self, pts_s: float) -> NDArray[np.float32]:
        """Return the weighted mean at a time, float32 (dimension,), unit length."""
        return unit(self._total(self._weights(pts_s)))

    @property
    def count(self) -> int:
        """How many faces it has."""
        return len(self.vectors)

    def quality(self) -> float:
        """Return the sum of its faces' qualities."""
        return sum(self.qualities)

    def norm(self) -> float:
        """Return the weighted mean of the norms."""
        return float(np.average(self.norms, weights=self.qualities))

    def overall(self) -> NDArray[np.float32]:
        """Return the mean over the whole track without regard to time, as hindsight allows."""
        return unit(self.total())

    def total(self) -> NDArray[np.float32]:
        """Return the weighted sum over the whole track, float32 (dimension,)."""
        return self._total(np.array(self.qualities))

    def impostor_mean(self, pts_s: float | None = None) -> float:
        """Return the expected cosine of strangers with the mean at a time, or overall."""
        weights = np.array(self.qualities) if pts_s is None else self._weights(pts_s)
        length = float(np.linalg.norm(self._total(weights)) / weights.sum())
        norms = np.array(self.norms)
        return float(self.scores.expected_of_tracks(norms, weights, length))

    def _total(self, weights: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the weighted sum of the faces, float32 (dimension,)."""
        faces = np.stack(self.vectors) * weights.astype(np.float32)[:, None]
        return np.asarray(faces.sum(axis=0))

    def _weights(self, pts_s: float) -> NDArray[np.float64]:
        age = np.maximum(pts_s - np.array(self.times_s), 0.0)
        return np.asarray(np.array(self.qualities) * 0.5 ** (age / HALF_LIFE_S), np.float64)
