import numpy as np
import pytest

from edge.recognise.detection_schedule import LIVE_PASS_S, STATIC_S, DetectionSchedule
from edge.recognise.track import Tracker
from engines.detections import Detections

FPS = 30


def sure_faces(boxes: list[list[float]]) -> Detections:
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4),
        np.full(n, 0.9, np.float32),
        np.zeros((n, 5, 2), np.float32),
    )


def passes(path: list[float | None], *, fps: int = FPS, static_s: float = STATIC_S) -> list[int]:
    """Return the frames that get a pass; a face of 50 px is at path[i], or not found."""
    schedule, tracker, found = DetectionSchedule(static_s), Tracker(), []
    for i, x in enumerate(path):
        if not schedule.due(i / fps):
            continue
        found.append(i)
        boxes = [] if x is None else [[x, 100, x + 50, 160]]
        tracker.update(sure_faces(boxes), i / fps)
        schedule.detected(i / fps, tracker.tracks)
    return found


def test_a_still_face_gets_a_pass_every_tenth_of_a_second() -> None:
    found = passes([100.0] * 30)
    assert found[:4] == [0, 1, 2, 5]
    assert np.diff(found[2:]).max() == 3
    assert passes([100.0] * 50, fps=50)[-1] - passes([100.0] * 50, fps=50)[-2] == 5
    assert passes([100.0] * 10, fps=8) == list(range(10))


def test_a_face_that_moves_evenly_is_calm_and_one_that_turns_is_not() -> None:
    assert len(passes([100 + 4.0 * i for i in range(30)])) < 20
    zigzag = [100 + 15.0 * (i // 2 % 2) for i in range(30)]
    assert len(passes(zigzag)) > 24


def test_a_lost_face_is_searched_for_in_each_frame() -> None:
    found = passes([100.0] * 12 + [None] * 6)
    assert found[-4:] == [14, 15, 16, 17]


def test_an_empty_picture_is_calm() -> None:
    assert len(passes([None] * 30)) < 14


def test_no_calm_on_request_and_none_after_a_cut_or_a_jump_back() -> None:
    assert passes([100.0] * 20, static_s=0.0) == list(range(20))
    schedule = DetectionSchedule()
    for i in range(3):
        schedule.detected(i / FPS, [])
    assert not schedule.due(3 / FPS)
    assert schedule.due(-1.0)
    schedule.cut()
    assert schedule.due(3 / FPS)


def halves(sides_px: list[list[float]], *, scale: float = 1.0) -> list[bool]:
    """Return which of ten passes in a second are at low resolution; faces stand side by side."""
    schedule, tracker, found = DetectionSchedule(0.0), Tracker(), []
    for i, sides in enumerate(sides_px):
        low_resolution = schedule.low_resolution_is_enough(i / 10, tracker.tracks, scale)
        boxes = [[600.0 * n, 100, 600.0 * n + side, 100 + side] for n, side in enumerate(sides)]
        tracker.update(sure_faces(boxes), i / 10)
        schedule.detected(i / 10, tracker.tracks, low_resolution=low_resolution)
        found.append(low_resolution)
    return found


def test_large_faces_are_followed_at_low_resolution_and_small_ones_searched_for_now_and_then() -> (
    None
):
    assert halves([[150.0]] * 8) == [False, True, True, False, True, True, False, True]
    assert not any(halves([[120.0]] * 8))
    assert not any(halves([[150.0, 60.0]] * 8))
    assert not any(halves([[150.0]] * 8, scale=0.5))
    assert any(halves([[300.0]] * 8, scale=0.5))
    assert not any(halves([[]] * 8))


def test_the_full_resolution_is_taken_when_a_face_is_lost_or_the_clock_goes_back() -> None:
    lost = [[150.0]] * 4 + [[]] * 4
    assert halves(lost) == [False, True, True, False, True, False, False, False]
    schedule, tracker = DetectionSchedule(), Tracker()
    schedule.detected(5.0, tracker.tracks)
    assert not schedule.low_resolution_is_enough(1.0, tracker.tracks, 1.0)


@pytest.mark.parametrize(("fps", "every"), [(25, 1), (30, 1), (50, 2), (60, 2)])
def test_a_live_picture_gets_no_more_than_thirty_passes_a_second(fps: int, every: int) -> None:
    schedule, found = DetectionSchedule(static_s=0.0), []
    for i in range(20):
        if schedule.due(i / fps, LIVE_PASS_S):
            schedule.detected(i / fps, [])
            found.append(i)
    assert found == list(range(0, 20, every))
