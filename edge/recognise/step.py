"""The result of one frame: a value, so that nobody reads what the recogniser still changes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engines.detections import Detections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.recognise.evidence import TrackState
    from edge.recognise.scene import Scene


@dataclass(frozen=True, slots=True)
class Tracked:
    """The detections of a frame that are tracked; none of a low-resolution pass.

    Attributes:
        tracks: the number of the track of each.
        faces: the detections, in the same order.
    """

    tracks: tuple[int, ...] = ()
    faces: Detections = field(default_factory=Detections.empty)


@dataclass(frozen=True, slots=True)
class Step:
    """What came of a frame.

    Attributes:
        scene: for viewers.
        detections: what was found in it.
        ended: the tracks that ended with it; the recogniser no longer has them.
        stage_s: seconds spent in each stage.
        flips: how many tracks changed their name.
        shown: the tracks of the scene, which the recogniser goes on changing: to be read before
            its next frame, in its thread.
    """

    scene: Scene
    detections: Tracked
    ended: tuple[TrackState, ...]
    stage_s: Mapping[str, float]
    flips: int
    shown: tuple[TrackState, ...] = ()


class Stopwatch:
    """Notes the time of each stage of a frame."""

    def __init__(self) -> None:
        self.stage_s: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Take the time since the last lap as this stage's."""
        now = time.perf_counter()
        self.stage_s[stage] = now - self._last
        self._last = now
