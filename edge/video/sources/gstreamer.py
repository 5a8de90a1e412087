"""The portable way on a Jetson: a GStreamer pipeline that ends in an appsink.

The same pipeline decodes with `nvv4l2decoder` where NVIDIA's plugins are and with libav's decoders
elsewhere. On a Jetson it has not been run: its branch is built to NVIDIA's documentation.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import math
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from edge.errors import BackendMissingError, SourceError, SourceLostError, SourceMissingError
from edge.video.frame import Frame
from edge.video.pts import PtsNormaliser
from edge.video.source import SourceStats
from edge.video.sources.closing import Closing
from edge.video.uri import LIVE_SCHEMES, scheme_of, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge.video.source import SourceOptions

log = logging.getLogger(__name__)

LATENCY_MS = 50  # a jitter buffer as short as a home network allows
BURST = 6
"""Decoded pictures that wait for the conversion: at 25 per second a stall of 0.2 s loses none."""
RTP_LATENCY_MS = 200  # transport streams come in bursts
POLL_NS = 100_000_000
REMEDY = (
    "apt-get install python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-bad gstreamer1.0-libav, then link "
    "/usr/lib/python3/dist-packages/gi into the environment's site-packages, "
    f"or {sys.executable} -m pip install PyGObject"
)


def load_gst(uri: str) -> Any:
    """Return GStreamer's module, initialised.

    Raises:
        BackendMissingError: PyGObject or GStreamer is not installed.
    """
    _let_cpp_throw()
    try:
        import gi  # noqa: PLC0415

        gi.require_version("Gst", "1.0")
        from gi.repository import Gst  # noqa: PLC0415
    except (ImportError, ValueError) as error:
        found = f"GStreamer's Python binding is not installed ({error})"
        raise BackendMissingError(uri, found, remedy=REMEDY) from error
    Gst.init(None)
    return Gst


def _let_cpp_throw() -> None:
    """Let C++ below GStreamer unwind its stack by the library that it was compiled for.

    PyGObject makes GStreamer's dependencies visible to all that is loaded later, libunwind among
    them, which then stands in for libgcc's unwinder; libstdc++ dies of it at the first exception.
    libsrt throws one whenever a stream is closed (Debian 12: libunwind 1.6, libsrt 1.5.1).
    """
    with contextlib.suppress(OSError):  # not glibc, or all is linked statically
        ctypes.CDLL("libgcc_s.so.1", mode=ctypes.RTLD_GLOBAL)


def describe(uri: str, options: SourceOptions, *, live: bool, nvidia: bool) -> str:
    """Return the pipeline for `Gst.parse_launch`; addresses are set later, never quoted here."""
    scheme = scheme_of(uri)
    video = 'caps="video/x-raw(ANY)" expose-all-streams=false'
    rtp = "application/x-rtp,media=video"
    mp2t = f"{rtp},clock-rate=90000,encoding-name=MP2T,payload=33"
    # Not drop-on-latency: a decoder that is held up for 50 ms would lose packets, and show smeared
    # pictures until the next key frame, which look like cuts. Whole pictures are dropped instead.
    jitter = f"latency={LATENCY_MS} drop-on-latency=false"
    head = {
        "rtsp": f"rtspsrc name=src {jitter} ! {rtp} ! decodebin {video}",
        "udp": f"udpsrc name=src buffer-size=2097152 ! decodebin {video}",
        "rtp": f'udpsrc name=src buffer-size=2097152 caps="{mp2t}" ! rtpjitterbuffer '
        f"latency={RTP_LATENCY_MS} ! rtpmp2tdepay ! decodebin {video}",
        "srt": f"srtsrc name=src latency={LATENCY_MS} ! decodebin {video}",
        "v4l2": f"v4l2src name=src {_raw_caps(options)}! decodebin {video}",
        "screen": f"ximagesrc name=src use-damage=false {_raw_caps(options)}",
    }.get(scheme.removesuffix("s") if scheme == "rtsps" else scheme)
    if head is None:
        head = f"uridecodebin name=src {video}"
    # The newest win already before the conversion, which costs more than the hand-over; they do so
    # in one place only, where they are counted.
    size, leaky = (BURST, " leaky=downstream") if live else (4, "")
    queue = f"queue name=hand max-size-buffers={size} max-size-bytes=0 max-size-time=0{leaky}"
    convert = "nvvidconv ! video/x-raw,format=BGRx ! videoconvert" if nvidia else "videoconvert"
    if options.deinterlace != "off" and not nvidia:
        mode = "interlaced" if options.deinterlace == "on" else "auto"
        convert = f"deinterlace mode={mode} fields=top ! {convert}"
    keep = f"max-buffers={1 if live else 4} drop=false"
    form = "video/x-raw,format=BGR,pixel-aspect-ratio=1/1"
    return (
        f"{head} ! {queue} ! {convert} ! videoscale ! {form} ! appsink name=sink sync=false {keep}"
    )


def _raw_caps(options: SourceOptions) -> str:
    parts = []
    if options.size:
        parts.append(f"width={options.size[0]},height={options.size[1]}")
    if options.fps:
        parts.append(f"framerate={round(options.fps * 1000)}/1000")
    return f"! video/x-raw,{','.join(parts)} " if parts else ""


class GStreamerSource(Closing):
    """A file, a stream or a device, read by GStreamer.

    Raises:
        BackendMissingError: GStreamer or one of its plug-ins is not installed.
        SourceError: it is missing, no video, or has no picture.
        SourceLostError: a stream that does not answer.
    """

    still = False

    def __init__(self, uri: str, options: SourceOptions) -> None:
        self.uri = without_password(uri)
        self._gst = load_gst(self.uri)
        scheme = scheme_of(uri)
        self.live = scheme in LIVE_SCHEMES if options.live is None else options.live
        self._options = options
        self._closing = threading.Event()
        self._native = threading.Lock()  # held while waiting for a frame, and while stopping
        self._stopped = False
        self._frames = 0
        self._size_changes = 0
        self._warnings: list[str] = []
        self.size = (0, 0)
        self.fps: float | None = None
        nvidia = self._gst.ElementFactory.find("nvvidconv") is not None
        launch = describe(uri, options, live=self.live, nvidia=nvidia)
        self._pipeline = self._build(launch)
        self._address(uri, scheme)
        self._sink = self._pipeline.get_by_name("sink")
        self._bus = self._pipeline.get_bus()
        self._pipeline.connect("deep-element-added", _tune)
        self._passed = {"sink": 0, "src": 0}
        self._hand = self._pipeline.get_by_name("hand")
        for pad in self._passed:
            self._hand.get_static_pad(pad).add_probe(
                self._gst.PadProbeType.BUFFER, _count, self._passed, pad
            )
        try:
            self._first = self._start()
        except SourceError:
            self.close()
            raise
        self.duration_s = None if self.live else self._query_duration_s()
        self.frame_count = self._expected_frames()
        self.can_seek = self.duration_s is not None
        self._normaliser = PtsNormaliser(
            step_s=1 / self.fps if self.fps else 0.04, max_gap_s=10.0 if self.live else math.inf
        )

    def _build(self, launch: str) -> Any:
        from gi.repository import GLib  # noqa: PLC0415

        log.debug("%s: %s", self.uri, launch)
        try:
            return self._gst.parse_launch(launch)
        except GLib.Error as error:
            raise BackendMissingError(
                self.uri, f"GStreamer: {error.message}", "", REMEDY
            ) from error

    def _address(self, uri: str, scheme: str) -> None:
        source = self._pipeline.get_by_name("src")
        rest = uri.partition(":")[2].removeprefix("//")
        if scheme in {"rtsp", "rtsps"}:
            source.set_property("location", uri)
            self._gst.util_set_object_arg(source, "protocols", self._options.rtsp_transport)
        elif scheme in {"udp", "rtp"}:
            parts = urlsplit(uri)
            source.set_property("address", (parts.hostname or "0.0.0.0").lstrip("@"))  # noqa: S104
            source.set_property("port", parts.port or 1234)
        elif scheme == "v4l2":
            source.set_property("device", rest)
        elif scheme == "screen":
            source.set_property("display-name", rest or os.environ.get("DISPLAY", ":0"))
        elif scheme == "srt":
            source.set_property("uri", uri)
        else:
            is_uri = scheme and self._gst.uri_is_valid(uri)
            source.set_property("uri", uri if is_uri else self._gst.filename_to_uri(uri))

    def _start(self) -> Any:
        """Start playing and return the first sample."""
        self._pipeline.set_state(self._gst.State.PLAYING)
        sample = self._next(self._options.open_timeout_s)
        if sample is None:
            raise SourceError(self.uri, "no frames", "at least one picture")
        form = sample.get_caps().get_structure(0)
        self.size = (form.get_value("width"), form.get_value("height"))
        found, above, below = form.get_fraction("framerate")
        self.fps = above / below if found and above and below else None
        return sample

    def _query_duration_s(self) -> float | None:
        known, duration_ns = self._pipeline.query_duration(self._gst.Format.TIME)
        return duration_ns / 1e9 if known and duration_ns > 0 else None

    def _expected_frames(self) -> int | None:
        return round(self.fps * self.duration_s) if self.fps and self.duration_s else None

    def _next(self, timeout_s: float) -> Any:
        """Return the next sample, None at the end or when closed."""
        deadline = time.monotonic() + timeout_s
        kinds = self._gst.MessageType.ERROR
        while not self._closing.is_set():
            sample = self._sink.emit("try-pull-sample", POLL_NS)
            if sample is not None:
                return sample
            if self._closing.is_set():
                return None
            message = self._bus.pop_filtered(kinds)
            if message is not None:
                self._broken(*message.parse_error())
                return None
            if self._sink.get_property("eos"):
                if self.live:
                    raise SourceLostError(self.uri, f"the stream ended after {self._frames} frames")
                return None
            if time.monotonic() > deadline:
                raise SourceLostError(self.uri, f"no data for {timeout_s:g} s")
        return None

    def _broken(self, error: Any, debug: str | None) -> None:
        log.debug("%s: %s: %s", self.uri, error.message, debug)
        if error.domain == "gst-core-error-quark":
            # It is the same error for a codec that is not installed and for a file of sound only.
            found = f"no picture in it that GStreamer can decode ({error.message})"
            raise BackendMissingError(self.uri, found, remedy=REMEDY)
        if self.live:
            raise SourceLostError(self.uri, f"the stream broke off ({error.message})")
        if self._frames:
            self._warnings.append(f"reading ended early: {error.message}")
            return
        if error.matches(self._gst.ResourceError.quark(), self._gst.ResourceError.NOT_FOUND):
            raise SourceMissingError(self.uri, "there is nothing at this address")
        raise SourceError(self.uri, f"no video that GStreamer can read ({error.message})")

    @property
    def stats(self) -> SourceStats:
        """What happened so far."""
        return SourceStats(
            frames=self._frames,
            dropped=self._dropped(),
            pts_jumps=self._normaliser.jumps,
            pts_missing=self._normaliser.missing,
            size_changes=self._size_changes,
            warnings=tuple(self._warnings),
        )

    def _dropped(self) -> int:
        """Return how many pictures left the queue for newer ones."""
        waiting = self._hand.get_property("current-level-buffers")
        return max(0, self._passed["sink"] - self._passed["src"] - waiting) if self.live else 0

    def __iter__(self) -> Iterator[Frame]:
        """Iterate frames; GStreamer has converted them, and each is a copy of its buffer."""
        sample, self._first = self._first, None
        try:
            while sample is not None:
                frame = self._frame(sample)
                self._frames += 1
                yield frame
                del frame
                with self._native:
                    sample = self._next(self._options.read_timeout_s)
        finally:
            self.close()

    def pictures(self) -> Iterator[Frame]:
        """Iterate frames, which GStreamer has converted already."""
        return iter(self)

    def _frame(self, sample: Any) -> Frame:
        form = sample.get_caps().get_structure(0)
        size = (form.get_value("width"), form.get_value("height"))
        self._size_changes += size != self.size
        self.size = size
        buffer = sample.get_buffer()
        raw_s = None if buffer.pts == self._gst.CLOCK_TIME_NONE else buffer.pts / 1e9
        pts_s = self._normaliser.normalise(raw_s)
        return Frame(self._copy(buffer, *size), pts_s, self._frames, time.monotonic_ns())

    def _copy(self, buffer: Any, width: int, height: int) -> NDArray[np.uint8]:
        mapped, info = buffer.map(self._gst.MapFlags.READ)
        if not mapped:
            raise SourceError(self.uri, "GStreamer does not hand out a frame's memory")
        try:
            flat = np.frombuffer(info.data, np.uint8)
            stride = -(-3 * width // 4) * 4  # GStreamer pads rows to 4 bytes
            rows = flat[: stride * height].reshape(height, stride)
            return rows[:, : 3 * width].reshape(height, width, 3).copy()
        finally:
            buffer.unmap(info)

    def seek(self, pts_s: float) -> None:
        """Go to the key frame at or before `pts_s`."""
        if not self.can_seek:
            raise SourceError(self.uri, "a stream in which one cannot seek", "a file")
        flags = self._gst.SeekFlags.FLUSH | self._gst.SeekFlags.KEY_UNIT
        flags |= self._gst.SeekFlags.SNAP_BEFORE
        self._pipeline.seek_simple(self._gst.Format.TIME, flags, round(max(0.0, pts_s) * 1e9))
        self._normaliser.sought()

    def close(self) -> None:
        """End the iteration and stop the pipeline.

        Two threads that stop a pipeline at once can wait for each other for ever, so where another
        thread is waiting for a frame, that thread stops it; it looks every 0.1 s.
        """
        self._closing.set()
        if self._native.acquire(blocking=False):
            try:
                if not self._stopped:
                    self._stopped = True
                    self._stop()
            finally:
                self._native.release()

    def _stop(self) -> None:
        """Stop the pipeline, but do not wait for more than a second.

        rtspsrc of GStreamer 1.22 takes 6 s and more to stop when its server has vanished: its
        jitter buffer waits for itself. The next connection must not wait for that.
        """
        stopping = threading.Thread(
            target=self._pipeline.set_state, args=(self._gst.State.NULL,), daemon=True
        )
        stopping.start()
        stopping.join(1.0)
        if stopping.is_alive():
            log.debug("%s: GStreamer is slow to stop; going on without it", self.uri)


def _tune(_pipeline: Any, _bin: Any, element: Any) -> None:
    """Set what makes a decoder fast, where it has it: names differ from release to release."""
    factory = element.get_factory()
    name = factory.get_name() if factory else ""
    if name == "nvv4l2decoder":
        wanted: dict[str, Any] = {"enable-max-performance": True}  # gone on Thor
    elif name.startswith("avdec_"):
        # One thread per frame would hold back as many frames as there are threads.
        wanted = {"max-threads": min(4, os.cpu_count() or 1), "thread-type": 2}
    else:
        return
    for key, value in wanted.items():
        if element.find_property(key) is not None:
            element.set_property(key, value)


def _count(_pad: Any, _info: Any, passed: dict[str, int], pad: str) -> int:
    """Count a buffer that passes a pad."""
    passed[pad] += 1
    return 1  # Gst.PadProbeReturn.OK
