"""The store: releases on a disk, of which `current` names one.

    DIR/releases/<n>/release.json      what is in it
    DIR/releases/<n>/<sha256>.…        its files; those of the release before are hard links
    DIR/current -> releases/<n>        replaced in one step

A release is made whole in a hidden folder, synced, renamed, synced, and only then named by
`current`: readers see the old one or the new one, also after a power cut. The release
before is kept to fall back on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gallery.store.commit import Draft, commit, now
from gallery.store.files import DISK, FileSystem
from gallery.store.install import forget_previous, install_release, rollback
from gallery.store.layout import (
    CURRENT,
    RELEASES,
    current_folder,
    current_release,
    no_gallery,
    release_numbers,
)
from gallery.store.release import Release
from gallery.store.segment import write_segment
from gallery.store.verify import check_file, check_release_files, verify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from gallery.store.person import Person

__all__ = [
    "CURRENT",
    "RELEASES",
    "Draft",
    "check_file",
    "check_release_files",
    "commit",
    "create_gallery",
    "current_folder",
    "current_release",
    "forget_previous",
    "install_release",
    "no_gallery",
    "now",
    "release_numbers",
    "rollback",
    "verify",
]


def create_gallery(
    folder: Path,
    people: Sequence[Person],
    templates: NDArray[np.float32],
    owners: NDArray[np.int32],
    model: str,
    *,
    fs: FileSystem = DISK,
) -> Release:
    """Write a release with just these people, and make it the current one.

    Args:
        folder: the gallery; made if it is not there.
        people: with different ids.
        templates: float32 (t, d), unit length.
        owners: int32 (t,), index into `people`; 1 to 255 templates each.
        model: identity of the embedder, e.g. `sface-2021dec`.
        fs: the disk.

    Raises:
        GalleryInputError: people or templates that cannot be stored.
        GalleryWriteError: the disk is full or read-only; the release before stays in use.
    """

    def write(draft: Draft) -> Release:
        segment = write_segment(draft.folder, people, templates, owners, model, fs=fs)
        dim = int(templates.shape[1])
        return Release(draft.number, model, dim, (segment,), (), now())

    return commit(folder, write, fs)
