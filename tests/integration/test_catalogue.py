"""Catalogues of faces, enrolled in parts: killed, continued, by Ray; always the same bytes."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.free import Free, variants
from tests.integration.conftest import TVRADAR, Ran, tvradar
from tests.polling import until

if TYPE_CHECKING:
    from collections.abc import Iterator

PEOPLE = 8
PICTURES = 2
PART = "[!.]*.part"
"""Parts that are whole: while one is written its name begins with a dot."""
PARTS = ("--workers", 2, "--part-pictures", PICTURES)
"""As many parts as there are people."""
ENVIRONMENT = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}


@pytest.fixture(scope="module")
def people(free: Free, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many ids as are asked for, of the same few people: what is said of them is no matter."""
    folder = tmp_path_factory.mktemp("catalogue") / "people"
    for number in range(PEOPLE):
        made = variants(free.faces[number % len(free.faces)], folder / f"id_{number:02}", PICTURES)
        assert len(made) == PICTURES
    (folder / "nobody").mkdir()
    return folder


@pytest.fixture(scope="module")
def whole(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery that one process makes in one go."""
    folder = tmp_path_factory.mktemp("whole") / "gallery"
    ran = tvradar("gallery", "enrol", people, "-o", folder, "--workers", 1, env=ENVIRONMENT)
    assert ran.code == 0, ran
    assert not parts_of(folder).exists()
    return folder


def parts_of(gallery: Path) -> Path:
    return gallery.with_name(f".{gallery.name}.enrolment")


def content_of(folder: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else ""
        for path in folder.rglob("*")
        if path.name != ".lock"
    }


class Enrolling:
    """The command at work, in a session of its own."""

    def __init__(self, *words: object) -> None:
        command = [str(TVRADAR), "gallery", "enrol", *map(str, words)]
        self.process = subprocess.Popen(
            command,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def workers(self, mark: str) -> list[int]:
        """Return the processes of its session, and of Ray, that have a mark in their command."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            ours = int(fields[3]) == self.process.pid or b"SOURCE_DATE_EPOCH=17" in environment
            if mark in command and ours and fields[0] != "Z":
                found.append(int(entry.name))
        return sorted(found)

    def until_parts(self, gallery: Path, count: int) -> dict[str, int]:
        """Wait for this many parts; return when each was written."""
        end = time.monotonic() + 90
        while time.monotonic() < end and self.process.poll() is None:
            found = {p.name: p.stat().st_mtime_ns for p in parts_of(gallery).glob(PART)}
            if len(found) >= count:
                return found
            time.sleep(0.02)
        raise AssertionError(self.process.communicate())

    def kill(self, pid: int | None = None) -> None:
        os.kill(pid or self.process.pid, signal.SIGKILL)

    def end(self) -> Ran:
        out, err = self.process.communicate(timeout=150)
        return Ran(self.process.returncode, out, err)


@pytest.fixture
def enrol() -> Iterator[Any]:
    begun: list[Enrolling] = []

    def begin(*words: object) -> Enrolling:
        begun.append(Enrolling(*words))
        return begun[-1]

    yield begin
    for one in begun:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.communicate()


def test_a_killed_driver_loses_no_part_that_was_done(
    people: Path, whole: Path, tmp_path: Path, enrol: Any
) -> None:
    gallery = tmp_path / "gallery"
    first = enrol(people, "-o", gallery, *PARTS)
    first.until_parts(gallery, 4)
    pool = first.workers("spawn_main")
    assert len(pool) == 2
    first.kill()
    first.end()
    end = time.monotonic() + 5
    while first.workers("spawn_main"):
        assert time.monotonic() < end, "the pool outlived its driver"
        time.sleep(0.05)
    assert not gallery.exists()
    assert parts_of(gallery).stat().st_mode & 0o077 == 0
    done = {p.name: p.stat().st_mtime_ns for p in parts_of(gallery).glob(PART)}
    second = enrol(people, "-o", gallery, *PARTS)
    later = second.until_parts(gallery, len(done) + 1)
    assert {name: later[name] for name in done} == done
    ran = second.end()
    assert ran.code == 0, ran
    assert content_of(gallery) == content_of(whole)
    assert not parts_of(gallery).exists()


def test_a_killed_worker_is_replaced(people: Path, whole: Path, tmp_path: Path, enrol: Any) -> None:
    gallery = tmp_path / "gallery"
    run = enrol(people, "-o", gallery, *PARTS)
    run.until_parts(gallery, 3)
    run.kill(run.workers("spawn_main")[0])
    ran = run.end()
    assert ran.code == 0, ran
    assert content_of(gallery) == content_of(whole)


def test_a_part_that_kills_every_worker_is_named(people: Path, tmp_path: Path, enrol: Any) -> None:
    gallery = tmp_path / "gallery"
    run = enrol(people, "-o", gallery, *PARTS)
    while run.process.poll() is None:
        for worker in run.workers("spawn_main"):
            run.kill(worker)
        time.sleep(0.3)
    ran = run.end()
    assert ran.code == 1
    assert "died 3 times" in ran.err
    assert "id_" in ran.err
    assert not gallery.exists()


def test_ctrl_c_keeps_what_is_done(people: Path, whole: Path, tmp_path: Path, enrol: Any) -> None:
    gallery = tmp_path / "gallery"
    run = enrol(people, "-o", gallery, *PARTS)
    run.until_parts(gallery, 2)
    os.killpg(run.process.pid, signal.SIGINT)
    ran = run.end()
    assert ran.code == 1
    assert "the same command goes on" in " ".join(ran.err.split())
    assert not gallery.exists()
    done = len([*parts_of(gallery).glob(PART)])
    assert done >= 2
    assert f"{done} of {PEOPLE + 1} parts" in " ".join(ran.err.split())
    ran = tvradar("gallery", "enrol", people, "-o", gallery, *PARTS, env=ENVIRONMENT)
    assert ran.code == 0
    assert content_of(gallery) == content_of(whole)


def test_ray_gives_the_same_bytes_though_a_worker_is_killed(
    people: Path, whole: Path, tmp_path: Path, enrol: Any
) -> None:
    pytest.importorskip("ray", reason='pip install "tvradar[cloud]"')
    gallery = tmp_path / "gallery"
    run = enrol(people, "-o", gallery, *PARTS, "--engine", "ray")
    run.until_parts(gallery, 1)
    # On a busy machine the second begins when the first has done some.
    workers = until(lambda: len(found := run.workers("ray::MapWorker")) == 2 and found)
    run.kill(workers[0])
    ran = run.end()
    assert ran.code == 0, ran
    assert content_of(gallery) == content_of(whole)


def test_a_table_gives_the_same_people(people: Path, whole: Path, tmp_path: Path) -> None:
    rows = [
        {"id": picture.parent.name, "picture": os.path.relpath(picture, tmp_path)}
        for picture in sorted(people.rglob("*.png"), key=lambda p: p.name)
    ]
    with (tmp_path / "people.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "picture"])
        writer.writeheader()
        writer.writerows(rows)
    pa = pytest.importorskip("pyarrow", reason='pip install "tvradar[cloud]"')
    pytest.importorskip("pyarrow.parquet").write_table(
        pa.Table.from_pylist(rows), tmp_path / "people.parquet"
    )
    for table in ("people.csv", "people.parquet"):
        gallery = tmp_path / table.rpartition(".")[2]
        ran = tvradar(
            "gallery", "enrol", tmp_path / table, "-o", gallery, "--json", env=ENVIRONMENT
        )
        assert ran.code == 0, ran
        assert ran.json["people"] == PEOPLE
        assert content_of(gallery) == content_of(whole)


def test_a_folder_behind_a_url_gives_the_same_people(
    people: Path, whole: Path, tmp_path: Path
) -> None:
    pytest.importorskip("fsspec", reason='pip install "tvradar[cloud]"')
    gallery = tmp_path / "gallery"
    ran = tvradar("gallery", "enrol", people.as_uri(), "-o", gallery, env=ENVIRONMENT)
    assert ran.code == 0, ran
    assert content_of(gallery) == content_of(whole)
