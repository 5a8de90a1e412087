"""What a source is, and how it is read; `edge.video.open` opens one by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from edge.video.frame import Frame, Picture

Backend = Literal["auto", "pyav", "gstreamer", "jetson"]


Side = Annotated[int, msgspec.Meta(ge=16, le=16384)]


class SourceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to read a source; the defaults are right for most.

    Attributes:
        backend: `auto` is PyAV, GStreamer for srt:// where PyAV has none, and jetson-utils for
            what only it can read (csi://).
        live: the newest frame matters most; None finds it out from the URI.
        threads: for decoding; 0 takes the machine's cores, four at most.
        open_timeout_s: a stream that gives no picture within this time after opening is missing.
        read_timeout_s: a live stream that is silent for this long counts as lost.
        rtsp_transport: `udp` has less delay, `tcp` passes firewalls and loses nothing.
        hwaccel: FFmpeg device to decode with (`cuda`, `vaapi`, …), `auto` for the first that can be
            opened, or None for software, which is taken too where none can. Not run on hardware.
        deinterlace: `auto` does it where the stream says that a frame is interlaced.
        tone_map: bring HDR (PQ, HLG) to the range that the face detector was made for.
        max_height: larger pictures are scaled down to this height while converting; 0 never.
        pixel_format: of a V4L2 device, `auto` picks the best that it offers.
        size: width and height asked of a V4L2 device or a screen; None takes what it has.
        fps: frame rate asked of a V4L2 device or a screen; None takes what it has.
        stream: number of the video stream to read, from 0; None takes the one that is marked as the
            default, else the largest.
        programme: number of the programme of a transport stream; None takes the first with a
            picture.
        subtitles: decode tracks of subtitles and CEA-608 captions too, where FFmpeg reads it.
        sound: decode the sound that belongs to the pictures, where FFmpeg reads the source.
        demuxer: further options, given to FFmpeg as they are.
    """

    backend: Backend = "auto"
    live: bool | None = None
    threads: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    open_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 10.0
    read_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 5.0
    rtsp_transport: Literal["tcp", "udp"] = "tcp"
    hwaccel: str | None = None
    deinterlace: Literal["auto", "on", "off"] = "auto"
    tone_map: bool = True
    max_height: Annotated[int, msgspec.Meta(ge=0, le=16384)] = 0
    pixel_format: Literal["auto", "uyvy", "yuyv", "nv12", "mjpeg", "bgr"] = "auto"
    size: tuple[Side, Side] | None = None
    fps: Annotated[float, msgspec.Meta(gt=0, le=1000)] | None = None
    stream: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    programme: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    subtitles: bool = False
    sound: bool = False
    demuxer: dict[str, str] = {}


DEFAULT_OPTIONS = SourceOptions()


class SubtitleLine(msgspec.Struct, frozen=True):
    """What a subtitle shows, and when, in the clock of the source's frames."""

    from_s: float
    to_s: float
    text: str


class SubtitlePicture(msgspec.Struct, frozen=True):
    """A subtitle that is a picture, and when it is shown, in the clock of the source's frames.

    Attributes:
        from_s, to_s: when.
        width, height: in pixels.
        grey: uint8 (height, width), letters bright on black; in bytes, so that two can be compared.
    """

    from_s: float
    to_s: float
    width: int
    height: int
    grey: bytes

    def __repr__(self) -> str:
        """Return it without its pixels."""
        return f"SubtitlePicture({self.from_s}, {self.to_s}, {self.width}x{self.height})"


SOUND_RATE = 16_000
"""Samples a second of `Sound`."""


class Sound(msgspec.Struct, frozen=True):
    """A piece of sound and when it begins, in the clock of the source's frames.

    Attributes:
        from_s: its first sample.
        samples: float32, one channel, 16 kHz, -1 to 1.
    """

    from_s: float
    samples: bytes


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
        eit: of a transport stream, the newest section about what is on, of each service.
        subtitles: the newest lines, where they are asked for.
        subtitle_pictures: the newest of those that are pictures (DVB).
        sound: the newest ten seconds, where it is asked for.
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
    eit: tuple[bytes, ...] = ()
    subtitles: tuple[SubtitleLine, ...] = ()
    subtitle_pictures: tuple[SubtitlePicture, ...] = ()
    sound: tuple[Sound, ...] = ()


class Pictures(Protocol):
    """What whoever looks at a source's pictures needs of it; see `Source`."""

    @property
    def live(self) -> bool:
        """The pictures come when they come: take the newest."""

    @property
    def still(self) -> bool:
        """Each picture stands for itself: no tracking from one to the next."""

    @property
    def stats(self) -> SourceStats:
        """What happened so far."""

    def pictures(self) -> Iterator[Picture]:
        """Iterate pictures that are converted only on demand."""


class Source(Pictures, Protocol):
    """Pictures in order; iterate once, then close it (it is its own context manager).

    `close` may be called from any thread: the iteration then ends as at the end of the stream.
    Errors while reading are `SourceError`; a live source that stops raises `SourceLostError`.
    """

    @property
    def uri(self) -> str:
        """Where the pictures come from, without a password."""

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
