"""Turn a decoded frame of any pixel format into an upright BGR picture with square pixels."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from edge.video.tonemap import is_hdr, tone_map

if TYPE_CHECKING:
    from fractions import Fraction

    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
TURNS = {
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_CLOCKWISE,
}


def square_size(
    width: int, height: int, aspect: Fraction | None, max_height: int
) -> tuple[int, int]:
    """Return the size with square pixels: the height stays, up to `max_height` (0: any)."""
    # Values beyond this are broken headers, not pictures.
    ratio = float(aspect) if aspect and 0.2 <= aspect <= 5 else 1.0
    scale = min(1.0, max_height / height) if max_height else 1.0
    return max(1, round(width * ratio * scale)), max(1, round(height * scale))


MOST_SIZES = 8
"""Sizes converted to whose swscale contexts are kept: `run` has six."""


class Converter:
    """Converts with one swscale context for each size and way, kept: making one costs more."""

    def __init__(self, *, max_height: int = 0, hdr_to_sdr: bool = True, threads: int = 1) -> None:
        self._max_height = max_height
        self._hdr_to_sdr = hdr_to_sdr
        self._threads = threads
        self._reformatters: dict[tuple[tuple[int, int], Interpolation], VideoReformatter] = {}
        self._lock = threading.Lock()

    def to_bgr(self, frame: VideoFrame, aspect: Fraction | None) -> NDArray[np.uint8]:
        """Convert a frame whose pixels have the aspect ratio `aspect`; uint8 (height, width, 3)."""
        size = square_size(frame.width, frame.height, aspect, self._max_height)
        return self._converted(frame, size, Interpolation.BILINEAR)

    def scaled(
        self, frame: VideoFrame, size: tuple[int, int], *, sampled: bool = False
    ) -> NDArray[np.uint8]:
        """Convert a frame straight to a width and height, of the upright picture.

        Args:
            frame: as the decoder left it.
            size: wanted.
            sampled: by a few samples for each pixel, several times cheaper than their mean.
        """
        turned = size[::-1] if frame.rotation % 180 else size
        way = Interpolation.FAST_BILINEAR if sampled else Interpolation.AREA
        return self._converted(frame, turned, way)

    def _converted(
        self, frame: VideoFrame, size: tuple[int, int], way: Interpolation
    ) -> NDArray[np.uint8]:
        untagged_hd = frame.colorspace == UNSPECIFIED and frame.height >= 720
        key = size, way
        with self._lock:
            if key not in self._reformatters and len(self._reformatters) >= MOST_SIZES:
                self._reformatters.clear()
            converted = self._reformatters.setdefault(key, VideoReformatter()).reformat(
                frame,
                width=size[0],
                height=size[1],
                format="bgr24",
                src_colorspace=Colorspace.ITU709 if untagged_hd else None,
                dst_color_range=ColorRange.JPEG,
                interpolation=way,
                threads=self._threads,
            )
        bgr = np.asarray(converted.to_ndarray(), dtype=np.uint8)
        if self._hdr_to_sdr and is_hdr(frame.color_trc):
            bgr = tone_map(bgr, frame.color_trc, frame.color_primaries)
        turn = TURNS.get(frame.rotation % 360)
        return bgr if turn is None else np.asarray(cv2.rotate(bgr, turn), dtype=np.uint8)
