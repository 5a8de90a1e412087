"""Re-identification: the evidence of faces that have left, for when the same face comes back.

After an occlusion or in shot and reverse shot a face begins a new track, and its first views may be
worse than those of a moment ago. When the new faces are surely those of a track that has just
ended, its best faces count for the new track too, at half their weight, fading with time as all
evidence does. A name is never taken over: the decision is made again.

So that an error does not spread: only good faces are compared, the resemblance must be far beyond
that of different people in one scene, only a track's own faces are remembered, never merged ones,
and what was merged is given back when the track's own faces come to disagree with it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from edge.recognise.template import TrackTemplate
    from engines.scores.model import SamePerson

KEPT_TRACKS = 24
KEPT_S = 30.0


@dataclass(frozen=True, slots=True)
class Left:
    """A track that has ended: its number, its own faces, and when it was last seen."""

    track: int
    template: TrackTemplate
    last_s: float


class Reidentification:
    """The tracks that ended last.

    Args:
        same: when templates are one person's.
    """

    def __init__(self, same: SamePerson) -> None:
        self._same = same
        self._left: deque[Left] = deque(maxlen=KEPT_TRACKS)

    def keep(self, track: int, template: TrackTemplate, last_s: float) -> None:
        """Remember a track that ends, if its own faces tell enough."""
        own = template.own()
        if self._tells_enough(own):
            self._left.append(Left(track, own, last_s))

    def forget(self, now_s: float) -> None:
        """Drop what is older than `KEPT_S` of the source's time: nobody asks for it any more."""
        while self._left and not 0 <= now_s - self._left[0].last_s <= KEPT_S:
            self._left.popleft()

    def template_of(self, track: int) -> TrackTemplate | None:
        """Return the template of a track that has ended, None where it was not kept."""
        return next((left.template for left in self._left if left.track == track), None)

    def find(
        self,
        template: TrackTemplate,
        since_s: float,
        lost: Sequence[Left] = (),
        taken: Collection[int] = (),
    ) -> Left | None:
        """Return the track of the same person, or None where that is not certain.

        Args:
            template: of a track that is new.
            since_s: when it began; who was seen at that time, or later, is somebody else.
            lost: tracks that are out of sight but not given up.
            taken: tracks that another face on screen was re-identified as already.
        """
        if not self._tells_enough(template):
            return None
        mean = template.overall()
        every = [
            left
            for left in (*self._left, *(x for x in lost if self._tells_enough(x.template)))
            if left.track not in taken and 0 < since_s - left.last_s <= KEPT_S
        ]
        scored = sorted(
            ((float(left.template.overall() @ mean), i) for i, left in enumerate(every)),
            reverse=True,
        )
        if not scored or scored[0][0] < self._same.reidentify:
            return None
        best = every[scored[0][1]]
        # others that are the same person again are no rivals
        rivals = [
            score
            for score, i in scored[1:]
            if float(every[i].template.overall() @ best.template.overall()) < self._same.reidentify
        ]
        return best if not rivals or scored[0][0] - rivals[0] >= self._same.reidentify_by else None

    def _tells_enough(self, template: TrackTemplate) -> bool:
        """Poor faces are all alike: they are neither compared nor kept."""
        return bool(template.vectors) and template.norm() >= self._same.reidentify_norm
