"""Releases in a row, against a model of what they should hold, and under a running reader."""

from __future__ import annotations

import gc
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gallery.errors import GalleryCorruptError, GalleryInputError, GalleryMissingError
from gallery.search.open import open_gallery
from gallery.search.watch import GalleryWatcher
from gallery.store.store import (
    create_gallery,
    current_release,
    forget_previous,
    install_release,
    release_numbers,
    rollback,
    verify,
)
from gallery.store.update import add, apply, compact, remove, update
from tests.polling import until

if TYPE_CHECKING:
    from gallery.search.search import Gallery

MODEL = "test-1"
State = dict[int, int]
"""Person's number to edition."""


def _expect(gallery: Gallery, state: State, population: Any) -> None:
    """Compare a gallery's people and answers with the model's."""
    assert sorted(gallery.ids()) == sorted(f"person-{n}" for n in state)
    assert gallery.people_count == len(state)
    if not state:
        return
    numbers = sorted(state)
    templates = np.concatenate([population.templates(n, state[n]) for n in numbers])
    probes = np.concatenate([population.templates(n, 5) for n in numbers[:3]])
    scores = probes @ templates.T
    found = gallery.search(probes, 2)
    for n, ids in enumerate(found.ids):
        theirs = [scores[n, numbers.index(int(name[7:]))] for name in ids]
        np.testing.assert_allclose(theirs, np.sort(scores[n])[::-1][:2][: len(theirs)], atol=0.012)
    first = numbers[0]
    assert gallery.person(f"person-{first}") == population.person(first, state[first])


CHANGES = st.lists(
    st.tuples(
        st.sets(st.integers(0, 19), max_size=4),
        st.sets(st.integers(0, 19), max_size=4),
        st.booleans(),
    ),
    max_size=6,
)


@given(changes=CHANGES)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_changes_give_what_the_model_says(
    changes: list[tuple[set[int], set[int], bool]], population: Any, faulty_disk: Any
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        e = population.entries(range(10, 60))
        create_gallery(folder, e.people, e.templates, e.owners, MODEL, fs=faulty_disk())
        state = dict.fromkeys(range(10, 60), 0)
        for edition, (put, gone, merge) in enumerate(changes, 1):
            gone = gone & set(state) - put  # noqa: PLW2901
            entries = population.entries(sorted(put), edition) if put else None
            apply(folder, entries, [f"person-{n}" for n in gone], fs=faulty_disk())
            state = {n: v for n, v in state.items() if n not in gone}
            state |= dict.fromkeys(put, edition)
            if merge:
                compact(folder, fs=faulty_disk())
            _expect(open_gallery(folder, MODEL), state, population)
        assert verify(folder) == []
        compact(folder, fs=faulty_disk())
        merged = current_release(folder)[0].segments
        numbers = sorted(state)
        whole = [population.entries([n], state[n]) for n in numbers]
        create_gallery(
            folder,
            [one.people[0] for one in whole],
            np.concatenate([one.templates for one in whole]),
            np.arange(len(whole), dtype=np.int32),
            MODEL,
            fs=faulty_disk(),
        )
        # Merged or made again: the same people give the same bytes.
        assert current_release(folder)[0].segments == merged
    finally:
        shutil.rmtree(folder)


def test_100_releases_under_a_running_reader(
    tmp_path: Path, population: Any, faulty_disk: Any
) -> None:
    rng = np.random.default_rng(0)
    e = population.entries(range(200))
    create_gallery(tmp_path, e.people, e.templates, e.owners, MODEL, fs=faulty_disk())
    state: State = dict.fromkeys(range(200), 0)
    states = {1: dict(state)}
    watcher = GalleryWatcher(tmp_path, MODEL, poll_s=0.005)
    wrong: list[str] = []
    seen: dict[int, int] = {}
    stop = threading.Event()

    def recognise() -> None:
        probes = np.concatenate([population.templates(n, 5) for n in range(0, 240, 8)])
        while not stop.is_set():
            gallery = watcher.gallery
            found = gallery.search(probes, 1)
            seen[gallery.release] = seen.get(gallery.release, 0) + 1
            known = states[gallery.release]
            for (name,) in found.ids:
                # No answer from a mix: each name and its edition are of this very release.
                person = gallery.person(name)
                if person != population.person(int(name[7:]), known.get(int(name[7:]), -1)):
                    wrong.append(f"{name} in release {gallery.release}")

    reader = threading.Thread(target=recognise)
    reader.start()
    try:
        for release in range(2, 102):
            here = sorted(state)
            gone = set(rng.choice(here, 2, replace=False).tolist())
            put = set(rng.integers(0, 260, 3).tolist()) - gone
            put |= {int(rng.choice(here))} - gone
            state = {n: v for n, v in state.items() if n not in gone}
            state |= dict.fromkeys(put, release)
            states[release] = dict(state)
            made = apply(
                tmp_path,
                population.entries(sorted(put), release),
                [f"person-{n}" for n in gone],
                fs=faulty_disk(),
            )
            assert made.number == release
            _expect(open_gallery(tmp_path, MODEL), state, population)
        until(lambda: watcher.gallery.release == 101)
    finally:
        stop.set()
        reader.join()
        watcher.close()
    assert wrong == []
    assert len(seen) > 20
    assert verify(tmp_path) == []
    assert len(release_numbers(tmp_path)) <= 2


def test_removed_person_is_gone_within_a_second_and_from_all_bytes(
    tmp_path: Path, population: Any
) -> None:
    e = population.entries(range(40), count=2)
    create_gallery(tmp_path, e.people, e.templates, e.owners, MODEL)
    secret = population.person(17)
    probe = population.templates(17)
    rows = open_gallery(tmp_path)._segments[0].templates.rows  # type: ignore[index]
    ordinal = sorted(p.id for p in e.people).index(secret.id)
    traces = [
        b"person-17",
        b"Name-of-17-0",
        "名字17".encode(),
        b"The life of 17",
        b"Film 17",
        secret.photo,
        rows[2 * ordinal].tobytes(),
        rows[2 * ordinal + 1].tobytes(),
    ]

    def found_in() -> set[bytes]:
        everything = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
        return {trace for trace in traces if trace in everything}

    assert found_in() == set(traces)
    watcher = GalleryWatcher(tmp_path, MODEL)
    try:
        assert watcher.gallery.search(probe).ids[0][0] == "person-17"
        remove(tmp_path, ["person-17"])
        applied = time.monotonic()
        until(lambda: "person-17" not in watcher.gallery.search(probe, 40).ids[0])
        assert time.monotonic() - applied < 1
        assert "person-17" not in watcher.gallery
    finally:
        watcher.close()
    compact(tmp_path)
    assert found_in() == set()
    assert verify(tmp_path) == []


def test_a_device_erases_with_the_confirmation(tmp_path: Path, population: Any) -> None:
    e = population.entries(range(40))
    create_gallery(tmp_path / "cloud", e.people, e.templates, e.owners, MODEL)
    install_release(tmp_path / "tv", current_release(tmp_path / "cloud")[1])
    remove(tmp_path / "cloud", ["person-17"])
    compact(tmp_path / "cloud")
    release = install_release(tmp_path / "tv", current_release(tmp_path / "cloud")[1])
    assert release.forget_previous
    assert len(release_numbers(tmp_path / "tv")) == 2
    forget_previous(tmp_path / "tv")
    everything = b"".join(p.read_bytes() for p in (tmp_path / "tv").rglob("*") if p.is_file())
    assert b"Name-of-17-0" not in everything
    assert b"Name-of-18-0" in everything


def test_install_fetches_only_what_is_new_and_refuses_damage(
    tmp_path: Path, population: Any
) -> None:
    e = population.entries(range(40))
    create_gallery(tmp_path / "cloud", e.people, e.templates, e.owners, MODEL)
    install_release(tmp_path / "tv", current_release(tmp_path / "cloud")[1])
    before = {path.name for path in (tmp_path / "cloud/releases/1").iterdir()}
    add(tmp_path / "cloud", population.entries([50]))
    staging = tmp_path / "staging"
    staging.mkdir()
    new = sorted(
        {path.name for path in (tmp_path / "cloud/releases/2").iterdir()} - before
        | {"release.json"}
    )
    assert len(new) == 3
    for name in new:
        shutil.copy(tmp_path / "cloud/releases/2" / name, staging)
    victim = staging / next(n for n in new if n.endswith(".sqlite"))
    good = victim.read_bytes()
    victim.write_bytes(good[:-1] + b"?")
    with pytest.raises(GalleryCorruptError, match=victim.name):
        install_release(tmp_path / "tv", staging)
    victim.unlink()
    with pytest.raises(GalleryMissingError, match=victim.name):
        install_release(tmp_path / "tv", staging)
    assert open_gallery(tmp_path / "tv").release == 1
    victim.write_bytes(good)
    assert install_release(tmp_path / "tv", staging).number == 2
    assert install_release(tmp_path / "tv", staging).number == 2
    assert verify(tmp_path / "tv") == []
    assert rollback(tmp_path / "tv").number == 1
    assert open_gallery(tmp_path / "tv").release == 1
    with pytest.raises(GalleryMissingError, match="only one"):
        rollback(tmp_path / "tv")
    assert install_release(tmp_path / "tv", staging).number == 2
    old = current_release(tmp_path / "cloud")[1].parent / "1"
    with pytest.raises(GalleryInputError, match="older"):
        install_release(tmp_path / "tv", old)


def test_changes_that_make_no_sense_are_refused(tmp_path: Path, population: Any) -> None:
    with pytest.raises(GalleryMissingError):
        add(tmp_path, population.entries([1]))
    e = population.entries(range(4))
    create_gallery(tmp_path, e.people, e.templates, e.owners, MODEL)
    with pytest.raises(GalleryInputError, match="already"):
        add(tmp_path, population.entries([3]))
    with pytest.raises(GalleryInputError, match="nobody"):
        update(tmp_path, population.entries([9]))
    with pytest.raises(GalleryInputError, match="nobody"):
        remove(tmp_path, ["person-9"])
    with pytest.raises(GalleryInputError, match="at once"):
        apply(tmp_path, population.entries([3]), ["person-3"])
    assert open_gallery(tmp_path).release == 1
    remove(tmp_path, [f"person-{n}" for n in range(4)])
    assert open_gallery(tmp_path).search(population.templates(1)).ids == [[]]
    add(tmp_path, population.entries([3]))
    assert list(open_gallery(tmp_path).ids()) == ["person-3"]
    assert verify(tmp_path) == []


def test_old_files_are_released_with_the_last_reader(tmp_path: Path, population: Any) -> None:
    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count(str(tmp_path))

    e = population.entries(range(50))
    create_gallery(tmp_path, e.people, e.templates, e.owners, MODEL)
    watcher = GalleryWatcher(tmp_path, MODEL, poll_s=0.01)
    try:
        held = watcher.gallery
        gc.collect()
        alone = mapped()
        assert alone >= 1
        create_gallery(tmp_path, e.people[:9], e.templates[:9], e.owners[:9], MODEL)
        until(lambda: watcher.gallery.release == 2)
        assert held.people_count == 50
        assert held.search(e.templates[:1]).ids[0][0] == "person-0"
        assert mapped() > alone
        del held
        assert mapped() == alone
    finally:
        watcher.close()


def test_a_damaged_release_is_not_swapped_in(tmp_path: Path, population: Any) -> None:
    e = population.entries(range(50))
    create_gallery(tmp_path, e.people, e.templates, e.owners, MODEL)
    watcher = GalleryWatcher(tmp_path, MODEL, poll_s=0.01)
    try:
        create_gallery(tmp_path / "next", e.people[:9], e.templates[:9], e.owners[:9], MODEL)
        (tmp_path / "next/releases/1").rename(tmp_path / "releases/2")
        (tmp_path / "x").symlink_to("releases/2")
        (tmp_path / "x").replace(tmp_path / "current")
        until(lambda: watcher.error is not None)
        assert watcher.gallery.release == 1
        assert len(watcher.gallery.search(e.templates[:1]).ids[0]) == 5
        create_gallery(tmp_path / "good", e.people[:9], e.templates[:9], e.owners[:9], MODEL)
    finally:
        watcher.close()
