"""A turned face of a film is aligned by a mesh when it is embedded, as it would be at once."""

import numpy as np

from edge.offline.film.views import cut_out
from engines.align import align
from engines.detections import Detections
from engines.mesh.landmarks import with_turned_landmarks
from engines.mesh.network import Mesh

FRONTAL = np.array([[40, 50], [75, 50], [57, 70], [42, 90], [72, 90]], np.float32)
TURNED = FRONTAL + np.array([[0, 0], [0, 0], [15, 0], [0, 0], [0, 0]], np.float32)
BOX = np.array([30, 30, 90, 110], np.float32)
SHIFT = np.array([100, 80], np.float32)


class Told:
    """A mesh around the middle of the box, as large as it, that counts how often it is asked."""

    def __init__(self, *, sees: bool = True) -> None:
        self.asked, self.sees = 0, sees

    def of(self, _bgr: np.ndarray, box: np.ndarray, _landmarks: np.ndarray) -> Mesh | None:
        self.asked += 1
        if not self.sees:
            return None
        points = np.zeros((468, 3))
        points[:, :2] = (box[:2] + box[2:]) / 2
        points[::2, 2], points[1::2, 2] = box[3] - box[1], box[1] - box[3]
        return Mesh(points)


def test_only_turned_views_are_and_only_when_they_are_embedded() -> None:
    bgr = np.random.default_rng(0).integers(0, 255, (400, 500, 3)).astype(np.uint8)
    boxes = np.stack([BOX + np.tile(SHIFT, 2)] * 2)
    faces = Detections(boxes, np.ones(2, np.float32), np.stack([FRONTAL, TURNED]) + SHIFT)
    mesh = Told()
    frontal, turned = cut_out(bgr, faces, 1.0, mesh)  # type: ignore[arg-type]
    assert mesh.asked == 0
    assert frontal.aligned() is frontal.chip
    found = turned.aligned()
    assert mesh.asked == 1
    at_once = with_turned_landmarks(mesh, bgr, faces[[1]])  # type: ignore[arg-type]
    expected = align(bgr, at_once.landmarks_px)[0]
    assert np.abs(found.astype(int) - expected).mean() < 2
    assert not np.array_equal(found, turned.chip)


def test_where_the_mesh_sees_no_face_the_chip_is_as_it_was_cut() -> None:
    faces = Detections(BOX[None], np.ones(1, np.float32), TURNED[None])
    mesh = Told(sees=False)
    (view,) = cut_out(np.zeros((200, 200, 3), np.uint8), faces, 1.0, mesh)  # type: ignore[arg-type]
    assert np.array_equal(view.aligned(), view.chip)
    assert mesh.asked == 1


def test_without_a_mesh_nothing_is_kept_for_it() -> None:
    faces = Detections(BOX[None], np.ones(1, np.float32), TURNED[None])
    (view,) = cut_out(np.zeros((200, 200, 3), np.uint8), faces, 1.0)
    assert view.aligned() is view.chip
