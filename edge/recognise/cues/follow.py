"""A face that turns away keeps its name for a while: its torso is followed by sparse optical flow.

Points of the torso (Shi, Tomasi 1994) are followed from picture to picture as MedianFlow does
(Kalal, Mikolajczyk, Matas 2010): forward and backward (Lucas, Kanade 1981; pyramids), by the median
of those that agree. The head leans and nods on the shoulders, so the box goes with the hair above
the face where there are points in it, and with the torso elsewhere; the torso says whether the
person is still there. It names nobody: it hands on, inside one shot and for at most
`LONGEST_AWAY_S`, a name that the face alone had made sure. It ends where the points scatter (an arm
crosses, a picture dissolves), where another face comes to that place, or where the name turns up
elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import cv2
import numpy as np

from edge.recognise.cues.cue import LONGEST_AWAY_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from edge.video.frame import Frame

GREY_PX = 480
"""Long side of the grey pictures that points are followed in."""
MOST_POINTS, LEAST_POINTS = 40, 8
"""On a torso; new ones are taken where less than half are left."""
MOST_HAIR, LEAST_HAIR = 20, 6
"""Above a face; where there are fewer, the head moves as its torso does."""
APART_PX = 3
BACK_PX = 1.0
"""A point that does not come back to where it began is lost."""
AGREE = 0.06
"""Points that go one way in a picture differ by less than this, in units of the face's side, or a
pixel; where fewer than half do they are on more than one thing."""
NEAR = 0.5
"""A face whose centre is this near, in units of the side of the followed one, is in its place."""
_WINDOW: cv2.typing.Size = (15, 15)


class ShownFace(Protocol):
    """A face as it is published; `edge.recognise.scene.Face` is one."""

    @property
    def track(self) -> int:
        """The number of its track."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in pixels of the frame."""

    @property
    def id(self) -> str | None:
        """Who it is, where it has a name."""


F = TypeVar("F", bound=ShownFace)


@dataclass(frozen=True, slots=True)
class Away(Generic[F]):
    """A face that is turned away.

    Attributes:
        face: as it was when it was seen last.
        box: where it is now.
        away_s: how long ago it was seen.
    """

    face: F
    box: tuple[float, float, float, float]
    away_s: float


@dataclass(slots=True)
class _Torso:
    """A followed torso and the hair above it, in pixels of `grey`.

    Attributes:
        grey: the picture that the points are in.
        box: float32 (4,), where the face is.
        body: float32 (4,), where it would be if the head did not move on the shoulders.
        torso, hair: float32 (n, 2), points.
    """

    grey: NDArray[np.uint8]
    box: NDArray[np.float32]
    body: NDArray[np.float32]
    torso: NDArray[np.float32]
    hair: NDArray[np.float32]

    @property
    def side(self) -> float:
        return max(float((self.box[2:] - self.box[:2]).min()), 1.0)

    def step(self, grey: NDArray[np.uint8]) -> bool:
        """Follow the points into the next picture; false where they are lost."""
        if grey.shape != self.grey.shape:
            return False
        before, self.grey = self.grey, grey
        both = np.concatenate([self.torso, self.hair])
        there, kept = _flow(before, grey, both)
        most_px = max(1.0, AGREE * self.side)
        first = len(self.torso)
        torso = _agreeing(both[:first], there[:first], kept[:first], LEAST_POINTS, most_px)
        hair = _agreeing(both[first:], there[first:], kept[first:], LEAST_HAIR, most_px)
        if torso is None:
            return False
        self.torso, way = torso
        self.body = self.body + np.tile(way, 2)
        self.hair, way = hair or (self.hair[:0], way)
        self.box = self.box + np.tile(way, 2)
        self.sow()
        return bool(_inside(self.box.reshape(2, 2).mean(axis=0)[None], grey)[0])

    def sow(self) -> None:
        """Take new points in place of those that were lost."""
        left, top, right, bottom = (float(v) for v in self.body)
        side, tall = right - left, bottom - top
        if len(self.torso) < MOST_POINTS // 2:
            below = left - 0.4 * side, bottom + 0.4 * tall, right + 0.4 * side, bottom + 2 * tall
            self.torso = _with_more(self.grey, below, self.torso, MOST_POINTS)
        left, top, right, _ = (float(v) for v in self.box)
        if len(self.hair) < MOST_HAIR // 2:
            above = left + 0.1 * side, top - 0.3 * tall, right - 0.1 * side, top + 0.1 * tall
            self.hair = _with_more(self.grey, above, self.hair, MOST_HAIR)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Where a face was when it was seen last."""

    box_px: NDArray[np.float32]
    pts_s: float


@dataclass(slots=True)
class TorsoFlow(Generic[F]):
    """Follows the torsos of named faces that the detector lost; one thread uses it."""

    _named: dict[int, F] = field(default_factory=dict)
    _seen: dict[int, _Seen] = field(default_factory=dict)
    _torsos: dict[int, _Torso] = field(default_factory=dict)
    _grey: NDArray[np.uint8] | None = None
    _scale: float = 1.0

    def cut(self) -> None:
        """Take that a new shot begins: nobody is followed into it."""
        self._named, self._seen, self._torsos, self._grey = {}, {}, {}, None

    def refuse(self, tracks: Iterable[int]) -> None:
        """Take that a viewer said that tracks have the wrong name."""
        for track in tracks:
            self._named.pop(track, None)

    def look(self, frame: Frame, faces_px: Mapping[int, NDArray[np.float32]]) -> None:
        """Take the faces that were found in a frame.

        Args:
            frame: the newest.
            faces_px: float32 (4,) of each, left, top, right, bottom, by the number of its track.
        """
        for track in [t for t in self._named if t not in faces_px and t not in self._torsos]:
            torso = self._begin(self._seen[track].box_px)
            if torso is None:
                self._forget(track)
            else:
                self._torsos[track] = torso
        for track in faces_px:
            self._torsos.pop(track, None)
        self._seen = {track: self._seen[track] for track in self._torsos}
        self._seen |= {track: _Seen(box, frame.pts_s) for track, box in faces_px.items()}
        self._grey = self._grey_of(frame) if self._named else None

    def follow(self, frame: Frame, shown: Iterable[F], sure: Iterable[int]) -> tuple[Away[F], ...]:
        """Return the faces that are turned away now.

        Args:
            frame: the newest.
            shown: the faces in it.
            sure: the tracks whose face alone makes the name sure.
        """
        faces, sure = tuple(shown), frozenset(sure)
        here = {face.track for face in faces}
        self._move(frame)
        for face in faces:
            seen = self._seen.get(face.track)
            seen_now = seen is not None and seen.pts_s == frame.pts_s
            self._end_rivalled(face, in_place=seen_now)
            if seen_now and face.id is not None and face.track in sure:
                self._named[face.track] = face
            elif seen_now:
                self._named.pop(face.track, None)
        return tuple(self._told(t, frame.pts_s) for t in self._torsos if t not in here)

    def _told(self, track: int, pts_s: float) -> Away[F]:
        left, top, right, bottom = (
            round(float(v), 1) for v in self._torsos[track].box / self._scale
        )
        away_s = round(pts_s - self._seen[track].pts_s, 4)
        return Away(self._named[track], (left, top, right, bottom), away_s)

    def _move(self, frame: Frame) -> None:
        """Follow all torsos into a frame; who is away for too long is forgotten."""
        for track in list(self._torsos):
            away_s = frame.pts_s - self._seen[track].pts_s
            if track not in self._named or not 0 <= away_s <= LONGEST_AWAY_S:
                self._forget(track)
        if not self._torsos:
            return
        grey = self._grey_of(frame)
        for track, torso in list(self._torsos.items()):
            if torso.grey is not grey and not torso.step(grey):
                self._forget(track)

    def _end_rivalled(self, face: ShownFace, *, in_place: bool) -> None:
        """Forget whoever is named elsewhere, or in whose place another face was seen just now."""
        box = np.array(face.box, np.float32)
        for track, torso in list(self._torsos.items()):
            if track == face.track:
                continue
            apart = (torso.box / self._scale - box).reshape(2, 2).mean(axis=0)
            near = float(np.hypot(*apart)) < NEAR * torso.side / self._scale
            if (in_place and near) or face.id == self._named[track].id:
                self._forget(track)

    def _forget(self, track: int) -> None:
        for kept in (self._named, self._seen, self._torsos):
            kept.pop(track, None)

    def _grey_of(self, frame: Frame) -> NDArray[np.uint8]:
        self._scale = min(1.0, GREY_PX / max(frame.size))
        if self._scale == 1.0:
            bgr = frame.bgr
        else:
            width, height = (max(1, round(v * self._scale)) for v in frame.size)
            bgr = frame.scaled((width, height), sampled=True)
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)

    def _begin(self, box_px: NDArray[np.float32]) -> _Torso | None:
        """Return the points of a torso when its face was seen last, None where too few are seen."""
        grey = self._grey
        if grey is None:
            return None
        box = np.asarray(box_px * self._scale, np.float32)
        none = np.zeros((0, 2), np.float32)
        torso = _Torso(grey, box, box, none, none)
        torso.sow()
        return torso if len(torso.torso) >= LEAST_POINTS else None


def _with_more(
    grey: NDArray[np.uint8],
    where: tuple[float, float, float, float],
    points: NDArray[np.float32],
    most: int,
) -> NDArray[np.float32]:
    """Return points, float32 (n, 2), with new ones between left, top, right, bottom."""
    left, top, right, bottom = (max(0, round(v)) for v in where)
    part = np.ascontiguousarray(grey[top:bottom, left:right])
    if min(part.shape) < _WINDOW[0] // 3:
        return points
    free = np.full(part.shape, 255, np.uint8)
    for x, y in points:
        cv2.circle(free, (int(x) - left, int(y) - top), APART_PX, (0,), -1)
    found = cv2.goodFeaturesToTrack(part, most - len(points), 0.01, APART_PX, mask=free)
    if found is None or not len(found):
        return points
    corner = np.array([left, top], np.float32)
    return np.concatenate([points, found.reshape(-1, 2).astype(np.float32) + corner])


def _agreeing(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    kept: NDArray[np.bool_],
    least: int,
    most_px: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return where points that go one way are now, and the way; None where most go another."""
    after = after[kept]
    if len(after) < least:
        return None
    ways = after - before[kept]
    agree = np.linalg.norm(ways - np.median(ways, axis=0), axis=1) < most_px
    if agree.sum() < max(least, len(ways) / 2):
        return None
    return after[agree], np.asarray(np.median(ways[agree], axis=0), np.float32)


def _flow(
    before: NDArray[np.uint8], after: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return where points went, float32 (n, 2), and which of them come back, bool (n,)."""
    none = np.empty(0)
    went, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, none, winSize=_WINDOW)
    there = np.asarray(went, np.float32)
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, none, winSize=_WINDOW)
    near = np.linalg.norm(back - points, axis=1) < BACK_PX
    kept = (found.ravel() == 1) & (again.ravel() == 1) & near & _inside(there, after)
    return there, np.asarray(kept)


def _inside(points: NDArray[np.float32], grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    size = np.array(grey.shape[::-1], np.float32)
    return np.asarray(((points >= 0) & (points < size)).all(axis=1))
