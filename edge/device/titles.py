"""Follows what plays: the source's own tables, the file's NFO and tags, new releases, the faces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge.recognise.cues.belief import faces_llr
from edge.titles.found import title_of_file
from edge.video.uri import path_of
from gallery.threads import Worker

if TYPE_CHECKING:
    from edge.recognise.scene import Scene
    from edge.titles.playing import NowPlaying
    from edge.video.frame import Frame
    from edge.video.reader import Reader

EVERY_S = 1.0
SEEN_S = 600.0
"""Who was seen longer ago says nothing of what plays now."""


class TitleWatch:
    """Looks once a second whether another title plays, in a thread of its own; a `SceneSink`.

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
        self._seen: dict[str, tuple[float, float]] = {}
        self._thread = Worker("titles", self._watch)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._thread.join(1)

    def take(self, frame: Frame, scene: Scene) -> None:
        """Note who is named: where no title is told, they tell who else is likely."""
        told = faces_llr((face.id, face.cues) for face in scene.faces)
        if not told:
            return
        seen = {p: one for p, one in self._seen.items() if abs(frame.pts_s - one[0]) <= SEEN_S}
        for person, llr in told.items():
            seen[person] = (frame.pts_s, max(llr, seen.get(person, (0.0, llr))[1]))
        self._seen = seen  # swapped whole: another thread reads it

    def _watch(self) -> None:
        path = path_of(self._source)
        if path is not None and Path(path).is_file():
            title = title_of_file(Path(path))
            if title is not None:
                self._playing.play(title, "nfo" if title.where else "tags")
        while not self._thread.wait(EVERY_S):
            self._playing.broadcast(self._reader.status.stats.eit, self._programme)
            self._playing.follow()
            self._playing.suppose({person: llr for person, (_, llr) in self._seen.items()})
