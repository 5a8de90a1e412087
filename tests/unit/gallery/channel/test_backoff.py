"""How a herd comes back."""

from __future__ import annotations

import random

import pytest

from gallery.channel.backoff import BASE_S, CAP_S, Backoff


def tries(backoff: Backoff, lost_s: float, until_s: float) -> list[float]:
    """Return when a link that is lost and fails until a time tries; the last is past the end."""
    found = [lost_s]
    while found[-1] < until_s:
        found.append(found[-1] + backoff.next_s(found[-1]))
    return found[1:]


@pytest.mark.parametrize("outage_s", [0.0, 1.0, 10.0, 300.0, 3600.0])
def test_all_have_tried_again_within_an_outages_length_of_its_end(outage_s: float) -> None:
    for seed in range(2000):
        backoff = Backoff(rng=random.Random(seed))
        backoff.up(0.0)
        last = tries(backoff, 1000.0, 1000.0 + max(outage_s, 1e-9))[-1]
        assert last - (1000.0 + outage_s) <= max(BASE_S, min(outage_s, CAP_S))


def test_tries_thin_out_in_a_long_outage() -> None:
    counts = [len(tries(Backoff(rng=random.Random(seed)), 0.0, 3600.0)) for seed in range(200)]
    assert 15 < sum(counts) / len(counts) < 35
    assert max(counts) < 60


def test_a_connection_that_dies_at_once_each_time_does_not_start_the_delays_anew() -> None:
    backoff, now_s = Backoff(rng=random.Random(1)), 0.0
    connects = 0
    while now_s < 3600.0:
        backoff.up(now_s)
        connects += 1
        now_s += 0.05
        now_s += backoff.next_s(now_s)
    assert connects < 60


def test_a_connection_that_lasted_starts_them_anew() -> None:
    backoff = Backoff(rng=random.Random(1))
    tries(backoff, 0.0, 500.0)
    backoff.up(500.0)
    assert all(backoff.next_s(2000.0) <= BASE_S for _ in range(100))
