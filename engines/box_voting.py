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
    boxes = np.empty((len(kept), 4), np.float32)
    landmarks = np.empty((len(kept), 5, 2), np.float32)
    for row, index in enumerate(kept):
        overlap = overlaps(found.xyxy_px[index], found.xyxy_px)
        closeness = np.clip((overlap - MIN_OVERLAP) / (1 - MIN_OVERLAP), 0, 1)
        closeness[index] = 1
        gap = np.minimum(found.scores - found.scores[index], 0)
        weight = closeness * np.exp(gap / TEMPERATURE)
        weight /= weight.sum()
        boxes[row] = weight @ found.xyxy_px
        landmarks[row] = np.einsum("n,nkd->kd", weight, found.landmarks_px)
    return Detections(boxes, found.scores[kept], landmarks)


def overlaps(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 (n,): intersection over union of a box (4,) with each of boxes (n, 4)."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    union = areas + (box[2:] - box[:2]).prod() - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)
