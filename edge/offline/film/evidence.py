"""What the views of a face say once its shot is over."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from edge.recognise.search import search
from edge.recognise.template import TrackTemplate
from engines.embedder import embed_looks
from engines.pipeline import unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from edge.offline.film.face import FollowedFace
    from edge.offline.film.views import View
    from edge.recognise.decide import Policy
    from engines.embedder import Embedder
    from gallery.search.search import Gallery

FIRST_VIEWS = 2
"""When this many of the best views cannot tell who a face is, no more are embedded."""
ENOUGH_VIEWS = 4
"""The same when this many name somebody beyond doubt, or are like nobody."""
ALIKE_VIEWS = 1 / 3
"""Nor where each of so many is so near to the others that a further one would tell the same: within
this part of the distance from which on faces are two people's."""
LIKE_NOBODY = 0.2
"""A cosine this much below the threshold is not reached by further views."""
LEAST_VIEWS = 4
"""This many tell whether a track has passed from one person to another."""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedView:
    """A view, its unit vector, float32 (dimension,), and the length that it had before."""

    view: View
    vector: NDArray[np.float32]
    norm: float


class Evidence:
    """Gives faces their templates.

    Args:
        embedder: compares faces.
        gallery: who is known.
        policy: thresholds.
        new_number: returns the number of a track that no other has.
    """

    def __init__(
        self,
        embedder: Embedder,
        gallery: Gallery,
        policy: Policy,
        new_number: Callable[[], int],
    ) -> None:
        self._embedder, self._gallery, self._policy = embedder, gallery, policy
        self._new_number = new_number
        self._scores = policy.scores

    def of(
        self, faces: Sequence[FollowedFace], found: Sequence[Sequence[EmbeddedView]]
    ) -> list[FollowedFace]:
        """Give faces their evidence; return them, and those that were cut off from them.

        Args:
            faces: of a shot.
            found: what `embedded` returned of each.
        """
        leaps = [self._leaps(face, views) for face, views in zip(faces, found, strict=True)]
        parts = []
        for face, views, own_s in zip(faces, found, leaps, strict=True):
            others_s = [
                at_s
                for other, its_s in zip(faces, leaps, strict=True)
                if other is not face
                for at_s in its_s
                if face.met(other, at_s)
            ]
            parts += self._fold(face, views, sorted({*own_s, *others_s}))
        return parts

    def _leaps(self, face: FollowedFace, found: Sequence[EmbeddedView]) -> list[float]:
        """Return when a track has passed from one person to another."""
        switches = self._switches(found)
        pairs = [(a, b) for a, b in pairwise(found) if b in switches]
        leaps = (face.leap_s(a.view.pts_s, b.view.pts_s) for a, b in pairs)
        return [at_s for at_s in leaps if at_s is not None]

    def _fold(
        self, face: FollowedFace, found: Sequence[EmbeddedView], cuts_s: Sequence[float]
    ) -> list[FollowedFace]:
        """Give a face its evidence; cut it where its views are of two people."""
        parts: list[FollowedFace] = []
        cuts, last_s = list(cuts_s), face.times_s[0]
        for embedded in found:
            view = embedded.view
            while cuts and cuts[0] <= view.pts_s:
                parts += self._cut(face, cuts.pop(0))
            if face.state.template.is_id_switch(embedded.vector, view.quality):
                parts += self._cut(face, face.leap_s(last_s, view.pts_s))
            state, last_s = face.state, view.pts_s
            state.template.add(embedded.vector, embedded.norm, view.quality, view.pts_s)
            state.yaw = min(state.yaw, view.yaw)
            state.sharpness = max(state.sharpness, view.sharpness)
        for at_s in cuts:
            parts += self._cut(face, at_s)
        return [*parts, face]

    def _cut(self, face: FollowedFace, at_s: float | None) -> list[FollowedFace]:
        """Let a face start again; return what it was before, where that was seen at all."""
        part = None if at_s is None else face.cut_off(at_s, self._new_number)
        face.state.template = TrackTemplate(self._scores)
        face.state.yaw, face.state.sharpness = 1.0, 0.0
        return [] if part is None else [part]

    def embedded(self, views: Sequence[View]) -> list[EmbeddedView]:
        """Return the views that are worth it, embedded, in order of time; from any thread."""
        found: list[EmbeddedView] = []
        for view in views:
            if self._is_settled(found):
                break
            embedded = embed_looks(self._embedder, [view.chips()])
            found.append(EmbeddedView(view, embedded.vectors[0], float(embedded.norms[0])))
        return sorted(found, key=lambda e: e.view.pts_s)

    def _is_settled(self, found: Sequence[EmbeddedView]) -> bool:
        """Return whether further views would change nothing."""
        names = self._scores.names
        if len(found) == FIRST_VIEWS:
            return max(e.norm for e in found) < names.futile_norm
        if len(found) != ENOUGH_VIEWS:
            return False
        vectors = np.stack([e.vector for e in found])
        others_of_each = unit(vectors.sum(0) - vectors)
        alike = float((vectors * others_of_each).sum(axis=1).min())
        disagree = self._scores.same.disagree
        if alike < disagree or alike >= 1 - ALIKE_VIEWS * (1 - disagree):
            return alike >= disagree
        template = TrackTemplate(self._scores)
        for e in sorted(found, key=lambda e: e.view.pts_s):
            template.add(e.vector, e.norm, e.view.quality, e.view.pts_s)
        best, *others = search(self._gallery, template.overall()[None])[0]
        rival = max((c.score for c in others), default=-1.0)
        threshold = self._policy.threshold
        sure = best.score - max(rival, threshold) >= names.confident
        return sure or best.score < threshold - LIKE_NOBODY

    def _switches(self, found: Sequence[EmbeddedView]) -> list[EmbeddedView]:
        """Return the views with which another person begins, as hindsight tells.

        The views before and after are compared as groups, since single ones of a face that turns
        away are as far from each other as those of two people; a first or last one alone must be
        further off, and clear.
        """
        if len(found) < LEAST_VIEWS:
            return []
        vectors = np.stack([embedded.vector for embedded in found])
        excess = [self._excess(vectors, i, found) for i in range(1, len(found))]
        at = 1 + int(np.argmin(excess))
        if excess[at - 1] >= 0:
            return []
        return [*self._switches(found[:at]), found[at], *self._switches(found[at:])]

    def _excess(
        self, vectors: NDArray[np.float32], at: int, found: Sequence[EmbeddedView]
    ) -> float:
        """Return how much more alike the views before and from a place are than two people's."""
        same, futile_norm = self._scores.same, self._scores.names.futile_norm
        alike = float(unit(vectors[:at].sum(0)) @ unit(vectors[at:].sum(0)))
        alone = [found[0]] if at == 1 else [found[-1]] if at == len(found) - 1 else []
        if not alone:
            return alike - same.disagree
        return alike - same.jump if alone[0].norm >= futile_norm else 1.0
