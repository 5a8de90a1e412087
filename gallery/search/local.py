"""The signed gallery and the people whom viewers named on this device, searched as one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from gallery.errors import GalleryError
from gallery.store.check import open_checked
from gallery.store.layout import current_folder, current_release

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from gallery.store.release import Release
    from gallery.store.segment import Segment

log = logging.getLogger(__name__)


def with_local(
    release: Release,
    segments: tuple[Segment, ...],
    folder: Path,
    known: Collection[Segment] = (),
) -> tuple[Release, tuple[Segment, ...]]:
    """Return a release and its segments with those of the local gallery behind them.

    One that is not there, is damaged or was made with another embedder is left out: what is
    signed is named all the same.
    """
    if current_folder(folder) is None:
        return release, segments
    try:
        own, path = current_release(folder)
        if (own.model, own.dim) != (release.model, release.dim):
            log.warning("%s: made with %s, and left out", folder, own.model)
            return release, segments
        theirs = open_checked(path, own, known)
    except GalleryError as error:
        log.warning("people named on this device are left out: %s", error)
        return release, segments
    moved = [msgspec.structs.replace(t, segment=t.segment + len(segments)) for t in own.tombstones]
    both = msgspec.structs.replace(
        release,
        segments=(*release.segments, *own.segments),
        tombstones=(*release.tombstones, *moved),
    )
    return both, (*segments, *theirs)
