"""Detectors, and YuNet: faces and their five landmarks.

Wu, Peng, Yu: "YuNet: a tiny millisecond-level face detector", 2023. The decoding equals OpenCV's
FaceDetectorYN, which is the reference in the tests.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.box_voting import blend
from engines.detections import Detections
from engines.errors import ModelShapeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from engines.engine import Engine, Tensor

STRIDES_PX = (8, 16, 32)
PAD_PX = 32
"""The network halves its input five times, so each side is padded to a multiple of 32."""

TILED_FROM_PIXELS = 2_100_000
"""A picture of 1080p is searched as one."""
TILE_PX = 1280
TILE_OVERLAP_PX = 192
"""A face of this size is whole in some tile; larger ones are found at the pyramid's next size."""
TILE_MARGIN_PX = 2

PYRAMID_SIDES_PX = (1280, 320)
"""Further sizes at which a still picture is searched: YuNet sees faces of about 10 to 300 px."""


class Detector(ABC):
    """Finds faces in a BGR frame: what is the same whatever the network.

    Args:
        engine: the network, with dynamic height and width.
        min_score: faces below are dropped.
        max_overlap: of two boxes with a larger intersection over union the weaker is dropped.
        long_side_px: frames with a longer side are shrunk to it; 0 keeps the native size.
        max_faces: only this many are looked at, the best.
        blended: steady landmarks, the mean of all cells that saw a face; see
            `engines.box_voting`. Off, the result equals OpenCV's.
        sizes_px: width and height of the only inputs that the engine takes; frames are padded to
            the smallest that holds them, or shrunk to the one that keeps the most of them. Empty
            takes any size.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        min_score: float = 0.6,
        max_overlap: float = 0.3,
        long_side_px: int = 0,
        max_faces: int = 5000,
        blended: bool = False,
        sizes_px: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._engine = engine
        self._min_score = min_score
        self._max_overlap = max_overlap
        self.long_side_px = long_side_px
        self._max_faces = max_faces
        self._blended = blended
        self._sizes_px = tuple(sizes_px)

    @property
    def kind(self) -> str:
        """What runs the model."""
        return self._engine.kind

    def detect(
        self,
        bgr: NDArray[np.uint8],
        *,
        long_side_px: int | None = None,
        min_score: float | None = None,
    ) -> Detections:
        """Return the faces of a frame, best first.

        Args:
            bgr: uint8 (height, width, 3), BGR.
            long_side_px: another size for this frame only, as in the constructor.
            min_score: another bar for this frame only, as in the constructor.

        Raises:
            ModelShapeError: `bgr` is not a colour picture.
        """
        side_px = self.long_side_px if long_side_px is None else long_side_px
        found = self._raw(bgr, side_px, min_score)
        return self._suppress(found, blended=self._blended)

    def detect_pyramid(self, bgr: NDArray[np.uint8]) -> Detections:
        """Return the faces of a still picture of any size, from 10 px to the whole picture.

        The picture is searched at its own size and smaller ones; costs more than `detect`.
        """
        longest = max(bgr.shape[:2])
        levels = [self._raw(bgr, side) for side in PYRAMID_SIDES_PX if side < longest]
        found = Detections.concatenate([*self._native(bgr), *levels])
        # Cells of different scales do not blend: what steadies a video smears a still.
        return self._suppress(found, blended=False)

    def _native(self, bgr: NDArray[np.uint8]) -> Iterator[Detections]:
        """Search a picture at its own size; a large one in tiles, whose memory is bounded."""
        height, width = bgr.shape[:2]
        if height * width <= TILED_FROM_PIXELS or self._sizes_px:
            yield self._raw(bgr, 0)
            return
        for top in tile_starts(height):
            for left in tile_starts(width):
                tile = bgr[top : top + TILE_PX, left : left + TILE_PX]
                yield _placed(self._raw(tile, 0), (left, top), tile.shape[:2], (height, width))

    def _raw(
        self, bgr: NDArray[np.uint8], long_side_px: int, min_score: float | None = None
    ) -> Detections:
        if bgr.ndim != 3 or bgr.shape[2] != 3 or bgr.dtype != np.uint8 or not bgr.size:
            raise ModelShapeError(
                f"frame: {bgr.dtype} {list(bgr.shape)}, expected uint8 [height, width, 3] BGR"
            )
        height, width = bgr.shape[:2]
        scale = min(1.0, long_side_px / max(height, width)) if long_side_px else 1.0
        canvas_px = None
        if self._sizes_px:
            canvas_px = choose_canvas((round(width * scale), round(height * scale)), self._sizes_px)
            scale = min(scale, canvas_px[0] / width, canvas_px[1] / height)
        if scale < 1.0:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        found = self._find(
            to_input(bgr, canvas_px), self._min_score if min_score is None else min_score
        )
        if scale == 1.0:
            return found
        factor = np.array([width / bgr.shape[1], height / bgr.shape[0]], np.float32)
        return Detections(
            found.xyxy_px * np.tile(factor, 2), found.scores, found.landmarks_px * factor
        )

    @abstractmethod
    def _find(self, planes: Tensor, min_score: float) -> Detections:
        """Return all candidates of an input of `to_input` from a score on, in pixels of it."""

    def _suppress(self, found: Detections, *, blended: bool) -> Detections:
        if not len(found):
            return found
        order = np.argsort(-found.scores, kind="stable")[: self._max_faces]
        ordered = found[order]
        kept = suppress_overlaps(ordered.xyxy_px, self._max_overlap)
        return blend(ordered, kept) if blended else ordered[kept]


def tile_starts(length: int) -> list[int]:
    """Return where tiles begin that cover a length, each overlapping the next."""
    count = max(1, math.ceil((length - TILE_OVERLAP_PX) / (TILE_PX - TILE_OVERLAP_PX)))
    last = max(0, length - TILE_PX)
    return [round(i * last / max(1, count - 1)) for i in range(count)]


def _placed(
    found: Detections, start: tuple[int, int], tile: tuple[int, int], whole: tuple[int, int]
) -> Detections:
    """Return a tile's faces in pixels of the picture, without those that its edges cut.

    Args:
        found: in pixels of the tile.
        start: left and top of the tile.
        tile: its height and width.
        whole: the picture's height and width.
    """
    left, top = start
    low = np.array([left > 0, top > 0]) * float(TILE_MARGIN_PX)
    ends = (left + tile[1] < whole[1], top + tile[0] < whole[0])
    high = np.array([tile[1], tile[0]]) - np.array(ends) * float(TILE_MARGIN_PX)
    low[low == 0], high[~np.array(ends)] = -np.inf, np.inf
    boxes = found.xyxy_px
    inside = ((boxes[:, :2] >= low) & (boxes[:, 2:] <= high)).all(axis=1)
    kept = found[np.flatnonzero(inside)]
    shift = np.array(start, np.float32)
    return Detections(kept.xyxy_px + np.tile(shift, 2), kept.scores, kept.landmarks_px + shift)


class YunetDetector(Detector):
    """YuNet; its score is the geometric mean of class and object score."""

    def _find(self, planes: Tensor, min_score: float) -> Detections:
        outputs = self._engine.run({"input": planes})
        return decode(outputs, planes.shape[2], planes.shape[3], min_score)


def choose_canvas(size_px: tuple[int, int], sizes_px: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the smallest size that holds a picture whole, else the one that shrinks it least.

    Args:
        size_px: width and height of the picture.
        sizes_px: width and height of what there is to choose from.
    """
    whole = [s for s in sizes_px if s[0] >= size_px[0] and s[1] >= size_px[1]]
    if whole:
        return min(whole, key=lambda s: s[0] * s[1])
    return max(sizes_px, key=lambda s: min(s[0] / size_px[0], s[1] / size_px[1]))


def to_input(bgr: NDArray[np.uint8], canvas_px: tuple[int, int] | None = None) -> Tensor:
    """Return the picture as float32 (1, 3, height, width), padded with black at right and bottom.

    Args:
        bgr: uint8 (height, width, 3), BGR.
        canvas_px: width and height to pad to; without, the next multiples of 32.
    """
    height, width = bgr.shape[:2]
    columns, rows = canvas_px or (-(-width // PAD_PX) * PAD_PX, -(-height // PAD_PX) * PAD_PX)
    padded = np.zeros((1, 3, rows, columns), np.float32)
    padded[0, :, :height, :width] = bgr.transpose(2, 0, 1)
    return padded


def decode(outputs: Mapping[str, Tensor], height: int, width: int, min_score: float) -> Detections:
    """Turn the network's twelve outputs into boxes and landmarks in pixels of its input."""
    rows, cols = -(-height // PAD_PX) * PAD_PX, -(-width // PAD_PX) * PAD_PX
    cells, scores, boxes, points = [], [], [], []
    for stride in STRIDES_PX:
        keep, score = _sure(outputs, stride, min_score)
        count, expected = outputs[f"cls_{stride}"].shape[1], (rows // stride) * (cols // stride)
        if expected != count:
            raise ModelShapeError(
                f"detector output cls_{stride}: {count} cells, expected "
                f"{expected} for a {cols}x{rows} input"
            )
        if not len(keep):
            continue
        across = np.full(len(keep), stride)
        cells.append(np.stack([keep % (cols // stride), keep // (cols // stride), across]))
        scores.append(score)
        boxes.append(outputs[f"bbox_{stride}"][0, keep])
        points.append(outputs[f"kps_{stride}"][0, keep])
    if not cells:
        return Detections.empty()
    x, y, strides = np.concatenate(cells, axis=1)
    return _in_pixels(np.stack([x, y], axis=1), strides, scores, boxes, points)


def _sure(
    outputs: Mapping[str, Tensor], stride: int, min_score: float
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return which cells of a stride see a face, and their scores."""
    classes, objects = outputs[f"cls_{stride}"][0, :, 0], outputs[f"obj_{stride}"][0, :, 0]
    # a score is exact for the few cells only that may reach the bar
    may = np.flatnonzero(classes * objects >= 0.999 * min_score**2)
    score = np.sqrt(np.clip(classes[may], 0, 1) * np.clip(objects[may], 0, 1))
    sure = score >= min_score
    return may[sure], score[sure]


def _in_pixels(
    cells: NDArray[np.intp],
    strides: NDArray[np.intp],
    scores: Sequence[Tensor],
    boxes: Sequence[Tensor],
    points: Sequence[Tensor],
) -> Detections:
    """Return what some cells, intp (n, 2), have seen, their strides (n,) in pixels."""
    by, box = strides[:, None], np.concatenate(boxes)
    centre, size = (cells + box[:, :2]) * by, np.exp(box[:, 2:]) * by
    corner = centre - size / 2
    landmarks = (np.concatenate(points).reshape(-1, 5, 2) + cells[:, None]) * by[..., None]
    return Detections(
        np.concatenate([corner, corner + size], axis=1).astype(np.float32),
        np.concatenate(scores),
        landmarks.astype(np.float32),
    )


def suppress_overlaps(xyxy_px: NDArray[np.float32], max_overlap: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Args:
        xyxy_px: float32 (n, 4), best first.
        max_overlap: the largest intersection over union that two kept boxes may have.

    Returns:
        intp (k,), the indices to keep, ascending.
    """
    # OpenCV suppresses on boxes cut to whole pixels; so do we, to keep the same faces.
    left, top = np.trunc(xyxy_px[:, 0]), np.trunc(xyxy_px[:, 1])
    width = np.trunc(xyxy_px[:, 2] - xyxy_px[:, 0])
    height = np.trunc(xyxy_px[:, 3] - xyxy_px[:, 1])
    right, bottom, area = left + width, top + height, width * height
    rest = np.arange(len(xyxy_px))
    kept = []
    while len(rest):
        i, rest = rest[0], rest[1:]
        kept.append(i)
        across = np.minimum(right[i], right[rest]) - np.maximum(left[i], left[rest])
        down = np.minimum(bottom[i], bottom[rest]) - np.maximum(top[i], top[rest])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        union = np.maximum(area[i] + area[rest] - shared, 1e-9)
        rest = rest[shared / union <= max_overlap]
    return np.array(kept, dtype=np.intp)
