"""OpenCV's own FaceDetectorYN is the reference, with the same model file."""

import cv2
import numpy as np
import pytest

from engines.detections import Detections
from engines.detector import YunetDetector, choose_canvas, suppress_overlaps
from engines.errors import ModelShapeError
from engines.fetch import fetch
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.pipeline import FacePipeline
from tests.free import Free


@pytest.fixture(scope="module")
def detector() -> YunetDetector:
    return YunetDetector(OnnxRuntimeEngine(fetch("yunet"), threads=2))


def reference(bgr: np.ndarray) -> Detections:
    height, width = bgr.shape[:2]
    theirs = cv2.FaceDetectorYN.create(str(fetch("yunet")), "", (width, height), 0.6, 0.3, 5000)
    found = theirs.detect(bgr)[1]
    if found is None:
        return Detections.empty()
    corner, size = found[:, :2], found[:, 2:4]
    return Detections(
        np.concatenate([corner, corner + size], axis=1),
        found[:, 14],
        found[:, 4:14].reshape(-1, 5, 2),
    )


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = [(x[:, 2:] - x[:, :2]).prod(axis=1) for x in (a, b)]
    return shared / (areas[0] + areas[1] - shared)


def test_equals_opencv(detector: YunetDetector, free: Free) -> None:
    for path in (free.group, free.pair, free.portrait):
        bgr = cv2.imread(str(path))
        for size in (bgr.shape[1::-1], (160, 120), (641, 333)):
            picture = cv2.resize(bgr, size)
            ours, theirs = detector.detect(picture), reference(picture)
            assert len(ours) == len(theirs)
            assert len(ours) == 0 or overlap(ours.xyxy_px, theirs.xyxy_px).min() >= 0.99
            np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-4)
            np.testing.assert_allclose(ours.landmarks_px, theirs.landmarks_px, atol=0.05)


def test_finds_faces_of_20_px_and_of_a_whole_4k_picture(
    detector: YunetDetector, free: Free
) -> None:
    portrait = cv2.imread(str(free.group))
    tiny = np.full((2160, 3840, 3), 90, np.uint8)
    scale = 20 / detector.detect(portrait).sides_px.max()
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tiny[1000 : 1000 + small.shape[0], 3000 : 3000 + small.shape[1]] = small
    assert len(detector.detect(tiny)) >= 4

    huge = cv2.resize(cv2.imread(str(free.faces[0])), (2160, 2160), interpolation=cv2.INTER_CUBIC)
    found = detector.detect_pyramid(huge)
    assert found.sides_px.max() > 300


def test_scaled_detection_gives_frame_coordinates(detector: YunetDetector, free: Free) -> None:
    bgr = cv2.imread(str(free.group))
    native, shrunk = detector.detect(bgr), detector.detect(bgr, long_side_px=640)
    assert len(native) == len(shrunk) == 4
    order = [d.xyxy_px[np.argsort(d.xyxy_px[:, 0])] for d in (native, shrunk)]
    assert overlap(order[0], order[1]).min() > 0.75


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 4000, 3), (31, 33, 3), (120, 160, 3)])
def test_any_size_is_right_or_empty(detector: YunetDetector, shape: tuple[int, ...]) -> None:
    assert len(detector.detect(np.zeros(shape, np.uint8))) == 0


@pytest.mark.parametrize("bad", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32)])
def test_refuses_what_is_no_picture(pipeline: FacePipeline, bad: np.ndarray) -> None:
    with pytest.raises(ModelShapeError, match="expected uint8"):
        pipeline.detector.detect(bad)


def test_suppression_keeps_the_best_of_each_heap() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]], np.float32)
    assert suppress_overlaps(boxes, 0.3).tolist() == [0, 2]
    assert suppress_overlaps(boxes[:0], 0.3).tolist() == []


def test_detections_check_their_shapes() -> None:
    with pytest.raises(ModelShapeError, match="expected"):
        Detections(np.zeros((2, 4), np.float32), np.zeros(1, np.float32), np.zeros((2, 5, 2)))


@pytest.mark.parametrize(
    ("size_px", "canvas_px"),
    [
        ((640, 360), (640, 384)),
        ((640, 384), (640, 384)),
        ((960, 540), (1280, 736)),
        ((384, 640), (1280, 736)),
        ((1920, 1080), (1280, 736)),
        ((16, 16), (640, 384)),
    ],
)
def test_a_frame_gets_the_smallest_canvas_that_holds_it(
    size_px: tuple[int, int], canvas_px: tuple[int, int]
) -> None:
    assert choose_canvas(size_px, ((1280, 736), (640, 384))) == canvas_px


@pytest.mark.parametrize("size_px", [(640, 360), (500, 300), (1920, 1080), (1200, 900)])
def test_an_engine_of_fixed_sizes_finds_the_same_faces(
    free: Free, size_px: tuple[int, int]
) -> None:
    sizes_px = ((640, 384), (1280, 736))
    asked: set[tuple[int, int]] = set()

    class FixedSizes(OnnxRuntimeEngine):
        def run(self, inputs):
            asked.add(inputs["input"].shape[:1:-1])
            return super().run(inputs)

    scene = cv2.resize(cv2.imread(str(free.pair)), size_px)
    any_size = YunetDetector(OnnxRuntimeEngine(fetch("yunet")), blended=True)
    fixed = YunetDetector(FixedSizes(fetch("yunet")), blended=True, sizes_px=sizes_px)
    found, expected = (
        # scores of a shrunk frame may come in another order
        d[np.argsort(d.xyxy_px[:, 0])]
        for d in (fixed.detect(scene), any_size.detect(scene))
    )
    assert asked
    assert asked <= set(sizes_px)
    assert len(found) == len(expected) > 0
    # The same pixels where the frame is whole; where it was shrunk, a part of a face's width.
    width = np.ptp(expected.xyxy_px[:, ::2], axis=1)[:, None]
    shrunk = size_px[0] > 1280 or size_px[1] > 736
    assert (np.abs(found.xyxy_px - expected.xyxy_px) / width).max() < (0.15 if shrunk else 0.003)
