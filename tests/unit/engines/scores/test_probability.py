"""The probability of a name: as often right as it says, where scores are as the model has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import ScoreError
from engines.scores.model import score_model
from engines.scores.probability import CosineModel, reliability

SFACE = score_model("sface-2021dec")
TRACKS, STILLS = SFACE.tracks.cosines, SFACE.stills.cosines


def drawn(model: CosineModel, people: int, cases: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the best score of each search and whether it is the right person's."""
    rng = np.random.default_rng(seed)
    own = rng.normal(model.genuine_mean, model.genuine_sd, cases)
    best_other = np.array(
        [rng.normal(model.impostor_mean, model.impostor_sd, people).max() for _ in range(cases)]
    )
    enrolled = np.arange(cases) % 2 == 0
    right = enrolled & (own > best_other)
    return np.where(right, own, best_other), right


@pytest.mark.parametrize("model", [TRACKS, STILLS])
@pytest.mark.parametrize("people", [1, 12, 1000])
def test_names_are_right_as_often_as_said(model: CosineModel, people: int) -> None:
    scores, right = drawn(model, people, 4000, people)
    said = np.array([model.probability(float(s), people) for s in scores])
    error, bins = reliability(said, right)
    assert error < 0.02
    assert sum(entry.count for entry in bins) == 4000
    # It would tell: the same scores believed to come from twelve times as many people.
    off = np.array([model.probability(float(s), people * 100) for s in scores])
    assert reliability(off, right)[0] > 2 * error


@given(
    st.floats(-1, 1),
    st.floats(0, 0.5),
    st.integers(1, 2_000_000),
    st.sampled_from([TRACKS, STILLS]),
)
def test_it_is_a_probability_and_falls_with_the_gallery(
    score: float, more: float, people: int, model: CosineModel
) -> None:
    here = model.probability(score, people)
    assert 0 <= here <= 1
    assert model.probability(score, people * 10) <= here + 1e-9
    if 0.2 <= score <= score + more <= 0.9:
        assert model.probability(score + more, people) >= here - 1e-9


def test_the_error_of_certain_nonsense_is_one() -> None:
    error, bins = reliability(np.ones(5), np.zeros(5, bool))
    assert error == 1
    assert (bins[0].count, bins[0].probability, bins[0].right) == (5, 1, 0)
    with pytest.raises(ScoreError):
        reliability(np.zeros(0), np.zeros(0, bool))
