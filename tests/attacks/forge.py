"""Releases that a publisher with good keys can sign, and that our own writer would never make.

A `Forgery` starts as a valid release. A case changes a file, a record, a number or the manifest;
all hashes, CRCs and signatures over it are then made again, so that nothing but the strict reader
stands between it and the recogniser.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
import zlib
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from gallery.channel.manifest import MAX_CHUNK, File, Manifest, encode
from gallery.store import store
from gallery.store.people_table import PeopleTable
from gallery.store.release import RELEASE_FILE, FileInfo, Release, encode_release
from gallery.store.segment_format import layout, layout_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from gallery.publish.repository import Repository
    from gallery.store.segment_format import Layout

CHUNK = 1 << 18
SCHEMA = """CREATE TABLE people (
    ordinal INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL,
    photo BLOB NOT NULL
) STRICT"""
"""As `gallery.store.sqlite_form` has it; written out, so that a change there is noticed here."""
LOOSE = "CREATE TABLE people (ordinal INTEGER PRIMARY KEY, id UNIQUE, record, photo)"
Row = tuple[object, object, object, object]


@dataclass
class Forgery:
    """A release to be signed.

    Attributes:
        release: what `release.json` says.
        files: content by name.
        raw: bytes of `release.json` in place of those of `release`.
        edit: changes the manifest, the last thing before it is signed.
        manifest_raw: bytes in place of the manifest.
    """

    release: Release
    files: dict[str, bytes]
    raw: bytes | None = None
    edit: Callable[[Manifest], Manifest] = field(default=lambda manifest: manifest)
    manifest_raw: Callable[[bytes], bytes] = field(default=lambda data: data)

    def templates(self, segment: int = 0) -> bytes:
        return self.files[self.release.segments[segment].templates_file.name]

    def people(self, segment: int = 0) -> bytes:
        return self.files[self.release.segments[segment].people_file.name]

    def set_templates(self, data: bytes, segment: int = 0, **fields: int) -> None:
        self._set("templates_file", ".safetensors", data, segment, fields)

    def set_people(self, data: bytes, segment: int = 0, **fields: int) -> None:
        self._set("people_file", ".sqlite", data, segment, fields)

    def _set(
        self, which: str, suffix: str, data: bytes, index: int, fields: dict[str, int]
    ) -> None:
        digest = hashlib.sha256(data).hexdigest()
        info = FileInfo(digest + suffix, len(data), digest, zlib.crc32(data))
        self.files[info.name] = data
        self.set_segment(index, **{which: info}, **fields)

    def set_segment(self, index: int = 0, **fields: Any) -> None:
        segments = list(self.release.segments)
        segments[index] = msgspec.structs.replace(segments[index], **fields)
        self.set(segments=tuple(segments))

    def set(self, **fields: Any) -> None:
        self.release = msgspec.structs.replace(self.release, **fields)

    # The templates file.

    def form(self, segment: int = 0) -> Layout:
        info = self.release.segments[segment]
        data = memoryview(self.templates(segment))
        found = layout_of(data, info.rows, info.people, self.release.dim, self.release.model)
        assert found is not None
        return found

    def array(self, name: str, segment: int = 0) -> NDArray[Any]:
        return self.form(segment).view(memoryview(self.templates(segment)), name).copy()

    def set_array(self, name: str, array: NDArray[Any], segment: int = 0) -> None:
        data, form = bytearray(self.templates(segment)), self.form(segment)
        start = len(form.header) + form.tensors[name].start
        data[start : start + array.nbytes] = array.tobytes()
        self.set_templates(bytes(data), segment)

    def sketched(self, centre: NDArray[np.float64]) -> None:
        """Give the first segment sketches, which a small one may have."""
        info = self.release.segments[0]
        arrays = {name: self.array(name) for name in ("rows", "scales", "counts")}
        arrays["centre"] = centre
        arrays["sketches"] = np.zeros((2, info.rows), np.uint64)
        form = layout(info.rows, info.people, self.release.dim, self.release.model, sketched=True)
        body = b"".join(arrays[name].tobytes() for name in form.tensors)
        self.set_templates(form.header + body)

    def set_header(self, text: bytes, length: int | None = None) -> None:
        """Put another header before the same tensors."""
        body = self.templates()[len(self.form().header) :]
        size = len(text) if length is None else length
        self.set_templates(size.to_bytes(8, "little") + text + body)

    # The table of people.

    def rows(self, segment: int = 0) -> list[Row]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "people")
            path.write_bytes(self.people(segment))
            with closing(sqlite3.connect(path)) as database:
                return database.execute("SELECT * FROM people ORDER BY ordinal").fetchall()

    def set_rows(self, rows: Iterable[Row], **options: Any) -> None:
        self.set_people(table(rows, **options))

    def set_row(self, place: int, **options: Any) -> None:
        """Change columns of one person: id, record, photo, ordinal."""
        rows = [list(row) for row in self.rows()]
        for name, value in options.items():
            rows[place][("ordinal", "id", "record", "photo").index(name)] = value
        self.set_rows([tuple(row) for row in rows], loose=True)  # type: ignore[misc]

    def run(self, *statements: str) -> None:
        """Run SQL on the table of people, as it lies there."""
        self.set_people(changed(self.people(), *statements))


def table(
    rows: Iterable[Row], *, loose: bool = False, pragmas: str = "PRAGMA page_size=4096"
) -> bytes:
    """Return a table; a loose one was filled without types, and then says that it had ours."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "people")
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.executescript(
                f"{pragmas}; PRAGMA journal_mode=OFF; {LOOSE if loose else SCHEMA};"
            )
            database.execute("BEGIN")
            database.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", rows)
            database.execute("COMMIT")
            if loose:
                database.execute("PRAGMA writable_schema = ON")
                database.execute("UPDATE sqlite_master SET sql = ? WHERE type = 'table'", (SCHEMA,))
        return versioned(path.read_bytes())


def changed(data: bytes, *statements: str) -> bytes:
    """Return a database after some statements."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "people")
        path.write_bytes(data)
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = OFF")
            for statement in statements:
                database.execute(statement)
        return versioned(path.read_bytes())


def versioned(data: bytes) -> bytes:
    """Put in the version that our writer puts in, so that the header is not what is refused."""
    return data[:96] + (3_037_000).to_bytes(4, "big") + data[100:]


def forgery_of(gallery: Path) -> Forgery:
    """Return a gallery's current release as the start of a forgery."""
    release, folder = store.current_release(gallery)
    files = {info.name: (folder / info.name).read_bytes() for info in release.files}
    for info in release.segments:  # what we start from is good
        PeopleTable(folder / info.people_file.name, info.people).check()
    return Forgery(msgspec.structs.replace(release, number=1), files)


def sign(forgery: Forgery, repository: Repository, number: int) -> bytes:
    """Publish a forgery to the folder of a repository, and return the manifest."""
    if forgery.release.number == 1:
        forgery.set(number=number)
    data = forgery.raw if forgery.raw is not None else encode_release(forgery.release)
    files = [_store(repository, RELEASE_FILE, data)]
    for info in {info.name: info for info in forgery.release.files}.values():
        content = forgery.files.get(info.name)
        if content is None:
            list_of_hashes = "ab" * 32 if info.size > MAX_CHUNK else None
            files.append(File(info.name, info.size, info.sha256, MAX_CHUNK, list_of_hashes))
            continue
        file = _store(repository, info.name, content)
        # A manifest cannot name a path; `release.json` can.
        files.append(msgspec.structs.replace(file, path=info.name.replace("/", "_").lstrip("._")))
    manifest = Manifest(
        format=1,
        release=number,
        content=number,
        model="sface-2021dec",
        dim=forgery.release.dim if 1 <= forgery.release.dim <= 4096 else 128,
        created="2026-01-01T00:00:00Z",
        files=tuple(files),
        probation_s=0,
    )
    signed = forgery.manifest_raw(encode(forgery.edit(manifest)))
    repository.publish(signed)
    return signed


def _store(repository: Repository, name: str, data: bytes) -> File:
    folder = repository.public / "f"
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(data).hexdigest()
    (folder / digest).write_bytes(data)
    hashes = b"".join(
        hashlib.sha256(data[i : i + CHUNK]).digest() for i in range(0, len(data), CHUNK)
    )
    hash_list = None
    if len(hashes) > 32:
        hash_list = hashlib.sha256(hashes).hexdigest()
        (folder / hash_list).write_bytes(hashes)
    return File(name, len(data), digest, CHUNK, hash_list)
