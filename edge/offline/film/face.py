"""One face of a shot: where it was found, where it is between, and its best views."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edge.offline.film.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from edge.recognise.evidence import TrackState

ROUNDING_S = 0.004
DAMPING = 0.5
"""Where a face was not found it is taken to move at this part of its speed."""
MEETING_S = 0.3
"""Two faces that were in one place within this long may have been taken for each other."""
REACH_S = 0.2
"""A face is shown at most this long before it was first found and after it was last found."""


@dataclass(slots=True)
class FollowedFace:
    """A track with hindsight.

    Attributes:
        state: what is known of it.
        before_s: up to when it was not there; -inf where the shot began with it.
        times_s, boxes, scores: of each detection, in order; boxes float32 (4,).
        views: what may be embedded.
    """

    state: TrackState
    before_s: float
    times_s: list[float] = field(default_factory=list)
    boxes: list[NDArray[np.float32]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    until_s: float = float("inf")
    views: Views = field(default_factory=Views)

    @property
    def seen_s(self) -> float:
        """How long it was seen, parts of its shot that are over included."""
        return self.times_s[-1] - self.state.track.first_s

    def found(self, pts_s: float, box: NDArray[np.float32], score: float) -> None:
        """Take a detection, later than the last one."""
        if self.times_s and pts_s <= self.times_s[-1]:
            return
        self.times_s.append(pts_s)
        self.boxes.append(box)
        self.scores.append(score)

    def stayed(self, pass_s: float, calm_s: float) -> None:
        """Take that nothing has moved between a pass that found it and a later time."""
        if self.times_s[-1] == pass_s < calm_s:
            self.found(calm_s, self.boxes[-1], self.scores[-1])

    def places(self, times_s: NDArray[np.float64]) -> tuple[range, NDArray[np.float32]]:
        """Return in which frames the face is shown, and its boxes there, float32 (k, 4).

        It is shown a little longer than it was found, as in a live picture: who turns away is
        still there. Before it was found it is shown from half way to the pass that did not.

        Args:
            times_s: float64 (n,), of all frames of the shot, rising.
        """
        first_s, last_s = self.times_s[0], self.times_s[-1]
        start_s = first_s - min(REACH_S, max(first_s - self.before_s, 0.0) / 2)
        shown = range(
            int(np.searchsorted(times_s, start_s - ROUNDING_S, "left")),
            int(np.searchsorted(times_s, min(last_s + REACH_S, self.until_s), "right")),
        )
        wanted = times_s[shown.start : shown.stop]
        known, boxes = np.array(self.times_s), np.stack(self.boxes)
        between = np.stack([np.interp(wanted, known, boxes[:, i]) for i in range(4)], axis=1)
        early_s, late_s = np.minimum(wanted - first_s, 0), np.maximum(wanted - last_s, 0)
        moved = early_s[:, None] * self._speed(0) + late_s[:, None] * self._speed(-1)
        return shown, (between + np.tile(moved, 2)).astype(np.float32)

    def _speed(self, end: int) -> NDArray[np.float64]:
        """Return how fast its middle moved at the start (0) or the end (-1), float64 (2,)."""
        if len(self.times_s) < 2:
            return np.zeros(2)
        a, b = (0, 1) if end == 0 else (-2, -1)
        middle = (self.boxes[b] - self.boxes[a]).reshape(2, 2).mean(axis=0)
        return np.asarray(DAMPING * middle / max(self.times_s[b] - self.times_s[a], 0.04))

    def scores_at(self, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the detector's score of the last detection up to each time, float32 (n,)."""
        last = np.searchsorted(self.times_s, times_s, "right") - 1
        return np.asarray(np.array(self.scores)[np.maximum(last, 0)], np.float32)

    def leap_s(self, since_s: float, until_s: float) -> float | None:
        """Return the detection after the widest step between two times; None without a step."""
        steps = [
            i
            for i in range(1, len(self.times_s))
            if since_s <= self.times_s[i - 1] and self.times_s[i] <= until_s
        ]
        return self.times_s[max(steps, key=self._step_px)] if steps else None

    def met(self, other: FollowedFace, at_s: float) -> bool:
        """Return whether this face was near another one's place at a time, and seen around it."""
        if not self.times_s[0] < at_s <= self.times_s[-1]:
            return False
        times_s = [at_s - MEETING_S, at_s, at_s + MEETING_S]
        mine, its = self._at(times_s), other._at(times_s)
        side_px = float((mine[:, 2:] - mine[:, :2]).max())
        apart = np.abs((mine[:, None] - its[None]).reshape(3, 3, 2, 2).mean(axis=2)).max(axis=-1)
        return bool(apart.min() < side_px)

    def _at(self, times_s: Sequence[float]) -> NDArray[np.float64]:
        """Return its boxes at some times, float64 (n, 4), unmoved where it was not yet found."""
        boxes = np.stack(self.boxes)
        return np.stack([np.interp(times_s, self.times_s, boxes[:, i]) for i in range(4)], axis=1)

    def cut_off(self, at_s: float, new_number: Callable[[], int]) -> FollowedFace | None:
        """Take off what was seen before a time, as a face of its own; this one keeps the rest.

        None where there is nothing before it, or nothing after.
        """
        count = int(np.searchsorted(self.times_s, at_s, "left"))
        if not 0 < count < len(self.times_s):
            return None
        return self._cut_off(count, new_number())

    def _step_px(self, i: int) -> float:
        """Return how far the middle of the face went before a detection."""
        return float(np.abs((self.boxes[i] - self.boxes[i - 1]).reshape(2, 2).mean(axis=0)).max())

    def _cut_off(self, count: int, number: int) -> FollowedFace:
        track = self.state.track
        earlier = dataclasses.replace(
            track, number=number, hits=count, last_s=self.times_s[count - 1]
        )
        part = FollowedFace(
            dataclasses.replace(self.state, track=earlier),
            self.before_s,
            self.times_s[:count],
            self.boxes[:count],
            self.scores[:count],
            self.times_s[count] - ROUNDING_S,
        )
        self.before_s = self.times_s[count]
        track.hits, track.first_s = len(self.times_s) - count, self.times_s[count]
        for column in (self.times_s, self.boxes, self.scores):
            del column[:count]
        return part

    def continued(self) -> FollowedFace:
        """Return what the next part of the same shot needs: its last place and its evidence."""
        return FollowedFace(
            self.state,
            self.before_s,
            self.times_s[-1:],
            self.boxes[-1:],
            self.scores[-1:],
            views=Views() if self.state.template.count else self.views,
        )
