"""Small faces get landmarks as fine as large ones have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from engines.align import CLOSE_PX, SMALL_PX, with_fine_landmarks
from engines.detections import Detections
from engines.pictures.read import read_picture
from engines.pipeline import load_pipeline

if TYPE_CHECKING:
    from tests.free import Free

SIDE_PX = 26.0


class Told:
    """A detector that finds what it is told to, and counts how often it is asked."""

    def __init__(self, found: Detections) -> None:
        self.found, self.asked = found, 0

    def detect(self, bgr: np.ndarray) -> Detections:
        assert bgr.shape == (CLOSE_PX, CLOSE_PX, 3)
        self.asked += 1
        return self.found


def faces(side: float, count: int = 1) -> Detections:
    box = np.array([[50, 40, 50 + side, 40 + 1.2 * side]] * count, np.float32)
    points = np.tile(np.array([50, 40], np.float32) + 0.5 * side, (count, 5, 1))
    return Detections(box, np.full(count, 0.9, np.float32), points.astype(np.float32))


def test_small_faces_of_photographs_are_aligned_better(free: Free) -> None:
    detector = load_pipeline(precision="fp32").detector
    before, after = [], []
    for picture in sorted(p for p in free.people.rglob("*") if p.suffix in {".jpg", ".png"}):
        bgr = read_picture(picture)
        found = detector.detect_pyramid(bgr)
        large = found[[int(np.argmax(found.sides_px))]]
        shrink = SIDE_PX / float(large.sides_px[0])
        small = cv2.resize(bgr, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        small = cv2.copyMakeBorder(small, 0, 160, 0, 160, cv2.BORDER_CONSTANT)
        truth = large.landmarks_px[0] * shrink
        seen = detector.detect(np.asarray(small, np.uint8))
        near = np.linalg.norm(seen.landmarks_px.mean(axis=1) - truth.mean(axis=0), axis=1)
        mine = seen[[int(np.argmin(near))]]
        fine = with_fine_landmarks(detector, np.asarray(small, np.uint8), mine)
        for errors, landmarks in ((before, mine.landmarks_px), (after, fine.landmarks_px)):
            errors.append(np.linalg.norm(landmarks[0] - truth, axis=1).mean() / SIDE_PX)
    assert np.mean(after) < 0.9 * np.mean(before)


@pytest.mark.parametrize(("side", "asked"), [(SMALL_PX - 1, 2), (SMALL_PX + 1, 0)])
def test_only_small_faces_are_looked_at_again(side: float, asked: int) -> None:
    detector = Told(Detections.empty())
    given = faces(side, 2)
    found = with_fine_landmarks(detector, np.zeros((200, 200, 3), np.uint8), given)  # type: ignore[arg-type]
    assert detector.asked == asked
    assert np.array_equal(found.landmarks_px, given.landmarks_px)


@pytest.mark.parametrize(("off_px", "taken"), [(0, True), (CLOSE_PX / 3, False)])
def test_the_mean_of_both_is_taken_unless_it_is_another_face(off_px: float, *, taken: bool) -> None:
    middle = CLOSE_PX / 2 + off_px
    box = np.array([[middle - 40, middle - 40, middle + 40, middle + 40]], np.float32)
    points = np.full((1, 5, 2), middle + 10, np.float32)
    detector = Told(Detections(box, np.ones(1, np.float32), points))
    given = faces(30.0)
    found = with_fine_landmarks(detector, np.zeros((200, 200, 3), np.uint8), given)  # type: ignore[arg-type]
    moved = not np.allclose(found.landmarks_px, given.landmarks_px)
    assert moved is taken
    assert np.array_equal(found.xyxy_px, given.xyxy_px)


def test_a_box_without_a_size_stays_as_it_is() -> None:
    detector = Told(faces(30.0))
    given = faces(0.0)
    found = with_fine_landmarks(detector, np.zeros((50, 50, 3), np.uint8), given)  # type: ignore[arg-type]
    assert np.array_equal(found.landmarks_px, given.landmarks_px)
    assert detector.asked == 0
