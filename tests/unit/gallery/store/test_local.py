"""People named on the device: found with the others, and erased to the last byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from gallery.errors import GalleryInputError
from gallery.search.open import open_gallery
from gallery.store.local import add_person, erase_person
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MODEL = "sface-2021dec"
JPEG = b"\xff\xd8\xff" + b"photo of mum" * 20


def vectors(count: int, seed: int = 1) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((count, 128)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    people = [Person(f"p{n}", {"en": f"Person {n}"}) for n in range(3)]
    folder = tmp_path / "signed"
    create_gallery(folder, people, vectors(3), np.arange(3, dtype=np.int32), MODEL)
    return folder


def bytes_of(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def test_a_named_person_is_searched_with_the_others_and_erased(
    signed: Path, tmp_path: Path
) -> None:
    local, mine = tmp_path / "local", vectors(12, 7)
    before = open_gallery(signed, MODEL, local=local)
    people = [add_person(local, f"  Mum\t{n} ", one, JPEG, MODEL) for n, one in enumerate(mine)]
    gallery = open_gallery(signed, MODEL, before=before, local=local)
    assert gallery.people_count == 15
    assert gallery.identity != before.identity
    found = gallery.search(np.concatenate([mine, vectors(3)]), k=1)
    assert [ids[0] for ids in found.ids] == [p.id for p in people] + ["p0", "p1", "p2"]
    assert gallery.person(people[0].id).name() == "Mum 0"
    assert b"Mum 0" in bytes_of(local)
    for person in people[:11]:
        erase_person(local, person.id)
    content = bytes_of(local)
    assert b"Mum 0" not in content
    assert b"Mum 10" not in content
    assert b"Mum 11" in content
    assert open_gallery(signed, MODEL, local=local).people_count == 4
    erase_person(local, people[11].id)
    assert b"Mum" not in bytes_of(local)
    assert JPEG not in bytes_of(local)
    assert open_gallery(signed, MODEL, local=local).people_count == 3
    again = add_person(local, "Mum", mine[0], JPEG, MODEL)
    assert again.id in open_gallery(signed, MODEL, local=local)
    assert local.stat().st_mode & 0o077 == 0


def test_what_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    for name in ("", "  ", "\u202e", "x" * 65):
        with pytest.raises(GalleryInputError):
            add_person(tmp_path / "local", name, vectors(1)[0], b"", MODEL)
    for person_id in ("p0", "local-nobody"):
        with pytest.raises(GalleryInputError):
            erase_person(tmp_path / "local", person_id)


def test_a_damaged_or_other_local_gallery_is_left_out(signed: Path, tmp_path: Path) -> None:
    local = tmp_path / "local"
    add_person(local, "Mum", vectors(1)[0], b"", "another-model")
    assert open_gallery(signed, MODEL, local=local).people_count == 3
    damaged = tmp_path / "damaged"
    add_person(damaged, "Mum", vectors(1)[0], b"", MODEL)
    next(damaged.rglob("*.safetensors")).write_bytes(b"rot")
    assert open_gallery(signed, MODEL, local=damaged).people_count == 3
