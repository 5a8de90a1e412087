"""A full-resolution pass: the frame piece by piece, which costs less than at once.

What the network keeps of 1920x1080 pixels is larger than the caches of a processor; of a piece it
is not. Faces that the edges of pieces cut are those that the frame scaled down shows as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.offline.film.closer import LOW_PX, SAME_FACE, Target, in_crops
from edge.offline.film.suspects import FAINT, with_second_look
from engines.box_voting import overlaps
from engines.detections import Detections
from engines.detector import suppress_overlaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engines.detector import Detector

FULL_PX = 1920
"""Long side of a full-resolution pass: what is smaller than a face there is too small to name."""
TILE_PX = 720
"""Longest side of a piece; a frame up to twice as large in all is searched at once."""
OVERLAP_PX = 80
LARGE_PX = 60
"""A face whose longer side has this may be cut by the edge of each piece that shows it."""
EDGE_PX = 2


def everywhere(detector: Detector, bgr: NDArray[np.uint8]) -> Detections:
    """Return the faces of a frame at full resolution, best first.

    Args:
        detector: finds them.
        bgr: uint8 (height, width, 3), BGR.
    """
    height, width = bgr.shape[:2]
    shrink = min(1.0, FULL_PX / max(height, width))
    seen = bgr
    if shrink < 1:
        size = round(width * shrink), round(height * shrink)
        seen = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    if max(height, width) <= LOW_PX:
        return detector.detect(bgr)
    if seen.shape[0] * seen.shape[1] <= 2 * TILE_PX * TILE_PX:
        found = detector.detect(seen, min_score=FAINT)
    else:
        found = _in_tiles(detector, seen)
    found = with_second_look(detector, seen, found)
    factor = np.array([width / seen.shape[1], height / seen.shape[0]], np.float32)
    return found.scaled(factor)


def _in_tiles(detector: Detector, bgr: NDArray[np.uint8]) -> Detections:
    low = detector.detect(bgr, long_side_px=LOW_PX)
    longer = (low.xyxy_px[:, 2:] - low.xyxy_px[:, :2]).max(axis=1)
    large = in_crops(detector, bgr, [Target(box) for box in low[longer >= LARGE_PX].xyxy_px])
    height, width = bgr.shape[:2]
    parts = [
        _tile(detector, bgr, left, top, right, bottom)
        for top, bottom in _spans(height)
        for left, right in _spans(width)
    ]
    small = Detections.concatenate(parts)
    apart = [not (overlaps(box, large.xyxy_px) > SAME_FACE).any() for box in small.xyxy_px]
    found = Detections.concatenate([large, small[np.flatnonzero(apart)]])
    found = found[np.argsort(-found.scores, kind="stable")]
    return found[suppress_overlaps(found.xyxy_px, SAME_FACE)]


def _spans(length: int) -> list[tuple[int, int]]:
    """Return the begins and ends of pieces that cover a length, each overlapping the next."""
    count = math.ceil((length - OVERLAP_PX) / (TILE_PX - OVERLAP_PX))
    size = math.ceil((length + (count - 1) * OVERLAP_PX) / count)
    return [
        (begin, begin + size)
        for begin in (round(i * (length - size) / max(1, count - 1)) for i in range(count))
    ]


def _tile(
    detector: Detector, bgr: NDArray[np.uint8], left: int, top: int, right: int, bottom: int
) -> Detections:
    """Return the faces of a piece that its inner edges do not cut, in pixels of the frame."""
    height, width = bgr.shape[:2]
    found = detector.detect(bgr[top:bottom, left:right], min_score=FAINT).moved(left, top)
    inner = (left > 0, top > 0, right < width, bottom < height)
    room = np.abs(found.xyxy_px - np.array([left, top, right, bottom], np.float32)) >= EDGE_PX
    room &= np.sign(found.xyxy_px - (left, top, right, bottom)) == (1, 1, -1, -1)
    return found[np.flatnonzero((room | ~np.array(inner)).all(axis=1))]
