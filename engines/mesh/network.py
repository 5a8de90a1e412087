"""A mesh of a face: 468 points in three dimensions.

Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engines.engine import Engine

INPUT_PX = 192
FACES_WIDE = 1.5
"""The crop is so many times as wide as the longer side of the face's box."""
POINTS = 468
PARTS = ((33, 133, 159, 145), (263, 362, 386, 374), (1, 4), (61,), (291,))
"""Points of the mesh whose mean is a landmark: corners and lids of both eyes, tip of the nose,
corners of the mouth."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """A face's mesh in the picture.

    Attributes:
        points_px: float64 (468, 3), x and y in pixels of the picture, z away from the viewer in
            the same unit.
    """

    points_px: NDArray[np.float64]

    @property
    def landmarks_px(self) -> NDArray[np.float64]:
        """The five landmarks, float64 (5, 2), in the order of a detector's."""
        return np.stack([self.points_px[list(part), :2].mean(axis=0) for part in PARTS])

    @property
    def radius_px(self) -> float:
        """How far the points are from their middle, root mean square, in three dimensions."""
        return float(np.sqrt(((self.points_px - self.points_px.mean(axis=0)) ** 2).sum(1).mean()))


class FaceMesh:
    """The network.

    Args:
        engine: takes `input`, float32 (1, 3, 192, 192), RGB from 0 to 1; gives `points`, (1, 1404),
            pixels of the input, and `presence`, (1, 1), above 0 where there is a face.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def kind(self) -> str:
        """What runs it."""
        return self._engine.kind

    def close(self) -> None:
        """Free the network."""
        self._engine.close()

    def of(
        self,
        bgr: NDArray[np.uint8],
        xyxy_px: NDArray[np.float32],
        landmarks_px: NDArray[np.float32],
    ) -> Mesh | None:
        """Return the mesh of a face that a detector found; None where the network sees no face.

        Args:
            bgr: uint8 (height, width, 3), BGR.
            xyxy_px: float32 (4,), the face's box in pixels of it.
            landmarks_px: float32 (5, 2), of which only the direction from the eyes to the mouth is
                used, which holds in profile.
        """
        side = float((xyxy_px[2:] - xyxy_px[:2]).max())
        if not side >= 1:
            return None
        matrix = _crop(xyxy_px, landmarks_px, INPUT_PX / (FACES_WIDE * side))
        crop = cv2.warpAffine(bgr, matrix, (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR)
        pixels = np.asarray(crop[None, :, :, ::-1].transpose(0, 3, 1, 2) / 255, np.float32)
        found = self._engine.run({"input": np.ascontiguousarray(pixels)})
        if not found["presence"].item() > 0:
            return None
        points = found["points"].reshape(POINTS, 3).astype(np.float64)
        points[:, :2] = (points[:, :2] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        points[:, 2] /= INPUT_PX / (FACES_WIDE * side)
        return Mesh(points)


def _crop(
    xyxy_px: NDArray[np.float32], landmarks_px: NDArray[np.float32], scale: float
) -> NDArray[np.float64]:
    """Return what turns a face upright and cuts it out, float64 (2, 3)."""
    eyes, mouth = landmarks_px[:2].mean(axis=0), landmarks_px[3:].mean(axis=0)
    roll = math.atan2(eyes[0] - mouth[0], mouth[1] - eyes[1])
    along, across = scale * math.cos(roll), scale * math.sin(roll)
    linear = np.array([[along, across], [-across, along]])
    centre = (xyxy_px[:2] + xyxy_px[2:]).astype(np.float64) / 2
    return np.column_stack([linear, INPUT_PX / 2 - linear @ centre])
