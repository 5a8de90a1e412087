"""Catalogues: folders of pictures on a disk or in an object store, and tables of pictures."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from engines.pictures.formats import is_picture_name, is_system_name, why_not_read
from gallery.enrol.errors import CatalogueReadError
from gallery.enrol.folders import find_people, ids_of, nobody, refuse, shown
from gallery.enrol.people import Entry, PictureRef
from gallery.enrol.storage import is_url, load_fsspec, read_bytes, stamp_of
from gallery.errors import GalleryInputError
from gallery.store.limits import MAX_PICTURES
from gallery.store.person import PERSON_FILE, parse_person_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gallery.enrol.folders import PersonFolder
    from gallery.store.person import Picture

TABLE_SUFFIXES = frozenset({".csv", ".parquet"})
MAX_PERSON_FILE_BYTES = 1_000_000


class Catalogue(msgspec.Struct, frozen=True):
    """Whom to enrol.

    Attributes:
        entries: sorted by id.
        left_out: a sentence for each thing in it that is not read, and why.
    """

    entries: tuple[Entry, ...]
    left_out: tuple[str, ...] = ()


def read_catalogue(source: str) -> Catalogue:
    """Return everybody in a catalogue.

    Args:
        source: a folder with one folder per person, its URL in an object store, or a table
            (`.csv`, `.parquet`) with one row per picture, see `gallery.enrol.table`.

    Raises:
        GalleryInputError: there is nobody, or folders, `person.toml` files or a table are not
            right; all that is wrong is listed.
        CatalogueReadError: a store cannot be reached.
        CloudExtraMissingError: a URL or Parquet, without the `cloud` extra.
    """
    if PurePosixPath(source).suffix.lower() in TABLE_SUFFIXES:
        # Not at the top: it reads catalogues, too.
        from gallery.enrol.table import read_table  # noqa: PLC0415

        return Catalogue(tuple(read_table(source)))
    if is_url(source):
        return _remote(source)
    people = find_people(Path(source))
    problems: list[str] = []
    entries = [_local_entry(folder, problems) for folder in people.folders]
    refuse(problems)
    return Catalogue(tuple(e for e in entries if e is not None), tuple(people.left_out))


def _local_entry(folder: PersonFolder, problems: list[str]) -> Entry | None:
    files = {
        name: (str((folder.path / name).absolute()), stamp) for name, stamp in folder.files.items()
    }
    return _entry((folder.id, folder.name), files, str(folder.path / PERSON_FILE), problems)


def _entry(
    who: tuple[str, str],
    files: Mapping[str, tuple[str, str]],
    where: str,
    problems: list[str],
) -> Entry | None:
    """Return a person of whom the files are known, or add to the problems.

    Args:
        who: id and, where the folder's name cannot be the id, name.
        files: address and stamp of each, by name.
        where: `person.toml`'s place, for messages.
        problems: is added to.
    """
    content = None
    try:
        if PERSON_FILE in files:
            content = read_bytes(files[PERSON_FILE][0], MAX_PERSON_FILE_BYTES)
        person, origins = parse_person_file(who[0], content, where, files, who[1])
    except OSError as error:
        problems.append(f"{where}: cannot be read ({error.strerror or error})")
        return None
    except GalleryInputError as error:
        problems.append(str(error))
        return None
    names = [name for name in sorted(files) if is_picture_name(name)]
    if len(names) > MAX_PICTURES:
        problems.append(f"{person.id}: {len(names)} pictures, expected at most {MAX_PICTURES}")
        return None
    return Entry(person, tuple(_ref(name, *files[name], origins.get(name)) for name in names))


def _remote(url: str) -> Catalogue:
    folders, left_out = _remote_folders(url)
    problems: list[str] = []
    ids = ids_of(folders, url, problems)
    entries = []
    for name, who in ids.items():
        where = f"{url.rstrip('/')}/{name}/{PERSON_FILE}"
        entries.append(_entry(who, folders[name], where, problems))
    refuse(problems)
    found = sorted((e for e in entries if e is not None), key=lambda entry: entry.person.id)
    if not found:
        raise nobody(url)
    return Catalogue(tuple(found), tuple(left_out))


def _remote_folders(url: str) -> tuple[dict[str, dict[str, tuple[str, str]]], list[str]]:
    """Return address and stamp of the files of each folder, and what is left out."""
    fs, root = _listed(url)
    try:
        found = fs.find(root, detail=True)
    except FileNotFoundError:
        found = {}
    except Exception as error:
        raise CatalogueReadError(
            f"{url}: cannot be listed ({type(error).__name__}: {error}); see to the address, the "
            "connection and the store's credentials"
        ) from error
    folders: dict[str, dict[str, tuple[str, str]]] = {}
    left_out: dict[str, None] = {}
    for path, info in sorted(found.items()):
        parts = path.removeprefix(root).strip("/").split("/")
        if any(is_system_name(part) for part in parts):
            continue
        files = folders.setdefault(parts[0], {}) if len(parts) > 1 else {}
        why = _why_left_out(parts)
        if why:
            left_out[f"{shown('/'.join(parts[:3]))}: {why}"] = None
        else:
            files[parts[1]] = fs.unstrip_protocol(path), stamp_of(info)
    return folders, list(left_out)


def _why_left_out(parts: list[str]) -> str:
    """Return why a file of a store, by the parts of its path, is not read, or an empty string."""
    if len(parts) == 1:
        return "not in a person's folder"
    if len(parts) > 2:
        return "in a folder in a person's folder, which is not looked into"
    if is_picture_name(parts[1]) or parts[1] == PERSON_FILE:
        return ""
    return why_not_read(parts[1])


def _ref(name: str, uri: str, stamp: str, origin: Picture | None) -> PictureRef:
    source, licence = (origin.source, origin.licence) if origin else ("", "")
    return PictureRef(name, uri, stamp, source, licence)


def _listed(url: str) -> tuple[Any, str]:
    try:
        fs, root = load_fsspec(url).core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise GalleryInputError(
            f"{url}: {error}; expected a URL that fsspec opens, with the package for its store "
            "(s3fs, gcsfs, adlfs) installed"
        ) from error
    return fs, str(root).rstrip("/")
