from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import av
import cv2
import msgspec
import numpy as np
import pytest

from edge.demo import compose
from edge.demo.camera import Move, View
from edge.demo.film import Truth, place
from edge.demo.portraits import PORTRAITS
from edge.demo.programme import FPS, PEOPLE, PROGRAMME, Shot
from gallery.store.person import read_person_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHORT = (
    Shot(0.4, (Move("rocket", View(0.5, 0.5, 0.9), View(0.5, 0.4, 0.7)),), title=("A title",)),
    Shot(0.6, (Move("obama_portrait", View(0.5, 0.3, 0.6), View(0.5, 0.25, 0.5)),), 0.2),
    Shot(
        0.4,
        (
            Move("biden_portrait", View(0.5, 0.2, 0.4), View(0.5, 0.2, 0.4)),
            Move("hopper_portrait", View(0.5, 0.4, 0.8), View(0.5, 0.4, 0.8)),
        ),
    ),
)


SIZES = {"biden_portrait": (970, 2204), "hopper_portrait": (512, 600)}
"""Of the photographs, so that the noted boxes lie in them."""


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Smooth pictures in place of the photographs, one for each."""
    folder = tmp_path_factory.mktemp("photographs")
    found = {}
    for n, name in enumerate(PORTRAITS):
        small = np.random.default_rng(n).integers(0, 256, (6, 5, 3), np.uint8)
        found[name] = folder / f"{name}.png"
        cv2.imwrite(str(found[name]), cv2.resize(small, SIZES.get(name, (910, 1137))))
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, paths: dict[str, Path]) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "made"
    assert list(compose._make(folder, paths, SHORT))[-1] == (30, 30)
    return folder


def test_shots_follow_each_other_and_dissolves_overlap() -> None:
    placed = place(SHORT)
    assert [(p.first, p.end, p.fade) for p in placed] == [(0, 10, 0), (5, 20, 5), (20, 30, 0)]
    whole = place(PROGRAMME)
    assert 40 <= whole[-1].end / FPS <= 60
    assert all(a.end - b.fade == b.first for a, b in pairwise(whole))


def test_the_film_has_all_frames_at_their_times(made: Path) -> None:
    with av.open(str(made / "programme.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        times = [f.time for f in container.decode(video=0)]
    assert times == pytest.approx([n / FPS for n in range(30)], abs=1e-3)


def test_the_truth_tells_who_is_where(made: Path) -> None:
    truth = msgspec.json.decode((made / "truth.json").read_bytes(), type=Truth)
    assert [s.transition for s in truth.shots] == ["cut", "dissolve", "cut"]
    assert [s.people for s in truth.shots] == [(), ("barack_obama",), ("joe_biden",)]
    assert truth.shots[2].strangers == ("grace_hopper",)
    last = {f.person: f for f in truth.faces if f.frame == 29}
    assert last["grace_hopper"].id is None
    assert last["joe_biden"].id == "joe_biden"
    assert last["joe_biden"].box[2] < 640 < last["grace_hopper"].box[0]
    fading = [f.opacity for f in truth.faces if f.frame in range(5, 11)]
    assert fading == sorted(fading)
    assert fading[0] < 0.3
    assert fading[-1] == 1


def test_the_same_programme_gives_the_same_bytes(
    made: Path, paths: dict[str, Path], tmp_path: Path
) -> None:
    list(compose._make(tmp_path / "again", paths, SHORT))
    assert compose._digests(tmp_path / "again") == compose._digests(made)


def test_people_can_be_enrolled_in_two_languages(made: Path) -> None:
    for person in PEOPLE:
        read = read_person_file(made / "people" / person)
        assert set(read.names) == set(read.biography) == set(read.role) == {"en", "zh"}
        assert read.works
        (picture,) = read.pictures
        assert picture.licence.startswith("public domain")
        assert picture.source


def test_damage_is_seen_and_mended(made: Path, paths: dict[str, Path], tmp_path: Path) -> None:
    list(compose._make(tmp_path / "one", paths, SHORT))
    folder = tmp_path / "one"
    assert compose._is_whole(folder)
    film = folder / "programme.mp4"
    data = bytearray(film.read_bytes())
    data[len(data) // 2] ^= 1
    film.write_bytes(data)
    assert not compose._is_whole(folder)
    work = tmp_path / "work"
    work.mkdir()
    list(compose._make(work / "made", paths, SHORT))
    compose._put_in_place(work / "made", folder)
    assert compose._is_whole(folder)
    assert compose._digests(folder) == compose._digests(made)


def test_a_missing_or_broken_manifest_is_not_whole(tmp_path: Path) -> None:
    assert not compose._is_whole(tmp_path / "none")
    (tmp_path / compose.MANIFEST).write_text("{")
    assert not compose._is_whole(tmp_path)


def test_what_was_made_is_found_again_without_work(tmp_path: Path, paths: dict[str, Path]) -> None:
    asked: list[Path] = []

    def fetch(folder: Path, _on_package: Callable[[str], None]) -> dict[str, Path]:
        asked.append(folder)
        return paths

    def prepare() -> compose.DemoMaterial:
        return compose.prepare(tmp_path, show_progress=False, fetch=fetch, programme=SHORT)

    first = prepare()
    assert prepare() == first
    assert len(asked) == 1
    assert first.video_path.is_file()
    assert [p.name for p in (tmp_path / "demo").iterdir()] == [first.video_path.parent.name]
