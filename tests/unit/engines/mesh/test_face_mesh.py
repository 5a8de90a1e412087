"""Turned faces are aligned by a mesh of the face, too; it lies where the face lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engines.align import similarity_transforms
from engines.detections import Detections
from engines.fetch import fetch
from engines.mesh.landmarks import TURNED_YAW, with_turned_landmarks
from engines.mesh.network import INPUT_PX, FaceMesh
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.pictures.read import read_picture
from engines.pipeline import FacePipeline, load_pipeline
from engines.quality import yaw_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.free import Free

FRONTAL = np.array([[40, 50], [75, 50], [57, 70], [42, 90], [72, 90]], np.float32)
TURNED = FRONTAL + np.array([[0, 0], [0, 0], [15, 0], [0, 0], [0, 0]], np.float32)
BOX = np.array([30, 30, 90, 110], np.float32)
GREY = np.full((150, 150, 3), 90, np.uint8)


class Told:
    """A network that answers with a point, and counts how often it is asked."""

    def __init__(self, at: float = INPUT_PX / 2, presence: float = 1.0) -> None:
        self.at, self.presence, self.asked = at, presence, 0
        self.kind = "told"

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        assert inputs["input"].shape == (1, 3, INPUT_PX, INPUT_PX)
        assert 0 <= inputs["input"].min() <= inputs["input"].max() <= 1
        self.asked += 1
        points = np.zeros((468, 3), np.float32)
        points[:, :2] = self.at
        points[::2, 2], points[1::2, 2] = 30, -30
        return {"points": points.reshape(1, -1), "presence": np.array([[self.presence]])}

    def close(self) -> None:
        self.asked = -1


def faces(*landmarks: np.ndarray) -> Detections:
    count = len(landmarks)
    return Detections(np.stack([BOX] * count), np.ones(count, np.float32), np.stack(landmarks))


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh(OnnxRuntimeEngine(fetch("facemesh")))


def test_it_finds_the_landmarks_of_photographs(free: Free, mesh: FaceMesh) -> None:
    """Upright and upside down, within a tenth of the face's side of the detector's."""
    detector = load_pipeline(precision="fp32").detector
    picture = next(p for p in sorted(free.people.rglob("*")) if p.suffix in {".jpg", ".png"})
    bgr = read_picture(picture)
    found = detector.detect_pyramid(bgr)
    face = found[[int(np.argmax(found.sides_px))]]
    last = np.array(bgr.shape[1::-1], np.float32) - 1
    box = (last - face.xyxy_px[0].reshape(2, 2)[::-1]).ravel()
    for seen, landmarks, where in (
        (bgr, face.landmarks_px[0], face.xyxy_px[0]),
        (np.ascontiguousarray(bgr[::-1, ::-1]), last - face.landmarks_px[0], box),
    ):
        here = mesh.of(seen, where, landmarks)
        assert here is not None
        off = np.linalg.norm(here.landmarks_px - landmarks, axis=1)
        assert off.max() < 0.1 * face.sides_px[0]
        enlarged = np.linalg.norm(similarity_transforms(landmarks[None])[0, :, 0])
        assert here.radius_px * enlarged == pytest.approx(31.2, rel=0.15)


def test_where_there_is_no_face_there_is_no_mesh(mesh: FaceMesh) -> None:
    assert mesh.of(GREY, BOX, FRONTAL) is None
    assert mesh.of(GREY, np.zeros(4, np.float32), FRONTAL) is None


def test_only_turned_faces_are_asked_about() -> None:
    told = Told()
    given = faces(FRONTAL, TURNED, FRONTAL)
    assert (yaw_of(given.landmarks_px) >= TURNED_YAW).tolist() == [False, True, False]
    found = with_turned_landmarks(FaceMesh(told), GREY, given)
    assert told.asked == 1
    assert np.array_equal(found.landmarks_px[::2], given.landmarks_px[::2])
    assert not np.allclose(found.landmarks_px[1], TURNED)
    assert np.array_equal(found.xyxy_px, given.xyxy_px)


def test_the_middle_is_between_both_and_the_size_too() -> None:
    """The mesh is a point 10 px beside the middle of the box, with a depth of 30 px."""
    scale = INPUT_PX / (1.5 * 80)
    given = faces(TURNED)
    found = with_turned_landmarks(FaceMesh(Told(INPUT_PX / 2 + 10 * scale)), GREY, given)
    theirs = np.array([70, 80])
    middle = (TURNED.mean(axis=0) + theirs) / 2
    np.testing.assert_allclose(found.landmarks_px[0].mean(axis=0), middle, atol=0.7)
    mean = ((TURNED + theirs) / 2).astype(np.float32)
    by_five = np.linalg.norm(similarity_transforms(mean[None])[0, :, 0])
    by_mesh = 31.2 / (30 / scale)
    ours = np.linalg.norm(similarity_transforms(found.landmarks_px)[0, :, 0])
    assert ours == pytest.approx(np.sqrt(by_five * by_mesh), rel=0.02)


@pytest.mark.parametrize("told", [Told(presence=-1.0), Told(at=0.0)])
def test_a_mesh_of_nothing_or_of_another_place_is_left_out(told: Told) -> None:
    found = with_turned_landmarks(FaceMesh(told), GREY, faces(TURNED))
    assert told.asked == 1
    assert np.array_equal(found.landmarks_px[0], TURNED)


def test_a_pipeline_without_a_mesh_aligns_as_the_detector_says() -> None:
    without = FacePipeline(None, None, "sface-2021dec")  # type: ignore[arg-type]
    told = Told()
    having = FacePipeline(None, None, "sface-2021dec", mesh=FaceMesh(told))  # type: ignore[arg-type]
    big = Detections(3 * BOX[None], np.ones(1, np.float32), 3 * TURNED[None])
    assert np.array_equal(without.fine(GREY, big).landmarks_px, big.landmarks_px)
    having.fine(GREY, big)
    assert told.asked == 1
    having.close()
    assert told.asked == -1
