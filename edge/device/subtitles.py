"""Subtitles of a live picture, listened to in a thread of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.captions.subtitles import Subtitles
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.cues.cue import CueBoard
    from edge.video.reader import Reader
    from gallery.search.search import Gallery

EVERY_S = 0.2


class SubtitleWatch:
    """Asks the source for new lines several times a second.

    Args:
        board: takes the cues.
        gallery: returns the one in use.
        reader: has what the source says.
    """

    def __init__(self, board: CueBoard, gallery: Callable[[], Gallery], reader: Reader) -> None:
        self._subtitles, self._reader = Subtitles(board, gallery), reader
        self._thread = Worker("subtitles", self._watch)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._thread.join(1)

    def _watch(self) -> None:
        while not self._thread.wait(EVERY_S):
            self._subtitles.hear(self._reader.status.stats.subtitles)
