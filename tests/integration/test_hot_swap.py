"""Releases under the running service: each answer is of one release, and none is late."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import numpy as np
import pytest
from websockets.sync.client import connect

from edge.bench.synthetic import SyntheticFaces
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery, verify
from gallery.store.update import Entries, apply
from tests.free import STAR, Free
from tests.integration.conftest import running
from tests.polling import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.alone

LONG = bool(os.environ.get("TVRADAR_LONG_TESTS"))
RELEASES = 100 if LONG else 50
FILL = 2000
"""Synthetic people in the gallery, so that a release takes time to open."""
SHOWN = STAR


def strangers(first: int, count: int, seed: int) -> tuple[list[Person], np.ndarray]:
    people = [Person(f"synthetic-{first + n}", {"en": f"edition {seed}"}) for n in range(count)]
    faces = SyntheticFaces(128, seed)
    return people, faces.pictures(faces.identities(count), 0)


class Overlay(threading.Thread):
    """Takes all that the service says, as an overlay does."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.scenes: list[tuple[float, dict[str, Any]]] = []
        self._url = url.replace("http", "ws") + "/api/live"
        self._closing = threading.Event()

    def run(self) -> None:
        with connect(self._url) as socket:
            while not self._closing.is_set():
                message = json.loads(socket.recv())
                if message["type"] == "scene":
                    self.scenes.append((time.monotonic(), message))

    def close(self) -> None:
        self._closing.set()
        self.join()


@pytest.fixture
def gallery(few: Path, tmp_path: Path) -> Path:
    real = open_gallery(few)
    fill, templates = strangers(0, FILL, 0)
    people = [*real.people(), *fill]
    templates = np.concatenate([*(real.templates_of(i) for i in real.ids()), templates])
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    owners = np.arange(len(people), dtype=np.int32)
    create_gallery(tmp_path / "gallery", people, templates, owners, real.model)
    return tmp_path / "gallery"


@pytest.fixture
def service(gallery: Path, free: Free, tmp_path: Path) -> Iterator[str]:
    config = tmp_path / "tvradar.toml"
    config.write_text(
        f'source = "{free.clip}"\ngallery = "{gallery}"\nloop = true\n'
        "[serve]\nport = 0\n[recognise]\ndetect_every = 3\n"
        # Nobody is named by chance, so that another's name means that releases were mixed up.
        "embeddings_per_frame = 1\nfpir = 0.00001\n"
    )
    with running(config) as (_, url):
        yield url


class Frames:
    """How many frames the service took and dropped since this was made."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._before = self._now()

    def stop(self) -> None:
        begun, *counts = self._before
        now, *after = self._now()
        self.seconds = now - begun
        self.taken, self.dropped = (b - a for a, b in zip(counts, after, strict=True))

    def _now(self) -> tuple[float, float, float]:
        names = ("tvradar_frames_total", "tvradar_frames_dropped_total")
        return time.monotonic(), *(count(self._url, name) for name in names)


def publish(
    gallery: Path, person: Person, template: np.ndarray, model: str
) -> tuple[dict[int, float], dict[int, str | None]]:
    """Apply the releases; return when each was there, and what it called the man on screen."""
    committed: dict[int, float] = {1: 0}
    editions: dict[int, str | None] = {1: person.name()}
    for number in range(2, RELEASES + 2):
        # In every third release he is somebody of whom the gallery knows nothing.
        edition = None if number % 3 == 0 else f"Miranda {number}"
        people, templates = strangers(FILL + 7 * number, 7, number)
        removed = [f"synthetic-{n}" for n in range(5 * number, 5 * number + 5)]
        if edition is not None:
            people.append(msgspec.structs.replace(person, names={"en": edition}))
            templates = np.concatenate([templates, template]).astype(np.float32)
        elif editions[number - 1] is not None:
            removed.append(SHOWN)
        editions[number] = edition
        owners = np.arange(len(people), dtype=np.int32)
        made = apply(gallery, Entries(people, templates, owners, model), removed)
        committed[number] = time.monotonic()
        assert made.number == number
        time.sleep(0.1)
    return committed, editions


def count(url: str, name: str) -> float:
    text = httpx.get(f"{url}/metrics").text
    return float(next(x for x in text.splitlines() if x.startswith(name + " ")).split()[1])


def test_releases_follow_each_other_between_frames(service: str, gallery: Path) -> None:
    until(lambda: httpx.get(f"{service}/readyz").status_code == 200)
    known = open_gallery(gallery)
    person, template = known.person(SHOWN), known.templates_of(SHOWN)
    template /= np.linalg.norm(template)
    overlay = Overlay(service)
    overlay.start()
    until(lambda: any(f.get("id") == SHOWN for _, s in overlay.scenes for f in s["faces"]))

    # The same work on a gallery that nobody watches: what a busy machine costs without any swap.
    quiet = Frames(service)
    if LONG:
        unwatched = gallery.with_name("unwatched")
        shutil.copytree(gallery, unwatched, symlinks=True)
        publish(unwatched, person, template, known.model)
    quiet.stop()

    watched = Frames(service)
    committed, editions = publish(gallery, person, template, known.model)
    last = RELEASES + 1
    until(lambda: overlay.scenes[-1][1]["release"] == last)
    watched.stop()
    until(lambda: overlay.scenes[-1][0] > committed[last] + 2)
    overlay.close()

    scenes = overlay.scenes
    releases = [scene["release"] for _, scene in scenes]
    assert releases == sorted(releases), "a newer release was left for an older one"
    assert len(set(releases)) > RELEASES / 4
    named = 0
    for _, scene in scenes:
        for face in scene["faces"]:
            if face.get("id") == SHOWN:
                named += 1
                assert editions[scene["release"]] is not None, "somebody removed has a name"
                assert scene["names"][SHOWN]["en"] == editions[scene["release"]], (
                    "of another release"
                )
            assert not face.get("id", "").startswith("synthetic-")
    assert named > RELEASES
    late = [
        (number, at - committed[number + 1])
        for (at, scene) in scenes
        if (number := scene["release"]) < last
    ]
    slowest = max(seconds for _, seconds in late)
    assert slowest < (1 if LONG else 10), max(late, key=lambda pair: pair[1])
    assert verify(gallery) == []
    told = f"{watched.taken:.0f} frames; dropped: {watched.dropped:.0f} with swaps, "
    told += f"{quiet.dropped:.0f} without"
    print(told)  # noqa: T201
    if LONG:  # a matter of time, for a quiet machine
        assert watched.taken > 0.9 * 29.97 * watched.seconds, told
        assert watched.dropped <= quiet.dropped, told
