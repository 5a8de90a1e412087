"""A watcher that meets a gallery that nobody foresaw stays on the last good one and watches on."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gallery.errors import GalleryCorruptError
from gallery.search.open import open_gallery
from gallery.search.watch import GalleryWatcher
from gallery.store.release import RELEASE_FILE, encode_release
from gallery.store.store import create_gallery
from gallery.store.update import add
from gallery.store.withdrawn import WITHDRAWN_FILE, withdraw
from tests.attacks.arena import base_gallery
from tests.attacks.cases import CASES
from tests.attacks.forge import Forgery, forgery_of
from tests.polling import until

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.search.search import Gallery


def _put(folder: Path, forgery: Forgery, number: int) -> None:
    """Make a forged release current, past every writer of ours."""
    forgery.set(number=number)
    target = folder / "releases" / str(number)
    target.mkdir()
    (target / RELEASE_FILE).write_bytes(encode_release(forgery.release))
    for name, data in forgery.files.items():
        (target / name).write_bytes(data)
    (folder / "x").symlink_to(f"releases/{number}")
    (folder / "x").replace(folder / "current")


def test_an_error_that_nobody_foresaw_does_not_end_the_watching(
    tmp_path: Path, population: Any
) -> None:
    e = population.entries(range(50))
    create_gallery(tmp_path, e.people, e.templates, e.owners, "test-1")

    def prepare(gallery: Gallery) -> None:
        if gallery.release == 2:
            raise OverflowError("cannot convert float infinity to integer")

    watcher = GalleryWatcher(tmp_path, "test-1", poll_s=0.01, prepare=prepare)
    try:
        add(tmp_path, population.entries([60]))
        until(lambda: watcher.error is not None)
        assert isinstance(watcher.error, GalleryCorruptError)
        assert "infinity" in str(watcher.error)
        assert watcher.gallery.release == 1
        add(tmp_path, population.entries([61]))
        until(lambda: watcher.gallery.release == 3)
        assert watcher.error is None
    finally:
        watcher.close()


@pytest.mark.parametrize(
    "name",
    [
        "templates_header_1e999",
        "templates_scales_all_1e38",
        "schema_view_in_place",
        "people_id_no_utf8",
        "people_ordinal_with_a_hole",
        "people_record_deep",
    ],
)
def test_a_bad_gallery_that_came_past_the_updater_is_not_swapped_in(
    name: str, tmp_path: Path
) -> None:
    folder = base_gallery(tmp_path / "gallery")
    good = forgery_of(folder)
    watcher = GalleryWatcher(folder, "sface-2021dec", poll_s=0.01)
    try:
        before = watcher.gallery
        forgery = forgery_of(folder)
        CASES[name].change(forgery, np.random.default_rng(1))
        _put(folder, forgery, 7)
        until(lambda: watcher.error is not None)
        assert watcher.gallery is before
        _put(folder, good, 8)
        until(lambda: watcher.gallery.release == 8)
    finally:
        watcher.close()


def test_a_gallery_made_anew_has_its_old_number_and_is_taken_up(
    tmp_path: Path, population: Any
) -> None:
    folder = tmp_path / "gallery"
    e = population.entries(range(50))
    create_gallery(folder, e.people, e.templates, e.owners, "test-1")
    watcher = GalleryWatcher(folder, "test-1", poll_s=0.01)
    try:
        first = watcher.gallery
        shutil.rmtree(folder)
        create_gallery(folder, e.people[:9], e.templates[:9], e.owners[:9], "test-1")
        until(lambda: watcher.gallery.people_count == 9)
        assert watcher.gallery.release == first.release == 1
        assert watcher.gallery.identity != first.identity
    finally:
        watcher.close()


def test_a_withdrawn_person_is_out_within_a_second_and_a_damaged_list_is_no_list(
    tmp_path: Path, population: Any
) -> None:
    e = population.entries(range(50))
    create_gallery(tmp_path, e.people, e.templates, e.owners, "test-1")
    watcher = GalleryWatcher(tmp_path, "test-1")
    try:
        assert withdraw(tmp_path, 2, {"person-3"})
        begun = time.monotonic()
        until(lambda: "person-3" not in watcher.gallery)
        assert time.monotonic() - begun < 5
        assert not withdraw(tmp_path, 2, {"person-3"})
        assert withdraw(tmp_path, 3, {"person-4"})
        until(lambda: "person-4" not in watcher.gallery)
        assert "person-3" not in watcher.gallery
        path = tmp_path / WITHDRAWN_FILE
        path.write_bytes(path.read_bytes().replace(b"person-3", b"person-5"))
        until(lambda: watcher.error is not None)
        assert watcher.gallery.people_count == 48
        with pytest.raises(GalleryCorruptError, match=WITHDRAWN_FILE):
            open_gallery(tmp_path, "test-1")
    finally:
        watcher.close()
