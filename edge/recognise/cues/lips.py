"""Whose lips move: a voice is only taken to be of a face whose mouth changes while others' do not.

A tenth of a second lies between two pictures of a face, cut out by the same landmarks and laid on
each other by the eyes and the nose. What changes below the nose is compared with what changes above
it: in a face that turns, or in a noisy picture, both do; in one that speaks, the mouth does. This
is a gate, no proof: who chews moves the mouth, too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.align import align

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

LEAST_PX = 40.0
"""Lips of smaller faces are not looked at."""
APART_S, MOST_APART_S = 0.075, 0.16
"""Between the two pictures of a face."""
EVERY_S = 0.1
"""From one comparison to the next pair of pictures."""
OLD_S = 0.6
"""Landmarks are used this long."""
KEPT_S, AWAKE_S = 4.0, 3.0
LEAST_LOOKS = 5
"""So many comparisons tell whether lips move."""
MOVE, STILL = 1.6, 1.3
"""Median ratios from which lips move, and up to which they do not (docs/cues.md)."""
MOST_SHIFT_PX = 4.0
"""A face that moves further in its chip is not compared."""
FLAT = 0.5
"""Grey levels that are added below the line, or the ratio of two calm halves would be noise."""
UPPER, MOUTH = (slice(30, 78), slice(24, 88)), (slice(78, 108), slice(34, 78))


def mouth_motion(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float | None:
    """Return how much more the mouth changes than the rest of a face; None where it moves too far.

    Args:
        before: a chip, uint8 (112, 112), grey.
        after: the same face a moment later, cut out in the same place.
    """
    first, second = (
        cv2.GaussianBlur(chip, (0, 0), 1.2).astype(np.float32) for chip in (before, after)
    )
    upper = [np.ascontiguousarray(chip[UPPER] - chip[UPPER].mean()) for chip in (first, second)]
    height, width = upper[0].shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(upper[0], upper[1], window)
    if max(abs(dx), abs(dy)) >= MOST_SHIFT_PX:
        return None
    back = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
    size = (second.shape[1], second.shape[0])
    second = np.asarray(cv2.warpAffine(second, back, size, borderMode=cv2.BORDER_REPLICATE))
    change = np.abs(first - second)
    return float(change[MOUTH].mean() / (change[UPPER].mean() + FLAT))


@dataclass(slots=True)
class _Lips:
    """One face: where its landmarks were, its last chip, and how its mouth moved since."""

    landmarks_px: NDArray[np.float32]
    found_s: float
    chip: NDArray[np.uint8] | None = None
    chip_s: float = float("-inf")
    looked_s: float = float("-inf")
    moved: deque[tuple[float, float]] = field(default_factory=deque)


class LipWatch:
    """Watches mouths while voices are heard; one thread uses it, and it costs nothing otherwise."""

    def __init__(self) -> None:
        self._faces: dict[int, _Lips] = {}
        self._until_s = float("-inf")

    def wake(self, pts_s: float) -> None:
        """Watch for a while from now on."""
        self._until_s = pts_s + AWAKE_S

    def found(self, faces: Mapping[int, NDArray[np.float32]], pts_s: float) -> None:
        """Take where faces were found.

        Args:
            faces: five landmarks in pixels of the picture, float32 (5, 2), by number of the track.
            pts_s: of the picture.
        """
        for number, landmarks_px in faces.items():
            lips = self._faces.setdefault(number, _Lips(landmarks_px, pts_s))
            lips.landmarks_px, lips.found_s = landmarks_px, pts_s
        for number in [n for n, lips in self._faces.items() if pts_s - lips.found_s > KEPT_S]:
            del self._faces[number]

    def look(self, pts_s: float, pixels: Callable[[], NDArray[np.uint8]]) -> None:
        """Look at the mouths in a picture.

        Args:
            pts_s: of the picture.
            pixels: gives it, uint8 (height, width, 3), BGR; asked only where there is a mouth to
                look at.
        """
        if pts_s > self._until_s:
            return
        once = cache(pixels)
        for lips in self._faces.values():
            if lips.chip is not None and not 0 <= pts_s - lips.chip_s <= MOST_APART_S:
                lips.chip = None
            if lips.chip is None:
                due = pts_s - lips.looked_s >= EVERY_S and 0 <= pts_s - lips.found_s <= OLD_S
                if due:
                    lips.chip, lips.chip_s = _chip(once(), lips.landmarks_px), pts_s
            elif pts_s - lips.chip_s >= APART_S:
                self._compare(lips, _chip(once(), lips.landmarks_px), pts_s)

    def motion(self, number: int, from_s: float, to_s: float) -> float | None:
        """Return how much a face's mouth moved between two times; None where nobody can tell."""
        lips = self._faces.get(number)
        seen = [one for at_s, one in lips.moved if from_s <= at_s <= to_s] if lips else []
        return float(np.median(seen)) if len(seen) >= LEAST_LOOKS else None

    def cut(self) -> None:
        """Forget all faces, as at a cut."""
        self._faces.clear()

    @staticmethod
    def _compare(lips: _Lips, chip: NDArray[np.uint8], pts_s: float) -> None:
        assert lips.chip is not None
        ratio = mouth_motion(lips.chip, chip)
        lips.chip, lips.looked_s = None, pts_s
        if ratio is not None:
            lips.moved.append((pts_s, ratio))
        while lips.moved and pts_s - lips.moved[0][0] > KEPT_S:
            lips.moved.popleft()


def _chip(bgr: NDArray[np.uint8], landmarks_px: NDArray[np.float32]) -> NDArray[np.uint8]:
    chip = align(bgr, landmarks_px[None])[0]
    return np.asarray(cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY), np.uint8)
