"""`bench live`: how old a scene is when the viewer's overlay has it, on a live 1080p25 stream.

A film is composed from another: its pictures at the size that is asked for, each with its number
drawn as black and white blocks along the top. A station of its own process sends it over UDP and
says when each picture went out; the number is read back from the very picture that a scene was made
of. So the delay counts what lies between sender and overlay: network, demultiplexer, decoder,
recogniser, WebSocket. The encoder is the broadcaster's and does not count.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av
import cv2
import msgspec
import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from edge.bench.press import Spread, await_frames, pass_time, spread
from edge.config import RunConfig, ServeConfig
from edge.device.app import App
from edge.errors import BackendMissingError, EdgeError
from edge.testbed.local_cloud import Child
from edge.video.open import open_source
from edge.video.source import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from edge.recognise.scene import Scene
    from edge.video.frame import Frame

LiveBackend = Literal["pyav", "gstreamer"]
FPS = 25
BITS = 12
FILM_S = 12
"""Longer than any delay, so that a picture's number says which sending it is from."""
SETTLE_S = 3.0
"""After the first scene: what was buffered while opening is gone by then."""


class LiveRow(msgspec.Struct, frozen=True):
    """One backend on the stream.

    Attributes:
        decode_to_scene_ms: from the decoded picture to its scene.
        glass_ms: from the packet that was sent to the scene at the overlay.
        sent: pictures sent meanwhile.
        recognised: of these, how many became scenes.
        dropped: overtaken by newer ones.
        named: share of the scenes with at least one name.
        faces: faces on a scene, on average.
        cpu_share: of all cores, without the sender.
        missing: why it did not run, or empty.
    """

    backend: str
    decode_to_scene_ms: Spread | None = None
    glass_ms: Spread | None = None
    sent: int = 0
    recognised: int = 0
    dropped: int = 0
    named: float = 0.0
    faces: float = 0.0
    cpu_share: float = 0.0
    missing: str = ""


class LiveBench(msgspec.Struct, frozen=True):
    """All backends, one after the other on the same stream."""

    width: int
    height: int
    seconds: float
    cores: int
    rows: tuple[LiveRow, ...]


def bench_live(
    film: str,
    gallery_dir: Path,
    seconds: float,
    *,
    size: tuple[int, int] = (1920, 1080),
    backends: tuple[LiveBackend, ...] = ("pyav", "gstreamer"),
    on_second: Callable[[], None] = lambda: None,
) -> LiveBench:
    """Measure; see the module.

    Raises:
        EdgeError: no scene came.
        SourceError: the film cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="tvradar-bench-") as folder:
        path = Path(folder) / "film.mp4"
        compose(film, path, size)
        rows = [_row(path, gallery_dir, backend, seconds, on_second) for backend in backends]
    return LiveBench(*size, seconds, os.cpu_count() or 1, tuple(rows))


def compose(film: str, path: Path, size: tuple[int, int]) -> None:
    """Write `FILM_S` of a film, again from its begin where it is shorter, with numbers."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        # No B-frames, a key frame each second: as encoders for live television are set.
        options = {"preset": "superfast", "tune": "zerolatency", "g": str(FPS), "bf": "0"}
        stream.codec_context.options = options
        for number, bgr in zip(range(FPS * FILM_S), _again(film), strict=False):
            scaled = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_LINEAR), np.uint8)
            paint_number(scaled, number)
            frame = av.VideoFrame.from_ndarray(scaled, format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _again(film: str) -> Iterator[NDArray[np.uint8]]:
    while True:
        with open_source(film, options=SourceOptions(live=False)) as source:
            for frame in source:
                yield frame.bgr


def paint_number(bgr: NDArray[np.uint8], number: int) -> None:
    """Draw a number as blocks along the top of a picture, uint8 (height, width, 3)."""
    side = _side(bgr)
    for bit in range(BITS):
        bgr[:side, bit * side : (bit + 1) * side] = 235 if number >> bit & 1 else 20


def read_number(bgr: NDArray[np.uint8]) -> int:
    """Return the number that `paint_number` drew."""
    side = _side(bgr)
    middle = bgr[side // 2, side // 2 : BITS * side : side].mean(axis=1)
    return sum(1 << bit for bit in range(BITS) if middle[bit] > 128)


def _side(bgr: NDArray[np.uint8]) -> int:
    return int(bgr.shape[1]) // (4 * BITS)


class _Sender:
    """The station, and when it sent which picture."""

    def __init__(self, film: Path) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.sent_s: dict[int, float] = {}
        self.sent = 0
        command = [sys.executable, "-m", "edge.bench.stream_sender", str(film), str(self.port)]
        self._child = Child(command, on_line=self._take)

    def close(self) -> None:
        """Stop sending."""
        self._child.close()

    def _take(self, line: bytes) -> None:
        number, sent_s = line.split()
        self.sent_s[int(number)] = float(sent_s)
        self.sent += 1


class _Watch:
    """What scenes were made of, and when the overlay had them."""

    def __init__(self, sender: _Sender) -> None:
        self._sender = sender
        self._sent_s: dict[float, float] = {}
        self._heard_s: dict[float, float] = {}
        self.made_s: list[float] = []
        self.faces: list[int] = []
        self.named: list[bool] = []
        self.counting = False

    def take(self, frame: Frame, scene: Scene) -> None:
        """Take a scene that was just published; called by the recogniser's thread."""
        sent_s = self._sender.sent_s.get(read_number(frame.bgr))
        if sent_s is not None:
            self._sent_s[round(scene.pts_s, 4)] = sent_s
        if self.counting:
            self.made_s.append(time.monotonic() - frame.captured_ns / 1e9)
            self.faces.append(len(scene.faces))
            self.named.append(any(face.id for face in scene.faces))

    def overlay(self, url: str, stop: threading.Event) -> None:
        """Listen as an overlay does."""
        address = url.replace("http", "ws", 1) + "api/live"
        with connect(address, max_queue=None) as stream:
            while not stop.is_set():
                try:
                    message = json.loads(stream.recv(timeout=0.5))
                except TimeoutError:
                    continue
                except ConnectionClosed:
                    return
                if message["type"] == "scene" and self.counting:
                    self._heard_s[message["pts_s"]] = time.monotonic()

    def glass_s(self) -> list[float]:
        """Return how old each scene was that the overlay had while it counted."""
        heard_s = dict(self._heard_s)
        return [heard_s[pts_s] - self._sent_s[pts_s] for pts_s in heard_s if pts_s in self._sent_s]


def _row(
    film: Path,
    gallery_dir: Path,
    backend: LiveBackend,
    seconds: float,
    on_second: Callable[[], None],
) -> LiveRow:
    if backend == "gstreamer":
        from edge.video.sources.gstreamer import load_gst  # noqa: PLC0415

        try:
            load_gst("bench live")
        except BackendMissingError as error:
            return LiveRow(backend, missing=str(error))
    with ExitStack() as stack:
        sender = _Sender(film)
        stack.callback(sender.close)
        watch = _Watch(sender)
        config = RunConfig(
            source=f"udp://127.0.0.1:{sender.port}",
            serve=ServeConfig(port=0),
            video=SourceOptions(backend=backend),
        )
        app = App(config, gallery_dir, sinks=[watch])
        stack.callback(app.close)
        app.start()
        await_frames(app)
        stop = threading.Event()
        overlay = threading.Thread(target=watch.overlay, args=(app.server.url, stop), daemon=True)
        overlay.start()
        stack.callback(overlay.join, 5)
        stack.callback(stop.set)
        time.sleep(SETTLE_S)
        return _measure(app, sender, watch, backend, seconds, on_second)


def _measure(
    app: App,
    sender: _Sender,
    watch: _Watch,
    backend: str,
    seconds: float,
    on_second: Callable[[], None],
) -> LiveRow:
    dropped, sent, scenes = app.reader.dropped, sender.sent, app.scenes
    cpu_s = time.process_time()
    watch.counting = True
    took_s = pass_time(seconds, on_second)
    watch.counting = False
    used_s = time.process_time() - cpu_s
    if app.failure is not None:  # half a measurement means nothing
        raise app.failure
    glass_s = watch.glass_s()
    if not glass_s or not watch.made_s:
        raise EdgeError(f"bench live: {backend} gave no scene in {seconds:g} s")
    return LiveRow(
        backend=backend,
        decode_to_scene_ms=spread(watch.made_s),
        glass_ms=spread(glass_s),
        sent=sender.sent - sent,
        recognised=app.scenes - scenes,
        dropped=app.reader.dropped - dropped,
        named=round(float(np.mean(watch.named)), 3),
        faces=round(float(np.mean(watch.faces)), 2),
        cpu_share=round(used_s / took_s / (os.cpu_count() or 1), 3),
    )
