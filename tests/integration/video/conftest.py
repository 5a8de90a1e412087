"""Films made on the spot: each frame shows its number and two known colours."""

from __future__ import annotations

import functools
import importlib.util
import socket
import subprocess
import sysconfig
import threading
import time
import warnings
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import av
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

LEFT_BGR = (40, 60, 200)  # a red
RIGHT_BGR = (190, 120, 50)  # a blue
BITS = 8


def draw(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Paint a frame: its number in black and white blocks above, two colours below."""
    bgr = np.empty((height, width, 3), np.uint8)
    bgr[:, : width // 2] = LEFT_BGR
    bgr[:, width // 2 :] = RIGHT_BGR
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        bgr[: height // 4, left:right] = 235 if number >> bit & 1 else 20
    return bgr


def number_of(bgr: NDArray[np.uint8]) -> int:
    """Read the number that `draw` painted."""
    height, width = bgr.shape[:2]
    row = bgr[height // 8].mean(axis=1)
    return int(sum((row[(2 * bit + 1) * width // (2 * BITS)] > 128) << bit for bit in range(BITS)))


def colours_of(bgr: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the mean of the two colours, float64 (2, 3), BGR."""
    height, width = bgr.shape[:2]
    band = bgr[int(height * 0.6) : int(height * 0.9)]
    left = band[:, int(width * 0.1) : int(width * 0.4)].mean(axis=(0, 1))
    right = band[:, int(width * 0.6) : int(width * 0.9)].mean(axis=(0, 1))
    return np.stack([left, right])


class FilmMaker(Protocol):
    def __call__(self, name: str, **kwargs: Any) -> Path: ...


def write_film(
    path: Path,
    *,
    size: tuple[int, int] = (160, 96),
    frames: int = 30,
    fps: int = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_format: str | None = None,
    container_options: dict[str, str] | None = None,
    pts: Sequence[int] | None = None,
    aspect: Fraction | None = None,
    colorspace: int | None = None,
    full_range: bool = False,
    tags: tuple[int, int] | None = None,
    sound: bool = False,
    before_mux: Callable[[int, bytes], bytes | None] | None = None,
) -> Path:
    """Encode numbered frames; `pts` in units of 1/1000 s, otherwise steady."""
    with av.open(
        str(path), "w", format=container_format, options=container_options or {}
    ) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        context.time_base = Fraction(1, 1000) if pts else Fraction(1, fps)
        context.options = {"preset": "ultrafast", "g": "10"} | (options or {})
        if codec not in {"libx264", "libx265"}:
            context.options = {"g": "10"} | (options or {})
            context.bit_rate = 4_000_000
        if aspect:
            context.sample_aspect_ratio = aspect
        if colorspace is not None:
            context.colorspace = colorspace
        if full_range:
            context.color_range = 2
        if tags:
            context.color_trc, context.color_primaries = tags
        audio = container.add_stream("aac", rate=48000) if sound else None
        for number in range(frames):
            painted = av.VideoFrame.from_ndarray(draw(number, *size), format="bgr24")
            frame = painted.reformat(
                format=pix_fmt,
                dst_colorspace=colorspace,
                dst_color_range=2 if full_range else None,
            )
            frame.pts = pts[number] if pts else number
            frame.time_base = context.time_base
            mux(container, stream.encode(frame), before_mux)
        mux(container, stream.encode(None), before_mux)
        if audio is not None:
            write_silence(container, audio, frames / fps)
    return path


def mux(
    container: av.container.OutputContainer,
    packets: Sequence[av.Packet],
    change: Callable[[int, bytes], bytes | None] | None,
) -> None:
    for packet in packets:
        if change is not None:
            content = change(packet.pts or 0, bytes(packet))
            if content is None:
                continue
            changed = av.Packet(content)
            changed.stream, changed.time_base = packet.stream, packet.time_base
            changed.pts, changed.dts = packet.pts, packet.dts
            changed.is_keyframe = packet.is_keyframe
            container.mux(changed)
        else:
            container.mux(packet)


def write_silence(container: av.container.OutputContainer, stream: Any, length_s: float) -> None:
    for start in range(0, int(length_s * 48000), 1024):
        frame = av.AudioFrame.from_ndarray(
            np.zeros((2, 1024), np.float32), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


@pytest.fixture
def film(tmp_path: Path) -> FilmMaker:
    """Return a function that writes a film into this test's folder."""
    return lambda name, **kwargs: write_film(tmp_path / name, **kwargs)


@pytest.fixture(scope="session")
def painter() -> SimpleNamespace:
    """Return what paints and reads numbered frames."""
    return SimpleNamespace(
        draw=draw,
        number_of=number_of,
        colours_of=colours_of,
        write_film=write_film,
        COLOURS=np.array([LEFT_BGR, RIGHT_BGR], dtype=float),
    )


def free_port() -> int:
    """Return a port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sender:
    """Sends a film's packets at their own speed, this many rounds or until it is stopped.

    A transport stream that starts again has a clock that starts again, as an encoder's does.
    """

    def __init__(
        self, film: Path, url: str, form: str, *, rounds: int | None = None, **options: str
    ) -> None:
        self._film, self._url, self._form, self._options = film, url, form, options
        self._rounds = rounds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Sender:
        """Start sending."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop sending."""
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        start = time.monotonic()
        shift = 0
        with av.open(self._url, "w", format=self._form, options=self._options) as target:
            with av.open(str(self._film)) as probe:
                stream = target.add_stream_from_template(probe.streams.video[0])
            played = 0
            while not self._stop.is_set() and played != self._rounds:
                played += 1
                with av.open(str(self._film)) as source:
                    shift = self._play(source, target, stream, start, shift)

    def _play(self, source: Any, target: Any, stream: Any, start: float, shift: int) -> int:
        video = source.streams.video[0]
        first, end = None, shift
        for packet in source.demux(video):
            if packet.dts is None or self._stop.is_set():
                break
            first = packet.dts if first is None else first
            packet.pts += shift - first
            packet.dts += shift - first
            end = packet.dts + packet.duration
            due = start + float(packet.dts * packet.time_base)
            self._stop.wait(due - time.monotonic())
            packet.stream = stream
            target.mux(packet)
        return end


@pytest.fixture(scope="session")
def network() -> SimpleNamespace:
    """Return what sends films over the loopback."""
    return SimpleNamespace(free_port=free_port, Sender=Sender)


@pytest.fixture(scope="session")
def stream_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film of 4 s with a key frame twice a second, made for streaming."""
    return write_film(
        tmp_path_factory.mktemp("stream") / "stream.mp4", frames=100, options={"g": "12", "bf": "0"}
    )


class RtspServer:
    """A server process that is up when this is made."""

    def __init__(self, command: list[str], film: Path, port: int) -> None:
        self._process = subprocess.Popen(
            [*command, str(port), str(film)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        with self._process.stdout as out:
            assert out.readline() == "ready\n"

    def stop(self) -> None:
        """Kill it, as a power cut would."""
        self._process.kill()
        self._process.wait(5)


@pytest.fixture(scope="session")
def rtsp_server() -> Callable[[Path, int], RtspServer]:
    """Return what starts a GStreamer RTSP server; the caller kills it."""
    script = Path(__file__).with_name("rtsp_server.py")
    python = "/usr/bin/python3"
    needs = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0');"
        "from gi.repository import Gst; Gst.init(None);"
        "names = ('qtdemux', 'h264parse', 'rtph264pay');"
        "assert all(map(Gst.ElementFactory.find, names))"
    )
    if not Path(python).exists() or subprocess.run([python, "-c", needs], check=False).returncode:
        pytest.skip(
            "no GStreamer RTSP server: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0"
            " gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
        )

    return functools.partial(RtspServer, [python, str(script)])


@pytest.fixture
def gstreamer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the environment see the system's PyGObject, or skip."""
    see_gstreamer(monkeypatch, tmp_path)


@pytest.fixture(scope="session")
def make_gstreamer() -> Callable[[pytest.MonkeyPatch, Path], None]:
    """Return what `gstreamer` does, for fixtures that live longer than a test."""
    return see_gstreamer


def see_gstreamer(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    if importlib.util.find_spec("gi") is None:
        system = Path("/usr/lib/python3/dist-packages/gi")
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        if not (system / f"_gi{suffix}").exists():
            pytest.skip("no PyGObject for this Python: apt-get install python3-gi")
        (folder / "packages").mkdir()
        (folder / "packages" / "gi").symlink_to(system)
        monkeypatch.syspath_prepend(folder / "packages")
    from edge.errors import BackendMissingError
    from edge.video.sources.gstreamer import load_gst

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # of PyGObject's own, before 3.44
            gst = load_gst("test")
    except BackendMissingError as error:
        pytest.skip(str(error))
    needs = ("appsink", "decodebin", "rtspsrc", "tsdemux", "avdec_h264", "videoconvert")
    missing = [name for name in needs if gst.ElementFactory.find(name) is None]
    if missing:
        pytest.skip(f"GStreamer lacks {missing}: install its plugins-good, -bad and libav")
