"""Which frames of a film get a detection pass, and at which resolution.

A frame costs what is done with it. Faces between two passes are where hindsight puts them, so a
pass is needed where a face may have come, and often enough to follow those that are known.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from edge.recognise.track import Track

STATIC_S = 0.2
"""Time between two passes: somebody who enters is found at most so late."""
MOVING_S = 0.1
"""The same while faces move, and until a new one was found twice; every other time only where they
are expected, as long as there are at most `MOST_FOLLOWED`."""
MOST_FOLLOWED = 6
FULL_S = 1.0
"""Time between two full-resolution passes: a small face that enters is found that late."""
UNCHANGED_S, UNCHANGED_FULL_S = 0.8, 4.0
"""The same two while the picture does not change."""
MOVES, MOVES_PART = 0.3, 0.006
"""A face that is found this far from where it was expected moves; in units of its own size, and of
the frame's width."""
LOST_S = 0.3
"""A face that was lost so recently is searched for at the pace of faces that move."""
ROUNDING_S = 0.004
CELLS = (48, 27)
BLANK = 5.0
"""Grey levels between the darkest and the brightest cell of a picture that shows nothing."""
CHANGED = 8.0
"""Grey levels by which some cell of the picture differs when something has changed."""


class Pass(Enum):
    """How a frame is looked at: where known faces are, all of it small, or at full resolution.

    A blank one, as between two scenes, is not: nobody is there.
    """

    FOLLOW = "follow"
    LOW = "low"
    FULL = "full"
    BLANK = "blank"


class PassPlan:
    """Decides frame by frame; `done` tells it what came of it."""

    def __init__(self) -> None:
        self._pass_s = self._low_s = self._full_s = float("-inf")
        self._moving = True
        self._followed = 0
        self._calm_s, self._changed = float("-inf"), False
        self._at_pass: NDArray[np.float32] | None = None
        self._at_full: NDArray[np.float32] | None = None

    @property
    def calm_s(self) -> float:
        """Up to when the picture was the same as in the last pass of this shot; -inf before it."""
        return self._calm_s

    def due(self, pts_s: float, small: NDArray[np.uint8]) -> Pass | None:
        """Return the pass that a frame gets; it does when the clock has gone back.

        Args:
            pts_s: of the frame.
            small: uint8 (h, w, 3), the frame scaled down.
        """
        since_s, now = pts_s - self._pass_s, _cells(small)
        blank = float(np.ptp(now)) < BLANK
        if not 0 <= since_s < float("inf"):
            return Pass.BLANK if blank else Pass.FULL
        self._changed = self._changed or not _same(now, self._at_pass)
        gap_s = MOVING_S if self._moving else STATIC_S
        if since_s < gap_s - ROUNDING_S:
            if not self._changed:
                self._calm_s = pts_s
            return None
        if since_s < UNCHANGED_S - ROUNDING_S and not self._moving and not self._changed:
            self._calm_s = pts_s
            return None
        if blank:
            return Pass.BLANK
        full_gap_s = UNCHANGED_FULL_S if _same(now, self._at_full) else FULL_S
        if pts_s - self._full_s >= full_gap_s - ROUNDING_S:
            return Pass.FULL
        near = pts_s - self._low_s < STATIC_S - ROUNDING_S
        return Pass.FOLLOW if near and 0 < self._followed <= MOST_FOLLOWED else Pass.LOW

    def done(
        self,
        kind: Pass,
        pts_s: float,
        small: NDArray[np.uint8],
        tracks: Collection[Track],
        width: int,
    ) -> None:
        """Take what a pass has found.

        Args:
            kind: of the pass.
            pts_s: of its frame.
            small: as for `due`.
            tracks: all living ones, seen or not.
            width: of the frame in pixels.
        """
        self._pass_s, self._at_pass = pts_s, _cells(small)
        self._calm_s, self._changed = pts_s, False
        if kind is not Pass.FOLLOW:
            self._low_s = pts_s
        if kind is Pass.FULL:
            self._full_s, self._at_full = pts_s, self._at_pass
        self._followed = len(tracks)
        self._moving = any(_moves(track, pts_s, width) for track in tracks)

    def cut(self) -> None:
        """Start again, as a shot does: its first frame gets a full-resolution pass."""
        self._pass_s = self._low_s = self._full_s = self._calm_s = float("-inf")
        self._moving = True


def _moves(track: Track, pts_s: float, width: int) -> bool:
    if track.last_s < pts_s:
        return pts_s - track.last_s <= LOST_S
    off_px = track.residual * track.side_px
    return track.hits < 2 or track.residual > MOVES or off_px > MOVES_PART * width


def _cells(small: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, CELLS, interpolation=cv2.INTER_AREA), np.float32)


def _same(now: NDArray[np.float32], then: NDArray[np.float32] | None) -> bool:
    return then is not None and float(np.abs(now - then).max()) < CHANGED
