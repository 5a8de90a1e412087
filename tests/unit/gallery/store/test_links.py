"""Nothing of ours follows a link out of the gallery's folder: no removal, no write, no read."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from gallery.channel.durable import write_atomically, write_whole
from gallery.errors import GalleryError
from gallery.search.open import open_gallery
from gallery.store.store import (
    create_gallery,
    current_release,
    forget_previous,
    install_release,
    release_numbers,
    rollback,
    verify,
)
from gallery.store.update import add, remove

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODEL = "test-1"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a folder of somebody else, whose content must stay."""
    folder = tmp_path / "precious"
    (folder / "deep").mkdir(parents=True)
    (folder / "photo.jpg").write_bytes(b"the only one")
    (folder / "deep" / "release.json").write_bytes(b"another")
    return folder


def _content(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _make(folder: Path, population: Any, numbers: range = range(20)) -> Path:
    e = population.entries(numbers)
    create_gallery(folder, e.people, e.templates, e.owners, MODEL)
    return folder


def _remove(gallery: Path, population: Any) -> None:
    remove(gallery, ["person-3"])


def _add(gallery: Path, population: Any) -> None:
    add(gallery, population.entries([30]))


def _forget(gallery: Path, population: Any) -> None:
    forget_previous(gallery)


@pytest.mark.parametrize("write", [_remove, _add, _make, _forget])
@pytest.mark.parametrize("name", [".staging-evil", ".staging-2", ".staging-old-1", "0", "7", "x"])
def test_a_link_beside_the_releases_is_not_followed(
    write: Callable[[Path, Any], object], name: str, tmp_path: Path, population: Any, outside: Path
) -> None:
    gallery = _make(tmp_path / "g", population)
    (gallery / "releases" / name).symlink_to(outside)
    (gallery / "releases" / f"{name}-deep").symlink_to(outside / "deep")
    before = _content(outside)
    write(gallery, population)
    assert _content(outside) == before
    assert open_gallery(gallery, MODEL).people_count >= 19
    assert 7 not in release_numbers(gallery)


def test_a_link_inside_an_old_release_is_not_followed(
    tmp_path: Path, population: Any, outside: Path
) -> None:
    gallery = _make(tmp_path / "g", population)
    (gallery / "releases/1/link").symlink_to(outside)
    (gallery / "releases/1/deep").mkdir()
    (gallery / "releases/1/deep/link").symlink_to(outside)
    before = _content(outside)
    _make(gallery, population)
    _make(gallery, population)
    assert release_numbers(gallery) == [2, 3]
    assert _content(outside) == before


@pytest.mark.parametrize("where", ["releases", "releases/1", "current"])
def test_a_gallery_that_is_a_link_to_elsewhere_is_neither_read_nor_written(
    where: str, tmp_path: Path, population: Any
) -> None:
    gallery, other = _make(tmp_path / "g", population), _make(tmp_path / "other", population)
    target = other / ("releases/1" if where == "current" else where)
    if (gallery / where).is_symlink():
        (gallery / where).unlink()
    else:
        shutil.rmtree(gallery / where)
    (gallery / where).symlink_to(target)
    before = _content(other)
    for use in (
        lambda: open_gallery(gallery, MODEL),
        lambda: remove(gallery, ["person-3"]),
        lambda: rollback(gallery),
    ):
        with pytest.raises(GalleryError):
            use()
    assert verify(gallery) != []
    assert _content(other) == before


def test_files_that_are_links_pipes_or_devices_are_refused_at_once(
    tmp_path: Path, population: Any
) -> None:
    gallery, other = _make(tmp_path / "g", population), _make(tmp_path / "other", population)
    release, folder = current_release(gallery)
    for name in ("release.json", *(file.name for file in release.files)):
        good = (folder / name).read_bytes()
        for kind in ("link", "pipe", "zero"):
            (folder / name).unlink()
            if kind == "pipe":
                os.mkfifo(folder / name)
            else:
                theirs = other / "releases/1" / name
                (folder / name).symlink_to(theirs if kind == "link" else "/dev/zero")
            with pytest.raises(GalleryError, match=name):
                open_gallery(gallery, MODEL)
            assert any(name in problem for problem in verify(gallery))
            (folder / name).unlink()
            (folder / name).write_bytes(good)
    assert open_gallery(gallery, MODEL).people_count == 20


def test_the_lock_is_no_way_out(tmp_path: Path, population: Any, outside: Path) -> None:
    gallery = _make(tmp_path / "g", population)
    (gallery / ".lock").unlink()
    (gallery / ".lock").symlink_to(outside / "made-here")
    with pytest.raises(GalleryError, match="lock"):
        remove(gallery, ["person-3"])
    assert not (outside / "made-here").exists()


def test_a_staging_folder_whose_files_are_links_is_refused(tmp_path: Path, population: Any) -> None:
    cloud = _make(tmp_path / "cloud", population)
    release, folder = current_release(cloud)
    staging = tmp_path / "staging"
    staging.mkdir()
    for name in ("release.json", *(file.name for file in release.files)):
        shutil.copy(folder / name, staging)
    victim = staging / release.files[0].name
    victim.unlink()
    victim.symlink_to(folder / victim.name)
    with pytest.raises(GalleryError, match=victim.name):
        install_release(tmp_path / "tv", staging)
    assert release_numbers(tmp_path / "tv") == []


@pytest.mark.parametrize("write", [write_atomically, write_whole])
def test_a_draft_that_is_a_link_is_replaced_and_not_followed(
    write: Callable[[Path, bytes], None], tmp_path: Path, outside: Path
) -> None:
    before = _content(outside)
    for name in ("state.json", "withdrawn.json"):
        (tmp_path / f".{name}.new").symlink_to(outside / "photo.jpg")
        write(tmp_path / name, b"ours")
        assert (tmp_path / name).read_bytes() == b"ours"
    assert _content(outside) == before
