"""A folder of films: killed in the middle and started again, it ends with the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge.timeline.sidecar import read_sidecar
from tests.integration.conftest import TVRADAR, shorten, tvradar

if TYPE_CHECKING:
    from tests.free import Free


@pytest.fixture(scope="module")
def kept(free: Free, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four films, two of them in a folder below, one that is none, and things to leave alone."""
    folder = tmp_path_factory.mktemp("kept") / "films"
    (folder / "series").mkdir(parents=True)
    shorten(free.clip, folder / "a.mp4", 60)
    for name in ("b.mp4", "series/one.mp4", "series/two.MP4"):
        shutil.copy(folder / "a.mp4", folder / name)
    (folder / "broken.mkv").write_bytes(b"no film at all")
    (folder / "notes.txt").write_text("no film")
    (folder / ".trash.mp4").write_bytes(b"hidden")
    return folder


@pytest.fixture
def films(kept: Path, tmp_path: Path) -> Path:
    """Return a copy of them to change."""
    return shutil.copytree(kept, tmp_path / "films")


@pytest.fixture(scope="module")
def whole(kept: Path, few: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the results of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole")
    ran = tvradar("timeline", kept, "-g", few, "--out", out)
    assert ran.code == 1
    assert "broken.mkv" in ran.err
    assert "1 of 5 films failed" in ran.err
    return results(out)


def results(out: Path) -> dict[str, bytes]:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def test_killed_and_started_again_it_ends_with_the_same_bytes(
    kept: Path, whole: dict[str, bytes], few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    words = [str(TVRADAR), "timeline", str(kept), "-g", str(few), "--out", str(out)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (out / "a.mp4.json").exists() and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = (out / "a.mp4.json").stat().st_mtime_ns

    again = tvradar("timeline", kept, "-g", few, "--out", out, "--json")
    assert again.code == 1
    told = json.loads(again.out)
    assert set(told["made"]) | set(told["kept"]) == {
        "a.mp4",
        "b.mp4",
        "series/one.mp4",
        "series/two.MP4",
    }
    if told["kept"]:
        assert (out / "a.mp4.json").stat().st_mtime_ns == first
    assert sorted(whole) == [
        "a.mp4.json",
        "b.mp4.json",
        "index.json",
        "series/one.mp4.json",
        "series/two.MP4.json",
    ]
    assert results(out) == whole
    assert json.loads(whole["a.mp4.json"])["people"][0]["id"] == "barack_obama"


def workers_of(mark: str) -> list[int]:
    """Return the actors of Ray that have a mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            marked = mark.encode() in (entry / "environ").read_bytes()
            actor = b"ray::MapWorker" in (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if marked and actor:
            found.append(int(entry.name))
    return found


def test_ray_gives_the_same_bytes_though_a_worker_is_killed(
    kept: Path, whole: dict[str, bytes], few: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason='pip install "tvradar[cloud]"')
    out, mark = tmp_path / "ray", f"TVRADAR_TEST={tmp_path}"
    words = ["timeline", str(kept), "-g", str(few), "--out", str(out), "--engine", "ray", "--json"]
    process = subprocess.Popen(
        [str(TVRADAR), *words],
        env={**os.environ, "TVRADAR_TEST": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 120
    while not (actors := workers_of(mark)) and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(actors[0], signal.SIGKILL)
    told, said = process.communicate(timeout=240)
    assert process.returncode == 1, said
    assert sorted(json.loads(told)["failed"]) == ["broken.mkv"], said
    assert results(out) == whole


def test_ray_reads_folders_only(few: Path, kept: Path) -> None:
    ran = tvradar("timeline", kept / "a.mp4", "-g", few, "--engine", "ray")
    assert (ran.code, ran.out) == (2, "")
    assert "--out" in ran.err


def test_only_what_has_changed_is_made_again(films: Path, few: Path, tmp_path: Path) -> None:
    (films / "broken.mkv").unlink()
    out = tmp_path / "out"
    words = ["timeline", films, "-g", few, "--out", out, "--vtt", "--sidecar"]
    assert tvradar(*words).code == 0
    sidecar = films / "series" / "two.tvradar.json"
    before = sidecar.read_bytes()
    (films / "b.mp4").touch()
    (out / "series" / "one.mp4.vtt").unlink()
    sidecar.unlink()
    ran = tvradar(*words)
    assert (ran.code, ran.out) == (0, "3 films done, 1 were done before\n")
    assert sidecar.read_bytes() == before
    assert [p.id for p in read_sidecar(sidecar).people] == ["barack_obama"]


def test_a_folder_without_films_is_wrong_use(few: Path, tmp_path: Path) -> None:
    ran = tvradar("timeline", tmp_path, "-g", few, "--out", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    assert "no films" in ran.err


def test_a_film_of_a_folder_reads_as_a_film_by_itself(
    films: Path, few: Path, tmp_path: Path
) -> None:
    (films / "broken.mkv").unlink()
    out = tmp_path / "out"
    assert tvradar("timeline", films, "-g", few, "--out", out, "--every", "frame").code == 0
    alone = tvradar("timeline", films / "a.mp4", "-g", few, "--json", "--every", "frame")
    assert (out / "a.mp4.json").read_text() == alone.out.removesuffix("\n")
