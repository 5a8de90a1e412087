"""Small parts of the picture that have changed since they were last searched at full resolution.

A face of 20 pixels that comes into a picture is too small for a low-resolution pass, and the next
full-resolution pass may be a second away. It changes a few cells of the frame seen small, and only
these are searched again. Where much changes at once a camera moves or somebody walks. Of a camera
that pans what was known is moved along, and a face that has come is what that does not explain; the
full pass has to do for all else, and for what comes in over the border.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.offline.film.suspects import FAINT, with_second_look
from engines.detections import Detections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engines.detector import Detector

CELLS = (96, 54)
CHANGED = 14.0
"""Grey levels by which a cell differs when something has changed."""
SMALL_PART = 0.02
"""Where more of the frame has changed the camera may have panned."""
LARGEST_PART = 0.04
"""A larger part of the frame is left to the next full pass; a head of 60 pixels is half of it."""
MOST_PARTS = 5
"""Parts that are searched in one pass: those that were not since the last full one, the smallest
first."""
LEAST_CELLS = 2
"""A face of 20 pixels, with the head around it, changes more."""
AROUND = 1.0
"""What a known face changes, in units of its box on each side."""
REACH_PX = 48
"""A part is searched with this much around it."""
TRIED = 0.5
"""A part of which more was searched already has been; it is what moves over a camera's pan."""
STEPS = 20
"""Of finding how far a camera has panned."""
SMOOTH = 5
"""Cells over which pictures are smoothed for it."""
WHOLE = 0.99
"""A cell of which less was in the picture before the pan is not compared."""
UNEXPLAINED = 0.05
"""Where more than this part of the free cells differs after a pan, it was none."""
LEAST_PANNED = 0.15
"""Cells; a camera that has gone less far stands still: what is known stays as it was searched."""
MOST_PANNED = 0.2
"""A camera that has gone further since the last pass, in parts of the frame, is not followed."""


class News:
    """What has changed; `searched` and `parts` tell it what has been seen."""

    def __init__(self) -> None:
        self._known: NDArray[np.float32] | None = None
        self._last: NDArray[np.float32] | None = None
        self._under = np.zeros(CELLS[::-1], np.bool_)
        self._tried = np.zeros(CELLS[::-1], np.bool_)

    def searched(
        self, small: NDArray[np.uint8], faces: NDArray[np.float32], size: tuple[int, int]
    ) -> None:
        """Take that the whole frame was searched at full resolution.

        Args:
            small: uint8 (h, w, 3), the frame scaled down.
            faces: float32 (n, 4), pixels of the frame: what was found.
            size: width and height of the frame.
        """
        self._known = self._last = _cells(small)
        self._under = ~_free_of(faces, size)
        self._tried = np.zeros(CELLS[::-1], np.bool_)

    def parts(
        self,
        small: NDArray[np.uint8],
        faces: NDArray[np.float32],
        size: tuple[int, int],
    ) -> list[tuple[int, int, int, int]]:
        """Return what to search: left, top, right, bottom in pixels; it counts as seen from now on.

        Args:
            small: as for `searched`.
            faces: float32 (n, 4), pixels of the frame: where faces are known to be.
            size: width and height of the frame.
        """
        now = _cells(small)
        if self._known is None or self._last is None:
            return []
        last, self._last = self._last, now
        free = _free_of(faces, size)
        if (np.abs(now - self._known) >= CHANGED).mean() > SMALL_PART:
            self._known = _panned(self._known, last, now, free)
        changed = (np.abs(now - self._known) >= CHANGED) & free
        left = changed & self._under  # what a face has uncovered that was here and went away
        self._known, self._under = np.where(left, now, self._known), self._under & ~left
        few = sorted(_together(changed & ~left), key=self._order)[:MOST_PARTS]
        for x, y, w, h in few:
            self._known[y : y + h, x : x + w] = now[y : y + h, x : x + w]
            self._tried[y : y + h, x : x + w] = True
        return [_in_frame(s, size) for s in few]

    def _order(self, cells: Sequence[int]) -> tuple[bool, int]:
        x, y, w, h = cells
        return bool(self._tried[y : y + h, x : x + w].mean() > TRIED), w * h


def in_parts(
    detector: Detector, bgr: NDArray[np.uint8], parts: Sequence[tuple[int, int, int, int]]
) -> Detections:
    """Return the faces in parts of a frame, uint8 (height, width, 3), BGR, in its pixels."""
    found = Detections.concatenate(
        [
            detector.detect(bgr[top:bottom, left:right], min_score=FAINT).moved(left, top)
            for left, top, right, bottom in parts
        ]
    )
    return with_second_look(detector, bgr, found)


def _together(changed: NDArray[np.bool_]) -> list[list[int]]:
    """Return the parts that have changed and are not too large: left, top, width, height, cells."""
    mask = changed.astype(np.uint8)
    if not mask.any():
        return []
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(mask, np.ones((3, 3))))
    cells = np.bincount(labels[changed], minlength=count)
    largest = LARGEST_PART * changed.size
    return [
        stats[i, :4].tolist()
        for i in range(1, count)
        if cells[i] >= LEAST_CELLS and stats[i, 2] * stats[i, 3] <= largest
    ]


def _free_of(faces: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the cells that no known face changes, bool (rows, columns)."""
    free = np.ones(CELLS[::-1], np.bool_)
    scale = np.array(CELLS, np.float32) / size
    for box in faces:
        around = AROUND * np.tile(box[2:] - box[:2], 2) * (-1, -1, 1, 1)
        left, top, right, bottom = np.floor((box + around) * np.tile(scale, 2)).astype(int)
        free[max(0, top) : bottom + 1, max(0, left) : right + 1] = False
    return free


def _panned(
    known: NDArray[np.float32],
    last: NDArray[np.float32],
    now: NDArray[np.float32],
    free: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Return what was known as a camera that only pans shows it now; as it is where it does more.

    Args:
        known: float32 (rows, columns), what was searched, as the last pass saw it.
        last: the same shape, the picture then.
        now: the same shape.
        free: bool, the same shape: where no known face is.
    """
    start = np.eye(2, 3, dtype=np.float32)
    ends = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, STEPS, 1e-3)
    try:
        _, pan = cv2.findTransformECC(
            now, last, start, cv2.MOTION_TRANSLATION, ends, free.astype(np.uint8), SMOOTH
        )
    except cv2.error:  # the pictures have nothing in common
        return known
    x, y = -float(pan[0, 2]), -float(pan[1, 2])
    far = max(abs(x) / CELLS[0], abs(y) / CELLS[1]) > MOST_PANNED
    if far or max(abs(x), abs(y)) < LEAST_PANNED:
        return known
    there = _moved(last, x, y)
    inside = (_moved(np.ones_like(last), x, y) > WHOLE) & free
    differs = (np.abs(now - there) >= CHANGED) & inside
    if differs.sum() > UNEXPLAINED * inside.sum():
        return known
    before = _moved(known, x, y)
    return np.where((np.abs(now - before) >= CHANGED) & inside, before, now)


def _moved(cells: NDArray[np.float32], x: float, y: float) -> NDArray[np.float32]:
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return np.asarray(cv2.warpAffine(cells, matrix, CELLS), np.float32)


def _in_frame(cells: Sequence[int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    (x, y, w, h), (width, height) = cells, size
    across, down = width / CELLS[0], height / CELLS[1]
    return (
        max(0, int(x * across) - REACH_PX),
        max(0, int(y * down) - REACH_PX),
        min(width, int((x + w) * across) + REACH_PX),
        min(height, int((y + h) * down) + REACH_PX),
    )


def _cells(small: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, CELLS, interpolation=cv2.INTER_AREA), np.float32)
