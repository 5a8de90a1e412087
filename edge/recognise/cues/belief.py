"""What cues make of the even prior over a gallery."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edge.recognise.cues.cue import Spoke

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from edge.recognise.cues.cue import Evidence

TRUSTED = 0.5
"""This share of what cues say is believed; the rest of the prior stays even over the gallery: a
wrong cue at most doubles the score that everybody else's rarity must make up for."""

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
        self.evidence = tuple(evidence)
        summed: dict[str, float] = {}
        for one in self.evidence:
            for person, llr in one.llr.items():
                summed[person] = summed.get(person, 0.0) + llr
        odds = {person: math.exp(min(llr, 50.0)) for person, llr in summed.items()}
        every = sum(odds.values()) + max(people - len(odds), 0)
        even = (1 - TRUSTED) / max(people, 1)
        self._prior = {person: even + TRUSTED * odd / every for person, odd in odds.items()}
        self._rest = even + TRUSTED / every
        self.people = people

    def prior(self, person: str) -> float:
        """Return the prior of a person among the gallery; all together are 1."""
        return self._prior.get(person, self._rest)

    def times_likelier(self, person: str) -> float:
        """Return how many times likelier than by an even prior somebody is."""
        return self.prior(person) * self.people

    def spoke(self, person: str) -> tuple[Spoke, ...]:
        """Return what each cue says in favour of a person."""
        found = ((e.kind, e.llr.get(person, 0.0)) for e in self.evidence)
        return tuple(Spoke(kind, round(llr, 3)) for kind, llr in found if llr > 0)
