"""A film's frames between two passes have boxes and names too, and calm ones cost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.bench.synthetic import SyntheticFaces
from edge.offline.brief import Brief
from edge.offline.film.reader import FilmReader
from edge.offline.identify import recognise_all
from edge.recognise.recogniser import RecogniserOptions
from edge.video.frame import Frame
from engines.detections import Detections
from engines.embedder import Embeddings
from engines.pipeline import FacePipeline
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.scene import Scene
    from gallery.search.search import Gallery

FPS = 25.0
SIZE = (640, 360)
FACE = np.array([[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]], np.float32) - 56


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("gallery")
    faces = SyntheticFaces(128)
    people = [Person(f"p{n}", {"en": f"p{n}"}) for n in range(20)]
    templates = faces.pictures(faces.identities(20), 0)
    create_gallery(folder, people, templates, np.arange(20, dtype=np.int32), "sface-2021dec")
    return open_gallery(folder)


Where = dict[int, tuple[float, float]]
"""Middle of each person's face, by the person's number."""


class Painted:
    """A film whose frames tell by their first pixels who is where; a detector that reads it.

    A face is a square of the person's own grey on noise, so that pictures of it have contrast.
    """

    kind, long_side_px = "test", 0

    def __init__(self, where: Callable[[float], Where], seconds: float) -> None:
        self.where, self.frames = where, round(seconds * FPS)
        self.passes: list[float] = []
        self._noise = np.random.default_rng(1).integers(0, 40, (*SIZE[::-1], 1), np.uint8)

    def pictures(self) -> list[Frame]:
        return [self._frame(i) for i in range(self.frames)]

    def _frame(self, index: int) -> Frame:
        bgr = np.repeat(self._noise, 3, axis=2)
        for person, (x, y) in self.where(index / FPS).items():
            bgr[int(y) - 40 : int(y) + 40, int(x) - 40 : int(x) + 40] += np.uint8(60 + 20 * person)
        bgr[0, 0] = np.frombuffer(np.uint16(index).tobytes() + b"\0", np.uint8)
        return Frame(bgr, index / FPS, index, 0)

    def detect(self, bgr: np.ndarray, **_: int | None) -> Detections:
        pts_s = int(np.frombuffer(bgr[0, 0, :2].tobytes(), np.uint16)[0]) / FPS
        self.passes.append(pts_s)
        middles = np.array(list(self.where(pts_s).values()), np.float32).reshape(-1, 2)
        boxes = np.concatenate([middles - 40, middles + 40], axis=1)
        marks = middles[:, None] + FACE
        return Detections(boxes, np.full(len(middles), 0.9, np.float32), marks)


class ByGrey:
    """An embedder that knows people by their grey."""

    kind, dimension = "test", 128

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self.embedded = 0

    def embed(self, chips: np.ndarray) -> Embeddings:
        self.embedded += len(chips)
        people = [round((float(chip[40:72, 40:72].mean()) - 80) / 20) for chip in chips]
        vectors = np.concatenate([self._gallery.templates_of(f"p{n}") for n in people])
        return Embeddings(vectors.astype(np.float32), np.full(len(chips), 12, np.float32))


def read(film: Painted, gallery: Gallery) -> tuple[list[Scene], ByGrey]:
    embedder = ByGrey(gallery)
    pipeline = FacePipeline(film, embedder, "sface-2021dec")  # type: ignore[arg-type]
    reader = FilmReader(pipeline, gallery, RecogniserOptions())
    for picture in film.pictures():
        reader.process(picture)
    return list(reader.finish()), embedder


def middle(scene: Scene, person: str) -> np.ndarray:
    (box,) = [face.box for face in scene.faces if face.id == person]
    return np.array([box[0] + box[2], box[1] + box[3]]) / 2


def test_a_face_that_moves_is_followed_in_every_frame(gallery: Gallery) -> None:
    def swings(t: float) -> Where:
        return {1: (320 + 150 * np.sin(1.5 * t), 180)}

    film = Painted(swings, 4)
    scenes, _ = read(film, gallery)
    assert [scene.index for scene in scenes] == list(range(100))
    assert len(film.passes) < 50
    off = [abs(middle(s, "p1")[0] - swings(s.pts_s)[1][0]) for s in scenes]
    assert np.quantile(off, 0.98) < 0.02 * SIZE[0]


def test_a_static_scene_is_hardly_looked_at(gallery: Gallery) -> None:
    film = Painted(lambda _: {1: (320.0, 180.0)}, 8)
    scenes, embedder = read(film, gallery)
    assert all([face.id for face in scene.faces] == ["p1"] for scene in scenes)
    assert len(film.passes) < 20
    assert embedder.embedded == 4


def test_who_is_found_once_is_neither_embedded_nor_shown(gallery: Gallery) -> None:
    def flashes(t: float) -> Where:
        return {1: (150.0, 180.0)} | ({3: (480.0, 180.0)} if t < 0.03 else {})

    scenes, embedder = read(Painted(flashes, 2), gallery)
    assert {face.id for scene in scenes for face in scene.faces} == {"p1"}
    assert embedder.embedded == 4


@pytest.mark.parametrize("every_frame", [False, True])
def test_who_was_seen_for_a_moment_only_is_counted(gallery: Gallery, *, every_frame: bool) -> None:
    def comes_and_goes(t: float) -> Where:
        there: Where = {1: (100.0, 180.0)}
        there |= {3: (250.0, 180.0)} if 0.5 < t < 0.7 else {}
        there |= {5: (400.0, 180.0)} if 0.5 < t < 1.1 else {}
        return there | ({7: (550.0, 180.0)} if t < 0.03 else {})

    film, told = Painted(comes_and_goes, 2), list[Brief]()
    pipeline = FacePipeline(film, ByGrey(gallery), "sface-2021dec")  # type: ignore[arg-type]
    scenes = recognise_all(
        pipeline,
        gallery,
        film.pictures(),
        RecogniserOptions(),
        still=False,
        every_frame=every_frame,
        on_brief=told.append,
    )
    assert len(list(scenes)) == film.frames
    assert told == [Brief(faces=2, unshown=1)]


def test_who_enters_a_calm_scene_is_found_within_three_tenths_of_a_second(
    gallery: Gallery,
) -> None:
    def enters(t: float) -> Where:
        return {1: (150.0, 180.0)} | ({3: (480.0, 180.0)} if t >= 3.02 else {})

    scenes, _ = read(Painted(enters, 6), gallery)
    first = next(s.pts_s for s in scenes if any(f.id == "p3" for f in s.faces))
    assert 2.85 < first < 3.3


def test_who_leaves_is_not_shown_for_long(gallery: Gallery) -> None:
    def leaves(t: float) -> Where:
        return {1: (150.0, 180.0)} | ({3: (480.0, 180.0)} if t < 3 else {})

    scenes, _ = read(Painted(leaves, 6), gallery)
    last = max(s.pts_s for s in scenes if any(f.id == "p3" for f in s.faces))
    assert 2.9 < last <= 3.25


def test_a_track_that_passes_to_somebody_else_keeps_both_names(gallery: Gallery) -> None:
    scenes, _ = read(Painted(lambda t: {(1 if t < 3 else 4): (320.0, 180.0)}, 6), gallery)
    named = [{face.id for face in scene.faces} for scene in scenes]
    assert named[10] == named[60] == {"p1"}
    assert named[-1] == named[90] == {"p4"}
    assert len({face.track for scene in scenes for face in scene.faces}) == 2


def test_a_long_shot_keeps_its_tracks_from_part_to_part(gallery: Gallery) -> None:
    film = Painted(lambda t: {1: (320 + 100 * np.sin(t), 180)}, 66)
    scenes, embedder = read(film, gallery)
    assert [scene.index for scene in scenes] == list(range(film.frames))
    assert {face.track for scene in scenes for face in scene.faces} == {0}
    assert all([face.id for face in scene.faces] == ["p1"] for scene in scenes)
    assert embedder.embedded < 40


class WithBlack(Painted):
    """The same, black from the second second on, for two."""

    def _frame(self, index: int) -> Frame:
        frame = super()._frame(index)
        if 2 <= frame.pts_s < 4:
            frame.bgr[1:] = 3
        return frame


def test_black_frames_are_not_searched(gallery: Gallery) -> None:
    film = WithBlack(lambda t: {} if 2 <= t < 4 else {1: (320.0, 180.0)}, 6)
    scenes, _ = read(film, gallery)
    assert not any(2 <= at < 3.9 for at in film.passes)
    named = {s.pts_s: [f.id for f in s.faces] for s in scenes}
    assert all(ids == ["p1"] for at, ids in named.items() if at < 2 or at >= 4)
    assert not any(ids for at, ids in named.items() if 2.25 < at < 3.8)


def test_a_film_without_frames_has_no_scenes(gallery: Gallery) -> None:
    scenes, _ = read(Painted(lambda _: {}, 0), gallery)
    assert scenes == []
