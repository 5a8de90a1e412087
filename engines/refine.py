"""Landmarks of small faces, found once more from close by.

A detector puts the landmarks of a face of 24 pixels off by 6 to 7 % of its side, and its size by
5 to 7 %, which costs an embedding more than anything else does. In a crop around the face that is
enlarged they come out finer, and the mean of both finer still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.detections import Detections

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engines.detector import Detector

SMALL_PX = 48.0
"""Landmarks of faces with a shorter side from here on gain nothing."""
CROP_SIDES = 2.5
CROP_PX = 224
"""The crop is so many faces wide, and has this many pixels a side."""
NEAR = 0.3
"""Another face is further from the middle of the crop, in units of the face's side."""


def with_fine_landmarks(
    detector: Detector, bgr: NDArray[np.uint8], faces: Detections
) -> Detections:
    """Return faces, small ones with landmarks that are fine enough to align by.

    Args:
        detector: finds faces.
        bgr: uint8 (height, width, 3), BGR.
        faces: in pixels of it, from a full-resolution pass.
    """
    small = np.flatnonzero(faces.sides_px < SMALL_PX)
    if not len(small):
        return faces
    landmarks = faces.landmarks_px.copy()
    for i in small.tolist():
        found = _from_close_by(detector, bgr, faces.xyxy_px[i])
        if found is not None:
            landmarks[i] = (landmarks[i] + found) / 2
    return Detections(faces.xyxy_px, faces.scores, landmarks)


def _from_close_by(
    detector: Detector, bgr: NDArray[np.uint8], xyxy_px: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Return the landmarks of the face in the middle of a box, float32 (5, 2), or None."""
    side = float((xyxy_px[2:] - xyxy_px[:2]).max())
    if not side >= 1:
        return None
    scale = CROP_PX / (CROP_SIDES * side)
    shift = CROP_PX / 2 - scale * (xyxy_px[:2] + xyxy_px[2:]) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
    size = (CROP_PX, CROP_PX)
    edge = cv2.BORDER_REPLICATE
    crop = cv2.warpAffine(bgr, matrix, size, flags=cv2.INTER_CUBIC, borderMode=edge)
    found = detector.detect(np.asarray(crop, np.uint8))
    if not len(found):
        return None
    centres = (found.xyxy_px[:, :2] + found.xyxy_px[:, 2:]) / 2
    apart = np.linalg.norm(centres - CROP_PX / 2, axis=1)
    nearest = int(np.argmin(apart))
    if apart[nearest] > NEAR * scale * side:
        return None
    return np.asarray((found.landmarks_px[nearest] - shift) / scale, np.float32)
