"""Kill a source in mid-stream and bring it back, while the real recogniser watches.

    python tools/outages.py names PICTURE --gallery DIR --people ID,ID [--kind rtsp|hls|udp]
    python tools/outages.py memory PICTURE [--kind …] [--backend …] [--count 100]

A camera pans over PICTURE for ever. `names`: how long after the source's return all these people
are named again. `memory`: resident memory over many losses and returns, and its slope after the
first quarter. Stations are processes of their own (station.py), killed as by a power cut. Prints
one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import math
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np

from edge.video.reader import Reader, State
from edge.video.source import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from edge.recognise.scene import Scene

AWAY_S = 5.0
FPS = 25
SYSTEM_PYTHON = "/usr/bin/python3"  # it has PyGObject, for the RTSP server
ADDRESSES = {
    "rtsp": "rtsp://127.0.0.1:{}/live",
    "hls": "http://127.0.0.1:{}/live.m3u8",
    "udp": "udp://127.0.0.1:{}",
}


def compose(picture: Path, film: Path, *, size: tuple[int, int] = (960, 540)) -> Path:
    """Write 6 s of a camera that pans over a picture and comes back to where it began."""
    width, height = size
    still = cv2.imread(str(picture))
    if still is None:
        raise ValueError(f"{picture}: no picture")
    factor = 1.05 * max(width / still.shape[1], height / still.shape[0])
    still = cv2.resize(still, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    room = still.shape[1] - width, still.shape[0] - height
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "12"}
        # One slice a picture: rtph264pay puts parameter sets between two slices of a key frame.
        stream.codec_context.thread_count = 1
        for number in range(6 * FPS):
            turn = (1 - math.cos(2 * math.pi * number / (6 * FPS))) / 2
            left, top = (round(turn * side) for side in room)
            view = np.ascontiguousarray(still[top : top + height, left : left + width])
            frame = av.VideoFrame.from_ndarray(view, format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return film


class Station:
    """A process that sends a film on a port; it may be killed and started again."""

    def __init__(self, kind: str, film: Path) -> None:
        self.kind, self._film = kind, film
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self.uri = ADDRESSES[kind].format(self._port)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> float:
        """Start sending; return the monotonic time of the first byte."""
        python = SYSTEM_PYTHON if self.kind == "rtsp" else sys.executable
        script = str(Path(__file__).with_name("station.py"))
        command = [python, script, self.kind, str(self._port), str(self._film)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        with self._process.stdout as out:
            line = out.readline()
        if not line:
            raise RuntimeError(f"{' '.join(command)}: ended with {self._process.wait(5)}")
        return float(line)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(5)
            self._process = None


class Watching:
    """A thread that recognises what a reader gives, and keeps who was named when."""

    def __init__(self, reader: Reader, process: Callable[[Any], Scene]) -> None:
        self._reader, self._process = reader, process
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.named: list[tuple[float, frozenset[str]]] = []

    def _run(self) -> None:
        while not self._stop.is_set():
            frame = self._reader.get(timeout_s=0.25)
            if frame is None:
                continue
            scene = self._process(frame)
            names = frozenset(face.id for face in scene.faces if face.id)
            # The picture must be newer than the name's moment, or an old one could pass for new.
            self.named.append((frame.captured_ns / 1e9, names))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def wait_for(self, people: frozenset[str], after_s: float, timeout_s: float) -> float:
        """Return how long after a moment all of these were named in a picture taken after it."""
        place = 0
        while time.monotonic() < after_s + timeout_s:
            seen = len(self.named)
            for captured_s, names in self.named[place:seen]:
                if captured_s > after_s and people <= names:
                    return time.monotonic() - after_s
            place = seen
            time.sleep(0.005)
        raise TimeoutError(f"{sorted(people)} not named within {timeout_s:g} s")


def names_back_s(
    station: Station,
    process: Callable[[Any], Scene],
    people: frozenset[str],
    options: SourceOptions,
    *,
    away_s: float = AWAY_S,
) -> float:
    """Kill a station in mid-stream; return how soon after its return all names are back."""
    station.start()
    try:
        with Reader(station.uri, options=options) as reader, Watching(reader, process) as watching:
            watching.wait_for(people, time.monotonic(), 20)
            time.sleep(1)
            station.kill()
            time.sleep(away_s)
            return watching.wait_for(people, station.start(), 20)
    finally:
        station.kill()


def memory_over(
    station: Station, options: SourceOptions, count: int, *, away_s: float = 0.2
) -> dict[str, Any]:
    """Lose and find a station so often; return the resident memory after each return."""
    resident_mb = []
    try:
        with Reader(station.uri, options=options) as reader:
            for number in range(count + 1):
                station.start()
                until(lambda: reader.status.state is State.PLAYING, reader, number)
                for _ in range(5):
                    reader.get(1)
                gc.collect()
                resident_mb.append(resident())
                station.kill()
                until(lambda: reader.status.state is not State.PLAYING, reader, number)
                time.sleep(away_s)
            connects = reader.status.connects
    finally:
        station.kill()
    settled = resident_mb[len(resident_mb) // 4 :]
    slope_mb = float(np.polyfit(range(len(settled)), settled, 1)[0])
    return {
        "reconnects": connects - 1,
        "resident_mb": [round(value, 1) for value in resident_mb[:: max(1, count // 10)]],
        "slope_kb_per_reconnect": round(1000 * slope_mb, 1),
        "threads": threading.active_count(),
        "open_files": len(list(Path("/proc/self/fd").iterdir())),
    }


def until(condition: Callable[[], bool], reader: Reader, number: int) -> None:
    """Take frames until the condition holds."""
    deadline = time.monotonic() + 30
    while not condition():
        reader.get(0.02)
        if time.monotonic() > deadline:
            raise TimeoutError(f"reconnect {number}: {reader.status}")


def resident() -> float:
    """Return the resident memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


@contextlib.contextmanager
def recognising(gallery: Path) -> Iterator[Callable[[Any], Scene]]:
    """Give what makes scenes of frames, as `tvradar run` does."""
    from edge.recognise.recogniser import Recogniser, RecogniserOptions
    from engines.pipeline import load_pipeline
    from gallery.search.watch import GalleryWatcher

    pipeline = load_pipeline(threads=1, long_side_px=640)
    watcher = GalleryWatcher(gallery, pipeline.model)
    try:
        recogniser = Recogniser(pipeline, watcher, RecogniserOptions())
        yield lambda frame: recogniser.process(frame).scene
    finally:
        watcher.close()
        pipeline.close()


def main() -> None:
    """Run one measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", choices=("names", "memory"))
    parser.add_argument("picture", type=Path)
    parser.add_argument("--gallery", type=Path)
    parser.add_argument("--people", default="", help="ids that are in every frame, by commas")
    parser.add_argument("--kind", choices=sorted(ADDRESSES), default="udp")
    parser.add_argument("--backend", choices=("pyav", "gstreamer"), default="pyav")
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--read-timeout", type=float, default=None)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tvradar-outages-") as folder:
        film = compose(asked.picture, Path(folder) / "film.mp4")
        print(json.dumps(measure(Station(asked.kind, film), asked)))


def measure(station: Station, asked: argparse.Namespace) -> dict[str, Any]:
    """Return what was asked for."""
    timeout_s = asked.read_timeout or (0.5 if asked.measure == "memory" else 5.0)
    options = SourceOptions(backend=asked.backend, read_timeout_s=timeout_s)
    found: dict[str, Any] = {"kind": asked.kind, "backend": asked.backend}
    if asked.measure == "memory":
        return found | memory_over(station, options, asked.count)
    people = frozenset(asked.people.split(","))
    with recognising(asked.gallery) as process:
        times = [names_back_s(station, process, people, options) for _ in range(asked.count)]
    return found | {"names_back_s": [round(value, 2) for value in times]}


if __name__ == "__main__":
    main()
