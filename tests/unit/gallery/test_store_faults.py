"""Power cuts, full disks and removals: always the old release or the new one."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

import pytest

from gallery.errors import GalleryError, GalleryWriteError
from gallery.store import (
    create_gallery,
    current_release,
    forget_previous,
    install_release,
    open_gallery,
    rollback,
    verify,
)
from gallery.update import add, compact, remove, update

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "test-1"


def _make(folder, population, numbers, **options):
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


def _create(folder, population, staging, fs):
    _make(folder, population, range(5), fs=fs)


def _add(folder, population, staging, fs):
    add(folder, population.entries([50]), fs=fs)


def _update(folder, population, staging, fs):
    update(folder, population.entries([3], edition=1), fs=fs)


def _remove(folder, population, staging, fs):
    remove(folder, ["person-4"], fs=fs)


def _remove_many(folder, population, staging, fs):
    remove(folder, [f"person-{n}" for n in range(8, 20)], fs=fs)


def _compact(folder, population, staging, fs):
    compact(folder, fs=fs)


def _install(folder, population, staging, fs):
    install_release(folder, staging, fs=fs)


def _rollback(folder, population, staging, fs):
    rollback(folder, fs=fs)


def _forget(folder, population, staging, fs):
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


@pytest.fixture(scope="module")
def ready(tmp_path_factory, population):
    """Return a gallery with a release before, a delta and a tombstone, and a later one to install."""
    root = tmp_path_factory.mktemp("galleries")
    _make(root / "gallery", population, range(30))
    add(root / "gallery", population.entries([40]))
    remove(root / "gallery", ["person-7"])
    shutil.copytree(root / "gallery", root / "later", symlinks=True)
    add(root / "later", population.entries([41]))
    _, staging = current_release(root / "later")
    return root / "gallery", staging


@pytest.mark.parametrize("empty", [False, True], ids=["existing", "new"])
@pytest.mark.parametrize("change", CHANGES)
def test_power_cut_at_every_call(
    change, empty, ready, tmp_path, population, faulty_disk, power_cut
):
    if empty and change not in {_create, _install}:
        pytest.skip("needs a gallery to change")
    original, staging = ready

    def start(name: str) -> Path:
        folder = tmp_path / name
        if not empty:
            shutil.copytree(original, folder, symlinks=True)
        return folder

    whole = start("whole")
    before = _state(whole)
    counter = faulty_disk()
    change(whole, population, staging, counter)
    after = _state(whole)
    assert len(counter.calls) >= 3
    assert verify(whole) == []
    seen = set()
    for stop in range(len(counter.calls)):
        for loses in (False, True):
            folder = start(f"{stop}-{loses}")
            disk = faulty_disk(stop_at=stop)
            with pytest.raises(power_cut):
                change(folder, population, staging, disk)
            if loses:
                disk.lose()
            found = _state(folder)
            assert found in (before, after), f"{counter.calls[stop]} (call {stop}), {loses=}"
            seen.add(found == after)
            if found is not None:
                assert verify(folder) == [], f"{counter.calls[stop]} (call {stop}), {loses=}"
            # The next writer finds its way, whatever lies about.
            _make(folder, population, [1, 2], fs=faulty_disk())
            assert list(_state(folder) or {}) == ["person-1", "person-2"]
            assert verify(folder) == []
            shutil.rmtree(folder)
    assert before == after or seen == {False, True}


@pytest.mark.parametrize("change", CHANGES)
def test_disk_full_at_every_call(change, ready, tmp_path, population, faulty_disk, full):
    original, staging = ready
    shutil.copytree(original, tmp_path / "whole", symlinks=True)
    before = _state(tmp_path / "whole")
    counter = faulty_disk()
    change(tmp_path / "whole", population, staging, counter)
    after = _state(tmp_path / "whole")
    refused = 0
    for stop in range(len(counter.calls)):
        folder = tmp_path / str(stop)
        shutil.copytree(original, folder, symlinks=True)
        with contextlib.suppress(GalleryWriteError):
            try:
                change(folder, population, staging, faulty_disk(stop_at=stop, error=full))
            except GalleryWriteError as error:
                refused += 1
                assert "No space left" in str(error)
                assert "serves on" in str(error)
                raise
        assert _state(folder) in (before, after)
        assert verify(folder) == []
        if change is not _rollback:
            assert _state(folder) == before or _state(folder) == after
        shutil.rmtree(folder)
    assert refused >= 2


def test_real_disk_full(tmp_path, population, monkeypatch):
    """A file size limit of the process stands for a full disk, below all of our code."""
    import resource
    import signal

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


def test_two_writers_at_once_are_refused(tmp_path, population):
    import fcntl

    _make(tmp_path, population, range(3))
    with (tmp_path / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(GalleryWriteError, match="another process"):
            _make(tmp_path, population, range(3))
