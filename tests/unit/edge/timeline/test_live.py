"""Appearances collected while a programme runs."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.errors import UsageError
from edge.timeline.build import merge
from edge.timeline.live import MAX_INTERVALS, MAX_PEOPLE, Appearing, read_timeline
from edge.timeline.timeline import Appearances, Interval, Timeline, to_json


def test_frames_become_intervals_and_short_absences_are_bridged() -> None:
    appearing = Appearing()
    for n in range(100):
        seen = ["ada"] if n < 25 or 40 <= n < 50 or n >= 90 else []
        appearing.push(seen, n / 25)
    assert appearing.of("ada") == (Interval(0.0, 2.0), Interval(3.6, 4.0))
    assert appearing.of("eve") == ()


def test_a_film_shown_again_counts_nothing_twice() -> None:
    appearing = Appearing()
    for _ in range(3):
        for n in range(50):
            appearing.push(["ada"], n / 25)
    assert appearing.of("ada") == (Interval(0.0, 2.0),)
    appearing.add("ada", [Interval(5.0, 6.0), Interval(2.5, 3.0)])  # known only now
    assert appearing.of("ada") == (Interval(0.0, 3.0), Interval(5.0, 6.0))


def test_what_was_missed_before_is_filled_in() -> None:
    appearing = Appearing()
    for start in (10.0, 0.0, 4.0, 2.0):
        for n in range(25):
            appearing.push(["ada"], start + n / 25)
    starts = [i.start_s for i in appearing.of("ada")]
    assert starts == [0.0, 10.0]


@example([468, 494])
@given(st.lists(st.integers(0, 4000), min_size=1, max_size=200))
def test_in_any_order_it_is_what_the_timeline_of_a_film_is(frames: list[int]) -> None:
    appearing = Appearing()
    for n in frames:
        appearing.push(["ada"], n / 25)
        appearing.push([], 1e9)  # a jump, so that each frame counts as long as a frame is
    found = appearing.of("ada")
    assert len(found) == len(merge([n / 25 for n in frames], 0.04, max_gap_s=1.0))
    assert all(a.end_s + 1.0 <= b.start_s for a, b in pairwise(found))  # both are rounded


def test_it_is_bounded() -> None:
    appearing = Appearing()
    for n in range(MAX_INTERVALS + 10):
        appearing.push(["ada"], 10.0 * n)
    assert len(appearing.of("ada")) == MAX_INTERVALS
    assert appearing.of("ada")[0].start_s == 100.0
    for n in range(MAX_PEOPLE + 1):
        appearing.push([str(n)], 0.0)
    assert appearing.of("ada") == ()
    assert appearing.of(str(MAX_PEOPLE)) != ()


def test_a_timeline_made_before_is_taken_over(tmp_path: Path) -> None:
    ada = Appearances("ada", "Ada", 1.0, 0.6, (Interval(5.0, 6.0),))
    path = tmp_path / "film.json"
    path.write_bytes(to_json(Timeline("film.mp4", 60.0, 0.04, (ada,))))
    appearing = Appearing()
    appearing.load(read_timeline(path))
    appearing.push(["ada"], 6.5)
    assert appearing.of("ada") == (Interval(5.0, 6.54),)
    path.write_text('{"people": 1}')
    with pytest.raises(UsageError, match="expected what"):
        read_timeline(path)
