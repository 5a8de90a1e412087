"""The people of one segment: a SQLite file, written once and opened immutable."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
import urllib.parse
import weakref
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec

from gallery.errors import GalleryCorruptError, GalleryInputError, GalleryMissingError
from gallery.foreign_json import decode_json
from gallery.regular import open_regular
from gallery.store.limits import QUERY_S, check_s
from gallery.store.person import Person, check_person, record_of
from gallery.store.sqlite_form import (
    HEADER_BYTES,
    SCHEMA,
    VERSION,
    header_problem,
    our_schema,
    restrict,
    schema_of,
)
from gallery.texts import brief

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_VERSION_FIELD = 96
_FULL_PAGE = 64
"""People in one answer: with the longest texts and photos 20 MB."""
_STEPS = 20_000
"""Of SQLite's machine between two looks at the clock: a millisecond."""
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
        file.seek(_VERSION_FIELD)
        file.write(VERSION.to_bytes(4, "big"))
    return count


def _insert(path: Path, people: Iterable[Person]) -> int:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(SCHEMA)
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO people VALUES (?, ?, ?, ?)",
            ((n, p.id, record_of(p), p.photo) for n, p in enumerate(people)),
        )
        count = int(database.execute("SELECT count(*) FROM people").fetchone()[0])
        database.execute("COMMIT")
    return count


class _Deadline:
    """Ends a query that takes too much of its thread's time; SQLite asks once in many steps."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self) -> bool:
        return time.thread_time() > self.at_s


class PeopleTable:
    """Reads people by ordinal or id; safe for several threads.

    Every query ends by a deadline, whatever the file makes of it.

    Args:
        path: a file of `build_people_table`, checked against its release before.
        count: how many people it has.

    Raises:
        GalleryCorruptError: it is no such table.
        GalleryMissingError: it cannot be read.
    """

    def __init__(self, path: Path, count: int) -> None:
        self._path, self._count = path, count
        self._lock = threading.Lock()
        self._deadline = _Deadline()
        self._size = self._check_header()
        uri = f"file:{urllib.parse.quote(str(path))}?mode=ro&immutable=1"
        try:
            self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._corrupt(error) from error
        # Whoever drops the last reference closes the file: no thread has to wait for the readers.
        self._finalizer = weakref.finalize(self, self._database.close)
        self._database.set_progress_handler(self._deadline, _STEPS)
        self._deadline.at_s = time.thread_time() + QUERY_S
        try:
            restrict(self._database)
            schema = schema_of(self._database)
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            raise self._corrupt(error) from error
        if schema != our_schema():
            shown = [f"{str(row[0])[:20]} {str(row[1])[:40]!a}" for row in schema]
            raise self._corrupt(f"it defines {', '.join(shown) or 'nothing'}, expected our table")
        ((last,),) = self._query("SELECT coalesce(max(ordinal), -1) FROM people")
        if last != count - 1:
            raise self._corrupt(f"its last ordinal is {str(last)[:20]}, its release says {count}")

    def _check_header(self) -> int:
        """Return the file's size."""
        try:
            with open_regular(self._path) as file:
                size = os.fstat(file.fileno()).st_size
                data = file.read(HEADER_BYTES)
        except OSError as error:
            raise GalleryMissingError(
                f"{self._path}: cannot be read ({error.strerror}); install the release again"
            ) from error
        problem = header_problem(data or b"", size)
        if problem:
            raise self._corrupt(problem)
        return size

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
        return self._pages("SELECT ordinal, id FROM people", 1000)

    def people(self) -> Iterator[tuple[int, Person]]:
        """Yield each ordinal and person, in order."""
        return ((row[0], self._person(*row)) for row in self._pages(_SELECT, _FULL_PAGE))

    def check(self) -> None:
        """Read everything.

        Raises:
            GalleryCorruptError: SQLite's own check fails, an ordinal is missing, or a person is not
                as `build_people_table` would have written them.
        """
        until_s = time.thread_time() + check_s(self._size)
        answers = self._query("PRAGMA integrity_check(1)", budget_s=check_s(self._size))
        if answers != [("ok",)]:
            raise self._corrupt(str(answers[:1])[:200])
        expected, previous = 0, ""
        for ordinal, person_id, record, photo in self._pages(_SELECT, _FULL_PAGE):
            if time.thread_time() > until_s:
                raise self._corrupt(f"took more than {check_s(self._size):.0f} s to read")
            person = self._person(ordinal, person_id, record, photo)
            if ordinal != expected or person.id <= previous:
                raise self._corrupt(f"person {ordinal} is out of order")
            try:
                as_written = record_of(check_person(person))
            except GalleryInputError as error:
                raise self._corrupt(error) from error
            if as_written != record:
                raise self._corrupt(f"person {ordinal}: the record is not in the form we write")
            expected, previous = expected + 1, person.id
        if expected != self._count:
            raise self._corrupt(f"{expected} people, its release says {self._count}")

    def close(self) -> None:
        """Release the file now."""
        self._finalizer()

    def _pages(self, select: str, size: int) -> Iterator[Any]:
        after = -1
        query = f"{select} WHERE ordinal > ? ORDER BY ordinal LIMIT {size}"
        while page := self._query(query, after):
            if not all(type(row[0]) is int and type(row[1]) is str for row in page):
                raise self._corrupt("a column has another type")
            yield from page
            after = page[-1][0]

    def _query(self, sql: str, *values: object, budget_s: float = QUERY_S) -> list[Any]:
        try:
            with self._lock:
                self._deadline.at_s = time.thread_time() + budget_s
                return self._database.execute(sql, values).fetchall()
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            late = time.thread_time() > self._deadline.at_s
            problem = f"no answer within {budget_s:.0f} s" if late else error
            raise self._corrupt(problem) from error

    def _person(self, _ordinal: object, person_id: object, record: object, photo: object) -> Person:
        if not (isinstance(person_id, str) and isinstance(record, str) and type(photo) is bytes):
            raise self._corrupt("a column has another type")
        try:
            person = decode_json(record, Person)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise self._corrupt(f"person {person_id[:80]!a}: {error}") from error
        if person.id != person_id or person.photo:
            raise self._corrupt(f"person {person_id[:80]!a}: its record is of another person")
        return msgspec.structs.replace(person, photo=photo)

    def _corrupt(self, problem: object) -> GalleryCorruptError:
        return GalleryCorruptError(
            f"{self._path}: cannot be read as a table of people: {brief(problem)}; install the "
            "release again"
        )
