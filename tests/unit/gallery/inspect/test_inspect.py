"""Audit, differences, export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from engines.scores.model import score_model
from gallery.errors import GalleryInputError
from gallery.inspect.audit import audit
from gallery.inspect.compare import difference
from gallery.inspect.export import export
from gallery.search.open import open_gallery
from gallery.store.person import Person, Work, check_person_id, read_person_file
from gallery.store.store import create_gallery

SFACE = score_model("sface-2021dec").labels

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "test-1"


def test_audit_finds_what_was_planted(tmp_path: Path, population: Any) -> None:
    e = population.entries(range(30), count=3)
    templates = e.templates.copy()
    templates[owners_of(e, 5)[1]] = population.templates(8, 3)[0]
    twin = population.person(99)
    people = [*e.people, twin]
    both = np.concatenate([templates, templates[owners_of(e, 20)[:1]]])
    owners = np.append(e.owners, 30).astype(np.int32)
    create_gallery(tmp_path, people, both, owners, MODEL)
    found = audit(open_gallery(tmp_path), SFACE)
    assert (found.people, found.checked, found.single) == (31, 31, ["person-99"])
    assert (found.look_alikes[0].a, found.look_alikes[0].b) == ("person-20", "person-99")
    assert found.look_alikes[0].likely_same
    assert ("person-5", "person-8") in {(e.id, e.other) for e in found.label_errors}
    assert audit(open_gallery(tmp_path), SFACE, at_most=10).checked == 10


def owners_of(entries: Any, owner: int) -> Any:
    return np.flatnonzero(entries.owners == owner)


def test_difference_names_who_changed(tmp_path: Path, population: Any) -> None:
    e = population.entries(range(20))
    create_gallery(tmp_path / "a", e.people, e.templates, e.owners, MODEL)
    people = [*e.people[1:], population.person(77)]
    people[3] = msgspec.structs.replace(people[3], biography={"en": "another life"})
    templates = np.concatenate([e.templates[1:], population.templates(77)])
    templates[6] = population.templates(7, 2)[0]
    create_gallery(tmp_path / "b", people, templates, e.owners, MODEL)
    a, b = open_gallery(tmp_path / "a"), open_gallery(tmp_path / "b")
    found = difference(a, b)
    assert (found.added, found.removed) == (["person-77"], ["person-0"])
    assert (found.text, found.templates) == (["person-4"], ["person-7"])
    assert not found.same
    assert difference(a, a).same


def test_exported_people_read_back(tmp_path: Path, population: Any) -> None:
    nasty = Person(
        id="nästy_名-1",
        names={"en": 'Q "uote" \\ \x7f\n😀', "zh": "名字"},
        role={"en": "actor = [x]"},
        works=(Work("A # plain title"), Work({"en": "B", "de": "C"}, 1999, 'the "lead"')),
    )
    people = [population.person(1), nasty]
    templates = np.concatenate([population.templates(1), population.templates(2)])
    create_gallery(tmp_path / "g", people, templates, np.arange(2, dtype=np.int32), MODEL)
    gallery = open_gallery(tmp_path / "g")
    assert export(gallery, tmp_path / "out") == 2
    for person in people:
        bare = msgspec.structs.replace(person, pictures=(), photo=b"")
        assert read_person_file(tmp_path / "out" / person.id) == bare
    assert (tmp_path / "out/person-1/photo.jpg").read_bytes() == people[0].photo
    stored = np.load(tmp_path / "out/person-1/templates.npy")
    np.testing.assert_array_equal(stored, gallery.templates_of("person-1"))
    with pytest.raises(GalleryInputError, match="not empty"):
        export(gallery, tmp_path / "out")


def test_person_file_is_optional_and_strict(tmp_path: Path) -> None:
    folder = tmp_path / "jane_doe"
    folder.mkdir()
    (folder / "1.jpg").write_bytes(b"one")
    (folder / "2.jpg").write_bytes(b"two")
    assert read_person_file(folder).name() == "jane doe"
    text = 'name = "Jane"\nlicence = "CC0"\n[[pictures]]\nfile = "2.jpg"\nsource = "web"\n'
    (folder / "person.toml").write_text(text)
    person = read_person_file(folder)
    assert person.name("zh-Hans") == "Jane"
    assert [(p.source, p.licence) for p in person.pictures] == [("", "CC0"), ("web", "")]
    for wrong in ("nmae = 1", 'name = ""\nname = ""', 'name = " "', '[[pictures]]\nfile = "../x"'):
        (folder / "person.toml").write_text(wrong)
        with pytest.raises(GalleryInputError, match="jane_doe"):
            read_person_file(folder)


@pytest.mark.parametrize("good", ["a", "Åse-1", "名字", "a.b", "क्षि", "x" * 128])
def test_good_ids(good: str) -> None:
    assert check_person_id(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        "",
        ".",
        "..",
        ".a",
        "a/b",
        "a\\b",
        "a b",
        "a\0",
        "a\n",
        "a\u202eb",
        "x" * 129,
        "名" * 43,
        "\ud800",
        "a\u0308",
        "a:b",
        "#",
        "a+b",
    ],
)
def test_bad_ids(bad: str) -> None:
    with pytest.raises(GalleryInputError, match="person id"):
        check_person_id(bad)
