"""Captions of what is read from start to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.captions.reading import EVERY_S, Captions, lower_part
from edge.captions.subtitles import Subtitles

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from edge.captions.reading import CaptionText
    from edge.recognise.cues.cue import CueBoard
    from edge.video.frame import Picture
    from edge.video.source import Pictures
    from engines.detector import Detector
    from gallery.search.search import Gallery


class FileCaptions:
    """Reads a frame a second, before it is recognised; every picture where each is its own.

    Args:
        captions: reads.
        every: each frame is a picture of its own.
        close: frees the reader.
        faces: how many faces a picture shows, uint8 (height, width, 3), BGR.
        subtitles: returns what the source's subtitles name since it was asked last.
    """

    def __init__(
        self,
        captions: Captions,
        faces: Callable[[NDArray[np.uint8]], int],
        subtitles: Callable[[], list[CaptionText]] = list,
        *,
        every: bool,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._captions, self._faces, self._every = captions, faces, every
        self._subtitles = subtitles
        self.close = close
        self._next_s = float("-inf")
        self.texts: list[CaptionText] = []

    def look(self, picture: Picture) -> None:
        """Take the next picture."""
        pts_s = picture.pts_s
        self.texts += self._subtitles()
        if not self._every and pts_s < self._next_s:
            return
        self._next_s = pts_s + EVERY_S
        bgr = picture.to_frame().bgr
        self.texts += self._captions.look(
            lower_part(bgr), pts_s, lambda: None if self._faces(bgr) else bgr
        )


def open_captions(
    board: CueBoard, gallery: Gallery, detector: Detector, source: Pictures
) -> FileCaptions | None:
    """Return what reads captions and hears subtitles, None where that cue is off.

    Raises:
        ModelMissingError: the reader's files are not in the cache and cannot be fetched.
    """
    if "text" not in board.kinds:
        return None
    from engines.text_reading.lines import TextModels, TextReader  # noqa: PLC0415 - loaded where text is read

    models = TextModels(threads=2)
    captions = Captions(TextReader(models), board, lambda: gallery)
    subtitles, drawn = Subtitles(board, lambda: gallery), TextReader(models)
    return FileCaptions(
        captions,
        lambda bgr: len(detector.detect(bgr)),
        lambda: [
            *subtitles.hear(source.stats.subtitles),
            *subtitles.see(source.stats.subtitle_pictures, lambda: drawn),
        ],
        every=source.still,
        close=models.close,
    )
