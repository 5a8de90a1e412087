"""A gallery as a folder of people again: what is stored of each, in files that people can read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from gallery.errors import GalleryInputError, GalleryWriteError
from gallery.store.person import PERSON_FILE, Person, check_person_id

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.search.search import Gallery


def export(gallery: Gallery, folder: Path) -> int:
    """Write `<id>/person.toml`, `photo.jpg` and `templates.npy` of everybody, and return how many.

    The pictures that people were enrolled from are not in a gallery; their sources and licences are
    kept as remarks in `person.toml`.

    Raises:
        GalleryInputError: the folder is there already and not empty.
        GalleryWriteError: it cannot be written.
    """
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise GalleryInputError(f"{folder}: is not empty, expected a new or an empty folder")
        for person in gallery.people():
            # Checked again: the id becomes a path.
            own = folder / check_person_id(person.id)
            own.mkdir()
            (own / PERSON_FILE).write_text(person_toml(person), encoding="utf-8")
            if person.photo:
                (own / "photo.jpg").write_bytes(person.photo)
            np.save(own / "templates.npy", gallery.templates_of(person.id), allow_pickle=False)
            count += 1
    except OSError as error:
        raise GalleryWriteError(
            f"{error.filename or folder}: {error.strerror}; exported {count} people before"
        ) from error
    return count


def person_toml(person: Person) -> str:
    """Return a `person.toml` that `read_person_file` reads back."""
    lines = [
        f"{key} = {_table(texts)}"
        for key, texts in (
            ("name", person.names),
            ("role", person.role),
            ("biography", person.biography),
        )
        if texts
    ]
    lines += [
        f"# enrolled from sha256 {p.sha256}: source {_text(p.source)}, licence {_text(p.licence)}"
        for p in person.pictures
    ]
    for work in person.works:
        title = _text(work.title) if isinstance(work.title, str) else _table(work.title)
        lines += ["", "[[works]]", f"title = {title}"]
        lines += [f"year = {work.year}"] if work.year is not None else []
        lines += [f"role = {_text(work.role)}"] if work.role else []
    return "\n".join(lines) + "\n"


def _table(texts: dict[str, str]) -> str:
    return "{ " + ", ".join(f"{_text(k)} = {_text(v)}" for k, v in texts.items()) + " }"


def _text(value: str) -> str:
    # JSON's strings are TOML's basic strings, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
