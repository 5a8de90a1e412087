"""Catalogues: folders of pictures on a disk or in an object store, and tables of pictures."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from engines.image import PICTURE_SUFFIXES
from gallery.enrol.errors import CatalogueReadError
from gallery.enrol.people import Entry, PictureRef
from gallery.enrol.storage import is_url, load_fsspec, local_stamp, read_bytes, stamp_of
from gallery.errors import GalleryInputError
from gallery.store.person import PERSON_FILE, check_person_id, parse_person_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gallery.store.person import Picture

TABLE_SUFFIXES = frozenset({".csv", ".parquet"})


def read_catalogue(source: str) -> list[Entry]:
    """Return everybody in a catalogue, sorted by id.

    Args:
        source: a folder with one folder per person, its URL in an object store, or a table
            (`.csv`, `.parquet`) with one row per picture, see `gallery.enrol.table`.

    Raises:
        GalleryInputError: there is nobody, or an id, a `person.toml` or a table is not right.
        CatalogueReadError: a store cannot be reached.
        CloudExtraMissingError: a URL or Parquet, without the `cloud` extra.
    """
    if PurePosixPath(source).suffix.lower() in TABLE_SUFFIXES:
        # Not at the top: it reads catalogues, too.
        from gallery.enrol.table import read_table  # noqa: PLC0415

        return read_table(source)
    if is_url(source):
        return [*_remote_entries(source)]
    return [_entry(folder) for folder in find_people(Path(source))]


def find_people(people_dir: Path) -> list[Path]:
    """Return the folders of the people, sorted by id.

    Raises:
        GalleryInputError: the folder is missing, has no person, or a folder's name is no id.
    """
    if not people_dir.is_dir():
        raise GalleryInputError(
            f"{people_dir}: no such folder, expected one folder per person with pictures in it"
        )
    folders = sorted(p for p in people_dir.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not folders:
        raise _nobody(str(people_dir))
    for folder in folders:
        check_person_id(folder.name)
    return folders


def _entry(folder: Path) -> Entry:
    files = {p.name: p for p in folder.iterdir() if p.is_file()}
    path = folder / PERSON_FILE
    content = path.read_bytes() if PERSON_FILE in files else None
    person, origins = parse_person_file(folder.name, content, str(path), files)
    pictures = (
        _ref(name, str(files[name].absolute()), local_stamp(files[name]), origins.get(name))
        for name in sorted(files)
        if _is_picture(name)
    )
    return Entry(person, tuple(pictures))


def _remote_entries(url: str) -> Iterator[Entry]:
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
    for path, info in found.items():
        parts = path.removeprefix(root).strip("/").split("/")
        if len(parts) == 2 and not parts[0].startswith("."):
            place = fs.unstrip_protocol(path), stamp_of(info)
            folders.setdefault(parts[0], {})[parts[1]] = place
    if not folders:
        raise _nobody(url)
    for person_id in sorted(folders):
        files = folders[person_id]
        content = read_bytes(files[PERSON_FILE][0]) if PERSON_FILE in files else None
        where = f"{url.rstrip('/')}/{person_id}/{PERSON_FILE}"
        person, origins = parse_person_file(person_id, content, where, files)
        pictures = (
            _ref(name, *files[name], origins.get(name))
            for name in sorted(files)
            if _is_picture(name)
        )
        yield Entry(person, tuple(pictures))


def _ref(name: str, uri: str, stamp: str, origin: Picture | None) -> PictureRef:
    source, licence = (origin.source, origin.licence) if origin else ("", "")
    return PictureRef(name, uri, stamp, source, licence)


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES


def _listed(url: str) -> tuple[Any, str]:
    try:
        fs, root = load_fsspec(url).core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise GalleryInputError(
            f"{url}: {error}; expected a URL that fsspec opens, with the package for its store "
            "(s3fs, gcsfs, adlfs) installed"
        ) from error
    return fs, str(root).rstrip("/")


def _nobody(where: str) -> GalleryInputError:
    return GalleryInputError(
        f"{where}: no folder in it, expected one folder per person, named by id, with pictures in "
        "it"
    )
