"""Power cuts, full disks and removals: always the old release or the new one."""

from __future__ import annotations

import errno
import fcntl
import itertools
import resource
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gallery.errors import GalleryError, GalleryWriteError
from gallery.search.open import open_gallery
from gallery.store.store import (
    create_gallery,
    current_release,
    forget_previous,
    install_release,
    rollback,
    verify,
)
from gallery.store.update import add, compact, remove, update

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gallery.store.release import Release

Change = Callable[[Path, Any, Path, Any], None]
MODEL = "test-1"


def _make(folder: Path, population: Any, numbers: Iterable[int], **options: Any) -> Release:
    e = population.entries(numbers)
    return create_gallery(folder, e.people, e.templates, e.owners, MODEL, **options)


def _state(folder: Path) -> dict[str, str] | None:
    """All that a reader sees, or None where there is no gallery."""
    try:
        gallery = open_gallery(folder, MODEL)
    except GalleryError:
        assert not (folder / "current").is_symlink()
        return None
    return {person.id: person.name() for person in gallery.people()}


def _create(folder: Path, population: Any, staging: Path, fs: Any) -> None:
    _make(folder, population, range(5), fs=fs)


def _add(folder: Path, population: Any, staging: Path, fs: Any) -> None:
    add(folder, population.entries([50]), fs=fs)


def _update(folder: Path, population: Any, staging: Path, fs: Any) -> None:
    update(folder, population.entries([3], edition=1), fs=fs)


def _remove(folder: Path, population: Any, staging: Path, fs: Any) -> None:
    remove(folder, ["person-4"], fs=fs)


def _remove_many(folder: Path, population: Any, staging: Path, fs: Any) -> None:
    remove(folder, [f"person-{n}" for n in range(8, 20)], fs=fs)


def _compact(folder: Path, population: Any, staging: Path, fs: Any) -> None:
    compact(folder, fs=fs)


def _install(folder: Path, population: Any, staging: Path, fs: Any) -> None:
    install_release(folder, staging, fs=fs)


def _rollback(folder: Path, population: Any, staging: Path, fs: Any) -> None:
    rollback(folder, fs=fs)


def _forget(folder: Path, population: Any, staging: Path, fs: Any) -> None:
    forget_previous(folder, fs=fs)


CHANGES = [
    _create,
    _add,
    _update,
    _remove,
    _remove_many,
    _compact,
    _install,
    _rollback,
    _forget,
]


@dataclass
class World:
    """What a fault test needs."""

    population: Any
    disk: Any
    power_cut: type[BaseException]


@pytest.fixture
def world(population: Any, faulty_disk: Any, power_cut: type[BaseException]) -> World:
    return World(population, faulty_disk, power_cut)


def _full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device", "somewhere")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, population: Any) -> tuple[Path, Path]:
    """Return a gallery with a release before, a delta and a tombstone, and a later one."""
    root = tmp_path_factory.mktemp("galleries")
    _make(root / "gallery", population, range(30))
    add(root / "gallery", population.entries([40]))
    remove(root / "gallery", ["person-7"])
    shutil.copytree(root / "gallery", root / "later", symlinks=True)
    add(root / "later", population.entries([41]))
    _, staging = current_release(root / "later")
    return root / "gallery", staging


@pytest.mark.parametrize(
    ("change", "kind"),
    [(change, "existing") for change in CHANGES] + [(_create, "new"), (_install, "new")],
)
def test_power_cut_at_every_call(
    change: Change, kind: str, ready: tuple[Path, Path], tmp_path: Path, world: World
) -> None:
    empty = kind == "new"
    original, staging = ready

    def start(name: str) -> Path:
        folder = tmp_path / name
        if not empty:
            shutil.copytree(original, folder, symlinks=True)
        return folder

    whole = start("whole")
    before = _state(whole)
    counter = world.disk()
    change(whole, world.population, staging, counter)
    after = _state(whole)
    assert len(counter.calls) >= 3
    assert verify(whole) == []
    seen = set()
    for stop, loses in itertools.product(range(len(counter.calls)), (False, True)):
        where = f"{counter.calls[stop]} (call {stop}), {loses=}"
        folder = start(f"{stop}-{loses}")
        disk = world.disk(stop_at=stop)
        with pytest.raises(world.power_cut):
            change(folder, world.population, staging, disk)
        if loses:
            disk.lose()
        found = _state(folder)
        assert found in (before, after), where
        seen.add(found == after)
        if found is not None:
            assert verify(folder) == [], where
        # The next writer finds its way, whatever lies about.
        _make(folder, world.population, [1, 2], fs=world.disk())
        assert list(_state(folder) or {}) == ["person-1", "person-2"]
        assert verify(folder) == [], where
        shutil.rmtree(folder)
    assert before == after or seen == {False, True}


@pytest.mark.parametrize("change", CHANGES)
def test_disk_full_at_every_call(
    change: Change, ready: tuple[Path, Path], tmp_path: Path, world: World
) -> None:
    original, staging = ready
    shutil.copytree(original, tmp_path / "whole", symlinks=True)
    before = _state(tmp_path / "whole")
    counter = world.disk()
    change(tmp_path / "whole", world.population, staging, counter)
    after = _state(tmp_path / "whole")
    refusals = []
    for stop in range(len(counter.calls)):
        folder = tmp_path / str(stop)
        shutil.copytree(original, folder, symlinks=True)
        try:
            change(folder, world.population, staging, world.disk(stop_at=stop, error=_full))
        except GalleryWriteError as error:
            refusals.append(str(error))
        assert _state(folder) in (before, after)
        assert verify(folder) == []
        shutil.rmtree(folder)
    assert len(refusals) >= 2
    assert all("No space left" in text and "serves on" in text for text in refusals)


def test_real_disk_full(tmp_path: Path, population: Any) -> None:
    """A file size limit of the process stands for a full disk, below all of our code."""
    _make(tmp_path / "g", population, range(3))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, limits[1]))
    try:
        with pytest.raises(GalleryWriteError, match="serves on"):
            _make(tmp_path / "g", population, range(200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert len(_state(tmp_path / "g") or {}) == 3
    assert verify(tmp_path / "g") == []


def test_two_writers_at_once_are_refused(tmp_path: Path, population: Any) -> None:
    _make(tmp_path, population, range(3))
    with (tmp_path / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(GalleryWriteError, match="another process"):
            _make(tmp_path, population, range(3))
