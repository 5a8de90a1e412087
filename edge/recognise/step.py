"""The result of one frame: a value, so that nobody reads what the recogniser still changes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from edge.recognise.cues.cue import LONGEST_AWAY_S, Spoke
from edge.recognise.decide import LEAST_PROBABILITY, with_decision
from edge.recognise.scene import Face, Scene
from engines.detections import Detections

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from edge.recognise.cues.body import BodyCue
    from edge.recognise.cues.follow import Away, TorsoFlow
    from edge.recognise.decide import Decision
    from edge.recognise.evidence import TrackState
    from edge.video.frame import Frame
    from gallery.search.search import Gallery

HALF_LIFE_S = 2.0
"""The probability of a name whose face is turned away falls by half in this time."""


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


def face_of(track: int, xyxy_px: NDArray[np.float32], detection: float, decision: Decision) -> Face:
    """Return a face as it is published, by its track, box, detector's score and decision."""
    left, top, right, bottom = (round(float(v), 1) for v in xyxy_px)
    box = (left, top, right, bottom)
    face = Face(track, box, None, 0.0, None, (), round(detection, 3))
    return with_decision(face, decision)


def scene_of(
    frame: Frame, shot: int, faces: tuple[Face, ...], gallery: Gallery, *, dissolves: bool
) -> Scene:
    """Return what is known of a frame."""
    known = gallery.release, gallery.identity
    return Scene(frame.pts_s, frame.index, *frame.size, shot, faces, *known, dissolves)


def away_face(away: Away[Face]) -> Face | None:
    """Return a face that is turned away, as it is published; None where it has no name left."""
    return fade(msgspec.structs.replace(away.face, box=away.box, detection=0.0, away_s=away.away_s))


def fade(face: Face) -> Face | None:
    """Return a named face that is turned away with what is left of its name; None if too little.

    Args:
        face: its probability and cues are those of its track, as if it were seen.
    """
    if face.id is None or face.away_s > LONGEST_AWAY_S:
        return None
    probability = face.probability * 0.5 ** (face.away_s / HALF_LIFE_S)
    if probability < LEAST_PROBABILITY:
        return None
    lost = _logit(probability) - _logit(face.probability)
    return msgspec.structs.replace(
        face,
        probability=round(probability, 4),
        cues=(*face.cues, Spoke("body", round(lost, 3))),
    )


def open_clothes(*, on: bool) -> tuple[BodyCue | None, TorsoFlow[Face] | None]:
    """Return what looks at clothes and what follows them, None twice where that cue is off."""
    if not on:
        return None, None
    from edge.recognise.cues.body import BodyCue  # noqa: PLC0415
    from edge.recognise.cues.follow import TorsoFlow  # noqa: PLC0415

    return BodyCue(), TorsoFlow()


def _logit(probability: float) -> float:
    p = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))
