"""Shot cuts, frame by frame.

The measure is that of PySceneDetect's ContentDetector (mean absolute change of hue, saturation and
value between neighbours); the threshold adapts to the motion of the last frames, as its
AdaptiveDetector does, but without looking ahead: a live picture has no future. See ADR 4.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE_PX = (96, 54)
MIN_CHANGE = 12.0
"""Smaller changes are never a cut; the unit is that of 8-bit HSV."""
RATIO = 3.5
"""A cut changes the picture this many times as much as the frames before it did."""
WINDOW = 8
MIN_SHOT_FRAMES = 5
"""A photographer's flash is two changes, a whip pan many: no shot is shorter than this."""


class ShotDetector:
    """Tells at which frames a new shot begins."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._since_cut = MIN_SHOT_FRAMES

    def is_cut(self, bgr: NDArray[np.uint8]) -> bool:
        """Return whether this frame begins a new shot; the first frame does not.

        Args:
            bgr: uint8 (height, width, 3), BGR; the next frame in order.
        """
        hsv = _small_hsv(bgr)
        last, self._last = self._last, hsv
        if last is None:
            return False
        change = np.abs(hsv - last)
        change[..., 0] = np.minimum(change[..., 0], 180 - change[..., 0])
        # the hue of a dark or grey pixel is noise
        change[..., 0] *= np.minimum(hsv[..., 1], last[..., 1]) / 255
        amount = float(change.mean())
        usual = float(np.median(self._recent)) if self._recent else 0.0
        self._recent.append(amount)
        self._since_cut += 1
        if amount <= max(MIN_CHANGE, RATIO * usual) or self._since_cut < MIN_SHOT_FRAMES:
            return False
        self._since_cut = 0
        return True

    def reframe(self, bgr: NDArray[np.uint8]) -> None:
        """Take the frame of the last `is_cut` again, cropped differently: that is no cut."""
        self._last = _small_hsv(bgr)


def _small_hsv(bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    # sixteen samples for each small pixel: the mean of all costs twenty times as much
    double = (2 * SIZE_PX[0], 2 * SIZE_PX[1])
    sampled = cv2.resize(bgr, double, interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(sampled, SIZE_PX, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2HSV).astype(np.float32)
