import numpy as np

from edge.recognise.template import MAX_FACES, TrackTemplate
from engines.pipeline import unit
from engines.scores.model import score_model

SFACE = score_model("sface-2021dec")


def direction(seed: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=128).astype(np.float32))


def test_good_faces_outweigh_poor_ones() -> None:
    template = TrackTemplate(SFACE)
    good, poor = direction(1), direction(2)
    template.add(good, 13.0, 0.9, 0.0)
    for i in range(5):
        template.add(poor, 7.0, 0.05, 0.1 * i)
    assert template.overall() @ good > 0.95


def test_old_evidence_decays_so_that_an_error_can_be_overturned() -> None:
    template = TrackTemplate(SFACE)
    wrong, right = direction(1), direction(2)
    for i in range(4):
        template.add(wrong, 12.0, 0.8, 0.1 * i)
    for i in range(4):
        template.add(right, 12.0, 0.8, 20 + 0.1 * i)
    assert template.mean(21.0) @ right > 0.9
    assert abs(template.overall() @ right - template.overall() @ wrong) < 0.1


def test_keeps_a_bounded_number_of_the_best() -> None:
    template = TrackTemplate(SFACE)
    best = direction(0)
    template.add(best, 13.0, 1.0, 0.0)
    for i in range(1, 50):
        template.add(direction(i), 8.0, 0.1, 0.0)
    assert len(template.vectors) == MAX_FACES
    assert any(v is best for v in template.vectors)


def test_a_good_face_of_another_is_an_id_switch_and_a_poor_one_is_not() -> None:
    template = TrackTemplate(SFACE)
    template.add(direction(1), 13.0, 0.9, 0.0)
    assert template.is_id_switch(direction(2), 0.9)
    assert not template.is_id_switch(direction(1), 0.9)
    assert not template.is_id_switch(direction(2), 0.05)
    assert not TrackTemplate(SFACE).is_id_switch(direction(2), 0.9)


def test_weights_rise_with_the_norm() -> None:
    weights = [SFACE.norm_weight(n) for n in (0.0, 6.0, 9.0, 12.0, 30.0)]
    assert weights == sorted(weights)
    assert weights[0] > 0
    assert weights[-1] == 1
