"""Pictures of all sizes and kinds through the commands: bounded memory, none lost silently."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.free import SECOND, STAR
from tests.integration.conftest import TVRADAR, Ran, tvradar

if TYPE_CHECKING:
    from tests.free import Free

MEMORY_KB = 640 << 10


def measured(*words: object) -> tuple[Ran, int]:
    """Run the command; return what it gave, and the most memory that it had, in KB.

    Not by `wait4`: a process begins with the peak of the one that forked it, which is pytest.
    """
    most_kb = 0
    with tempfile.TemporaryFile() as out:
        command = [str(TVRADAR), *map(str, words)]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            with contextlib.suppress(OSError, IndexError):
                most_kb = max(most_kb, int(status.read_text().split("VmHWM:")[1].split()[0]))
            time.sleep(0.01)
        out.seek(0)
        told = out.read().decode(errors="replace")
    assert most_kb
    return Ran(process.returncode, told, ""), most_kb


def one_colour_png(path: Path, width: int, height: int) -> None:
    """Write a PNG of any size without having it in memory."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    packer = zlib.compressobj(1)
    row = b"\0" + bytes((90, 120, 90)) * width
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        for _ in range(height):
            if part := packer.compress(row):
                file.write(chunk(b"IDAT", part))
        file.write(chunk(b"IDAT", packer.flush()) + chunk(b"IEND", b""))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pictures of 100 megapixels, and with very long ones."""
    folder = tmp_path_factory.mktemp("large") / "large"
    folder.mkdir()
    one_colour_png(folder / "100.png", 10_000, 10_000)
    one_colour_png(folder / "long.png", 20_000, 2)
    one_colour_png(folder / "longer.png", 200_000, 2)
    one_colour_png(folder / "high.png", 2, 20_000)
    Image.new("L", (16_000, 10_000), 90).save(folder / "160.jpg")
    return folder


def test_large_and_long_pictures_take_bounded_memory(
    few: Path, free: Free, large: Path, tmp_path: Path
) -> None:
    for name in ("100.png", "160.jpg", "longer.png"):
        ran, used_kb = measured("identify", large / name, "-g", few)
        assert ran.code == 0, ran
        assert used_kb < MEMORY_KB, name
    people = tmp_path / "people"
    shutil.copytree(free.people / STAR, people / STAR)
    shutil.copytree(large, people / "large")
    ran, used_kb = measured(
        "gallery", "enrol", people, "-o", tmp_path / "gallery", "--workers", 1, "--json"
    )
    assert ran.code == 0, ran
    assert used_kb < MEMORY_KB
    for name in ("100.png", "160.jpg", "long.png", "longer.png", "high.png"):
        assert f'"path":"{name}","status":"rejected","reason":"no face found"' in ran.out


def test_a_picture_too_many_is_refused_by_name(few: Path, tmp_path: Path) -> None:
    one_colour_png(tmp_path / "large.png", 11_000, 10_000)
    ran, used_kb = measured("identify", tmp_path / "large.png", "-g", few)
    assert ran.code == 2
    told = " ".join(ran.out.split())
    assert "11000x10000 as PNG takes 440 MB to decode, expected at most 405 MB" in told
    assert used_kb < MEMORY_KB


def test_a_group_photograph_enrols_nobody_else(free: Free, tmp_path: Path) -> None:
    people = tmp_path / "people"
    shutil.copytree(free.people / STAR, people / STAR)
    # A picture whose largest face is another's: the right half of the pair is shown larger.
    with Image.open(free.pair) as pair:
        width, height = pair.size
        right = pair.crop((width // 2, 0, width, height)).resize((width, 2 * height))
        wide = Image.new("RGB", (width + width // 2, 2 * height), (128, 128, 128))
        wide.paste(pair.crop((0, 0, width // 2, height)), (0, 0))
        wide.paste(right, (width // 2, 0))
        wide.save(people / STAR / "zz_poster.jpg", quality=95)
    ran = tvradar("gallery", "enrol", people, "-o", tmp_path / "gallery", "--json")
    assert ran.code == 0, ran
    found = {p["path"]: p for p in ran.json["reports"][0]["pictures"]}
    assert found["zz_poster.jpg"]["status"] == "flagged", found
    assert "the one like the other pictures is taken" in found["zz_poster.jpg"]["reason"]
    named = tvradar("identify", free.pair, "-g", tmp_path / "gallery", "--json")
    assert [p["id"] for p in named.json["people"]] == [STAR]
    # Alone, the picture of two says of nobody whose it is.
    shutil.rmtree(people / STAR)
    (people / SECOND).mkdir()
    shutil.copy(free.pair, people / SECOND / "pair.jpg")
    ran = tvradar("gallery", "enrol", people, "-o", tmp_path / "none")
    assert ran.code == 2
    assert "2 faces" in " ".join(ran.err.split())


def test_a_nas_folder_is_enrolled_and_says_what_it_left_out(free: Free, tmp_path: Path) -> None:
    people = tmp_path / "people"
    shutil.copytree(free.people / STAR, people / "Barack O'Bama")
    shutil.copytree(free.people / SECOND, people / "@eaDir" / "joe")
    (people / "Barack O'Bama" / "person.toml").unlink(missing_ok=True)
    (people / "Barack O'Bama" / "raw.cr2").write_bytes(b"x")
    (people / "Barack O'Bama" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (people / "Barack O'Bama" / "dds.png").write_bytes(b"DDS |" + bytes(200))
    ran = tvradar("gallery", "enrol", people, "-o", tmp_path / "gallery", "--json")
    assert ran.code == 0, ran
    (report,) = ran.json["reports"]
    assert (report["id"], report["enrolled"]) == ("Barack_O_Bama", True)
    assert {p["path"] for p in report["pictures"] if p["status"] == "rejected"} == {
        "broken.jpg",
        "dds.png",
    }
    assert len(ran.json["left_out"]) == 1
    assert "raw.cr2: camera raw" in " ".join(ran.err.split())
    named = tvradar("identify", free.portrait, "-g", tmp_path / "gallery", "--json")
    assert [p["name"] for p in named.json["people"]] == ["Barack O'Bama"]


def kill_readers_of(process: subprocess.Popen[bytes], parts: Path, picture: str) -> int:
    """Kill each worker that is at a picture; return how many were killed."""
    killed: set[str] = set()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None:
        with contextlib.suppress(OSError):
            at = [note for note in parts.glob("*.at") if note.read_text().endswith(picture)]
            for pid in children.read_text().split() if at else []:
                if pid not in killed and b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), signal.SIGKILL)
                    killed.add(pid)
        time.sleep(0.01)
    return len(killed)


def test_a_picture_that_ends_its_process_is_left_out(free: Free, tmp_path: Path) -> None:
    people = tmp_path / "people"
    shutil.copytree(free.people, people)
    noise = np.random.default_rng(0).integers(0, 255, (3000, 4000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(people / STAR / "deadly.png", compress_level=1)
    gallery = tmp_path / "gallery"
    words = ("enrol", people, "-o", gallery, "--workers", 2, "--part-pictures", 1, "--json")
    with subprocess.Popen(
        [str(TVRADAR), "gallery", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        kills = kill_readers_of(process, tmp_path / ".gallery.enrolment", "deadly.png")
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert kills >= 3
    reports = {r["id"]: r for r in json.loads(out)["reports"]}
    assert all(r["enrolled"] for r in reports.values())
    found = {p["path"]: p for p in reports[STAR]["pictures"]}
    assert "ended the process that read it" in found["deadly.png"]["reason"]


def test_a_folder_of_photographs_says_who_is_in_which(
    free: Free, few: Path, tmp_path: Path
) -> None:
    for name, picture in (("2.jpg", free.portrait), ("10.png", free.pair)):
        shutil.copy(picture, tmp_path / name)
    one_colour_png(tmp_path / "3.png", 64, 64)
    ran = tvradar("identify", tmp_path, "-g", few, "--json")
    assert ran.code == 0, ran
    found = {one["file"]: (one["people"], one["unnamed"]) for one in ran.json["pictures"]}
    assert list(found) == ["2.jpg", "3.png", "10.png"]
    assert found == {"2.jpg": ([STAR], []), "3.png": ([], []), "10.png": ([STAR, SECOND], [])}
    shown = tvradar("identify", tmp_path, "-g", few).out
    assert "barack obama, joe biden" in shown
    assert "no face" in shown
    assert "3 pictures" in shown


def test_an_enrolment_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "people" / "ada").mkdir(parents=True)
    (tmp_path / "people" / "ada" / "1.jpg").write_text("no picture")
    for people in ("people", "nowhere"):
        ran = tvradar("gallery", "enrol", tmp_path / people, "-o", tmp_path / "a" / "b" / "mine")
        assert ran.code == 2, ran
    assert [one.name for one in tmp_path.iterdir()] == ["people"]
