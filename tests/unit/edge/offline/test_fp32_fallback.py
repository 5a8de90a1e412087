"""When a still picture is looked at again, and when an INT8 score is sure enough."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.offline.fp32_fallback import SecondOpinion, score_band
from edge.recognise.decide import Claim, Policy, decide
from edge.recognise.scene import Candidate
from engines.scores.model import score_model

BAND = 0.04
THRESHOLD = 0.4
USUAL = 0.173
"""A second best of ten that moves no threshold."""
MARGIN = score_model("sface-2021dec").names.margin
POLICY = Policy(THRESHOLD, 10, score_model("sface-2021dec"), stills=False)


def claim(*scores: float, track: int = 0) -> Claim:
    candidates = tuple(Candidate(f"p{track}{n}", score) for n, score in enumerate(scores))
    return Claim(track, candidates, 100.0, 0.0, 100.0, 20.0)


def never_loaded() -> None:
    raise AssertionError


@pytest.mark.parametrize(
    ("scores", "needed"),
    [
        ((0.8, 0.1), False),
        ((0.1, 0.05), False),
        ((), False),
        ((THRESHOLD + 0.03, USUAL), True),
        ((THRESHOLD - 0.03, USUAL), True),
        ((THRESHOLD + 0.05, USUAL), False),
        ((THRESHOLD - 0.05, USUAL), False),
        ((0.7, 0.7 - MARGIN - 0.01), True),  # who it is hangs on the margin
        ((0.7, 0.7 - MARGIN + 0.01), True),
        ((0.7, 0.7 - MARGIN - 0.06), False),
    ],
)
def test_what_hangs_on_the_band_is_looked_at_again(scores: tuple, needed: bool) -> None:  # noqa: FBT001
    second = SecondOpinion(BAND, never_loaded)
    assert second.is_needed([claim(0.9, track=7), claim(*scores)], POLICY) is needed
    assert second.asked == 0


@given(
    st.lists(st.floats(-0.2, 1), min_size=1, max_size=3),
    st.lists(st.floats(-BAND, BAND), min_size=1, max_size=1),
)
def test_where_it_is_not_needed_no_score_within_the_band_gives_another_name(
    scores: list[float], off: list[float]
) -> None:
    ranked = sorted(scores, reverse=True)
    found = claim(*ranked)
    if SecondOpinion(BAND, never_loaded).is_needed([found], POLICY):
        return
    moved = claim(*sorted([ranked[0] + off[0]], reverse=True), *ranked[1:])
    if moved.candidates[0].score < max(ranked[1:], default=-1):
        return  # the second became the best
    assert decide([moved], POLICY)[0].id == decide([found], POLICY)[0].id


def test_the_band_is_as_wide_as_measured_noise() -> None:
    """Three deviations of the score of a vector that is off by an angle in a chance direction."""
    rng = np.random.default_rng(1)
    cosine, scores = 0.99, []
    for _ in range(4000):
        vector, template, noise = (rng.normal(size=128) for _ in range(3))
        vector /= np.linalg.norm(vector)
        template /= np.linalg.norm(template)
        noise -= (noise @ vector) * vector
        noise /= np.linalg.norm(noise)
        off = cosine * vector + np.sqrt(1 - cosine**2) * noise
        scores.append((off - vector) @ template)
    assert 3 * np.std(scores) == pytest.approx(score_band(cosine, 128), rel=0.1)
