"""Whom a release removes, as far as it can be told from what is here.

A removal has to act even where the release cannot be installed. Tombstones say it for the segments
that stay; for segments that a merge dropped, the tables of people say it.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from gallery.errors import GalleryError
from gallery.store.people_table import PeopleTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gallery.store.release import Release, SegmentInfo

log = logging.getLogger(__name__)


def removed_by(
    newer: Release, older: Release | None, people_file: Callable[[SegmentInfo], Path | None]
) -> set[str]:
    """Return ids that an older release has and a newer one has not.

    Somebody of whom that cannot be told, because a table is neither here nor arrives, counts as
    removed where a tombstone names them, and not where nothing does.

    Args:
        newer: the release that cannot be installed.
        older: the one in use, None where it cannot be read.
        people_file: where the table of a segment is, None where it is not here.
    """
    with contextlib.ExitStack() as opened:
        tables = {
            info.people_file.sha256: _open(info, people_file, opened)
            for info in (*newer.segments, *(older.segments if older else ()))
        }
        found = {t.id for t in newer.tombstones}
        found = {person_id for person_id in found if not _lives(person_id, newer, tables)}
        if older is not None:
            found |= _dropped(newer, older, tables)
    return found


_Tables = dict[str, PeopleTable | None]


def _dropped(newer: Release, older: Release, tables: _Tables) -> set[str]:
    """Return who was in segments that the newer release has no more, and is in none of its own."""
    kept = {info.people_file.sha256 for info in newer.segments}
    if any(tables[sha256] is None for sha256 in kept):
        return set()
    tombstoned = {(t.segment, t.ordinal) for t in older.tombstones}
    found = set()
    for index, info in enumerate(older.segments):
        table = tables[info.people_file.sha256]
        if table is None or info.people_file.sha256 in kept:
            continue
        with contextlib.suppress(GalleryError):  # what can be read of it, counts
            for ordinal, person_id in table.ids():
                if (index, ordinal) not in tombstoned and not _lives(person_id, newer, tables):
                    found.add(person_id)
    return found


def _lives(person_id: str, release: Release, tables: _Tables) -> bool:
    tombstoned = {(t.segment, t.ordinal) for t in release.tombstones if t.id == person_id}
    for index, info in enumerate(release.segments):
        table = tables[info.people_file.sha256]
        ordinal = None
        with contextlib.suppress(GalleryError):
            ordinal = table.ordinal_of(person_id) if table else None
        if ordinal is not None and (index, ordinal) not in tombstoned:
            return True
    return False


def _open(
    info: SegmentInfo,
    people_file: Callable[[SegmentInfo], Path | None],
    opened: contextlib.ExitStack,
) -> PeopleTable | None:
    path = people_file(info)
    if path is None:
        return None
    try:
        table = PeopleTable(path, info.people)
    except GalleryError as error:
        log.info("%s", error)
        return None
    opened.callback(table.close)
    return table
