"""A catalogue as a table, CSV or Parquet: one row for each picture.

| column | |
| --- | --- |
| `id` | whose picture it is |
| `picture` | path, relative to the table's folder, or URL |
| `name`, `role`, `biography` | texts in English; `name.zh` and so on in other languages |
| `works` | JSON, as in `person.toml` |
| `source`, `licence` | of the picture |

Of each text a person's first row that has it counts.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from gallery.enrol.errors import CloudExtraMissingError
from gallery.enrol.folders import refuse
from gallery.enrol.people import Entry, PictureRef
from gallery.enrol.storage import is_url, local_stamp, read_bytes
from gallery.errors import GalleryInputError
from gallery.foreign_json import decode_json
from gallery.store.limits import MAX_PICTURES
from gallery.store.person import Person, Work, check_person, check_person_id, name_of_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NEEDED = frozenset({"id", "picture"})
_TEXTS = frozenset({"name", "role", "biography"})
STORES = frozenset(
    {"abfs", "abfss", "adl", "az", "ftp", "gcs", "gs", "hdfs", "hf", "http", "https", "memory"}
    | {"oci", "oss", "s3", "s3a", "sftp", "webdav", "webhdfs"}
)
"""Where a picture of a table may be. fsspec knows more: files here, archives, caches on the disk,
references that are templates; a table that comes from elsewhere must not choose among them."""
_OTHERS = frozenset({"works", "source", "licence"})


def read_table(source: str) -> list[Entry]:
    """Return everybody in a table, sorted by id; their pictures are sorted by name.

    Args:
        source: path or URL of a `.csv` or `.parquet` file.

    Raises:
        GalleryInputError: it is no such table, a column is missing or unknown, or a row is wrong;
            the message names all such rows, counted as a spreadsheet does.
        CatalogueReadError: the store that has it cannot be reached.
        CloudExtraMissingError: Parquet or a URL, without the `cloud` extra.
    """
    try:
        content = read_bytes(source)
    except OSError as error:
        raise GalleryInputError(
            f"{source}: cannot be read ({error.strerror or error}), expected a table of pictures"
        ) from error
    parquet = PurePosixPath(source).suffix.lower() == ".parquet"
    rows = _parquet_rows(source, content) if parquet else _csv_rows(source, content)
    people: dict[str, _Gathered] = {}
    problems: list[str] = []
    for number, row in enumerate(rows, 2):
        if number == 2:
            _check_columns(source, row)
        try:
            _check_row(source, row)
        except GalleryInputError as error:
            problems.append(f"{source}: row {number}: {error}")
            continue
        people.setdefault(row["id"], _Gathered()).take(row, _picture(source, row))
    if not people and not problems:
        raise GalleryInputError(f"{source}: has no row, expected one for each picture")
    entries = []
    for person_id in sorted(people):
        try:
            entries.append(people[person_id].entry(source, person_id))
        except GalleryInputError as error:  # noqa: PERF203
            problems.append(str(error))
    refuse(problems)
    return entries


def _check_row(source: str, row: Mapping[str, str]) -> None:
    check_person_id(row["id"])
    if not row["picture"] or "\0" in row["picture"]:
        raise GalleryInputError("has no picture, expected a path or a URL")
    _check_place(source, row["picture"])


def _check_place(source: str, place: str) -> None:
    """Refuse an address that reads another thing than a picture in a store.

    Raises:
        GalleryInputError: it chains addresses, or its store is none, or this machine's own disk
            while the table comes from elsewhere.
    """
    if not is_url(place) and not is_url(source):
        return
    own = source.partition("://")[0] if is_url(source) else "file"
    store = place.partition("://")[0] if is_url(place) else own
    if "::" in place or store not in STORES | {own}:
        raise GalleryInputError(
            f"picture {place[:80]!a}: no address of a picture in a store, expected a path or one "
            f"URL of {', '.join(sorted(STORES - {'memory'}))}"
        )


class _Gathered:
    """What the rows of one person say."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[str, str]] = {name: {} for name in _TEXTS}
        self._works = ""
        self._pictures: dict[str, PictureRef] = {}

    def take(self, row: Mapping[str, str], picture: PictureRef) -> None:
        for column, text in row.items():
            name, _, language = column.partition(".")
            if text and name in _TEXTS:
                self._texts[name].setdefault(language or "en", text)
        self._works = self._works or row.get("works", "")
        self._pictures.setdefault(picture.uri, picture)

    def entry(self, source: str, person_id: str) -> Entry:
        try:
            works = decode_json(self._works or "[]", tuple[Work, ...])
        except msgspec.MsgspecError as error:
            raise GalleryInputError(
                f"{source}: works of {person_id}: {error}, expected a JSON list of objects with "
                "title, year, role"
            ) from error
        person = Person(
            person_id,
            self._texts["name"] or name_of_id(person_id),
            self._texts["role"],
            self._texts["biography"],
            works,
        )
        if len(self._pictures) > MAX_PICTURES:
            raise GalleryInputError(
                f"{source}: {person_id} has {len(self._pictures)} pictures, expected at most "
                f"{MAX_PICTURES}"
            )
        names = Counter(picture.name for picture in self._pictures.values())
        pictures = (
            msgspec.structs.replace(p, name=p.uri) if names[p.name] > 1 else p
            for p in self._pictures.values()
        )
        return Entry(check_person(person), tuple(sorted(pictures, key=lambda p: p.name)))


def _picture(source: str, row: Mapping[str, str]) -> PictureRef:
    place = row["picture"]
    if not is_url(place):
        folder = source.rpartition("/")[0]
        place = f"{folder}/{place}" if is_url(source) else str((Path(folder) / place).absolute())
    try:
        # A picture that is not there is reported when it is its turn, like any unusable one.
        stamp = "" if is_url(place) else local_stamp(Path(place))
    except OSError:
        stamp = "missing"
    name = PurePosixPath(place).name
    return PictureRef(name, place, stamp, row.get("source", ""), row.get("licence", ""))


def _check_columns(source: str, row: Mapping[str, str]) -> None:
    known = _NEEDED | _TEXTS | _OTHERS
    unknown = sorted(c for c in row if c.partition(".")[0] not in known)
    missing = sorted(_NEEDED - set(row))
    if missing or unknown:
        found = f"no column {missing[0]!a}" if missing else f"unknown column {unknown[0]!a}"
        raise GalleryInputError(
            f"{source}: {found}, expected id, picture, and if you have them name, role, biography "
            "(name.zh and so on in other languages), works, source, licence"
        )


def _csv_rows(source: str, content: bytes) -> Iterator[dict[str, str]]:
    try:
        text = content.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        for row in reader:
            if None in row or None in row.values():
                raise GalleryInputError(
                    f"{source}: line {reader.line_num}: has not as many fields as there are columns"
                )
            yield row
    except (UnicodeDecodeError, csv.Error) as error:
        raise GalleryInputError(f"{source}: is no CSV in UTF-8: {error}") from error


def _parquet_rows(source: str, content: bytes) -> Iterator[dict[str, str]]:
    try:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise CloudExtraMissingError(source) from error
    try:
        table = pq.ParquetFile(pa.BufferReader(content))
        for batch in table.iter_batches():
            for row in batch.to_pylist():
                yield {column: _text(source, column, value) for column, value in row.items()}
    except (pa.ArrowException, OSError) as error:
        raise GalleryInputError(f"{source}: is no Parquet table: {error}") from error


def _text(source: str, column: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise GalleryInputError(
            f"{source}: column {column!a} has a {type(value).__name__}, expected text"
        )
    return value
