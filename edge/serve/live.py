"""The live protocol: one newest scene, fanned out to any number of readers.

A reader that is slow gets the newest scene when it is ready for one and never holds up the others:
there is no queue of scenes, only the newest. Answers and states are few and are queued, bounded.
`docs/overlay-protocol.md` describes the messages.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from edge.serve.messages import AnswerMessage, SceneMessage, ShownFace, State, encode
from edge.video.age import FRESH_S, now_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.answer import Answer
    from edge.recognise.scene import Candidate, Face, Scene
    from edge.serve.messages import KeyPressed, Named, PairingCode
    from edge.serve.ports import PeoplePort

PROTOCOL = 1
MAX_PENDING = 16
MAX_SCENE_BYTES = 2000
MAX_NAME_CHARACTERS = 64
BEAT_S = 0.25
"""Something is sent at least this often: a reader that hears nothing knows that nobody is there."""
LANGUAGES = ("en", "zh")
"""What the overlay speaks; a card has the other languages too."""


class _Newest(msgspec.Struct, frozen=True):
    """A scene as it is sent while it is new, and as it is sent once it is old."""

    sent: bytes
    stale: bytes
    at_s: float


def _importance(face: Face) -> tuple[bool, float]:
    left, top, right, bottom = face.box
    return face.id is None, -(right - left) * (bottom - top)


def _candidates(face: Face) -> tuple[Candidate, ...]:
    return face.candidates[:2] if face.why == "ambiguous" else ()


def _shown(face: Face) -> ShownFace:
    left, top, right, bottom = face.box
    return ShownFace(
        face.track,
        (round(left), round(top), round(right), round(bottom)),
        UNSET if face.id is None else face.id,
        UNSET if face.id is None else round(face.score, 2),
        UNSET if face.why is None else face.why,
        tuple(c.id for c in _candidates(face)) if face.why == "ambiguous" else UNSET,
    )


def _stale(message: SceneMessage) -> SceneMessage:
    return msgspec.structs.replace(message, faces=(), names={}, more=0, stale=True)


def _spoken(names: dict[str, str]) -> dict[str, str]:
    """Return the names in the overlay's languages, or one in any other where there is none."""
    kept = {k: v for k, v in names.items() if k.partition("-")[0] in LANGUAGES}
    kept = kept or dict(list(names.items())[:1])
    return {k: v[:MAX_NAME_CHARACTERS] for k, v in kept.items()}


class Hub:
    """Takes scenes from the recognition thread and hands them to readers in the server's loop.

    Args:
        people: names for the ids in scenes.
        clock: seconds that go on whatever the source does.
    """

    def __init__(self, people: PeoplePort, clock: Callable[[], float] = now_s) -> None:
        self._people = people
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._readers: set[Reader] = set()
        self._names: tuple[object, dict[str, dict[str, str]]] = ("", {})
        self._newest: _Newest | None = None
        self.state: bytes = encode(State())

    @property
    def readers(self) -> int:
        """How many readers are connected."""
        return len(self._readers)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start handing out in this loop; readers of the previous loop are gone."""
        self._loop = loop
        self._readers.clear()

    @property
    def newest(self) -> bytes:
        """The newest scene as it is sent, without faces once it is old; empty before the first."""
        newest = self._newest
        if newest is None:
            return b""
        return newest.sent if self._clock() - newest.at_s <= FRESH_S else newest.stale

    def publish(
        self, scene: Scene, position_s: float | None = None, at_s: float | None = None
    ) -> bytes:
        """Take the newest scene, from any thread; return it as it is sent.

        Args:
            scene: the newest.
            position_s: its place in a source in which one can seek.
            at_s: when its picture was captured, by `clock`; now, when not given.
        """
        message = self._message(scene, position_s)
        sent = encode(message)
        at_s = self._clock() if at_s is None else at_s
        self._newest = _Newest(sent, encode(_stale(message)), at_s)
        self._wake()
        return sent

    def publish_answer(self, answer: Answer) -> None:
        """Send an answer to all readers, from any thread."""
        self._enqueue(encode(AnswerMessage.of(answer)))

    def publish_state(self, source: str, detail: str = "") -> None:
        """Tell all readers how the source is: connecting, playing, lost or ended."""
        self.state = encode(State(source, detail))
        self._enqueue(self.state)

    def publish_other(self, message: Named | PairingCode | KeyPressed) -> None:
        """Send what is neither scene, answer nor state to all readers, from any thread."""
        self._enqueue(encode(message))

    def join(self) -> Reader:
        """Return a new reader; call within the loop."""
        reader = Reader()
        self._readers.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """Forget a reader."""
        self._readers.discard(reader)

    def _message(self, scene: Scene, position_s: float | None) -> SceneMessage:
        """Return a scene as sent: faces, the largest first, then names, as `MAX_SCENE_BYTES` holds.

        A reader asks `/api/people/{id}` for a name that found no room.
        """
        empty = SceneMessage(
            round(scene.pts_s, 4),
            scene.index,
            (scene.width, scene.height),
            scene.shot,
            scene.release,
            position_s=UNSET if position_s is None else round(position_s, 3),
            dissolves=scene.dissolves or UNSET,
        )
        faces: list[ShownFace] = []
        people: dict[str, None] = {}
        left = MAX_SCENE_BYTES - len(encode(empty)) - len("99")
        for face in sorted(scene.faces, key=_importance):
            shown = _shown(face)
            left -= len(encode(shown)) + 1
            if left < 0:
                break
            faces.append(shown)
            people |= dict.fromkeys([face.id] if face.id else [c.id for c in _candidates(face)])
        names: dict[str, dict[str, str]] = {}
        for person_id in people:  # who is there comes before what they are called
            new = self._names_of(person_id, (scene.release, scene.gallery))
            left -= len(encode({person_id: new}))
            if left < 0:
                break
            names[person_id] = new
        more = len(scene.faces) - len(faces)
        return msgspec.structs.replace(empty, faces=tuple(faces), names=names, more=more)

    def _names_of(self, person_id: str, gallery: tuple[int, str]) -> dict[str, str]:
        if self._names[0] != gallery:
            self._names = gallery, {}
        known = self._names[1]
        if person_id not in known:
            person = self._people.person(person_id)
            known[person_id] = _spoken(person.names) if person else {"en": person_id}
        return known[person_id]

    def _wake(self) -> None:
        def wake() -> None:
            for reader in self._readers:
                reader.changed.set()

        self._in_loop(wake)

    def _enqueue(self, message: bytes) -> None:
        def enqueue() -> None:
            for reader in self._readers:
                reader.queue(message)

        self._in_loop(enqueue)

    def _in_loop(self, action: Callable[[], None]) -> None:
        if self._loop is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended; so have its readers
            self._loop.call_soon_threadsafe(action)


class Reader:
    """One connection's view of the hub."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._pending: deque[bytes] = deque(maxlen=MAX_PENDING)
        self._sent: bytes = b""

    def queue(self, message: bytes) -> None:
        """Add a message that must not be skipped; the oldest goes when there are too many."""
        self._pending.append(message)
        self.changed.set()

    async def next(self, hub: Hub) -> list[bytes]:
        """Wait for news; return queued messages and the newest scene, if it is new.

        After `BEAT_S` without news it is the state again, and a scene that has become old.
        """
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.changed.wait(), BEAT_S)
        messages = list(self._pending) if self.changed.is_set() else [hub.state]
        self.changed.clear()
        self._pending.clear()
        newest = hub.newest
        if newest and newest is not self._sent:
            self._sent = newest
            messages.append(newest)
        return messages
