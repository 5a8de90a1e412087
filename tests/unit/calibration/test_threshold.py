import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.errors import CalibrationError
from calibration.threshold import LOWEST, PRIOR_MEAN, PRIOR_SD, ImpostorModel, threshold_for


@given(people=st.integers(1, 10**6), fpir=st.floats(1e-4, 0.2))
def test_rises_with_the_gallery_and_with_the_promise(people: int, fpir: float) -> None:
    assert threshold_for(people * 2, fpir) >= threshold_for(people, fpir)
    assert threshold_for(people, fpir / 2) >= threshold_for(people, fpir)
    assert threshold_for(people, fpir) >= LOWEST


@pytest.mark.parametrize(("people", "fpir"), [(12, 0.01), (1000, 0.01), (1000, 0.1)])
def test_keeps_its_promise_on_the_distribution_that_it_assumes(people: int, fpir: float) -> None:
    rng = np.random.default_rng(0)
    best = np.array([rng.normal(PRIOR_MEAN, PRIOR_SD, people).max() for _ in range(20_000)])
    measured = float((best >= threshold_for(people, fpir)).mean())
    assert 0.7 * fpir < measured < 1.3 * fpir


def test_learns_from_the_gallery_when_it_is_large() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=128)
    rows = rng.normal(size=(400, 128)) + 0.7 * shared
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    learned = ImpostorModel.of_templates(rows.astype(np.float32))
    assert learned.mean > PRIOR_MEAN + 0.1
    assert threshold_for(400, 0.01, learned) > threshold_for(400, 0.01)


def test_few_people_teach_little() -> None:
    rows = np.eye(3, 128, dtype=np.float32)
    assert ImpostorModel.of_templates(rows[:1]) == ImpostorModel()
    assert abs(ImpostorModel.of_templates(rows).mean - PRIOR_MEAN) < 0.001


def test_a_poor_face_needs_less_but_only_so_much() -> None:
    model = ImpostorModel()
    reliefs = [model.relief(norm) for norm in (20, 12.5, 10, 8, 1)]
    assert reliefs[:2] == [0, 0]
    assert 0 < reliefs[2] < reliefs[3] <= reliefs[4] < 0.1


@pytest.mark.parametrize("fpir", [0, 1, -0.1, 2])
def test_refuses_what_is_no_rate(fpir: float) -> None:
    with pytest.raises(CalibrationError, match="between 0 and 1"):
        threshold_for(10, fpir)
