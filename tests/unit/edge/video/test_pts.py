from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.video.pts import MAX_BACK_S, PtsNormaliser

ANY_TIME = st.one_of(
    st.none(),
    st.floats(-1e9, 1e9),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
STEPS = st.lists(st.floats(0.001, 9.0), min_size=1, max_size=50)


@given(st.lists(ANY_TIME, max_size=60), st.floats(0.5, 100.0))
def test_whatever_comes_the_clock_never_falls_nor_leaps(
    raw: list[float | None], max_gap_s: float
) -> None:
    normaliser = PtsNormaliser(max_gap_s=max_gap_s)
    normalised = [normaliser.normalise(time_s) for time_s in raw]
    assert all(math.isfinite(time_s) and time_s >= 0 for time_s in normalised)
    # 1e-6: times of 1e9 s leave no more digits.
    assert all(0 <= b - a <= max(max_gap_s, 1.0) + 1e-6 for a, b in pairwise(normalised))


@given(st.floats(-1e5, 1e5), STEPS)
def test_a_sound_clock_is_only_shifted(start_s: float, steps: list[float]) -> None:
    raw = [start_s]
    for step in steps:
        raw.append(raw[-1] + step)
    normaliser = PtsNormaliser()
    normalised = [normaliser.normalise(time_s) for time_s in raw]
    assert normalised == pytest.approx([time_s - start_s for time_s in raw], abs=1e-6)
    assert (normaliser.jumps, normaliser.missing) == (0, 0)


@given(st.integers(2, 40), st.integers(2, 40), st.one_of(st.floats(-9e4, -2.0), st.floats(30, 9e4)))
def test_a_jump_costs_one_step_and_keeps_the_rest(before: int, after: int, jump_s: float) -> None:
    raw = [0.04 * n for n in range(before)]
    raw += [raw[-1] + jump_s + 0.04 * n for n in range(after)]
    normaliser = PtsNormaliser()
    normalised = [normaliser.normalise(time_s) for time_s in raw]
    assert normalised == pytest.approx([0.04 * n for n in range(before + after)], abs=1e-6)
    assert normaliser.jumps == 1


def test_missing_stamps_are_filled_with_the_last_step() -> None:
    normaliser = PtsNormaliser(step_s=0.04)
    assert [normaliser.normalise(t) for t in (5.0, 5.1, None, None, 5.4)] == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4]
    )
    assert normaliser.missing == 2


def test_frames_out_of_order_wait_for_the_clock() -> None:
    normaliser = PtsNormaliser()
    raw = (0.0, 0.04, 0.12, 0.08, 0.16)
    assert [normaliser.normalise(t) for t in raw] == pytest.approx([0, 0.04, 0.12, 0.12, 0.16])
    assert normaliser.jumps == 0


def test_the_origin_of_the_container_counts() -> None:
    assert PtsNormaliser(origin_s=1.4).normalise(1.9) == pytest.approx(0.5)
    assert PtsNormaliser(origin_s=1.4).normalise(1.4 - MAX_BACK_S / 2) == 0
    far = PtsNormaliser(origin_s=1.4)
    assert far.normalise(5000.0) == 0
    assert far.jumps == 1


def test_a_sound_time_line_may_have_long_pictures() -> None:
    normaliser = PtsNormaliser(max_gap_s=math.inf)
    assert [normaliser.normalise(t) for t in (0.0, 500.0)] == [0.0, 500.0]


def test_after_a_seek_any_time_is_right() -> None:
    normaliser = PtsNormaliser(origin_s=10.0, max_gap_s=math.inf)
    assert normaliser.normalise(60.0) == 50
    normaliser.sought()
    assert normaliser.normalise(20.0) == 10
