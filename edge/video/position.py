"""Where in a source a frame is from: the reader's clock goes on, the source's may go back."""

from __future__ import annotations

from dataclasses import dataclass

KEPT = 8
MAX_WAITING = 200
"""Pictures that may still come from before a jump: what decoder and demuxer hold."""


@dataclass(frozen=True, slots=True)
class Places:
    """From when on the reader's clock is how far ahead of the source's; a new value replaces it.

    Attributes:
        anchors: pairs of reader's time and shift, both in seconds, oldest first.
    """

    anchors: tuple[tuple[float, float], ...] = ()

    def with_shift(self, from_pts_s: float, shift_s: float) -> Places:
        """Return the places with a shift that holds from here on."""
        return Places((*self.anchors, (from_pts_s, shift_s))[-KEPT:])

    def position_s(self, pts_s: float) -> float | None:
        """Return the source's time for a time of the reader's clock, None before the first."""
        for from_s, shift_s in reversed(self.anchors):
            if pts_s >= from_s - 1e-6:
                return pts_s - shift_s
        return None


class Jump:
    """A wanted place: pictures before it are passed over, for one can only seek to key frames.

    Args:
        to_s: the place, in the source's time.
        from_s: where the source was when it was asked.
    """

    def __init__(self, to_s: float, from_s: float) -> None:
        self._to_s = to_s
        self._last_s = from_s
        self._jumped = to_s >= from_s
        self._waited = 0

    def reached(self, pts_s: float) -> bool:
        """Return whether this picture, at the source's `pts_s`, is the first to be shown."""
        self._jumped = self._jumped or pts_s < self._last_s
        self._last_s = pts_s
        self._waited += not self._jumped
        # A source that did not jump after all goes on from where it is.
        arrived = self._jumped and pts_s >= self._to_s - 1e-3
        return arrived or self._waited > MAX_WAITING
