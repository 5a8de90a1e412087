import numpy as np

from edge.recognise.reidentify import KEPT_S, Left, Reidentification
from edge.recognise.template import TrackTemplate
from engines.scores.model import score_model

SFACE = score_model("sface-2021dec")

RANDOM = np.random.default_rng(0)
PEOPLE = np.linalg.qr(RANDOM.normal(size=(128, 8)))[0].T.astype(np.float32)


def seen(person: int, *, faces: int = 3, norm: float = 11.0, at_s: float = 0.0) -> TrackTemplate:
    template = TrackTemplate(SFACE)
    for i in range(faces):
        vector = PEOPLE[person] + RANDOM.normal(0, 0.03, 128).astype(np.float32)
        template.add(vector / np.linalg.norm(vector), norm, 0.8, at_s + i / 10)
    return template


def remembered(*people: int) -> Reidentification:
    memory = Reidentification(SFACE.same)
    for number, person in enumerate(people):
        memory.keep(number, seen(person), last_s=1.0)
    return memory


def test_a_face_that_comes_back_is_known_and_a_stranger_is_not() -> None:
    memory = remembered(0, 1, 2)
    left = memory.find(seen(1), since_s=3.0)
    assert left is not None
    assert left.track == 1
    assert memory.find(seen(5), since_s=3.0) is None


def test_who_was_on_screen_at_the_same_time_is_somebody_else() -> None:
    assert remembered(0).find(seen(0), since_s=0.5) is None
    assert remembered(0).find(seen(0), since_s=3.0, taken=[0]) is None
    assert remembered(0).find(seen(0), since_s=2.0 + KEPT_S) is None


def test_poor_faces_are_neither_kept_nor_compared() -> None:
    memory = Reidentification(SFACE.same)
    memory.keep(0, seen(0, norm=6.0), last_s=1.0)
    assert memory.find(seen(0), since_s=3.0) is None
    assert remembered(0).find(seen(0, norm=6.0), since_s=3.0) is None


def test_a_track_that_is_lost_but_not_given_up_counts_too() -> None:
    lost = [Left(7, seen(3), 1.0), Left(8, TrackTemplate(SFACE), 1.0)]
    found = Reidentification(SFACE.same).find(seen(3), since_s=1.5, lost=lost)
    assert found is not None
    assert found.track == 7


def test_two_alike_are_not_told_apart() -> None:
    between = (PEOPLE[0] + PEOPLE[1]) / np.sqrt(2)
    doubtful = TrackTemplate(SFACE)
    doubtful.add(between.astype(np.float32), 11.0, 0.8, 3.0)
    assert remembered(0, 1).find(doubtful, since_s=3.0) is None


def test_merged_faces_are_not_merged_again_and_are_given_back_on_disagreement() -> None:
    template = seen(0, faces=1, norm=9.0, at_s=5.0)
    template.merge(seen(0))
    assert template.merged.count(True) == 3
    assert len(template.own().vectors) == 1
    for face in range(3):
        template.add(PEOPLE[4], 11.0, 0.8, 6.0 + face)
    assert not any(template.merged)
    assert float(template.overall() @ PEOPLE[4]) > 0.8


def test_faces_that_tell_less_than_the_own_ones_are_not_merged() -> None:
    template = seen(0, faces=1, norm=12.0)
    template.merge(seen(0, norm=9.0))
    assert not any(template.merged)


def test_new_evidence_overturns_old_evidence_in_time() -> None:
    template = seen(0, faces=4)
    for i in range(4):
        template.add(PEOPLE[1], 11.0, 0.8, 12.0 + i)
    mean = template.mean(16.0)
    assert float(mean @ PEOPLE[1]) > 2 * float(mean @ PEOPLE[0])


def test_nothing_is_kept_longer_than_it_is_asked_for() -> None:
    memory = remembered(0, 1)
    memory.forget(1.0 + KEPT_S)
    assert memory.template_of(1) is not None
    memory.forget(1.1 + KEPT_S)
    assert memory.template_of(1) is None
    again = remembered(0)
    again.forget(0.0)  # the clock has gone back
    assert again.template_of(0) is None
