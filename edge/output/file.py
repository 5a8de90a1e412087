"""Write frames to a video file, with their own times; the file is there whole or not at all."""

from __future__ import annotations

import contextlib
import logging
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
import cv2
import numpy as np

from edge.errors import EdgeError
from engines.files import draft_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray
    from typing_extensions import Self

log = logging.getLogger(__name__)

TIME_BASE = Fraction(1, 90_000)
SUFFIXES = (".mp4", ".mov", ".mkv")
COPIED_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
"""Codecs that MP4 and Matroska both hold; others are left out, with a warning."""


class VideoWriteError(EdgeError):
    """A video cannot be written as wanted; bad input, so `exit_code` is 2."""

    exit_code = 2


class VideoWriter:
    """Writes H.264. Use as a context manager.

    Leaving it normally, or by Ctrl-C, gives a playable file under the wanted name; leaving it by
    another error gives none, and a file that was there before is left untouched.

    Args:
        path: .mp4, .mov or .mkv.
        audio_from: a file whose first audio track is copied, as far as the frames reach.
        crf: x264's constant rate factor; 0 is lossless, 51 the worst.

    Raises:
        VideoWriteError: another suffix, or there is no such folder.
    """

    wanted = True
    """Whether anybody would see a frame; of a file, always."""

    def __init__(self, path: Path, *, audio_from: Path | None = None, crf: int = 20) -> None:
        if path.suffix.lower() not in SUFFIXES:
            raise VideoWriteError(
                f"{path}: suffix {path.suffix or 'missing'}, expected one of {', '.join(SUFFIXES)}"
            )
        if not path.parent.is_dir():
            raise VideoWriteError(f"{path}: there is no folder {path.parent}; make it first")
        self._path, self._crf = path, crf
        self.frames = 0
        self._last_pts = -1
        self._size = (0, 0)
        self._container: Any = None
        self._stream: Any = None
        self._audio = _AudioCopy(audio_from) if audio_from is not None else None
        self._temporary = draft_of(path)

    def write(self, bgr: NDArray[np.uint8], pts_s: float) -> None:
        """Add a frame.

        Args:
            bgr: uint8 (height, width, 3), BGR; another size than the first one's is letterboxed.
            pts_s: when it is shown, in seconds; must not fall.
        """
        if self._container is None:
            self._open(bgr)
        picture = av.VideoFrame.from_ndarray(fit(bgr, self._size), format="bgr24")
        picture.pts = self._last_pts = max(round(pts_s / TIME_BASE), self._last_pts + 1)
        picture.time_base = TIME_BASE
        self._container.mux(self._stream.encode(picture))
        self.frames += 1
        if self._audio is not None:
            self._audio.copy_until(float(self._last_pts * TIME_BASE), self._container)

    def close(self) -> None:
        """Finish the file and put it in its place; without a frame there is no file."""
        if self._container is None:
            self.discard()
            return
        try:
            self._container.mux(self._stream.encode(None))
            if self._audio is not None:
                self._audio.copy_until(float(self._last_pts * TIME_BASE), self._container)
            self._container.close()
        except BaseException:  # a full disk: a part of the film is useless
            self.discard()
            raise
        self._container = None
        self._close_audio()
        self._temporary.replace(self._path)

    def discard(self) -> None:
        """Leave nothing behind."""
        self._close_audio()
        self._temporary.unlink(missing_ok=True)  # first: closing writes, and may fail again
        container, self._container = self._container, None
        if container is not None:
            with contextlib.suppress(av.error.FFmpegError, OSError):
                container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None or issubclass(kind, KeyboardInterrupt):
            self.close()
        else:
            self.discard()

    def _open(self, bgr: NDArray[np.uint8]) -> None:
        height, width = bgr.shape[:2]
        # H.264 with 4:2:0 chroma has even sides.
        self._size = (width + width % 2, height + height % 2)
        options = {"movflags": "+faststart"} if self._temporary.suffix != ".mkv" else {}
        self._container = av.open(f"file:{self._temporary}", "w", options=options)
        self._stream = self._container.add_stream("libx264", rate=30)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = TIME_BASE
        self._stream.time_base = TIME_BASE
        self._stream.options = {"preset": "veryfast", "crf": str(self._crf)}
        if self._audio is not None and not self._audio.add_to(self._container):
            self._close_audio()

    def _close_audio(self) -> None:
        if self._audio is not None:
            self._audio.close()
            self._audio = None


class _AudioCopy:
    """Copies the packets of a file's first audio track, in step with the picture."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._source: Any = None
        self._stream: Any = None
        self._packets: Iterator[Any] = iter(())
        self._waiting: Any = None

    def add_to(self, container: Any) -> bool:
        """Add the track to a file that is being opened; return whether there is one to copy."""
        try:
            self._source = av.open(f"file:{self._path}")
        except (av.FFmpegError, OSError) as error:
            log.warning("%s: no sound can be copied (%s)", self._path, error)
            return False
        tracks = self._source.streams.audio
        if not tracks:
            return False
        if tracks[0].codec_context.name not in COPIED_AUDIO:
            log.warning("%s: sound in %s is left out", self._path, tracks[0].codec_context.name)
            return False
        self._stream = container.add_stream_from_template(tracks[0])
        self._packets = (p for p in self._source.demux(tracks[0]) if p.dts is not None)
        return True

    def copy_until(self, end_s: float, container: Any) -> None:
        """Write the packets that begin before `end_s`."""
        if self._stream is None:
            return
        while True:
            packet = self._waiting if self._waiting is not None else next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            if packet.dts * packet.time_base > end_s:
                self._waiting = packet
                return
            packet.stream = self._stream
            container.mux(packet)

    def close(self) -> None:
        """Close the source."""
        if self._source is not None:
            self._source.close()
            self._source = None


def fit(bgr: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the picture with exactly this width and height, letterboxed where it has to be."""
    width, height = size
    rows, cols = bgr.shape[:2]
    if not (width - 1 <= cols <= width and height - 1 <= rows <= height):
        scale = min(width / cols, height / rows)
        cols, rows = max(1, round(cols * scale)), max(1, round(rows * scale))
        bgr = np.asarray(cv2.resize(bgr, (cols, rows), interpolation=cv2.INTER_AREA), np.uint8)
        top, left = (height - rows) // 2, (width - cols) // 2
        canvas = np.zeros((height, width, 3), np.uint8)
        canvas[top : top + rows, left : left + cols] = bgr
        return canvas
    if (cols, rows) == size:
        return np.ascontiguousarray(bgr)
    # one row or column short of even: repeat the last, a black line would show
    return np.pad(bgr, ((0, height - rows), (0, width - cols), (0, 0)), mode="edge")
