"""Speed and memory of the whole, as ratios, since machines differ and are shared."""

import shutil
from pathlib import Path

import pytest

from tests.free import Free
from tests.integration.conftest import shorten, tool, tvradar


@pytest.mark.alone
def test_against_plain_opencv_on_the_same_clip(concert: Path, data_dir: Path) -> None:
    clip = data_dir / "concert" / "clip.mp4"
    ran = tvradar("bench", "pipeline", "--source", clip, "--gallery", concert, "--json")
    assert ran.code == 0, ran
    ours, opencv = ran.json["ours"], ran.json["opencv"]
    assert (ours["wrong"], ours["frames"]) == (0, 275)
    assert ours["right"] >= max(opencv["right"], 230)
    assert ran.json["ratio_cpu"] <= 0.3
    assert ran.json["ratio_fps"] >= 3
    assert ours["peak_rss_mb"] <= 300


def test_sizes_of_television_beside_what_decoding_costs(
    few: Path, free: Free, tmp_path: Path
) -> None:
    shorten(free.clip, tmp_path / "film.mp4", frames=40)
    ran = tvradar(
        *("bench", "pipeline", "--source", tmp_path / "film.mp4", "--gallery", few),
        *("--size", "720p", "--labels", free.labels, "--int8", "--json"),
    )
    assert ran.code == 0, ran
    int8 = ran.json["int8"]
    assert (int8["frames"], int8["wrong"]) == (40, 0)
    assert ran.json["ratio_fps_int8"] == pytest.approx(
        int8["fps"] / ran.json["ours"]["fps"], abs=0.02
    )
    assert ran.json["ratio_cpu_int8"] > 0
    sides = [ran.json[name] for name in ("decode", "decode_bgr", "ours", "opencv")]
    assert {side["frames"] for side in sides} == {40}
    assert 0 < sides[0]["cpu_ms_frame"] < sides[2]["cpu_ms_frame"] < 1000
    assert ran.json["ratio_decode"] > 1
    assert (ran.json["size"], sides[2]["wrong"], sides[0]["right"]) == ("720p", 0, None)


def test_peers_that_are_here_are_run_and_the_others_named(
    few: Path, free: Free, tmp_path: Path
) -> None:
    shorten(free.clip, tmp_path / "film.mp4", frames=60)
    shutil.copy(free.labels, tmp_path)
    ran = tool(
        *("bench_peers.py", tmp_path / "film.mp4", "--gallery", few),
        *("--people", free.people, "--json"),
    )
    assert ran.code == 0, ran
    sides = {name.split()[0]: side for name, side in ran.json.items()}
    assert {"tvradar", "OpenCV"} <= set(sides)
    for side in sides.values():
        assert side["frames"] == 60
        assert side["fps"] > 0
    assert sides["tvradar"]["right"] > 0
    for name in {"face_recognition", "MediaPipe", "insightface"} - set(sides):
        assert f"left out: {name}" in ran.err


@pytest.mark.alone
def test_starts_within_memory_with_ten_thousand_people(
    few: Path, free: Free, tmp_path: Path
) -> None:
    filled = tmp_path / "filled"
    assert tool("fill_gallery.py", few, 10_000, "-o", filled).code == 0
    ran = tvradar(
        *("bench", "boot", "--source", free.clip),
        *("--gallery", filled, "--starts", "1", "--cold", "--json"),
    )
    assert ran.code == 0, ran
    (start,) = ran.json["starts"]
    assert 0 < start["serving_s"] <= start["first_frame_s"] <= start["first_name_s"]
    assert start["serving_s"] < 10
    assert start["peak_rss_mb"] <= 350


def test_boot_says_why_the_service_did_not_start(tmp_path: Path) -> None:
    ran = tvradar("bench", "boot", "--source", "none.mp4", "--gallery", tmp_path, "--starts", "1")
    assert ran.code == 1
    assert "bench boot" in ran.err


def test_streams_says_that_a_service_ended(few: Path) -> None:
    ran = tvradar("bench", "streams", "--source", "none.mp4", "--gallery", few)
    assert ran.code == 1
    assert "bench streams: the service" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("starts", ["0", "1000"])
def test_boot_starts_a_sensible_number_of_times(starts: str, tmp_path: Path) -> None:
    ran = tvradar("bench", "boot", "--source", "a", "--gallery", tmp_path, "--starts", starts)
    assert ran.code == 2


@pytest.mark.alone
def test_two_streams_at_once(few: Path, free: Free) -> None:
    ran = tvradar(
        *("bench", "streams", "--source", free.clip),
        *("--gallery", few, "--count", "2", "--seconds", "3", "--json"),
    )
    assert ran.code == 0, ran
    first, second = ran.json["streams"]
    for stream in (first, second):
        assert 0 < stream["recognised_per_s"] + stream["dropped_per_s"] < 60
        assert 0 < stream["cores"] <= 2
    assert 0 < ran.json["machine"] <= 1
