"""The strict reader: whether a release's files are as our own writer would have made them.

It stands before each commit of the updater and before each swap of a recogniser: what is signed may
still be wrong, from a publisher that errs or whose keys were stolen. All that it does is bounded in
time and memory (`limits`), and it raises nothing but the errors of this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gallery.errors import GalleryCorruptError
from gallery.store.segment import Segment, check_segment, open_segment

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from gallery.store.release import Release


def open_checked(
    folder: Path, release: Release, known: Collection[Segment] = ()
) -> tuple[Segment, ...]:
    """Open all segments of a release after a check of all that is in them.

    Args:
        folder: of the release.
        release: what `release.json` says.
        known: open segments that were checked before; one whose files are still the same is taken
            over, so that a swap costs neither its time nor its descriptors.

    Raises:
        GalleryMissingError: a file is not there.
        GalleryCorruptError: something is not as we write it; the message names the file.
    """
    segments = []
    for info in release.segments:
        same = next((s for s in known if s.is_at(folder, info, release.model, release.dim)), None)
        segment = same or open_segment(folder, info, release.model, release.dim)
        if same is None:
            check_segment(segment)
        segments.append(segment)
    _check_tombstones(folder, release, segments)
    _check_nobody_is_twice(folder, release, segments)
    return tuple(segments)


def _check_tombstones(folder: Path, release: Release, segments: Sequence[Segment]) -> None:
    for tombstone in release.tombstones:
        person_id = segments[tombstone.segment].people.id_of(tombstone.ordinal)
        if person_id != tombstone.id:
            raise GalleryCorruptError(
                f"{folder}: the tombstone of {tombstone.id!a} is on {person_id!a}; install the "
                "release again"
            )


def _check_nobody_is_twice(folder: Path, release: Release, segments: Sequence[Segment]) -> None:
    """Compare the small segments with each other, and then with the largest, by its index."""
    if len(segments) < 2:
        return
    tombstoned = {(t.segment, t.ordinal) for t in release.tombstones}
    largest = max(range(len(segments)), key=lambda n: segments[n].info.people)
    alive: set[str] = set()
    for index, segment in enumerate(segments):
        if index == largest:
            continue
        for ordinal, person_id in segment.people.ids():
            if (index, ordinal) in tombstoned:
                continue
            there = segments[largest].people.ordinal_of(person_id)
            if person_id in alive or (there is not None and (largest, there) not in tombstoned):
                raise GalleryCorruptError(
                    f"{folder}: {person_id!a} is there twice; install the release again"
                )
            alive.add(person_id)
