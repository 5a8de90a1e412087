"""Whatever names a film is opened as what it is, or refused in our own words."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError, SourceError
from edge.video.open import open_source
from edge.video.source import SourceOptions
from edge.video.sources.programmes import programmes_of
from tests.free import FRAMES, SECOND, STAR, Free
from tests.integration.conftest import TVRADAR, tvradar

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def stream(free: Free, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as a transport stream, its picture only."""
    path = tmp_path_factory.mktemp("streams") / "f.ts"
    remux(free.clip, path)
    return path


def remux(film: Path, path: Path, frames: int = FRAMES, **options: str) -> None:
    with av.open(str(film)) as source, av.open(str(path), "w", options=options) as target:
        video = source.streams.video[0]
        copied = target.add_stream_from_template(video)
        for number, packet in enumerate(source.demux(video)):
            if packet.dts is None or number == frames:
                break
            packet.stream = copied
            target.mux(packet)


@contextmanager
def served(folder: Path, *, chunked: bool = False) -> Iterator[str]:
    """A server without Range, that closes or ends its chunks where the file ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if chunked else "HTTP/1.0"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = folder / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            data = path.read_bytes()
            self.send_response(200)
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
                data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
            self.end_headers()
            self.wfile.write(data)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def frames_of(uri: str, **options: Any) -> int:
    with open_source(uri, options=SourceOptions(**options)) as source:
        return sum(1 for _ in source.pictures())


@pytest.mark.parametrize(
    "name",
    [
        "Star Wars: A New Hope.ts",
        "12:30 news.ts",
        "concat:a.ts",
        "http:x.ts",
        "file:y.ts",
        "a%20b.ts",
    ],
)
def test_an_existing_path_is_a_path(
    name: str, stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(stream, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for uri in (name, f"./{name}", str(tmp_path / name)):
        assert frames_of(uri) == FRAMES


@pytest.mark.parametrize("chunked", [False, True])
def test_what_was_seen_before_a_stream_broke_off_counts(
    chunked: bool,  # noqa: FBT001 - pytest names it
    stream: Path,
    few: Path,
) -> None:
    with served(stream.parent, chunked=chunked) as url:
        ran = tvradar(
            "identify", f"{url.upper().replace('HTTP', 'Http')}/f.ts", "-g", few, "--json"
        )
    assert ran.code == 0, ran
    assert {p["id"] for p in ran.json["people"]} == {STAR, SECOND}
    assert ran.json["frames"] > FRAMES - 10
    assert "stream" in ran.json["warnings"][-1]


@pytest.mark.parametrize("form", ["h264", "mpjpeg"])
def test_what_came_before_an_end_without_a_length_counts(
    form: str, free: Free, few: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"f.{form}"
    with av.open(str(free.clip)) as source, av.open(str(path), "w", format=form) as target:
        video = source.streams.video[0]
        if form == "h264":
            copied = target.add_stream_from_template(video)
            for packet in source.demux(video):
                if packet.dts is not None:
                    packet.stream = copied
                    target.mux(packet)
        else:
            made = target.add_stream("mjpeg", rate=25)
            made.width, made.height, made.pix_fmt = video.width, video.height, "yuvj420p"
            for frame in source.decode(video):
                target.mux(made.encode(frame.reformat(format="yuvj420p")))
            target.mux(made.encode(None))
    with served(tmp_path) as url:
        ran = tvradar("identify", f"{url}/{path.name}", "-g", few, "--json")
    assert ran.code == 0, ran
    assert {p["id"] for p in ran.json["people"]} == {STAR, SECOND}
    assert ran.json["warnings"]


def test_what_came_before_datagrams_stop_counts(stream: Path, few: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        place = probe.getsockname()
    over = threading.Event()

    def send() -> None:
        data = stream.read_bytes()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(40):  # until who listens has been there long enough to hear it all
                for at in range(0, len(data), 1316):
                    sender.sendto(data[at : at + 1316], place)
                    time.sleep(0.002)
                if over.wait(0.2) or listens(place[1]) > 1:
                    return

    heard = 0

    def listens(port: int) -> int:
        nonlocal heard
        lines = Path("/proc/net/udp").read_text()
        heard += f":{port:04X} " in lines
        return heard

    sender = threading.Thread(target=send)
    sender.start()
    try:
        ran = tvradar("identify", f"udp://127.0.0.1:{place[1]}", "-g", few, "--json")
    finally:
        over.set()
        sender.join()
    assert ran.code == 0, ran
    assert {p["id"] for p in ran.json["people"]} == {STAR, SECOND}
    assert "no data for 5 s" in ran.json["warnings"][-1]


def test_standard_input_that_is_a_file_is_a_file(free: Free, few: Path, tmp_path: Path) -> None:
    film = tmp_path / "f.mp4"  # its index stands at the end: no pipe could be read so
    shutil.copy(free.clip, film)
    command = [str(TVRADAR), "identify", "-", "-g", str(few), "--json"]
    with film.open("rb") as file:
        ran = subprocess.run(command, stdin=file, capture_output=True, check=True)
    assert f'"frames":{FRAMES},'.encode() in ran.stdout


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_a_pipe_is_read_from_its_first_byte_on(name: str, stream: Path, few: Path) -> None:
    command = [str(TVRADAR), "identify", name, "-g", str(few), "--json"]
    ran = subprocess.run(command, input=stream.read_bytes(), capture_output=True, check=True)
    assert f'"frames":{FRAMES},'.encode() in ran.stdout


def test_a_fifo_and_a_picture_in_a_pipe(
    stream: Path, free: Free, few: Path, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(stream.read_bytes()))
    writer.start()
    assert frames_of(str(fifo)) == FRAMES
    writer.join()
    with pytest.raises(SourceError, match=r"nothing came for 0\.2 s"):
        frames_of(str(fifo), open_timeout_s=0.2)
    command = [str(TVRADAR), "identify", "-", "-g", str(few), "--json"]
    data = free.pair.read_bytes()
    ran = subprocess.run(command, input=data, capture_output=True, check=True)
    assert STAR.encode() in ran.stdout
    ran = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert (ran.returncode, b"Traceback" in ran.stderr) == (2, False)


LISTS = {
    "list.mp4": "ffconcat version 1.0\nfile f.ts\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nf.ts\n#EXT-X-ENDLIST\n",
    "far.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{}\n#EXT-X-ENDLIST\n",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "list.mpd": '<?xml version="1.0"?><MPD><BaseURL>f.ts</BaseURL></MPD>',
}


@pytest.mark.parametrize("name", LISTS)
def test_a_film_that_is_a_list_of_others_opens_none(
    name: str, stream: Path, tmp_path: Path
) -> None:
    shutil.copy(stream, tmp_path / "f.ts")
    (tmp_path / name).write_text(LISTS[name].replace("{}", str(tmp_path / "f.ts")))
    with pytest.raises(SourceError) as caught:
        frames_of(str(tmp_path / name))
    assert caught.value.exit_code == 2
    if name == "far.m3u8":  # from a server it may name other addresses, but no file of ours
        with served(tmp_path) as url, pytest.raises(EdgeError):
            frames_of(f"{url}/{name}")
    if name == "list.m3u8":
        with served(tmp_path) as url:
            assert frames_of(f"{url}/{name}", live=False) > FRAMES - 10


@pytest.mark.parametrize(
    "uri", ["concat:f.ts|f.ts", "subfile,,start,0,end,0,,:f.ts", "data:video/mp4,x"]
)
def test_addresses_that_ffmpeg_would_know_are_no_files(
    uri: str, stream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stream.parent)
    with pytest.raises(SourceError, match="no such file"):
        open_source(uri)


def test_the_default_stream_is_taken_and_another_by_its_number(free: Free, tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as target:
        small, large = (target.add_stream("libx264", rate=25) for _ in range(2))
        for stream, (width, height) in ((small, (160, 96)), (large, (320, 192))):
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        small.disposition = av.stream.Disposition.default
        large.disposition = av.stream.Disposition(0)
        for stream in (small, large):
            for number in range(5):
                frame = av.VideoFrame(stream.width, stream.height, "yuv420p")
                frame.pts = number
                target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
    sizes = {}
    for number in (None, 0, 1):
        with open_source(str(path), options=SourceOptions(stream=number)) as source:
            sizes[number] = source.size
    assert sizes == {None: (160, 96), 0: (160, 96), 1: (320, 192)}
    with pytest.raises(SourceError, match=r"no video stream 2, expected one from 0 to 1"):
        open_source(str(path), options=SourceOptions(stream=2))


def section(pid: int, body: bytes) -> bytes:
    """Return a packet with one table, its checksum left out: it is not looked at."""
    packet = bytes([0x47, 0x40 | pid >> 8, pid & 0xFF, 0x10, 0]) + body + bytes(4)
    return packet.ljust(188, b"\xff")


def test_programmes_of_a_transport_stream(free: Free, tmp_path: Path) -> None:
    one, other = tmp_path / "one.ts", tmp_path / "other.ts"
    remux(
        free.clip,
        one,
        20,
        mpegts_service_id="5",
        mpegts_start_pid="0x200",
        mpegts_pmt_start_pid="0x1100",
    )
    remux(
        free.clip,
        other,
        40,
        mpegts_service_id="9",
        mpegts_start_pid="0x300",
        mpegts_pmt_start_pid="0x1200",
    )
    assert programmes_of(one.read_bytes()) == {5: frozenset({0x200})}
    packets = [
        data[i : i + 188]
        for data in (one.read_bytes(), other.read_bytes())
        for i in range(0, len(data), 188)
        if int.from_bytes(data[i + 1 : i + 3], "big") & 0x1FFF
    ]
    body = bytes([0, 0xB0, 17, 0, 1, 0xC1, 0, 0, 0, 5, 0xF1, 0x00, 0, 9, 0xF2, 0x00])
    both = tmp_path / "both.ts"
    both.write_bytes(section(0, body) + b"".join(packets))
    assert programmes_of(both.read_bytes()) == {5: frozenset({0x200}), 9: frozenset({0x300})}
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with served(tmp_path) as url:
        for number, frames in ((5, 20), (9, 40)):
            writer = threading.Thread(
                target=lambda: fifo.write_bytes(both.read_bytes()), daemon=True
            )
            writer.start()
            for place in (str(both), f"{url}/both.ts", str(fifo)):
                got = frames_of(place, programme=number, live=False)
                assert frames - 10 < got <= frames, place
            writer.join(5)
        with pytest.raises(SourceError, match=r"no programme 7 with a picture, expected one of 5"):
            frames_of(f"{url}/both.ts", programme=7)


@given(st.binary(max_size=2000))
def test_no_bytes_are_taken_for_programmes(data: bytes) -> None:
    assert isinstance(programmes_of(data), dict)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_any_text_as_an_address_is_refused_in_our_words(text: str) -> None:
    options = SourceOptions(open_timeout_s=0.2, read_timeout_s=0.2)
    with pytest.raises(EdgeError):
        open_source(f"/no such folder/{text}", options=options)
    if not Path(text.replace("\0", "")).exists() and "//" not in text:
        with pytest.raises(EdgeError):
            open_source(text or "?", options=options)


def test_annotating_a_film_onto_itself_is_refused(free: Free, few: Path, tmp_path: Path) -> None:
    film = tmp_path / "f.mp4"
    shutil.copy(free.clip, film)
    before = film.read_bytes()
    link = tmp_path / "link.mp4"
    link.symlink_to(film)
    for words in (
        ("identify", film, "--annotate", tmp_path / "." / "f.mp4"),
        ("identify", f"file://{film}", "--annotate", link),
        ("identify", tmp_path, "--annotate", film),
        ("timeline", film, "--html", film),
        ("run", "--source", film, "--output", film),
    ):
        ran = tvradar(*words, "-g", few)
        assert ran.code == 2
        assert "the source itself" in " ".join(ran.err.split())
    assert film.read_bytes() == before


def test_passwords_stand_in_no_output(few: Path, stream: Path) -> None:
    with served(stream.parent) as url:
        uri = f"{url}/f.ts?token=sesame".replace("//", "//me:sesame@")
        for words in (("identify", uri, "--json"), ("timeline", uri), ("timeline", uri, "--json")):
            ran = tvradar(words[0], "-g", few, *words[1:])
            assert "sesame" not in ran.out + ran.err, ran
