"""The evidence for one track, and which faces are worth embedding to have more of it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edge.recognise.cues.belief import SURELY, surely
from edge.recognise.cues.cue import Evidence, with_cue
from edge.recognise.decide import Claim
from engines.quality import yaw_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from edge.recognise.cues.cue import Cue, CueSource
    from edge.recognise.cues.lips import LipWatch
    from edge.recognise.decide import Decision, Policy
    from edge.recognise.scene import Candidate
    from edge.recognise.template import TrackTemplate
    from edge.recognise.track import Track
    from edge.video.frame import Frame
    from engines.detections import Detections

ENOUGH_FACES = 4
ENOUGH_OF_CLEAR_FACES = 2
"""Two faces are enough where more would change nothing: the name is beyond doubt, or the faces tell
so little that no number of them could name anybody."""
AGAIN_S = 0.1
"""Faces of a track that lie nearer to each other tell the same."""
BETTER_VIEW = 1.15
"""A face is embedded when it is this much better than the best one so far ..."""
STALE_S = 0.8
"""... or when the last one of its track is this old, twice this where two faces are enough."""


@dataclass(slots=True)
class TrackState:
    """All that is known of one track."""

    track: Track
    template: TrackTemplate
    side_px: float = 0.0
    yaw: float = 1.0
    sharpness: float = 0.0
    rough_quality: float = 0.0
    embedded_s: float = -1e9
    candidates: tuple[Candidate, ...] = ()
    impostor_mean: float | None = None
    searched: str = ""
    fresh: bool = False
    displayed_id: str | None = None
    confident: bool = False
    reidentified_as: int | None = None
    evidence: tuple[Evidence, ...] = ()
    cued: tuple[Candidate, ...] = ()
    sure_id: str | None = None
    proposed: tuple[str, float] | None = None

    def confirmed(self, decision: Decision, policy: Policy) -> Decision:
        """Hold a new name back until a second look gives it, too, unless it is beyond doubt.

        Each look at a track is one more chance for a stranger's name, and the threshold pays for
        one look only.
        """
        if decision.id is None or decision.id == self.displayed_id or is_confident(self, policy):
            self.proposed = None
            return decision
        if self.proposed is None or self.proposed[0] != decision.id:
            self.proposed = decision.id, self.embedded_s
        if self.embedded_s > self.proposed[1]:
            return decision
        return replace(decision, id=None, why="below_threshold", probability=0.0, spoke=())

    def displays(self, decision: Decision, policy: Policy) -> None:
        """Take what is displayed; whom the face alone made sure is remembered."""
        self.displayed_id = decision.id
        self.confident = decision.id is not None and is_confident(self, policy)
        llr = next((one.llr for one in decision.spoke if one.kind == "face"), -math.inf)
        if decision.id is not None and surely(llr, policy.people) >= SURELY:
            self.sure_id = decision.id
        elif decision.id not in {None, self.sure_id}:
            self.sure_id = None

    def claim(self) -> Claim:
        """Return what the decision needs to know."""
        return Claim(
            self.track.number,
            self.candidates,
            self.side_px,
            self.yaw,
            self.sharpness,
            self.template.norm() if self.template.vectors else 0.0,
            self.displayed_id,
            self.impostor_mean,
            self.evidence,
            self.cued,
        )


AS_LARGE = 0.7
"""Faces that have this share of the largest one's area may be whom the shot is about, too."""
SPEAKS_PX = 60.0
"""A voice is not taken to be of a face that is smaller than this."""


class CueGate:
    """Gives each cue to the tracks that it speaks for, once.

    Args:
        source: where cues are asked for.
    """

    def __init__(self, source: CueSource) -> None:
        self._source = source
        self._lips: LipWatch | None = None
        self._given: deque[Cue] = deque(maxlen=64)

    @property
    def lips(self) -> LipWatch:
        """Whose lips move; watched from the first voice on."""
        if self._lips is None:
            from edge.recognise.cues.lips import LipWatch  # noqa: PLC0415 - only voices need it

            self._lips = LipWatch()
        return self._lips

    def found(self, faces: Mapping[int, NDArray[np.float32]], pts_s: float) -> None:
        """Take where faces were found: five landmarks in pixels, float32 (5, 2), by track."""
        if self._lips is not None:
            self._lips.found(faces, pts_s)

    def look(self, pts_s: float, pixels: Callable[[], NDArray[np.uint8]]) -> None:
        """Look at mouths, while voices are heard; `pixels` is asked only then, see `LipWatch`."""
        if self._lips is not None:
            self._lips.look(pts_s, pixels)

    def cut(self) -> None:
        """Take that another shot begins."""
        if self._lips is not None:
            self._lips.cut()

    def give(self, states: Sequence[TrackState], pts_s: float) -> None:
        """Write to the tracks on screen what cues say of them, where that has changed."""
        cues = self._source.at(pts_s)
        if not cues and not any(s.evidence for s in states):
            return
        for_all = [cue for cue in cues if cue.speaks_for == "all"]
        title = any(cue.kind == "title" for cue in for_all)
        for state in states:
            evidence = state.evidence
            if not title:  # it is another programme
                evidence = tuple(e for e in evidence if e.kind != "title")
            for cue in for_all:
                evidence = with_cue(evidence, cue)
            _renew(state, evidence)
        for cue in cues:
            if cue.speaks_for in {"all", "nobody"} or any(cue is given for given in self._given):
                continue
            if cue.speaks_for == "speaking":
                self.lips.wake(pts_s)
                meant = speaking_face(states, self.lips, cue.from_s, pts_s)
                every = [meant] if meant is not None else []
            else:
                every = _meant(cue, states, pts_s)
            if every:
                self._given.append(cue)
            said = cue.shared(len(every))
            for state in every:
                _renew(state, with_cue(state.evidence, said))


def give_body(states: Iterable[TrackState], said: Mapping[int, Mapping[str, float]]) -> None:
    """Write to tracks what their clothes say of them, by number, in place of what they said."""
    for state in states:
        llr = said.get(state.track.number)
        others = tuple(e for e in state.evidence if e.kind != "body")
        _renew(state, (*others, Evidence("body", llr)) if llr else others)


def _side_px(state: TrackState, pts_s: float) -> float:
    return math.sqrt(max(area(state.track.at(pts_s)), 0.0))


def _renew(state: TrackState, evidence: tuple[Evidence, ...]) -> None:
    if evidence != state.evidence:
        state.evidence = evidence
        state.fresh = True


def _meant(cue: Cue, states: Sequence[TrackState], pts_s: float) -> list[TrackState]:
    """Return the tracks that a cue speaks for: its own, or the largest that were there already."""
    if isinstance(cue.speaks_for, int):
        return [s for s in states if s.track.number == cue.speaks_for]
    there = [s for s in states if s.track.first_s <= cue.from_s]
    return [there[i] for i in _largest([area(s.track.at(pts_s)) for s in there])]


def _largest(areas: Sequence[float]) -> list[int]:
    """Return the places of the largest of some areas, and of those that are about as large."""
    most = max(areas, default=0.0)
    return [i for i, one in enumerate(areas) if one >= AS_LARGE * most]


def speaking_face(
    states: Sequence[TrackState], lips: LipWatch, from_s: float, pts_s: float
) -> TrackState | None:
    """Return the only face whose lips move, where those of all others are seen to be still.

    Others may be too small to tell if they are less than half as large.

    Args:
        states: of all faces on screen.
        lips: whose lips move.
        from_s: when a voice began; the face must have been there.
        pts_s: now.
    """
    from edge.recognise.cues.lips import LEAST_PX, MOVE, STILL  # noqa: PLC0415 - as above

    motions = [lips.motion(s.track.number, from_s, pts_s) for s in states]
    moving = [s for s, one in zip(states, motions, strict=True) if one is not None and one >= MOVE]
    if len(moving) != 1 or moving[0].track.first_s > from_s:
        return None
    side_px = _side_px(moving[0], pts_s)
    least_px = min(LEAST_PX, side_px / 2)
    doubtful = any(
        state is not moving[0]
        and (motion is None or motion > STILL)
        and _side_px(state, pts_s) >= least_px
        for state, motion in zip(states, motions, strict=True)
    )
    return moving[0] if side_px >= SPEAKS_PX and not doubtful else None


def evidence_of_still(cues: Sequence[Cue], areas: Sequence[float]) -> list[tuple[Evidence, ...]]:
    """Return what cues say of each face of one picture; the largest are the shot's."""
    found: list[tuple[Evidence, ...]] = [() for _ in areas]
    largest = _largest(areas)
    for cue in cues:
        if cue.speaks_for == "all":
            found = [with_cue(one, cue) for one in found]
        if cue.speaks_for == "shot":
            said = cue.shared(len(largest))
            for face in largest:
                found[face] = with_cue(found[face], said)
    return found


def area(xyxy_px: NDArray[np.float32]) -> float:
    """Return the area of a box, float32 (4,)."""
    return float((xyxy_px[2] - xyxy_px[0]) * (xyxy_px[3] - xyxy_px[1]))


def rough_quality_of(faces: Detections, frame: Frame) -> NDArray[np.float32]:
    """Return a quality, float32 (n,), that needs no chip; faces cut by the border count less."""
    width, height = frame.size
    inside = np.clip(faces.xyxy_px, 0, np.array([width, height, width, height], np.float32))
    area = (faces.xyxy_px[:, 2:] - faces.xyxy_px[:, :2]).prod(axis=1)
    visible = (inside[:, 2:] - inside[:, :2]).prod(axis=1) / np.maximum(area, 1)
    pose = 1 - 0.8 * np.clip(yaw_of(faces.landmarks_px), 0, 1)
    return np.asarray(faces.sides_px * faces.scores * pose * visible**2, np.float32)


def is_confident(state: TrackState, policy: Policy) -> bool:
    """Return whether the name that was just given is beyond doubt."""
    best, *others = state.candidates
    second = max((c.score for c in others), default=-1.0)
    return best.score - max(second, policy.threshold) >= policy.scores.names.confident


def embedding_priority(state: TrackState, rough: float, pts_s: float) -> float:
    """Return how much a face should be embedded now; 0 or less: it need not be."""
    known = state.template.merged.count(False)
    age = pts_s - state.embedded_s
    if not known:
        return 100.0 + rough
    if rough > BETTER_VIEW * state.rough_quality:
        return 10.0 * rough / max(state.rough_quality, 1e-6)
    if state.proposed is not None and age > AGAIN_S:
        return 5.0
    clear = state.confident or state.template.norm() < state.template.scores.names.futile_norm
    enough, stale_s = (ENOUGH_OF_CLEAR_FACES, 2 * STALE_S) if clear else (ENOUGH_FACES, STALE_S)
    if known < enough and age > AGAIN_S:
        return 1.0 + enough - known
    return age / stale_s if age > stale_s else 0.0
