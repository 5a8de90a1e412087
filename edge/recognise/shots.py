"""What is seen of every picture, small: shot cuts, and the black bars around a film.

A picture's pixels are converted for this only, a few thousand of them; a pass of the detector gets
a part of the picture straight in the size that it needs.

Cuts are measured as by PySceneDetect's ContentDetector (mean absolute change of hue, saturation and
value between neighbours); the threshold adapts to the motion of the last frames, as its
AdaptiveDetector does, but without looking ahead: a live picture has no future. See ADR 4.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.recognise.letterbox import Bars

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.recognise.letterbox import Box
    from edge.video.frame import Picture

SIZE_PX = (96, 54)
MIN_CHANGE = 12.0
"""Smaller changes are never a cut; the unit is that of 8-bit HSV."""
RATIO = 3.5
"""A cut changes the picture this many times as much as the frames before it did."""
WINDOW = 8
MIN_SHOT_FRAMES = 5
"""A photographer's flash is two changes, a whip pan many: no shot is shorter than this."""

COARSE_PX = (24, 14)
"""In cells so large a moving edge changes little, and a dissolve all the more."""
LINE_S, LEAST_LINE_S, HELD_S = 0.25, 0.2, 0.3
"""A dissolve is looked for in this much of the past, and holds this long after it was last seen."""
LEAST_CHANGE, MOST_BEND = 4.0, 0.25
"""In `LINE_S` a dissolve changes 8-bit cells by at least so much, and leaves a straight line by at
most this share of it. Of 75 pictures of a sitcom and a concert without dissolves in which a face
was missed none was such a one; of 19 of the demonstration's programme all but two were."""

SMALL_PX = (192, 108)
"""Each picture is seen at this size."""
BARS_PX = 960
"""Long side at which bars are looked for: they are then known to two pixels of 1080p."""
BARS_EVERY = 10
"""One picture in this many is searched for black bars."""


class ShotDetector:
    """Tells at which frames a new shot begins."""

    def __init__(self) -> None:
        self._last: NDArray[np.uint8] | None = None
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
        amount = _change(hsv, last)
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


class DissolveDetector:
    """Tells whether a picture is dissolving into another, or fading.

    Each cell then goes from one value to another in a straight line; where things move it does not.
    """

    def __init__(self) -> None:
        self._cells: deque[tuple[float, NDArray[np.float32]]] = deque()
        self._until_s = float("-inf")

    def take(self, small: NDArray[np.uint8], pts_s: float, *, cut: bool) -> bool:
        """Take the next picture; return whether it is, or a moment ago was, in a dissolve.

        Args:
            small: uint8 (height, width, 3).
            pts_s: of the picture.
            cut: it begins a new shot.
        """
        if cut or (self._cells and pts_s <= self._cells[-1][0]):
            self._cells.clear()
            self._until_s = float("-inf")
        cells = cv2.resize(small, COARSE_PX, interpolation=cv2.INTER_AREA).astype(np.float32)
        self._cells.append((pts_s, cells))
        while pts_s - self._cells[0][0] > LINE_S:
            self._cells.popleft()
        if self._is_line(pts_s, cells):
            self._until_s = pts_s + HELD_S
        return pts_s <= self._until_s

    def _is_line(self, pts_s: float, cells: NDArray[np.float32]) -> bool:
        first_s, first = self._cells[0]
        if pts_s - first_s < LEAST_LINE_S or len(self._cells) < 3:
            return False
        middle_s, middle = min(self._cells, key=lambda one: abs(2 * one[0] - first_s - pts_s))
        change = cells - first
        straight = first + change * ((middle_s - first_s) / (pts_s - first_s))
        amount = float(np.abs(change).mean())
        bend = float(np.abs(middle - straight).mean())
        return amount > LEAST_CHANGE and bend < MOST_BEND * amount


def _change(hsv: NDArray[np.uint8], last: NDArray[np.uint8]) -> float:
    """Return by how much two pictures of one size differ on average, in 8-bit HSV."""
    change = cv2.absdiff(hsv, last)
    hue = np.minimum(change[..., 0], 180 - change[..., 0])
    # the hue of a dark or grey pixel is noise
    weight = np.minimum(hsv[..., 1], last[..., 1])
    hues = float(np.dot(hue.ravel().astype(np.float32), weight.ravel().astype(np.float32)))
    _, saturation, value, _ = cv2.sumElems(change)
    return (hues / 255 + saturation + value) / change.size


def _small_hsv(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # sixteen samples for each small pixel: the mean of all costs twenty times as much
    double = (2 * SIZE_PX[0], 2 * SIZE_PX[1])
    sampled = cv2.resize(bgr, double, interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(sampled, SIZE_PX, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2HSV), np.uint8)


class SmallLook:
    """Looks at each picture of a source in order.

    Attributes:
        dissolves: the last picture is, or a moment ago was, in a dissolve.
    """

    def __init__(self) -> None:
        self._cuts, self._bars = ShotDetector(), Bars()
        self._dissolve, self.dissolves = DissolveDetector(), False
        self._size, self._taken = (0, 0), 0

    def is_cut(self, picture: Picture, small: NDArray[np.uint8]) -> bool:
        """Take the next picture; return whether it begins a new shot.

        Args:
            picture: asked for its bars, now and then.
            small: uint8, the picture in `SMALL_PX`, BGR.
        """
        cut = self._cuts.is_cut(self._between_bars(small))
        self.dissolves = self._dissolve.take(small, picture.pts_s, cut=cut)
        self._taken += 1
        if self._size != picture.size or self._taken % BARS_EVERY == 0:
            self._size = picture.size
            before, self._bars = self._bars, self._bars.after(_for_bars(picture))
            if self._bars.box != before.box:
                self._cuts.reframe(self._between_bars(small))
        return cut

    def box_in(self, size: tuple[int, int]) -> Box:
        """Return what lies between the bars, of a picture of this width and height."""
        width, height = self._bars.size
        if not width:
            return 0, 0, *size
        x, y = size[0] / width, size[1] / height
        left, top, right, bottom = self._bars.box
        return round(left * x), round(top * y), round(right * x), round(bottom * y)

    def longest_px(self, picture: Picture) -> int:
        """Return the longer side of what lies between the bars."""
        left, top, right, bottom = self.box_in(picture.size)
        return max(right - left, bottom - top)

    def view(
        self, picture: Picture, long_side_px: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], tuple[int, int]]:
        """Return what lies between the bars, no larger than is wanted.

        Args:
            picture: converted only as far as it is needed.
            long_side_px: of the result, at most.

        Returns:
            uint8 (h, w, 3), BGR; float32 (2,), pixels of the picture for each of its own in x and
            y; left and top of it in the picture.
        """
        left, top, right, bottom = self.box_in(picture.size)
        longest = max(right - left, bottom - top)
        if longest <= long_side_px:
            part = picture.to_frame().bgr[top:bottom, left:right]
            return part, np.ones(2, np.float32), (left, top)
        size = _shrunk(picture.size, long_side_px / longest)
        whole = picture.scaled(size)
        left, top, right, bottom = self.box_in(size)
        factor = np.divide(picture.size, size, dtype=np.float32)
        start = round(left * float(factor[0])), round(top * float(factor[1]))
        return whole[top:bottom, left:right], factor, start

    def _between_bars(self, small: NDArray[np.uint8]) -> NDArray[np.uint8]:
        left, top, right, bottom = self.box_in((small.shape[1], small.shape[0]))
        return small[top:bottom, left:right]


def _for_bars(picture: Picture) -> NDArray[np.uint8]:
    scale = BARS_PX / max(picture.size)
    if scale >= 1:
        return picture.to_frame().bgr
    return picture.scaled(_shrunk(picture.size, scale), sampled=True)


def _shrunk(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
