import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import ScoreError
from engines.scores import threshold
from engines.scores.model import score_model
from engines.scores.threshold import ImpostorModel

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
    assert SFACE.impostors.reached_by(share) == pytest.approx(
        PRIOR_MEAN + (1 - PRIOR_MEAN) * cosine, abs=1e-4
    )


def test_learns_from_the_gallery_when_it_is_large() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=128)
    rows = rng.normal(size=(400, 128)) + 0.7 * shared
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    learned = SFACE.learned_from(rows.astype(np.float32))
    assert learned.mean > PRIOR_MEAN + 0.1
    assert threshold_for(400, 0.01, learned) > threshold_for(400, 0.01)


def test_few_people_teach_little() -> None:
    rows = np.eye(3, 128, dtype=np.float32)
    assert SFACE.learned_from(rows[:1]) == SFACE.impostors
    assert abs(SFACE.learned_from(rows).mean - PRIOR_MEAN) < 0.001


def test_a_poor_face_needs_less_but_only_so_much() -> None:
    reliefs = [SFACE.norm_offset(norm) for norm in (20, 12.5, 10, 8, 1)]
    assert reliefs[:2] == [0, 0]
    assert 0 < reliefs[2] < reliefs[3] <= reliefs[4] < 0.1


@pytest.mark.parametrize("fpir", [0, 1, -0.1, 2])
def test_refuses_what_is_no_rate(fpir: float) -> None:
    with pytest.raises(ScoreError, match="between 0 and 1"):
        threshold_for(10, fpir)
