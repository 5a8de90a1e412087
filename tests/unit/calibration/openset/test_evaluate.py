import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.errors import CalibrationError
from calibration.openset.evaluate import Searches, evaluate, threshold_at


def searches(scores: list[float], right: list[bool], people: list[str] | None = None) -> Searches:
    names = people or [f"p{i % 4}" for i in range(len(scores))]
    return Searches(np.array(names), np.array(scores), np.array(right))


@given(scores=st.lists(st.floats(-1, 1), min_size=1, max_size=400), fpir=st.floats(0.001, 0.5))
def test_a_threshold_never_lets_more_strangers_through(scores: list[float], fpir: float) -> None:
    values = np.array(scores)
    threshold = threshold_at(values, fpir)
    assert (values >= threshold).mean() <= fpir
    # and it is the lowest such: one float lower lets the next one in
    lower = (values >= np.nextafter(threshold, -np.inf)).mean()
    assert lower > fpir or lower == 1


def test_counts_by_hand() -> None:
    mated = searches([0.9, 0.8, 0.7, 0.2], [True, True, False, True])
    nonmated = searches([i / 1000 for i in range(400)], [False] * 400)
    found = evaluate(mated, nonmated)
    assert found.rank1 == 0.75
    by_rate = {r.fpir: r for r in found.rates}
    assert by_rate[0.01].false_names == 4
    assert by_rate[0.01].threshold == pytest.approx(0.395, abs=1e-6)
    assert by_rate[0.01].tpir == 0.5
    assert by_rate[0.003].supported
    assert by_rate[0.01].low <= 0.5 <= by_rate[0.01].high


def test_says_when_there_are_too_few_strangers() -> None:
    found = evaluate(searches([0.9], [True]), searches([0.1] * 200, [False] * 200))
    assert [r.supported for r in found.rates] == [True, False]
    assert found.rates[1].false_names == 0


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_intervals_hold_the_figure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = [f"p{i % 8}" for i in range(160)]
    mated = Searches(np.array(people), rng.normal(0.6, 0.1, 160), rng.random(160) < 0.95)
    nonmated = Searches(np.array(people), rng.normal(0.2, 0.1, 160), np.zeros(160, bool))
    found = evaluate(mated, nonmated, rates=(0.05,))
    assert found.rank1_interval[0] <= found.rank1 <= found.rank1_interval[1]
    assert found.rates[0].low <= found.rates[0].tpir + 0.02


def test_needs_both_kinds_of_searches() -> None:
    some, none = searches([0.5], [True]), searches([], [])
    with pytest.raises(CalibrationError, match="not in the gallery"):
        evaluate(some, none)
    with pytest.raises(CalibrationError, match="enrolled"):
        evaluate(none, some)
