"""Detection at two sizes: the whole frame small, and single faces from close by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from engines.box_voting import overlaps
from engines.detections import Detections
from engines.detector import suppress_overlaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engines.detector import Detector

LOW_PX = 640
"""Long side of a low-resolution pass."""
CROP_PX = 160
NEAR = 0.5
"""A face further from where a known one is expected, in units of its size, is another one."""
CROP_SIDES = 2.0
"""A crop is this many faces wide, and shown to the network `CROP_PX` wide; a face of 30 pixels may
be seen or not by where it lies in the grid, twice as large it is seen in all places."""
MOST_ENLARGED = 2.0
SAME_FACE = 0.3
"""Boxes that overlap this much show one face."""


class Target(NamedTuple):
    """Where a face is searched for, float32 (4,), and how far from there, in units of its size."""

    box: NDArray[np.float32]
    near: float = NEAR


@dataclass(frozen=True, slots=True)
class Found:
    """The faces of a pass, and of which the landmarks are fine enough to align by.

    Attributes:
        faces: in pixels of the frame.
        fine: bool (n,).
    """

    faces: Detections
    fine: NDArray[np.bool_]


def low_size(size: tuple[int, int]) -> tuple[int, int] | None:
    """Return the width and height of a low-resolution pass, None where the frame is no larger."""
    factor = LOW_PX / max(size)
    if factor >= 1:
        return None
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def in_crops(detector: Detector, bgr: NDArray[np.uint8], targets: Sequence[Target]) -> Detections:
    """Return the faces at some places of a frame, each searched for from close by.

    Args:
        detector: finds them.
        bgr: uint8 (height, width, 3), BGR.
        targets: where a face is expected.
    """
    found = [_in_crop(detector, bgr, target) for target in targets]
    faces = Detections.concatenate(found)
    faces = faces[np.argsort(-faces.scores, kind="stable")]
    return faces[suppress_overlaps(faces.xyxy_px, SAME_FACE)]


def _in_crop(detector: Detector, bgr: NDArray[np.uint8], target: Target) -> Detections:
    """Return the face nearest to the middle of a target, or none."""
    box = target.box
    height, width = bgr.shape[:2]
    centre, side = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max())
    reach = max(CROP_PX / MOST_ENLARGED, CROP_SIDES * side) / 2
    left, top = (int(max(0, c - reach)) for c in centre)
    right, bottom = (int(min(e, c + reach)) for c, e in zip(centre, (width, height), strict=True))
    if right - left < 8 or bottom - top < 8:
        return Detections.empty()
    crop = _at_crop_size(bgr[top:bottom, left:right])
    factor = np.array([(right - left) / crop.shape[1], (bottom - top) / crop.shape[0]], np.float32)
    faces = detector.detect(crop).scaled(factor).moved(left, top)
    if not len(faces):
        return faces
    apart = np.linalg.norm((faces.xyxy_px[:, :2] + faces.xyxy_px[:, 2:]) / 2 - centre, axis=1)
    nearest = int(np.argmin(apart))
    return faces[[nearest]] if apart[nearest] <= target.near * side else Detections.empty()


def _at_crop_size(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture `CROP_PX` wide or high, shrunk in two steps: whole factors are cheap."""
    height, width = crop.shape[:2]
    scale = min(CROP_PX / max(height, width), MOST_ENLARGED)
    size = round(width * scale), round(height * scale)
    if scale >= 1:
        return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    whole = int(1 / scale)
    if whole > 1:
        crop = crop[: height // whole * whole, : width // whole * whole]
        step = crop.shape[1] // whole, crop.shape[0] // whole
        crop = np.asarray(cv2.resize(crop, step, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)


def with_new(close: Detections, new: Detections) -> Detections:
    """Return faces that were expected, and those of others that are none of them."""
    faces = Detections.concatenate([close, new])
    return faces[suppress_overlaps(faces.xyxy_px, SAME_FACE)] if len(new) else close


def is_close_up(low: Detections, factor: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which faces a low-resolution pass shows as large as a crop would, bool (n,).

    Args:
        low: in pixels of the frame.
        factor: float32 (2,), pixels of the frame for each of the pass.
    """
    sides = (low.xyxy_px[:, 2:] - low.xyxy_px[:, :2]) / factor
    return np.asarray(sides.max(axis=1, initial=0) >= CROP_PX / CROP_SIDES)


def merged(low: Detections, close_up: NDArray[np.bool_], close: Detections) -> Found:
    """Return the faces of a low-resolution pass, with those seen from close by in their place.

    Args:
        low: of the pass.
        close_up: bool (n,), which of them no crop shows any better.
        close: of crops.
    """
    apart = [not (overlaps(box, close.xyxy_px) > SAME_FACE).any() for box in low.xyxy_px]
    kept = np.flatnonzero(apart)
    fine = np.concatenate([np.ones(len(close), bool), close_up[kept]])
    return Found(Detections.concatenate([close, low[kept]]), fine)
