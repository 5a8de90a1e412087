"""How much a face can tell: size, sharpness, pose, exposure, as numbers from 0 to 1.

No model of its own: all is read off what detection and alignment give anyway. The ramps were set
by eye on public pictures; `calibration` measures what they are worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engines.detections import Detections

MIN_SIDE_PX = 20.0
"""Below, the chip is mostly interpolation."""
GOOD_SIDE_PX = 80.0
MAX_YAW = 0.8
"""Beyond, one eye is hidden and the landmarks are guessed."""
MIN_SHARPNESS = 0.004
GOOD_SHARPNESS = 0.04


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of some faces, parallel arrays of float32 (n,).

    Attributes:
        side_px: shorter side of the box.
        yaw: 0 for a frontal face to about 1 for a profile; how far the nose is off the middle of
            the eyes, as a share of their distance.
        sharpness: energy of the Laplacian over the energy of the chip's contrast.
        overall: 0 to 1, the weight that a face gets in a template.
    """

    side_px: NDArray[np.float32]
    yaw: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    overall: NDArray[np.float32]


def measure_quality(faces: Detections, chips_bgr: NDArray[np.uint8]) -> Quality:
    """Return the quality of faces.

    Args:
        faces: n faces.
        chips_bgr: uint8 (n, 112, 112, 3), BGR, the same faces aligned.
    """
    side = faces.sides_px
    yaw = yaw_of(faces.landmarks_px)
    measured = [_sharpness_and_exposure(chip) for chip in chips_bgr]
    sharpness, exposure = np.array(measured, np.float32).reshape(-1, 2).T
    # sharpness falls by itself where a small face was enlarged: size counts by its own ramp only
    overall = (
        _ramp(side, MIN_SIDE_PX / 2, GOOD_SIDE_PX)
        * _ramp(faces.scores, 0.3, 0.9)
        * _ramp(sharpness, 0.0, GOOD_SHARPNESS) ** 0.5
        * (1 - 0.8 * _ramp(yaw, 0.2, 1.0))
        * exposure
    )
    return Quality(side, yaw, sharpness, overall.astype(np.float32))


def yaw_of(landmarks_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the yaw, 0 (frontal) to about 1 (profile), of float32 (n, 5, 2) landmarks."""
    right, left, nose = (landmarks_px[:, i] for i in range(3))
    axis = left - right
    distance = np.maximum(np.linalg.norm(axis, axis=1), 1e-6)
    along = ((nose - (left + right) / 2) * axis).sum(axis=1) / distance
    return np.asarray(2 * np.abs(along) / distance, np.float32)


def _sharpness_and_exposure(chip_bgr: NDArray[np.uint8]) -> tuple[float, float]:
    """Sharpness as in `Quality`, and 0 to 1 for how well the face is lit."""
    inner = cv2.cvtColor(chip_bgr[16:104, 16:96], cv2.COLOR_BGR2GRAY)
    # numpy's own deviation takes four times as long
    contrast = float(cv2.meanStdDev(inner)[1][0, 0])
    edges = float(cv2.meanStdDev(cv2.Laplacian(inner, cv2.CV_32F))[1][0, 0]) ** 2
    sharpness = edges / max(contrast, 4.0) ** 2
    return sharpness, min(1.0, contrast / 20.0) ** 0.5


def _ramp(value: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    return np.asarray(np.clip((value - low) / (high - low), 0, 1), np.float32)
