"""`bench live`: how old a scene is when the viewer's overlay has it, on a live stream.

A film is composed from another (`live_film`). A station of its own process sends it over UDP and
says when each picture went out; a picture's number is read back from the very picture that a scene
was made of. So the delay counts what lies between sender and overlay: network, demultiplexer,
decoder, recogniser, WebSocket. The encoder is the broadcaster's and does not count.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from edge.bench.live_film import FORMS, LiveSize, compose
from edge.bench.live_threads import seconds_by_thread
from edge.bench.live_voice import spoken_over, with_a_voice
from edge.bench.live_watch import Presses, Watch
from edge.bench.press import Spread, await_frames, pass_time, spread
from edge.config import CuesConfig, RunConfig, ServeConfig
from edge.device.app import App
from edge.errors import BackendMissingError, EdgeError
from edge.recognise.cues.cue import CUE_KINDS
from edge.testbed.local_cloud import Child
from edge.video.open import open_source
from edge.video.source import SourceOptions
from gallery.search.open import open_gallery

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.cues.cue import CueKind

LiveBackend = Literal["pyav", "gstreamer"]
SETTLE_S = 3.0
"""After the first scene: what was buffered while opening is gone by then."""
MOST_CAPTIONS = 8


class LiveRow(msgspec.Struct, frozen=True):
    """One backend on the stream, with one set of cues.

    Attributes:
        cues: kinds that count beside the face.
        decode_to_scene_ms: from the decoded picture to its scene.
        glass_ms: from the packet that was sent to the scene at the overlay.
        press_ms: from a press over HTTP to its first answer, four a second.
        sent: pictures sent meanwhile.
        recognised: of these, how many became scenes.
        dropped: overtaken by newer ones.
        dropped_share: of those sent.
        named: share of the scenes with at least one name.
        faces: faces on a scene, on average.
        cpu_share: of all cores, without the sender.
        cpu_by_thread: the same by thread; `video` reads and decodes, `av:…` are the decoder's own.
        stage_ms: what a frame takes of the recogniser, by stage.
        readings: how often text was read.
        reading_cpu_ms: CPU time of one reading.
        voices: how often a voice was compared.
        voice_cpu_ms: CPU time of one comparison, with all that is heard in between.
        shed: highest level of load shedding.
        missing: why it did not run, or empty.
    """

    backend: str
    cues: tuple[str, ...] = ()
    decode_to_scene_ms: Spread | None = None
    glass_ms: Spread | None = None
    press_ms: Spread | None = None
    sent: int = 0
    recognised: int = 0
    dropped: int = 0
    dropped_share: float = 0.0
    named: float = 0.0
    faces: float = 0.0
    cpu_share: float = 0.0
    cpu_by_thread: dict[str, float] = {}
    stage_ms: dict[str, Spread] = {}
    readings: int = 0
    reading_cpu_ms: float = 0.0
    voices: int = 0
    voice_cpu_ms: float = 0.0
    shed: int = 0
    missing: str = ""


class LiveBench(msgspec.Struct, frozen=True):
    """All rows, one after the other on the same stream.

    Attributes:
        size: the form of television that was sent.
        width, height, fps, codec: of the stream.
        mbit_s: of the stream, as it was coded.
        decode_cpu_ms: CPU milliseconds a picture, to decode it and do nothing else, all threads.
        decode_share: of all cores, what that is of a live stream.
        seconds: of each row.
        cores: of this machine.
        rows: what was measured.
    """

    size: LiveSize
    width: int
    height: int
    fps: int
    codec: str
    mbit_s: float
    decode_cpu_ms: float
    decode_share: float
    seconds: float
    cores: int
    rows: tuple[LiveRow, ...]


def bench_live(
    film: str,
    gallery_dir: Path,
    seconds: float,
    *,
    size: LiveSize = "1080p25",
    backends: tuple[LiveBackend, ...] = ("pyav", "gstreamer"),
    cues: tuple[frozenset[CueKind], ...] = (CUE_KINDS - {"text"},),
    on_second: Callable[[], None] = lambda: None,
) -> LiveBench:
    """Measure; see the module.

    Args:
        film: a video file with faces.
        gallery_dir: who is known.
        seconds: of each row.
        size: the form of television to send.
        backends: each gives a row.
        cues: each set gives a row of every backend; captions are in the stream where one has text,
            and a made voice speaks in it where one has voices.
        on_second: told of each.

    Raises:
        EdgeError: no scene came.
        SourceError: the film cannot be read.
    """
    form, cores = FORMS[size], os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="tvradar-bench-") as folder:
        path = Path(folder) / "film.mp4"
        captioned = any("text" in kinds for kinds in cues)
        compose(film, path, form, _names(gallery_dir) if captioned else ())
        if any("voice" in kinds for kinds in cues):
            gallery_dir = with_a_voice(gallery_dir, Path(folder))
            path = spoken_over(path, Path(folder) / "spoken.mkv")
        decode_s, pictures = _decoding(path)
        rows = [
            _row(path, gallery_dir, backend, kinds, seconds, on_second)
            for backend in backends
            for kinds in cues
        ]
        mbit_s = path.stat().st_size * 8e-6 * form.fps / pictures
    return LiveBench(
        size=size,
        width=form.width,
        height=form.height,
        fps=form.fps,
        codec=form.codec,
        mbit_s=round(mbit_s, 2),
        decode_cpu_ms=round(1000 * decode_s / pictures, 2),
        decode_share=round(decode_s / pictures * form.fps / cores, 3),
        seconds=seconds,
        cores=cores,
        rows=tuple(rows),
    )


def _names(gallery_dir: Path) -> list[str]:
    """Return names of the gallery that a caption can show."""
    return [person.name() for person in islice(open_gallery(gallery_dir).people(), MOST_CAPTIONS)]


def _decoding(path: Path) -> tuple[float, int]:
    """Return the CPU seconds that it takes to decode a film, and its number of pictures."""
    begun_s, count = time.process_time(), 0
    with open_source(str(path), options=SourceOptions(threads=1)) as source:
        for _ in source.pictures():
            count += 1
    return time.process_time() - begun_s, count


class Sender:
    """The station, and when it sent which picture."""

    def __init__(self, film: Path) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.sent_s: dict[int, float] = {}
        self.sent = 0
        command = [sys.executable, "-m", "edge.bench.stream_sender", str(film), str(self.port)]
        self._child = Child(command, on_line=self._take)

    def check(self) -> None:
        """Raise `EdgeError` if it has ended: what was measured of silence means nothing."""
        self._child.check()

    def close(self) -> None:
        """Stop sending."""
        self._child.close()

    def _take(self, line: bytes) -> None:
        number, sent_s = line.split()
        self.sent_s[int(number)] = float(sent_s)
        self.sent += 1


def _row(
    film: Path,
    gallery_dir: Path,
    backend: LiveBackend,
    cues: frozenset[CueKind],
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
        sender = Sender(film)
        stack.callback(sender.close)
        watch = Watch(sender.sent_s)
        config = RunConfig(
            source=f"udp://127.0.0.1:{sender.port}",
            serve=ServeConfig(port=0),
            video=SourceOptions(backend=backend),
            cues=CuesConfig(tuple(sorted(cues))),
        )
        app = App(config, gallery_dir, sinks=[watch], on_step=watch.step)
        stack.callback(app.close)
        app.start()
        await_frames(app)
        stop = threading.Event()
        presses = Presses(app.server.url, stop)
        for work in (lambda: watch.overlay(app.server.url, stop), presses.run):
            thread = threading.Thread(target=work, daemon=True, name="viewer")
            thread.start()
            stack.callback(thread.join, 5)
        stack.callback(stop.set)
        time.sleep(SETTLE_S)
        return _measure(app, sender, watch, presses, (backend, cues), seconds, on_second)


def _measure(
    app: App,
    sender: Sender,
    watch: Watch,
    presses: Presses,
    what: tuple[str, frozenset[CueKind]],
    seconds: float,
    on_second: Callable[[], None],
) -> LiveRow:
    cores = os.cpu_count() or 1
    dropped, sent, scenes, readings = app.reader.dropped, sender.sent, app.scenes, _readings(app)
    voices = _comparisons(app)
    cpu_s, by_thread = time.process_time(), seconds_by_thread()
    watch.counting = presses.counting = True
    took_s = pass_time(seconds, on_second)
    sender.check()
    watch.counting = presses.counting = False
    used_s, after = time.process_time() - cpu_s, seconds_by_thread()
    if app.failure is not None:  # half a measurement means nothing
        raise app.failure
    glass_s = watch.glass_s()
    if not glass_s or not watch.made_s:
        raise EdgeError(f"bench live: {what[0]} gave no scene in {seconds:g} s")
    sent, dropped = sender.sent - sent, app.reader.dropped - dropped
    readings, voices = _readings(app) - readings, _comparisons(app) - voices
    spent = {name: s - by_thread.get(name, 0.0) for name, s in after.items()}
    shares = {name: round(s / took_s / cores, 3) for name, s in sorted(spent.items())}
    return LiveRow(
        backend=what[0],
        cues=tuple(sorted(what[1])),
        decode_to_scene_ms=spread(watch.made_s),
        glass_ms=spread(glass_s),
        press_ms=spread(presses.took_s) if presses.took_s else None,
        sent=sent,
        recognised=app.scenes - scenes,
        dropped=dropped,
        dropped_share=round(dropped / max(1, sent), 4),
        named=round(float(np.mean(watch.named)), 3),
        faces=round(float(np.mean(watch.faces)), 2),
        cpu_share=round(used_s / took_s / cores, 3),
        cpu_by_thread={name: share for name, share in shares.items() if share},
        stage_ms={stage: spread(seconds) for stage, seconds in watch.stages().items()},
        readings=readings,
        reading_cpu_ms=round(1000 * spent.get("captions", 0.0) / readings, 1) if readings else 0.0,
        voices=voices,
        voice_cpu_ms=round(1000 * spent.get("voices", 0.0) / voices, 1) if voices else 0.0,
        shed=max(watch.shed, app.shedder.level),
    )


def _readings(app: App) -> int:
    return app.captions.readings if app.captions is not None else 0


def _comparisons(app: App) -> int:
    return app.voices.compared if app.voices is not None else 0
