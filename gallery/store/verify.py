"""Whether a gallery is whole: every hash, every person."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gallery.errors import GalleryCorruptError, GalleryDamagedError, GalleryMissingError
from gallery.regular import open_regular
from gallery.store.check import open_checked
from gallery.store.layout import RELEASES, current_release, release_numbers
from gallery.store.release import RELEASE_FILE, FileInfo, Release, read_release
from gallery.store.segment import sha256_of

if TYPE_CHECKING:
    from pathlib import Path


def verify(folder: Path) -> list[str]:
    """Check everything that is in a gallery: all hashes, all people, of all releases kept.

    Returns:
        What is wrong, a line each that names a file; empty if all is well.
    """
    problems = []
    try:
        current_release(folder)
    except (GalleryMissingError, GalleryCorruptError) as error:
        problems.append(str(error))
    for number in release_numbers(folder):
        path = folder / RELEASES / str(number)
        try:
            release = check_release_files(path)
        except (GalleryMissingError, GalleryCorruptError) as error:
            problems.append(str(error))
            continue
        known = {RELEASE_FILE, *(file.name for file in release.files)}
        problems += [
            f"{path / name}: belongs to no release; remove it"
            for name in sorted({entry.name for entry in path.iterdir()} - known)
        ]
    return list(dict.fromkeys(problems))


def check_release_files(path: Path) -> Release:
    """Check all files of a release by their sha256, and all people.

    Raises:
        GalleryMissingError: a file is not there.
        GalleryCorruptError: a file is damaged; the message names it.
    """
    release = read_release(path / RELEASE_FILE)
    for file in release.files:
        check_file(path / file.name, file)
    open_checked(path, release)
    return release


def check_file(path: Path, info: FileInfo) -> None:
    """Check a file's size and sha256.

    Raises:
        GalleryMissingError: it is not there.
        GalleryDamagedError: it is another.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
        # Another size is another file: one that is too long is not read to its end.
        found = sha256_of(path) if size == info.size else "another size"
    except OSError as error:
        raise GalleryMissingError(
            f"{path}: cannot be read ({error.strerror}); install the release again"
        ) from error
    if (size, found) != (info.size, info.sha256):
        raise GalleryDamagedError(
            f"{path}: {size} bytes, sha256 {found[:12]}…, expected {info.size} bytes, "
            f"{info.sha256[:12]}…; install the release again"
        )
