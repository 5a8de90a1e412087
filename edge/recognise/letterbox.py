"""Find the black bars of a film that is wider or narrower than the screen, and cut them off.

The detector then sees only the picture, and faces are as large as possible in its input.
`Bars` is a value: `bars.after(bgr)` returns the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.video.frame import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels; right and bottom are the first ones outside."""

BLACK = 28
"""The brightest that a bar may be: 16..235 video read as full range has 16, plus noise."""
LIT = 60  # a picture whose brightest pixel is below says nothing of its edges
STEP = 8  # one pixel in this many along an edge is looked at
TOLERANCE_PX = 2  # boxes that differ by less are the same, seen through noise
LEAST_PART = 0.5  # of the width or height must remain: more is a dark scene, not a bar
CONFIRM = 12  # this many checks in a row must agree before a bar is cut off


@dataclass(frozen=True, slots=True)
class Bars:
    """What is known of the bars up to a frame.

    Attributes:
        size: width and height of the frames; (0, 0) before the first.
        box: what is left of a frame without its bars.
        candidate: a smaller box that was seen last; cut off when it was seen often enough.
        seen: how often in a row the candidate was seen.
    """

    size: tuple[int, int] = (0, 0)
    box: Box = (0, 0, 0, 0)
    candidate: Box = (0, 0, 0, 0)
    seen: int = 0

    def after(self, bgr: NDArray[np.uint8]) -> Bars:
        """Return what is known after a frame, uint8 (height, width, 3).

        A picture in the bars (a menu, a subtitle, the next film) opens the box at once; cutting
        waits until CONFIRM checks agree. Dark frames change nothing. About every tenth frame is
        enough.
        """
        height, width = bgr.shape[:2]
        whole = (0, 0, width, height)
        known = self if self.size == (width, height) else Bars((width, height), whole, whole)
        lit = lit_box(bgr)
        if lit is None:
            return known
        if _sticks_out(lit, known.box):
            return replace(known, box=_around(lit, known.box), candidate=lit, seen=0)
        if not _same(lit, known.candidate):
            return replace(known, candidate=lit, seen=1)
        # The candidate grows to hold all that was seen: its edges flicker with the scene's.
        candidate = _around(lit, known.candidate)
        if known.seen + 1 < CONFIRM:
            return replace(known, candidate=candidate, seen=known.seen + 1)
        return replace(known, box=_credible(candidate, known), candidate=candidate, seen=CONFIRM)

    def crop(self, frame: Frame) -> Frame:
        """Return the frame without its bars: a view of the same pixels."""
        left, top, right, bottom = self.box
        width, height = frame.bgr.shape[1], frame.bgr.shape[0]
        if self.size != (width, height) or self.box == (0, 0, width, height):
            return frame
        part = frame.bgr[top:bottom, left:right]
        return Frame(part, frame.pts_s, frame.index, frame.captured_ns)


def lit_box(bgr: NDArray[np.uint8]) -> Box | None:
    """Return the smallest box around all that is not black, None for a dark frame."""
    if bgr.size == 0:
        return None
    # The plain bgr[:, ::STEP].max(axis=(1, 2)) takes 30 times as long.
    height, width = bgr.shape[:2]
    thin = cv2.resize(bgr, (max(1, width // STEP), height), interpolation=cv2.INTER_NEAREST)
    rows = thin.reshape(height, -1).max(axis=1)
    if rows.max() < LIT:
        return None
    lit_rows = np.flatnonzero(rows > BLACK)
    lit_columns = np.flatnonzero(bgr[::STEP].max(axis=0).max(axis=1) > BLACK)
    if not lit_columns.size:
        return None
    return (
        int(lit_columns[0]),
        int(lit_rows[0]),
        int(lit_columns[-1]) + 1,
        int(lit_rows[-1]) + 1,
    )


def _sticks_out(inner: Box, outer: Box) -> bool:
    return (
        inner[0] < outer[0] - TOLERANCE_PX
        or inner[1] < outer[1] - TOLERANCE_PX
        or inner[2] > outer[2] + TOLERANCE_PX
        or inner[3] > outer[3] + TOLERANCE_PX
    )


def _around(one: Box, other: Box) -> Box:
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def _same(one: Box, other: Box) -> bool:
    return all(abs(a - b) <= TOLERANCE_PX for a, b in zip(one, other, strict=True))


def _credible(box: Box, known: Bars) -> Box:
    """Take each pair of bars only where it leaves enough and both sides are alike.

    A film is centred; one dark side is a dark side.
    """
    width, height = known.size
    left, top, right, bottom = box
    sides = abs(left - (width - right)) <= max(2 * TOLERANCE_PX, 0.02 * width)
    ends = abs(top - (height - bottom)) <= max(2 * TOLERANCE_PX, 0.02 * height)
    if not sides or right - left < LEAST_PART * width:
        left, right = known.box[0], known.box[2]
    if not ends or bottom - top < LEAST_PART * height:
        top, bottom = known.box[1], known.box[3]
    return left, top, right, bottom
