"""Every bad input gives a clear error or a right result, and leaves nothing half-written."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.free import FRAMES, STAR, Free, variants
from tests.integration.conftest import tvradar


def refused(ran, code: int, *words: str) -> None:
    assert ran.code == code, ran
    assert ran.out == ""
    assert "Traceback" not in ran.err
    text = " ".join(ran.err.split())
    for word in words:
        assert word in text, ran.err


def test_missing_file(few: Path, tmp_path: Path) -> None:
    refused(tvradar("identify", tmp_path / "no.mp4", "-g", few), 2, "no.mp4", "no such")


def test_text_called_mp4(few: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("hello " * 1000)
    refused(tvradar("identify", path, "-g", few, "--json"), 2, "text.mp4")


@pytest.mark.parametrize("share", [0.02, 0.6])
def test_truncated_mp4(share: float, few: Path, free: Free, tmp_path: Path) -> None:
    data = free.clip.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: int(len(data) * share)])
    ran = tvradar("identify", path, "-g", few, "--json")
    if ran.code == 0:  # the index stood at the front: what is there is named, and said to be less
        assert 0 < ran.json["frames"] < FRAMES
        assert ran.json["warnings"]
    else:
        refused(ran, 2, "cut.mp4")


def test_pictures_of_all_kinds(few: Path, free: Free, tmp_path: Path) -> None:
    scene = Image.open(free.pair)
    people = {"barack_obama", "joe_biden"}
    grey = scene.convert("L")
    wide = np.asarray(grey, np.uint16) * 257
    Image.fromarray(wide).save(tmp_path / "16bit.png")
    scene.convert("RGBA").save(tmp_path / "rgba.png")
    exif = Image.Exif()
    exif[0x0112] = 8
    grey.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    for name in ("16bit.png", "rgba.png", "turned.jpg"):
        ran = tvradar("identify", tmp_path / name, "-g", few, "--json")
        assert ran.code == 0, ran
        assert {p["id"] for p in ran.json["people"]} == people, name


def test_one_pixel(few: Path, tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "p.png")
    ran = tvradar("identify", tmp_path / "p.png", "-g", few, "--json")
    assert (ran.code, ran.json["frames"], ran.json["faces"]) == (0, 1, [])


def test_gallery_with_a_flipped_byte(few: Path, free: Free, tmp_path: Path) -> None:
    folder = tmp_path / "gallery"
    shutil.copytree(few, folder, symlinks=True)
    files = [p for p in (folder / "current").resolve().iterdir() if p.is_file()]
    assert len(files) >= 3
    for path in files:
        good = path.read_bytes()
        bad = bytearray(good)
        bad[len(bad) // 2] ^= 0x10
        path.chmod(0o644)
        path.write_bytes(bad)
        refused(tvradar("identify", free.pair, "-g", folder), 2, path.name)
        path.write_bytes(good)


def test_no_gallery(free: Free, tmp_path: Path) -> None:
    refused(tvradar("identify", free.pair, "-g", tmp_path / "none"), 3, "none", "enrol")


@pytest.mark.parametrize("bench", [("pipeline", "--size", "1080p"), ("live",), ("press",)])
def test_a_bench_asks_for_the_gallery_before_it_works(
    bench: tuple[str, ...], tmp_path: Path
) -> None:
    film = tmp_path / "text.mp4"  # had it been opened first, it would be what is complained of
    film.write_text("hello " * 1000)
    refused(tvradar("bench", *bench, "--source", film, "-g", tmp_path / "none"), 3, "none", "enrol")


def test_empty_people_folder(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    ran = tvradar("gallery", "enrol", tmp_path / "people", "-o", tmp_path / "out")
    refused(ran, 2, "no folder in it")
    assert not (tmp_path / "out").exists()


def test_a_person_without_a_usable_picture(free: Free, tmp_path: Path) -> None:
    people = tmp_path / "people"
    shutil.copytree(free.people / STAR, people / "lin")
    (people / "nobody").mkdir()
    Image.new("RGB", (300, 300), (90, 120, 90)).save(people / "nobody" / "wall.png")
    (people / "nobody" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    ran = tvradar("gallery", "enrol", people, "-o", tmp_path / "out", "--json")
    assert ran.code == 0
    reports = {r["id"]: r for r in ran.json["reports"]}
    assert not reports["nobody"]["enrolled"]
    reasons = {p["path"]: p["reason"] for p in reports["nobody"]["pictures"]}
    assert reasons["wall.png"] == "no face found"
    assert "broken.jpg" in reasons
    shutil.rmtree(people / "lin")
    ran = tvradar("gallery", "enrol", people, "-o", tmp_path / "none")
    refused(ran, 2, "nobody has a picture with a usable face, of 1 asked for")
    assert not (tmp_path / "none").exists()


def test_chinese_names_and_hostile_ones(free: Free, tmp_path: Path) -> None:
    portrait = free.people / STAR
    people = tmp_path / "people"
    shutil.copytree(portrait, people / "林曼努尔")
    (people / "林曼努尔" / "person.toml").write_text(
        'name = { en = "Lin-Manuel Miranda", zh = "林-曼努尔·米兰达" }\n'
    )
    ran = tvradar("gallery", "enrol", people, "-o", tmp_path / "out")
    assert ran.code == 0, ran
    (picture,) = portrait.iterdir()
    ran = tvradar("identify", picture, "-g", tmp_path / "out", "--lang", "zh", "--json")
    assert [p["name"] for p in ran.json["people"]] == ["林-曼努尔·米兰达"]
    shutil.copytree(portrait, people / "!..\\")
    ran = tvradar("gallery", "enrol", people, "-o", tmp_path / "bad")
    refused(ran, 2, "no letter or digit in its name")
    assert not (tmp_path / "bad").exists()
    ran = tvradar("identify", picture, "-g", tmp_path / "out", "--cast", "../x")
    refused(ran, 2, "../x", "not in the gallery")


def test_a_likely_wrong_picture_and_a_duplicate_are_reported(free: Free, tmp_path: Path) -> None:
    people = tmp_path / "people"
    portraits = variants(free.faces[0], people / "obama", 4)
    shutil.copy(portraits[0], people / "obama" / "zz_same.png")
    shutil.copy(free.faces[2], people / "obama" / "zz_wrong.png")
    ran = tvradar("gallery", "enrol", people, "-o", tmp_path / "out", "--json")
    found = {p["path"]: (p["status"], p["reason"]) for p in ran.json["reports"][0]["pictures"]}
    assert found["zz_same.png"][0] == "rejected"
    assert found["zz_wrong.png"][0] == "rejected"
    assert "unlike" in found["zz_wrong.png"][1]


def test_wrong_use_is_exit_code_2(few: Path) -> None:
    assert tvradar("identify").code == 2
    assert tvradar("no-such-command").code == 2
    refused(tvradar("run", "--gallery", few), 2, "source")
    refused(tvradar("press", "--url", "http://127.0.0.1:9"), 3, "tvradar run")
