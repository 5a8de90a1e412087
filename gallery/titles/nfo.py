"""NFO files, as Kodi, Jellyfin and Emby write them beside a film: XML with title, year and actors.

The root is `movie`, `episodedetails`, `tvshow` or `musicvideo`. Kodi lets an address follow the
XML, and several episodes stand in one file: the first whole root counts. What comes with a
document type or entities of its own is refused, whatever it would expand to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from gallery.errors import GalleryInputError
from gallery.store.files import open_regular
from gallery.texts import brief
from gallery.titles.title import MAX_CAST, MAX_TITLE, CastMember, Title

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 4 << 20
MAX_DEPTH = 32
ROOTS = frozenset({"movie", "episodedetails", "tvshow", "musicvideo"})
_TITLES = ("title", "originaltitle", "sorttitle")
_TEXTS = frozenset({*_TITLES, "year", "premiered", "plot"})
_ACTOR_TEXTS = frozenset({"name", "role", "thumb"})


def read_nfo(path: Path) -> Title:
    """Return the title in an NFO file.

    Raises:
        GalleryInputError: it cannot be read, or is no NFO.
    """
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise GalleryInputError(f"{path}: {error.strerror}, expected an NFO file") from error
    return parse_nfo(data, str(path))


def parse_nfo(data: bytes, subject: str = "NFO") -> Title:
    """Return the title in the bytes of an NFO file.

    Args:
        data: the file.
        subject: what errors name it by.

    Raises:
        GalleryInputError: no root of an NFO is whole in it, or it has a document type.
    """
    if len(data) > MAX_BYTES:
        raise GalleryInputError(f"{subject}: expected an NFO file of at most {MAX_BYTES} bytes")
    found = _Reading()
    # the document type is refused as such: nothing in it is looked at
    parser = DefusedXMLParser(target=found, forbid_dtd=True)
    try:
        parser.feed(data)
        parser.close()
    except DefusedXmlException as error:
        raise GalleryInputError(
            f"{subject}: has a document type or entities of its own; expected plain XML"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        if not found.whole:  # what follows a whole root is an address, or the next episode
            raise _no_nfo(subject, error) from error
    if not found.whole:
        raise _no_nfo(subject, "its root is of another kind or has no title")
    return found.title()


def _no_nfo(subject: str, problem: object) -> GalleryInputError:
    return GalleryInputError(
        f"{subject}: {brief(problem)}; expected XML of {', '.join(sorted(ROOTS))} with a title"
    )


class _Reading:
    """Takes the parser's events and keeps the few texts that are wanted."""

    def __init__(self) -> None:
        self.whole = False
        self._path: list[str] = []
        self._text: list[str] = []
        self._texts: dict[str, str] = {}
        self._actor: dict[str, str] = {}
        self._cast: list[CastMember] = []

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        """Take the begin of an element."""
        if len(self._path) >= MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} elements in each other")
        self._path.append(tag)
        self._text = []

    def data(self, text: str) -> None:
        """Take text."""
        self._text.append(text)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        text = " ".join("".join(self._text).split())
        self._text = []
        place = self._path[1:]
        self._path.pop()
        if place == [tag] and tag in _TEXTS:
            most = MAX_TITLE if tag != "plot" else 20 * MAX_TITLE
            self._texts.setdefault(tag, text[:most])
        elif place == ["actor", tag] and tag in _ACTOR_TEXTS:
            self._actor.setdefault(tag, text[:MAX_TITLE])
        elif place == ["actor"]:
            self._take_actor()
        elif not place:
            self.whole = tag in ROOTS and any(self._texts.get(name) for name in _TITLES)

    def close(self) -> None:
        """Take the end of the file."""

    def _take_actor(self) -> None:
        actor, self._actor = self._actor, {}
        if actor.get("name") and len(self._cast) < MAX_CAST:
            member = CastMember(actor["name"], actor.get("role", ""), actor.get("thumb", ""))
            self._cast.append(member)

    def title(self) -> Title:
        """Return what was read."""
        names = [self._texts[name] for name in _TITLES if self._texts.get(name)]
        year = (self._texts.get("year") or self._texts.get("premiered", ""))[:4]
        return Title(
            tuple(dict.fromkeys(names)),
            int(year) if year.isascii() and year.isdigit() else None,
            tuple(self._cast),
            self._texts.get("plot", ""),
        )
