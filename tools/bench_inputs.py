"""Measure the inputs: decoding 1080p25, memory over reconnects (delay: `tvradar bench live`).

    python tools/bench_inputs.py decode|reconnects [--backend pyav|gstreamer] [--count N]

Prints one JSON object. Everything is composed here and sent over the loopback.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from edge.video.open import open_source
from edge.video.reader import Backoff, Reader
from edge.video.source import SourceOptions

WIDTH, HEIGHT, FPS = 1920, 1080, 25


def stream_of(container: Any, size: tuple[int, int], crf: str = "23") -> Any:
    """Add an H.264 stream for low delay, a key frame twice a second."""
    stream = container.add_stream("libx264", rate=FPS)
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    stream.codec_context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "g": "12",
        "crf": crf,
    }
    stream.codec_context.thread_count = 1
    return stream


def decode(backend: str, count: int) -> dict[str, Any]:
    """Decode a 1080p25 film as fast as it goes, converting every frame, one in five, and none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        noise = np.random.default_rng(0).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
        texture = noise.repeat(8, axis=0).repeat(8, axis=1)
        with av.open(str(path), "w") as container:
            stream = stream_of(container, (WIDTH, HEIGHT))
            for number in range(count):
                frame = av.VideoFrame.from_ndarray(np.roll(texture, 5 * number, 1), format="bgr24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return {
            name: time_decoding(path, backend, every)
            for name, every in (("every", 1), ("one_in_five", 5), ("none", 0))
        }


def time_decoding(path: Path, backend: str, every: int) -> dict[str, float]:
    """Return frames per second and CPU milliseconds per frame."""
    options = SourceOptions(backend=backend)  # type: ignore[arg-type]
    frames = 0
    start, cpu = time.perf_counter(), time.process_time()
    with open_source(str(path), options=options) as source:
        for picture in source.pictures():
            if every and picture.index % every == 0:
                picture.to_frame()
            frames += 1
    took, used = time.perf_counter() - start, time.process_time() - cpu
    return {"fps": round(frames / took, 1), "cpu_ms_per_frame": round(1000 * used / frames, 2)}


def reconnects(backend: str, count: int) -> dict[str, Any]:
    """Lose and find a UDP stream again and again; report the resident memory on the way."""
    options = SourceOptions(backend=backend, read_timeout_s=0.3)  # type: ignore[arg-type]
    backoff = Backoff(base_s=0.05, cap_s=0.05)
    memory_mb = []
    with Reader("udp://127.0.0.1:8702", options=options, backoff=backoff) as reader:
        for number in range(count):
            stop = threading.Event()
            sender = threading.Thread(target=send_small, args=(8702, stop), daemon=True)
            sender.start()
            wait_for_connect(reader, number + 1)
            stop.set()
            sender.join(5)
            time.sleep(0.4)
            if number % max(1, count // 10) == 0:
                memory_mb.append(resident_mb())
        connects = reader.status.connects
    return {"connects": connects, "resident_mb": memory_mb, "threads": threading.active_count()}


def wait_for_connect(reader: Reader, connects: int) -> None:
    """Wait until the source has come back for the given time."""
    deadline = time.monotonic() + 20
    while reader.status.connects < connects:
        reader.get(0.1)
        if time.monotonic() > deadline:
            raise TimeoutError(str(reader.status))


def send_small(port: int, stop: threading.Event) -> None:
    """Send a small moving picture until stopped."""
    url = f"udp://127.0.0.1:{port}?pkt_size=1316"
    with av.open(url, "w", format="mpegts", options={"flush_packets": "1"}) as container:
        stream = stream_of(container, (320, 192))
        number = 0
        while not stop.wait(1 / FPS):
            picture = np.full((192, 320, 3), number * 3 % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
            number += 1


def resident_mb() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * resource.getpagesize() / 1e6, 1)


def main() -> None:
    """Run one measurement."""
    measures = {"decode": decode, "reconnects": reconnects}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", choices=sorted(measures))
    parser.add_argument("--backend", choices=("pyav", "gstreamer"), default="pyav")
    parser.add_argument("--count", type=int, default=150)
    arguments = parser.parse_args()
    result = measures[arguments.measure](arguments.backend, arguments.count)
    print(json.dumps({"measure": arguments.measure, "backend": arguments.backend, **result}))


if __name__ == "__main__":
    main()
