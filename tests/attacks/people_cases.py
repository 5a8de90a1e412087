"""Crafted releases: the table of people, its schema and its rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from tests.attacks.case import (
    case,
    change_record,
    each,
    read_record,
    set_id,
    set_text,
)

if TYPE_CHECKING:
    from numpy.random import Generator

    from tests.attacks.forge import Forgery

# people: the schema

_ENDLESS = "WITH RECURSIVE n(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"

each(
    "refused",
    "schema",
    view_beside=lambda f, r: f.run(f"CREATE VIEW more AS {_ENDLESS}"),
    view_in_place=lambda f, r: f.run(
        "ALTER TABLE people RENAME TO hidden",
        "CREATE VIEW people AS SELECT i AS ordinal, 'x' AS id, '{}' AS record, x'' AS photo "
        f"FROM ({_ENDLESS})",
    ),
    trigger=lambda f, r: f.run(
        "CREATE TRIGGER t AFTER INSERT ON people BEGIN DELETE FROM people; END"
    ),
    table_beside=lambda f, r: f.run("CREATE TABLE more (x)"),
    index_beside=lambda f, r: f.run("CREATE INDEX more ON people (record)"),
    column_more=lambda f, r: f.run("ALTER TABLE people ADD COLUMN more TEXT"),
    generated_column=lambda f, r: f.run(
        "ALTER TABLE people ADD COLUMN more TEXT GENERATED ALWAYS AS (hex(zeroblob(100000000)))"
    ),
    table_renamed=lambda f, r: f.run("ALTER TABLE people RENAME TO persons"),
    column_renamed=lambda f, r: f.run("ALTER TABLE people RENAME COLUMN photo TO picture"),
    statistics=lambda f, r: f.run("ANALYZE"),
    sequence=lambda f, r: f.run("CREATE TABLE s (i INTEGER PRIMARY KEY AUTOINCREMENT)"),
    virtual_table=lambda f, r: f.run("CREATE VIRTUAL TABLE v USING fts5(x)"),
    user_version=lambda f, r: f.run("PRAGMA user_version = 7"),
    application=lambda f, r: f.run("PRAGMA application_id = 7"),
    free_pages=lambda f, r: f.run("CREATE TABLE x AS SELECT * FROM people", "DROP TABLE x"),
    page_size_512=lambda f, r: f.set_rows(f.rows(), pragmas="PRAGMA page_size=512"),
    page_size_65536=lambda f, r: f.set_rows(f.rows(), pragmas="PRAGMA page_size=65536"),
    utf_16=lambda f, r: f.set_rows(
        f.rows(), pragmas="PRAGMA page_size=4096; PRAGMA encoding='UTF-16'"
    ),
    auto_vacuum=lambda f, r: f.set_rows(
        f.rows(), pragmas="PRAGMA page_size=4096; PRAGMA auto_vacuum=FULL"
    ),
    wal=lambda f, r: f.set_people(f.people()[:18] + b"\2\2" + f.people()[20:]),
    version_of_another=lambda f, r: f.set_people(f.people()[:96] + b"\0\0\0\1" + f.people()[100:]),
    pages_more=lambda f, r: f.set_people(f.people() + bytes(4096)),
    pages_less=lambda f, r: f.set_people(f.people()[:-4096]),
    cut=lambda f, r: f.set_people(f.people()[: int(r.integers(1, len(f.people())))]),
    empty_file=lambda f, r: f.set_people(b""),
    zeros=lambda f, r: f.set_people(bytes(len(f.people()))),
    no_database=lambda f, r: f.set_people(r.bytes(8192)),
    root_of_itself=lambda f, r: f.run(
        "PRAGMA writable_schema = ON", "UPDATE sqlite_master SET rootpage = 2"
    ),
    root_one=lambda f, r: f.run(
        "PRAGMA writable_schema = ON", "UPDATE sqlite_master SET rootpage = 1"
    ),
    root_beyond=lambda f, r: f.run(
        "PRAGMA writable_schema = ON", "UPDATE sqlite_master SET rootpage = 99999"
    ),
    check_that_is_endless=lambda f, r: f.run(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'photo BLOB NOT NULL', "
        "'photo BLOB CHECK (length(hex(zeroblob(99999999))) > 1)') WHERE type = 'table'",
    ),
    not_strict=lambda f, r: f.run(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, ') STRICT', ')') WHERE type = 'table'",
    ),
    megabytes=lambda f, r: f.run(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = sql || '/*' || hex(zeroblob(2000000)) || '*/' "
        "WHERE type = 'table'",
    ),
)


# people: the rows


def _replace_bytes(f: Forgery, old: bytes, new: bytes) -> None:
    """Change the first place only: the table has one thing, the index another."""
    assert len(old) == len(new)
    data = f.people()
    assert old in data
    f.set_people(data.replace(old, new, 1))


@case()
def people_index_of_other_ids(f: Forgery, _: Generator) -> None:
    person_id = str(f.rows()[5][1]).encode()
    _replace_bytes(f, person_id, person_id[:-1] + b"~")


each(
    "refused",
    "people",
    ordinal_with_a_hole=lambda f, r: f.set_rows(
        [(n + (n > 5), *row[1:]) for n, row in enumerate(f.rows())]
    ),
    hole_and_right_last=lambda f, r: f.run(
        f"DELETE FROM people WHERE ordinal = {r.integers(1, 8)}", "VACUUM"
    ),
    ordinal_from_one=lambda f, r: f.set_rows([(int(row[0]) + 1, *row[1:]) for row in f.rows()]),
    ordinal_negative=lambda f, r: f.set_rows([(int(row[0]) - 1, *row[1:]) for row in f.rows()]),
    ordinal_huge=lambda f, r: f.set_row(-1, ordinal=2**62),
    none=lambda f, r: f.set_rows([]),
    unsorted=lambda f, r: f.set_rows([(n, *row[1:]) for n, row in enumerate(reversed(f.rows()))]),
    id_no_utf8=lambda f, r: f.run("UPDATE people SET id = CAST(x'ff' AS TEXT) WHERE ordinal = 7"),
    id_a_path=lambda f, r: set_id(f, "~/../../etc/passwd"),
    id_empty=lambda f, r: f.set_row(0, id=""),
    id_long=lambda f, r: set_id(f, "z" * 100_000),
    id_with_nul=lambda f, r: set_id(f, "z\0z"),
    id_with_escape=lambda f, r: set_id(f, "z\x1b[2J"),
    id_with_newline=lambda f, r: set_id(f, "z\nz"),
    id_with_slash=lambda f, r: set_id(f, "zz/zz"),
    id_not_normal=lambda f, r: set_id(f, "zu\u0308"),
    id_a_number=lambda f, r: f.set_row(-1, id=5),
    id_bytes=lambda f, r: f.set_row(-1, id=b"zzz"),
    id_null=lambda f, r: f.set_row(-1, id=None),
    id_not_of_the_record=lambda f, r: f.set_row(-1, id="zzzz"),
    record_no_utf8=lambda f, r: f.run(
        "UPDATE people SET record = CAST(x'7bff7d' AS TEXT) WHERE ordinal = 3"
    ),
    record_no_json=lambda f, r: set_text(f, "{"),
    record_empty=lambda f, r: set_text(f, ""),
    record_deep=lambda f, r: set_text(f, "[" * 100_000),
    record_spaced=lambda f, r: set_text(
        f, json.dumps(read_record(f), ensure_ascii=False, indent=1)
    ),
    record_null=lambda f, r: f.set_row(3, record=None),
    record_bytes=lambda f, r: f.set_row(3, record=b"{}"),
    record_number=lambda f, r: f.set_row(3, record=5),
    record_of_another_key=lambda f, r: change_record(f, evil=1),
    record_key_twice=lambda f, r: set_text(f, str(f.rows()[3][2])[:-1] + ',"role":{"en":"x"}}'),
    record_with_photo=lambda f, r: change_record(f, photo="/9j/"),
    names_none=lambda f, r: change_record(f, names={}),
    names_blank=lambda f, r: change_record(f, names={"en": "   "}),
    names_number=lambda f, r: change_record(f, names={"en": 5}),
    names_null=lambda f, r: change_record(f, names=None),
    name_of_megabytes=lambda f, r: change_record(f, names={"en": "A" * 3_000_000}),
    name_of_a_kilobyte=lambda f, r: change_record(f, names={"en": "A" * 1024}),
    language_long=lambda f, r: change_record(f, names={"en": "A", "x" * 500: "B"}),
    languages_1000=lambda f, r: change_record(f, names={f"x{n:04d}": "A" for n in range(1000)}),
    biography_of_megabytes=lambda f, r: change_record(f, biography={"en": "A" * 5_000_000}),
    works_10000=lambda f, r: change_record(f, works=[{"title": "A"}] * 10_000),
    year_1e999=lambda f, r: set_text(
        f,
        json.dumps({**read_record(f), "works": [{"title": "A", "year": 5}]}).replace(
            ": 5", ": 1e999"
        ),
    ),
    year_huge=lambda f, r: change_record(f, works=[{"title": "A", "year": 10**15}]),
    pictures_10000=lambda f, r: change_record(f, pictures=[{"sha256": "ab"}] * 10_000),
    photo_no_jpeg=lambda f, r: f.set_row(3, photo=b"<svg onload=alert(1)>"),
    photo_large=lambda f, r: f.set_row(3, photo=b"\xff\xd8\xff" + bytes(100_000)),
    photo_of_megabytes=lambda f, r: f.set_row(3, photo=b"\xff\xd8\xff" + bytes(4_000_000)),
    photo_text=lambda f, r: f.set_row(3, photo="text"),
    photo_null=lambda f, r: f.set_row(3, photo=None),
    somebody_of_two_segments=lambda f, r: _id_of_the_other_segment(f),
)


def _id_of_the_other_segment(f: Forgery) -> None:
    """Let the last of the first segment have the id of somebody of the second."""
    rows, others = f.rows(0), f.rows(1)
    last, other = rows[-1], others[-1]
    record = {**json.loads(str(last[2])), "id": other[1]}
    text = msgspec.json.encode(record).decode()
    f.set_rows([*rows[:-1], (last[0], other[1], text, last[3])])
