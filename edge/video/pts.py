"""Make a clock that never falls out of the time stamps that a stream has."""

from __future__ import annotations

import math

MAX_BACK_S = 0.5
"""Frames that come back by less are out of order; by more, the stream's clock has jumped."""


class PtsNormaliser:
    """Maps raw time stamps to seconds since the start, never falling, without jumps.

    A transport stream's clock wraps after 26.5 hours (33 bits at 90 kHz), an encoder that restarts
    starts again, a spliced recording leaps. After each such jump the clock goes on one frame later.

    Args:
        step_s: how long a frame is thought to last until the stream has shown it.
        origin_s: the raw time that is 0; None takes the first one.
        max_gap_s: a longer step forward is a jump; infinity where the container's clock is sound.
    """

    def __init__(
        self, *, step_s: float = 0.04, origin_s: float | None = None, max_gap_s: float = 10.0
    ) -> None:
        self.jumps = 0
        self.missing = 0
        self._step_s = step_s
        self._max_gap_s = max_gap_s
        self._offset_s = None if origin_s is None else -origin_s
        self._last_s: float | None = None

    def normalise(self, raw_s: float | None) -> float:
        """Return when the frame belongs on the screen; `raw_s` is None where it has no stamp."""
        if raw_s is None or not math.isfinite(raw_s):
            self.missing += 1
            self._last_s = self._next_s()
        else:
            self._last_s = self._place(raw_s)
        return self._last_s

    def sought(self) -> None:
        """Accept any next time: the reader has moved in the stream."""
        self._last_s = None

    def _next_s(self) -> float:
        return 0.0 if self._last_s is None else self._last_s + self._step_s

    def _place(self, raw_s: float) -> float:
        if self._offset_s is None:
            self._offset_s = self._next_s() - raw_s
        pts_s = raw_s + self._offset_s
        if self._last_s is None:
            # A start far from the origin that the container promised is a jump too.
            if -MAX_BACK_S <= pts_s <= self._max_gap_s:
                return max(pts_s, 0.0)
            if self._max_gap_s == math.inf and pts_s > 0:
                return pts_s
            return self._jump(raw_s)
        gap_s = pts_s - self._last_s
        if not -MAX_BACK_S <= gap_s <= self._max_gap_s:
            return self._jump(raw_s)
        if 0 < gap_s <= 1:
            self._step_s = gap_s
        return max(pts_s, self._last_s)

    def _jump(self, raw_s: float) -> float:
        self.jumps += 1
        pts_s = self._next_s()
        self._offset_s = pts_s - raw_s
        return pts_s
