"""The same film through every kind of transport; sources that go away and come back."""

from __future__ import annotations

import functools
import http.server
import threading
import time
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import av
import pytest

from edge.errors import SourceError, SourceLostError
from edge.video.open import open_source
from edge.video.reader import Reader, State
from edge.video.source import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edge.video.frame import Frame


def take(uri: str, count: int, **options: Any) -> list[Frame]:
    settings: dict[str, Any] = {"read_timeout_s": 3} | options
    frames = []
    with open_source(uri, options=SourceOptions(**settings)) as source:
        assert source.live
        for frame in source:
            frames.append(frame)
            if len(frames) == count:
                break
    return frames


def assert_consecutive(frames: list[Frame], painter: Any, *, lost: int = 0) -> None:
    numbers = [painter.number_of(frame.bgr) for frame in frames]
    steps = [(b - a) % 100 for a, b in pairwise(numbers)]
    assert sum(step != 1 for step in steps) <= lost, numbers
    times = [b.pts_s - a.pts_s for a, b in pairwise(frames)]
    assert times == pytest.approx([0.04 * step for step in steps], abs=0.045)


@pytest.fixture(params=["pyav", "gstreamer"])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "gstreamer":
        request.getfixturevalue("gstreamer")
    return str(request.param)


@pytest.fixture
def rtsp_url(stream_film: Path, rtsp_server: Any, network: Any) -> Iterator[str]:
    port = network.free_port()
    server = rtsp_server(stream_film, port)
    yield f"rtsp://127.0.0.1:{port}/live"
    server.stop()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_rtsp(rtsp_url: str, painter: Any, transport: str, backend: str) -> None:
    # Times of a session's very first frames are GStreamer's jitter buffer finding the clock.
    settling = 5 if backend == "gstreamer" else 0
    frames = take(rtsp_url, 40 + settling, rtsp_transport=transport, backend=backend)[settling:]
    # GStreamer's sink keeps the newest frame: what comes while the first is taken may be dropped.
    assert_consecutive(frames, painter, lost=0 if backend == "pyav" else 2)


def test_udp_transport_stream(stream_film: Path, network: Any, painter: Any, backend: str) -> None:
    port = network.free_port()
    with network.Sender(stream_film, f"udp://127.0.0.1:{port}?pkt_size=1316", "mpegts"):
        frames = take(f"udp://127.0.0.1:{port}", 30, backend=backend)
    assert_consecutive(frames, painter, lost=1 if backend == "pyav" else 3)


def test_rtp_transport_stream(stream_film: Path, network: Any, painter: Any, backend: str) -> None:
    port = network.free_port()
    with network.Sender(stream_film, f"rtp://127.0.0.1:{port}", "rtp_mpegts"):
        frames = take(f"rtp://127.0.0.1:{port}", 30, backend=backend)
    if backend == "pyav":
        assert_consecutive(frames, painter, lost=1)
        return
    # Three or four of these small frames share a packet, and the sink keeps the newest.
    numbers = [painter.number_of(frame.bgr) for frame in frames]
    assert all(1 <= (b - a) % 100 <= 8 for a, b in pairwise(numbers)), numbers


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server:
    """Serves a folder on the loopback; may be stopped and started again on its port."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        handler = functools.partial(Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


def segment(film: Path, playlist: Path) -> None:
    """Cut a film into an HLS playlist with an end."""
    options = {"hls_time": "1", "hls_list_size": "0"}
    with (
        av.open(str(film)) as source,
        av.open(str(playlist), "w", format="hls", options=options) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)


def test_hls_film_over_http(stream_film: Path, tmp_path: Path, web: Server, painter: Any) -> None:
    segment(stream_film, tmp_path / "film.m3u8")
    with open_source(f"http://127.0.0.1:{web.port}/film.m3u8") as source:
        assert not source.live
        assert source.duration_s == pytest.approx(4, abs=0.2)
        frames = list(source)
        assert source.stats.warnings == ()
    assert [painter.number_of(frame.bgr) for frame in frames] == list(range(100))


def test_film_over_http(stream_film: Path, tmp_path: Path, web: Server, painter: Any) -> None:
    (tmp_path / "film.mp4").write_bytes(stream_film.read_bytes())
    with open_source(f"http://127.0.0.1:{web.port}/film.mp4") as source:
        assert (source.live, source.can_seek, source.frame_count) == (False, True, 100)
        assert [painter.number_of(frame.bgr) for frame in source] == list(range(100))


def test_http_errors_are_named(tmp_path: Path, web: Server) -> None:
    with pytest.raises(SourceError, match="nothing at this address"):
        open_source(f"http://127.0.0.1:{web.port}/none.mp4")
    (tmp_path / "page.html").write_text("<html><body>hello</body></html>")
    with pytest.raises(SourceError, match="no video"):
        open_source(f"http://127.0.0.1:{web.port}/page.html")


def test_nobody_sends(network: Any) -> None:
    port = network.free_port()
    start = time.monotonic()
    with pytest.raises(SourceLostError, match="no answer in time"):
        open_source(f"udp://127.0.0.1:{port}", options=SourceOptions(open_timeout_s=0.5))
    assert time.monotonic() - start < 3


def test_closing_from_another_thread_ends_a_silent_stream(stream_film: Path, network: Any) -> None:
    port = network.free_port()
    ended = threading.Event()
    with network.Sender(stream_film, f"udp://127.0.0.1:{port}?pkt_size=1316", "mpegts"):
        source = open_source(f"udp://127.0.0.1:{port}", options=SourceOptions(read_timeout_s=1))
        frames = iter(source)
        next(frames)

        def drain() -> None:
            for _ in frames:
                pass
            ended.set()

        thread = threading.Thread(target=drain)
        thread.start()
    source.close()
    assert ended.wait(3)
    thread.join(3)
    assert next(frames, None) is None


def first_after(reader: Reader, moment: float) -> float:
    """Return how long after `moment` a frame came that was decoded after it."""
    while True:
        frame = reader.get(timeout_s=10)
        assert frame is not None, reader.status
        if frame.captured_ns > moment * 1e9:
            return frame.captured_ns / 1e9 - moment


def killed_and_back(reader: Reader, stop: Callable[[], None], start: Callable[[], None]) -> float:
    """Stop a source for a while that it takes to notice; return how soon it is back."""
    assert reader.get(timeout_s=10) is not None
    stop()
    deadline = time.monotonic() + 10
    while reader.status.state is State.PLAYING:
        assert time.monotonic() < deadline, reader.status
        reader.get(timeout_s=0.05)
    assert reader.status.error
    time.sleep(0.5)
    start()
    return first_after(reader, time.monotonic())


def test_rtsp_comes_back(stream_film: Path, rtsp_server: Any, network: Any, backend: str) -> None:
    port = network.free_port()
    servers = [rtsp_server(stream_film, port)]
    options = SourceOptions(backend=backend, read_timeout_s=1)  # type: ignore[arg-type]
    try:
        with Reader(f"rtsp://127.0.0.1:{port}/live", options=options) as reader:
            away_s = killed_and_back(
                reader, servers[0].stop, lambda: servers.append(rtsp_server(stream_film, port))
            )
            assert reader.status.connects == 2
    finally:
        servers[-1].stop()
    assert away_s < 4  # 2 s on a machine that has nothing else to do: tools/bench_inputs.py


def test_udp_comes_back(stream_film: Path, network: Any, backend: str) -> None:
    port = network.free_port()
    url = f"udp://127.0.0.1:{port}?pkt_size=1316"
    senders = [network.Sender(stream_film, url, "mpegts").start()]
    options = SourceOptions(backend=backend, read_timeout_s=1)  # type: ignore[arg-type]
    try:
        with Reader(f"udp://127.0.0.1:{port}", options=options) as reader:
            away_s = killed_and_back(
                reader,
                senders[0].stop,
                lambda: senders.append(network.Sender(stream_film, url, "mpegts").start()),
            )
    finally:
        senders[-1].stop()
    assert away_s < 4


def test_live_hls_comes_back(stream_film: Path, tmp_path: Path, network: Any) -> None:
    options = {"hls_time": "0.5", "hls_list_size": "4", "hls_flags": "delete_segments"}
    with network.Sender(stream_film, str(tmp_path / "live.m3u8"), "hls", **options):
        deadline = time.monotonic() + 10
        while not (tmp_path / "live.m3u8").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        servers = [Server(tmp_path)]
        port = servers[0].port
        settings = SourceOptions(read_timeout_s=1, live=True)
        try:
            with Reader(f"http://127.0.0.1:{port}/live.m3u8", options=settings) as reader:
                away_s = killed_and_back(
                    reader, servers[0].stop, lambda: servers.append(Server(tmp_path, port))
                )
        finally:
            servers[-1].stop()
    assert away_s < 4


def test_live_hls_is_spread_over_its_own_time(
    stream_film: Path, tmp_path: Path, network: Any
) -> None:
    options = {"hls_time": "1", "hls_list_size": "4", "hls_flags": "delete_segments"}
    with network.Sender(stream_film, str(tmp_path / "live.m3u8"), "hls", **options):
        deadline = time.monotonic() + 10
        while not (tmp_path / "live.m3u8").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server = Server(tmp_path)
        try:
            with Reader(f"http://127.0.0.1:{server.port}/live.m3u8") as reader:
                frames = islice(reader.frames(), 76)
                times = [frame.pts_s for frame in frames]
        finally:
            server.stop()
    # Each picture of the 25 in a segment; the newest of each segment only came before.
    steps = sorted(after - before for before, after in pairwise(times))
    assert steps[len(steps) // 2] == pytest.approx(0.04, abs=0.005)
    assert sum(steps) / len(steps) < 0.08
