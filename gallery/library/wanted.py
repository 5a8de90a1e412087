"""Titles that somebody wants to know of, one a line in a text file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from gallery.errors import GalleryInputError
from gallery.texts import shown
from gallery.titles.title import Kind, one_line

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 20
MAX_TITLES = 5000
_LINE = re.compile(
    r"(?P<series>series:\s*)?(?P<name>.+?)(?:\s*\((?P<year>[0-9]{4})\))?$", re.IGNORECASE
)
_IMDB = re.compile(r"tt[0-9]{6,10}")


class Wanted(msgspec.Struct, frozen=True):
    """A title, by name and perhaps year, or by its id of IMDb."""

    name: str
    year: int | None = None
    kind: Kind = "film"
    imdb: str = ""


def read_wanted(path: Path) -> tuple[Wanted, ...]:
    """Return the titles in a file: `Forrest Gump (1994)`, `series: Lost (2004)` or `tt0109830`.

    Raises:
        GalleryInputError: it cannot be read, or names none.
    """
    where = shown(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise GalleryInputError(
            f"{where}: cannot be read ({error}), expected a file with a title in each line"
        ) from error
    lines = [one_line(line) for line in content.splitlines()]
    found = tuple(_wanted(line) for line in lines if line and not line.startswith("#"))
    if not found or len(found) > MAX_TITLES:
        raise GalleryInputError(f"{where}: {len(found)} titles, expected 1 to {MAX_TITLES}")
    return found


def _wanted(line: str) -> Wanted:
    if _IMDB.fullmatch(line):
        return Wanted(line, imdb=line)
    parts = _LINE.fullmatch(line)
    if parts is None:
        return Wanted(line)
    year = int(parts["year"]) if parts["year"] else None
    return Wanted(parts["name"], year, "series" if parts["series"] else "film")
