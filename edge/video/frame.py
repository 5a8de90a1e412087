"""One picture of a source and when it belongs on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Picture(Protocol):
    """A decoded picture that has not been converted yet: what is dropped costs no conversion."""

    @property
    def pts_s(self) -> float:
        """As in `Frame`."""

    @property
    def index(self) -> int:
        """As in `Frame`."""

    @property
    def captured_ns(self) -> int:
        """As in `Frame`."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, as `Frame.bgr` would have them."""

    def to_frame(self) -> Frame:
        """Convert to BGR; from any one thread."""

    def scaled(self, size: tuple[int, int], *, sampled: bool = False) -> NDArray[np.uint8]:
        """Return the picture in another width and height, uint8 (height, width, 3), BGR.

        Args:
            size: smaller than the picture.
            sampled: by a few samples for each pixel; good enough to compare two pictures by.
        """


class Frame:
    """One decoded picture, converted to BGR when its pixels are first asked for.

    It is a `Picture` itself. One thread uses it.

    Args:
        pixels: uint8 (height, width, 3), BGR; or a picture that is converted when it is needed.
        pts_s: presentation time in seconds of the source's own clock, never falling.
        index: number of the frame in decoding order, from 0; gaps are frames that were dropped.
        captured_ns: `time.monotonic_ns()` when the frame was decoded.

    Attributes:
        size: width and height in pixels.
    """

    __slots__ = ("_bgr", "_picture", "captured_ns", "index", "pts_s", "size")

    def __init__(
        self, pixels: NDArray[np.uint8] | Picture, pts_s: float, index: int, captured_ns: int
    ) -> None:
        self.pts_s, self.index, self.captured_ns = pts_s, index, captured_ns
        self._bgr: NDArray[np.uint8] | None = None
        self._picture: Picture | None = None
        self.size: tuple[int, int]
        if isinstance(pixels, np.ndarray):
            self._bgr = pixels
            self.size = pixels.shape[1], pixels.shape[0]
        else:
            self._picture = pixels
            self.size = pixels.size

    @property
    def bgr(self) -> NDArray[np.uint8]:
        """The pixels: uint8 (height, width, 3), BGR, square, upright; not to be written to."""
        if self._bgr is None:
            assert self._picture is not None
            self._bgr = self._picture.to_frame().bgr
        return self._bgr

    def to_frame(self) -> Frame:
        """Return itself, as a `Picture` does."""
        return self

    def scaled(self, size: tuple[int, int], *, sampled: bool = False) -> NDArray[np.uint8]:
        """Return the picture in another size; see `Picture`."""
        if self._bgr is None:
            assert self._picture is not None
            return self._picture.scaled(size, sampled=sampled)
        way = cv2.INTER_LINEAR if sampled else cv2.INTER_AREA
        return np.asarray(cv2.resize(self._bgr, size, interpolation=way), np.uint8)

    def dated(self, captured_ns: int) -> Frame:
        """Return the same picture, captured at another time."""
        return Frame(self, self.pts_s, self.index, captured_ns)
