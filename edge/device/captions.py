"""Captions of a live picture, read in a thread of their own when the device has time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.captions.reading import EVERY_S, Captions, lower_part
from edge.recognise.cues.screen_texts import ScreenTexts
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from edge.captions.reading import LineReader
    from edge.recognise.cues.cue import CueBoard
    from edge.recognise.scene import Scene
    from edge.video.frame import Frame
    from gallery.search.search import Gallery


READ_PX = 1280
"""Long side at which text is read; captions were measured at 1280x720."""
NICENESS = 10
"""Of threads that read or listen beside the recogniser."""


@dataclass(frozen=True, slots=True)
class _Picture:
    part: NDArray[np.uint8]
    whole: NDArray[np.uint8] | None
    pts_s: float

    def credits(self) -> NDArray[np.uint8] | None:
        return self.whole


class CaptionWatch:
    """Takes one frame a second and reads it elsewhere; a `SceneSink`.

    A frame is left out while the last one is being read, and while load is shed: faces come first.
    `readings` counts those that were read.

    Args:
        board: takes the cues.
        gallery: returns the one in use.
        busy: whether the device has no time.
        on_read: told the seconds that a reading took.
        reader: opens what reads, in the thread that uses it; None while there is nothing.
        texts: takes what looks like the names of people who are not enrolled.
    """

    def __init__(
        self,
        board: CueBoard,
        gallery: Callable[[], Gallery],
        busy: Callable[[], bool],
        on_read: Callable[[float], None],
        reader: Callable[[], LineReader | None],
        texts: ScreenTexts | None = None,
    ) -> None:
        self._texts = texts or ScreenTexts()
        self._board, self._gallery = board, gallery
        self._busy, self._on_read, self._reader = busy, on_read, reader
        self._next_s = float("-inf")
        self._picture: _Picture | None = None
        self._ready = threading.Event()
        self.readings = 0
        self._thread = Worker("captions", self._read_all, niceness=NICENESS)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; a reading that has begun is waited for a second."""
        self._thread.stopping()
        self._ready.set()
        self._thread.join(1)

    def take(self, frame: Frame, scene: Scene) -> None:
        """Take a frame, of which a copy is kept while it is read."""
        if frame.pts_s + EVERY_S < self._next_s - EVERY_S:  # the clock went back
            self._next_s = frame.pts_s
        if frame.pts_s < self._next_s or self._picture is not None or self._busy():
            return
        self._next_s = frame.pts_s + EVERY_S
        bgr = _legible(frame)
        self._picture = _Picture(lower_part(bgr), None if scene.faces else bgr, frame.pts_s)
        self._ready.set()

    def _read_all(self) -> None:
        captions: Captions | None = None
        while not self._thread.wait(0):
            self._ready.wait()
            self._ready.clear()
            picture = self._picture
            if picture is not None and not self._thread.wait(0):
                captions = captions or self._opened()
                if captions is not None:
                    begun = time.perf_counter()
                    captions.look(picture.part, picture.pts_s, picture.credits)
                    self._on_read(time.perf_counter() - begun)
                    self.readings = captions.readings
                    self._texts.put(picture.pts_s, captions.strangers)
            self._picture = None

    def _opened(self) -> Captions | None:
        reader = self._reader()
        return Captions(reader, self._board, self._gallery) if reader is not None else None


def _legible(frame: Frame) -> NDArray[np.uint8]:
    """Return a copy of a frame, no larger than text needs: uint8 (height, width, 3), BGR."""
    scale = READ_PX / max(frame.size)
    if scale >= 1:
        return frame.bgr.copy()
    return frame.scaled((round(frame.size[0] * scale), round(frame.size[1] * scale)))
