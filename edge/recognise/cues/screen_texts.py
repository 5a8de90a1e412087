"""What captions said of people who are not enrolled: kept for presses, in memory only."""

from __future__ import annotations

import threading

KEPT_S = 12.0
"""A press may ask about a moment of the last ten seconds, and what was read shortly before."""
HOLDS_S = 2.0
"""Captions are read once a second: what was read longer ago than this is told no more."""
ROUNDING_S = 1e-3


class ScreenTexts:
    """The newest readings of captions; any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: list[tuple[float, tuple[str, ...]]] = []

    def put(self, pts_s: float, texts: tuple[str, ...]) -> None:
        """Take what was read in a picture; a clock that goes back empties the memory.

        Args:
            pts_s: of the picture, presentation time.
            texts: lines that look like names; none where none stands there any more.
        """
        with self._lock:
            if self._read and pts_s < self._read[-1][0]:
                self._read.clear()
            self._read = [one for one in self._read if pts_s - one[0] <= KEPT_S]
            self._read.append((pts_s, texts))

    def at(self, pts_s: float) -> tuple[str, ...]:
        """Return what was read last before a time, and not long before it."""
        with self._lock:
            before = [one for one in self._read if one[0] <= pts_s + ROUNDING_S]
        fresh = before and pts_s - before[-1][0] <= HOLDS_S
        return before[-1][1] if fresh else ()
