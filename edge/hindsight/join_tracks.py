"""Tracks of one person in different shots say one thing together: of a film, or of a while ago.

A face that turns away tells little by itself. When it is surely the face of another shot, both are
searched as one template, so that the frontal shot names the profile shot; and whoever is seen
beside them is somebody else, which keeps the name from a stranger in the same picture.

Tracks are joined by agglomerative clustering under cannot-link constraints (Wagstaff et al. 2001):
the two templates that are most alike first, never two tracks that were on screen at once, and not
where somebody else who was on screen with one of them is nearly as much like the other.

Memory grows with the number of tracks while they are joined, by three vectors each, and neither
with frames nor with pairs of tracks that are alike, of which an evening of one face has millions.
Tracks are asked for one by one, and may lie on the disk.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from edge.hindsight.alike_pairs import AlikePairs
from edge.hindsight.shown import with_shown
from edge.hindsight.supposed_title import nobody, with_supposed_title
from edge.recognise.cues.cue import Cue, with_cue
from edge.recognise.decide import decide
from edge.recognise.search import search, search_cued
from edge.recognise.template import TrackTemplate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from edge.hindsight.supposed_title import Supposed
    from edge.recognise.cues.cue import Evidence
    from edge.recognise.decide import Claim, Decision, Policy
    from edge.recognise.evidence import TrackState
    from edge.recognise.scene import Scene
    from engines.scores.model import SamePerson
    from gallery.search.search import Gallery

SEARCHED_AT_ONCE = 256
MANY = 256
"""Tracks, from which on it is worth asking for one thread."""


@dataclass(frozen=True, slots=True)
class FinishedTrack:
    """What is left of a track when its shot has ended.

    Attributes:
        claim: what it says by itself; its number is that of the track.
        template: its faces; may be empty.
        beside: numbers of the tracks that were on screen with it at any time.
    """

    claim: Claim
    template: TrackTemplate
    beside: frozenset[int]


def finished_tracks(
    claims: Iterable[Claim], states: Iterable[TrackState], scenes: Iterable[Scene]
) -> list[FinishedTrack]:
    """Return what is left of a shot's tracks.

    Args:
        claims: what they say.
        states: the same tracks, and maybe others.
        scenes: of the whole shot.
    """
    templates = {state.track.number: state.template for state in states}
    beside: dict[int, set[int]] = {}
    for scene in scenes:
        seen = [face.track for face in scene.seen]
        for number in seen:
            beside.setdefault(number, set()).update(seen)
    return [
        FinishedTrack(c, templates[c.track], frozenset(beside.get(c.track, set()) - {c.track}))
        for c in claims
    ]


def decide_film(
    tracks: Sequence[FinishedTrack],
    gallery: Gallery,
    policy: Policy,
    supposed: Supposed = nobody,
    *,
    shown: bool = False,
) -> dict[int, Decision]:
    """Return the decision for each track of a film, from all that were joined with it.

    Args:
        tracks: all of the film's, or those of the last seconds.
        gallery: who is known.
        policy: thresholds; a joined template counts as one search.
        supposed: who is likely beside those who are surely named.
        shown: compare who has no name with how others look in the film, see `with_shown`.
    """
    groups = _joined(tracks)
    members = groups.members()
    claims = _claims(tracks, members, gallery)
    decisions = decide(claims, policy, groups.co_occur)
    again = with_supposed_title(
        claims,
        lambda g: _Joined.of(tracks[i].template for i in members[g]).probe,
        decisions.values(),
        gallery,
        policy,
        supposed,
    )
    if again is not None:
        claims, decisions = again, decide(again, policy, groups.co_occur)
    if shown:
        units = groups.units()
        again = with_shown(claims, units, decisions, gallery, policy, groups.co_occur)
        if again is not None:
            decisions = decide(again, policy, groups.co_occur)
    return {groups.numbers[i]: decisions[g] for g, group in members.items() for i in group}


def join(tracks: Sequence[FinishedTrack]) -> list[list[int]]:
    """Return the indices of tracks that are one person's, group by group."""
    return list(_joined(tracks).members().values())


def _joined(tracks: Sequence[FinishedTrack]) -> _Groups:
    many = len(tracks) >= MANY
    # threads that wait for one another in products this small take far more than they save
    with threadpool_limits(1, user_api="blas") if many else nullcontext():
        groups = _Groups(tracks)
        while groups.join_nearest():
            pass
    return groups


class _Groups:
    """Groups of tracks, from one for each track on; a group's number is its first track's index."""

    def __init__(self, tracks: Sequence[FinishedTrack]) -> None:
        self._of = [[i] for i in range(len(tracks))]
        self._same: SamePerson | None = None
        self.numbers: list[int] = []
        told: list[int] = []
        beside: list[frozenset[int]] = []
        self._sums = np.zeros((len(tracks), 0), np.float32)
        for i, track in enumerate(tracks):
            self.numbers.append(track.claim.track)
            beside.append(track.beside)
            if tells_enough(track.template):
                total = track.template.total()
                if not told:
                    self._same = track.template.scores.same
                    self._sums = np.zeros((len(tracks), len(total)), np.float32)
                told.append(i)
                self._sums[i] = total
        self._apart = _apart(self.numbers, beside)
        self._units = _units(self._sums)
        self._pairs = AlikePairs(self._units, self._same.reidentify if self._same else 1.0)
        self._pairs.propose_all(told)

    def members(self) -> dict[int, list[int]]:
        """Return the groups that are left: the indices of their tracks, by number."""
        return {number: group for number, group in enumerate(self._of) if group}

    def units(self) -> dict[int, NDArray[np.float32]]:
        """Return the templates of groups that may be compared, float32 (dimension,), by number."""
        return {g: self._units[g] for g in self.members() if self._units[g].any()}

    def co_occur(self, a: int, b: int) -> bool:
        """Return whether tracks of two groups were ever on screen at once."""
        return b in self._apart[a]

    def join_nearest(self) -> bool:
        """Join the two groups most alike that may be joined; return False where none are left."""
        while (pair := self._pairs.pop()) is not None:
            score, a, b = pair
            if b not in self._apart[a] and not self._is_disputed(a, b, score):
                self._join(a, b)
                return True
        return False

    def _join(self, a: int, b: int) -> None:
        self._of[a] += self._of[b]
        self._of[b] = []
        self._sums[a] += self._sums[b]
        self._sums[b] = 0
        self._units[[a, b]] = _units(self._sums[[a, b]])
        for other in self._apart[b]:
            self._apart[other].discard(b)
            self._apart[other].add(a)
        self._apart[a] |= self._apart[b]
        self._apart[b] = set()
        self._pairs.changed(b)
        self._pairs.changed(a)
        self._pairs.propose(a)

    def _is_disputed(self, a: int, b: int, score: float) -> bool:
        """Return whether somebody else is nearly as much like one of the two."""
        assert self._same is not None
        for one, other in ((a, b), (b, a)):
            rivals = sorted(self._apart[other])
            alike = self._units[rivals] @ self._units[one]
            if rivals and float(alike.max()) > score - self._same.reidentify_by:
                return True
        return False


def tells_enough(template: TrackTemplate) -> bool:
    """Return whether a template may be compared: poor faces are all alike."""
    return bool(template.count) and template.norm() >= template.scores.names.futile_norm


def _units(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors float32 (n, dimension) at length 1; zero stays zero."""
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(lengths, 1e-12), np.float32)


def _apart(numbers: Sequence[int], beside: Iterable[Iterable[int]]) -> list[set[int]]:
    """Return for each track, by index, which others were on screen with it."""
    place = {number: i for i, number in enumerate(numbers)}
    return [{place[n] for n in others if n in place} for others in beside]


def _claims(
    tracks: Sequence[FinishedTrack], groups: Mapping[int, list[int]], gallery: Gallery
) -> list[Claim]:
    """Return what each group says, by its number; legible as its best track is."""
    claims, said = {}, {}
    for g, group in groups.items():
        its = [(track.template.quality(), track.claim) for track in (tracks[i] for i in group)]
        claims[g] = replace(max(its, key=lambda one: one[0])[1], track=g)
        if len(group) > 1:
            said[g] = _evidence(claim for _, claim in its)
    several = [g for g, group in groups.items() if len(group) > 1]
    for start in range(0, len(several), SEARCHED_AT_ONCE):
        part = several[start : start + SEARCHED_AT_ONCE]
        joined = [_Joined.of(tracks[i].template for i in groups[g]) for g in part]
        evidence = [said[g] for g in part]
        probes = np.stack([one.probe for one in joined])
        found = search(gallery, probes)
        cued = search_cued(gallery, probes, evidence, found)
        for k, g in enumerate(part):
            claims[g] = replace(
                claims[g],
                candidates=found[k],
                norm=joined[k].norm,
                impostor_mean=joined[k].impostor_mean,
                evidence=evidence[k],
                cued=cued[k],
            )
    return list(claims.values())


@dataclass(frozen=True, slots=True)
class _Joined:
    """What the faces of several tracks say as one template; `probe` is float32 (dimension,)."""

    probe: NDArray[np.float32]
    norm: float
    impostor_mean: float

    @classmethod
    def of(cls, templates: Iterable[TrackTemplate]) -> _Joined:
        whole = TrackTemplate.of_all(templates)
        return cls(whole.overall(), whole.norm(), whole.impostor_mean())


def _evidence(claims: Iterable[Claim]) -> tuple[Evidence, ...]:
    """Return what cues say of several tracks of one person; one kind says a thing once."""
    every = [one for claim in claims for one in claim.evidence]
    found: tuple[Evidence, ...] = ()
    for one in every:
        found = with_cue(found, Cue(one.kind, -math.inf, math.inf, one.llr))
    return found
