"""Names that come late: a frontal shot names the profile of twenty seconds ago, as in a film.

It is `decide_film` over the tracks of the last seconds. What viewers saw stays: a name is only
added, to a track that carried none or carried the same, and never one that somebody beside it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.hindsight.claims import claims_of
from edge.hindsight.join_tracks import FinishedTrack, decide_film
from edge.hindsight.supposed_title import nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edge.hindsight.recent import RecentTrack
    from edge.hindsight.supposed_title import Supposed
    from edge.recognise.decide import Claim, Decision, Policy
    from gallery.search.search import Gallery

    Refused = tuple[NDArray[np.float32], str]

MOST_NAMED = 96
"""Tracks whose late name is remembered; four times as many as are compared."""


class LateNames:
    """Decides the tracks of the last seconds together, again and again; one thread uses it.

    Args:
        policy: returns the thresholds of a release.
        supposed: who is likely beside those who are surely named.
    """

    def __init__(self, policy: Callable[[Gallery], Policy], supposed: Supposed = nobody) -> None:
        self._policy, self._supposed = policy, supposed
        self._claims: dict[int, Claim] = {}
        self._names: dict[int, Decision] = {}
        self._gallery = ""

    def decide(
        self, tracks: Sequence[RecentTrack], gallery: Gallery, refused: Sequence[Refused] = ()
    ) -> Mapping[int, Decision]:
        """Return the names of tracks, by number; those of earlier calls too, while they hold.

        Args:
            tracks: of the last seconds.
            gallery: who is known.
            refused: templates, float32 (dimension,), and whom they do not show, as viewers said.

        Raises:
            GalleryError: the disk went bad under an open release.
        """
        if gallery.identity != self._gallery:  # somebody may have been withdrawn
            self._claims, self._names, self._gallery = {}, {}, gallery.identity
        policy = self._policy(gallery)
        claims = self._claims_of(tracks, gallery)
        finished = [FinishedTrack(claims[t.number], t.state.template, t.beside) for t in tracks]
        found = decide_film(finished, gallery, policy, self._supposed)
        said = {t.number: t.said for t in tracks}
        names = dict(self._names)
        for track in tracks:
            decision = found[track.number]
            if decision.id is None:
                decision = names.pop(track.number, decision)
            else:
                names.pop(track.number, None)
            if decision.id is not None and self._holds(decision.id, track, said, refused):
                names[track.number] = decision
        self._names = dict(list(names.items())[-MOST_NAMED:])
        return self._names

    def _claims_of(self, tracks: Sequence[RecentTrack], gallery: Gallery) -> dict[int, Claim]:
        """Return what each track says by itself; one that is over is searched once."""
        known = {t.number: self._claims[t.number] for t in tracks if t.number in self._claims}
        new = [t for t in tracks if t.number not in known]
        found = {c.track: c for c in claims_of([t.state for t in new], gallery)}
        self._claims = known | {t.number: found[t.number] for t in new if t.ended}
        return known | found

    def _holds(
        self,
        person: str,
        track: RecentTrack,
        said: Mapping[int, frozenset[str]],
        refused: Sequence[Refused],
    ) -> bool:
        """Return whether a track may have a name beside what viewers saw and said."""
        if not track.said <= {person}:
            return False
        if any(person in said.get(other, ()) for other in track.beside):
            return False
        template, alike = track.state.template.overall(), track.state.template.scores.same.refused
        return not any(who == person and float(v @ template) > alike for v, who in refused)
