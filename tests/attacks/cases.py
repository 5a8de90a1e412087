"""The crafted releases: each case is a function that changes a good one.

Its name says what is wrong. What must become of it: `refused`, `installed`, or `either`, where
chance decides (random bytes). Whatever is installed, the recogniser has to serve.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from gallery.channel.manifest import Rollout, Source
from gallery.store.release import Tombstone, encode_release
from tests.attacks.forge import Forgery, table, versioned

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

Fate = Literal["refused", "installed", "either"]
Change = "Callable[[Forgery, Generator], object]"


@dataclass(frozen=True)
class Case:
    """A named attack."""

    name: str
    fate: Fate
    change: Callable[[Forgery, Generator], object]


CASES: dict[str, Case] = {}


def case(fate: Fate = "refused") -> Callable[[Any], Any]:
    def add(change: Any) -> Any:
        name = change.__name__
        assert name not in CASES
        CASES[name] = Case(name, fate, change)
        return change

    return add


def each(fate: Fate, prefix: str, **changes: Any) -> None:
    """Add short cases, which take the forgery and chance."""
    for name, change in changes.items():
        full = f"{prefix}_{name}"
        assert full not in CASES
        CASES[full] = Case(full, fate, change)


def _record(f: Forgery, ordinal: int = 3) -> dict[str, Any]:
    return json.loads(str(f.rows()[ordinal][2]))


def _with(f: Forgery, ordinal: int = 3, **fields: Any) -> None:
    """Change fields of a record, in the form that we write."""
    f.set_row(ordinal, record=_written({**_record(f, ordinal), **fields}))


def _written(record: dict[str, Any]) -> str:
    """Return a record with the languages in our order, so that its form is not what is refused."""
    sorted_ = {k: dict(sorted(v.items())) if isinstance(v, dict) else v for k, v in record.items()}
    return msgspec.json.encode(sorted_).decode()


def _text(f: Forgery, text: str, ordinal: int = 3) -> None:
    f.set_row(ordinal, record=text)


def _id(f: Forgery, person_id: Any, ordinal: int = -1) -> None:
    """Give the last person another id, in the record too."""
    rows = f.rows()
    record = {**json.loads(str(rows[ordinal][2])), "id": person_id}
    f.set_row(len(rows) - 1, id=person_id, record=msgspec.json.encode(record).decode())


def _at(array: Any, rng: Generator, value: Any) -> Any:
    array[rng.integers(len(array))] = value
    return array


# release.json

each(
    "refused",
    "release",
    number_zero=lambda f, r: f.set(number=0),
    number_negative=lambda f, r: f.set(number=-int(r.integers(1, 99))),
    number_too_large=lambda f, r: f.set(number=10**30),
    number_of_another=lambda f, r: f.set(number=7_777_777),
    dim_zero=lambda f, r: f.set(dim=0),
    dim_huge=lambda f, r: f.set(dim=2**40),
    dim_other=lambda f, r: f.set(dim=int(r.integers(1, 127))),
    model_empty=lambda f, r: f.set(model=""),
    model_a_path=lambda f, r: f.set(model="../../etc/passwd"),
    model_long=lambda f, r: f.set(model="s" * 100_000),
    model_escapes=lambda f, r: f.set(model="sface\x1b[2J"),
    created_long=lambda f, r: f.set(created="2" * 1_000_000),
    created_escapes=lambda f, r: f.set(created="\x1b]0;owned\x07"),
    rows_one_more=lambda f, r: f.set_segment(rows=f.release.segments[0].rows + 1),
    rows_one_less=lambda f, r: f.set_segment(rows=f.release.segments[0].rows - 1),
    rows_huge=lambda f, r: f.set_segment(rows=2**62),
    rows_negative=lambda f, r: f.set_segment(rows=-5),
    people_one_more=lambda f, r: f.set_segment(people=f.release.segments[0].people + 1),
    people_one_less=lambda f, r: f.set_segment(people=f.release.segments[0].people - 1),
    people_zero=lambda f, r: f.set_segment(people=0),
    people_huge=lambda f, r: f.set_segment(people=2**62, rows=2**62),
    segment_twice=lambda f, r: f.set(segments=f.release.segments * 2),
    segments_300=lambda f, r: f.set(segments=f.release.segments * 300),
    tombstone_beyond=lambda f, r: f.set(tombstones=(Tombstone(0, 10**9, "x"),)),
    tombstone_of_no_segment=lambda f, r: f.set(tombstones=(Tombstone(9, 0, "x"),)),
    tombstone_negative=lambda f, r: f.set(tombstones=(Tombstone(0, -1, "x"),)),
    tombstone_of_another=lambda f, r: f.set(tombstones=(Tombstone(0, 0, "nobody"),)),
    tombstone_id_a_path=lambda f, r: f.set(tombstones=(Tombstone(0, 0, "../../x"),)),
    tombstone_id_long=lambda f, r: f.set(tombstones=(Tombstone(0, 0, "x" * 10**6),)),
    unsealed=lambda f, r: setattr(f, "raw", encode_release(f.release).replace(b"128", b"129")),
    empty=lambda f, r: setattr(f, "raw", b""),
    no_json=lambda f, r: setattr(f, "raw", r.bytes(2000)),
    deep=lambda f, r: setattr(f, "raw", b"[" * 200_000),
    infinite=lambda f, r: setattr(
        f, "raw", encode_release(f.release).replace(b'"dim": 128', b'"dim": 1e999')
    ),
    long_number=lambda f, r: setattr(
        f, "raw", encode_release(f.release).replace(b'"dim": 128', b'"dim": ' + b"1" * 100_000)
    ),
    another_key=lambda f, r: setattr(
        f, "raw", encode_release(f.release).replace(b'"dim"', b'"evil": 1, "dim"')
    ),
    no_utf8=lambda f, r: setattr(
        f, "raw", encode_release(f.release).replace(b"sface", b"\xff\xfe")
    ),
    cut=lambda f, r: setattr(f, "raw", encode_release(f.release)[: int(r.integers(1, 500))]),
)


@case()
def release_tombstone_twice(f: Forgery, _: Generator) -> None:
    first = str(f.rows()[0][1])
    f.set(tombstones=(Tombstone(0, 0, first), Tombstone(0, 0, first + "x")))


@case()
def release_tombstones_unsorted(f: Forgery, _: Generator) -> None:
    ids = [str(row[1]) for row in f.rows()]
    f.set(tombstones=(Tombstone(0, 2, ids[2]), Tombstone(0, 1, ids[1])))


@case()
def release_files_of_another_segment(f: Forgery, _: Generator) -> None:
    f.set_segment(0, people_file=f.release.segments[1].people_file)


@case()
def release_file_name_a_path(f: Forgery, _: Generator) -> None:
    info = f.release.segments[0].people_file
    name = "../../../../tmp/evil.sqlite"
    f.files[name] = f.files[info.name]
    f.set_segment(people_file=msgspec.structs.replace(info, name=name))


@case()
def release_crc_wrong(f: Forgery, rng: Generator) -> None:
    info = f.release.segments[0].templates_file
    f.set_segment(templates_file=msgspec.structs.replace(info, crc32=int(rng.integers(2**32))))


@case()
def release_size_wrong(f: Forgery, _: Generator) -> None:
    info = f.release.segments[0].templates_file
    f.set_segment(templates_file=msgspec.structs.replace(info, size=info.size + 1))


@case()
def release_larger_than_any_disk(f: Forgery, _: Generator) -> None:
    """Seven terabytes that are consistent with themselves."""
    base, rows = f.release.segments[0], 2**23
    fake = []
    for n in range(200):
        digest = f"{n:064x}"
        templates = msgspec.structs.replace(
            base.templates_file, name=f"{digest}.safetensors", sha256=digest, size=rows * 4091
        )
        fake.append(
            msgspec.structs.replace(base, templates_file=templates, rows=rows, people=rows // 2)
        )
    f.set(segments=tuple(fake), dim=4086)


# templates

each(
    "refused",
    "templates",
    scale_1e38=lambda f, r: f.set_array("scales", _at(f.array("scales"), r, 1e38)),
    scales_all_1e38=lambda f, r: f.set_array("scales", f.array("scales") * 0 + np.float32(1e38)),
    scale_nan=lambda f, r: f.set_array("scales", _at(f.array("scales"), r, np.nan)),
    scale_infinite=lambda f, r: f.set_array("scales", _at(f.array("scales"), r, np.inf)),
    scale_zero=lambda f, r: f.set_array("scales", _at(f.array("scales"), r, 0)),
    scale_negative=lambda f, r: f.set_array("scales", -f.array("scales")),
    scale_denormal=lambda f, r: f.set_array("scales", _at(f.array("scales"), r, 1e-45)),
    scales_a_little_long=lambda f, r: f.set_array("scales", f.array("scales") * np.float32(1.01)),
    scales_ten_times=lambda f, r: f.set_array("scales", f.array("scales") * np.float32(10)),
    rows_zero=lambda f, r: f.set_array("rows", _at(f.array("rows"), r, 0)),
    rows_minus_128=lambda f, r: f.set_array("rows", _at(f.array("rows"), r, -128)),
    rows_all_127=lambda f, r: f.set_array("rows", _at(f.array("rows"), r, 127)),
    count_zero=lambda f, r: f.set_array("counts", _at(f.array("counts"), r, 0)),
    counts_255=lambda f, r: f.set_array("counts", f.array("counts") * 0 + np.uint8(255)),
    header_1e999=lambda f, r: f.set_header(_header(f).replace(b'"shape":[', b'"shape":[1e999,')),
    header_nan=lambda f, r: f.set_header(_header(f).replace(b'"shape":[', b'"shape":[NaN,')),
    header_of_strings=lambda f, r: f.set_header(_header(f).replace(b"[0,", b'["0",')),
    header_deep=lambda f, r: f.set_header(b"[" * 60_000),
    header_no_json=lambda f, r: f.set_header(r.bytes(800)),
    header_empty=lambda f, r: f.set_header(b"{}"),
    header_length_huge=lambda f, r: f.set_header(_header(f), 2**63),
    header_length_zero=lambda f, r: f.set_header(_header(f), 0),
    header_of_another_model=lambda f, r: f.set_header(_header(f).replace(b"sface", b"other")),
    header_longer=lambda f, r: f.set_header(_header(f) + b" " * 64),
    header_number_long=lambda f, r: f.set_header(
        _header(f).replace(b'"shape":[', b'"shape":[' + b"9" * 5000 + b",")
    ),
    overlap=lambda f, r: f.set_header(
        _header(f).replace(b'"data_offsets":[0,', b'"data_offsets":[1,')
    ),
    cut=lambda f, r: f.set_templates(f.templates()[: int(r.integers(1, len(f.templates())))]),
    bytes_after=lambda f, r: f.set_templates(f.templates() + r.bytes(10)),
    random=lambda f, r: f.set_templates(r.bytes(len(f.templates()))),
    centre_nan=lambda f, r: f.sketched(np.full(128, np.nan)),
    centre_infinite=lambda f, r: f.sketched(np.full(128, np.inf)),
)


def _header(f: Forgery) -> bytes:
    return f.form().header[8:]


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
    id_a_path=lambda f, r: _id(f, "~/../../etc/passwd"),
    id_empty=lambda f, r: f.set_row(0, id=""),
    id_long=lambda f, r: _id(f, "z" * 100_000),
    id_with_nul=lambda f, r: _id(f, "z\0z"),
    id_with_escape=lambda f, r: _id(f, "z\x1b[2J"),
    id_with_newline=lambda f, r: _id(f, "z\nz"),
    id_with_slash=lambda f, r: _id(f, "zz/zz"),
    id_not_normal=lambda f, r: _id(f, "zu\u0308"),
    id_a_number=lambda f, r: f.set_row(-1, id=5),
    id_bytes=lambda f, r: f.set_row(-1, id=b"zzz"),
    id_null=lambda f, r: f.set_row(-1, id=None),
    id_not_of_the_record=lambda f, r: f.set_row(-1, id="zzzz"),
    record_no_utf8=lambda f, r: f.run(
        "UPDATE people SET record = CAST(x'7bff7d' AS TEXT) WHERE ordinal = 3"
    ),
    record_no_json=lambda f, r: _text(f, "{"),
    record_empty=lambda f, r: _text(f, ""),
    record_deep=lambda f, r: _text(f, "[" * 100_000),
    record_spaced=lambda f, r: _text(f, json.dumps(_record(f), ensure_ascii=False, indent=1)),
    record_null=lambda f, r: f.set_row(3, record=None),
    record_bytes=lambda f, r: f.set_row(3, record=b"{}"),
    record_number=lambda f, r: f.set_row(3, record=5),
    record_of_another_key=lambda f, r: _with(f, evil=1),
    record_key_twice=lambda f, r: _text(f, str(f.rows()[3][2])[:-1] + ',"role":{"en":"x"}}'),
    record_with_photo=lambda f, r: _with(f, photo="/9j/"),
    names_none=lambda f, r: _with(f, names={}),
    names_blank=lambda f, r: _with(f, names={"en": "   "}),
    names_number=lambda f, r: _with(f, names={"en": 5}),
    names_null=lambda f, r: _with(f, names=None),
    name_of_megabytes=lambda f, r: _with(f, names={"en": "A" * 3_000_000}),
    name_of_a_kilobyte=lambda f, r: _with(f, names={"en": "A" * 1024}),
    language_long=lambda f, r: _with(f, names={"en": "A", "x" * 500: "B"}),
    languages_1000=lambda f, r: _with(f, names={f"x{n:04d}": "A" for n in range(1000)}),
    biography_of_megabytes=lambda f, r: _with(f, biography={"en": "A" * 5_000_000}),
    works_10000=lambda f, r: _with(f, works=[{"title": "A"}] * 10_000),
    year_1e999=lambda f, r: _text(
        f,
        json.dumps({**_record(f), "works": [{"title": "A", "year": 5}]}).replace(": 5", ": 1e999"),
    ),
    year_huge=lambda f, r: _with(f, works=[{"title": "A", "year": 10**15}]),
    pictures_10000=lambda f, r: _with(f, pictures=[{"sha256": "ab"}] * 10_000),
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


# the manifest


def _manifest(**fields: Any) -> Any:
    def change(f: Forgery, _: Generator) -> None:
        f.edit = lambda manifest: msgspec.structs.replace(manifest, **fields)

    return change


def _manifest_bytes(old: bytes, new: bytes) -> Any:
    def change(f: Forgery, _: Generator) -> None:
        f.manifest_raw = lambda data: data.replace(old, new)

    return change


def _one_file(**fields: Any) -> Any:
    def change(f: Forgery, _: Generator) -> None:
        f.manifest_raw = lambda data: _edit_file(data, fields)

    return change


def _edit_file(data: bytes, fields: dict[str, Any]) -> bytes:
    manifest = json.loads(data)
    manifest["files"][1].update(fields)
    return json.dumps(manifest).encode()


each(
    "refused",
    "manifest",
    model_other=_manifest(model="other-1"),
    model_long=_manifest(model="s" * 10_000),
    dim_other=_manifest(dim=64),
    created_long=_manifest(created="2" * 100_000),
    sources_many=_manifest(sources=(Source("https", "https://x"),) * 1000),
    url_long=_manifest(sources=(Source("https", "https://" + "x" * 10_000),)),
    salt_long=_manifest(rollout=Rollout(salt="s" * 10_000)),
    content_negative=_manifest(content=-5),
    no_json=_manifest_bytes(b"{", b"["),
    infinite=_manifest_bytes(b'"dim":128', b'"dim":1e999'),
    long_number=_manifest_bytes(b'"dim":128', b'"dim":' + b"1" * 100_000),
    another_key=_manifest_bytes(b'"dim"', b'"evil":1,"dim"'),
    format_2=_manifest_bytes(b'"format":1', b'"format":2'),
    no_utf8=_manifest_bytes(b"sface", b"\xff\xfe"),
    file_a_path=_one_file(path="../../../../tmp/evil"),
    file_hidden=_one_file(path=".current"),
    file_size_more=_one_file(size=123_456),
    file_size_negative=_one_file(size=-1),
    file_of_a_terabyte=_one_file(size=1 << 40),
    file_chunk_zero=_one_file(chunk_size=0),
    file_hash_other=_one_file(sha256="ab" * 32),
    file_twice=_one_file(path="release.json"),
    deep=lambda f, r: setattr(f, "manifest_raw", lambda _: b"[" * 100_000),
    files_none=lambda f, r: setattr(f, "edit", lambda m: msgspec.structs.replace(m, files=())),
    file_more=lambda f, r: setattr(
        f,
        "edit",
        lambda m: msgspec.structs.replace(
            m, files=(*m.files, msgspec.structs.replace(m.files[0], path="more"))
        ),
    ),
    file_less=lambda f, r: setattr(
        f, "edit", lambda m: msgspec.structs.replace(m, files=m.files[:-1])
    ),
)


# What is good, and has to get through; and what chance makes.

each(
    "installed",
    "good",
    as_it_is=lambda f, r: None,
    nobody=lambda f, r: f.set(segments=(), tombstones=()),
    one_segment=lambda f, r: f.set(segments=f.release.segments[:1]),
    somebody_removed=lambda f, r: f.set(tombstones=(Tombstone(0, 1, str(f.rows()[1][1])),)),
    all_removed=lambda f, r: f.set(
        tombstones=tuple(
            Tombstone(s, int(row[0]), str(row[1])) for s in (0, 1) for row in f.rows(s)
        )
    ),
    texts_of_all_scripts=lambda f, r: f.set_rows(
        [(*row[:2], _spoken(str(row[2])), row[3]) if row[0] == 3 else row for row in f.rows()]
    ),
)


def _spoken(record: str) -> str:
    found = json.loads(record)
    found["names"] = {
        "en": "[/b]\x1b[31m",
        "zh-Hant": "名字",
        "ar": "\u202e\u0627\u0633\u0645",
        "hi": "नाम",
    }
    found["biography"] = {"en": "x" * 16_000}
    return _written(found)


def _flip(data: bytes, rng: Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


each(
    "either",
    "chance",
    templates=lambda f, r: f.set_templates(_flip(f.templates(), r)),
    people=lambda f, r: f.set_people(_flip(f.people(), r)),
    people_head=lambda f, r: f.set_people(_flip(f.people()[:4096], r) + f.people()[4096:]),
    release=lambda f, r: setattr(f, "raw", _flip(encode_release(f.release), r)),
    manifest=lambda f, r: setattr(f, "manifest_raw", lambda data: _flip(data, r)),
    scales=lambda f, r: f.set_array(
        "scales", r.uniform(0, 0.02, len(f.array("scales"))).astype(np.float32)
    ),
    page_shuffled=lambda f, r: f.set_people(_shuffled(f.people(), r)),
    rows_shuffled=lambda f, r: f.set_people(
        table([f.rows()[i] for i in r.permutation(len(f.rows()))])
    ),
)


def _shuffled(data: bytes, rng: Generator) -> bytes:
    pages = [data[i : i + 4096] for i in range(4096, len(data), 4096)]
    return versioned(data[:4096] + b"".join(pages[i] for i in rng.permutation(len(pages))))
