"""What cues make of the even prior over a gallery."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.recognise.cues.cue import Spoke

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from edge.recognise.cues.cue import Evidence

TRUSTED = 0.5
"""This share of what cues say is believed; the rest of the prior stays even over the gallery: a
wrong cue at most doubles the score that everybody else's rarity must make up for."""
TYPED = 0.8
"""And this share of a cast that the user has typed for the film, right nine times in
ten (an assumption); it wins more than it costs from five or six times on (docs/adr/0027)."""

SURELY = 0.9
"""Who is named less surely by the face alone says nothing of anybody else, nor of later shots."""


def surely(face_llr: float, people: int) -> float:
    """Return how probable a name is by the face alone, in a gallery of this many people.

    By Bayes' rule, as decisions have it: half of all faces are of somebody enrolled.
    """
    odds = math.exp(min(face_llr, 50.0)) / max(people, 1)
    return odds / (odds + 2.0)


def faces_llr(names: Iterable[tuple[str | None, Sequence[Spoke]]]) -> dict[str, float]:
    """Return what the face said at best, a log-likelihood ratio, of each who was named.

    Args:
        names: ids, None without a name, and what spoke for them.
    """
    found: dict[str, float] = {}
    for person, spoke in names:
        llr = next((one.llr for one in spoke if one.kind == "face"), None)
        if person is not None and llr is not None:
            found[person] = max(found.get(person, llr), llr)
    return found


IN_CAST = 0.8
"""This share of the enrolled faces in a film is taken to be of its cast, as far as it is enrolled;
an assumption, with no film behind it. A cast that is wrong costs what docs/cues.md says."""


def cast_llr(cast: Collection[str], people: int) -> dict[str, float]:
    """Return the log-likelihood ratio of each of a cast in a gallery of this many people.

    How many times more often an enrolled face is of the cast than by chance, so that all of the
    cast together are expected with `IN_CAST`.
    """
    count = len(cast)
    if not 0 < count < people:
        return {}
    llr = math.log(IN_CAST / (1 - IN_CAST) * (people - count) / count)
    return dict.fromkeys(cast, llr) if llr > 0 else {}


class Belief:
    """Who a face is expected to be before it is compared: an even prior, moved by cues.

    Args:
        evidence: what cues say of the track.
        people: size of the gallery.
    """

    def __init__(self, evidence: Iterable[Evidence], people: int) -> None:
        self.evidence, self.people = tuple(evidence), people
        typed = [one for one in self.evidence if one.typed]
        prior = _Shares({}, 1 / max(people, 1))
        if typed:
            prior = prior.mixed(_Shares.told_by(typed, people), TYPED)
        if any(one.llr for one in self.evidence if not one.typed):
            prior = prior.mixed(_Shares.told_by(self.evidence, people), TRUSTED)
        self._shares = prior

    def prior(self, person: str) -> float:
        """Return the prior of a person among the gallery; all together are 1."""
        return self._shares.of(person)

    def times_likelier(self, person: str) -> float:
        """Return how many times likelier than by an even prior somebody is."""
        return self.prior(person) * self.people

    def spoke(self, person: str) -> tuple[Spoke, ...]:
        """Return what each cue says in favour of a person."""
        found = ((e.kind, e.llr.get(person, 0.0)) for e in self.evidence)
        return tuple(Spoke(kind, round(llr, 3)) for kind, llr in found if llr > 0)


@dataclass(frozen=True, slots=True)
class _Shares:
    """A prior over a gallery, 1 in sum: some people's shares, and that of each of the others."""

    known: Mapping[str, float]
    rest: float

    @classmethod
    def told_by(cls, evidence: Iterable[Evidence], people: int) -> _Shares:
        """Return what evidence makes of an even prior, were all of it believed."""
        summed: dict[str, float] = {}
        for one in evidence:
            for person, llr in one.llr.items():
                summed[person] = summed.get(person, 0.0) + llr
        odds = {person: math.exp(min(llr, 50.0)) for person, llr in summed.items()}
        every = max(sum(odds.values()) + max(people - len(odds), 0), 1e-12)
        return cls({person: odd / every for person, odd in odds.items()}, 1 / every)

    def of(self, person: str) -> float:
        """Return one person's share."""
        return self.known.get(person, self.rest)

    def mixed(self, told: _Shares, trusted: float) -> _Shares:
        """Return these shares with a part of what is told."""
        kept = 1 - trusted
        people = {*self.known, *told.known}
        known = {p: kept * self.of(p) + trusted * told.of(p) for p in people}
        return _Shares(known, kept * self.rest + trusted * told.rest)
