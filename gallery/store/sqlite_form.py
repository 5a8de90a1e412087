"""Whether a SQLite file can be one of ours: its first 100 bytes and its schema, exactly.

A SQLite file is a program as much as data: views, triggers, generated columns and checks run when a
table is read. A file with any of these is refused before a row of it is.
Source: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from functools import cache
from typing import NamedTuple

from gallery.store.limits import MAX_RECORD_BYTES, PAGE_BYTES

SCHEMA = """
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
VERSION = 3_037_000
"""The oldest that can read the file; written in place of the one that wrote it."""
HEADER_BYTES = 100
_HEADER = struct.Struct(">16s H 6B 12I 20x 2I")
_LENGTH_LIMIT = 2 * MAX_RECORD_BYTES


class _Header(NamedTuple):
    magic: bytes
    page_bytes: int
    write_version: int
    read_version: int
    reserved: int
    largest_payload: int
    smallest_payload: int
    leaf_payload: int
    changes: int
    pages: int
    free_page: int
    free_pages: int
    schema_cookie: int
    schema_format: int
    cache_size: int
    vacuum_root: int
    encoding: int
    user_version: int
    vacuum: int
    application: int
    valid_for: int
    version: int


def header_problem(data: bytes, size: int) -> str:
    """Return what is wrong with a file's first bytes, or ""."""
    if len(data) < HEADER_BYTES:
        return "too short for a header"
    found = _Header(*_HEADER.unpack(data[:HEADER_BYTES]))
    expected = found._replace(
        magic=b"SQLite format 3\0",
        page_bytes=PAGE_BYTES,
        write_version=1,
        read_version=1,
        reserved=0,
        largest_payload=64,
        smallest_payload=32,
        leaf_payload=32,
        pages=size // PAGE_BYTES,
        free_page=0,
        free_pages=0,
        schema_format=4,
        cache_size=0,
        vacuum_root=0,
        encoding=1,
        user_version=0,
        vacuum=0,
        application=0,
        valid_for=found.changes,
        version=VERSION,
    )
    for name, is_there, wanted in zip(found._fields, found, expected, strict=True):
        if is_there != wanted:
            return f"header field {name} is {is_there!r}, expected {wanted!r}"
    return "" if size % PAGE_BYTES == 0 else f"{size} bytes are not whole pages"


def restrict(database: sqlite3.Connection) -> None:
    """Let a connection do only what reading our table needs."""
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    # 256 KiB; the kernel's page cache holds the rest.
    database.execute("PRAGMA cache_size = -256")
    if not hasattr(database, "setlimit"):  # Python 3.10
        return
    for limit, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH_LIMIT),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, PAGE_BYTES),
        (sqlite3.SQLITE_LIMIT_COLUMN, 16),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 32),
        (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 2),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
    ):
        database.setlimit(limit, value)


def schema_of(database: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Return all that a database defines."""
    found = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT 4")
    return found.fetchall()


@cache
def our_schema() -> list[tuple[object, ...]]:
    """Return what a file of ours defines."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(SCHEMA)
        return schema_of(database)
