"""CenterFace: cells of a heatmap to boxes and landmarks."""

import numpy as np
import pytest

from engines.centerface import CenterFaceDetector, decode


def outputs(height: int, width: int) -> dict[str, np.ndarray]:
    shapes = {"heatmap": 1, "scale": 2, "offset": 2, "landmarks": 10}
    return {k: np.zeros((1, n, height // 4, width // 4), np.float32) for k, n in shapes.items()}


def test_one_cell_is_one_face() -> None:
    found = outputs(64, 96)
    row, column = 5, 10
    found["heatmap"][0, 0, row, column] = 0.9
    found["heatmap"][0, 0, 1, 1] = 0.2
    found["scale"][0, :, row, column] = np.log([8, 5])  # 32 px high, 20 wide
    found["offset"][0, :, row, column] = 0.25, -0.25
    found["landmarks"][0, :, row, column] = np.tile([0.5, 0.25], 5)  # y, x
    faces = decode(found, 0.5)
    assert len(faces) == 1
    assert faces.scores[0] == pytest.approx(0.9)
    centre = np.array([(column - 0.25 + 0.5) * 4, (row + 0.25 + 0.5) * 4])
    corner = centre - np.array([10, 16])
    opposite = centre + np.array([10, 16])
    np.testing.assert_allclose(faces.xyxy_px[0], [*corner, *opposite], atol=1e-4)
    point = corner + np.array([5, 16])
    np.testing.assert_allclose(faces.landmarks_px[0], np.tile(point, (5, 1)), atol=1e-4)


def test_an_empty_map_is_no_face_and_the_network_gets_rgb() -> None:
    seen = []

    class Engine:
        kind = "test"

        def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            seen.append(inputs["input"])
            return outputs(*inputs["input"].shape[2:])

    frame = np.zeros((48, 64, 3), np.uint8)
    frame[..., 0] = 200  # blue
    assert len(CenterFaceDetector(Engine()).detect(frame)) == 0
    assert seen[0].shape == (1, 3, 64, 64)
    assert seen[0][0, 2, :48].min() == 200
    assert seen[0][0, :2].max() == 0
