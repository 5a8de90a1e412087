"""Files, streams and devices by FFmpeg's libraries, which the PyAV wheel carries."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
import av.logging
from av.codec.context import Flags

from edge.errors import SourceError, SourceLostError
from edge.video.convert import Converter, square_size
from edge.video.deinterlace import Deinterlacer
from edge.video.hardware import choose
from edge.video.pts import PtsNormaliser
from edge.video.source import SourceStats
from edge.video.sources.closing import Closing
from edge.video.sources.decoded import DecodedPicture
from edge.video.sources.eit_tap import EitTap
from edge.video.sources.pipe import Pipe, Readable
from edge.video.sources.pyav_address import address_of, explain
from edge.video.sources.pyav_streams import begin_of, choose_stream
from edge.video.sources.sound_tap import SoundTap
from edge.video.sources.subtitle_tap import SubtitleTap
from edge.video.sources.v4l2 import device_of
from edge.video.uri import is_path, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from edge.video.frame import Frame
    from edge.video.source import SourceOptions

log = logging.getLogger(__name__)

MAX_THREADS = 4
MAX_REFUSALS = 200
"""This many packets refused in a row mean that nothing more will come of this stream."""
SOUND_CLOCKS = frozenset({"mov", "mp4", "matroska", "webm", "avi"})
"""Containers with one time line from start to end: a long gap is a long picture, not a jump."""


class PyAVSource(Closing):
    """A video file, a stream, a capture device or the screen, read by PyAV.

    Only the thread that iterates touches FFmpeg; `close` from another one waits for nobody: it
    leaves the closing to the iteration, which ends after the packet at hand.

    Args:
        uri: a path or an address.
        options: how to read it.
        file: what `uri` was opened as, where it can be read once only.

    Raises:
        SourceError: it is missing, no video, or has no picture.
        SourceLostError: a stream that does not answer.
    """

    still = False

    def __init__(self, uri: str, options: SourceOptions, file: Readable | None = None) -> None:
        self.uri = without_password(uri)
        self._file = file
        self._options = options
        self._closing = threading.Event()
        self._native = threading.Lock()  # held while FFmpeg works
        self._seek_to_s: float | None = None
        self._counts = dict.fromkeys(("frames", "corrupt_packets", "corrupt_frames"), 0)
        self._size_changes = 0
        self._warnings: list[str] = []
        self._subtitles = SubtitleTap(wanted=options.subtitles)
        self._sound = SoundTap(wanted=options.sound)
        self._eit = EitTap(self._subtitles, self._sound)
        self._decoded_size = (0, 0)
        self._end_s = 0.0
        self._deinterlacer = None
        if options.deinterlace != "off":
            self._deinterlacer = Deinterlacer(always=options.deinterlace == "on")
        self._device = device_of(uri, options)
        self._begin: Path | bytes = b""
        try:
            self._container, address_live = self._open(uri)
        except SourceError:
            self._close_file()
            raise
        try:
            self._stream = self._choose_stream()
        except SourceError:
            self._container.close()
            self._close_file()
            raise
        self.live = address_live if options.live is None else options.live
        self._describe()

    def _open(self, uri: str) -> tuple[av.container.InputContainer, bool]:
        address = address_of(uri, self._options, piped=self._file is not None)
        if self._device is not None:
            address.options.update(self._device.settings)
        by_path = self._file is None and is_path(uri)
        self._begin = Path(uri) if by_path else begin_of(self._file, address, self._options)
        # FFmpeg's own messages say less than ours and would end up between them.
        av.logging.set_libav_level(av.logging.FATAL)
        timeout = (self._options.open_timeout_s, self._options.read_timeout_s)
        where: Any = address.url if self._file is None else self._file
        try:
            container: av.container.InputContainer = av.open(
                where,
                format=address.format,
                options=address.options,
                timeout=timeout if address.network else None,
                metadata_errors="replace",
                hwaccel=choose(self._options.hwaccel),
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise explain(error, self.uri, address, getattr(self._file, "head", b"")) from error
        # What has no end and no length comes as it happens: an HTTP stream, a live HLS.
        endless = address.network and container.duration is None
        return container, address.live or endless

    def _choose_stream(self) -> VideoStream:
        stream = choose_stream(self._container, self._options, self.uri, self._begin)
        context = stream.codec_context
        context.thread_count = self._options.threads or min(MAX_THREADS, os.cpu_count() or 1)
        return stream

    def _describe(self) -> None:
        stream, context = self._stream, self._stream.codec_context
        # Threads that each take a frame make the first one wait for the others.
        context.thread_type = "SLICE" if self.live else "AUTO"
        if self.live:
            context.flags |= Flags.low_delay
        self.fps: float | None = _fps(stream)
        self.duration_s: float | None = None if self.live else self._duration_s()
        self.frame_count: int | None = None if self.live else self._expected_frames()
        self.can_seek = not self.live and self.duration_s is not None and self._file is None
        self._aspect = _aspect(stream)
        width, height = stream.width, stream.height
        self.size = (0, 0)
        if width and height:
            self.size = square_size(width, height, self._aspect, self._options.max_height)
        self._converter = Converter(
            max_height=self._options.max_height, hdr_to_sdr=self._options.tone_map
        )
        self._subtitles.offset_s = self._sound.offset_s = -(self._origin_s() or 0.0)
        sound = bool(SOUND_CLOCKS & set(self._container.format.name.split(",")))
        self._normaliser = PtsNormaliser(
            step_s=1 / self.fps if self.fps else 0.04,
            origin_s=None if self.live else self._origin_s(),
            max_gap_s=math.inf if sound else 10.0,
        )

    def _duration_s(self) -> float | None:
        if self._container.duration is not None:
            return self._container.duration / av.time_base
        stream = self._stream
        if stream.duration is None or stream.time_base is None:
            return None
        return float(stream.duration * stream.time_base)

    def _expected_frames(self) -> int | None:
        if self._stream.frames:
            return self._stream.frames
        if self.duration_s is None or self.fps is None:
            return None
        return max(1, round(self.duration_s * self.fps))

    def _origin_s(self) -> float | None:
        """Return the raw time that a player shows as 0."""
        stream = self._stream
        if stream.start_time is None or stream.time_base is None:
            return None
        start_s = float(stream.start_time * stream.time_base)
        file_start_s = (self._container.start_time or 0) / av.time_base
        # Sound starts some milliseconds earlier in many files; only a real lead counts.
        return file_start_s if 0.05 < start_s - file_start_s < 10 else start_s

    @property
    def stats(self) -> SourceStats:
        """What happened so far."""
        return SourceStats(
            **self._counts,
            pts_jumps=self._normaliser.jumps,
            pts_missing=self._normaliser.missing,
            size_changes=self._size_changes,
            warnings=tuple(self._warnings),
            eit=self._eit.sections,
            subtitles=self._subtitles.lines,
            subtitle_pictures=self._subtitles.pictures,
            sound=self._sound.pieces,
        )

    def __iter__(self) -> Iterator[Frame]:
        """Iterate all frames, converted."""
        return (picture.to_frame() for picture in self.pictures())

    def pictures(self) -> Iterator[DecodedPicture]:
        """Iterate the decoder's frames; those that are not wanted need no conversion."""
        try:
            for decoded in self._decoded():
                picture = self._picture(decoded)
                self._counts["frames"] += 1
                yield picture
                del decoded, picture  # or the decoder has one buffer less while we wait
            self._judge_the_end()
        finally:
            self._close_container()

    def _picture(self, decoded: VideoFrame) -> DecodedPicture:
        size = (decoded.width, decoded.height)
        if size != self._decoded_size:
            self._size_changes += self._decoded_size != (0, 0)
            self._decoded_size = size
            self._aspect = _aspect(self._stream)
            upright = square_size(*size, self._aspect, self._options.max_height)
            self.size = upright[::-1] if decoded.rotation % 180 else upright
        raw_s = None if decoded.pts is None else decoded.time
        pts_s = self._normaliser.normalise(raw_s)
        self._end_s = pts_s
        if raw_s is not None:
            self._subtitles.offset_s = self._sound.offset_s = pts_s - raw_s
        self._subtitles.look(decoded)
        return DecodedPicture(
            pts_s=pts_s,
            index=self._counts["frames"],
            captured_ns=time.monotonic_ns(),
            decoded=decoded,
            aspect=self._aspect,
            converter=self._converter,
            size=self.size,
        )

    def _decoded(self) -> Iterator[VideoFrame]:
        packets = self._demux()
        while True:
            packet = self._guarded(packets)
            if packet is None:
                if self._deinterlacer is not None and not self._closing.is_set():
                    yield from self._deinterlacer.flush()
                return
            for frame in self._decode(packet):
                if frame.is_corrupt:
                    self._counts["corrupt_frames"] += 1
                elif not self._closing.is_set():
                    yield from self._whole(frame)
            if self._seek_to_s is not None:
                packets = self._seek_now()

    def _whole(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Make whole pictures of interlaced ones."""
        if self._deinterlacer is None:
            return iter((frame,))
        return self._deinterlacer.push(frame)

    def _demux(self) -> Iterator[Packet[VideoStream]]:
        return self._eit.demux(self._container, self._stream)

    def _guarded(self, packets: Iterator[Packet[VideoStream]]) -> Packet[VideoStream] | None:
        """Return the next packet, None at the end or when closed; skip what is broken."""
        for _ in range(MAX_REFUSALS):
            with self._native:
                if self._closing.is_set():
                    return None
                if self._device is not None:
                    self._device.watch()
                try:
                    return next(packets, None)
                except EOFError:
                    return None
                except av.error.InvalidDataError:
                    self._counts["corrupt_packets"] += 1
                except (av.error.FFmpegError, OSError) as error:
                    self._lost(error)
                    return None
            packets = self._demux()
        self._warnings.append(f"given up after {MAX_REFUSALS} broken packets in a row")
        return None

    def _lost(self, error: Exception) -> None:
        """Tell a stream that was lost from a file that ends early."""
        if self.live:
            silent = isinstance(error, (av.error.ExitError, TimeoutError))
            limit = f"no data for {self._options.read_timeout_s:g} s"
            found = limit if silent else f"the stream broke off ({_text(error)})"
            raise SourceLostError(self.uri, found) from error
        self._warnings.append(f"reading ended early: {_text(error)}")

    def _decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        with self._native:
            if self._closing.is_set():
                return []
            if packet.is_corrupt:
                self._counts["corrupt_packets"] += 1
            try:
                return self._stream.decode(packet)
            except EOFError:
                return []
            except (av.error.FFmpegError, ValueError) as error:
                log.debug("%s: packet skipped: %s", self.uri, error)
                self._counts["corrupt_packets"] += 1
                return []

    def _judge_the_end(self) -> None:
        if self._closing.is_set():
            return
        frames = self._counts["frames"]
        if isinstance(self._file, Pipe) and self._file.warning:
            self._warnings.append(self._file.warning)
        if self.live:
            raise SourceLostError(self.uri, f"the stream ended after {frames} frames")
        if not frames:
            broken = self._counts["corrupt_packets"] + self._counts["corrupt_frames"]
            found = f"not one of its {broken} pictures can be decoded" if broken else "no frames"
            remedy = "record it again"
            if self._file is not None:
                remedy = "give it as a file: some can only be read with their end at hand"
            raise SourceError(self.uri, found, "at least one picture", remedy)
        if self.duration_s and self._end_s < 0.97 * self.duration_s - 1:
            self._warnings.append(
                f"the pictures end at {self._end_s:.1f} s of {self.duration_s:.1f} s: "
                "the file is cut off or broken"
            )

    def seek(self, pts_s: float) -> None:
        """Go to the key frame at or before `pts_s` before the next frame is read."""
        if not self.can_seek:
            raise SourceError(self.uri, "a stream in which one cannot seek", "a file")
        self._seek_to_s = max(0.0, pts_s)

    def _seek_now(self) -> Iterator[Packet[VideoStream]]:
        target_s, self._seek_to_s = self._seek_to_s or 0.0, None
        raw_s = target_s + (self._origin_s() or 0.0)
        with self._native:
            if not self._closing.is_set():
                base = self._stream.time_base
                assert base is not None
                self._container.seek(int(raw_s / base), stream=self._stream)
                self._normaliser.sought()
                if self._deinterlacer is not None:
                    self._deinterlacer.reset()
        return self._demux()

    def close(self) -> None:
        """End the iteration and free the decoder."""
        self._closing.set()
        if isinstance(self._file, Pipe):
            self._file.cancel()
        self._close_container()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()

    def _close_container(self) -> None:
        # Where another thread is inside FFmpeg, that thread comes here when it is out again.
        self._closing.set()
        if self._native.acquire(blocking=False):
            try:
                self._container.close()
                self._close_file()
                if self._device is not None:
                    self._device.close()
            finally:
                self._native.release()


def _aspect(stream: VideoStream) -> Fraction | None:
    return stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio


def _fps(stream: VideoStream) -> float | None:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= 1000:
            return float(rate)
    return None


def _text(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
