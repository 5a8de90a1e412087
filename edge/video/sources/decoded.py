"""A picture as FFmpeg's decoder left it: converted when, and in the size in which, it is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.video.frame import Frame

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy as np
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from edge.video.convert import Converter


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """A frame as the decoder left it; it holds the decoder's buffer until it is let go."""

    pts_s: float
    index: int
    captured_ns: int
    decoded: VideoFrame
    aspect: Fraction | None
    converter: Converter
    size: tuple[int, int]

    def to_frame(self) -> Frame:
        """Convert to BGR."""
        bgr = self.converter.to_bgr(self.decoded, self.aspect)
        return Frame(bgr, self.pts_s, self.index, self.captured_ns)

    def scaled(self, size: tuple[int, int], *, sampled: bool = False) -> NDArray[np.uint8]:
        """Convert to BGR in another size; see `edge.video.frame.Picture`."""
        return self.converter.scaled(self.decoded, size, sampled=sampled)
