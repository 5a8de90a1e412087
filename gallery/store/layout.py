"""Where a gallery's releases are on a disk, and which one is current."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gallery.errors import GalleryCorruptError, GalleryMissingError
from gallery.store.files import is_real_folder
from gallery.store.limits import MAX_RELEASE
from gallery.store.release import RELEASE_FILE, Release, read_release

if TYPE_CHECKING:
    from pathlib import Path

CURRENT = "current"
RELEASES = "releases"


def current_release(folder: Path) -> tuple[Release, Path]:
    """Return the current release and its folder.

    Raises:
        GalleryMissingError: there is no gallery in the folder.
        GalleryCorruptError: `release.json` is damaged.
    """
    path = current_folder(folder)
    if path is None:
        raise no_gallery(folder)
    release = read_release(path / RELEASE_FILE)
    if str(release.number) != path.name:
        raise GalleryCorruptError(
            f"{path / RELEASE_FILE}: is of release {release.number}; install the release again"
        )
    return release, path


def current_folder(folder: Path) -> Path | None:
    """Return the folder of the current release, or None where there is no gallery.

    Raises:
        GalleryCorruptError: the link points elsewhere.
    """
    try:
        target = (folder / CURRENT).readlink()
    except OSError:
        return None
    name = target.name
    if target.parts != (RELEASES, name) or not _is_number(name):
        raise GalleryCorruptError(
            f"{folder / CURRENT}: points to {str(target)!a}, expected {RELEASES}/<number>"
        )
    path = folder / RELEASES / name
    for part in (folder / RELEASES, path):
        if part.is_symlink():
            raise GalleryCorruptError(f"{part}: is a link, expected a folder; remove the link")
    return path


def release_numbers(folder: Path) -> list[int]:
    """Return the numbers of all releases that are whole, ascending."""
    if (folder / RELEASES).is_symlink():
        return []
    try:
        entries = list((folder / RELEASES).iterdir())
    except OSError:
        return []
    return sorted(int(e.name) for e in entries if _is_number(e.name) and is_real_folder(e))


def _is_number(name: str) -> bool:
    """Return whether a folder has the name of a release, written as we write it."""
    return (
        name.isascii()
        and name.isdigit()
        and len(name) <= len(str(MAX_RELEASE))
        and str(int(name)) == name
    )


def no_gallery(folder: Path) -> GalleryMissingError:
    """Return the error that says there is none."""
    return GalleryMissingError(
        f"{folder}: no gallery there (no link {CURRENT!r}); enrol people with "
        '"tvradar gallery enrol PEOPLE_DIR -o DIR", or sync one'
    )
