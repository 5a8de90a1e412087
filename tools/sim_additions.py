"""Single additions to a gallery, a year of them: segments, bytes written, time and descriptors.

    python tools/sim_additions.py --people 100000 --days 365 --real 1000

The rule that decides what is merged is played through for all days; the first `--real` additions
are made on a disk, opened, and their descriptors counted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery, current_release
from gallery.store.update import Entries, add, first_to_merge


def main() -> None:
    """Play it through and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--daily", type=int, default=1000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--real", type=int, default=1000)
    options = parser.parse_args()
    print(
        json.dumps(
            {
                "people": options.people,
                "played": _play(options.people, options.daily * options.days),
                "real": _make(options.people, options.real),
            }
        )
    )


def _play(people: int, additions: int) -> dict[str, float]:
    rows, most, written, whole = [people], 1, 0, 0
    for _ in range(additions):
        rows.append(1)
        written += 1
        first = first_to_merge(rows, 0)
        if first is not None:
            merged = sum(rows[first:])
            whole += first == 0
            written += merged if first else 0
            rows = [*rows[:first], merged]
        most = max(most, len(rows))
    return {
        "additions": additions,
        "most_segments": most,
        "whole_merges": whole,
        "written_per_addition": round(written / additions, 2),
    }


def _make(people: int, additions: int) -> dict[str, float]:
    took, most_segments, most_descriptors = [], 1, 0
    with tempfile.TemporaryDirectory(prefix="tvradar-additions-") as name:
        folder = Path(name)
        first = _entries(0, people)
        create_gallery(folder, first.people, first.templates, first.owners, first.model)
        before = None
        for n in range(additions):
            begun = time.monotonic()
            release = add(folder, _entries(people + n, 1))
            took.append(time.monotonic() - begun)
            # Two are open in a swap.
            after = open_gallery(folder, before=before)
            most_descriptors = max(most_descriptors, _descriptors(folder))
            before = after
            most_segments = max(most_segments, len(release.segments))
        assert before is not None
        assert before.people_count == people + additions
        size = sum(file.size for file in current_release(folder)[0].files)
    took.sort()
    return {
        "additions": additions,
        "most_segments": most_segments,
        "most_descriptors_in_a_swap": most_descriptors,
        "add_ms_median": round(1000 * took[len(took) // 2], 1),
        "add_ms_most": round(1000 * took[-1], 1),
        "mb": round(size / 1e6, 1),
    }


def _descriptors(folder: Path) -> int:
    found = 0
    for path in Path("/proc/self/fd").iterdir():
        if path.is_symlink() and str(path.readlink()).startswith(str(folder)):
            found += 1
    return found


def _entries(first: int, count: int) -> Entries:
    vectors = np.random.default_rng(first).standard_normal((count, 128), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = [Person(f"p{first + i:08d}", {"en": f"Person {first + i}"}) for i in range(count)]
    return Entries(people, vectors, np.arange(count, dtype=np.int32), "synthetic-1")


if __name__ == "__main__":
    main()
