"""What plays the source, as the overlay sees it: where it is, and whether one can go elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.video.reader import State

if TYPE_CHECKING:
    from edge.video.reader import Reader


class Player:
    """The reader, for the server.

    Args:
        reader: reads the source.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def duration_s(self) -> float | None:
        """Length of the source, None where it has none."""
        return self._reader.duration_s

    @property
    def why_not(self) -> str:
        """Why one cannot seek: `live`, `fixed` or `ended`; empty where one can."""
        if self._reader.can_seek:
            return ""
        status = self._reader.status
        if status.live:
            return "live"
        return "ended" if status.state in {State.ENDED, State.FAILED} else "fixed"

    @property
    def can_restart(self) -> bool:
        """Whether it waits at its end to be started again."""
        return self._reader.can_restart

    def restart(self) -> None:
        """Start a source that has ended again.

        Raises:
            SourceError: it has not ended, or cannot.
        """
        self._reader.restart()

    def position_s(self, pts_s: float) -> float | None:
        """Return the place in the source that the reader's clock calls `pts_s`."""
        return self._reader.places.position_s(pts_s)

    def seek(self, to_s: float) -> None:
        """Go to a place in the source.

        Raises:
            SourceError: it cannot after all.
        """
        self._reader.seek(to_s)
