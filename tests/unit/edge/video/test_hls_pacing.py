"""Bursts are spread; what comes in its own time is not held up; lag is caught up."""

from __future__ import annotations

from itertools import pairwise

import pytest

from edge.video.hls_pacing import FASTER, HlsPacing


def shown(arrivals_s: list[float], step_s: float = 0.04) -> list[float]:
    """Return when pictures `step_s` apart are shown, which arrive when the one before is gone."""
    pacing, now_s, times = HlsPacing(), 0.0, []
    for number, arrival_s in enumerate(arrivals_s):
        now_s = max(now_s, arrival_s)
        now_s += pacing.wait_s(number * step_s, now_s)
        times.append(now_s)
    return times


def test_a_burst_is_spread_over_its_own_time() -> None:
    times = shown([0.0] * 50 + [2.0] * 50)
    steps = [after - before for before, after in pairwise(times)]
    assert max(steps) < 0.14  # the wait for the second segment, since the first was played faster
    assert sorted(steps)[50] == pytest.approx(0.04 / FASTER)


def test_a_steady_stream_is_not_held_up() -> None:
    arrivals = [n * 0.04 for n in range(500)]
    assert shown(arrivals) == pytest.approx(arrivals)


def test_a_stall_is_caught_up() -> None:
    arrivals = [n * 0.04 + (1.0 if n > 100 else 0.0) for n in range(101)]
    arrivals += [max(n * 0.04, 5.04) for n in range(101, 1000)]
    lag = [time - n * 0.04 for n, time in enumerate(shown(arrivals))]
    assert max(lag) == pytest.approx(1.0)
    assert lag[-1] < 0.01


@pytest.mark.parametrize("to_s", [-3.0, 900.0])
def test_nobody_waits_for_a_jump(to_s: float) -> None:
    pacing = HlsPacing()
    assert pacing.wait_s(5.0, 100.0) == 0
    assert pacing.wait_s(5.04, 100.0) == pytest.approx(0.04 / FASTER)
    assert pacing.wait_s(to_s, 100.1) == 0
    assert pacing.wait_s(to_s + 0.04, 100.1) == pytest.approx(0.04 / FASTER)
