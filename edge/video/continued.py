"""Pictures on a clock that goes on across connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.video.frame import Frame

if TYPE_CHECKING:
    from edge.video.source import Picture


@dataclass(frozen=True, slots=True)
class ContinuedPicture:
    """A picture on the reader's clock, which goes on across connections."""

    picture: Picture
    pts_s: float
    index: int

    @property
    def captured_ns(self) -> int:
        """As in `Frame`."""
        return self.picture.captured_ns

    def to_frame(self) -> Frame:
        """Convert to BGR."""
        frame = self.picture.to_frame()
        return Frame(frame.bgr, self.pts_s, self.index, frame.captured_ns)
