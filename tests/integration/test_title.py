"""The title's cast from an NFO, a broadcast's table and a request: each real, each damaged once."""

from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING, Any

import av
import httpx
import pytest

from edge.library import identify
from tests.free import SECOND, STAR, Free
from tests.integration.conftest import running, shorten, tvradar
from tests.polling import until

if TYPE_CHECKING:
    from pathlib import Path

NFO = "<movie><title>Speeches</title><actor><name>BARACK OBAMA</name></actor></movie>"


def kinds(found: dict[str, Any], person: str) -> set[str]:
    return {cue["kind"] for f in found["faces"] if f["id"] == person for cue in f["cues"]}


def without_cues(found: dict[str, Any]) -> dict[str, Any]:
    faces = [{k: v for k, v in face.items() if k != "cues"} for face in found["faces"]]
    return {**found, "faces": faces, "source": ""}


@pytest.mark.parametrize("damaged", [False, True])
def test_an_nfo_beside_the_film(damaged: bool, free: Free, few: Path, tmp_path: Path) -> None:  # noqa: FBT001
    film = tmp_path / "film.mp4"
    shorten(free.clip, film, 120)
    plain = tvradar("identify", film, "-g", few, "--json").json
    assert kinds(plain, STAR) == {"face"}
    (tmp_path / "film.nfo").write_text(NFO[: len(NFO) // 2] if damaged else NFO)
    ran = tvradar("identify", film, "-g", few, "--json")
    assert ran.code == 0, ran
    assert kinds(ran.json, STAR) == ({"face"} if damaged else {"face", "title"})
    assert kinds(ran.json, SECOND) <= {"face"}
    assert ("film.nfo" in ran.err) is damaged
    faces_alone = tvradar("identify", film, "-g", few, "--json", "--cues", "none").json
    assert without_cues(faces_alone) == without_cues(plain)
    assert tvradar("identify", film, "-g", few, "--cues", "smell").code == 2


def test_a_request_says_what_plays(free: Free, few: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    shutil.copy(free.clip, film)
    config = tmp_path / "run.toml"
    config.write_text(f'source = "{film}"\ngallery = "{few}"\nloop = true\n[serve]\nport = 0\n')
    with running(config) as (_, url), httpx.Client(base_url=url) as client:
        assert client.get("/api/title").json() == {
            "title": "", "source": None, "cast": [], "unknown": [],
        }  # fmt: skip
        said = client.post("/api/title", json={"title": "Film", "cast": ["barack obama", "X Y"]})
        assert said.json() == {
            "title": "Film", "source": "request", "cast": [STAR], "unknown": ["X Y"],
        }  # fmt: skip
        for wrong in (b"{", b'{"cast": [1]}', b'{"what": "film"}'):
            assert client.post("/api/title", content=wrong).status_code == 400
        assert client.get("/api/title").json()["title"] == "Film"
        assert client.get("/api/status").json()["title"]["cast"] == [STAR]

        def spoke() -> bool:
            people = client.post("/api/press", json={}).json()["people"]
            return any("title" in {c["kind"] for c in p["cues"]} for p in people if p["id"] == STAR)

        assert until(spoke)
        assert 'tvradar_cues_total{cue="title"}' in client.get("/metrics").text
        assert client.post("/api/title", json={}).json()["cast"] == []


def test_a_subtitle_says_who_speaks(free: Free, few: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    srt = "1\n00:00:01,000 --> 00:00:03,500\nOBAMA: Good evening.\n\n"
    with (
        av.open(str(free.clip)) as clip,
        av.open(io.BytesIO(srt.encode()), format="srt") as told,
        av.open(str(film), "w") as made,
    ):
        video = made.add_stream_from_template(clip.streams.video[0])
        track = made.add_stream_from_template(told.streams[0])
        lines = [packet for packet in told.demux() if packet.size]
        for packet in clip.demux(video=0):
            if packet.dts is None or packet.dts * packet.time_base > 4:
                break
            while lines and packet.dts * packet.time_base >= lines[0].pts * lines[0].time_base:
                line = lines.pop(0)
                line.stream = track
                made.mux(line)
            packet.stream = video
            made.mux(packet)
    found = identify(film, few, cues=("text",))
    star = [face for face in found.faces if face.id == STAR]
    assert {kind for face in star for kind in (s.kind for s in face.cues)} == {"face", "text"}
    assert [(t.text, t.person) for t in found.texts] == [("OBAMA: Good evening.", STAR)]
    faces = identify(film, few, cues=())
    assert not faces.texts
    assert {s.kind for face in faces.faces for s in face.cues} == {"face"}
