"""Follows what plays: the source's own tables, the file's NFO and tags, and new releases."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from edge.titles.found import title_of_file
from edge.video.uri import path_of
from gallery.threads import Worker

if TYPE_CHECKING:
    from edge.titles.playing import NowPlaying
    from edge.video.reader import Reader

EVERY_S = 1.0


class TitleWatch:
    """Looks once a second whether another title plays, in a thread of its own.

    Args:
        playing: takes the titles.
        reader: has what the source says.
        source: its address.
        programme: the service that is watched, None for the only one.
    """

    def __init__(
        self, playing: NowPlaying, reader: Reader, source: str, programme: int | None
    ) -> None:
        self._playing, self._reader = playing, reader
        self._source, self._programme = source, programme
        self._stop = threading.Event()
        self._thread = Worker("titles", self._watch)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1)

    def _watch(self) -> None:
        path = path_of(self._source)
        if path is not None and Path(path).is_file():
            title = title_of_file(Path(path))
            if title is not None:
                self._playing.play(title, "nfo" if title.where else "tags")
        while not self._stop.wait(EVERY_S):
            self._playing.broadcast(self._reader.status.stats.eit, self._programme)
            self._playing.follow()
