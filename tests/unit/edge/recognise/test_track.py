import numpy as np

from edge.recognise.track import Tracker
from engines.detections import Detections


def faces(
    *boxes: tuple[float, float, float, float], scores: list[float] | None = None
) -> Detections:
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4),
        np.array(scores or [0.9] * n, np.float32),
        np.zeros((n, 5, 2), np.float32),
    )


def test_follows_two_faces_that_pass_each_other() -> None:
    tracker = Tracker()
    for i in range(20):
        left, right = 100 + 10 * i, 300 - 10 * i
        found = tracker.update(
            faces((left, 0, left + 40, 50), (right, 60, right + 40, 110)), i / 25
        )
    numbers = {index: track.number for track, index in found}
    assert numbers == {0: 0, 1: 1}


def test_a_weak_detection_carries_on_but_begins_nothing() -> None:
    tracker = Tracker()
    assert tracker.update(faces((0, 0, 40, 50), scores=[0.4]), 0.0) == []
    tracker.update(faces((0, 0, 40, 50)), 0.04)
    ((track, _),) = tracker.update(faces((2, 0, 42, 50), scores=[0.4]), 0.08)
    assert (track.number, track.hits) == (0, 2)


def test_a_short_loss_keeps_the_track_and_a_long_one_ends_it() -> None:
    tracker = Tracker()
    box = (10, 10, 60, 70)
    tracker.update(faces(box), 0.0)
    tracker.update(faces(), 0.5)
    ((again, _),) = tracker.update(faces(box), 0.6)
    assert again.number == 0
    tracker.update(faces(), 2.0)
    ((new, _),) = tracker.update(faces(box), 2.1)
    assert new.number == 1


def test_a_face_elsewhere_or_of_another_size_is_another() -> None:
    tracker = Tracker()
    tracker.update(faces((0, 0, 40, 40)), 0.0)
    ((far, _),) = tracker.update(faces((200, 0, 240, 40)), 0.04)
    ((large, _),) = tracker.update(faces((0, 0, 120, 120)), 0.08)
    assert {far.number, large.number} == {1, 2}


def test_numbers_go_on_after_a_cut() -> None:
    tracker = Tracker()
    tracker.update(faces((0, 0, 40, 40)), 0.0)
    tracker.reset()
    ((track, _),) = tracker.update(faces((0, 0, 40, 40)), 0.04)
    assert track.number == 1
    assert tracker.renumber(track).number == 2
    assert [t.number for t in tracker.tracks] == [2]


def test_fast_motion_is_followed_by_velocity() -> None:
    tracker = Tracker()
    for i in range(10):
        x = 0.6 * 40 * i
        ((track, _),) = tracker.update(faces((x, 0, x + 40, 40)), i / 25)
    assert track.number == 0
    assert track.at(10 / 25)[0] > track.xyxy_px[0] + 10
