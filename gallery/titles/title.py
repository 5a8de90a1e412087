"""What is known of the film or programme that plays: its name and who is said to act in it."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

import msgspec

from gallery.store.limits import MAX_NAME_BYTES

TitleSource = Literal["request", "mqtt", "eit", "nfo", "tags"]
"""Who told the title."""
Kind = Literal["film", "series", "episode"]
MAX_CAST = 2_000
"""More names are of no one film; the rest is left out."""
MAX_TITLE = 500
"""Characters of a title or a name; the rest is cut."""

_YEAR = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])")


class CastMember(msgspec.Struct, frozen=True):
    """Somebody who is said to act.

    Attributes:
        name: as the source writes it.
        role: whom they play, or empty.
        picture: address or path of their picture, or empty.
        ids: of the person, by provider: `imdb`, `tmdb`, `tvdb`, `plex`, `wikidata`.
    """

    name: str
    role: str = ""
    picture: str = ""
    ids: dict[str, str] = {}


class Title(msgspec.Struct, frozen=True):
    """A film, an episode, a programme.

    Attributes:
        names: the title first as it is shown, then others, such as the original one.
        year: of the first release, None where it is not told.
        cast: in the source's order.
        text: a description in which names may stand, or empty.
        kind: what it is.
        series: of an episode, the title of its series, or empty.
        ids: of the title, by provider: `imdb`, `tmdb`, `tvdb`.
        where: the file or address that says so, for messages.
    """

    names: tuple[str, ...]
    year: int | None = None
    cast: tuple[CastMember, ...] = ()
    text: str = ""
    kind: Kind = "film"
    series: str = ""
    ids: dict[str, str] = {}
    where: str = ""


def one_line(text: str | None, most: int = MAX_NAME_BYTES) -> str:
    """Return a foreign text as one line of NFC that can be stored: what is not printable goes.

    Args:
        text: of a file or an answer.
        most: bytes of UTF-8; what is longer is cut.
    """
    if not text:
        return ""
    kept = "".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in text)
    line = unicodedata.normalize("NFC", " ".join(kept.split()))
    return line.encode(errors="ignore")[:most].decode(errors="ignore").strip()


def year_of(text: str | None) -> int | None:
    """Return the year that a date or a text holds, or None."""
    found = _YEAR.search(text or "")
    return (int(found[0]) if found else 0) or None
