"""Pictures out of films that somebody has looked at and accepted, kept beside the import's state.

Each later import takes them with the library's own pictures.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from engines.files import write_atomically
from gallery.enrol.library import state_folder
from gallery.errors import GalleryWriteError
from gallery.store.person import check_person_id

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "learned"


def keep(gallery: Path, person_id: str, png: bytes) -> bool:
    """Keep an accepted picture of somebody; return whether it is new.

    Raises:
        GalleryInputError: the id is none.
        GalleryWriteError: the disk is full or read-only.
    """
    folder = state_folder(gallery) / FOLDER / check_person_id(person_id)
    path = folder / f"{hashlib.sha256(png).hexdigest()[:16]}.png"
    if path.is_file():
        return False
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, png, 0o600)
    except OSError as error:
        raise GalleryWriteError(
            f"{path}: {error.strerror}; make room, then run it again"
        ) from error
    return True


def learned_of(gallery: Path) -> dict[str, tuple[Path, ...]]:
    """Return the accepted pictures by id, sorted."""
    folder = state_folder(gallery) / FOLDER
    if not folder.is_dir():
        return {}
    return {
        person.name: tuple(sorted(person.glob("*.png")))
        for person in sorted(folder.iterdir())
        if person.is_dir()
    }
