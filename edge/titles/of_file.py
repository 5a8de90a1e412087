"""The title of what is read from start to end: looked for before, heard of while it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge.titles.found import title_of_file
from edge.titles.playing import NowPlaying
from edge.video.uri import path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.recognise.cues.cue import Cue, CueBoard
    from edge.video.source import Pictures
    from gallery.search.search import Gallery


class FileTitle:
    """A board that also follows what the source says of its title; a `CueSource`.

    Args:
        uri: of the source.
        source: opened.
        board: takes the cue.
        gallery: who is known.
        programme: the service that is read, None for the only one.
    """

    def __init__(
        self,
        uri: str,
        source: Pictures,
        board: CueBoard,
        gallery: Gallery,
        programme: int | None = None,
    ) -> None:
        self._source, self._board, self._programme = source, board, programme
        self._playing = NowPlaying(board, lambda: gallery)
        self._heard = "title" in board.kinds
        path = path_of(uri)
        if self._heard and path is not None and Path(path).is_file() and not source.still:
            title = title_of_file(Path(path))
            if title is not None:
                self._playing.play(title, "nfo" if title.where else "tags")

    def at(self, pts_s: float) -> tuple[Cue, ...]:
        """Return the cues that hold at a time of the source."""
        if self._heard:
            self._playing.broadcast(self._source.stats.eit, self._programme)
        return self._board.at(pts_s)

    def supposed(self, named: Mapping[str, float]) -> Mapping[str, float]:
        """Return who is likely beside these by the works of all, where no title is told."""
        return self._playing.supposed(named) if self._heard else {}
