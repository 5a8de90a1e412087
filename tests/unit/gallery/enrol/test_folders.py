"""Folders from a NAS, a Mac or a camera: whom they give, and what is said to be left out."""

from __future__ import annotations

import contextlib
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.enrol.folders import find_people
from gallery.enrol.source import read_catalogue
from gallery.errors import GalleryError, GalleryInputError
from gallery.store.person import check_person_id, derive_person_id

DECOMPOSED = unicodedata.normalize("NFD", "Beyoncé")


@pytest.mark.parametrize(
    ("folder", "person_id", "name"),
    [
        ("Tom Hanks", "Tom_Hanks", "Tom Hanks"),
        ("O'Brien", "O_Brien", "O'Brien"),
        (DECOMPOSED, "Beyoncé", "Beyoncé"),
        ("Robert Downey, Jr.", "Robert_Downey_Jr.", "Robert Downey, Jr."),
        ("  AC/DC\u2215live  ".replace("/", " "), "AC_DC_live", "AC DC\u2215live"),
        ("P!nk", "P_nk", "P!nk"),
        ("_ x", "x", "_ x"),
        ("a\nb\x1b[31mc", "a_b_31mc", "a b [31mc"),
        ("\u202eevil", "evil", "evil"),
        ("林-曼努尔·米兰达", "林-曼努尔_米兰达", "林-曼努尔·米兰达"),
        ("tom_hanks", "tom_hanks", ""),
        ("x" * 200 + " y", "x" * 128, "x" * 200 + " y"),
    ],
)
def test_ids_are_derived_and_names_kept(folder: str, person_id: str, name: str) -> None:
    assert derive_person_id(folder) == (person_id, name)


@given(st.text(min_size=1))
def test_any_name_gives_an_id_or_an_error(text: str) -> None:
    with contextlib.suppress(GalleryInputError):
        person_id, name = derive_person_id(text)
        assert check_person_id(person_id) == person_id
        assert name.isprintable() or name == ""


@pytest.fixture
def nas(tmp_path: Path) -> Path:
    for name in (
        "Tom Hanks/1.jpg",
        "Tom Hanks/2.HEIC",
        "Tom Hanks/3.jfif",
        "Tom Hanks/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
        "Tom Hanks/.DS_Store",
        "Tom Hanks/._1.jpg",
        "Tom Hanks/Thumbs.db",
        "Tom Hanks/old/4.jpg",
        "Tom Hanks/notes.txt",
        "Tom Hanks/raw.CR2",
        f"{DECOMPOSED}/1.avif",
        "@eaDir/x.jpg",
        "#recycle/Tom Hanks/1.jpg",
        "$RECYCLE.BIN/1.jpg",
        "__MACOSX/1.jpg",
        "lost+found/1.jpg",
        "loose.jpg",
        ".DS_Store",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "Tom Hanks" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(tmp_path / "Tom Hanks" / "pipe.jpg")
    return tmp_path


LEFT_OUT = {
    "Tom Hanks/gone.jpg: a link to nothing",
    "Tom Hanks/notes.txt: not a picture",
    "Tom Hanks/old: a folder in a person's folder, which is not looked into",
    "Tom Hanks/pipe.jpg: not a plain file",
    "loose.jpg: not in a person's folder",
}


def test_system_folders_are_passed_over_and_what_is_not_read_is_said(nas: Path) -> None:
    catalogue = read_catalogue(str(nas))
    assert [(e.person.id, e.person.names) for e in catalogue.entries] == [
        ("Beyoncé", {"en": "Beyoncé"}),
        ("Tom_Hanks", {"en": "Tom Hanks"}),
    ]
    assert [p.name for p in catalogue.entries[1].pictures] == ["1.jpg", "2.HEIC", "3.jfif"]
    told = set(catalogue.left_out)
    assert told >= LEFT_OUT
    (raw,) = told - LEFT_OUT
    assert raw.startswith("Tom Hanks/raw.CR2: camera raw")


def test_a_store_is_read_as_the_folder_is(nas: Path) -> None:
    pytest.importorskip("fsspec", reason='pip install "tvradar[cloud]"')
    (nas / "Tom Hanks" / "gone.jpg").unlink()
    (nas / "Tom Hanks" / "pipe.jpg").unlink()
    here, there = read_catalogue(str(nas)), read_catalogue(nas.as_uri())
    assert [e.person for e in there.entries] == [e.person for e in here.entries]
    assert [[p.name for p in e.pictures] for e in there.entries] == [
        [p.name for p in e.pictures] for e in here.entries
    ]
    assert len(there.left_out) == len(here.left_out)


def test_all_that_is_wrong_is_listed_at_once(tmp_path: Path) -> None:
    for name in ("Tom Hanks", "Tom_Hanks", "!!!", DECOMPOSED, "Beyoncé", "ann", "bob", "fine"):
        (tmp_path / name).mkdir()
    (tmp_path / os.fsdecode(b"caf\xe9")).mkdir()
    (tmp_path / "fine" / "1.jpg").write_bytes(b"x")
    with pytest.raises(GalleryInputError) as refusal:
        read_catalogue(str(tmp_path))
    told = str(refusal.value)
    assert len(told.splitlines()) == 4
    for found in ("both give the id Tom_Hanks", "both give the id Beyoncé", "'!!!'", "not UTF-8"):
        assert found in told
    for name in ("Tom_Hanks", "!!!", DECOMPOSED, os.fsdecode(b"caf\xe9")):
        (tmp_path / name).rmdir()
    (tmp_path / "ann" / "person.toml").write_text("name = 3")
    (tmp_path / "bob" / "person.toml").write_text("nonsense")
    with pytest.raises(GalleryInputError) as refusal:
        read_catalogue(str(tmp_path))
    assert [f"{who}/person.toml" in str(refusal.value) for who in ("ann", "bob")] == [True, True]


def test_long_lists_of_faults_are_cut(tmp_path: Path) -> None:
    for n in range(50):
        (tmp_path / f"{'!' * (n + 1)}").mkdir()
    with pytest.raises(GalleryInputError, match="and 30 more"):
        find_people(tmp_path)


def test_files_that_cannot_be_named_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / os.fsdecode(b"\xff.jpg")).write_bytes(b"x")
    catalogue = read_catalogue(str(tmp_path))
    assert catalogue.entries[0].pictures == ()
    assert catalogue.left_out == ("ann/\\udcff.jpg: its name is not UTF-8; rename it",)


NAMES = st.binary(min_size=1, max_size=24).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."}
)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(NAMES, st.dictionaries(NAMES, st.binary(max_size=40), max_size=3), max_size=4)
)
def test_any_folders_are_people_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[bytes, dict[bytes, bytes]]
) -> None:
    root = os.fsencode(tmp_path_factory.mktemp("people"))
    for folder, files in tree.items():
        (Path(os.fsdecode(root)) / os.fsdecode(folder)).mkdir(exist_ok=True)
        for name, content in files.items():
            (Path(os.fsdecode(root)) / os.fsdecode(folder) / os.fsdecode(name)).write_bytes(content)
        (Path(os.fsdecode(root)) / os.fsdecode(folder) / "person.toml").write_bytes(
            next(iter(files.values()), b"")
        )
    with contextlib.suppress(GalleryError):
        catalogue = read_catalogue(os.fsdecode(root))
        assert len({e.person.id for e in catalogue.entries}) == len(catalogue.entries)
        assert all(text.isprintable() for text in catalogue.left_out)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"name=" + b"[" * 100_000, "lists in lists"),
        (b"works=" + b"{a=" * 50_000, "person.toml"),
        (b"\xff\xfen\0a\0", "person.toml"),
        (b"#" * 1_100_000, "cannot be read"),
        (b'name="' + b"x" * 2_000 + b'"', "names has 2000 bytes"),
    ],
)
def test_a_hostile_person_file_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "person.toml").write_bytes(content)
    with pytest.raises(GalleryInputError, match=found):
        read_catalogue(str(tmp_path))


def test_a_person_file_may_begin_with_the_mark_of_a_windows_editor(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "person.toml").write_bytes(b'\xef\xbb\xbfname = "Ann A."')
    assert read_catalogue(str(tmp_path)).entries[0].person.names == {"en": "Ann A."}


def test_more_pictures_than_a_gallery_keeps_are_refused_before_they_are_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "ann").mkdir()
    for n in range(1001):
        (tmp_path / "ann" / f"{n}.jpg").touch()
    with pytest.raises(GalleryInputError, match="ann: 1001 pictures, expected at most 1000"):
        read_catalogue(str(tmp_path))
