"""One writer at a time makes a release out of a hidden folder, durable before it is visible.

No call follows a link out of the gallery's folder: a link there is removed itself, or refused.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from gallery.errors import GalleryDamagedError, GalleryMissingError, GalleryWriteError
from gallery.store.files import DISK, FileSystem, is_real_file, is_real_folder, remove_tree
from gallery.store.layout import (
    CURRENT,
    RELEASES,
    current_folder,
    current_release,
    release_numbers,
)
from gallery.store.release import RELEASE_FILE, Release, encode_release
from gallery.store.verify import check_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from gallery.store.release import FileInfo

log = logging.getLogger(__name__)

_STAGING = ".staging"
_NEW_LINK = ".current"
_LOCK = ".lock"


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
        GalleryWriteError: a call to the disk failed; the release before stays in use.
    """
    with writing(folder, fs):
        previous = None
        if current_folder(folder) is not None:
            previous = current_release(folder)
        number = max(release_numbers(folder), default=0) + 1
        staging = make_staging(folder, number, fs)
        release = write(Draft(staging, number, previous))
        if previous:
            link_missing(release, staging, [previous[1]], fs)
        # Whoever was erased must not live on in the release before; here it is not needed to fall
        # back on, as a device needs it until it has confirmed the new one.
        publish(folder, release, staging, keep=1 if release.forget_previous else 2, fs=fs)
    return release


def now() -> str:
    """Return the time as a release records it: SOURCE_DATE_EPOCH where a build sets it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.now(timezone.utc)
    if epoch.isascii() and epoch.isdigit():
        moment = datetime.fromtimestamp(int(epoch), timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextlib.contextmanager
def writing(folder: Path, fs: FileSystem) -> Iterator[None]:
    """Hold the writer's lock, clear what an interrupted writer left, and word disk errors."""
    try:
        fs.make_folder(folder / RELEASES)
        if not is_real_folder(folder / RELEASES):
            raise NotADirectoryError(
                errno.ENOTDIR, "is a link, expected a folder", str(folder / RELEASES)
            )
        with _locked(folder):
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


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(folder / _LOCK, flags, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise GalleryWriteError(
            f"{folder}: another process is writing to it; try again when it is done"
        ) from None
    finally:
        os.close(lock)


def make_staging(folder: Path, number: int, fs: FileSystem) -> Path:
    """Return a new hidden folder for a release in the making."""
    staging = folder / RELEASES / f"{_STAGING}-{number}"
    fs.make_folder(staging)
    return staging


def _clear(folder: Path, fs: FileSystem) -> None:
    for path in sorted((folder / RELEASES).glob(f"{_STAGING}-*")):
        remove_tree(fs, path)
    if (folder / _NEW_LINK).is_symlink():
        fs.unlink(folder / _NEW_LINK)


def link_missing(release: Release, target: Path, sources: Sequence[Path], fs: FileSystem) -> None:
    """Give a release's folder each of its files, from the first source that has it undamaged.

    Raises:
        GalleryMissingError: no source has it.
        GalleryDamagedError: those that have it are damaged.
    """
    for info in release.files:
        if is_real_file(target / info.name):
            continue
        place_file(info, target / info.name, [source / info.name for source in sources], fs)


def place_file(info: FileInfo, target: Path, sources: Sequence[Path], fs: FileSystem) -> None:
    """Link or copy the first of some files that is what it should be; see `link_missing`."""
    damaged: GalleryDamagedError | None = None
    for source in sources:
        if not is_real_file(source):
            continue
        fs.link(source, target)
        try:
            check_file(target, info)
        except GalleryDamagedError as error:
            log.warning("%s: is damaged, and is not used: %s", source, error)
            damaged = GalleryDamagedError(str(error).replace(str(target), str(source)))
            fs.unlink(target)
            continue
        fs.sync_file(target)
        return
    if damaged is not None:
        raise damaged
    raise GalleryMissingError(f"{sources[0]}: is not there, and no release here has it; fetch it")


def publish(folder: Path, release: Release, staging: Path, *, keep: int, fs: FileSystem) -> None:
    """Make a whole folder a release, and the current one."""
    fs.write(staging / RELEASE_FILE, [encode_release(release)])
    fs.sync_file(staging / RELEASE_FILE)
    fs.sync_folder(staging)
    fs.rename(staging, folder / RELEASES / str(release.number))
    fs.sync_folder(folder / RELEASES)
    before = current_folder(folder)
    point_to(folder, str(release.number), fs)
    log.info("%s: release %d is current", folder, release.number)
    try:
        prune(folder, keep=keep, before=before, fs=fs)
    except OSError as error:
        # The release stands; the next writer prunes again.
        log.warning("%s: could not remove old releases: %s", folder, error)


def point_to(folder: Path, name: str, fs: FileSystem) -> None:
    """Let `current` name a release."""
    fs.symlink(f"{RELEASES}/{name}", folder / _NEW_LINK)
    fs.rename(folder / _NEW_LINK, folder / CURRENT)
    fs.sync_folder(folder)


def prune(folder: Path, *, keep: int, fs: FileSystem, before: Path | None = None) -> None:
    """Remove releases that are not needed to fall back on."""
    current = current_folder(folder)
    kept = {current, before} if keep > 1 else {current}
    if keep > 1 and before == current:  # it was made again, so the one before it is still needed
        others = [n for n in release_numbers(folder) if current and str(n) != current.name]
        kept |= {folder / RELEASES / str(n) for n in others[-1:]}
    for number in release_numbers(folder):
        path = folder / RELEASES / str(number)
        if path not in kept:
            discard(path, fs)
    fs.sync_folder(folder / RELEASES)


def discard(path: Path, fs: FileSystem) -> None:
    """Remove a release."""
    # Renamed first: a release that is half deleted must not look like one to fall back on.
    doomed = path.with_name(f"{_STAGING}-old-{path.name}")
    fs.rename(path, doomed)
    fs.sync_folder(path.parent)
    remove_tree(fs, doomed)
