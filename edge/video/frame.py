"""One picture of a source and when it belongs on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture.

    Attributes:
        bgr: uint8 (height, width, 3), BGR, square pixels, upright; not to be written to.
        pts_s: presentation time in seconds of the source's own clock, never falling.
        index: number of the frame in decoding order, from 0; gaps are frames that were dropped.
        captured_ns: `time.monotonic_ns()` when the frame was decoded.
    """

    bgr: NDArray[np.uint8]
    pts_s: float
    index: int
    captured_ns: int
