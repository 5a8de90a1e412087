"""`open_source(uri)`: one way in for every kind of picture and video."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from edge.errors import BackendMissingError, SourceError, SourceMissingError
from edge.video.picture import PICTURE_SUFFIXES, looks_like_picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from edge.video.frame import Frame

Backend = Literal["auto", "pyav", "gstreamer", "jetson"]

LIVE_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "udp", "rtp", "srt", "tcp", "v4l2", "screen"})
LIVE_SCHEMES |= {"csi", "webrtc"}  # jetson-utils only


class SourceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to read a source; the defaults are right for most.

    Attributes:
        backend: `auto` is PyAV, GStreamer for srt:// where PyAV has none, and jetson-utils for
            what only it can read (csi://).
        live: the newest frame matters most; None finds it out from the URI.
        threads: for decoding; 0 takes the machine's cores, four at most.
        open_timeout_s: a stream that gives no picture for so long after opening counts as missing.
        read_timeout_s: a live stream that is silent for so long counts as lost.
        rtsp_transport: `udp` has less delay, `tcp` passes firewalls and loses nothing.
        hwaccel: name of an FFmpeg device (`cuda`, `vaapi`, `drm`, …) to decode with, or None.
        deinterlace: `auto` does it where the stream says that a frame is interlaced.
        tone_map: bring HDR (PQ, HLG) to the range that the face detector was made for.
        max_height: larger pictures are scaled down to this height while converting; 0 never.
        pixel_format: of a V4L2 device, `auto` picks the best that it offers.
        size: width and height asked of a V4L2 device or a screen; None takes what it has.
        fps: frame rate asked of a V4L2 device or a screen; None takes what it has.
        demuxer: further options, given to FFmpeg as they are.
    """

    backend: Backend = "auto"
    live: bool | None = None
    threads: int = 0
    open_timeout_s: float = 10.0
    read_timeout_s: float = 5.0
    rtsp_transport: Literal["tcp", "udp"] = "tcp"
    hwaccel: str | None = None
    deinterlace: Literal["auto", "on", "off"] = "auto"
    tone_map: bool = True
    max_height: int = 0
    pixel_format: Literal["auto", "uyvy", "yuyv", "nv12", "mjpeg", "bgr"] = "auto"
    size: tuple[int, int] | None = None
    fps: float | None = None
    demuxer: dict[str, str] = {}


DEFAULT_OPTIONS = SourceOptions()


class SourceStats(msgspec.Struct, frozen=True):
    """What happened while reading, counted since the source was opened.

    Attributes:
        frames: given to the consumer.
        dropped: decoded by a live source, and overtaken by newer ones before they were taken.
        corrupt_packets: skipped because the decoder or the demuxer refused them.
        corrupt_frames: decoded with errors and therefore skipped.
        pts_jumps: places where the clock jumped or wrapped and was mended.
        pts_missing: frames without a time stamp of their own.
        size_changes: changes of the picture's size in mid-stream.
        skipped_files: files of a folder that are no pictures or cannot be read.
        warnings: one sentence each, for the user.
    """

    frames: int = 0
    dropped: int = 0
    corrupt_packets: int = 0
    corrupt_frames: int = 0
    pts_jumps: int = 0
    pts_missing: int = 0
    size_changes: int = 0
    skipped_files: int = 0
    warnings: tuple[str, ...] = ()


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

    def to_frame(self) -> Frame:
        """Convert to BGR; call it once, from any one thread."""


class Source(Protocol):
    """Pictures in order; iterate once, then close it (it is its own context manager).

    `close` may be called from any thread: the iteration then ends as at the end of the stream.
    Errors while reading are `SourceError`; a live source that stops raises `SourceLostError`.
    """

    @property
    def uri(self) -> str:
        """Where the pictures come from, without a password."""

    @property
    def live(self) -> bool:
        """The pictures come when they come: take the newest."""

    @property
    def still(self) -> bool:
        """Each picture stands for itself: no tracking from one to the next."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first frame, as `Frame.bgr` will have them; (0, 0) unknown."""

    @property
    def fps(self) -> float | None:
        """Mean frame rate, None where it is unknown."""

    @property
    def duration_s(self) -> float | None:
        """Length, None where it is unknown."""

    @property
    def frame_count(self) -> int | None:
        """How many frames will come, as far as known; for a progress bar."""

    @property
    def can_seek(self) -> bool:
        """Whether `seek` works."""

    @property
    def stats(self) -> SourceStats:
        """What happened so far."""

    def pictures(self) -> Iterator[Picture]:
        """Iterate pictures that are converted only on demand."""

    def __iter__(self) -> Iterator[Frame]:
        """Iterate all frames, converted."""

    def seek(self, pts_s: float) -> None:
        """Go to the key frame at or before `pts_s`; only between two frames of the iteration."""

    def close(self) -> None:
        """End the iteration and free the decoder; again is harmless."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def without_password(uri: str) -> str:
    """Return the URI fit for logs: `rtsp://user:secret@host` becomes `rtsp://user:***@host`."""
    try:
        parts = urlsplit(uri)
        password = parts.password
    except ValueError:
        return uri
    if not password:
        return uri
    netloc = parts.netloc.replace(f":{password}@", ":***@")
    return urlunsplit(parts._replace(netloc=netloc))


def scheme_of(uri: str) -> str:
    """Return the URI's scheme in lower case; an empty string for a path."""
    scheme, colon, _ = uri.partition(":")
    # "C" in C:\film.mp4 and "12" in 12:30.mp4 are no schemes.
    return scheme.lower() if colon and len(scheme) > 1 and scheme[0].isalpha() else ""


def open_source(uri: str, *, options: SourceOptions = DEFAULT_OPTIONS) -> Source:
    """Open a picture, a folder of pictures, a video file, a stream, a capture device or the screen.

    Args:
        uri: a path, file://, http(s):// (a file or HLS), rtsp://, udp://, rtp://, srt://, rtmp://,
            v4l2:///dev/video0 (or /dev/video0), screen: (or screen::0.0).
        options: how to read it.

    Raises:
        SourceError: it cannot be read; the message says why and what to do.
    """
    scheme = scheme_of(uri)
    if scheme in {"", "file"}:
        return _open_path(Path(unquote(urlsplit(uri).path) if scheme else uri), options)
    if scheme not in LIVE_SCHEMES | {"http", "https"}:
        found = f"the scheme {scheme}:// is not known"
        known = "a path, http, https, " + ", ".join(sorted(LIVE_SCHEMES))
        raise SourceError(without_password(uri), found, known)
    return _open_stream(uri, options)


def _open_path(path: Path, options: SourceOptions) -> Source:
    from edge.video.sources.still import StillSource  # noqa: PLC0415

    shown = str(path)
    if path.is_dir():
        return StillSource(path)
    if path.is_char_device():
        return _open_stream(f"v4l2://{path}", options)
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError as error:
        raise SourceMissingError(shown, "no such file", remedy="check the path") from error
    except OSError as error:
        found = f"cannot be read ({error.strerror})"
        raise SourceError(shown, found, remedy="check its permissions") from error
    if not head:
        raise SourceError(shown, "an empty file", "a picture or a video")
    if looks_like_picture(head) or path.suffix.lower() in PICTURE_SUFFIXES:
        return StillSource(path)
    return _open_stream(shown, options)


def _open_stream(uri: str, options: SourceOptions) -> Source:
    """Open anything but still pictures with the backend that is asked for."""
    backend = options.backend
    scheme = scheme_of(uri)
    if backend == "auto":
        backend = "jetson" if scheme in {"csi", "webrtc"} else "pyav"
        if scheme == "srt":  # PyAV's wheels are built without it
            with suppress(BackendMissingError):
                return _open_stream(uri, msgspec.structs.replace(options, backend="pyav"))
            backend = "gstreamer"
    if backend == "gstreamer":
        from edge.video.sources.gstreamer import GStreamerSource  # noqa: PLC0415

        return GStreamerSource(uri, options)
    if backend == "jetson":
        from edge.video.sources.jetson import JetsonSource  # noqa: PLC0415

        return JetsonSource(uri, options)
    from edge.video.sources.pyav import PyAVSource  # noqa: PLC0415

    return PyAVSource(uri, options)
