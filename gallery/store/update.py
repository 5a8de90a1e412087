"""Changes to a gallery: people added, updated and removed, and segments merged again.

A change writes a small segment with what is new and tombstones for what is old. When these pass a
tenth of the whole, the change merges all segments into one, which also erases whom it leaves out.
Before that, small segments are merged with each other whenever there are `MERGE_RUN` of about one
size, so that there are never many, and a large one is not written again for each that is added.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np

from gallery.errors import GalleryInputError
from gallery.store.files import DISK, FileSystem
from gallery.store.people_table import PeopleTable
from gallery.store.person import Person
from gallery.store.quantise import Templates, check_vectors
from gallery.store.release import Release, SegmentInfo, Tombstone
from gallery.store.segment import Segment, open_segment, write_quantised, write_segment
from gallery.store.store import Draft, commit, no_gallery, now

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

T = TypeVar("T")

COMPACT_SHARE = 0.1
"""Merge when the rows of deltas and tombstones are more than this share of the first segment."""
MERGE_RUN = 4
"""This many segments of one size become one, the four times larger.

A template is then written about six times before it reaches the first segment, and a year of 1,000
single additions a day makes 25 segments at most (O'Neil et al., "The log-structured merge-tree",
1996; `tools/sim_additions.py`).
"""


@dataclass(frozen=True, slots=True)
class Entries:
    """People to be stored.

    Attributes:
        people: with different ids.
        templates: float32 (t, d), unit length.
        owners: int32 (t,), index into `people`.
        model: identity of the embedder.
    """

    people: Sequence[Person]
    templates: NDArray[np.float32]
    owners: NDArray[np.int32]
    model: str


def add(folder: Path, entries: Entries, *, fs: FileSystem = DISK) -> Release:
    """Add people whom the gallery does not have.

    Raises:
        GalleryInputError: somebody is there already, or comes from another embedder.
        GalleryMissingError: there is no gallery.
        GalleryWriteError: the disk is full; the release before stays in use.
    """
    return _change(folder, entries, frozenset(), "add", fs)


def update(folder: Path, entries: Entries, *, fs: FileSystem = DISK) -> Release:
    """Put people in the place of those with the same ids; see `add` for errors."""
    return _change(folder, entries, frozenset(), "update", fs)


def remove(folder: Path, ids: Collection[str], *, fs: FileSystem = DISK) -> Release:
    """Remove people: at once from search, and from all files when segments are merged.

    `compact` merges them now.

    Raises:
        GalleryInputError: somebody is not there.
        GalleryMissingError: there is no gallery.
        GalleryWriteError: the disk is full; the release before stays in use.
    """
    return _change(folder, None, frozenset(ids), "remove", fs)


def apply(
    folder: Path, entries: Entries | None, removed: Collection[str], *, fs: FileSystem = DISK
) -> Release:
    """Add or update some people and remove others in one release; see `add` for errors."""
    return _change(folder, entries, frozenset(removed), "put", fs)


def compact(folder: Path, *, fs: FileSystem = DISK) -> Release:
    """Merge all segments into one, without those removed.

    If there were any, the release says so (`forget_previous`): the releases before still hold them
    until `store.forget_previous` deletes these.

    Raises:
        GalleryMissingError: there is no gallery.
        GalleryCorruptError: a file is damaged.
        GalleryWriteError: the disk is full; the release before stays in use.
    """

    def write(draft: Draft) -> Release:
        if draft.previous is None:
            raise no_gallery(folder)
        return _merged(draft, draft.previous[0], draft.previous[1], fs)

    return commit(folder, write, fs)


def _change(
    folder: Path, entries: Entries | None, removed: frozenset[str], verb: str, fs: FileSystem
) -> Release:
    def write(draft: Draft) -> Release:
        if draft.previous is None:
            raise no_gallery(folder)
        old, old_folder = draft.previous
        if entries is not None:
            _check_entries(folder, old, entries, removed)
        changed = _change_release(draft, entries, removed, verb=verb, fs=fs)
        first = first_to_merge([s.rows for s in changed.segments], len(changed.tombstones))
        if first == 0:
            return _merged(draft, changed, old_folder, fs)
        if first is not None:
            return _merged_tail(draft, changed, old_folder, first, fs)
        return changed

    return commit(folder, write, fs)


def first_to_merge(rows: Sequence[int], tombstones: int) -> int | None:
    """Return the first segment to be merged with all after it, None where all may stay.

    Args:
        rows: of each segment, oldest first; the last one is new.
        tombstones: how many there are.
    """
    base = rows[0] if rows else 0
    if sum(rows[1:]) + tombstones > COMPACT_SHARE * base:
        return 0
    first = None
    last, size = len(rows) - 1, rows[-1] if rows else 0
    while True:
        begin = last
        while begin > 1 and _tier(rows[begin - 1]) <= _tier(size):
            begin -= 1
        if last - begin + 1 < MERGE_RUN:
            return first
        first, last, size = begin, begin, sum(rows[begin:])


def _tier(rows: int) -> int:
    """Return the size class of a segment, whole steps of four."""
    return (rows.bit_length() - 1) // 2


def _check_entries(
    folder: Path, release: Release, entries: Entries, removed: frozenset[str]
) -> None:
    check_vectors(entries.templates, "templates", release.dim)
    if entries.model != release.model:
        raise GalleryInputError(
            f"{folder}: made for the embedder {release.model!r}, these templates are from "
            f"{entries.model!r}; enrol everybody again with one embedder"
        )
    both = removed & {person.id for person in entries.people}
    if both:
        raise GalleryInputError(f"{min(both)!a}: is to be added and removed at once, expected one")


def _change_release(
    draft: Draft,
    entries: Entries | None,
    removed: frozenset[str],
    *,
    verb: str,
    fs: FileSystem,
) -> Release:
    """Write the delta and return the release with it, as yet unmerged."""
    assert draft.previous is not None
    old, folder = draft.previous
    segments = [open_segment(folder, s, old.model, old.dim) for s in old.segments]
    places = {(t.segment, t.ordinal) for t in old.tombstones}
    new = {person.id for person in entries.people} if entries else set()
    tombstones = list(old.tombstones)
    for person_id in sorted(new | removed):
        place = _place_of(segments, places, person_id)
        if place is None and (person_id in removed or verb == "update"):
            raise GalleryInputError(
                f"{person_id!a}: nobody in release {old.number} has this id; "
                'see "tvradar gallery inspect"'
            )
        if place is not None and verb == "add":
            raise GalleryInputError(
                f"{person_id!a}: is in release {old.number} already; use update, or another id"
            )
        if place is not None:
            tombstones.append(Tombstone(*place, id=person_id))
    infos = list(old.segments)
    if entries is not None and entries.people:
        infos.append(
            write_segment(
                draft.folder,
                entries.people,
                entries.templates,
                entries.owners,
                entries.model,
                fs=fs,
            )
        )
    return msgspec.structs.replace(
        old,
        number=draft.number,
        segments=tuple(infos),
        tombstones=tuple(sorted(tombstones)),
        created=now(),
        forget_previous=False,
    )


def _place_of(
    segments: list[Segment], tombstoned: set[tuple[int, int]], person_id: str
) -> tuple[int, int] | None:
    for index, segment in enumerate(segments):
        ordinal = segment.people.ordinal_of(person_id)
        if ordinal is not None and (index, ordinal) not in tombstoned:
            return index, ordinal
    return None


def _merged(draft: Draft, release: Release, old_folder: Path, fs: FileSystem) -> Release:
    """Write all living people into one segment, and drop the draft's own delta."""
    segments = _opened(draft, release, old_folder)
    tombstoned = {(t.segment, t.ordinal) for t in release.tombstones}
    infos: tuple[SegmentInfo, ...] = ()
    if release.people_count:
        infos = (_write_merged(draft, segments, tombstoned, release, fs),)
    _drop_others(draft, infos, fs)
    return msgspec.structs.replace(
        release,
        number=draft.number,
        segments=infos,
        tombstones=(),
        created=now(),
        forget_previous=bool(tombstoned),
    )


def _merged_tail(
    draft: Draft, release: Release, old_folder: Path, first: int, fs: FileSystem
) -> Release:
    """Write the living people of the segments from `first` on into one segment."""
    segments = _opened(draft, release, old_folder)
    tombstoned = {(t.segment - first, t.ordinal) for t in release.tombstones if t.segment >= first}
    kept, tail = release.segments[:first], release.segments[first:]
    infos: tuple[SegmentInfo, ...] = ()
    if sum(s.people for s in tail) > len(tombstoned):
        infos = (_write_merged(draft, segments[first:], tombstoned, release, fs),)
    _drop_others(draft, infos, fs)
    dropped = {t.id for t in release.tombstones if t.segment >= first}
    places = {(t.segment, t.ordinal) for t in release.tombstones}
    erased = any(_place_of(segments, places, person_id) is None for person_id in dropped)
    return msgspec.structs.replace(
        release,
        segments=(*kept, *infos),
        tombstones=tuple(t for t in release.tombstones if t.segment < first),
        forget_previous=erased,
    )


def _opened(draft: Draft, release: Release, old_folder: Path) -> list[Segment]:
    segments = []
    for info in release.segments:
        fresh = (draft.folder / info.templates_file.name).exists()
        segments.append(
            open_segment(draft.folder if fresh else old_folder, info, release.model, release.dim)
        )
    return segments


def _write_merged(
    draft: Draft,
    segments: list[Segment],
    tombstoned: set[tuple[int, int]],
    release: Release,
    fs: FileSystem,
) -> SegmentInfo:
    templates = _merged_templates(segments, tombstoned, release.dim)
    people = (person for _, _, _, person in _merge(segments, tombstoned, PeopleTable.people))
    return write_quantised(draft.folder, people, templates, release.model, fs=fs)


def _drop_others(draft: Draft, infos: tuple[SegmentInfo, ...], fs: FileSystem) -> None:
    kept = {file.name for info in infos for file in info.files}
    for path in sorted(draft.folder.iterdir()):
        if path.name not in kept:
            fs.unlink(path)


def _merged_templates(
    segments: list[Segment], tombstoned: set[tuple[int, int]], dim: int
) -> Templates:
    """Return the living people's templates in the order of their ids."""
    merged = _merge(segments, tombstoned, PeopleTable.ids)
    places = np.array([(index, ordinal) for _, index, ordinal, _ in merged], np.int64)
    counts = np.empty(len(places), np.uint8)
    for index, segment in enumerate(segments):
        theirs = places[:, 0] == index
        counts[theirs] = segment.templates.counts[places[theirs, 1]]
    of_segment = np.repeat(places[:, 0], counts)
    rows = np.empty((len(of_segment), dim), np.int8)
    scales = np.empty(len(of_segment), np.float32)
    for index, segment in enumerate(segments):
        source = segment.rows_of_all(places[places[:, 0] == index, 1])
        rows[of_segment == index] = segment.templates.rows[source]
        scales[of_segment == index] = segment.templates.scales[source]
    return Templates(rows, scales, counts)


def _merge(
    segments: list[Segment],
    tombstoned: set[tuple[int, int]],
    read: Callable[[PeopleTable], Iterator[tuple[int, T]]],
) -> Iterator[tuple[str, int, int, T]]:
    """Yield id, segment, ordinal and what `read` gives for each living person, sorted by id."""

    def of(index: int, segment: Segment) -> Iterator[tuple[str, int, int, T]]:
        for ordinal, value in read(segment.people):
            if (index, ordinal) not in tombstoned:
                person_id = value.id if isinstance(value, Person) else str(value)
                yield person_id, index, ordinal, value

    return heapq.merge(*(of(*pair) for pair in enumerate(segments)), key=lambda found: found[0])
