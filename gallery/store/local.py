"""People whom viewers named on this device: a small gallery of its own, beside the signed one.

No update touches it, and it leaves the device by no way of ours. Whoever is taken out again is
erased from all its files at once.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np

from gallery.errors import GalleryInputError
from gallery.store import update
from gallery.store.layout import current_folder, current_release
from gallery.store.person import Person, check_person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PREFIX = "local-"
MOST_PEOPLE = 200
MOST_NAME = 64
LANGUAGE = "en"
"""A name that a viewer typed is shown in every language; texts fall back to this one."""


def add_person(
    folder: Path, name: str, template: NDArray[np.float32], photo: bytes, model: str
) -> Person:
    """Store a person, and return them with the id that they got.

    Args:
        folder: the local gallery; made where it is not there.
        name: as the viewer typed it.
        template: float32 (dimension,), unit length.
        photo: a JPEG of 256 pixels a side at most, or empty.
        model: identity of the embedder.

    Raises:
        GalleryInputError: the name is empty or too long, or there are too many people.
        GalleryWriteError: the disk is full or read-only.
    """
    shown = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not shown or len(shown) > MOST_NAME:
        raise GalleryInputError(f"name: {len(shown)} characters, expected 1 to {MOST_NAME}")
    person = check_person(Person(PREFIX + secrets.token_hex(6), {LANGUAGE: shown}, photo=photo))
    templates, owners = template[None].astype(np.float32), np.zeros(1, np.int32)
    if current_folder(folder) is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_gallery(folder, [person], templates, owners, model)
        return person
    if current_release(folder)[0].people_count >= MOST_PEOPLE:
        raise GalleryInputError(f"{MOST_PEOPLE} people are named on this device already")
    update.add(folder, update.Entries([person], templates, owners, model))
    return person


def erase_person(folder: Path, person_id: str) -> None:
    """Take a person out, and out of all files that held them.

    Raises:
        GalleryInputError: nobody here has this id.
        GalleryWriteError: the disk cannot be written to.
    """
    if not person_id.startswith(PREFIX) or current_folder(folder) is None:
        raise GalleryInputError(f"{person_id[:40]!a}: nobody was named so on this device")
    if update.remove(folder, [person_id]).tombstones:
        update.compact(folder)
