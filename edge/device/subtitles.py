"""Subtitles of a live picture, listened to in a thread of their own.

Those that are pictures are read when the device has time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from edge.captions.subtitles import Subtitles
from edge.device.captions import NICENESS
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.captions.reading import LineReader
    from edge.recognise.cues.cue import CueBoard
    from edge.video.reader import Reader
    from edge.video.source import SourceStats
    from gallery.search.search import Gallery

EVERY_S = 0.2


class SubtitleWatch:
    """Asks the source for new lines several times a second.

    Args:
        board: takes the cues.
        gallery: returns the one in use.
        reader: has what the source says.
        busy: whether the device has no time.
        text: opens what reads pictures, in the thread that uses it; asked with the
            first of them, None while there is nothing.
        on_heard: told the seconds that new ones took.
    """

    def __init__(
        self,
        board: CueBoard,
        gallery: Callable[[], Gallery],
        reader: Reader,
        busy: Callable[[], bool],
        text: Callable[[], LineReader | None],
        on_heard: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._subtitles, self._reader, self._busy = Subtitles(board, gallery), reader, busy
        self._on_heard, self._text = on_heard, text
        self._opened: LineReader | None = None
        self._known = 0
        self._thread = Worker("subtitles", self._watch, niceness=NICENESS)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._thread.join(1)

    def _watch(self) -> None:
        try:
            while not self._thread.wait(EVERY_S):
                self._take(self._reader.status.stats)
        finally:
            self._opened = None

    def _take(self, stats: SourceStats) -> None:
        begun = time.perf_counter()
        self._subtitles.hear(stats.subtitles)
        if not self._busy():
            self._subtitles.see(stats.subtitle_pictures, self._read_by)
        known = self._subtitles.known
        if known > self._known:
            self._on_heard(time.perf_counter() - begun)
        self._known = known

    def _read_by(self) -> LineReader | None:
        if self._opened is None:
            self._opened = self._text()
        return self._opened
