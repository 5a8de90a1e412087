"""The answer of `identify`: what it is, and how it is added up from scenes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from edge.offline.brief import Brief
from edge.recognise.cues.cue import Spoke
from edge.recognise.scene import Candidate
from edge.scratch import Records
from edge.video.uri import shown_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.recognise.scene import Face, Scene
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


class IdentifiedVoice(msgspec.Struct, frozen=True):
    """Somebody whose voice was heard, whether they were seen or not."""

    from_s: float
    to_s: float
    person: str


class IdentifiedPicture(msgspec.Struct, frozen=True):
    """Who is in one picture of a folder.

    Attributes:
        file: its name.
        frame: its number, as in `faces`.
        people: ids of those who are named, left to right.
        unnamed: why each of the others is not, left to right.
    """

    file: str
    frame: int
    people: tuple[str, ...]
    unnamed: tuple[str, ...]

    @classmethod
    def of(cls, file: str, scene: Scene) -> IdentifiedPicture:
        """Return what the scene of a still picture tells."""
        there = sorted(scene.faces, key=lambda face: face.box[0] + face.box[2])
        people = tuple(dict.fromkeys(face.id for face in there if face.id))
        return cls(file, scene.index, people, tuple(face.why for face in there if face.why))


class Identification(msgspec.Struct, frozen=True):
    """The answer of `identify`.

    `complete` is false when it was interrupted; `engines` says what ran the models and
    `engines_why` why it was taken; `brief` counts faces that were seen for a moment only.
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
    pictures: tuple[IdentifiedPicture, ...] = ()
    heard: tuple[IdentifiedVoice, ...] = ()
    brief: Brief = Brief()


@dataclass(slots=True)
class _Seen:
    """What is kept of a person: when, for how long, and the best score."""

    first_s: float
    last_s: float
    seconds: float
    score: float


class Summary:
    """Adds up scenes to an `Identification`; keeps nothing of single frames.

    Args:
        gallery: where names come from.
        lang: the language of the names.
        on_face: is given each face as it is published.
        also: is given each scene, too.
    """

    def __init__(
        self,
        gallery: Gallery,
        lang: str = "en",
        *,
        on_face: Callable[[IdentifiedFace], None] = lambda _: None,
        also: Callable[[Scene], None] = lambda _: None,
    ) -> None:
        self._on_face, self._also = on_face, also
        self._gallery = gallery
        self._lang = lang
        self._seen: dict[str, _Seen] = {}
        self._last_pts_s: float | None = None
        self._step_s = 0.04
        self._names: dict[str, str] = {}
        self.frames = 0
        self.shots = 0
        self.texts: list[IdentifiedText] = []
        self.heard: list[IdentifiedVoice] = []
        self._brief = Brief()
        self.warnings: list[str] = []
        """What the user should know of how the source was read, beside its own warnings."""

    def add(self, scene: Scene) -> None:
        """Take a decided scene."""
        self._also(scene)
        if self._last_pts_s is not None and scene.pts_s > self._last_pts_s:
            self._step_s = min(scene.pts_s - self._last_pts_s, 1.0)
        self._last_pts_s = scene.pts_s
        self.frames += 1
        self.shots = max(self.shots, scene.shot + 1)
        for face in scene.faces:
            self._on_face(self._published(scene, face))
            if face.id is not None:
                self._add_to(face.id, scene.pts_s, face.score)

    def take_brief(self, brief: Brief) -> None:
        """Take how many faces were seen for a moment only."""
        self._brief = brief

    def _add_to(self, person: str, pts_s: float, score: float) -> None:
        seen = self._seen.get(person)
        if seen is None:
            self._seen[person] = _Seen(pts_s, pts_s, self._step_s, score)
            return
        seen.last_s = pts_s
        seen.seconds += self._step_s
        seen.score = max(seen.score, score)

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
        self,
        source: str,
        *,
        threshold: float,
        complete: bool,
        warnings: tuple[str, ...] = (),
        faces: tuple[IdentifiedFace, ...] = (),
    ) -> Identification:
        """Return everything so far; `faces` are those that `on_face` was given, where wanted."""
        people = [
            IdentifiedPerson(
                person,
                self.name(person),
                round(seen.seconds, 3),
                round(seen.first_s, 4),
                round(seen.last_s, 4),
                round(seen.score, 4),
            )
            for person, seen in self._seen.items()
        ]
        people.sort(key=lambda p: (-p.seconds, p.id))
        duration = (self._last_pts_s or 0.0) + (self._step_s if self.frames else 0.0)
        return Identification(
            shown_source(source),
            self.frames,
            tuple(people),
            faces,
            round(duration, 3),
            self.shots,
            round(threshold, 4),
            complete,
            (*warnings, *self.warnings),
            texts=tuple(self.texts),
            heard=tuple(self.heard),
            brief=self._brief,
        )


class FaceFile:
    """The faces of an `Identification` on the disk instead of in memory, for its JSON."""

    def __init__(self) -> None:
        self._records = Records()

    def add(self, face: IdentifiedFace) -> None:
        """Take a face."""
        self._records.add(msgspec.json.encode(face))

    def json_of(self, found: Identification) -> Iterator[bytes]:
        """Yield the JSON of an answer with these faces in it, in pieces."""
        head, _, tail = msgspec.json.encode(found).partition(b'"faces":[]')
        yield head + b'"faces":['
        comma = b""
        for record in self._records:
            yield comma + record
            comma = b","
        yield b"]" + tail
