"""What other threads ask of the recogniser: kept until it takes the next frame.

The recogniser's own values belong to its thread. Another one leaves a command here and reads
nothing but what was published with the last scene.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge.recognise.evidence import TrackState
    from edge.recognise.face_copy import FaceCopy, WhyNot

MOST_FACES = 4
MOST_REFUSALS = 64
"""A recogniser keeps this many; no viewer sends more between two frames."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A viewer says that a track does not show the person whose name it carried.

    Attributes:
        state: the track.
        person_id: whom it does not show.
        undone: the viewer takes it back.
    """

    state: TrackState
    person_id: str
    undone: bool = False


class FaceRequest(NamedTuple):
    """Somebody wants a copy of a track's face; the future gets it."""

    track: int
    future: Future[FaceCopy | WhyNot]


@dataclass(frozen=True, slots=True)
class Taken:
    """The commands since the last frame.

    Attributes:
        full_budget: somebody waits for an answer: embed all faces of the next frame.
        refusals: names that viewers refused, oldest first.
        faces: tracks that somebody wants a copy of, and where it goes.
    """

    full_budget: bool = False
    refusals: tuple[Refusal, ...] = ()
    faces: tuple[FaceRequest, ...] = ()


class Commands:
    """The queue: any thread calls `request_full_budget` and `refuse`, the recogniser's the rest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending = Taken()
        self._named: dict[tuple[int, str], TrackState] = {}
        self._refused: dict[tuple[int, str], TrackState] = {}  # oldest first

    def request_full_budget(self) -> None:
        """Embed all faces of the next frame, whatever the budget: somebody has pressed the key."""
        with self._lock:
            self._pending = replace(self._pending, full_budget=True)

    def ask_face(self, track: int) -> Future[FaceCopy | WhyNot]:
        """Return what will be a copy of a track's face, with the next frame."""
        wanted: Future[FaceCopy | WhyNot] = Future()
        with self._lock:
            faces = (*self._pending.faces, FaceRequest(track, wanted))
            for dropped in faces[:-MOST_FACES]:
                dropped.future.cancel()
            self._pending = replace(self._pending, faces=faces[-MOST_FACES:])
        return wanted

    def refuse(self, track: int, person_id: str) -> bool:
        """Take a name from a track, and from tracks like it, until the recogniser ends.

        False when the track is over or does not carry this name. The track's template is
        kept in memory, and nowhere else.
        """
        with self._lock:
            state = self._named.get((track, person_id))
            if state is None:
                return False
            self._add(Refusal(state, person_id))
            self._refused[track, person_id] = state
            while len(self._refused) > MOST_REFUSALS:
                del self._refused[next(iter(self._refused))]
            return True

    def allow(self, track: int, person_id: str) -> bool:
        """Take a refusal back; False when there was none such."""
        with self._lock:
            state = self._refused.pop((track, person_id), None)
            if state is None:
                return False
            self._add(Refusal(state, person_id, undone=True))
            return True

    def _add(self, refusal: Refusal) -> None:
        refusals = (*self._pending.refusals, refusal)[-MOST_REFUSALS:]
        self._pending = replace(self._pending, refusals=refusals)

    def take(self) -> Taken:
        """Return what was asked since the last call."""
        with self._lock:
            taken, self._pending = self._pending, Taken()
            return taken

    def publish(self, states: Iterable[TrackState]) -> None:
        """Take the tracks as they are after a frame, with the names that they carry."""
        named = {(s.track.number, s.displayed_id): s for s in states if s.displayed_id is not None}
        with self._lock:
            self._named = named
