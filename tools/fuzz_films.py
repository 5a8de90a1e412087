"""Give the readers of films thousands of damaged files: each is read or refused, nothing else.

    python tools/fuzz_films.py --count 2000

Short films of many containers and codecs, lists of other files among them, are changed at random as
`tools/fuzz_pictures.py` changes pictures, and opened as every command opens its source, with their
right name and with that of another kind. A crash, an error that is not ours, more than ten seconds
or too much memory is a finding: the file is kept, and the tool ends with 1.
"""

from __future__ import annotations

import io
import resource
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
import av.logging
import numpy as np

from tools.fuzz_pictures import Found, Task, mutated, outcome_of, run

MEMORY_MB = 700
FRAMES = 8
WAYS = (
    ("mp4", "libx264", "yuv420p", ".mp4"),
    ("matroska", "libx264", "yuv420p", ".mkv"),
    ("mpegts", "libx264", "yuv420p", ".ts"),
    ("mpegts", "mpeg2video", "yuv420p", ".ts"),
    ("avi", "mpeg4", "yuv420p", ".avi"),
    ("webm", "libvpx", "yuv420p", ".webm"),
    ("h264", "libx264", "yuv420p", ".h264"),
    ("mp4", "libx265", "yuv420p", ".mp4"),
    ("mpjpeg", "mjpeg", "yuvj420p", ".mjpeg"),
    ("flv", "flv1", "yuv420p", ".flv"),
    ("mov", "prores_ks", "yuv422p10le", ".mov"),
    ("gif", "gif", "rgb8", ".gif"),
)
LISTS = (
    (b"ffconcat version 1.0\nfile a.ts\nduration 3\n", ".mp4"),
    (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n", ".m3u8"),
    (b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n", ".sdp"),
    (b"<?xml version='1.0'?><MPD><BaseURL>a.ts</BaseURL></MPD>", ".mpd"),
)


def seeds() -> tuple[list[bytes], list[str]]:
    """Return whole films of all kinds that this FFmpeg writes, and the suffix of each."""
    av.logging.set_level(None)
    films, suffixes = [], []
    for container, codec, pixels, suffix in WAYS:
        try:
            films.append(_film(container, codec, pixels))
        except (av.error.FFmpegError, ValueError):  # an encoder that this build lacks
            continue
        suffixes.append(suffix)
    films += [data for data, _ in LISTS]
    return films, suffixes + [suffix for _, suffix in LISTS]


def _film(container: str, codec: str, pixels: str) -> bytes:
    random = np.random.default_rng(0)
    file = io.BytesIO()
    with av.open(file, "w", format=container) as target:
        stream = target.add_stream(codec, rate=25)
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=none"}
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        stream.time_base = Fraction(1, 25)
        for number in range(FRAMES):
            bgr = np.kron(
                random.integers(0, 255, (8, 12, 3), np.uint8), np.ones((8, 8, 1), np.uint8)
            )
            frame = av.VideoFrame.from_ndarray(bgr, format="bgr24").reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


def start() -> None:
    """Bound what a fault could take from the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def work(first: int, count: int, seed: int, most_mb: float) -> Found:
    """Read some damaged films in a worker."""
    found = Found()
    films, suffixes = seeds()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + count):
            random = np.random.default_rng((seed, number, 1))
            path = Path(folder) / f"f{random.choice(suffixes)}"
            path.write_bytes(mutated(films, number, seed))
            begun = time.monotonic()
            outcome = _read(path, number, found)
            found.note(number, outcome, time.monotonic() - begun)
            path.unlink()
    found.note_memory(first, most_mb)
    return found


def _read(path: Path, number: int, found: Found) -> str:
    from edge.errors import SourceError
    from edge.video.open import open_source

    def read() -> str:
        with open_source(str(path)) as source:
            frames = sum(frame.bgr.size > 0 for frame in source)
        return "read" if frames >= FRAMES else "read in part"

    return outcome_of(read, SourceError, number, found, str(path))


def main() -> int:
    """Run the tool."""
    return run(__doc__, "films", 2000, MEMORY_MB, Task(start, work), lambda: seeds()[0])


if __name__ == "__main__":
    sys.exit(main())
