"""What becomes of a promise, on scores whose distribution is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.openset.fpir_check import Pairs, learn, promises
from engines.scores.model import score_model
from engines.scores.threshold import threshold_for

SFACE = score_model("sface-2021dec")

PEOPLE = 20


def pairs(mean: float, sd: float, genuine: float = 0.6, each: int = 40, seed: int = 0) -> Pairs:
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(PEOPLE), each)
    scores = mean + sd * rng.standard_normal((len(person), PEOPLE))
    scores[np.arange(len(person)), person] = genuine
    return Pairs(person, scores)


def test_people_like_those_that_were_measured_get_what_was_promised() -> None:
    shipped = SFACE.impostors
    small, large = promises(pairs(shipped.mean, shipped.sd), (12, 10_000), 0.01, SFACE)
    assert 0.004 < small.fpir < 0.02, "a dozen people are in doubt to be alike"
    assert small.counted == pytest.approx(small.fpir, rel=0.6)
    assert large.counted is None, "so few pairs cannot show one in a million"
    for row in (small, large):
        assert row.low <= row.fpir <= row.high
        assert row.fitting == pytest.approx(row.threshold, abs=0.02)
        assert row.tpir == 1.0


def test_people_who_are_more_alike_get_a_higher_threshold_by_their_own_neighbours() -> None:
    shipped, found = SFACE.impostors, pairs(0.2, 0.1)
    (row,) = promises(found, (100,), 0.003, SFACE)
    (usual,) = promises(pairs(shipped.mean, shipped.sd), (100,), 0.003, SFACE)
    assert row.threshold > usual.threshold + 0.1
    assert row.fpir < 0.01
    assert row.fitting == pytest.approx(row.threshold, abs=0.03)
    assert learn(found).mean == pytest.approx(0.2, abs=0.01)


def test_who_scores_below_the_threshold_is_not_named() -> None:
    (row,) = promises(pairs(0.1, 0.05, genuine=0.37), (100,), 0.003, SFACE)
    assert row.threshold > 0.37
    assert row.tpir == 0.0


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 0.3), st.floats(0.03, 0.15), st.integers(0, 100))
def test_with_the_threshold_that_fits_the_promise_is_kept(
    mean: float, sd: float, seed: int
) -> None:
    found = pairs(mean, sd, each=5, seed=seed)
    model = learn(found)
    for row in promises(found, (50, 5000), 0.01, SFACE):
        assert row.fitting == threshold_for(row.gallery, 0.01, model, SFACE.names.lowest)
        if row.fitting > 0.34:  # the least that is ever asked
            kept = -np.expm1(row.gallery * np.log1p(-model.share_above(row.fitting)))
            assert kept == pytest.approx(0.01, rel=0.05)
