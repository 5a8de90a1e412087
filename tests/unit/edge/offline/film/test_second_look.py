"""A turned face of a film is cut out a second time when it is embedded, as it would be at once."""

from __future__ import annotations

import numpy as np

from edge.offline.film.views import cut_out
from engines.align import align
from engines.detections import Detections
from engines.pipeline import FacePipeline

FRONTAL = np.array([[40, 50], [75, 50], [57, 70], [42, 90], [72, 90]], np.float32)
TURNED = FRONTAL + np.array([[0, 0], [0, 0], [15, 0], [0, 0], [0, 0]], np.float32)
BOX = np.array([30, 30, 90, 110], np.float32)
SHIFT = np.array([100, 80], np.float32)
PLACES = np.array([[0.4, 0.4], [0.6, 0.42], [0.45, 0.5], [0.4, 0.6], [0.55, 0.6]])


class Told:
    """A detector that sees a face in the middle of every picture, and counts its pictures."""

    asked = 0

    def detect(self, bgr: np.ndarray) -> Detections:
        self.asked += 1
        size = np.array(bgr.shape[1::-1])
        box = np.concatenate([0.3 * size, 0.7 * size])[None]
        landmarks = (PLACES * size)[None].astype(np.float32)
        return Detections(box.astype(np.float32), np.ones(1, np.float32), landmarks)


def pipeline(second: Told | None) -> FacePipeline:
    return FacePipeline(None, None, "sface-2021dec", second=second)  # type: ignore[arg-type]


def test_only_turned_views_are_and_only_when_they_are_embedded() -> None:
    bgr = np.random.default_rng(0).integers(0, 255, (400, 500, 3)).astype(np.uint8)
    boxes = np.stack([BOX + np.tile(SHIFT, 2)] * 2)
    faces = Detections(boxes, np.ones(2, np.float32), np.stack([FRONTAL, TURNED]) + SHIFT)
    second = Told()
    models = pipeline(second)
    frontal, turned = cut_out(models, bgr, faces, 1.0)
    assert second.asked == 0
    np.testing.assert_array_equal(frontal.chips(), frontal.chip[None])
    assert second.asked == 0
    first, again = turned.chips()
    assert second.asked == 1
    np.testing.assert_array_equal(first, turned.chip)
    (at,) = models.second_px(bgr, faces[[1]]).values()
    assert np.abs(again.astype(int) - align(bgr, at[None])[0]).mean() < 2
    assert not np.array_equal(first, again)


def test_without_a_second_detector_nothing_is_kept_for_it() -> None:
    faces = Detections(BOX[None], np.ones(1, np.float32), TURNED[None])
    (view,) = cut_out(pipeline(None), np.zeros((200, 200, 3), np.uint8), faces, 1.0)
    assert view.again is None
    np.testing.assert_array_equal(view.chips(), view.chip[None])
