"""In which frames a face is shown, and where: one box for one face."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge.offline.film.face import FollowedFace

SAME_PLACE = 0.4
"""Two boxes that overlap this much show one face, which one of them has lost."""


@dataclass(frozen=True, slots=True)
class Place:
    """A face's boxes.

    Attributes:
        face: whose.
        frames: intp (k,), rising, places in the shot.
        boxes: float32 (k, 4).
    """

    face: FollowedFace
    frames: NDArray[np.intp]
    boxes: NDArray[np.float32]

    @classmethod
    def of(cls, face: FollowedFace, times_s: NDArray[np.float64]) -> Place:
        """Return where a face is in the frames of these times."""
        shown, boxes = face.places(times_s)
        return cls(face, np.arange(shown.start, shown.stop), boxes)

    def seen(self, times_s: NDArray[np.float64]) -> set[int]:
        """Return the frames between its first and its last detection."""
        at_s, known = times_s[self.frames], self.face.times_s
        return set(self.frames[(at_s >= known[0]) & (at_s <= known[-1])].tolist())

    def without(self, frames: NDArray[np.intp]) -> Place:
        """Return the same face, not shown in some frames."""
        kept = ~np.isin(self.frames, frames)
        return replace(self, frames=self.frames[kept], boxes=self.boxes[kept])


def without_doubles(places: Sequence[Place], times_s: NDArray[np.float64]) -> list[Place]:
    """Return the places less those where another face, found closer in time, is shown already.

    Args:
        places: of the faces of a shot.
        times_s: float64 (n,), of its frames.
    """
    kept = list(places)
    for i, j in combinations(range(len(kept)), 2):
        one, other = kept[i], kept[j]
        both, at_one, at_other = np.intersect1d(
            one.frames, other.frames, assume_unique=True, return_indices=True
        )
        same = _overlaps(one.boxes[at_one], other.boxes[at_other]) > SAME_PLACE
        if not same.any():
            continue
        frames = both[same]
        nearer = _since(one.face, times_s[frames]) <= _since(other.face, times_s[frames])
        kept[i], kept[j] = one.without(frames[~nearer]), other.without(frames[nearer])
    return kept


def _since(face: FollowedFace, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each time is from the nearest detection of a face, seconds."""
    known = np.array(face.times_s)
    return np.asarray(np.abs(times_s[:, None] - known[None]).min(axis=1))


def _overlaps(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the intersection over union of each pair of boxes, float32 (n,)."""
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1)
    return np.asarray(shared / np.maximum(areas - shared, 1e-9), np.float32)
