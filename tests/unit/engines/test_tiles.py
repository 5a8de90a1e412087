"""Large stills are searched in tiles: every face once, in its place, and none that an edge cuts."""

from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
import pytest

from engines.detections import Detections
from engines.detector import TILE_OVERLAP_PX, TILE_PX, TILED_FROM_PIXELS, Detector, tile_starts


class SquareDetector(Detector):
    """Finds white squares, as they are: cut ones, too."""

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.largest = 0

    def _find(self, planes: Any, min_score: float) -> Detections:  # noqa: ARG002
        self.largest = max(self.largest, planes.shape[2] * planes.shape[3])
        grey = (planes[0, 0] > 200).astype(np.uint8)
        _, _, boxes, centres = cv2.connectedComponentsWithStats(grey, connectivity=8)
        boxes, centres = boxes[1:, :4].astype(np.float32), centres[1:].astype(np.float32)
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
        points = np.repeat(centres[:, None], 5, axis=1)
        return Detections(corners, np.full(len(corners), 0.9, np.float32), points)


@pytest.mark.parametrize("length", [1, 100, 1280, 1281, 1472, 2368, 2369, 3000, 4096, 16_384])
def test_tiles_cover_a_length_and_overlap(length: int) -> None:
    starts = tile_starts(length)
    assert starts[0] == 0
    assert starts[-1] + TILE_PX >= length
    assert starts[-1] <= max(0, length - TILE_PX)
    for here, there in itertools.pairwise(starts):
        assert here < there <= here + TILE_PX - TILE_OVERLAP_PX


@pytest.mark.parametrize(("width", "height"), [(3000, 2000), (1400, 4000), (9000, 400)])
def test_every_face_of_a_large_picture_is_found_once_and_whole(width: int, height: int) -> None:
    assert width * height > TILED_FROM_PIXELS
    random = np.random.default_rng(width)
    bgr = np.zeros((height, width, 3), np.uint8)
    wanted = []
    for top in range(4, height - 200, 200):
        for left in range(4, width - 200, 200):
            side = int(random.integers(10, TILE_OVERLAP_PX - 8))
            bgr[top : top + side, left : left + side] = 255
            wanted.append((left, top, left + side, top + side))
    detector = SquareDetector()
    parts = list(detector._native(bgr))
    found = detector._suppress(Detections.concatenate(parts), blended=False)
    assert sorted(map(tuple, found.xyxy_px.astype(int).tolist())) == sorted(wanted)
    middle = (found.xyxy_px[:, :2] + found.xyxy_px[:, 2:]) / 2 - 0.5
    np.testing.assert_allclose(found.landmarks_px[:, 0], middle, atol=0.01)
    assert detector.largest <= TILE_PX**2


def test_a_picture_of_a_film_is_searched_as_one() -> None:
    detector = SquareDetector()
    assert len(list(detector._native(np.zeros((1080, 1920, 3), np.uint8)))) == 1
