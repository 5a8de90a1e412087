"""The store: releases on a disk, of which `current` names one.

    DIR/releases/<n>/release.json      what is in it
    DIR/releases/<n>/<sha256>.…        its files; those of the release before are hard links
    DIR/current -> releases/<n>        replaced in one step

A release is made whole in a hidden folder, synced, renamed, synced, and only then named by
`current`: whoever reads, sees the old one or the new one, also after a power cut. The release
before is kept to fall back on.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from gallery.errors import (
    GalleryInputError,
    GalleryMissingError,
    GalleryWriteError,
)
from gallery.store.files import DISK, FileSystem, remove_tree
from gallery.store.layout import (
    CURRENT,
    RELEASES,
    current_folder,
    current_release,
    no_gallery,
    release_numbers,
)
from gallery.store.release import RELEASE_FILE, Release, encode_release, read_release
from gallery.store.segment import open_segment, write_segment
from gallery.store.verify import check_file, check_release_files, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from gallery.store.person import Person

log = logging.getLogger(__name__)

__all__ = [
    "CURRENT",
    "RELEASES",
    "Draft",
    "check_file",
    "check_release_files",
    "commit",
    "create_gallery",
    "current_release",
    "forget_previous",
    "install_release",
    "no_gallery",
    "now",
    "release_numbers",
    "rollback",
    "verify",
]

_STAGING = ".staging"
_NEW_LINK = ".current"
_LOCK = ".lock"


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
        GalleryWriteError: the disk is full or read-only; the release before serves on.
    """

    def write(draft: Draft) -> Release:
        segment = write_segment(draft.folder, people, templates, owners, model, fs=fs)
        dim = int(templates.shape[1])
        return Release(draft.number, model, dim, (segment,), (), now())

    return commit(folder, write, fs)


@dataclass(frozen=True, slots=True)
class Draft:
    """A release in the making.

    Attributes:
        folder: where its files go.
        number: its number.
        previous: the current release and its folder, or None.
    """

    folder: Path
    number: int
    previous: tuple[Release, Path] | None


def commit(folder: Path, write: Callable[[Draft], Release], fs: FileSystem = DISK) -> Release:
    """Make a release out of the files that `write` puts into the draft's folder, and publish it.

    Files of the current release that the new one names are linked, not copied.

    Raises:
        GalleryWriteError: a call to the disk failed; the release before serves on.
    """
    with _writing(folder, fs):
        previous = None
        if current_folder(folder) is not None:
            previous = current_release(folder)
        number = max(release_numbers(folder), default=0) + 1
        staging = folder / RELEASES / f"{_STAGING}-{number}"
        fs.make_folder(staging)
        release = write(Draft(staging, number, previous))
        if previous:
            _link_missing(release, staging, [previous[1]], fs)
        # Whoever was erased must not live on in the release before; here it is not needed to fall
        # back on, as a device needs it until it has confirmed the new one.
        _publish(folder, release, staging, keep=1 if release.forget_previous else 2, fs=fs)
    return release


def install_release(folder: Path, staging_folder: Path, fs: FileSystem = DISK) -> Release:
    """Make a release that was fetched into a folder the current one.

    The folder has `release.json` and those of its files that no release here has; each file's
    sha256 is checked. The folder itself is left as it is; it should be on the same disk.

    Raises:
        GalleryMissingError: a file is neither in the folder nor in a release here.
        GalleryCorruptError: a file is not what the release says.
        GalleryInputError: the release is older than the current one, see `rollback`.
        GalleryWriteError: the disk is full; the release before serves on.
    """
    release = read_release(staging_folder / RELEASE_FILE)
    with _writing(folder, fs):
        target = folder / RELEASES / str(release.number)
        current = current_folder(folder)
        if current is not None and int(current.name) > release.number:
            raise GalleryInputError(
                f"{staging_folder}: release {release.number} is older than the current "
                f'{current.name}; go back with "rollback"'
            )
        if current == target:
            # The same once more: a power cut came between COMMIT and the caller's note of it.
            if read_release(target / RELEASE_FILE) == release:
                return release
            raise GalleryInputError(
                f"{staging_folder}: another release {release.number} is current here"
            )
        staging = folder / RELEASES / f"{_STAGING}-{release.number}"
        fs.make_folder(staging)
        here = [folder / RELEASES / str(n) for n in release_numbers(folder)]
        _link_missing(release, staging, [staging_folder, *here], fs)
        for segment in release.segments:
            for info in segment.files:
                check_file(staging / info.name, info)
            open_segment(staging, segment, release.model, release.dim)
        if target.exists():
            _discard(target, fs)
        _publish(folder, release, staging, keep=2, fs=fs)
    return release


def rollback(folder: Path, fs: FileSystem = DISK) -> Release:
    """Make the release before the current one the current one again.

    Raises:
        GalleryMissingError: there is none.
        GalleryCorruptError: it is damaged; the current one stays.
    """
    with _writing(folder, fs):
        current = current_folder(folder)
        if current is None:
            raise no_gallery(folder)
        older = [n for n in release_numbers(folder) if n < int(current.name)]
        if not older:
            raise GalleryMissingError(
                f"{folder}: release {current.name} is the only one, there is none to go back to; "
                "install a release"
            )
        target = folder / RELEASES / str(max(older))
        release = check_release_files(target)
        _point_to(folder, target.name, fs)
        log.warning("%s: went back from release %s to %s", folder, current.name, target.name)
    return release


def forget_previous(folder: Path, fs: FileSystem = DISK) -> None:
    """Delete all releases but the current one, and with them whom it no longer has."""
    with _writing(folder, fs):
        _prune(folder, keep=1, fs=fs)


def now() -> str:
    """Return the time as a release records it: SOURCE_DATE_EPOCH where a build sets it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.now(timezone.utc)
    if epoch.isascii() and epoch.isdigit():
        moment = datetime.fromtimestamp(int(epoch), timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextlib.contextmanager
def _writing(folder: Path, fs: FileSystem) -> Iterator[None]:
    """Hold the writer's lock, clear what an interrupted writer left, and word disk errors."""
    try:
        fs.make_folder(folder / RELEASES)
        with (folder / _LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise GalleryWriteError(
                    f"{folder}: another process is writing to it; try again when it is done"
                ) from None
            _clear(folder, fs)
            try:
                yield
            except Exception:
                # Not after a power cut: a later writer clears what is left here.
                with contextlib.suppress(OSError):
                    _clear(folder, fs)
                raise
    except OSError as error:
        raise GalleryWriteError(
            f"{error.filename or folder}: {error.strerror or error}; the new release was not "
            "written, the one before serves on; make room or mend the disk, and try again"
        ) from error


def _clear(folder: Path, fs: FileSystem) -> None:
    for path in sorted((folder / RELEASES).glob(f"{_STAGING}-*")):
        remove_tree(fs, path)
    if (folder / _NEW_LINK).is_symlink():
        fs.unlink(folder / _NEW_LINK)


def _link_missing(release: Release, target: Path, sources: list[Path], fs: FileSystem) -> None:
    for info in release.files:
        if (target / info.name).exists():
            continue
        source = next((s / info.name for s in sources if (s / info.name).is_file()), None)
        if source is None:
            raise GalleryMissingError(
                f"{sources[0] / info.name}: is not there, and no release here has it; fetch it"
            )
        fs.link(source, target / info.name)
        fs.sync_file(target / info.name)


def _publish(folder: Path, release: Release, staging: Path, *, keep: int, fs: FileSystem) -> None:
    fs.write(staging / RELEASE_FILE, [encode_release(release)])
    fs.sync_file(staging / RELEASE_FILE)
    fs.sync_folder(staging)
    fs.rename(staging, folder / RELEASES / str(release.number))
    fs.sync_folder(folder / RELEASES)
    before = current_folder(folder)
    _point_to(folder, str(release.number), fs)
    log.info("%s: release %d is current", folder, release.number)
    try:
        _prune(folder, keep=keep, before=before, fs=fs)
    except OSError as error:
        # The release stands; the next writer prunes again.
        log.warning("%s: could not remove old releases: %s", folder, error)


def _point_to(folder: Path, name: str, fs: FileSystem) -> None:
    fs.symlink(f"{RELEASES}/{name}", folder / _NEW_LINK)
    fs.rename(folder / _NEW_LINK, folder / CURRENT)
    fs.sync_folder(folder)


def _prune(folder: Path, *, keep: int, fs: FileSystem, before: Path | None = None) -> None:
    current = current_folder(folder)
    kept = {current, before} if keep > 1 else {current}
    for number in release_numbers(folder):
        path = folder / RELEASES / str(number)
        if path not in kept:
            _discard(path, fs)
    fs.sync_folder(folder / RELEASES)


def _discard(path: Path, fs: FileSystem) -> None:
    # Renamed first: a release that is half deleted must not look like one to fall back on.
    doomed = path.with_name(f"{_STAGING}-old-{path.name}")
    fs.rename(path, doomed)
    fs.sync_folder(path.parent)
    remove_tree(fs, doomed)
