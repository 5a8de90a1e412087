"""Libraries on a disk: NFO files and the folders of actors' pictures beside them.

Kodi and tinyMediaManager keep `.actors/First_Last.jpg` beside a film or in a series' folder;
Jellyfin and Emby keep `metadata/People/F/First Last/folder.jpg`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engines.pictures.formats import is_picture_name
from gallery.errors import GalleryInputError
from gallery.library.found import Found, told
from gallery.library.people import name_key
from gallery.texts import shown
from gallery.titles.nfo import OtherNfoError, read_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gallery.titles.title import CastMember, Title

ACTORS = ".actors"
PEOPLE_PICTURES = ("folder", "poster", "thumb")
_PASSED_OVER = frozenset({"@eadir", "#recycle", "$recycle.bin", "lost+found", ".trashes"})


def read_folders(root: Path, pictures: Path | None = None) -> Found:
    """Return the titles of all NFO files under a folder.

    Args:
        root: of films and series.
        pictures: one more folder of people's pictures, Jellyfin's `metadata/People`.

    Raises:
        GalleryInputError: a folder is missing, or there is neither NFO file nor picture in it.
    """
    for folder in (root, pictures):
        if folder is not None and not folder.is_dir():
            raise GalleryInputError(f"{shown(str(folder))}: no such folder, expected a library's")
    left_out: list[str] = []
    incomplete: list[str] = []
    titles: list[Title] = []
    shared: dict[str, list[str]] = defaultdict(list)
    beside: dict[Path, dict[str, list[str]]] = {}
    for folder, files in _walk(root, incomplete):
        if folder.name == ACTORS:
            beside[folder.parent] = _by_name(folder, files)
            continue
        _take_people(folder, files, shared)
        for name in files:
            if name.lower().endswith(".nfo"):
                _take_nfo(folder / name, titles, left_out, incomplete)
    if pictures is not None:
        for folder, files in _walk(pictures, incomplete):
            _take_people(folder, files, shared)
    if not titles and not shared:
        raise GalleryInputError(
            f"{shown(str(root))}: no NFO file of a film or series in it"
            + "".join(f" ({line})" for line in (incomplete + left_out)[:1])
            + "; let the media centre export its library as separate files, with actors' pictures"
        )
    found = tuple(_with_pictures(title, root, beside) for title in titles)
    every = {key: tuple(paths) for key, paths in shared.items()}
    return Found(found, every, told(incomplete + left_out), told(incomplete))


def _walk(root: Path, incomplete: list[str]) -> Iterator[tuple[Path, list[str]]]:
    """Yield folders and their files, sorted; links to folders are not followed."""

    def failed(error: OSError) -> None:
        incomplete.append(f"{shown(str(error.filename))}: cannot be listed ({error.strerror})")

    for folder, folders, files in os.walk(root, onerror=failed):
        folders[:] = sorted(name for name in folders if name.lower() not in _PASSED_OVER)
        yield Path(folder), sorted(name for name in files if not name.startswith("._"))


def _take_nfo(path: Path, titles: list[Title], left_out: list[str], incomplete: list[str]) -> None:
    try:
        titles += read_all(path)
    except OtherNfoError:
        return
    except GalleryInputError as error:
        is_unread = isinstance(error.__cause__, OSError)
        (incomplete if is_unread else left_out).append(str(error))


def _by_name(folder: Path, files: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in files:
        if is_picture_name(name) or name.lower().endswith(".tbn"):
            found[name_key(name.rpartition(".")[0])].append(str(folder / name))
    return found


def _take_people(folder: Path, files: list[str], shared: dict[str, list[str]]) -> None:
    """Take `People/F/First Last/folder.jpg`."""
    if folder.parent.parent.name.lower() != "people":
        return
    for name in files:
        stem = name.rpartition(".")[0].rstrip("0123456789").lower()
        if is_picture_name(name) and stem in PEOPLE_PICTURES:
            shared[name_key(folder.name)].append(str(folder / name))


def _with_pictures(title: Title, root: Path, beside: dict[Path, dict[str, list[str]]]) -> Title:
    folder = Path(title.where).parent
    near = [f for f in (folder, *folder.parents) if f == root or root in f.parents]
    cast = tuple(_with_picture(member, folder, near, beside) for member in title.cast)
    return msgspec.structs.replace(title, cast=cast)


def _with_picture(
    member: CastMember,
    folder: Path,
    near: list[Path],
    beside: dict[Path, dict[str, list[str]]],
) -> CastMember:
    key = name_key(member.name)
    for place in near:
        if beside.get(place, {}).get(key):
            return msgspec.structs.replace(member, picture=beside[place][key][0])
    picture = member.picture
    if picture and "://" not in picture:
        local = folder / picture.replace("\\", "/")
        picture = str(local.absolute()) if local.is_file() else ""
    return msgspec.structs.replace(member, picture=picture)
