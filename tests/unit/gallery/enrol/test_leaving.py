"""Who leaves a gallery with its library, and when nobody may without being asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from gallery.enrol.leaving import LibraryShrunkError, leaving
from gallery.store.person import Person, Work
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from pathlib import Path

IDS = [f"p{n:02}" for n in range(60)]


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    people = [Person(i, {"en": i.upper()}, works=(Work(f"Film {i[1]}"),)) for i in IDS]
    rows = np.eye(60, 128, dtype=np.float32)
    create_gallery(tmp_path / "gallery", people, rows, np.arange(60, dtype=np.int32), "sface")
    return tmp_path / "gallery"


def test_films_come_and_go(gallery: Path, tmp_path: Path) -> None:
    assert leaving(gallery, [*IDS, "new"], (), agreed=False) == ()
    assert [one.id for one in leaving(gallery, IDS[6:], (), agreed=False)] == IDS[:6]
    assert leaving(tmp_path / "none", IDS, ("a share",), agreed=False) == ()


@pytest.mark.parametrize("staying", [IDS[30:], IDS[7:], []])
def test_half_a_library_is_no_library(gallery: Path, staying: list[str]) -> None:
    told = rf"{60 - len(staying)} of 60 people would leave it \(P00, P01, P02 and .* with Film 0"
    with pytest.raises(LibraryShrunkError, match=told) as caught:
        leaving(gallery, staying, (), agreed=False)
    assert caught.value.exit_code == 3
    assert len(leaving(gallery, staying, (), agreed=True)) == 60 - len(staying)


def test_nobody_leaves_with_what_was_not_read(gallery: Path) -> None:
    with pytest.raises(LibraryShrunkError, match=r"1 of 60 .*; /nas: cannot be listed; nothing"):
        leaving(gallery, IDS[1:], ("/nas: cannot be listed",), agreed=False)
    assert leaving(gallery, IDS, ("/nas: cannot be listed",), agreed=False) == ()


def test_a_small_gallery_keeps_more_than_half(tmp_path: Path) -> None:
    people = [Person(i, {"en": i}) for i in "ab"]
    rows = np.eye(2, 128, dtype=np.float32)
    create_gallery(tmp_path / "g", people, rows, np.arange(2, dtype=np.int32), "sface")
    with pytest.raises(LibraryShrunkError, match="1 of 2 people"):
        leaving(tmp_path / "g", ["a"], (), agreed=False)
