"""A face that turns away keeps its name by its torso: for a while, and in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from msgspec.structs import replace

from edge.offline.recogniser import with_decisions
from edge.recognise.cues.cue import LONGEST_AWAY_S, Spoke
from edge.recognise.cues.follow import TorsoFlow
from edge.recognise.decide import LEAST_PROBABILITY, Decision
from edge.recognise.recogniser import Recogniser, RecogniserOptions
from edge.recognise.scene import Face, Scene
from edge.recognise.step import away_face, fade
from edge.video.frame import Frame
from engines.detections import Detections
from engines.embedder import Embeddings
from engines.pipeline import FacePipeline
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from pathlib import Path

    from edge.recognise.cues.follow import Away

SIZE = (480, 270)
FPS = 10
SIDE, TALL = 40, 50
HERE = (100.0, 40.0)
SURE = 0.99
rng = np.random.default_rng(3)
HAIR = cv2.GaussianBlur(rng.integers(0, 255, (40, SIDE, 3), np.uint8), (0, 0), 1)
CLOTH = cv2.GaussianBlur(rng.integers(0, 255, (130, 120, 3), np.uint8), (0, 0), 2)
WALL = cv2.GaussianBlur(rng.integers(0, 255, (270, 480, 3), np.uint8), (0, 0), 6)


def box(left: float, top: float = HERE[1]) -> tuple[float, float, float, float]:
    return left, top, left + SIDE, top + TALL


def picture(
    number: int, left: float | None, top: float = HERE[1], size: int = 1, lean: int = 0
) -> Frame:
    """Return a frame with hair above a face at this place and a torso below, or without one.

    The head leans to the right of the torso by some pixels.
    """
    bgr = WALL.copy()
    if left is not None:
        x, y = round(left) - 40, round(top) + TALL
        part = CLOTH[: SIZE[1] - y, max(0, -x) : SIZE[0] - x]
        bgr[y : y + len(part), max(0, x) : max(0, x) + part.shape[1]] = part
        hair_x, hair_y = round(left) + lean, round(top) - 20
        hair = HAIR[max(0, -hair_y) :, max(0, -hair_x) : SIZE[0] - hair_x]
        x, y = max(0, hair_x), max(0, hair_y)
        bgr[y : y + len(hair), x : x + hair.shape[1]] = hair
    bgr = np.asarray(cv2.resize(bgr, (SIZE[0] * size, SIZE[1] * size)), np.uint8)
    return Frame(bgr, number / FPS, number, 0)


def named(left: float, track: int = 1, person: str | None = "ann") -> Face:
    spoke = (Spoke("face", 9.0),) if person else ()
    return Face(track, box(left), person, 0.6, None, detection=0.9, probability=SURE, cues=spoke)


def look(
    flow: TorsoFlow[Face], frame: Frame, *faces: Face, sure: tuple[int, ...] = (1,)
) -> tuple[Face, ...]:
    """Take a frame in which these faces are found."""
    flow.look(frame, {face.track: np.array(face.box, np.float32) for face in faces})
    return told(flow.follow(frame, faces, sure))


def told(away: tuple[Away[Face], ...]) -> tuple[Face, ...]:
    return tuple(face for one in away if (face := away_face(one)) is not None)


def seen(sure: tuple[int, ...] = (1,), size: int = 1) -> TorsoFlow[Face]:
    """Return a flow that has seen Ann's face in two frames, and named it."""
    flow: TorsoFlow[Face] = TorsoFlow()
    ann = named(HERE[0])
    ann = replace(ann, box=tuple(size * v for v in ann.box))
    for number in range(2):
        assert look(flow, picture(number, HERE[0], size=size), ann, sure=sure) == ()
    return flow


@pytest.mark.parametrize("size", [1, 2])
def test_a_torso_that_moves_takes_the_name_with_it_and_less_of_it_each_moment(size: int) -> None:
    flow = seen(size=size)
    last = SURE
    lasted: list[int] = []
    for number in range(2, 2 + 3 * FPS):
        left = HERE[0] + 3 * (number - 1)
        faces = look(flow, picture(number, left, size=size))
        if not faces:
            break
        lasted.append(number)
        (face,) = faces
        assert (face.id, face.track, face.detection) == ("ann", 1, 0.0)
        assert np.abs(np.array(face.box) - size * np.array(box(left))).max() < 4 * size
        assert LEAST_PROBABILITY <= face.probability < last
        last = face.probability
        assert face.away_s == pytest.approx((number - 1) / FPS)
        spoke = {one.kind: one.llr for one in face.cues}
        assert spoke["face"] > 0 > spoke["body"]
    assert lasted
    assert LONGEST_AWAY_S - 0.2 < lasted[-1] / FPS - 1 / FPS <= LONGEST_AWAY_S


def test_between_two_looks_of_the_detector_the_torso_is_followed_too() -> None:
    flow = seen()
    look(flow, picture(2, HERE[0] + 2))
    for number in range(3, 12):
        left = HERE[0] + 2 * (number - 1)
        (face,) = told(flow.follow(picture(number, left), (), ()))
        assert abs(face.box[0] - left) < 3


@pytest.mark.parametrize("hair", [True, False])
def test_a_head_that_leans_is_where_its_hair_is(*, hair: bool) -> None:
    flow = seen()
    for number in range(2, 12):
        lean = 3 * (number - 1)
        frame = picture(number, HERE[0], lean=lean)
        if not hair:
            frame.bgr[: round(HERE[1]) + TALL] = 128  # nothing to follow but the torso
        (face,) = look(flow, frame)
        assert abs(face.box[0] - HERE[0] - hair * lean) < 3


def test_nobody_is_followed_whose_name_was_not_sure() -> None:
    nobody: TorsoFlow[Face] = TorsoFlow()
    look(nobody, picture(0, HERE[0]), named(HERE[0], person=None))
    for flow in (seen(sure=()), nobody):
        assert look(flow, picture(2, HERE[0])) == ()


@pytest.mark.parametrize(
    "end", ["cut", "refused", "another face in the place", "named elsewhere", "scattered", "dark"]
)
def test_what_ends_it(end: str) -> None:
    flow = seen()
    assert look(flow, picture(2, HERE[0]))
    frame, faces = picture(3, HERE[0]), ()
    if end == "cut":
        flow.cut()
    elif end == "refused":
        flow.refuse([1])
    elif end == "another face in the place":
        faces = (named(HERE[0] + 8, track=2, person=None),)
    elif end == "named elsewhere":
        faces = (named(HERE[0] + 250, track=2),)
    elif end == "scattered":
        bgr = frame.bgr.copy()
        bgr[80:] = cv2.GaussianBlur(rng.integers(0, 255, (190, 480, 3), np.uint8), (0, 0), 2)
        frame = Frame(bgr, frame.pts_s, 3, 0)
    else:
        frame = Frame(np.zeros_like(frame.bgr), frame.pts_s, 3, 0)
    assert look(flow, frame, *faces) == ()
    assert look(flow, picture(4, HERE[0])) == ()  # and it does not come back by itself


def test_another_face_further_off_changes_nothing() -> None:
    flow = seen()
    assert look(flow, picture(2, HERE[0]))
    beside = named(HERE[0] + 3 * SIDE, track=2, person="bo")
    assert [face.id for face in look(flow, picture(3, HERE[0]), beside, sure=())] == ["ann"]


def test_a_face_that_is_seen_again_is_itself_and_may_turn_away_once_more() -> None:
    flow = seen()
    assert look(flow, picture(2, HERE[0]))
    assert look(flow, picture(3, HERE[0]), named(HERE[0])) == ()
    (face,) = look(flow, picture(4, HERE[0]))
    assert face.away_s == pytest.approx(1 / FPS)


def test_who_walks_out_of_the_picture_is_gone() -> None:
    flow = seen()
    left = HERE[0]
    for number in range(2, 30):
        left -= 12
        if not look(flow, picture(number, left)):
            break
    assert number < 2 + (HERE[0] + 2 * SIDE) / 12


def test_a_picture_of_another_size_ends_it() -> None:
    flow = seen()
    assert look(flow, picture(2, HERE[0]))
    assert flow.follow(Frame(np.zeros((90, 160, 3), np.uint8), 0.2, 3, 0), (), ()) == ()


def test_with_hindsight_it_has_what_its_track_is_decided_to_be() -> None:
    away = replace(named(HERE[0]), detection=0.0, away_s=1.0)
    scene = Scene(1.0, 25, *SIZE, 0, (named(200.0, track=2), away), 1)
    assert scene.seen == scene.faces[:1]
    spoke = (Spoke("face", 5.0),)
    (_, face) = with_decisions(scene, {1: Decision("bo", 0.5, None, (), 0.9, spoke)}).faces
    assert (face.id, face.cues[0]) == ("bo", spoke[0])
    assert face.probability == pytest.approx(0.9 * 0.5**0.5, abs=1e-3)
    for nobody in (
        Decision(None, 0.2, "below_threshold", ()),
        Decision("bo", 0.5, None, (), 0.6, spoke),
    ):
        assert [f.track for f in with_decisions(scene, {1: nobody}).faces] == [2]
    assert [f.track for f in with_decisions(scene, {}).faces] == [2]
    assert fade(replace(away, away_s=LONGEST_AWAY_S + 0.1, probability=1.0)) is None


class TurnsAway:
    """A detector that finds Ann's face in the first pictures, and none afterwards."""

    kind, long_side_px = "test", 0

    def __init__(self, frames: int) -> None:
        self._left = frames

    def detect(self, _: np.ndarray, **__: int | None) -> Detections:
        self._left -= 1
        if self._left < 0:
            return Detections.empty()
        points = np.array([[12, 18], [28, 18], [20, 27], [13, 36], [27, 36]], np.float32)
        return Detections(
            np.array([box(HERE[0])], np.float32),
            np.ones(1, np.float32),
            points[None] + np.array(HERE, np.float32),
        )


class Ann:
    """An embedder to which every face is Ann's."""

    kind, vector = "test", np.eye(1, 128, dtype=np.float32)

    def embed(self, chips: np.ndarray) -> Embeddings:
        return Embeddings(self.vector.repeat(len(chips), axis=0), np.full(len(chips), 12.0, "f4"))


@pytest.mark.parametrize(("body", "away"), [(True, 17), (False, 0)])
def test_the_recogniser_shows_who_turns_away_only_with_that_cue(
    tmp_path: Path, *, body: bool, away: int
) -> None:
    templates = np.eye(8, 128, dtype=np.float32)
    people = [Person(f"p{n}", {"en": f"p{n}"}) for n in range(8)]
    create_gallery(tmp_path, people, templates, np.arange(8, dtype=np.int32), "sface-2021dec")
    gallery = open_gallery(tmp_path)
    pipeline = FacePipeline(TurnsAway(6), Ann(), "sface-2021dec")  # type: ignore[arg-type]
    options = RecogniserOptions(static_s=0, body=body)
    live = Recogniser(pipeline, lambda: gallery, options)
    scenes = [live.process(picture(n, HERE[0])).scene for n in range(40)]
    faces = [face for scene in scenes for face in scene.faces if face.away_s]
    assert away - 1 <= len(faces) <= away + 1
    assert {face.id for face in faces} <= {"p0"}
    assert all(len(scene.faces) <= 1 for scene in scenes)
    assert not any(scene.faces for scene in scenes[26:])
