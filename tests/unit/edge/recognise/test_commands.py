"""What viewers ask of the recogniser waits for its next frame; its values stay its thread's own."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.bench.synthetic import SyntheticFaces
from edge.recognise.commands import Commands
from edge.recognise.evidence import TrackState
from edge.recognise.recogniser import FULL_BUDGET_FACES, Recogniser, RecogniserOptions
from edge.recognise.search import TrackSearch
from edge.recognise.template import TrackTemplate
from edge.recognise.track import Track
from edge.video.frame import Frame
from engines.detections import Detections
from engines.embedder import Embeddings
from engines.pipeline import FacePipeline
from engines.scores.model import score_model
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gallery.search.search import Gallery

MODEL = "sface-2021dec"
FPS = 25.0
ADDS = 20_000


class Row:
    """A detector that finds this many large faces in a row."""

    kind, long_side_px = "test", 0

    def __init__(self, faces: int) -> None:
        self._faces = faces

    def detect(self, _: np.ndarray, **__: int | None) -> Detections:
        points = np.array([[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]], np.float32)
        box = np.array([10, 10, 110, 130], np.float32)
        at = np.array([(120 * n, 20) for n in range(self._faces)], np.float32)
        count = len(at)
        return Detections(
            box + np.tile(at, 2), np.ones(count, np.float32), points + at.reshape(count, 1, 2)
        )


class OnePerson:
    """An embedder to which each face is the same person's; counts the chips of each call."""

    kind, dimension = "test", 128

    def __init__(self, vector: np.ndarray, on_embed: Callable[[], None]) -> None:
        self._vector, self._on_embed = vector, on_embed
        self.embedded: list[int] = []

    def embed(self, chips: np.ndarray) -> Embeddings:
        self.embedded.append(len(chips))
        self._on_embed()
        vectors = np.repeat(self._vector[None], len(chips), axis=0)
        return Embeddings(vectors.astype(np.float32), np.full(len(chips), 13, np.float32))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("gallery")
    faces = SyntheticFaces(128)
    people = [Person(f"p{n}", {"en": f"p{n}"}) for n in range(20)]
    templates = faces.pictures(faces.identities(20), 0)
    create_gallery(folder, people, templates, np.arange(20, dtype=np.int32), MODEL)
    return open_gallery(folder)


class Watched:
    """A recogniser of a still programme, and what it was asked to embed."""

    def __init__(
        self, gallery: Gallery, faces: int, on_embed: Callable[[], None] = lambda: None
    ) -> None:
        self.commands = Commands()
        self.embedder = OnePerson(gallery.templates_of("p0")[0], on_embed)
        self.recogniser = Recogniser(
            FacePipeline(Row(faces), self.embedder, MODEL),  # type: ignore[arg-type]
            lambda: gallery,
            RecogniserOptions(static_s=0),
            commands=self.commands,
        )
        self._index = 0

    def frame(self) -> dict[int, str | None]:
        """Take the next frame; return what is said of each track."""
        bgr = np.full((360, 900, 3), 90, np.uint8)
        frame = Frame(bgr, self._index / FPS, self._index, 0)
        self._index += 1
        return {f.track: f.id for f in self.recogniser.process(frame).scene.faces}


def test_a_refused_name_goes_at_the_next_frame_and_stays_away(gallery: Gallery) -> None:
    watched = Watched(gallery, 1)
    while watched.frame() != {0: "p0"}:
        pass
    assert not watched.commands.refuse(0, "p1")
    assert not watched.commands.refuse(7, "p0")
    assert watched.commands.refuse(0, "p0")
    assert watched.frame() == {0: None}
    assert not watched.commands.refuse(0, "p0")  # it carries no name any more
    assert {watched.frame()[0] for _ in range(30)} == {None}


def test_a_refusal_is_taken_back(gallery: Gallery) -> None:
    watched = Watched(gallery, 1)
    while watched.frame() != {0: "p0"}:
        pass
    assert not watched.commands.allow(0, "p0")  # nobody has refused it
    assert watched.commands.refuse(0, "p0")
    assert {watched.frame()[0] for _ in range(5)} == {None}
    assert watched.commands.allow(0, "p0")
    assert not watched.commands.allow(0, "p0")
    assert "p0" in {watched.frame()[0] for _ in range(10)}


def test_a_refusal_in_the_midst_of_a_frame_counts_from_the_next_one_on(gallery: Gallery) -> None:
    answers: list[bool] = []

    def press() -> None:
        thread = threading.Thread(target=lambda: answers.append(watched.commands.refuse(0, "p0")))
        thread.start()
        thread.join()

    def in_its_second_frame() -> None:
        if len(watched.embedder.embedded) == 2:
            press()

    watched = Watched(gallery, 1, on_embed=in_its_second_frame)
    seen: list[str | None] = []
    while len(watched.embedder.embedded) < 2:
        seen = list(watched.frame().values())
    assert answers == [True]
    assert seen == ["p0"]
    assert watched.frame() == {0: None}


def test_a_press_embeds_all_faces_of_the_next_frame_only(gallery: Gallery) -> None:
    watched = Watched(gallery, 7)
    watched.frame()
    assert watched.embedder.embedded == [2]
    watched.commands.request_full_budget()
    for _ in range(20):
        watched.frame()
    assert watched.embedder.embedded[1] == FULL_BUDGET_FACES
    assert max(watched.embedder.embedded[2:]) <= 2


@pytest.fixture
def restless() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_no_refusal_reads_what_the_recogniser_changes(gallery: Gallery) -> None:
    """Refusing read the template of a track while faces were added: 3 % of such calls failed."""
    scores = score_model(MODEL)
    vector = gallery.templates_of("p0")[0]
    state = TrackState(Track(0, np.zeros(4, np.float32), 0.0, 0.0, 1.0), TrackTemplate(scores))
    state.displayed_id = "p0"
    commands, found = Commands(), TrackSearch(scores.same.refused)
    commands.publish([state])
    over, taken, failed = threading.Event(), [0], []

    def refuse() -> None:
        while not over.is_set():
            try:
                taken[0] += commands.refuse(0, "p0")
            except Exception as error:  # noqa: BLE001, PERF203 - any is a failure
                failed.append(error)

    viewer = threading.Thread(target=refuse)
    viewer.start()
    for number in range(ADDS):  # as the recogniser's thread does with each face
        state.template.add(vector, 13.0, 0.9, number / FPS)
        if number % 10 == 0:
            found.refuse(commands.take().refusals)
            commands.publish([state])
    over.set()
    viewer.join()
    assert failed == []
    assert taken[0] > 100
