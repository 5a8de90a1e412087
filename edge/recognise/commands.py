"""What other threads ask of the recogniser: kept until it takes the next frame.

The recogniser's own values belong to its thread. Another one leaves a command here and reads
nothing but what was published with the last scene.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from edge.recognise.evidence import TrackState
    from edge.recognise.template import TrackTemplate
    from edge.recognise.track import Track
    from edge.video.frame import Frame

MOST_FACES = 4
PHOTO_PX = 224
PHOTO_QUALITY = 85
ROOM = 0.45
"""Around the box, in units of its size."""
SEEN_S = 0.25

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


WhyNot = Literal["gone", "poor"]


@dataclass(frozen=True, slots=True)
class FaceCopy:
    """A copy that nothing else writes to.

    Attributes:
        track: the track's number.
        template: float32 (dimension,), unit length.
        photo: a JPEG, empty where the face was not in the picture any more.
        model: identity of the embedder.
    """

    track: int
    template: NDArray[np.float32]
    photo: bytes
    model: str


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

    def refused(self) -> tuple[tuple[NDArray[np.float32], str], ...]:
        """Return the faces, float32 (dimension,), that viewers refused a name, and the name.

        For the recogniser's thread, which writes to their templates.
        """
        with self._lock:
            kept = list(self._refused.items())
        return tuple(
            (state.template.overall(), person)
            for (_, person), state in kept
            if state.template.vectors
        )

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


def copy_face(
    number: int,
    template: TrackTemplate | None,
    track: Track | None,
    frame: Frame,
    model: str,
    least_norm: float,
) -> FaceCopy | WhyNot:
    """Return a face, or why it cannot be named.

    Args:
        number: of the track.
        template: what is known of its face, None where that was forgotten.
        track: where it is, None where it is over.
        frame: the newest.
        model: identity of the embedder.
        least_norm: poor faces are all alike; those below are not for enrolment.
    """
    if template is None:
        return "gone"
    if not template.vectors or template.norm() < least_norm:
        return "poor"
    seen = track is not None and abs(frame.pts_s - track.last_s) <= SEEN_S
    photo = _photo(frame, track.at(frame.pts_s)) if track is not None and seen else b""
    return FaceCopy(number, np.array(template.overall(), np.float32), photo, model)


def _photo(frame: Frame, xyxy_px: NDArray[np.float32]) -> bytes:
    left, top, right, bottom = (float(v) for v in xyxy_px)
    side = max(right - left, bottom - top) * (1 + 2 * ROOM)
    x, y = (left + right - side) / 2, (top + bottom - side) / 2
    width, height = frame.size
    x0, y0 = max(0, round(x)), max(0, round(y))
    x1, y1 = min(width, round(x + side)), min(height, round(y + side))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return b""
    part = frame.bgr[y0:y1, x0:x1]
    scale = min(1.0, PHOTO_PX / max(part.shape[:2]))
    size = (max(1, round(scale * (x1 - x0))), max(1, round(scale * (y1 - y0))))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, PHOTO_QUALITY])[1].tobytes()
