"""The gallery's best candidates for each track, without those whom viewers refused."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import numpy as np

from edge.recognise.commands import MOST_REFUSALS
from edge.recognise.cues.cue import people_of
from edge.recognise.scene import Candidate
from engines.scores.threshold import NEIGHBOURS
from gallery.errors import GalleryError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from edge.recognise.commands import Refusal
    from edge.recognise.cues.cue import Evidence
    from edge.recognise.evidence import TrackState
    from gallery.search.search import Gallery, Matches

log = logging.getLogger(__name__)

CANDIDATES = 1 + NEIGHBOURS
"""People compared with a face: who may be named, and who tells how dense the gallery is there."""


class TrackSearch:
    """Compares the tracks whose template or gallery has changed.

    Args:
        refused_alike: tracks this much alike share a name that a viewer refused.
    """

    def __init__(self, refused_alike: float) -> None:
        self._alike = refused_alike
        self._refused: tuple[tuple[NDArray[np.float32], str, int], ...] = ()
        self._told = ""

    def refuse(self, refusals: Iterable[Refusal]) -> None:
        """Stop giving these tracks, and those like them, the names that viewers refused."""
        for refusal in refusals:
            state = refusal.state
            if not state.template.vectors:
                continue
            state.fresh = True
            who = refusal.person_id, state.track.number
            if refusal.undone:
                self._refused = tuple(one for one in self._refused if one[1:] != who)
            else:
                entry = (state.template.overall(), *who)
                self._refused = (*self._refused, entry)[-MOST_REFUSALS:]

    def update(self, states: Iterable[TrackState], gallery: Gallery) -> None:
        """Search again for each track whose candidates may have changed."""
        stale = [
            s for s in states if s.template.vectors and (s.fresh or s.searched != gallery.identity)
        ]
        if not stale:
            return
        probes = np.stack([s.template.mean(s.track.last_s) for s in stale])
        try:
            found = search(gallery, probes)
            cued = search_cued(gallery, probes, [s.evidence for s in stale], found)
        except GalleryError as error:  # the disk went bad under an open release
            if str(error) != self._told:
                self._told = str(error)
                log.warning("nobody is compared: %s", error)
            for state in stale:
                if state.searched != gallery.identity:
                    state.candidates = (
                        state.cued
                    ) = ()  # somebody in an older release may have been removed
            return
        for state, probe, candidates, more in zip(stale, probes, found, cued, strict=True):
            refused = self._refused_for(probe)
            state.candidates = tuple(c for c in candidates if c.id not in refused)
            state.cued = tuple(c for c in more if c.id not in refused)
            state.impostor_mean = state.template.impostor_mean(state.track.last_s)
            state.searched = gallery.identity
            state.fresh = False

    def _refused_for(self, probe: NDArray[np.float32]) -> set[str]:
        return {
            person for vector, person, _ in self._refused if float(vector @ probe) > self._alike
        }


def search(
    gallery: Gallery, probes: NDArray[np.float32], only: Collection[str] | None = None
) -> list[tuple[Candidate, ...]]:
    """Return the best candidates of each probe, float32 (n, dimension), best first."""
    return _candidates(gallery.search(probes, k=CANDIDATES, only=only))


def search_cued(
    gallery: Gallery,
    probes: NDArray[np.float32],
    evidence: Sequence[tuple[Evidence, ...]],
    found: Sequence[tuple[Candidate, ...]],
) -> list[tuple[Candidate, ...]]:
    """Return, for each probe, those of whom cues speak and who are not among its candidates."""
    more: list[tuple[Candidate, ...]] = []
    for probe, said, candidates in zip(probes, evidence, found, strict=True):
        wanted = people_of(said) - {c.id for c in candidates}
        more.append(search(gallery, probe[None], wanted)[0] if wanted else ())
    return more


def _candidates(matches: Matches) -> list[tuple[Candidate, ...]]:
    return [
        tuple(
            Candidate(p, round(float(s), 4))
            for p, s in zip(ids, scores, strict=False)
            if math.isfinite(s)
        )
        for ids, scores in zip(matches.ids, matches.scores, strict=True)
    ]
