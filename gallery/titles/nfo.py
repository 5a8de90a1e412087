"""NFO files, as Kodi, Jellyfin, Emby and tinyMediaManager write them: XML with title and actors.

`https://kodi.wiki/view/NFO_files`. The root is `movie`, `episodedetails`, `tvshow` or
`musicvideo`; several episodes may stand in one file, and an address before or after the XML. Bare
ampersands, names of HTML's entities and control characters, which other readers let pass, are put
right. What comes with a document type is refused, whatever it would expand to.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from gallery.errors import GalleryInputError
from gallery.regular import open_regular
from gallery.texts import brief, shown
from gallery.titles.title import MAX_CAST, MAX_TITLE, CastMember, Kind, Title, one_line, year_of

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 4 << 20
"""A title with 200 actors takes 60 kB."""
MAX_DEPTH = 32
ROOTS: dict[str, Kind] = {
    "movie": "film",
    "musicvideo": "film",
    "tvshow": "series",
    "episodedetails": "episode",
}
_TITLES = ("title", "originaltitle", "sorttitle")
_DATES = ("year", "premiered", "releasedate", "aired")
_PROVIDERS = ("imdb", "tmdb", "tvdb")
_TEXTS = frozenset({*_TITLES, *_DATES, "plot", "showtitle", "id", *(f"{p}id" for p in _PROVIDERS)})
_ACTOR_TEXTS = frozenset(
    {"name", "role", "thumb", "type", "order", "sortorder", "profile"}
    | {f"{p}id" for p in _PROVIDERS}
)
_PLAYING = frozenset({"", "actor", "gueststar", "guest star", "guest", "self"})
"""Jellyfin lists directors and writers as `<actor>` too, told apart by `<type>`."""

_ROOT = "(?:" + "|".join(ROOTS) + r")\b"
_FIRST = re.compile(rf"<(?:\?xml\b|!--|!DOCTYPE\b|{_ROOT})")
_OWN = re.compile(f"<{_ROOT}")
_LAST = re.compile(rf"</{_ROOT}\s*>")
_WRAPPER = re.compile(r"</?(?:xbmc|kodi)multiepisode\s*>")
_OTHERS = re.compile(r"<(set|collection|boxset|season|artist|album|person)\b")
"""What media centres keep beside films: no title with a cast of its own."""
_DECLARATION = re.compile(r"<\?xml[^>?]*\?>")
_DOCTYPE = re.compile(r"<!(?:DOCTYPE|ENTITY)\b")
_BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9A-Fa-f]+);)")
_NAMED = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)[A-Za-z][A-Za-z0-9]*;")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_ENCODING = re.compile(rb"<\?xml[^>]*\bencoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_WIDE = ((b"<\0\0\0", "utf-32-le"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_PROFILES = {
    "tmdb": re.compile(r"themoviedb\.org/person/([0-9]+)"),
    "imdb": re.compile(r"imdb\.com/name/(nm[0-9]+)"),
    "tvdb": re.compile(r"thetvdb\.com/people/([0-9]+)"),
}
_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class OtherNfoError(GalleryInputError):
    """An NFO file of a set, a season or the like, beside those of films: no fault."""


def read_nfo(path: Path) -> Title:
    """Return the title in an NFO file; of several episodes the first.

    Raises:
        GalleryInputError: it cannot be read, or is no NFO.
    """
    return read_all(path)[0]


def read_all(path: Path) -> tuple[Title, ...]:
    """Return the titles in an NFO file: one, or the episodes of a file with several.

    Raises:
        GalleryInputError: it cannot be read, or is no NFO.
    """
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise GalleryInputError(
            f"{shown(str(path))}: {error.strerror}, expected an NFO file"
        ) from error
    return parse_all(data, shown(str(path)))


def parse_nfo(data: bytes, subject: str = "NFO") -> Title:
    """Return the title in the bytes of an NFO file; see `parse_all`."""
    return parse_all(data, subject)[0]


def parse_all(data: bytes, subject: str = "NFO") -> tuple[Title, ...]:
    """Return the titles in the bytes of an NFO file, at least one.

    Args:
        data: the file.
        subject: what errors name it by, and `Title.where`.

    Raises:
        GalleryInputError: no root of an NFO is whole in it, or it has a document type.
    """
    if len(data) > MAX_BYTES:
        raise GalleryInputError(f"{subject}: expected an NFO file of at most {MAX_BYTES} bytes")
    text = _xml_of(_decoded(data, subject), subject)
    try:
        try:
            titles = _titles(text, subject)
        except ParseError:
            titles = _titles(_mended(text), subject)
    except DefusedXmlException as error:
        raise GalleryInputError(
            f"{subject}: has entities of its own; expected plain XML"
        ) from error
    except (ParseError, ValueError) as error:
        raise _no_nfo(subject, error) from error
    if not titles:
        raise _no_nfo(subject, "its root is of another kind or has no title")
    return titles


def _no_nfo(subject: str, problem: object) -> GalleryInputError:
    return GalleryInputError(
        f"{subject}: {brief(problem, 100)}; expected XML of {', '.join(sorted(ROOTS))} with a title"
    )


def _decoded(data: bytes, subject: str) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    for begun, encoding in _WIDE:
        if data.startswith(begun):
            return data.decode(encoding, errors="replace")
    declared = _ENCODING.search(data[:200])
    encoding = declared[1].decode() if declared else "utf-8"
    if encoding.lower().startswith(("utf-16", "utf-32", "ucs")):
        encoding = "utf-8"  # .NET says so of what it wrote in UTF-8; else it had no letter `<?xml`
    try:
        return data.decode(encoding)
    except LookupError as error:
        raise _no_nfo(subject, error) from error
    except ValueError:
        # Old scrapers wrote Windows' letters and said UTF-8.
        return data.decode("cp1252", errors="replace")


def _xml_of(text: str, subject: str) -> str:
    """Return the part of a file that is XML, within one element, without declarations."""
    text = _WRAPPER.sub("", text)
    first = _FIRST.search(text)
    ends = [last.end() for last in _LAST.finditer(text)]
    if not _OWN.search(text) and (other := _OTHERS.search(text)):
        raise OtherNfoError(f"{subject}: of a {other[1]}, expected {', '.join(sorted(ROOTS))}")
    if first is None or not ends or ends[-1] <= first.start():
        address = re.match(r"\s*https?://", text)
        raise _no_nfo(subject, "an address only" if address else "not whole, or something else")
    xml = text[first.start() : ends[-1]]
    if _DOCTYPE.search(xml):
        raise GalleryInputError(f"{subject}: has a document type; expected plain XML")
    return f"<nfo>{_DECLARATION.sub('', xml)}</nfo>"


def _mended(text: str) -> str:
    """Return XML with HTML's entities, bare ampersands and control characters put right."""
    text = _NAMED.sub(lambda m: html.escape(html.unescape(m[0]), quote=False), text)
    return _NO_XML.sub("", _BARE.sub("&amp;", text))


def _titles(text: str, subject: str) -> tuple[Title, ...]:
    found = _Reading(subject)
    parser = DefusedXMLParser(target=found, forbid_dtd=True)
    parser.feed(text.encode(errors="surrogatepass"))
    parser.close()
    return tuple(found.titles)


class _Reading:
    """Takes the parser's events and keeps the few texts that are wanted."""

    def __init__(self, subject: str) -> None:
        self.titles: list[Title] = []
        self._subject = subject
        self._path: list[str] = []
        self._text: list[str] = []
        self._provider = ""
        self._clear()

    def _clear(self) -> None:
        self._texts: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._actor: dict[str, str] = {}
        self._cast: list[tuple[int, CastMember]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the begin of an element."""
        if len(self._path) >= MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} elements in each other")
        tag = tag.rpartition("}")[2]  # the namespace
        self._path.append(tag)
        self._text = []
        self._provider = attributes.get("type", "").lower() if tag == "uniqueid" else ""

    def data(self, text: str) -> None:
        """Take text."""
        self._text.append(text)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        tag = tag.rpartition("}")[2]
        text, self._text = "".join(self._text), []
        place = self._path[2:]
        self._path.pop()
        if place == [tag] and tag in _TEXTS:
            most = MAX_TITLE if tag != "plot" else 20 * MAX_TITLE
            self._texts.setdefault(tag, one_line(text, 4 * most)[:most])
        elif place == ["uniqueid"]:
            self._ids[self._provider] = text.strip()
        elif place == ["actor", tag] and tag in _ACTOR_TEXTS:
            most = MAX_TITLE if tag != "thumb" else 4 * MAX_TITLE
            self._actor[tag] = self._actor.get(tag) or one_line(text, 4 * most)[:most]
        elif place == ["actor"]:
            self._take_actor()
        elif not place and tag in ROOTS:
            self._take_title(ROOTS[tag])

    def close(self) -> None:
        """Take the end of the file."""

    def _take_actor(self) -> None:
        actor, self._actor = self._actor, {}
        playing = actor.get("type", "").lower() in _PLAYING
        if actor.get("name") and playing and len(self._cast) < MAX_CAST:
            order = actor.get("order") or actor.get("sortorder") or ""
            place = int(order) if re.fullmatch("[0-9]{1,6}", order) else len(self._cast)
            member = CastMember(
                actor["name"], actor.get("role", ""), actor.get("thumb", ""), _person_ids(actor)
            )
            self._cast.append((place, member))

    def _take_title(self, kind: Kind) -> None:
        names = [self._texts[name] for name in _TITLES if self._texts.get(name)]
        years = (year_of(self._texts.get(date)) for date in _DATES)
        if names:
            title = Title(
                tuple(dict.fromkeys(names)),
                next((year for year in years if year), None),
                tuple(member for _, member in sorted(self._cast, key=lambda cast: cast[0])),
                self._texts.get("plot", ""),
                kind,
                self._texts.get("showtitle", ""),
                self._title_ids(),
                self._subject,
            )
            self.titles.append(title)
        self._clear()

    def _title_ids(self) -> dict[str, str]:
        bare = self._texts.get("id", "")
        found = {p: self._texts.get(f"{p}id", "") for p in _PROVIDERS} | self._ids
        found["imdb"] = found["imdb"] or (bare if bare.startswith("tt") else "")
        return {p: value for p, value in found.items() if p and _ID.fullmatch(value)}


def _person_ids(actor: dict[str, str]) -> dict[str, str]:
    found = {}
    for provider, pattern in _PROFILES.items():
        linked = pattern.search(actor.get("profile", ""))
        value = actor.get(f"{provider}id") or (linked[1] if linked else "")
        if _ID.fullmatch(value) and value != "0":
            found[provider] = value
    return found
