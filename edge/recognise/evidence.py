"""The evidence for one track, and which faces are worth embedding to have more of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.recognise.decide import Claim
from engines.quality import yaw_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.recognise.decide import Policy
    from edge.recognise.scene import Candidate
    from edge.recognise.template import TrackTemplate
    from edge.recognise.track import Track
    from edge.video.frame import Frame
    from engines.detections import Detections

ENOUGH_FACES = 4
ENOUGH_OF_CLEAR_FACES = 2
"""Two faces are enough where more would change nothing: the name is beyond doubt, or the faces tell
so little that nobody could be named by any number of them."""
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
        )


def rough_quality_of(faces: Detections, frame: Frame) -> NDArray[np.float32]:
    """Return a quality, float32 (n,), that needs no chip; faces cut by the border count less."""
    height, width = frame.bgr.shape[:2]
    inside = np.clip(faces.xyxy_px, 0, np.array([width, height, width, height], np.float32))
    area = (faces.xyxy_px[:, 2:] - faces.xyxy_px[:, :2]).prod(axis=1)
    visible = (inside[:, 2:] - inside[:, :2]).prod(axis=1) / np.maximum(area, 1)
    pose = 1 - 0.8 * np.clip(yaw_of(faces.landmarks_px), 0, 1)
    return np.asarray(faces.sides_px * faces.scores * pose * visible**2, np.float32)


def is_confident(state: TrackState, policy: Policy) -> bool:
    """Return whether the name that was just said is beyond doubt."""
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
    clear = state.confident or state.template.norm() < state.template.scores.names.futile_norm
    enough, stale_s = (ENOUGH_OF_CLEAR_FACES, 2 * STALE_S) if clear else (ENOUGH_FACES, STALE_S)
    if known < enough and age > 0.1:
        return 1.0 + enough - known
    return age / stale_s if age > stale_s else 0.0
