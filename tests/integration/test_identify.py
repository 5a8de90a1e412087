"""The main job on real pictures and a real clip, through the command line."""

import json
import os
import signal
import subprocess
import time
from collections import defaultdict
from pathlib import Path

import av
import pytest

from tests.free import FRAMES, SECOND, STAR, STRANGER_FROM, Free
from tests.integration.conftest import TVRADAR, tvradar

SCENES = {
    "bbt1.jpg": ["raj", "leonard", "howard", "sheldon"],
    "bbt2.jpg": ["leonard", "sheldon"],
    "bbt3.jpg": ["sheldon", "howard", "penny", "raj", "leonard"],
}


@pytest.mark.parametrize("scene", SCENES)
def test_names_everybody_in_the_sitcom_scenes(scene: str, sitcom: Path, data_dir: Path) -> None:
    ran = tvradar("identify", data_dir / "sitcom" / "scenes" / scene, "-g", sitcom, "--json")
    assert ran.code == 0
    faces = sorted(ran.json["faces"], key=lambda f: f["box"][0])
    assert [f["id"] for f in faces if f["id"]] == SCENES[scene]
    assert {p["id"] for p in ran.json["people"]} == set(SCENES[scene])


@pytest.fixture(scope="module")
def programme(few: Path, free: Free) -> dict:
    ran = tvradar("identify", free.clip, "-g", few, "--json")
    assert ran.code == 0
    return ran.json


def test_names_who_is_seen_and_no_stranger(programme: dict) -> None:
    assert {p["id"] for p in programme["people"]} == {STAR, SECOND}
    seen = {f["frame"] for f in programme["faces"] if f["id"] == STAR}
    assert len(seen) > 120
    assert max(seen) < STRANGER_FROM
    assert {f["id"] for f in programme["faces"] if f["frame"] >= STRANGER_FROM} == {None}


@pytest.fixture(scope="module")
def clip(concert: Path, data_dir: Path) -> dict:
    ran = tvradar("identify", data_dir / "concert" / "clip.mp4", "-g", concert, "--json")
    assert ran.code == 0
    return ran.json


def test_names_nobody_wrongly_in_the_concert(clip: dict, data_dir: Path) -> None:
    shots = json.loads((data_dir / "concert" / "labels.json").read_text())["shots"]
    named = defaultdict(set)
    for face in clip["faces"]:
        named[face["frame"]].add(face["id"])
    for shot in shots:
        for frame in range(shot["first"], shot["last"] + 1):
            assert named[frame] - {None} <= set(shot["visible"]), frame
    for first, last in ((0, 19), (82, 210)):
        frames = range(first, last + 1)
        seen = sum("Lin-Manuel_Miranda" in named[frame] for frame in frames)
        assert seen / len(frames) > 0.9


def test_a_frontal_shot_names_the_profile_and_so_nobody_beside_it(
    data_dir: Path, tmp_path: Path
) -> None:
    """In the last shot a man in profile talks to a stranger who is a little more like his portrait.

    By its own faces the shot has the name at the stranger; the shots before know the profile.
    """
    film = data_dir / "films" / "friends"
    assert tvradar("gallery", "enrol", film / "portraits", "-o", tmp_path / "g").code == 0
    ran = tvradar("identify", film / "clip.mp4", "-g", tmp_path / "g", "--json")
    last = [f for f in ran.json["faces"] if f["frame"] == 400]
    stranger, friend = sorted(last, key=lambda f: f["box"][0])
    assert (stranger["id"], friend["id"]) == (None, "joey")


def test_a_track_keeps_its_name_and_a_face_without_one_has_a_reason(programme: dict) -> None:
    clip = programme
    names = defaultdict(set)
    for face in clip["faces"]:
        names[face["track"]].add(face["id"])
        assert (face["id"] is None) == (face["why"] is not None)
        assert (face["name"] is None) == (face["id"] is None)
    assert all(len(ids) == 1 for ids in names.values())
    assert {f["why"] for f in clip["faces"] if f["frame"] >= STRANGER_FROM} - {None}


def test_json_has_the_form_of_the_contract(programme: dict) -> None:
    clip = programme
    assert clip["frames"] == FRAMES
    assert {"id", "name", "seconds", "first_s", "last_s", "score"} <= set(clip["people"][0])
    keys = {"pts_s", "frame", "track", "box", "id", "name", "score", "why", "candidates"}
    assert keys <= set(clip["faces"][0])
    times = [f["pts_s"] for f in clip["faces"]]
    assert times == sorted(times)
    for face in clip["faces"]:
        left, top, right, bottom = face["box"]
        assert left < right
        assert top < bottom


def test_annotated_video_plays_and_has_all_frames(few: Path, free: Free, tmp_path: Path) -> None:
    path = tmp_path / "named.mp4"
    ran = tvradar("identify", free.clip, "-g", few, "--annotate", path)
    assert ran.code == 0
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES
        assert container.streams.audio


def test_ctrl_c_keeps_what_was_found(few: Path, free: Free, tmp_path: Path) -> None:
    film = tmp_path / "long.mp4"
    loop(free.clip, film, times=60)
    process = subprocess.Popen(
        [str(TVRADAR), "identify", str(film), "-g", str(few), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(8)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    found = json.loads(out)
    assert not found["complete"]
    assert 0 < found["frames"] < 60 * FRAMES


def loop(clip: Path, film: Path, times: int) -> None:
    """Write a clip several times after itself, without coding it again."""
    with av.open(str(film), "w") as target:
        shift = 0
        stream = None
        for _ in range(times):
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                stream = stream or target.add_stream_from_template(video)
                last = 0
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    last = max(last, packet.pts + (packet.duration or 0))
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = stream
                    target.mux(packet)
                shift += last


@pytest.mark.skipif(
    "TVRADAR_LONG_TESTS" not in os.environ, reason="ten minutes of film; set TVRADAR_LONG_TESTS=1"
)
def test_ten_minutes_run_in_flat_memory(few: Path, free: Free, tmp_path: Path) -> None:
    film = tmp_path / "long.mp4"
    loop(free.clip, film, times=60)
    process = subprocess.Popen(
        [str(TVRADAR), "identify", str(film), "-g", str(few), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    sizes = []
    while process.poll() is None and len(sizes) < 40:
        time.sleep(3)
        status = Path(f"/proc/{process.pid}/status").read_text()
        sizes += [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")]
    out, _ = process.communicate(timeout=1800)
    assert json.loads(out)["frames"] == 60 * FRAMES
    # the faces found are kept until the end, 13,500 frames of them: some 20 MB; a frame has 0.7
    assert max(sizes[5:]) - min(sizes[5:]) < 60_000
