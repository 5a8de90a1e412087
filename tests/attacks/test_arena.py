"""A share of the crafted releases, through the real updater and recogniser as processes.

`tools/attack_releases.py` sends 1,000; every case is held by `test_reader.py`, in one process.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from gallery.channel.health import HeartbeatFile
from gallery.search.open import open_gallery
from gallery.store.store import current_release, verify
from tests.attacks.arena import TVRADAR, Arena, base_gallery
from tests.attacks.cases import CASES
from tests.free import STAR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.free import Free

SHARE = (
    "good_somebody_removed",
    "templates_scales_all_1e38",
    "templates_header_1e999",
    "people_ordinal_with_a_hole",
    "people_id_no_utf8",
    "people_id_a_path",
    "people_biography_of_megabytes",
    "schema_view_in_place",
    "schema_check_that_is_endless",
    "release_larger_than_any_disk",
    "release_segments_300",
    "good_nobody",
    "manifest_long_number",
    "manifest_file_of_a_terabyte",
    "good_texts_of_all_scripts",
    "chance_people",
    "chance_templates",
    "good_as_it_is",
)


@pytest.fixture(scope="module")
def arena(free: Free, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = tmp_path_factory.mktemp("arena")
    enrolled = folder / "enrolled"
    command = [TVRADAR, "gallery", "enrol", free.people, "-o", enrolled]
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=120)
    gallery = base_gallery(folder / "base", open_gallery(enrolled))
    made = Arena(folder, gallery, free.clip)
    yield made
    made.close()


def test_the_processes_live_and_every_refusal_has_a_reason(arena: Arena) -> None:
    for name in SHARE:
        case = CASES[name]
        outcome = arena.trial(case, seed=1)
        assert outcome.problem == "", outcome
        if case.fate != "either":
            assert outcome.installed == (case.fate == "installed"), outcome
    assert verify(arena.gallery) == []
    assert arena.names(STAR)


def test_a_gallery_made_anew_under_the_recogniser_is_taken_up(arena: Arena, tmp_path: Path) -> None:
    """The folder deleted and enrolled again: the numbers begin at 1 once more, as they were."""
    import shutil

    new = base_gallery(tmp_path / "new", count=7)
    shutil.rmtree(arena.gallery)
    shutil.copytree(new, arena.gallery, symlinks=True)
    assert arena.recogniser is not None
    deadline = time.monotonic() + 10
    while "tvradar_gallery_people 10.0" not in httpx.get(f"{arena.url}/metrics").text:
        assert arena.recogniser.poll() is None, arena.log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    shutil.rmtree(arena.gallery)
    base_gallery(arena.gallery, count=9)
    while "tvradar_gallery_people 12.0" not in httpx.get(f"{arena.url}/metrics").text:
        assert arena.recogniser.poll() is None, arena.log.read_text()
        assert time.monotonic() < deadline + 10
        time.sleep(0.1)
    assert arena.end_by_sigterm() < 5
    assert "Traceback" not in arena.log.read_text()


def test_the_updater_ends_within_seconds_of_sigterm(arena: Arena) -> None:
    for seconds in (1.2, 1.6, 2.5):
        command = [
            TVRADAR, "sync", "--from", arena.repository.public, "--root",
            arena.repository.home / "root.json", "--gallery", arena.folder / "other",
            "--state", arena.folder / f"state-{seconds}", "--device", "tv",
        ]  # fmt: skip
        process = subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE)
        time.sleep(seconds)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert time.monotonic() - begun < 5
        assert not re.search(rb"Traceback", said)


def test_a_recogniser_that_cannot_open_its_gallery_tells_the_updater(
    free: Free, tmp_path: Path
) -> None:
    gallery = base_gallery(tmp_path / "gallery")
    release, folder = current_release(gallery)
    victim = folder / release.files[0].name
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    config = tmp_path / "run.toml"
    config.write_text(
        f'source = "{free.clip}"\ngallery = "{gallery}"\npulse = "{tmp_path / "pulse.json"}"\n'
        "[serve]\nport = 0\n"
    )
    command = [str(TVRADAR), "run", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert victim.name in done.stderr
    pulse = HeartbeatFile(tmp_path / "pulse.json").read()
    assert pulse is not None
    assert victim.name in pulse.error
