import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import ScoreError
from engines.scores import threshold
from engines.scores.model import score_model
from engines.scores.threshold import ImpostorModel, crowding

SFACE = score_model("sface-2021dec")
LOWEST, PRIOR_MEAN, PRIOR_SD = SFACE.names.lowest, SFACE.impostor_mean, SFACE.impostor_sd


def threshold_for(people: int, fpir: float, model: ImpostorModel = SFACE.impostors) -> float:
    return threshold.threshold_for(people, fpir, model, LOWEST)


@given(people=st.integers(1, 10**6), fpir=st.floats(1e-4, 0.2))
def test_rises_with_the_gallery_and_with_the_promise(people: int, fpir: float) -> None:
    assert threshold_for(people * 2, fpir) >= threshold_for(people, fpir)
    assert threshold_for(people, fpir / 2) >= threshold_for(people, fpir)
    assert threshold_for(people, fpir) >= LOWEST


@pytest.mark.parametrize(("people", "fpir"), [(12, 0.01), (1000, 0.01), (1000, 0.1)])
def test_keeps_its_promise_on_directions_of_chance(people: int, fpir: float) -> None:
    rng = np.random.default_rng(0)
    dimensions = round(((1 - PRIOR_MEAN) / PRIOR_SD) ** 2)
    named = 0
    for _ in range(40):
        templates, probes = (
            rng.standard_normal((people, dimensions)),
            rng.standard_normal((500, dimensions)),
        )
        templates /= np.linalg.norm(templates, axis=1, keepdims=True)
        probes /= np.linalg.norm(probes, axis=1, keepdims=True)
        best = PRIOR_MEAN + (1 - PRIOR_MEAN) * (probes @ templates.T).max(axis=1)
        named += int((best >= threshold_for(people, fpir)).sum())
    assert 0.7 * fpir < named / 20_000 < 1.3 * fpir


@given(share=st.floats(1e-12, 0.999), sd=st.floats(0.03, 0.2))
def test_a_score_and_the_share_that_reaches_it_are_inverse(share: float, sd: float) -> None:
    model = ImpostorModel(PRIOR_MEAN, sd)
    assert model.share_above(model.reached_by(share)) == pytest.approx(share, rel=1e-6)


@pytest.mark.parametrize(
    ("share", "cosine"),
    # SciPy: t = stats.t(df).isf(share), t / sqrt(df + t²), with the prior's degrees of freedom
    [(0.01, 0.24403), (3e-4, 0.35362), (3e-6, 0.45539), (3e-8, 0.53224)],
)
def test_is_students_t_as_far_as_a_gallery_of_100_000_needs_it(share: float, cosine: float) -> None:
    model = ImpostorModel(0.11, 0.094)
    assert model.reached_by(share) == pytest.approx(0.11 + 0.89 * cosine, abs=1e-4)


def searched(people: int, mean: float, sd: float, seed: int = 0) -> list[float]:
    """Return a stranger's cosines with this many people, best first."""
    return sorted(np.random.default_rng(seed % 2**32).normal(mean, sd, people), reverse=True)


@pytest.mark.parametrize("people", [3, 12, 1000])
def test_neighbours_as_usual_move_nothing_on_average(people: int) -> None:
    moves = [
        crowding(searched(people, PRIOR_MEAN, PRIOR_SD, n)[1:], people, PRIOR_MEAN, PRIOR_SD)
        for n in range(300)
    ]
    assert abs(np.mean(moves)) < 0.01


def test_a_dense_gallery_is_told_by_a_faces_own_neighbours() -> None:
    for people, least in ((4, 0.065), (12, 0.085), (1000, 0.085)):
        moved = [
            crowding(
                searched(people, PRIOR_MEAN + 0.1, PRIOR_SD, n)[1:], people, PRIOR_MEAN, PRIOR_SD
            )
            for n in range(100)
        ]
        assert least < np.mean(moved) < 0.105


def test_nobody_else_tells_nothing_and_few_tell_little() -> None:
    assert crowding([], 1, PRIOR_MEAN, PRIOR_SD) == 0
    assert crowding([], 1000, PRIOR_MEAN, PRIOR_SD) == 0
    one = crowding([0.4], 2, PRIOR_MEAN, PRIOR_SD)
    assert 0 < one < crowding([0.4] * 8, 1000, PRIOR_MEAN - 0.2, PRIOR_SD)
    few: list[float] = [
        SFACE.crowding([0.3, 0.3], [0.3], 3, stills=stills, impostor_mean=0.08)
        for stills in (False, True)
    ]
    assert 0 < few[0] < few[1], "of tracks a few are believed less"


@pytest.mark.parametrize(("people", "mean"), [(12, 0.0), (12, 0.08), (1000, 0.0), (1000, 0.08)])
def test_the_promise_holds_in_mixed_and_in_dense_galleries(people: int, mean: float) -> None:
    """Strangers whose cosines lie higher by a tenth than usual are named as rarely as others."""
    cosines = SFACE.stills.cosines
    usual, fpir, named, tries = cosines.threshold(people, 0.05), 0.05, 0, 3000
    for n in range(tries):
        best, *others = searched(people, cosines.impostor_mean + mean, cosines.impostor_sd, n)
        _nearest, *around = searched(people - 1, SFACE.impostor_mean + mean, SFACE.impostor_sd, -n)
        crowd = SFACE.crowding(others, around, people, stills=True, impostor_mean=None)
        named += best >= usual + crowd
    assert 0.3 * fpir < named / tries < 1.5 * fpir


@pytest.mark.parametrize("fpir", [0, 1, -0.1, 2])
def test_refuses_what_is_no_rate(fpir: float) -> None:
    with pytest.raises(ScoreError, match="between 0 and 1"):
        threshold_for(10, fpir)
