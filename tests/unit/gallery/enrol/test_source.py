"""Catalogues: the same people from folders, stores and tables; clear words for wrong ones."""

import contextlib
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.enrol.errors import CatalogueReadError
from gallery.enrol.people import Entry
from gallery.enrol.source import read_catalogue
from gallery.enrol.storage import read_bytes
from gallery.errors import GalleryInputError
from gallery.store.person import Work

TOML = """
name = { en = "Ann", zh = "安" }
role = "Actor"
works = [{ title = "Film", year = 2001 }]
source = "archive"
licence = "CC0"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {
        "people/ann/1.jpg": b"one",
        "people/ann/2.PNG": b"two",
        "people/ann/notes.txt": b"no picture",
        "people/ann/person.toml": TOML.encode(),
        "people/bob_b/3.webp": b"three",
        "people/.hidden/4.jpg": b"four",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "people"


@pytest.fixture
def memory() -> Iterator[Any]:
    fs = pytest.importorskip("fsspec", reason='pip install "tvradar[cloud]"').filesystem("memory")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def told(entries: list[Entry]) -> list[tuple[object, ...]]:
    return [
        (e.person, [(p.name, read_bytes(p.uri), p.source, p.licence) for p in e.pictures])
        for e in entries
    ]


def test_folders_here_and_in_a_store_are_the_same(folder: Path, memory: Any) -> None:
    here = read_catalogue(str(folder)).entries
    assert [e.person.id for e in here] == ["ann", "bob_b"]
    assert [p.name for p in here[0].pictures] == ["1.jpg", "2.PNG"]
    assert here[0].person.names == {"en": "Ann", "zh": "安"}
    assert {p.licence for p in here[0].pictures} == {"CC0"}
    assert here[1].person.names == {"en": "bob b"}
    memory.put(str(folder), "/bucket/people", recursive=True)
    for url in ("memory://bucket/people", "memory://bucket/people/", folder.as_uri()):
        assert told(read_catalogue(url).entries) == told(here)


def test_a_changed_picture_has_another_stamp(folder: Path) -> None:
    before = read_catalogue(str(folder)).entries[0].pictures
    (folder / "ann" / "1.jpg").write_bytes(b"changed")
    after = read_catalogue(str(folder)).entries[0].pictures
    assert [a.stamp != b.stamp for a, b in zip(after, before, strict=True)] == [True, False]
    remote = read_catalogue(folder.as_uri()).entries[0].pictures[0].stamp
    (folder / "ann" / "1.jpg").write_bytes(b"again")
    assert read_catalogue(folder.as_uri()).entries[0].pictures[0].stamp != remote


def table(rows: list[dict[str, str]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


ROWS = [
    {"id": "bob", "picture": "b.jpg", "name": "Bob", "name.zh": "", "works": "", "licence": "CC0"},
    {
        "id": "ann",
        "picture": "memory://x/a.jpg",
        "name": "",
        "name.zh": "安",
        "works": json.dumps([{"title": {"en": "Film"}, "year": 2001}]),
        "licence": "",
    },
    {"id": "ann", "picture": "a.jpg", "name": "Ann", "name.zh": "二", "works": "", "licence": ""},
]


def test_tables_group_the_rows_of_a_person(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason='pip install "tvradar[cloud]"')
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + table(ROWS))
    pytest.importorskip("pyarrow.parquet").write_table(
        pa.Table.from_pylist([{k: v or None for k, v in row.items()} for row in ROWS]),
        tmp_path / "t.parquet",
    )
    for name in ("t.csv", "t.parquet"):
        ann, bob = read_catalogue(str(tmp_path / name)).entries
        assert ann.person.names == {"en": "Ann", "zh": "安"}
        assert ann.person.works == (Work({"en": "Film"}, 2001),)
        uris = {p.uri: p.name for p in ann.pictures}
        # Two pictures of one name are told apart by where they are.
        assert uris == {uri: uri for uri in ("memory://x/a.jpg", str(tmp_path / "a.jpg"))}
        assert [(p.name, p.licence) for p in bob.pictures] == [("b.jpg", "CC0")]


def test_a_table_in_a_store_finds_pictures_beside_it(memory: Any) -> None:
    memory.pipe("/x/t.csv", b"id,picture\nann,pictures/a.jpg\n")
    memory.pipe("/x/pictures/a.jpg", b"picture")
    (ann,) = read_catalogue("memory://x/t.csv").entries
    assert read_bytes(ann.pictures[0].uri) == b"picture"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "has no row"),
        (b"id,picture\n", "has no row"),
        (b"id,name\nann,Ann\n", "no column 'picture'"),
        (b"id,picture,colour\nann,a.jpg,red\n", "unknown column 'colour'"),
        (b"id,picture,role.\nann,a.jpg,red\n", None),
        (b"id,picture\nann\n", "not as many fields"),
        (b"id,picture\nann,a.jpg,b.jpg\n", "not as many fields"),
        (b"id,picture\n../ann,a.jpg\n", "row 2: person id"),
        (b"id,picture\nann,a.jpg\nbob,\n", "row 3: has no picture"),
        (b"id,picture,works\nann,a.jpg,[1]\n", "works of ann"),
        (b"id,picture\n\xff,a.jpg\n", "UTF-8"),
        (b'id,picture\n"ann,a.jpg\n', "is no CSV"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, content: bytes, found: str | None) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    if found is None:
        assert read_catalogue(str(path)).entries
        return
    with pytest.raises(GalleryInputError, match=found) as refusal:
        read_catalogue(str(path))
    assert str(path) in str(refusal.value)
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    "place",
    [
        "reference://a.jpg::https://example.org/templates.json",
        "simplecache::https://example.org/a.jpg",
        "zip://a.jpg::https://example.org/a.zip",
        "a.jpg::file:///etc/passwd",
        "x::a.jpg",
        "file:///home/me/private.jpg",
        "local:///home/me/private.jpg",
        "git://a.jpg",
        "://a.jpg",
    ],
)
def test_a_table_from_elsewhere_chooses_no_reader_but_a_store(memory: Any, place: str) -> None:
    """fsspec would unpack, render templates, write caches, or read this machine's disk for it."""
    memory.pipe("/x/t.csv", f"id,picture\nann,{place}\n".encode())
    with pytest.raises(GalleryInputError, match=r"row 2: picture .*no address of a picture"):
        read_catalogue("memory://x/t.csv")


def test_a_table_of_this_disk_may_name_its_files_but_chain_none(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for place, taken in ((f"file://{tmp_path}/a.jpg", True), ("zip://a::file:///x.zip", False)):
        path.write_text(f"id,picture\nann,{place}\n")
        with contextlib.nullcontext() if taken else pytest.raises(GalleryInputError):
            assert read_catalogue(str(path)).entries


@given(st.binary(max_size=300), st.sampled_from([".csv", ".parquet"]))
def test_any_bytes_are_a_table_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("table") / f"t{suffix}"
    for whole in (content, b"id,picture\n" + content):
        path.write_bytes(whole)
        with contextlib.suppress(GalleryInputError):
            assert read_catalogue(str(path)).entries


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("/nowhere/people", "no such folder"),
        ("/nowhere/people.csv", "cannot be read"),
        ("memory://nowhere/people", "no folder in it"),
        ("nosuch://bucket/people", "expected a URL that fsspec opens"),
    ],
)
def test_what_is_not_there_is_said(source: str, found: str) -> None:
    with pytest.raises(GalleryInputError, match=found) as refusal:
        read_catalogue(source)
    assert source in str(refusal.value)


def test_a_store_out_of_reach_stops_the_run() -> None:
    fsspec = pytest.importorskip("fsspec", reason='pip install "tvradar[cloud]"')
    waits_s: list[float] = []

    class Unreachable(fsspec.AbstractFileSystem):  # type: ignore[misc]
        protocol = "unreachable"
        tries = 0

        def _open(self, *_: object, **__: object) -> None:
            Unreachable.tries += 1
            raise ConnectionError("the network is gone")

    fsspec.register_implementation("unreachable", Unreachable, clobber=True)
    with pytest.raises(CatalogueReadError, match="run the command again"):
        read_bytes("unreachable://bucket/picture.jpg", sleep=waits_s.append)
    assert Unreachable.tries == 3
    assert waits_s == [1.0, 2.0]
