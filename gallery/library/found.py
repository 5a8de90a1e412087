"""What a library gave, and the errors of asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from gallery.errors import GalleryError, GalleryInputError
from gallery.titles.title import Title

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TOLD = 200
"""This many of the things left out are listed; more are counted."""


LibraryKind = Literal["kodi", "jellyfin", "emby", "plex", "tmm", "tmdb", "wikidata"]
ONLINE = frozenset({"tmdb", "wikidata"})
"""Services in the internet: `where` is a file of titles."""


class Library(msgspec.Struct, frozen=True):
    """Where a library is; what `library update` goes by.

    Attributes:
        kind: which media centre's.
        where: its folder, or the address of its server.
        key_file: has the server's key; empty for none.
        pictures: one more folder of people's pictures; empty for none.
        online: pictures may be fetched from wherever the library says that they are.
        pause_s: least time between two requests.
        server: of a service in the internet, another address; empty for its own.
    """

    kind: LibraryKind
    where: str
    key_file: str = ""
    pictures: str = ""
    online: bool = False
    pause_s: float = 0.05
    server: str = ""


class LibraryError(GalleryError):
    """A library's server cannot be reached, or answers what it should not."""

    exit_code = 3


class LibraryKeyError(GalleryInputError):
    """A library's server refuses the key."""


class Found(msgspec.Struct, frozen=True):
    """A library's titles.

    Attributes:
        titles: each with its cast.
        pictures: more pictures of people, by `name_key` of their name.
        left_out: a sentence for each thing that was not read, and why.
        incomplete: those of `left_out` after which titles may be missing that are there.
        origins: of a picture, by address: where it came from, and its licence.
    """

    titles: tuple[Title, ...]
    pictures: dict[str, tuple[str, ...]] = {}
    left_out: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    origins: dict[str, tuple[str, str]] = {}


def told(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the lines, no more than `MAX_TOLD`, and how many more there are."""
    every = tuple(dict.fromkeys(lines))
    more = len(every) - MAX_TOLD
    return every[:MAX_TOLD] + ((f"and {more} more",) if more > 0 else ())
