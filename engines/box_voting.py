"""One face from all cells that saw it.

A detector's neighbouring cells each predict the face; suppression keeps the one with the best
score and drops the rest. Their scores lie within 0.002 of each other and their landmarks 4 % of the
distance between the eyes apart, so the least change of the picture, or of the arithmetic, makes
another cell win and the landmarks jump. The mean of all cells, weighted by score and overlap, does
not jump. After Zhou et al., "CAD: scale invariant framework for real-time object detection", 2017
("box voting").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engines.detections import Detections

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEMPERATURE = 0.1
"""A score lower by this weighs e times less."""
MIN_OVERLAP = 0.5
"""Cells whose box overlaps less than this with the winner's have no weight."""


def blend(found: Detections, kept: NDArray[np.intp]) -> Detections:
    """Return the kept faces, each with the weighted mean box and landmarks of its cells.

    Args:
        found: all cells' faces.
        kept: intp (k,), indices of those that suppression kept.
    """
    if not len(kept):
        return found[kept]
    winners, scores = found.xyxy_px[kept], found.scores[kept]
    overlap = _overlaps(winners.T[..., None], found.xyxy_px.T[:, None])
    closeness = np.clip((overlap - MIN_OVERLAP) / (1 - MIN_OVERLAP), 0, 1)
    closeness[np.arange(len(kept)), kept] = 1
    weights = closeness * np.exp(np.minimum(found.scores - scores[:, None], 0) / TEMPERATURE)
    weights /= weights.sum(axis=1, keepdims=True)
    landmarks = weights @ found.landmarks_px.reshape(-1, 10)
    return Detections(weights @ found.xyxy_px, scores, landmarks.reshape(-1, 5, 2))


def overlaps(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 (n,): intersection over union of a box (4,) with each of boxes (n, 4)."""
    return _overlaps(box, boxes.T)


def _overlaps(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same of left, top, right and bottom (4, ...), broadcast."""
    across = np.minimum(one[2], other[2]) - np.maximum(one[0], other[0])
    down = np.minimum(one[3], other[3]) - np.maximum(one[1], other[1])
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    areas = ((side[2] - side[0]) * (side[3] - side[1]) for side in (one, other))
    return np.asarray(shared / np.maximum(sum(areas) - shared, 1e-9), np.float32)
