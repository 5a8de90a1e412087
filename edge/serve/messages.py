"""What the device says to the page and to programs, as values; `docs/overlay-protocol.md` has both.

Fields are encoded in the order in which they stand here; one that is `UNSET` is left out.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from edge.recognise.answer import Answer
from edge.timeline.timeline import Interval
from edge.titles.messages import Playing
from gallery.store.person import Person, Picture, Work

encode = msgspec.json.encode


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    """The first message to a reader.

    Attributes:
        v: of the protocol.
        preview: whether pictures are served.
        notice: a line for the foot of the page, by language.
        release: of the gallery.
        titles: whether `/api/title` tells what plays.
        restart: whether a source that has ended can be started again.
        naming: whether a stranger can be given a name.
        phone: whether `/phone` is served.
    """

    v: int
    preview: bool
    notice: dict[str, str]
    release: int
    titles: bool = False
    restart: bool = False
    naming: bool = False
    phone: bool = False


class Named(msgspec.Struct, frozen=True, tag_field="type", tag="named"):
    """A viewer gave a face a name, from a telephone or this page; an empty id: they gave it up."""

    id: str
    name: str


class PairingCode(msgspec.Struct, frozen=True, tag_field="type", tag="pairing"):
    """What the page shows to whoever wants to use a telephone; an empty code: no longer.

    Attributes:
        code: six digits.
        seconds: how long it is good for.
    """

    code: str
    seconds: float


class KeyPressed(msgspec.Struct, frozen=True, tag_field="type", tag="key"):
    """A key of a telephone that is a remote control: `radar`, `ok`, `back`, `left`, `not`, …."""

    key: str


class State(msgspec.Struct, frozen=True, tag_field="type", tag="state"):
    """How the source is; `detail` says why, or is empty."""

    source: str = "connecting"
    detail: str = ""


class ShownFace(msgspec.Struct, frozen=True):
    """A face of a scene: with a name, with a reason for having none, or still being looked at.

    Attributes:
        track: its number in this session.
        box: left, top, right, bottom in pixels of the scene's size.
        id: who it is.
        score: the cosine similarity that goes with the name.
        why: why it has no name.
        candidates: ids of the two whom it may show, where `why` is `ambiguous`.
    """

    track: int
    box: tuple[int, int, int, int]
    id: str | UnsetType = UNSET
    score: float | UnsetType = UNSET
    why: str | UnsetType = UNSET
    candidates: tuple[str, ...] | UnsetType = UNSET


class SceneMessage(msgspec.Struct, frozen=True, tag_field="type", tag="scene"):
    """Who is on screen in one frame.

    Attributes:
        pts_s: seconds of the source's clock.
        frame: number of the frame.
        size: its width and height in pixels.
        shot: number of the shot.
        release: of the gallery.
        faces: named ones first, then large ones.
        names: of all ids in `faces`, by language.
        more: faces that did not fit.
        position_s: the frame's place in a source in which one can seek.
        stale: the picture is too old for names.
        dissolves: it is dissolving into another: a face that is gone leaves no trace.
    """

    pts_s: float
    frame: int
    size: tuple[int, int]
    shot: int
    release: int
    faces: tuple[ShownFace, ...] = ()
    names: dict[str, dict[str, str]] = {}
    more: int = 0
    position_s: float | UnsetType = UNSET
    stale: bool | UnsetType = UNSET
    dissolves: bool | UnsetType = UNSET


class NoScene(msgspec.Struct, frozen=True, tag_field="type", tag="scene"):
    """What stands for the newest scene before the first."""

    faces: tuple[ShownFace, ...] = ()


class AnswerMessage(Answer, frozen=True, tag_field="type", tag="answer"):
    """The answer to a press, as all readers get it."""

    @classmethod
    def of(cls, answer: Answer) -> AnswerMessage:
        """Return the message that carries an answer."""
        return cls(**msgspec.structs.asdict(answer))


class LoadShedding(msgspec.Struct, frozen=True):
    """How much work is left out, from level 0, nothing, and why: `load`, `heat` or empty."""

    level: int = 0
    why: str = ""


class DeviceStatus(msgspec.Struct, frozen=True):
    """What runs here, and why: `/api/status`.

    Attributes:
        engines: what runs the detector and the embedder.
        why: why they were taken.
        source: how the source is, see `State`.
        picture_age_s: seconds since the newest picture, None before the first.
        release: of the gallery.
        scenes: how many frames were recognised.
        cast_unknown: ids of `recognise.cast` that the gallery does not have.
        load_shedding: what is left out.
        spending: the same, under its former name.
        title: what plays, None where the cue `title` is off.
    """

    engines: tuple[str, ...] = ()
    why: str = ""
    source: str = "connecting"
    picture_age_s: float | None = None
    release: int = 0
    scenes: int = 0
    cast_unknown: tuple[str, ...] = ()
    load_shedding: LoadShedding = LoadShedding()
    spending: LoadShedding = LoadShedding()
    title: Playing | None = None


class PersonCard(msgspec.Struct, frozen=True):
    """Somebody of the gallery: `/api/people/{id}`.

    Attributes:
        id: the person's id.
        names: by language.
        role: what they are known for, by language.
        biography: a few sentences, by language.
        works: best known first.
        pictures: what the templates were made from.
        photo: address of the photo on this device, None without one.
    """

    id: str
    names: dict[str, str]
    role: dict[str, str]
    biography: dict[str, str]
    works: tuple[Work, ...]
    pictures: tuple[Picture, ...]
    photo: str | None

    @classmethod
    def of(cls, person: Person) -> PersonCard:
        """Return what the page shows of a person."""
        return cls(
            person.id,
            person.names,
            person.role,
            person.biography,
            person.works,
            person.pictures,
            f"/api/people/{person.id}/photo" if person.photo else None,
        )


class PersonScenes(msgspec.Struct, frozen=True):
    """When somebody was on screen, as far as the device saw it: `/api/people/{id}/scenes`.

    Attributes:
        id: the person's id.
        seconds: the sum of the intervals.
        intervals: in order and apart.
        duration_s: of the source, None where it has no end.
        fixed: why one cannot seek, `live`, `ended` or `fixed`; empty where one can.
        stills: the place of a picture of each interval, None where there is none; left out where
            no pictures are kept.
    """

    id: str
    seconds: float
    intervals: tuple[Interval, ...]
    duration_s: float | None
    fixed: str
    stills: tuple[float | None, ...] | UnsetType = UNSET


class Refused(msgspec.Struct, frozen=True):
    """What feedback did: whether a name was taken from a face."""

    refused: bool


class Allowed(msgspec.Struct, frozen=True):
    """Whether a refusal was taken back."""

    allowed: bool


class NamingBegun(msgspec.Struct, frozen=True):
    """A face waits for its name; `photo` says whether `/api/naming/photo` shows it."""

    track: int
    photo: bool


class NamingState(msgspec.Struct, frozen=True):
    """Whether a face waits for its name, as a telephone asks for it."""

    waiting: bool
    photo: bool = False


class NamedPerson(msgspec.Struct, frozen=True):
    """Who was named, or is no more (`undone`)."""

    id: str
    name: str = ""
    undone: bool = False


class Paired(msgspec.Struct, frozen=True):
    """Whether a telephone is paired."""

    paired: bool


class Done(msgspec.Struct, frozen=True):
    """It was done."""

    done: bool = True


class Restarted(msgspec.Struct, frozen=True):
    """Whether a source that had ended starts again."""

    restarted: bool


class Sought(msgspec.Struct, frozen=True):
    """Where in the source the player goes."""

    to_s: float


class Error(msgspec.Struct, frozen=True):
    """Why a request was not done; `fixed` as in `PersonScenes`, where one cannot seek."""

    error: str
    fixed: str | UnsetType = UNSET
