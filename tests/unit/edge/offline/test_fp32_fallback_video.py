"""A film's uncertain shots get the names of the reference; sure ones are read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.bench.synthetic import SyntheticFaces
from edge.offline.fp32_fallback import SecondOpinion
from edge.offline.fp32_fallback_video import Retake
from edge.offline.recogniser import OfflineRecogniser
from edge.recognise.decide import Claim, decide
from edge.recognise.recogniser import RecogniserOptions
from edge.recognise.search import search
from edge.recognise.thresholds import policy_for
from edge.video.frame import Frame
from engines.detections import Detections
from engines.embedder import Embeddings
from engines.pipeline import FacePipeline, unit
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.recognise.scene import Scene
    from gallery.search.search import Gallery

BAND = 0.04
SHOTS = 3
LENGTH = 10
FPS = 25.0
OPTIONS = RecogniserOptions(static_s=0)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("gallery")
    faces = SyntheticFaces(128)
    people = [Person(f"p{n}", {"en": f"p{n}"}) for n in range(100)]
    templates = faces.pictures(faces.identities(100), 0)
    create_gallery(folder, people, templates, np.arange(100, dtype=np.int32), "sface-2021dec")
    return open_gallery(folder)


class OneFace:
    """A detector to which each frame has one large face."""

    kind, long_side_px = "test", 0

    def detect(self, _: np.ndarray, **__: int | None) -> Detections:
        points = np.array([[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]], np.float32) + 100
        box = np.array([[110, 110, 210, 230]], np.float32)
        return Detections(box, np.ones(1, np.float32), points[None])


class Scores:
    """An embedder to which every face of a shot has one score with `p0`; shots differ in grey."""

    kind, dimension = "test", 128

    def __init__(self, gallery: Gallery, scores: tuple[float, ...]) -> None:
        self._mean = gallery.templates_of("p0")[0]
        aside = np.eye(128, dtype=np.float32)[0]
        self._aside = unit(aside - (aside @ self._mean) * self._mean)
        self._scores = scores

    def embed(self, chips: np.ndarray) -> Embeddings:
        score = self._scores[int(chips[0].mean() // 80)]
        vector = score * self._mean + np.sqrt(1 - score**2) * self._aside
        return Embeddings(vector[None].astype(np.float32), np.full(1, 13, np.float32))


def film() -> list[Frame]:
    return [
        Frame(np.full((360, 640, 3), 80 * (i // LENGTH), np.uint8), i / FPS, i, 0)
        for i in range(SHOTS * LENGTH)
    ]


@dataclass
class Picture:
    frame: Frame

    @property
    def index(self) -> int:
        return self.frame.index

    def to_frame(self) -> Frame:
        return self.frame


class Film:
    """A second reading, which counts what it is asked for."""

    def __init__(self, frames: list[Frame]) -> None:
        self._frames = frames
        self.opened = self.closed = self.read = 0

    def __call__(self) -> Film:
        self.opened += 1
        return self

    def pictures(self) -> Iterator[Picture]:
        for frame in self._frames:
            self.read += 1
            yield Picture(frame)

    def close(self) -> None:
        self.closed += 1


def pipeline(gallery: Gallery, scores: tuple[float, ...]) -> FacePipeline:
    return FacePipeline(OneFace(), Scores(gallery, scores), "sface-2021dec")  # type: ignore[arg-type]


def taken(
    gallery: Gallery,
    int8: tuple[float, ...],
    fp32: tuple[float, ...],
    again: Film,
    stop: Callable[[], bool] = lambda: False,
) -> list[Scene]:
    second = SecondOpinion(BAND, lambda: pipeline(gallery, fp32))
    with Retake(second, gallery, OPTIONS, again, stop) as retake:  # type: ignore[arg-type]
        recogniser = OfflineRecogniser(pipeline(gallery, int8), gallery, OPTIONS, retake)
        scenes = [scene for frame in film() for scene in recogniser.process(frame)]
        return scenes + recogniser.finish()


def names(scenes: list[Scene]) -> list[str | None]:
    """Return the one name of each shot."""
    found: list[str | None] = []
    for shot in range(SHOTS):
        said = {face.id for s in scenes if s.shot == shot for face in s.faces}
        assert len(said) == 1
        found += said
    return found


@pytest.fixture
def needed(gallery: Gallery) -> float:
    """Return the lowest cosine that names `p0`, whose neighbours count too."""
    policy = policy_for(gallery, OPTIONS.fpir, stills=False)
    for score in np.arange(0.3, 0.7, 0.005):
        vector = Scores(gallery, (float(score),)).embed(np.zeros((1, 1))).vectors
        claim = Claim(
            0, search(gallery, vector)[0], 120.0, 0.0, 1.0, 13.0,
            impostor_mean=policy.scores.tracks.face_mean,
        )  # fmt: skip
        if decide([claim], policy)[0].id == "p0":
            return float(score)
    raise AssertionError("no score names anybody")


def test_an_uncertain_shot_says_what_the_reference_says(gallery: Gallery, needed: float) -> None:
    again = Film(film())
    int8 = (0.8, needed - 0.02, needed + 0.02)
    scenes = taken(gallery, int8, (0.1, needed + 0.01, needed - 0.01), again)
    assert names(scenes) == ["p0", "p0", None]
    assert [s.index for s in scenes] == list(range(SHOTS * LENGTH))
    assert (again.opened, again.closed, again.read) == (1, 1, SHOTS * LENGTH)
    shots = [{f.track for s in scenes if s.shot == n for f in s.faces} for n in range(SHOTS)]
    assert len(set.union(*shots)) == sum(map(len, shots)) == SHOTS


def test_sure_shots_are_not_read_again(gallery: Gallery, needed: float) -> None:
    again = Film(film())
    int8 = (0.8, needed - BAND - 0.02, needed + BAND + 0.02)
    assert names(taken(gallery, int8, (0.1, 0.1, 0.1), again)) == ["p0", None, "p0"]
    assert (again.opened, again.closed) == (0, 0)


@pytest.mark.parametrize("frames", [film()[:15], film()[:12] + film()[13:], []])
def test_a_film_that_reads_otherwise_the_second_time_changes_nothing(
    gallery: Gallery, needed: float, frames: list[Frame]
) -> None:
    int8 = (0.8, needed - 0.02, 0.8)
    scenes = taken(gallery, int8, (0.8, needed + 0.01, 0.8), Film(frames))
    assert names(scenes) == ["p0", None, "p0"]
    assert len(scenes) == SHOTS * LENGTH


def test_who_stops_does_not_wait_for_it(gallery: Gallery, needed: float) -> None:
    again = Film(film())
    int8 = (0.8, needed - 0.02, 0.8)
    scenes = taken(gallery, int8, (0.8, needed + 0.01, 0.8), again, stop=lambda: True)
    assert names(scenes) == ["p0", None, "p0"]
    assert again.read == LENGTH + 1
