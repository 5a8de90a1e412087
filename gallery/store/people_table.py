"""The people of one segment: a SQLite file, written once and opened immutable."""

from __future__ import annotations

import errno
import sqlite3
import threading
import urllib.parse
import weakref
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec

from gallery.errors import GalleryCorruptError
from gallery.store.person import Person

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_SCHEMA = """
PRAGMA page_size = 4096;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE people (
    ordinal INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL,
    photo BLOB NOT NULL
) STRICT;
"""
_VERSION_FIELDS = slice(96, 100)
_VERSION = (3_037_000).to_bytes(4, "big")
_SELECT = "SELECT ordinal, id, record, photo FROM people"


def build_people_table(path: Path, people: Iterable[Person]) -> int:
    """Write a new table and return how many people it has; they come sorted by id.

    The same people give the same bytes: the one field that names SQLite's version is set to the
    oldest version that can read the file.

    Raises:
        OSError: the disk is full, or cannot be written to.
    """
    try:
        count = _insert(path, people)
    except sqlite3.OperationalError as error:
        full = "full" in str(error)
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error), str(path)) from error
    with path.open("r+b") as file:
        file.seek(_VERSION_FIELDS.start)
        file.write(_VERSION)
    return count


def _insert(path: Path, people: Iterable[Person]) -> int:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(_SCHEMA)
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO people VALUES (?, ?, ?, ?)",
            ((n, p.id, _record(p), p.photo) for n, p in enumerate(people)),
        )
        count = int(database.execute("SELECT count(*) FROM people").fetchone()[0])
        database.execute("COMMIT")
    return count


class PeopleTable:
    """Reads people by ordinal or id; safe for several threads.

    Args:
        path: a file of `build_people_table`, checked against its release before.
        count: how many people it has.

    Raises:
        GalleryCorruptError: it is no such table.
    """

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self._lock = threading.Lock()
        uri = f"file:{urllib.parse.quote(str(path))}?mode=ro&immutable=1"
        try:
            self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._corrupt(error) from error
        # Whoever drops the last reference closes the file: no thread has to wait for the readers.
        self._finalizer = weakref.finalize(self, self._database.close)
        # 256 KiB; the kernel's page cache holds the rest.
        self._query("PRAGMA cache_size = -256")
        ((last,),) = self._query("SELECT coalesce(max(ordinal), -1) FROM people")
        if last != count - 1:
            raise self._corrupt(f"{last + 1} people, its release says {count}")

    def id_of(self, ordinal: int) -> str:
        """Return the id of the person with an ordinal."""
        found = self._query("SELECT id FROM people WHERE ordinal = ?", ordinal)
        if not found:
            raise self._corrupt(f"no person {ordinal}")
        return str(found[0][0])

    def ordinal_of(self, person_id: str) -> int | None:
        """Return the ordinal of the person with an id, or None."""
        found = self._query("SELECT ordinal FROM people WHERE id = ?", person_id)
        return int(found[0][0]) if found else None

    def person(self, ordinal: int) -> Person:
        """Return a person."""
        found = self._query(f"{_SELECT} WHERE ordinal = ?", ordinal)
        if not found:
            raise self._corrupt(f"no person {ordinal}")
        return self._person(*found[0])

    def ids(self) -> Iterator[tuple[int, str]]:
        """Yield each ordinal and id, in order."""
        return self._pages("SELECT ordinal, id FROM people")

    def people(self) -> Iterator[tuple[int, Person]]:
        """Yield each ordinal and person, in order."""
        return ((row[0], self._person(*row)) for row in self._pages(_SELECT))

    def check(self) -> None:
        """Read everything.

        Raises:
            GalleryCorruptError: SQLite's own check or a person's record fails.
        """
        ((answer,),) = self._query("PRAGMA integrity_check(1)")
        if answer != "ok":
            raise self._corrupt(answer)
        previous = ""
        for expected, (ordinal, person) in enumerate(self.people()):
            if ordinal != expected or person.id <= previous:
                raise self._corrupt(f"person {ordinal} is out of order")
            previous = person.id

    def close(self) -> None:
        """Release the file now."""
        self._finalizer()

    def _pages(self, select: str) -> Iterator[Any]:
        after = -1
        while True:
            page = self._query(f"{select} WHERE ordinal > ? ORDER BY ordinal LIMIT 1000", after)
            if not page:
                return
            yield from page
            after = page[-1][0]

    def _query(self, sql: str, *values: object) -> list[Any]:
        try:
            with self._lock:
                return self._database.execute(sql, values).fetchall()
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            raise self._corrupt(error) from error

    def _person(self, _ordinal: object, person_id: object, record: object, photo: object) -> Person:
        try:
            person = msgspec.json.decode(str(record), type=Person)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise self._corrupt(f"person {person_id!a}: {error}") from error
        if person.id != person_id or not isinstance(photo, bytes):
            raise self._corrupt(f"person {person_id!a}: its record is of another person")
        return msgspec.structs.replace(person, photo=photo)

    def _corrupt(self, problem: object) -> GalleryCorruptError:
        return GalleryCorruptError(
            f"{self._path}: cannot be read as a table of people: {problem}; install the release "
            "again"
        )


def _record(person: Person) -> str:
    without_photo = msgspec.structs.replace(person, photo=b"")
    return msgspec.json.encode(without_photo, order="deterministic").decode()
