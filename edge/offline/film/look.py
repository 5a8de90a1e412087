"""What is seen of every picture of a film, small: whether it begins a new shot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.recognise.letterbox import Bars
from edge.recognise.shots import ShotDetector
from edge.video.frame import Frame
from edge.video.read_ahead import ReadAhead

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge.video.frame import Picture
    from edge.video.source import Source

SMALL_PX = (192, 108)
"""Each frame is seen at this size."""
BARS_EVERY = 10


class LookedPicture:
    """A picture that was looked at; a `Picture` itself.

    Args:
        picture: it.
        small: uint8 (h, w, 3), BGR, it in `SMALL_PX`.
        cut: it begins a new shot.
    """

    __slots__ = ("_picture", "captured_ns", "cut", "index", "pts_s", "size", "small")

    def __init__(self, picture: Picture, small: NDArray[np.uint8], *, cut: bool) -> None:
        self.pts_s, self.index = picture.pts_s, picture.index
        self.captured_ns, self.size = picture.captured_ns, picture.size
        self._picture, self.small, self.cut = picture, small, cut

    def to_frame(self) -> Frame:
        """Convert to BGR."""
        return self._picture.to_frame()

    def scaled(self, size: tuple[int, int], *, sampled: bool = False) -> NDArray[np.uint8]:
        """See `edge.video.frame.Picture`."""
        return self._picture.scaled(size, sampled=sampled)


def looked_ahead(source: Source) -> ReadAhead:
    """Return a film whose pictures a thread decodes and looks at, ahead of who takes them."""
    return ReadAhead(source, FilmLook().look)


class FilmLook:
    """Looks at each picture of a film in order; one thread does."""

    def __init__(self) -> None:
        self._cuts, self._bars = ShotDetector(), Bars()

    def look(self, picture: Picture) -> LookedPicture:
        """Look at the next picture; at one that was looked at already no more."""
        if isinstance(picture, LookedPicture):
            return picture
        small = picture.scaled(SMALL_PX, sampled=True)
        cut = self._cuts.is_cut(self._between_bars(picture, small))
        if picture.index % BARS_EVERY == 0:
            box, self._bars = self._bars.box, self._bars.after(small)
            if box != self._bars.box:
                self._cuts.reframe(self._between_bars(picture, small))
        return LookedPicture(picture, small, cut=cut)

    def _between_bars(self, picture: Picture, small: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return self._bars.crop(Frame(small, picture.pts_s, picture.index, 0)).bgr
