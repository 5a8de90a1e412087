"""The best views of one face in one shot, kept until the shot is over and then embedded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.align import TURNED_YAW, align, with_fine_landmarks
from engines.detections import Detections
from engines.quality import measure_quality

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from engines.pipeline import FacePipeline

SPACING_S = 0.15
"""Of two views closer in time the better one is kept: they tell the same."""
MAX_VIEWS = 10
EMBEDDED = 8
"""Views of a track that are embedded when its shot is over."""
ROOM_SIDES = 1.25
ROOM_PX = 256
"""What is kept of the picture around a turned face: so many sides to each hand of its middle, with
at most so many pixels a side."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A face that was cut out.

    Attributes:
        pts_s: when it was seen.
        chip: uint8 (112, 112, 3), BGR, aligned.
        quality: 0 to 1, its weight in a template.
        rank: its quality, less where the frame's border cuts it.
        yaw, sharpness: see `engines.quality`.
        again: cuts a turned face out by a second detector's landmarks, too; most views are never
            embedded, so it is asked only then.
    """

    pts_s: float
    chip: NDArray[np.uint8]
    quality: float
    rank: float
    yaw: float
    sharpness: float
    again: Callable[[], list[NDArray[np.uint8]]] | None = None

    def chips(self) -> NDArray[np.uint8]:
        """Return what is to be embedded, uint8 (1 or 2, 112, 112, 3), BGR; from any thread."""
        return np.stack([self.chip, *(self.again() if self.again is not None else [])])


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


def cut_out(
    pipeline: FacePipeline, bgr: NDArray[np.uint8], faces: Detections, pts_s: float
) -> list[View]:
    """Return a view of each face.

    Args:
        pipeline: the models.
        bgr: uint8 (height, width, 3), BGR.
        faces: in pixels of it, from a full-resolution pass.
        pts_s: when it is seen.
    """
    faces = with_fine_landmarks(pipeline.detector, bgr, faces)
    chips = align(bgr, faces.landmarks_px)
    quality = measure_quality(faces, chips)
    visible = visible_part(faces, bgr.shape[1], bgr.shape[0])
    turned = (quality.yaw >= TURNED_YAW) & pipeline.looks_twice
    return [
        View(
            pts_s,
            chips[i],
            float(quality.overall[i]),
            float(quality.overall[i] * visible[i] ** 2),
            float(quality.yaw[i]),
            float(quality.sharpness[i]),
            _again(pipeline, bgr, faces[[i]]) if turned[i] else None,
        )
        for i in range(len(faces))
    ]


def _again(
    pipeline: FacePipeline, bgr: NDArray[np.uint8], face: Detections
) -> Callable[[], list[NDArray[np.uint8]]]:
    """Keep what is around a face; return what cuts it out by the second detector."""
    box = face.xyxy_px[0]
    middle, reach = (box[:2] + box[2:]) / 2, ROOM_SIDES * float((box[2:] - box[:2]).max())
    limit = np.array(bgr.shape[1::-1])
    left, top = np.clip(np.floor(middle - reach), 0, limit - 1).astype(int).tolist()
    right, bottom = np.clip(np.ceil(middle + reach), (left + 1, top + 1), limit).astype(int)
    part = bgr[top:bottom, left:right]
    scale = min(1.0, ROOM_PX / max(part.shape[:2]))
    kept = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    shift = np.array([left, top], np.float32)
    moved = Detections(
        ((face.xyxy_px.reshape(-1, 2, 2) - shift) * scale).reshape(-1, 4).astype(np.float32),
        face.scores,
        ((face.landmarks_px - shift) * scale).astype(np.float32),
    )
    return partial(_second, pipeline, kept.astype(np.uint8, copy=False), moved)


def _second(
    pipeline: FacePipeline, bgr: NDArray[np.uint8], face: Detections
) -> list[NDArray[np.uint8]]:
    return [align(bgr, at[None])[0] for at in pipeline.second_px(bgr, face).values()]


def visible_part(faces: Detections, width: int, height: int) -> NDArray[np.float32]:
    """Return the share of each box that lies in the frame, float32 (n,)."""
    boxes = faces.xyxy_px
    inside = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    shown = (inside[:, 2:] - inside[:, :2]).prod(axis=1)
    return np.asarray(shown / np.maximum(area, 1), np.float32)
