"""Faces of frames merged to the intervals of a timeline."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge.timeline.timeline import DEFAULT_FRAME_S, MAX_GAP_S, Appearances, Interval, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable


class SeenFace(Protocol):
    """One face in one frame, as far as a timeline looks at it; `identify` finds them."""

    @property
    def pts_s(self) -> float:
        """When the frame is shown, in seconds."""

    @property
    def frame(self) -> int:
        """Number of the frame."""

    @property
    def id(self) -> str | None:
        """Who it is, None for a face without a name."""

    @property
    def name(self) -> str | None:
        """The person's name."""

    @property
    def score(self) -> float:
        """The cosine similarity."""


def build_timeline(
    faces: Iterable[SeenFace],
    *,
    source: str,
    duration_s: float | None = None,
    frame_s: float | None = None,
    max_gap_s: float = MAX_GAP_S,
    min_s: float = 0.0,
) -> Timeline:
    """Return who appears when.

    Args:
        faces: as `identify` finds them; those without an id count for nobody.
        source: what was looked at, as the user named it.
        duration_s: of the source; None ends it with the last face.
        frame_s: how long a frame is shown; None measures it from the faces.
        max_gap_s: shorter absences are bridged.
        min_s: shorter intervals are left out.
    """
    builder = TimelineBuilder()
    for face in faces:
        builder.add(face)
    return builder.result(
        source, duration_s=duration_s, frame_s=frame_s, max_gap_s=max_gap_s, min_s=min_s
    )


class TimelineBuilder:
    """Takes faces one by one and makes a `Timeline`; keeps the times of frames, nothing else."""

    def __init__(self) -> None:
        self._frames, self._frames_s = array("q"), array("d")
        self._seen: dict[str, array[float]] = {}
        self._best: dict[str, tuple[str, float]] = {}

    def add(self, face: SeenFace) -> None:
        """Take a face."""
        if self._frames and self._frames[-1] == face.frame:
            self._frames_s[-1] = face.pts_s
        else:
            self._frames.append(face.frame)
            self._frames_s.append(face.pts_s)
        person = face.id
        if person is None:
            return
        self._seen.setdefault(person, array("d")).append(face.pts_s)
        score = max(face.score, self._best.get(person, ("", -1.0))[1])
        self._best[person] = (face.name or person, score)

    def result(
        self,
        source: str,
        *,
        duration_s: float | None = None,
        frame_s: float | None = None,
        max_gap_s: float = MAX_GAP_S,
        min_s: float = 0.0,
    ) -> Timeline:
        """Return who appears when; see `build_timeline` for the arguments."""
        step_s = frame_s or self._measured_frame_s()
        end_s = duration_s
        if end_s is None:
            end_s = max(self._frames_s, default=-step_s) + step_s
        people = []
        for person, times in self._seen.items():
            merged = merge(times, step_s, max_gap_s=max_gap_s)
            kept = tuple(i for i in merged if i.seconds >= min_s)
            if kept:
                total = round(sum(i.seconds for i in kept), 3)
                people.append(Appearances(person, *self._named(person, total), kept))
        people.sort(key=lambda p: (-p.seconds, p.intervals[0].start_s, p.id))
        return Timeline(source, round(end_s, 4), step_s, tuple(people))

    def _named(self, person: str, seconds: float) -> tuple[str, float, float]:
        name, score = self._best[person]
        return name, seconds, score

    def _measured_frame_s(self) -> float:
        """Return the median duration of a frame, or 0.04 s when there are too few to tell."""
        frames, last = np.unique(np.array(self._frames, np.int64)[::-1], return_index=True)
        times_s = np.array(self._frames_s, np.float64)[::-1][last]
        steps = np.diff(times_s) / np.diff(frames)
        steps = steps[steps > 0]
        return float(np.median(steps)) if len(steps) else DEFAULT_FRAME_S


def merge(times_s: Iterable[float], frame_s: float, *, max_gap_s: float) -> list[Interval]:
    """Return the intervals that frames at these times cover, joined over gaps of `max_gap_s`."""
    known_s = np.sort(np.fromiter(times_s, np.float64))
    if not len(known_s):
        return []
    ends_s = known_s + frame_s
    first = np.flatnonzero(known_s[1:] > ends_s[:-1] + max_gap_s) + 1
    starts_s, ends_s = known_s[[0, *first]], ends_s[[*(first - 1), -1]]
    return [
        Interval(round(start_s, 4), round(end_s, 4))
        for start_s, end_s in zip(starts_s.tolist(), ends_s.tolist(), strict=True)
    ]
