"""How many segments, files and descriptors a gallery comes to, however it grows."""

from __future__ import annotations

import contextlib
import gc
from pathlib import Path
from typing import Any

import numpy as np

from gallery.search.open import open_gallery
from gallery.store.mapping import map_file
from gallery.store.store import create_gallery, current_release, verify
from gallery.store.update import MERGE_RUN, add, first_to_merge, remove

MODEL = "test-1"
ADDITIONS = 200
MOST_SEGMENTS = 16


def _open_files(folder: Path) -> int:
    gc.collect()
    found = 0
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(path.readlink()).startswith(f"{folder}/")
    return found


def test_200_single_additions_stay_few_segments_and_descriptors(
    tmp_path: Path, population: Any, faulty_disk: Any
) -> None:
    e = population.entries(range(2400))
    create_gallery(tmp_path, e.people, e.templates, e.owners, MODEL, fs=faulty_disk())
    held = []
    for n in range(ADDITIONS):
        release = add(tmp_path, population.entries([3000 + n]), fs=faulty_disk())
        assert len(release.segments) <= MOST_SEGMENTS
        if n % 50 == 49:
            before = _open_files(tmp_path)
            held.append(open_gallery(tmp_path, MODEL))
            assert _open_files(tmp_path) - before <= len(release.segments)
    assert held[-1].people_count == 2400 + ADDITIONS
    assert "person-3123" in held[-1]
    assert verify(tmp_path) == []


def test_a_swap_opens_only_what_is_new(tmp_path: Path, population: Any) -> None:
    e = population.entries(range(100))
    create_gallery(tmp_path, e.people, e.templates, e.owners, MODEL)
    add(tmp_path, population.entries([200]))
    first = open_gallery(tmp_path, MODEL)
    add(tmp_path, population.entries([201]))
    second = open_gallery(tmp_path, MODEL, before=first)
    assert [a is b for a, b in zip(first.segments, second.segments, strict=False)] == [True, True]
    assert _open_files(tmp_path) == 3
    # Another file of the same name is read again: the open one may be from before a repair.
    release, folder = current_release(tmp_path)
    path = folder / release.segments[0].people_file.name
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    third = open_gallery(tmp_path, MODEL, before=second)
    assert third.segments[0] is not second.segments[0]
    assert third.segments[1] is second.segments[1]


def test_a_merge_of_the_small_erases_whom_it_leaves_out(tmp_path: Path, population: Any) -> None:
    e = population.entries(range(400))
    create_gallery(tmp_path, e.people, e.templates, e.owners, MODEL)
    for n in range(500, 503):
        add(tmp_path, population.entries([n]))
    remove(tmp_path, ["person-501"])
    release = add(tmp_path, population.entries([504]))
    assert [s.people for s in release.segments] == [400, 3]
    assert release.forget_previous
    assert release.tombstones == ()
    everything = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"Name-of-501-0" not in everything
    assert b"Name-of-502-0" in everything
    assert verify(tmp_path) == []


def test_1000_additions_a_day_for_a_year() -> None:
    """The rule that decides is played through; `tools/sim_additions.py` does it on a disk."""
    for base in (10_000, 1_000_000):
        rows, most, written = [base], 1, 0
        for _ in range(365_000):
            rows.append(1)
            written += 1
            first = first_to_merge(rows, 0)
            if first is not None:
                merged = sum(rows[first:])
                written += merged if first else 0
                rows = [*rows[:first], merged]
            most = max(most, len(rows))
        assert most <= 32
        assert written / 365_000 < 8
        assert sum(rows) == base + 365_000


def test_the_rule_merges_what_an_older_version_left() -> None:
    assert first_to_merge([100_000] + [1] * 200, 0) == 1
    assert first_to_merge([100_000] + [1] * (MERGE_RUN - 1), 0) is None
    assert first_to_merge([1000, 90, 20], 0) == 0
    assert first_to_merge([1000], 101) == 0
    assert first_to_merge([1000], 0) is None
    assert first_to_merge([], 0) is None


def test_a_mapping_holds_no_descriptor_and_ends_with_its_last_view(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 64)

    def mapped() -> bool:
        return str(path) in Path("/proc/self/maps").read_text()

    data = map_file(path)
    assert _open_files(tmp_path) == 0
    view = np.frombuffer(data[256:512], np.uint8)
    assert view.tolist() == list(range(256))
    assert not view.flags.writeable
    del data
    assert mapped()
    del view
    gc.collect()
    assert not mapped()
