"""Folders of people on a disk, as they come from a NAS, a Mac or a camera: what is read of them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engines.pictures.formats import is_picture_name, is_system_name, why_not_read
from gallery.errors import GalleryInputError
from gallery.store.person import PERSON_FILE, derive_person_id

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TOLD = 20
"""This many faults are listed; more are counted."""


@dataclass(frozen=True, slots=True)
class PersonFolder:
    """One person's folder.

    Attributes:
        id: the folder's name, or derived from it.
        name: the folder's name where that is no id, else empty.
        path: the folder.
        files: of the plain files that are read, by name: their size and time.
    """

    id: str
    name: str
    path: Path
    files: dict[str, str] = field(default_factory=dict)

    @property
    def pictures(self) -> list[Path]:
        """The pictures, sorted by name."""
        return [self.path / name for name in sorted(self.files) if is_picture_name(name)]


@dataclass(frozen=True, slots=True)
class People:
    """The folders of a folder.

    Attributes:
        folders: sorted by id.
        left_out: a sentence for each thing that is not read, and why.
    """

    folders: list[PersonFolder]
    left_out: list[str]


def find_people(people_dir: Path) -> People:
    """Return the folders of the people; what systems keep there for themselves is passed over.

    Raises:
        GalleryInputError: the folder is missing or has no person; or folders have names that give
            no id, or the same one, or cannot be listed: all of them are named.
    """
    if not people_dir.is_dir():
        raise GalleryInputError(
            f"{people_dir}: no such folder, expected one folder per person with pictures in it"
        )
    left_out: list[str] = []
    problems: list[str] = []
    names = []
    for entry in _entries(people_dir):
        if entry.is_dir():
            names.append(entry.name)
        else:
            left_out.append(f"{shown(entry.name)}: {_why_loose(entry)}")
    ids = ids_of(names, str(people_dir), problems)
    folders = []
    for name, (person_id, person_name) in ids.items():
        try:
            files = _files(people_dir / name, left_out)
        except GalleryInputError as error:
            problems.append(str(error))
            continue
        folders.append(PersonFolder(person_id, person_name, people_dir / name, files))
    refuse(problems)
    if not folders:
        raise nobody(str(people_dir))
    return People(sorted(folders, key=lambda folder: folder.id), left_out)


def ids_of(names: Iterable[str], where: str, problems: list[str]) -> dict[str, tuple[str, str]]:
    """Return id and name of each folder's name; those that give none, or one twice, are problems.

    Args:
        names: of folders.
        where: the folder that they are in, for messages.
        problems: is added to.
    """
    found: dict[str, tuple[str, str]] = {}
    owners: dict[str, str] = {}
    for name in sorted(names):
        try:
            derived = derive_person_id(name)
        except GalleryInputError as error:
            problems.append(f"{where}: {error}")
            continue
        other = owners.setdefault(derived[0], name)
        if other != name:
            problems.append(
                f"{where}: the folders {other!a} and {name!a} both give the id "
                f"{derived[0]}; rename one, or put their pictures together"
            )
            continue
        found[name] = derived
    return found


def refuse(problems: list[str]) -> None:
    """Tell all that is wrong at once.

    Raises:
        GalleryInputError: anything is.
    """
    if problems:
        more = len(problems) - MAX_TOLD
        told = problems[:MAX_TOLD] + ([f"and {more} more"] if more > 0 else [])
        raise GalleryInputError("\n".join(told))


def nobody(where: str) -> GalleryInputError:
    """Return the error of a catalogue without people."""
    return GalleryInputError(
        f"{where}: no folder in it, expected one folder per person, named by the person, with "
        "pictures in it"
    )


def shown(text: str) -> str:
    """Return a file's name fit for a line of text: what is not printable is written out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise GalleryInputError(
            f"{shown(str(folder))}: cannot be listed ({error.strerror}); check its permissions"
        ) from error
    return [entry for entry in found if not is_system_name(entry.name)]


def _files(folder: Path, left_out: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in _entries(folder):
        why = _why_left_out(entry)
        if why:
            left_out.append(f"{shown(folder.name)}/{shown(entry.name)}: {why}")
        else:
            status = entry.stat()
            found[entry.name] = f"{status.st_size} {status.st_mtime_ns}"
    return found


def _why_left_out(entry: os.DirEntry[str]) -> str:
    """Return why something in a person's folder is not read, or an empty string."""
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        return "a link to nothing" if entry.is_symlink() else f"cannot be read ({error.strerror})"
    if stat.S_ISDIR(mode):
        return "a folder in a person's folder, which is not looked into"
    if not stat.S_ISREG(mode):
        return "not a plain file"
    if any("\ud800" <= c <= "\udfff" for c in entry.name):
        return "its name is not UTF-8; rename it"
    if is_picture_name(entry.name) or entry.name == PERSON_FILE:
        return ""
    return why_not_read(entry.name)


def _why_loose(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink() and not Path(entry.path).exists():
        return "a link to nothing"
    return "not in a person's folder"
