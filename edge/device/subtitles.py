"""Subtitles of a live picture, listened to in a thread of their own.

Those that are pictures are read when the device has time, by models that are loaded with the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.captions.subtitles import Subtitles
from edge.device.captions import give_way
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.cues.cue import CueBoard
    from edge.video.reader import Reader
    from engines.text_reading.lines import TextReader
    from gallery.search.search import Gallery

EVERY_S = 0.2


class SubtitleWatch:
    """Asks the source for new lines several times a second.

    Args:
        board: takes the cues.
        gallery: returns the one in use.
        reader: has what the source says.
        busy: whether the device has no time.
    """

    def __init__(
        self,
        board: CueBoard,
        gallery: Callable[[], Gallery],
        reader: Reader,
        busy: Callable[[], bool],
    ) -> None:
        self._subtitles, self._reader, self._busy = Subtitles(board, gallery), reader, busy
        self._text: TextReader | None = None
        self._thread = Worker("subtitles", self._watch)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._thread.join(1)

    def _watch(self) -> None:
        give_way()
        try:
            while not self._thread.wait(EVERY_S):
                stats = self._reader.status.stats
                self._subtitles.hear(stats.subtitles)
                if not self._busy():
                    self._subtitles.see(stats.subtitle_pictures, self._opened)
        finally:
            if self._text is not None:
                self._text.close()

    def _opened(self) -> TextReader:
        from engines.text_reading.lines import TextReader  # noqa: PLC0415 - loaded where text is read

        if self._text is None:
            self._text = TextReader()
        return self._text
