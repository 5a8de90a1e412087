"""The best views of one face in one shot, kept until the shot is over and then embedded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engines.align import align
from engines.quality import measure_quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engines.detections import Detections

SPACING_S = 0.15
"""Of two views closer in time the better one is kept: they tell the same."""
MAX_VIEWS = 10
EMBEDDED = 8
"""Views of a track that are embedded when its shot is over."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A face that was cut out.

    Attributes:
        pts_s: when it was seen.
        chip: uint8 (112, 112, 3), BGR, aligned.
        quality: 0 to 1, its weight in a template.
        rank: its quality, less where the frame's border cuts it.
        yaw, sharpness: see `engines.quality`.
    """

    pts_s: float
    chip: NDArray[np.uint8]
    quality: float
    rank: float
    yaw: float
    sharpness: float


class Views:
    """The best few views of a track."""

    def __init__(self) -> None:
        self._views: list[View] = []

    def __len__(self) -> int:
        return len(self._views)

    def is_due(self, pts_s: float) -> bool:
        """Return whether a further view would add something."""
        return not self._views or pts_s - self._views[-1].pts_s >= SPACING_S

    def add(self, view: View) -> None:
        """Take a view, later than all others."""
        if not self.is_due(view.pts_s):
            if view.rank > self._views[-1].rank:
                self._views[-1] = view
            return
        self._views.append(view)
        if len(self._views) > MAX_VIEWS:
            del self._views[min(range(MAX_VIEWS), key=lambda i: self._views[i].rank)]

    def best(self) -> list[View]:
        """Return the views to embed: the best of each quarter of its time, then the best others."""
        ranked = sorted(self._views, key=lambda view: -view.rank)
        if not ranked:
            return []
        begin_s = self._views[0].pts_s
        length_s = self._views[-1].pts_s - begin_s
        first: dict[int, View] = {}
        for view in ranked:
            first.setdefault(int(3.999 * (view.pts_s - begin_s) / max(length_s, 1e-9)), view)
        others = [view for view in ranked if view not in first.values()]
        return [*first.values(), *others][:EMBEDDED]


def cut_out(bgr: NDArray[np.uint8], faces: Detections, pts_s: float) -> list[View]:
    """Return a view of each face.

    Args:
        bgr: uint8 (height, width, 3), BGR.
        faces: in pixels of it, with landmarks from a full-resolution pass.
        pts_s: when it is seen.
    """
    chips = align(bgr, faces.landmarks_px)
    quality = measure_quality(faces, chips)
    visible = visible_part(faces, bgr.shape[1], bgr.shape[0])
    return [
        View(
            pts_s,
            chips[i],
            float(quality.overall[i]),
            float(quality.overall[i] * visible[i] ** 2),
            float(quality.yaw[i]),
            float(quality.sharpness[i]),
        )
        for i in range(len(faces))
    ]


def visible_part(faces: Detections, width: int, height: int) -> NDArray[np.float32]:
    """Return the share of each box that lies in the frame, float32 (n,)."""
    boxes = faces.xyxy_px
    inside = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    shown = (inside[:, 2:] - inside[:, :2]).prod(axis=1)
    return np.asarray(shown / np.maximum(area, 1), np.float32)
