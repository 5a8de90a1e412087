"""Small faces are found wherever they are, and soon after they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge.bench.synthetic import SyntheticFaces
from edge.offline.film.closer import Target, in_crops, is_close_up, merged
from edge.offline.film.news import News
from edge.offline.film.reader import FilmReader
from edge.offline.film.tiles import everywhere
from edge.recognise.recogniser import RecogniserOptions
from edge.video.frame import Frame
from engines.detections import Detections
from engines.embedder import Embeddings
from engines.pipeline import FacePipeline
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from pathlib import Path

    from edge.recognise.scene import Scene
    from gallery.search.search import Gallery

FPS = 25.0
SIZE = (1920, 1080)
LEAST_PX, MOST_PX = 12, 300
"""Smaller and larger squares are not seen, as it is with faces."""


class Squares:
    """A detector that takes white squares for faces."""

    kind, long_side_px = "test", 0

    def __init__(self) -> None:
        self.pixels: list[int] = []

    def detect(
        self, bgr: np.ndarray, *, long_side_px: int | None = None, min_score: float = 0.35
    ) -> Detections:
        scale = min(1.0, long_side_px / max(bgr.shape[:2])) if long_side_px else 1.0
        if scale < 1:
            bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        self.pixels.append(bgr.shape[0] * bgr.shape[1])
        white = (bgr[..., 0] > 200).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(white)
        sides = stats[1:, 2:4].min(axis=1)
        seen = stats[1:][(sides >= LEAST_PX) & (sides <= MOST_PX)].astype(np.float32)
        boxes = np.concatenate([seen[:, :2], seen[:, :2] + seen[:, 2:4]], axis=1)
        boxes = (boxes / scale).astype(np.float32)
        eyes = np.array([[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]], np.float32) / 112
        marks = boxes[:, None, :2] + eyes * (boxes[:, 2:] - boxes[:, :2])[:, None]
        scores = self.scores(boxes * scale)
        sure = np.flatnonzero(scores >= min_score)
        return Detections(boxes, scores, marks)[sure]

    def scores(self, boxes: np.ndarray) -> np.ndarray:
        return np.full(len(boxes), 0.9, np.float32)


def frame(*squares: tuple[int, int, int], size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a grey frame with white squares: left, top, side."""
    bgr = np.full((*size[::-1], 3), 90, np.uint8)
    for left, top, side in squares:
        bgr[top : top + side, left : left + side] = 255
    return bgr


def boxes_of(found: Detections) -> list[list[int]]:
    return sorted(np.round(found.xyxy_px).astype(int).tolist())


@pytest.mark.parametrize("side", [12, 20, 40, 75, 110, 260])
def test_each_face_is_found_once_wherever_the_pieces_meet(side: int) -> None:
    squares = [(x, y, side) for x in range(5, 1600, 311) for y in range(3, 800, 271)]
    found = everywhere(Squares(), frame(*squares))  # type: ignore[arg-type]
    there = np.array([[x, y, x + side, y + side] for x, y, _ in squares])
    assert len(found) == len(there)
    off = np.abs(found.xyxy_px[:, None] - there).max(axis=2).min(axis=0)
    assert off.max() <= max(2, side / 40)


def test_pieces_are_small_and_a_frame_of_2160p_is_halved() -> None:
    detector = Squares()
    found = everywhere(detector, frame((2000, 1000, 80), size=(3840, 2160)))  # type: ignore[arg-type]
    assert boxes_of(found) == [[2000, 1000, 2080, 1080]]
    assert max(detector.pixels) < 720 * 720
    assert sum(detector.pixels) < 1.5 * 1920 * 1080


def test_a_face_too_tall_for_where_two_pieces_meet_is_found() -> None:
    bgr = frame()
    bgr[501:579, 300:350] = 255
    found = everywhere(Squares(), bgr)  # type: ignore[arg-type]
    assert len(found) == 1
    assert np.abs(found.xyxy_px[0] - [300, 501, 350, 579]).max() <= 4


def test_a_known_face_is_searched_for_near_its_place_and_a_new_one_further_off() -> None:
    bgr, there = frame((500, 300, 30)), np.array([500, 300, 530, 330], np.float32)
    beside = there + 24 * np.array([1, 0, 1, 0], np.float32)
    targets = Target(there), Target(beside), Target(beside, 1.0)
    found = [len(in_crops(Squares(), bgr, [target])) for target in targets]  # type: ignore[arg-type]
    assert found == [1, 0, 1]


class Grid(Squares):
    """A detector that is sure of a small face only in one place of its grid of 8 pixels."""

    def __init__(self, place: int, elsewhere: float = 0.5) -> None:
        super().__init__()
        self._place, self._elsewhere = place, elsewhere

    def scores(self, boxes: np.ndarray) -> np.ndarray:
        small = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=99) < 60
        off = boxes[:, 0].astype(int) % 8 != self._place
        return np.where(small & off, self._elsewhere, 0.9).astype(np.float32)


@pytest.mark.parametrize("elsewhere", [0.2, 0.5])
def test_a_doubtful_or_faint_face_is_seen_again_enlarged(elsewhere: float) -> None:
    found = everywhere(Grid(6, elsewhere), frame((905, 300, 30)))  # type: ignore[arg-type]
    assert boxes_of(found) == [[905, 300, 935, 330]]
    assert found.scores.tolist() == [np.float32(0.9)]


def test_what_stays_faint_is_none() -> None:
    assert not len(everywhere(Grid(6, 0.2), frame((905, 300, 25))))  # type: ignore[arg-type]


def small(bgr: np.ndarray) -> np.ndarray:
    return cv2.resize(bgr, (192, 108), interpolation=cv2.INTER_AREA)


def test_a_part_that_changed_is_told_once() -> None:
    news, nobody = News(), np.zeros((0, 4), np.float32)
    news.searched(small(frame((100, 100, 60))), nobody, SIZE)
    more = small(frame((100, 100, 60), (900, 500, 24)))
    ((left, top, right, bottom),) = news.parts(more, nobody, SIZE)
    assert left < 900 - 10 < 924 + 10 < right
    assert top < 500 - 10 < 524 + 10 < bottom
    assert (right - left) * (bottom - top) < 0.02 * SIZE[0] * SIZE[1]
    assert news.parts(more, nobody, SIZE) == []


def test_known_faces_and_whole_pictures_are_no_news() -> None:
    news, nobody = News(), np.zeros((0, 4), np.float32)
    assert news.parts(small(frame()), nobody, SIZE) == []
    news.searched(small(frame((100, 100, 60))), nobody, SIZE)
    moved, known = small(frame((130, 110, 60))), np.array([[130, 110, 190, 170]], np.float32)
    assert news.parts(moved, known, SIZE) == []
    assert news.parts(255 - small(frame()), nobody, SIZE) == []


def test_a_head_of_sixty_pixels_is_told() -> None:
    news, nobody = News(), np.zeros((0, 4), np.float32)
    news.searched(small(frame()), nobody, SIZE)
    ((left, top, right, bottom),) = news.parts(small(frame((900, 500, 200))), nobody, SIZE)
    assert left < 900
    assert right > 1100
    assert top < 500
    assert bottom > 700


def test_where_a_face_was_that_went_on_is_no_news() -> None:
    news, there = News(), np.array([[100, 100, 140, 140]], np.float32)
    news.searched(small(frame((100, 100, 40))), there, SIZE)
    gone = small(frame((700, 100, 40)))
    assert news.parts(gone, there + np.array([600, 0, 600, 0], np.float32), SIZE) == []


def test_what_comes_is_told_before_what_changes_all_the_time() -> None:
    news, nobody = News(), np.zeros((0, 4), np.float32)
    places = [(100 + 300 * i, 200) for i in range(6)]
    news.searched(small(frame()), nobody, SIZE)
    for side in (24, 60, 24):
        news.parts(small(frame(*((x, y, side) for x, y in places))), nobody, SIZE)
    parts = news.parts(small(frame(*((x, y, 60) for x, y in places), (900, 800, 90))), nobody, SIZE)
    assert any(top > 600 for _, top, _, _ in parts)


def test_what_comes_while_the_camera_pans_is_told_and_the_pan_is_not() -> None:
    rng = np.random.default_rng(3)
    wide = cv2.resize(rng.integers(40, 200, (9, 24, 3), np.uint8), (2880, 1080), interpolation=2)

    def seen(x: int) -> np.ndarray:
        return wide[:, x : x + SIZE[0]].copy()

    news, nobody = News(), np.zeros((0, 4), np.float32)
    news.searched(small(seen(0)), nobody, SIZE)
    assert [news.parts(small(seen(x)), nobody, SIZE) for x in range(24, 144, 24)] == [[]] * 5
    more = seen(144)
    more[500:530, 900:930] = 255
    parts = news.parts(small(more), nobody, SIZE)
    assert any(x <= 900 and y <= 500 and r >= 930 and b >= 530 for x, y, r, b in parts)
    assert len(parts) == 1


def test_a_close_up_is_fine_without_a_crop_of_it() -> None:
    factor = np.array([3, 3], np.float32)
    low = Squares().detect(frame((60, 60, 80), (300, 60, 40), size=(640, 360))).scaled(factor)
    close_up = is_close_up(low, factor)
    assert dict(zip(low.sides_px.tolist(), close_up.tolist(), strict=True)) == {240: 1, 120: 0}
    found = merged(low, close_up, low[np.flatnonzero(~close_up)])
    assert len(found.faces) == 2
    assert found.fine.all()
    assert merged(low, close_up, Detections.empty()).fine.tolist() == close_up.tolist()


class Anybody:
    """An embedder to which all are one person."""

    kind, dimension = "test", 128

    def __init__(self, vector: np.ndarray) -> None:
        self._vector = vector

    def embed(self, chips: np.ndarray) -> Embeddings:
        return Embeddings(np.tile(self._vector, (len(chips), 1)), np.full(len(chips), 12, "f4"))


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    faces = SyntheticFaces(128)
    templates = faces.pictures(faces.identities(1), 0)
    people = [Person("p0", {"en": "p0"})]
    create_gallery(tmp_path, people, templates, np.zeros(1, np.int32), "sface-2021dec")
    return open_gallery(tmp_path)


def read(gallery: Gallery, detector: Squares, side: int, *, enters: int) -> list[Scene]:
    """Return the scenes of a film with a large face that swings, and a small one that enters."""
    embedder = Anybody(gallery.templates_of("p0")[0])
    pipeline = FacePipeline(detector, embedder, "sface-2021dec")  # type: ignore[arg-type]
    reader = FilmReader(pipeline, gallery, RecogniserOptions())
    for index in range(enters + 30):
        there = [(905, 500, side)] if index >= enters else []
        swings = 300 + round(60 * np.sin(index / 12))
        picture = frame((swings, 300, 90), *there)
        reader.process(Frame(picture, index / FPS, index, 0))
    return list(reader.finish())


class Ghost(Squares):
    """A detector that takes the middle of a picture seen small for a doubtful large face."""

    def detect(self, bgr: np.ndarray, **options: float | None) -> Detections:
        found = super().detect(bgr, **options)  # type: ignore[arg-type]
        if bgr.shape[:2] != (360, 640):
            return found
        box = np.array([[240, 120, 400, 280]], np.float32)
        score, marks = np.array([0.5], np.float32), np.full((1, 5, 2), 200, np.float32)
        return Detections.concatenate([found, Detections(box, score, marks)])


@pytest.mark.parametrize(("side", "detector"), [(20, Ghost()), (40, Squares())])
def test_a_small_face_that_enters_a_calm_picture_is_found_within_three_tenths_of_a_second(
    gallery: Gallery, side: int, detector: Squares
) -> None:
    scenes = read(gallery, detector, side, enters=30)
    first = next(s.pts_s for s in scenes if any(f.box[0] > 800 for f in s.faces))
    assert 1.1 < first <= 1.5
    assert all(len(s.faces) == 2 for s in scenes if s.pts_s > 1.5)


def test_a_face_that_stays_doubtful_is_looked_at_in_the_next_passes(gallery: Gallery) -> None:
    scenes = read(gallery, Grid(6), 25, enters=0)
    first = next(s.pts_s for s in scenes if any(f.box[0] > 800 for f in s.faces))
    assert 0 < first <= 0.4
    assert all(len(s.faces) == 2 for s in scenes if s.pts_s > 0.4)


def test_a_face_that_is_there_as_the_shot_begins_and_moves_fast_is_one_track(
    gallery: Gallery,
) -> None:
    """Of who was found once nobody knows how they move; whoever is near must not become them."""
    embedder = Anybody(gallery.templates_of("p0")[0])
    pipeline = FacePipeline(Squares(), embedder, "sface-2021dec")  # type: ignore[arg-type]
    reader = FilmReader(pipeline, gallery, RecogniserOptions())
    for index in range(20):
        reader.process(Frame(frame((1000 - 35 * index, 300, 150)), index / FPS, index, 0))
    seen = [[face.track for face in scene.faces] for scene in reader.finish()]
    assert seen == [seen[0]] * 20
    assert len(seen[0]) == 1
