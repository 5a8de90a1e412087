"""Releases that come from elsewhere: installed, mended, left again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gallery.errors import GalleryCorruptError, GalleryInputError, GalleryMissingError
from gallery.store.check import open_checked
from gallery.store.commit import (
    discard,
    link_missing,
    make_staging,
    place_file,
    point_to,
    prune,
    publish,
    writing,
)
from gallery.store.files import DISK, FileSystem, is_real_file, is_real_folder
from gallery.store.layout import RELEASES, current_folder, no_gallery, release_numbers
from gallery.store.release import RELEASE_FILE, Release, encode_release, read_release
from gallery.store.verify import check_file, check_release_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gallery.store.release import FileInfo

log = logging.getLogger(__name__)


def install_release(folder: Path, staging_folder: Path, fs: FileSystem = DISK) -> Release:
    """Make a release that was fetched into a folder the current one.

    The folder has `release.json` and those of its files that no release here has undamaged; each
    file's sha256 and all that is in it is checked. The folder itself is left as it is; it should be
    on the same disk. Where this release is current already, what is damaged of it is mended.

    Raises:
        GalleryMissingError: a file is neither in the folder nor in a release here.
        GalleryCorruptError: a file is not what the release says.
        GalleryInputError: the release is older than the current one, see `rollback`.
        GalleryWriteError: the disk is full; the release before stays in use.
    """
    release = read_release(staging_folder / RELEASE_FILE)
    with writing(folder, fs):
        target = folder / RELEASES / str(release.number)
        current = current_folder(folder)
        if current is not None and int(current.name) > release.number:
            raise GalleryInputError(
                f"{staging_folder}: release {release.number} is older than the current "
                f'{current.name}; go back with "rollback"'
            )
        here = [folder / RELEASES / str(n) for n in release_numbers(folder)]
        if current == target and is_real_folder(target):
            # Once more: it rotted, or a power cut came between COMMIT and the caller's note of it.
            _mend(folder, release, target, [staging_folder, *here], fs)
            return release
        staging = make_staging(folder, release.number, fs)
        link_missing(release, staging, [staging_folder, *here], fs)
        open_checked(staging, release)
        if target.exists() or target.is_symlink():
            discard(target, fs)
        publish(folder, release, staging, keep=2, fs=fs)
        _mend_others(folder, release, target, fs)
    return release


def _mend(
    folder: Path, release: Release, target: Path, sources: Sequence[Path], fs: FileSystem
) -> None:
    """Put good files in the place of damaged ones, each in one step; a new link tells readers.

    Raises:
        GalleryInputError: the release that is there is whole, and another.
    """
    found = _release_of(target)
    if found is not None and found != release:
        raise GalleryInputError(f"{target}: another release {release.number} is current here")
    mended = [info.name for info in release.files if not _is_whole(target / info.name, info)]
    for info in release.files:
        if info.name in mended:
            _replace(info, target, sources, fs)
    if found is None:
        mended.append(RELEASE_FILE)
        draft = target / f".new-{RELEASE_FILE}"
        draft.unlink(missing_ok=True)
        fs.write(draft, [encode_release(release)])
        fs.sync_file(draft)
        fs.rename(draft, target / RELEASE_FILE)
    if mended:
        fs.sync_folder(target)
        open_checked(target, release)
        point_to(folder, target.name, fs)
        log.warning("%s: was damaged and is whole again: %s", target, ", ".join(mended))
    _mend_others(folder, release, target, fs)


def _mend_others(folder: Path, release: Release, good: Path, fs: FileSystem) -> None:
    """Mend what other releases here share with a good one: one of them is there to fall back on."""
    for number in release_numbers(folder):
        other = folder / RELEASES / str(number)
        for info in release.files:
            theirs, ours = other / info.name, good / info.name
            if other == good or not is_real_file(theirs) or theirs.samefile(ours):
                continue
            if not _is_whole(theirs, info):
                _replace(info, other, [good], fs)
                fs.sync_folder(other)


def _replace(info: FileInfo, target: Path, sources: Sequence[Path], fs: FileSystem) -> None:
    draft = target / f".new-{info.name}"
    draft.unlink(missing_ok=True)
    place_file(info, draft, [s / info.name for s in sources if s != target], fs)
    fs.rename(draft, target / info.name)


def _release_of(folder: Path) -> Release | None:
    try:
        return read_release(folder / RELEASE_FILE)
    except (GalleryMissingError, GalleryCorruptError):
        return None


def _is_whole(path: Path, info: FileInfo) -> bool:
    try:
        check_file(path, info)
    except (GalleryMissingError, GalleryCorruptError):
        return False
    return True


def rollback(folder: Path, fs: FileSystem = DISK) -> Release:
    """Make the release before the current one the current one again.

    Raises:
        GalleryMissingError: there is none.
        GalleryCorruptError: it is damaged; the current one stays.
    """
    with writing(folder, fs):
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
        point_to(folder, target.name, fs)
        log.warning("%s: went back from release %s to %s", folder, current.name, target.name)
    return release


def forget_previous(folder: Path, fs: FileSystem = DISK) -> None:
    """Delete all releases but the current one, and with them whom it no longer has."""
    with writing(folder, fs):
        prune(folder, keep=1, fs=fs)
