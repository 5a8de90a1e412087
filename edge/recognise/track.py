"""Tracks: the same face from frame to frame, by place alone.

ByteTrack's two rounds (Zhang et al. 2022): sure detections are assigned first and may begin a
track; weak ones only carry on a track that has lost its face. See ADR 5 for why it is our own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edge.recognise.assign import assign

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engines.detections import Detections

SURE_SCORE = 0.6
MAX_DISTANCE = 1.0
"""A face moves at most its own size between two detections; anything further is another face."""
MAX_SIZE_RATIO = 1.8
FORBIDDEN = 1e6
"""The cost of an impossible pair; more than all possible ones together."""
MAX_LOST_S = 1.0
MIN_HITS = 2
"""A track seen only once is not shown in a video: detectors err in single frames."""


@dataclass(slots=True)
class Track:
    """One face over time, within one shot.

    Attributes:
        number: unique in a session.
        xyxy_px: float32 (4,), the box in the last frame where it was seen.
        velocity_px_s: float32 (4,), of the box's edges.
        score: the detector's, of the last detection.
        first_s, last_s: when it was first and last seen.
        hits: number of detections.
        residual: how far the last detection was from the prediction, in units of the face's size.
    """

    number: int
    xyxy_px: NDArray[np.float32]
    first_s: float
    last_s: float
    score: float
    velocity_px_s: NDArray[np.float32] = field(default_factory=lambda: np.zeros(4, np.float32))
    hits: int = 1
    residual: float = 1.0

    @property
    def side_px(self) -> float:
        """The shorter side of its box, at least 1."""
        return max(float((self.xyxy_px[2:] - self.xyxy_px[:2]).min()), 1.0)

    def at(self, pts_s: float) -> NDArray[np.float32]:
        """Return the box, float32 (4,), moved on to a time at constant velocity."""
        ahead = min(max(pts_s - self.last_s, 0.0), 0.3)
        return np.asarray(self.xyxy_px + self.velocity_px_s * ahead, np.float32)

    def see(self, xyxy_px: NDArray[np.float32], score: float, pts_s: float) -> None:
        """Take a new detection."""
        elapsed = pts_s - self.last_s
        off_px = np.abs(xyxy_px - self.at(pts_s)).max()
        if elapsed > 0:
            velocity = (xyxy_px - self.xyxy_px) / elapsed
            # both edges of an axis share a velocity: a box does not grow by itself
            shared = (velocity[:2] + velocity[2:]) / 2
            self.velocity_px_s = np.asarray(
                0.5 * self.velocity_px_s + 0.5 * np.tile(shared, 2), np.float32
            )
        self.xyxy_px, self.score, self.last_s = xyxy_px, score, pts_s
        self.residual = float(off_px / self.side_px)
        self.hits += 1


class Tracker:
    """Assigns detections to tracks."""

    def __init__(self, *, max_lost_s: float = MAX_LOST_S) -> None:
        self.tracks: list[Track] = []
        self._max_lost_s = max_lost_s
        self._next = 0

    def reset(self) -> None:
        """Forget all tracks, as at a cut; numbers go on."""
        self.tracks = []

    def drop(self, number: int) -> None:
        """Give a track up."""
        self.tracks = [t for t in self.tracks if t.number != number]

    def reserve(self, count: int) -> int:
        """Return the first of this many numbers that no track here will have."""
        first, self._next = self._next, self._next + count
        return first

    def renumber(self, track: Track) -> Track:
        """Put a new track, with its own number, in the place of one that jumped."""
        renewed = Track(self._next, track.xyxy_px, track.last_s, track.last_s, track.score, hits=2)
        self._next += 1
        self.tracks = [renewed if t is track else t for t in self.tracks]
        return renewed

    def update(self, faces: Detections, pts_s: float) -> list[tuple[Track, int]]:
        """Take a frame's detections; return each seen track with the index of its detection."""
        sure = np.flatnonzero(faces.scores >= SURE_SCORE)
        weak = np.flatnonzero(faces.scores < SURE_SCORE)
        seen: list[tuple[Track, int]] = []
        free = list(self.tracks)
        for group in (sure, weak):
            pairs = _assign([track.at(pts_s) for track in free], faces.xyxy_px[group])
            taken = {row for row, _ in pairs}
            seen += [(free[row], int(group[col])) for row, col in pairs]
            free = [track for row, track in enumerate(free) if row not in taken]
        for track, index in seen:
            track.see(faces.xyxy_px[index], float(faces.scores[index]), pts_s)
        used = {index for _, index in seen}
        seen += [(self._begin(faces, i, pts_s), i) for i in sure.tolist() if i not in used]
        self.tracks = [t for t in self.tracks if pts_s - t.last_s <= self._max_lost_s]
        return seen

    def _begin(self, faces: Detections, index: int, pts_s: float) -> Track:
        track = Track(self._next, faces.xyxy_px[index], pts_s, pts_s, float(faces.scores[index]))
        self._next += 1
        self.tracks.append(track)
        return track


def _assign(
    expected: list[NDArray[np.float32]], found: NDArray[np.float32]
) -> list[tuple[int, int]]:
    """Return (row, column) pairs of boxes that are the same face, at the least total distance."""
    if not expected or not len(found):
        return []
    boxes = np.stack(expected)
    size_a, size_b = (np.sqrt(_area(b)) for b in (boxes, found))
    apart = np.linalg.norm(_centre(boxes)[:, None] - _centre(found)[None], axis=-1)
    larger = np.maximum(size_a[:, None], size_b[None])
    smaller = np.maximum(np.minimum(size_a[:, None], size_b[None]), 1e-6)
    cost = apart / larger + 0.5 * np.log(larger / smaller)
    allowed = (apart <= MAX_DISTANCE * larger) & (larger <= MAX_SIZE_RATIO * smaller)
    return [pair for pair in assign(np.where(allowed, cost, FORBIDDEN)) if allowed[pair]]


def _centre(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((xyxy[:, :2] + xyxy[:, 2:]) / 2, np.float32)


def _area(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0).prod(axis=1), np.float32)
