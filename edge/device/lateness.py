"""How late the pictures of a live source are, when they have waited in a buffer.

A process that was stopped, or a connection that stalled, then gets what was buffered meanwhile:
pictures that are decoded now but were on the screen long ago. Their own clock shows it, since it
stood still while the wall clock went on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.video.age import FRESH_S, captured_s

if TYPE_CHECKING:
    from edge.video.frame import Frame
    from edge.video.reader import Status

SETTLED_S = 0.2
PATIENCE_S = 3.0
"""After this long a source whose clock does not catch up counts as on time again: some clocks leave
gaps out."""
USUAL = 5.0
"""A pause is a gap this many times as long as those before it."""
SHARE = 0.1


class Lateness:
    """Follows the two clocks of one source; one thread calls it."""

    def __init__(self) -> None:
        self._connection = 0
        self._last: tuple[float, float] | None = None
        self._usual_s = 0.0
        self._late_s = 0.0
        self._since_s = 0.0

    def dated(self, frame: Frame, source: Status) -> Frame:
        """Return a frame of a live source, dated to when it should have arrived."""
        if not source.live:
            return frame
        late_s = self.of(frame.pts_s, captured_s(frame.captured_ns), source.connects)
        return frame.dated(frame.captured_ns - round(late_s * 1e9))

    def of(self, pts_s: float, captured_s: float, connection: int = 1) -> float:
        """Return how many seconds ago a picture should have arrived, 0 for one on time.

        Args:
            pts_s: on the source's clock.
            captured_s: when it was decoded, on the wall's.
            connection: number of the connection that it came through; a new one is on time.
        """
        if self._last is None or connection != self._connection:
            self._connection, self._last = connection, (pts_s, captured_s)
            self._late_s = 0.0
            return 0.0
        passed_s, step_s = captured_s - self._last[1], pts_s - self._last[0]
        self._last = pts_s, captured_s
        if self._late_s:
            self._late_s = max(0.0, self._late_s + passed_s - step_s)
            waited = captured_s - self._since_s > PATIENCE_S and passed_s < FRESH_S
            if waited or self._late_s < SETTLED_S:
                self._late_s = 0.0
        elif self._usual_s and passed_s > max(FRESH_S + max(0.0, step_s), USUAL * self._usual_s):
            self._late_s, self._since_s = passed_s - step_s, captured_s
            return self._late_s
        self._usual_s += SHARE * (passed_s - self._usual_s) if self._usual_s else passed_s
        return self._late_s
