"""Pictures that come in bursts, as those of a segment of live HLS, spread over their own time."""

from __future__ import annotations

FASTER = 1.05
"""Than their own time: what lags after a stall catches up, until it waits for the next segment."""
MAX_STEP_S = 1.0
"""Times that are further apart than this have jumped; nobody waits for that."""


class HlsPacing:
    """Says how long to wait before each picture; one for each connection."""

    def __init__(self) -> None:
        self._pts_s: float | None = None
        self._due_s = 0.0

    def wait_s(self, pts_s: float, now_s: float) -> float:
        """Return how long the picture has to wait.

        Args:
            pts_s: its presentation time.
            now_s: of a clock that never falls.
        """
        step_s = -1.0 if self._pts_s is None else pts_s - self._pts_s
        self._pts_s = pts_s
        if 0 <= step_s <= MAX_STEP_S:
            self._due_s = max(now_s, self._due_s + step_s / FASTER)
        else:
            self._due_s = now_s
        return self._due_s - now_s
