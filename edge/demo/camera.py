"""A film camera over a photograph: pans and zooms, grades, and where the faces come to lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Grade = Literal["plain", "night", "poor", "warm"]
NIGHT_GAIN_BGR = np.array([0.62, 0.5, 0.42], np.float32)
WARM_GAIN_BGR = np.array([0.88, 1.0, 1.06], np.float32)
POOR_HEIGHT_PX = 270


@dataclass(frozen=True, slots=True)
class View:
    """What the camera sees: centre and height of its window, as fractions of the photograph."""

    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Move:
    """A camera move over one photograph; it starts and ends softly."""

    portrait: str
    start: View
    end: View
    grade: Grade = "plain"
    mirror: bool = False


class Stage:
    """One photograph on a blurred, darkened copy of itself, ready to be filmed.

    Args:
        bgr: uint8 (height, width, 3), BGR.
        move: what the camera will do.
        size: width and height of the picture to be made, in pixels.
    """

    def __init__(self, bgr: NDArray[np.uint8], move: Move, size: tuple[int, int]) -> None:
        self._move, self._size = move, size
        self.height, self.width = bgr.shape[:2]
        if move.mirror:
            bgr = np.ascontiguousarray(bgr[:, ::-1])
        # The largest zoom decides how many pixels are needed; more would only alias.
        needed = size[1] / (self.height * min(move.start.height, move.end.height))
        self._scale = min(1.0, needed)
        wanted = round(self.width * self._scale), round(self.height * self._scale)
        self._picture = cv2.resize(bgr, wanted, interpolation=cv2.INTER_AREA)
        self._backdrop = _backdrop(bgr, size)

    def transform(self, t: float) -> NDArray[np.float64]:
        """Return float64 (2, 3): pixels of the photograph to pixels of the frame, t from 0 to 1."""
        s = t * t * (3 - 2 * t)
        a, b = self._move.start, self._move.end
        height = a.height * (b.height / a.height) ** s
        x, y = a.x + (b.x - a.x) * s, a.y + (b.y - a.y) * s
        if self._move.mirror:
            x = 1 - x
        zoom = self._size[1] / (height * self.height)
        shift_x = self._size[0] / 2 - zoom * x * self.width
        shift_y = self._size[1] / 2 - zoom * y * self.height
        return np.array([[zoom, 0, shift_x], [0, zoom, shift_y]])

    def frame(self, t: float) -> NDArray[np.uint8]:
        """Return the picture at t: uint8 (height, width, 3), BGR."""
        matrix = self.transform(t)
        matrix[:, :2] /= self._scale
        frame = self._backdrop.copy()
        cv2.warpAffine(
            self._picture,
            matrix,
            self._size,
            dst=frame,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_TRANSPARENT,
        )
        return grade(frame, self._move.grade)

    def box(
        self, t: float, box: tuple[float, float, float, float]
    ) -> tuple[float, float, float, float]:
        """Return where a box of the photograph (left, top, right, bottom) lies in the frame."""
        left, top, right, bottom = box
        if self._move.mirror:
            left, right = self.width - right, self.width - left
        matrix = self.transform(t)
        low = matrix @ (left, top, 1.0)
        high = matrix @ (right, bottom, 1.0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def grade(bgr: NDArray[np.uint8], kind: Grade) -> NDArray[np.uint8]:
    """Return the frame (BGR) as another camera would have taken it."""
    if kind == "plain":
        return bgr
    if kind == "poor":
        height, width = bgr.shape[:2]
        small = (round(POOR_HEIGHT_PX * width / height), POOR_HEIGHT_PX)
        soft = cv2.resize(bgr, small, interpolation=cv2.INTER_AREA)
        return _uint8(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR))
    gain = NIGHT_GAIN_BGR if kind == "night" else WARM_GAIN_BGR
    return _uint8(cv2.transform(bgr, np.diag(gain)))


def _backdrop(bgr: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the photograph blown up to cover `size`, blurred and darkened."""
    width, height = size
    small = width // 16, height // 16
    rows = max(1, round(bgr.shape[1] * height / width))
    top = max(0, (bgr.shape[0] - rows) // 3)
    cover = cv2.resize(bgr[top : top + rows], small, interpolation=cv2.INTER_AREA)
    cover = cv2.GaussianBlur(cover, (0, 0), 3)
    large = cv2.resize(cover, size, interpolation=cv2.INTER_CUBIC)
    return _uint8(cv2.convertScaleAbs(large, alpha=0.45))


def _uint8(picture: object) -> NDArray[np.uint8]:
    return np.asarray(picture, dtype=np.uint8)
