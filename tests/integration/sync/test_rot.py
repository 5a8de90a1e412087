"""A disk that rots, and removals that act all the same: through the real updater, from a folder."""

from __future__ import annotations

import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gallery.channel.errors import Refused, SourceError, SyncError
from gallery.channel.health import HeartbeatFile
from gallery.errors import GalleryCorruptError
from gallery.publish.content import Options, prepare, resign
from gallery.search.open import open_gallery
from gallery.search.watch import GalleryWatcher
from gallery.store import store
from gallery.store.person import Person
from gallery.store.update import Entries, add, compact, remove, update
from gallery.store.withdrawn import WITHDRAWN_FILE
from tests.attacks.forge import forgery_of, sign
from tests.integration.sync.conftest import MODEL, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gallery.sync.service import SyncService


def _entries(first: int, count: int) -> Entries:
    vectors = np.random.default_rng(first).standard_normal((count, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = [Person(f"p{first + i:04d}", {"en": f"Person {first + i}"}) for i in range(count)]
    return Entries(people, vectors, np.arange(count, dtype=np.int32), MODEL)


class Home:
    """A publisher with a gallery that changes, and a device that has taken up its first release."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.gallery = world, folder
        e = _entries(0, 100)
        store.create_gallery(folder, e.people, e.templates, e.owners, MODEL)
        self.publish()
        self.device: SyncService = world.device(origin=str(world.public), scrub_s=0, scrub_step_s=0)
        assert self.device.once()
        self.served = self.device.settings.gallery

    def publish(self, **options: Any) -> int:
        options.setdefault("probation_s", 0)
        manifest = prepare(self.world.repository, self.gallery, Options(**options))
        resign(self.world.repository, manifest)
        return manifest.release

    def files(self) -> list[Path]:
        release, folder = store.current_release(self.served)
        return [folder / "release.json", *(folder / info.name for info in release.files)]

    def known(self) -> set[str]:
        return set(open_gallery(self.served, MODEL).ids())

    def lose_from_source(self, keep: Callable[[Path], bool]) -> None:
        """Let the source have nothing but some files."""
        for path in (self.world.public / "f").iterdir():
            if not keep(path):
                path.unlink()


@pytest.fixture
def home(world: World, fast_folder: Path) -> Home:
    return Home(world, fast_folder / "cloud")


def flip(path: Path) -> None:
    """Change one byte where it lies, as a rotting disk does: all hard links have it."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0x10]))


def _run_until(home: Home, done: Callable[[], bool]) -> None:
    thread = threading.Thread(target=home.device.run)
    thread.start()
    try:
        deadline = time.monotonic() + 15
        while not done():
            assert time.monotonic() < deadline, home.device.status()
            time.sleep(0.02)
    finally:
        home.device.stop()
        thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_scrub_finds_a_flipped_byte_and_it_is_fetched_again(home: Home, which: int) -> None:
    watcher = GalleryWatcher(home.served, MODEL, poll_s=0.02)
    try:
        flip(home.files()[which])
        _run_until(home, lambda: home.device.status().mended == 1 and home.device.scrub.passes > 1)
        assert store.verify(home.served) == []
        assert watcher.gallery.people_count == 100
    finally:
        watcher.close()
    status = home.device.status()
    assert status.damaged == status.error == ""
    assert status.release == 1
    assert status.confirmed
    assert status.scrubbed_s > 0


def test_a_recogniser_that_cannot_start_has_the_damage_mended_at_once(
    world: World, fast_folder: Path
) -> None:
    home = Home(world, fast_folder / "cloud")
    pulse = fast_folder / "pulse.json"
    home.device = world.again(home.device, heartbeat=pulse, scrub_s=1e6)
    flip(home.files()[1])
    with pytest.raises(GalleryCorruptError) as refused:
        open_gallery(home.served, MODEL)
    HeartbeatFile(pulse).beat(0, error=str(refused.value))
    _run_until(home, lambda: home.device.status().mended == 1)
    assert open_gallery(home.served, MODEL).people_count == 100


@pytest.mark.parametrize("loss", ["release.json", "segment", "folder", "empty", "cut"])
def test_what_is_lost_of_the_release_in_use_comes_back(home: Home, loss: str) -> None:
    files = home.files()
    if loss == "release.json":
        files[0].unlink()
    elif loss == "segment":
        files[1].unlink()
    elif loss == "folder":
        shutil.rmtree(files[0].parent)
    elif loss == "empty":
        files[0].write_bytes(b"")
    else:
        data = files[2].read_bytes()
        files[2].write_bytes(data[: len(data) // 2])
    home.device.once()
    assert store.verify(home.served) == []
    assert home.known() == {f"p{n:04d}" for n in range(100)}
    assert home.device.status().damaged == ""
    assert home.device.device.installed() == 1
    # And it goes on from there.
    add(home.gallery, _entries(500, 1))
    home.publish()
    assert home.device.once()
    assert len(home.known()) == 101


@pytest.mark.parametrize("which", [0, 1, 2])
def test_rot_in_a_file_that_the_next_release_shares_does_not_block_it(
    home: Home, which: int
) -> None:
    flip(home.files()[which])
    remove(home.gallery, ["p0042"])
    add(home.gallery, _entries(500, 1))
    home.publish()
    assert home.device.once()
    assert home.known() == {f"p{n:04d}" for n in range(100) if n != 42} | {"p0500"}
    # The release before is there to fall back on, so what it shares is mended too.
    problems = [p for p in store.verify(home.served) if "release.json" not in p]
    assert problems == []


@pytest.mark.parametrize("merged", ["tombstone", "merged"])
def test_a_removal_acts_where_the_rest_cannot_be_fetched(home: Home, merged: str) -> None:
    watcher = GalleryWatcher(home.served, MODEL, poll_s=0.02)
    remove(home.gallery, ["p0042"])
    add(home.gallery, _entries(500, 1))
    if merged == "merged":
        compact(home.gallery)
    home.publish()
    flip(home.files()[1])
    # No source has templates; of the tables of people, only what is new.
    home.lose_from_source(lambda p: p.read_bytes()[:6] in {b"SQLite", b'{\n "re'})
    try:
        with pytest.raises(SourceError, match="not delivered"):
            home.device.once()
        deadline = time.monotonic() + 5
        while "p0042" in watcher.gallery:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert watcher.gallery.release == 1
        assert watcher.gallery.people_count == 99
        assert "p0041" in watcher.gallery
        probe = _entries(0, 100).templates[42:43]
        assert "p0042" not in watcher.gallery.search(probe, 99).ids[0]
    finally:
        watcher.close()
    assert home.device.status().error
    # The source has all again: the release itself removes them, and the file goes.
    home.publish()
    assert home.device.once()
    assert "p0042" not in home.known()
    assert "p0500" in home.known()
    assert not (home.served / WITHDRAWN_FILE).exists()


def test_somebody_updated_is_not_taken_for_removed(home: Home) -> None:
    changed = _entries(0, 1)
    update(home.gallery, Entries(changed.people, -changed.templates, changed.owners, MODEL))
    remove(home.gallery, ["p0007"])
    home.publish()
    flip(home.files()[1])
    home.lose_from_source(lambda p: p.read_bytes()[:6] in {b"SQLite", b'{\n "re'})
    with pytest.raises(SyncError):
        home.device.once()
    text = (home.served / WITHDRAWN_FILE).read_text()
    assert "p0007" in text
    assert "p0000" not in text


def test_a_release_that_is_refused_blanks_nobody_but_its_tombstones(home: Home) -> None:
    """A publisher errs: another table of people, in a form that we do not write."""
    remove(home.gallery, ["p0042"])
    home.publish()
    forgery = forgery_of(home.gallery)
    assert len(forgery.release.tombstones) == 1
    rows = [(n, f"x{n:04d}", "{}", b"") for n in range(100)]
    forgery.set_rows(rows)
    sign(forgery, home.world.repository, 9)
    with pytest.raises(Refused, match="malformed gallery"):
        home.device.once()
    assert home.known() == {f"p{n:04d}" for n in range(100) if n != 42}
    assert home.device.device.installed() == 1
    # It is not fetched again each minute, and says the same.
    before = home.device.status().bytes_fetched
    with pytest.raises(Refused, match="malformed gallery"):
        home.device.once()
    assert home.device.status().bytes_fetched == before
    assert home.device.status().refusals == 1


def test_who_was_removed_stays_out_when_a_release_is_left(home: Home) -> None:
    remove(home.gallery, ["p0042"])
    home.publish(probation_s=100)
    assert home.device.once()
    home.device.device._leave(2, "the recogniser cannot use it")
    assert home.device.device.installed() == 1
    assert home.known() == {f"p{n:04d}" for n in range(100) if n != 42}


def test_a_damaged_list_of_removed_people_goes_with_the_newest_release(home: Home) -> None:
    (home.served / WITHDRAWN_FILE).write_bytes(b"{")
    with pytest.raises(GalleryCorruptError, match=WITHDRAWN_FILE):
        open_gallery(home.served, MODEL)
    assert not home.device.once()
    assert len(home.known()) == 100


def test_rot_in_a_finished_part_is_fetched_again(home: Home) -> None:
    add(home.gallery, _entries(500, 1))
    home.publish()
    parts = home.device.settings.state / "parts"
    manifest = home.device.device.trust.check(home.device._metadata, 1)
    device = home.device.device
    device._staging.begin(manifest, home.device.sources(manifest))
    device._staging.fetch(manifest)
    victim = next(p for p in parts.iterdir() if p.read_bytes()[:6] == b"SQLite")
    flip(victim)
    assert home.device.once()
    assert store.verify(home.served) == []
