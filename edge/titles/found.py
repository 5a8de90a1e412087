"""The title of a file: an NFO beside it, else what its tags say."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import av
import av.error

from gallery.errors import GalleryInputError
from gallery.titles.nfo import read_nfo
from gallery.titles.title import CastMember, Title, one_line, year_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

MOST_NAMES = 500
MOST_TAG = 20_000
"""Characters of a tag that are looked at: `MOST_NAMES` names; a file may hold megabytes."""
_TITLE_TAGS = ("title", "show", "series")
_CAST_TAGS = ("actor", "actors", "cast", "starring", "lead_performer", "\xa9act")
_YEAR_TAGS = ("date", "year", "date_released", "originalyear")
_TEXT_TAGS = ("description", "synopsis", "comment", "summary")


def title_beside(path: Path) -> Title | None:
    """Return the title in the NFO of a film: of its own name, or `movie.nfo` in its folder.

    Raises:
        GalleryInputError: there is one, and it cannot be read.
    """
    for beside in (path.with_suffix(".nfo"), path.with_name("movie.nfo")):
        if beside.is_file() and beside != path:
            return read_nfo(beside)
    return None


def title_in(path: Path) -> Title | None:
    """Return the title that a file's own tags tell, None where they tell none."""
    with suppress(av.error.FFmpegError, OSError, ValueError):
        av.logging.set_libav_level(av.logging.FATAL)
        with av.open(str(path), metadata_errors="replace") as container:
            return title_of_tags(container.metadata)
    return None


def title_of_tags(tags: Mapping[str, str]) -> Title | None:
    """Return the title that tags tell, by the names that MP4 and Matroska give them."""
    told = {
        key.casefold(): value[:MOST_TAG] for key, value in tags.items() if isinstance(value, str)
    }
    names = [one_line(told.get(tag)) for tag in _TITLE_TAGS]
    cast = [
        one_line(name)
        for tag in _CAST_TAGS
        for name in told.get(tag, "").replace(";", ",").replace("/", ",").split(",")
    ]
    text = "\n".join(one_line(told.get(tag), 10_000) for tag in _TEXT_TAGS)
    if not any(names) and not any(cast):
        return None
    year = next((y for tag in _YEAR_TAGS if (y := year_of(told.get(tag)))), None)
    members = tuple(CastMember(name) for name in dict.fromkeys(cast) if name)[:MOST_NAMES]
    return Title(tuple(dict.fromkeys(n for n in names if n)), year, members, text.strip())


def title_of_file(path: Path) -> Title | None:
    """Return what is known of a film's title; an NFO that cannot be read is logged."""
    try:
        beside = title_beside(path)
    except GalleryInputError as error:
        log.warning("%s", error)
        beside = None
    return beside or title_in(path)
