"""`identify`: a picture or a video from start to end, with the hindsight that a file allows.

A live picture must name a face from what came before; a file need not. When the film is over each
track gets one decision from all of its faces and those of other shots that are surely the same
person's, which holds for all of its frames: no name changes
within a track, and a face that turns away keeps its name.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

import msgspec

from edge.offline.film.reader import FilmReader
from edge.offline.recogniser import OfflineRecogniser, with_decisions
from edge.offline.still import identify_still
from edge.recognise.cues.cue import Spoke
from edge.recognise.scene import Candidate, Face, Scene
from edge.recognise.thresholds import policy_for
from edge.video.uri import shown_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from edge.offline.fp32_fallback import SecondOpinion
    from edge.offline.fp32_fallback_video import Retake
    from edge.recognise.cues.cue import CueSource
    from edge.recognise.recogniser import RecogniserOptions
    from edge.video.source import Picture
    from engines.pipeline import FacePipeline
    from gallery.search.search import Gallery


class IdentifiedFace(msgspec.Struct, frozen=True):
    """One face in one frame; the fields are those of DESIGN.md."""

    pts_s: float
    frame: int
    track: int
    box: tuple[float, float, float, float]
    id: str | None
    name: str | None
    score: float
    why: str | None
    candidates: tuple[Candidate, ...]
    shot: int = 0
    probability: float = 0.0
    cues: tuple[Spoke, ...] = ()


class IdentifiedPerson(msgspec.Struct, frozen=True):
    """One person's appearance in the whole source."""

    id: str
    name: str
    seconds: float
    first_s: float
    last_s: float
    score: float


class IdentifiedText(msgspec.Struct, frozen=True):
    """A line that was read in the picture; `person` is whom of the gallery it names, or None."""

    pts_s: float
    text: str
    person: str | None


class Identification(msgspec.Struct, frozen=True):
    """The answer of `identify`.

    `complete` is false when it was interrupted; `engines` says what ran the models and
    `engines_why` why it was taken.
    """

    source: str
    frames: int
    people: tuple[IdentifiedPerson, ...]
    faces: tuple[IdentifiedFace, ...]
    duration_s: float = 0.0
    shots: int = 1
    threshold: float = 0.0
    complete: bool = True
    warnings: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    engines_why: str = ""
    texts: tuple[IdentifiedText, ...] = ()


def recognise_all(
    pipeline: FacePipeline,
    gallery: Gallery,
    pictures: Iterable[Picture],
    options: RecogniserOptions,
    *,
    still: bool,
    every_frame: bool = False,
    second: SecondOpinion | None = None,
    retake: Retake | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_picture: Callable[[Picture], None] = lambda _: None,
    cues: CueSource | None = None,
) -> Iterator[Scene]:
    """Yield the decided scene of each frame: of pictures one by one, of a film when it is over.

    Args:
        pipeline: the loaded models.
        gallery: who is known.
        pictures: in order.
        options: budgets and promises.
        still: each picture stands for itself.
        every_frame: a film is searched frame by frame, as a live picture is.
        second: settles borderline faces.
        retake: the same, for films that are searched frame by frame.
        stop: asked after each frame; true ends early, with all that was seen decided.
        on_picture: called with each one, for progress.
        cues: what is known beside the faces.
    """
    if still:
        policy = policy_for(gallery, options.fpir, options.cast)
        track = 0
        for shot, picture in enumerate(pictures):
            frame = picture.to_frame()
            scene = identify_still(
                pipeline,
                gallery,
                frame,
                policy,
                first_track=track,
                shot=shot,
                second=second,
                cues=cues.at(frame.pts_s) if cues is not None else (),
            )
            track += len(scene.faces)
            on_picture(picture)
            yield scene
            if stop():
                return
        return
    reader: FilmReader | EveryFrame = FilmReader(pipeline, gallery, options, second, cues=cues)
    if every_frame:
        reader = EveryFrame(OfflineRecogniser(pipeline, gallery, options, retake, cues=cues))
    for picture in pictures:
        reader.process(picture)
        on_picture(picture)
        if stop():
            break
    yield from reader.finish()


class EveryFrame:
    """Reads a film frame by frame, with the interface of `FilmReader`."""

    def __init__(self, recogniser: OfflineRecogniser) -> None:
        self._recogniser = recogniser
        self._scenes: deque[Scene] = deque()

    def process(self, picture: Picture) -> None:
        """Take a picture."""
        self._scenes += self._recogniser.process(picture.to_frame())

    def finish(self) -> Iterator[Scene]:
        """Return the scenes of all frames."""
        self._scenes += self._recogniser.finish()
        decisions = self._recogniser.hindsight()
        while self._scenes:
            yield with_decisions(self._scenes.popleft(), decisions)


class Summary:
    """Adds up scenes to an `Identification`.

    Args:
        gallery: where names come from.
        lang: the language of the names.
        keep_scenes: keep the scenes by frame, to draw them later.
        also: is given each scene, too.
    """

    def __init__(
        self,
        gallery: Gallery,
        lang: str = "en",
        *,
        keep_scenes: bool = False,
        also: Callable[[Scene], None] = lambda _: None,
    ) -> None:
        self._also = also
        self._gallery = gallery
        self._lang = lang
        self._keep_scenes = keep_scenes
        self.scenes: dict[int, Scene] = {}
        self._faces: list[IdentifiedFace] = []
        self._seen: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        self._last_pts_s: float | None = None
        self._step_s = 0.04
        self._names: dict[str, str] = {}
        self.frames = 0
        self.shots = 0
        self.texts: list[IdentifiedText] = []
        self.warnings: list[str] = []
        """What the user should know of how the source was read, beside its own warnings."""

    def add(self, scene: Scene) -> None:
        """Take a decided scene."""
        self._also(scene)
        if self._last_pts_s is not None and scene.pts_s > self._last_pts_s:
            self._step_s = min(scene.pts_s - self._last_pts_s, 1.0)
        self._last_pts_s = scene.pts_s
        self.frames += 1
        if self._keep_scenes:
            self.scenes[scene.index] = scene
        self.shots = max(self.shots, scene.shot + 1)
        for face in scene.faces:
            self._faces.append(self._published(scene, face))
            if face.id is not None:
                self._seen[face.id].append((scene.pts_s, self._step_s, face.score))

    def _published(self, scene: Scene, face: Face) -> IdentifiedFace:
        return IdentifiedFace(
            round(scene.pts_s, 4),
            scene.index,
            face.track,
            face.box,
            face.id,
            self.name(face.id) if face.id else None,
            face.score,
            face.why,
            face.candidates,
            scene.shot,
            face.probability,
            face.cues,
        )

    def name(self, person: str) -> str:
        """Return a person's name in the wanted language."""
        if person not in self._names:
            self._names[person] = self._gallery.person(person).name(self._lang)
        return self._names[person]

    def result(
        self, source: str, *, threshold: float, complete: bool, warnings: tuple[str, ...] = ()
    ) -> Identification:
        """Return everything so far."""
        people = [
            IdentifiedPerson(
                person,
                self.name(person),
                round(sum(step for _, step, _ in seen), 3),
                round(seen[0][0], 4),
                round(seen[-1][0], 4),
                round(max(score for _, _, score in seen), 4),
            )
            for person, seen in self._seen.items()
        ]
        people.sort(key=lambda p: (-p.seconds, p.id))
        duration = (self._last_pts_s or 0.0) + (self._step_s if self.frames else 0.0)
        return Identification(
            shown_source(source),
            self.frames,
            tuple(people),
            tuple(self._faces),
            round(duration, 3),
            self.shots,
            round(threshold, 4),
            complete,
            (*warnings, *self.warnings),
            texts=tuple(self.texts),
        )
