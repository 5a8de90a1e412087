"""What leaves the memory in a watched session: nothing, and the watch would see it."""

import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from edge.privacy.captioned import SEEN, with_caption
from edge.privacy.naming import NamingVisit
from edge.privacy.spoken import traces_of
from edge.privacy.subtitled import WORDS, with_subtitles
from edge.privacy.trace import Output, parse
from edge.privacy.verdict import Allowed, judge
from edge.recognise.cues.cue import CUE_KINDS
from edge.testbed.spoken import speech, with_sound
from edge.video.open import open_source
from edge.video.source import SOUND_RATE, SourceOptions
from tests.free import FRAMES, Free
from tests.integration.conftest import tvradar
from tests.unit.edge.captions import dvb


@pytest.fixture
def words(free: Free) -> list[object]:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    return ["privacy-check", "--source", free.clip, "--people", free.people]


def with_dvb(free: Free, film: Path) -> Path:
    """Return a transport stream of the clip with a DVB subtitle that names somebody."""
    spoken = dvb.display_set(dvb.text_picture("OBAMA: Good evening"))
    dvb.over(free.clip, film, (1.0, spoken), (4.0, dvb.display_set(version=1)))
    return film


def test_a_session_lets_nothing_out(words: list[object], free: Free, tmp_path: Path) -> None:
    words[2] = with_dvb(free, tmp_path / "f.ts")  # clothes, captions, subtitles of both kinds
    ran = tvradar(*words, "--presses", 2, "--cues", "all", "--naming", "--json")
    if "this machine is busy" in " ".join(ran.err.split()):
        pytest.skip("this machine is too busy to read text, which yields to faces")
    assert ran.code == 0, ran.out + ran.err
    assert ran.json["readings"] >= 2  # in both runs
    assert ran.json["subtitles"] >= 2
    assert ran.json["voices"] >= 2
    assert ran.json["told"] == 2  # what a caption says of a stranger: in answers, nowhere else
    assert ran.json["cues"] == sorted(CUE_KINDS)  # clothes among them
    lines = ran.json["lines"]
    assert {line["process"] for line in lines} == {"recogniser", "updater"}
    assert [line for line in lines if line["target"] == "loopback" and line["size"]]
    assert ran.json["naming"]
    assert [line for line in lines if line["what"] == "who was named, after a yes"]


def test_the_film_under_watch_has_subtitles_a_voice_and_its_pictures(
    free: Free, tmp_path: Path
) -> None:
    path, said = tmp_path / "f.mkv", speech(2.0)
    with_caption(with_dvb(free, tmp_path / "f.ts"), tmp_path / "captioned.mkv")
    with_subtitles(tmp_path / "captioned.mkv", tmp_path / "told.mkv", "Ada Chen")
    with_sound(tmp_path / "told.mkv", path, said)
    with open_source(str(path), options=SourceOptions(subtitles=True, sound=True)) as source:
        assert sum(1 for _ in source.pictures()) == FRAMES
        lines, pictures = source.stats.subtitles, source.stats.subtitle_pictures
        heard = b"".join(piece.samples for piece in source.stats.sound)
    samples = np.frombuffer(heard, np.float32)
    assert len(samples) > 4 * SOUND_RATE
    assert said.tobytes() in heard  # on and on, and to the bit
    assert [round(picture.from_s) for picture in pictures] == [1]
    assert [round(line.from_s) for line in lines] == [0, 5]
    assert {line.text for line in lines} == {f"Ada Chen: {WORDS}"}


def test_a_film_that_is_written_is_seen(words: list[object], tmp_path: Path) -> None:
    film = tmp_path / "out.mp4"
    ran = tvradar(*words, "--presses", 1, "--json", "--config", f'output = "{film}"')
    assert ran.code == 1
    found = [line for line in ran.json["lines"] if line["problem"]]
    assert {Path(line["target"]).parent for line in found} == {film.parent}  # drafts, then renamed
    assert sum(line["size"] for line in found) > 10_000


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (r'write(5</home/tv/x.jpg>, "\xff\xd8\xff\xe0", 4) = 4', "nobody said"),
        (
            r'sendto(7<TCP:[127.0.0.1:80->127.0.0.1:99]>, "\xff\xd8\xff\xe0", 4, 0, NULL, 0) = 4',
            "a JPEG",
        ),
        (
            r'sendto(7<TCP:[10.0.0.2:80->93.184.216.34:443]>, "hello", 5, 0, NULL, 0) = 5',
            "nobody said",
        ),
        (
            'connect(7<TCP:[1]>, {sin_port=htons(443), sin_addr=inet_addr("93.184.216.34")}) = 0',
            "nobody said",
        ),
        (r"mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 5</home/x>, 0) = 0x7f00", "nobody"),
        (
            'write(5</run/pulse>, "' + "0.123, " * 64 + '", 448) = 448',
            "as an embedding",
        ),
    ],
)
def test_what_must_not_leave_is_recognised(line: str, problem: str) -> None:
    output = parse(line)
    assert output is not None
    (found,) = judge("recogniser", [output], Allowed({Path("/run/pulse"): "pulse"}, {}))
    assert problem in found.problem


def test_the_words_of_a_subtitle_are_found_in_what_is_sent() -> None:
    sent = "".join(f"\\x{byte:02x}" for byte in f'{{"text": "{WORDS}"}}'.encode())
    output = parse(f'sendto(7<TCP:[127.0.0.1:80->127.0.0.1:99]>, "{sent}", 60, 0, NULL, 0) = 60')
    assert output is not None
    for words, problem in ((WORDS, "a subtitle"), ("others", "")):
        (found,) = judge("recogniser", [output], Allowed({}, {}, words=words.encode()))
        assert problem in found.problem
        assert bool(found.problem) == bool(problem)


def test_what_a_caption_says_may_only_be_in_an_answer_to_a_reader_here() -> None:
    allowed = Allowed({Path("/log"): "log"}, {}, caption=SEEN)
    answer = b'{"press":1,"people":[],"texts":["Sylvia Quandt"]}'
    for target, content, told in (
        ("TCP:[127.0.0.1:80->127.0.0.1:99]", answer, True),
        ("TCP:[127.0.0.1:80->127.0.0.1:99]", b"\x82tvradar/tv/answer" + answer, False),
        ("TCP:[127.0.0.1:80->127.0.0.1:99]", b'{"type":"scene","texts":["Quandt"]}', False),
        ("TCP:[10.0.0.2:80->10.0.0.9:99]", answer, False),
        ("/log", answer, False),
    ):
        (found,) = judge("recogniser", [Output("write", target, 9, content)], allowed)
        assert bool(found.problem) != told


def test_sound_and_a_voiceprint_are_found_in_what_is_written() -> None:
    said, voice = speech(1.0), np.linspace(-1, 1, 256, dtype="<f4").tobytes()
    allowed = Allowed({Path("/log"): "log"}, {}, hidden=traces_of(said, voice))
    pcm = (said * 32768).astype("<i2").tobytes()
    for content, problem in (
        (said.tobytes()[6000:10096], "sound"),
        (pcm[3000:7096], "sound"),
        (b"xx" + voice[512:], "voiceprint"),
        (b"RIFF\x00\x10\x00\x00WAVEfmt ", "a WAVE"),
        (b"other numbers" * 300, ""),
    ):
        (found,) = judge("recogniser", [Output("write", "/log", 9, content)], allowed)
        assert problem in found.problem
        assert bool(found.problem) == bool(problem)


def test_who_was_named_may_only_be_where_they_are_kept(tmp_path: Path) -> None:
    folder, log = tmp_path / "named", tmp_path / "log"
    allowed = Allowed({folder: "named", log: "log"}, {}, faces=frozenset([folder]), secret=b"Zqx")
    targets = (f"{folder}/people.bin", str(log), "TCP:[127.0.0.1:80->127.0.0.1:99]")
    for content in (b"who: Zqx", b"\xff\xd8\xff\xe0"):
        found = [
            judge("recogniser", [Output("write", target, 9, content)], allowed)[0].problem
            for target in targets
        ]
        assert not found[0]
        assert found[1]
        assert bool(found[2]) == (content[0] == 0xFF)  # a page is told the name, not sent the face


class _Hasty(BaseHTTPRequestHandler):
    """Lets a face be chosen, and writes it down at once."""

    folder: Path

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/api/naming":
            (self.folder / "face.bin").write_bytes(b"template")
        self.send_response(409 if self.path == "/api/naming/save" else 200)
        self.end_headers()
        self.wfile.write(b'{"unnamed": [{"track": 1}]}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_a_face_that_is_kept_too_early_is_told(tmp_path: Path) -> None:
    _Hasty.folder = tmp_path
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hasty) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        visit = NamingVisit(tmp_path)
        try:
            visit.choose_and_leave(f"http://127.0.0.1:{server.server_port}/")
            early = visit.too_early
        finally:
            server.shutdown()
            thread.join()
    assert [line.problem for line in early] == ["a face was only chosen, then cancelled"]


@pytest.mark.parametrize(
    "line",
    [
        r'write(5</home/tv/x>, "abc", 3) = -1 ENOSPC (No space left on device)',
        r"mmap(NULL, 4096, PROT_READ, MAP_SHARED, 5</home/x>, 0) = 0x7f00",
        "exit_group(0) = ?",
    ],
)
def test_what_did_not_leave_is_not_counted(line: str) -> None:
    assert parse(line) is None
