"""An answer on the disk has the bytes of one in memory, and a long film takes no more room."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from edge.bench.synthetic import SyntheticFaces
from edge.cli.identify_output import Answer
from edge.offline.brief import Brief
from edge.offline.scene_file import SceneFile
from edge.offline.summary import FaceFile, IdentifiedFace, Summary
from edge.recognise.cues.cue import Spoke
from edge.recognise.scene import Candidate, Face, Scene
from edge.timeline.build import TimelineBuilder, build_timeline
from edge.timeline.sidecar import SidecarBuilder, encode
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gallery.search.search import Gallery

SHOT = 50
"""Frames of a shot."""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("gallery")
    people = [Person(f"p{n}", {"en": f'P "faces":[] {n}'}) for n in range(4)]
    faces = SyntheticFaces(128)
    templates = faces.pictures(faces.identities(4), 0)
    create_gallery(folder, people, templates, np.arange(4, dtype=np.int32), "sface-2021dec")
    return open_gallery(folder)


def scenes(count: int) -> Iterator[Scene]:
    """Yield scenes with two faces each, one of them named, in shots of two seconds."""
    chance = np.random.default_rng(0)
    for n in range(count):
        shot = n // SHOT
        left, top, right, bottom = (round(float(v), 1) for v in chance.uniform(0, 300, 4))
        who, other = f"p{shot % 4}", Candidate("p3", round(0.1 + 0.001 * (n % 7), 4))
        named = Face(
            2 * shot,
            (left, top, right, bottom),
            who,
            0.61,
            None,
            (Candidate(who, 0.61), other),
            0.9,
            0.99,
            (Spoke("face", 4.5),),
        )
        nobody = Face(2 * shot + 1, (1.0, 2.0, 30.5, 40.0), None, 0.1, "below_threshold", (other,))
        yield Scene(n / 25, n, 640, 360, shot, (named, nobody), 1)


def test_faces_on_the_disk_give_the_same_json(gallery: Gallery) -> None:
    faces: list[IdentifiedFace] = []
    file, timeline = FaceFile(), TimelineBuilder()

    def take(face: IdentifiedFace) -> None:
        faces.append(face)
        file.add(face)
        timeline.add(face)

    summary = Summary(gallery, on_face=take)
    summary.take_brief(Brief(faces=3, unshown=1))
    for scene in scenes(1200):
        summary.add(scene)
    source = 'a "faces":[] film.mp4'
    whole = summary.result(source, threshold=0.4, complete=True, faces=tuple(faces))
    empty = summary.result(source, threshold=0.4, complete=True)
    assert b"".join(file.json_of(empty)) == msgspec.json.encode(whole)
    assert timeline.result("f", duration_s=48.0) == build_timeline(
        faces, source="f", duration_s=48.0
    )
    assert [p.seconds for p in whole.people] == [12.0] * 4
    answer = msgspec.json.decode(b"".join(file.json_of(empty)))
    assert answer["brief"] == {"faces": 3, "unshown": 1}


def test_the_table_says_who_was_seen_for_a_moment_only(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = Summary(gallery)
    summary.take_brief(Brief(faces=3, unshown=1))
    Answer(json=False).print(summary.result("f", threshold=0.4, complete=True))
    told = " ".join(capsys.readouterr().out.split())
    assert "; 3 faces seen for less than 0.3 s, 1 of them left out; 0 frames" in told


def test_scenes_and_sidecar_come_back_from_the_disk(gallery: Gallery) -> None:
    kept, builder = SceneFile(), SidecarBuilder()
    for scene in scenes(600):
        kept.add(scene)
        builder.take(scene)
    assert list(kept) == list(scenes(600))
    assert len(kept) == 600
    pieces = b"".join(builder.encoded("f.mp4", gallery.person, complete=True))
    assert pieces == encode(builder.result("f.mp4", gallery.person, complete=True))


def test_a_long_film_takes_no_more_room_than_a_short_one(gallery: Gallery, tmp_path: Path) -> None:
    """All faces in memory are 1000 bytes a frame; a first megabyte of each file is in memory."""
    file, timeline, sidecar = FaceFile(), TimelineBuilder(), SidecarBuilder()

    def take(face: IdentifiedFace) -> None:
        file.add(face)
        timeline.add(face)

    summary = Summary(gallery, on_face=take, also=sidecar.take)
    more = scenes(5000)
    tracemalloc.start()
    try:
        for _ in range(1000):
            summary.add(next(more))
        short = tracemalloc.get_traced_memory()[0]
        for scene in more:
            summary.add(scene)
        grown = tracemalloc.get_traced_memory()[0] - short
    finally:
        tracemalloc.stop()
    assert grown < 300 * 4000, f"{grown / 4000:.0f} bytes a frame"
    with (tmp_path / "found.json").open("wb") as written:
        found = summary.result("f", threshold=0.4, complete=True)
        written.writelines(file.json_of(found))
    assert len(msgspec.json.decode((tmp_path / "found.json").read_bytes())["faces"]) == 10_000
