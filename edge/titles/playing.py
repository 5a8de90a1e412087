"""The title that is playing, and what its cast makes of the prior.

Whoever tells a title last is believed: a viewer, an automation, the broadcast.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from edge.recognise.cues.belief import cast_llr, surely
from edge.titles.eit import parse_eit, service_of
from edge.titles.filmography import Filmography
from edge.titles.messages import Playing, TitleRequest
from gallery.errors import GalleryError, GalleryInputError
from gallery.titles.match import NameIndex
from gallery.titles.title import MAX_CAST, CastMember, Title, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edge.recognise.cues.cue import CueBoard
    from gallery.search.search import Gallery
    from gallery.titles.title import TitleSource

log = logging.getLogger(__name__)

NOTHING = Playing()


class NowPlaying:
    """Takes titles from anybody and lets their cast speak; any thread may call any method.

    Args:
        board: takes the cue.
        gallery: returns the one in use.
    """

    def __init__(self, board: CueBoard, gallery: Callable[[], Gallery]) -> None:
        self._board, self._gallery = board, gallery
        self._lock = threading.Lock()
        self._index: tuple[str, NameIndex] | None = None
        self._filmography: tuple[str, Filmography] | None = None
        self._guess: Mapping[str, float] = {}
        self._title: tuple[Title, TitleSource] | None = None
        self._sections: tuple[bytes, ...] = ()
        self.now = NOTHING
        self.refused = 0

    def request(self, request: TitleRequest, source: TitleSource = "request") -> Playing:
        """Take what somebody says that plays.

        Raises:
            GalleryInputError: there are too many names.
        """
        if len(request.cast) > MAX_CAST:
            raise GalleryInputError(f"cast: {len(request.cast)} names, expected {MAX_CAST} at most")
        cast = tuple(CastMember(name) for name in map(one_line, request.cast) if name)
        name = one_line(request.title)
        if not name and not cast:
            return self.play(None, source)
        return self.play(Title((name,) if name else (), request.year, cast), source)

    def play(self, title: Title | None, source: TitleSource) -> Playing:
        """Take a title, or None for that nothing is known."""
        with self._lock:
            self._title = None if title is None else (title, source)
            return self._speak()

    def follow(self) -> None:
        """Match the title again where another release of the gallery is in use."""
        index = self._index
        if self._title is not None and index is not None:
            gallery = self._gallery()
            if gallery.identity != index[0]:
                with self._lock:
                    self._speak()

    def broadcast(self, sections: tuple[bytes, ...], programme: int | None = None) -> None:
        """Take the sections of a transport stream; of several services one must be chosen."""
        if sections == self._sections:
            return
        self._sections = sections
        services = {service_of(section) for section in sections}
        if programme is None and len(services) > 1:
            return
        for section in sections:
            try:
                title = parse_eit(section, programme)
            except GalleryInputError as error:
                self.refused += 1
                log.debug("%s", error)
                continue
            if title is not None:
                self.play(title, "eit")

    def supposed(self, named: Mapping[str, float]) -> Mapping[str, float]:
        """Return who is likely beside these by the works of all; nobody where a title is told."""
        if self._title is not None or not named:
            return {}
        try:
            gallery = self._gallery()
            with self._lock:
                if self._filmography is None or self._filmography[0] != gallery.identity:
                    index = self._indexed(gallery)
                    known = Filmography(index.casts(), gallery.people_count)
                    self._filmography = (gallery.identity, known)
                sure = {p: surely(llr, gallery.people_count) for p, llr in named.items()}
                return self._filmography[1].expected(sure)
        except GalleryError as error:  # a disk that rots
            log.warning("no filmography: %s", error)
            return {}

    def suppose(self, named: Mapping[str, float]) -> None:
        """Let those be expected who are likely beside these, until a title is told."""
        guess = self.supposed(named)
        with self._lock:
            if self._title is None and guess != self._guess:
                self._guess = guess
                self._board.stand("title", guess)

    def _speak(self) -> Playing:
        """Put the title on the board; the lock is held."""
        self._guess = {}
        if self._title is None:
            self._board.stand("title", {})
            self.now = NOTHING
            return self.now
        title, source = self._title
        try:
            gallery = self._gallery()
            cast, unknown = self._indexed(gallery).cast_of(title)
        except GalleryError as error:  # a disk that rots
            log.warning("no cast: %s", error)
            cast, unknown = frozenset(), ()
        else:
            self._board.stand("title", cast_llr(cast, gallery.people_count))
        name = title.names[0] if title.names else ""
        self.now = Playing(name, source, _sorted(cast), unknown[:20])
        log.info("title from %s: %d of its cast are enrolled", source, len(cast))
        return self.now

    def _indexed(self, gallery: Gallery) -> NameIndex:
        if self._index is None or self._index[0] != gallery.identity:
            self._index = (gallery.identity, NameIndex(gallery.people()))
        return self._index[1]


def _sorted(ids: frozenset[str] | Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(ids))
