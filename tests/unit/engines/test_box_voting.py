from __future__ import annotations

import numpy as np

from engines.box_voting import blend, overlaps
from engines.detections import Detections


def _cells(scores: list[float], shifts: list[float]) -> Detections:
    box = np.array([10, 10, 50, 50], np.float32)
    marks = np.array([[20, 20], [40, 20], [30, 30], [22, 40], [38, 40]], np.float32)
    return Detections(
        np.stack([box + s for s in shifts]),
        np.array(scores, np.float32),
        np.stack([marks + s for s in shifts]),
    )


def test_one_cell_stays_as_it_is() -> None:
    found = _cells([0.9], [0])
    got = blend(found, np.array([0]))
    np.testing.assert_allclose(got.landmarks_px, found.landmarks_px)
    np.testing.assert_allclose(got.xyxy_px, found.xyxy_px)


def test_landmarks_do_not_jump_when_another_cell_wins() -> None:
    a, b = _cells([0.901, 0.900], [0, 2]), _cells([0.901, 0.900], [2, 0])
    jump = np.abs(blend(a, np.array([0])).landmarks_px - blend(b, np.array([0])).landmarks_px)
    assert jump.max() < 0.5  # 2 px without blending


def test_far_boxes_and_weak_cells_have_no_say() -> None:
    found = _cells([0.9, 0.9, 0.2], [0, 45, 1])
    got = blend(found, np.array([0]))
    assert np.abs(got.landmarks_px - found.landmarks_px[:1]).max() < 0.01


def test_no_faces() -> None:
    assert len(blend(Detections.empty(), np.zeros(0, np.intp))) == 0


def test_overlap_of_half() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [20, 20, 30, 30]], np.float32)
    np.testing.assert_allclose(overlaps(boxes[0], boxes), [1, 0.5, 0])
