"""Decisions on half of a population, as `identify` and `run` make them, and what became of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from population import (
    SCORES,
    SEED,
    Half,
    Probes,
    alike_of,
    scores_of,
)
from population_tally import Tally

from edge.recognise.decide import Claim, Policy, decide
from edge.recognise.scene import Candidate
from engines.pipeline import unit
from engines.scores.spread import PEOPLE
from engines.scores.threshold import NEIGHBOURS

if TYPE_CHECKING:
    from collections.abc import Callable

    from engines.scores.model import ScoreModel

DRAWS, SMALL_DRAWS = 8, 40
DRAWN = 32
"""Galleries drawn of everybody: of eight, a rate of 1 % among 1,000 moves by a fourth."""
OTHERS = 100
"""So many people are searched in a small gallery of their own kind."""
GROUPS = 400
"""So many groups are drawn of everybody, for a group of few people."""


class Measure:
    """Decisions on the half that taught nothing.

    Args:
        half: its people.
        same: pairs that are left out.
        stills: pictures, not tracks.
        fillers: more templates in every gallery, float32 (k, dimension).
    """

    def __init__(
        self,
        half: Half,
        same: set[frozenset[str]],
        *,
        stills: bool,
        fillers: np.ndarray | None = None,
    ) -> None:
        self._half, self._stills = half, stills
        self._alike = alike_of(half, same)
        self._arounds: dict[bytes, Callable[[str], tuple[float, ...]]] = {}
        self._fillers = fillers
        self._of_strangers = scores_of(half.strangers, half, same)
        self._of_mated = scores_of(half.mated, half, same)
        self._fill: dict[int, list[list[Candidate]]] = {}
        self._near: np.ndarray | None = None
        self._more = 0 if fillers is None else len(fillers)
        if fillers is not None:
            for kind, probes in enumerate((half.strangers, half.mated)):
                places, cosines = best_fillers(probes.vectors, fillers)
                self._fill[kind] = [
                    [Candidate(f"+{n}", s) for n, s in zip(*row, strict=True)]
                    for row in zip(places.tolist(), cosines.tolist(), strict=True)
                ]
            self._near = best_fillers(half.templates, fillers)[1]

    def drawn(self, size: int, fpir: float, group: np.ndarray | None = None) -> Tally:
        """Return the outcome with galleries of this size; only a group's searches, where given."""
        rng = np.random.default_rng(SEED)
        tally = Tally([], [], [], [], [])
        for _ in range(DRAWN):
            gallery = rng.choice(len(self._half.names), size, replace=False)
            self._search(tally, gallery, fpir, group)
        return tally

    def each_in_turn(self, people: np.ndarray, fpir: float) -> Tally:
        """Return the outcome where all of these people but one are enrolled, each in turn."""
        tally = Tally([], [], [], [], [])
        everyone = np.flatnonzero(np.isin(self._half.names, people))
        self._search(tally, everyone, fpir, people, leave_out=True)
        return tally

    def disjoint(self, people: np.ndarray, fpir: float, size: int = 0) -> Tally:
        """Return the outcome where some of a group are enrolled and its others searched.

        Args:
            people: the group.
            fpir: what is promised.
            size: how many are enrolled, of the others `OTHERS` are searched; by default half, and
                all others are.
        """
        rng = np.random.default_rng(SEED)
        tally = Tally([], [], [], [], [])
        everyone = np.flatnonzero(np.isin(self._half.names, people))
        for _ in range(SMALL_DRAWS if size else DRAWS):
            gallery = np.sort(rng.choice(everyone, size or len(everyone) // 2, replace=False))
            others = np.setdiff1d(everyone, gallery)
            if size:
                others = rng.permutation(others)[:OTHERS]
            searched = self._half.names[np.concatenate([gallery, others])]
            self._search(tally, gallery, fpir, searched)
        return tally

    def chance(self, size: int, share: float, fpir: float) -> float:
        """Return how many of the groups drawn of everybody have so large a share of false names."""
        rng = np.random.default_rng(SEED)
        shares = []
        for _ in range(GROUPS):
            people = rng.choice(self._half.names, size, replace=False)
            named = [named for _, named in self.each_in_turn(people, fpir).strangers]
            shares.append(sum(named) / max(len(named), 1))
        return float(np.mean(np.array(shares) >= share))

    def _search(
        self, tally: Tally, gallery: np.ndarray, fpir: float, group: np.ndarray | None,
        *, leave_out: bool = False,
    ) -> None:  # fmt: skip
        half = self._half
        enrolled = half.names[gallery]
        size = len(gallery) + self._more
        around = self._arounds.setdefault(gallery.tobytes(), self._around(gallery))
        everybody = half.templates[gallery]
        if self._fillers is not None:
            everybody = np.concatenate([everybody, self._fillers])
        scores = spread_of(everybody, size, fpir)
        policy = policy_of(size - leave_out, fpir, scores, stills=self._stills)
        policy = replace(policy, around=around)
        at = scores.threshold(size, fpir, stills=self._stills)
        known = replace(policy, people=size, threshold=at)
        for kind, (probes, scores) in enumerate(
            ((half.strangers, self._of_strangers), (half.mated, self._of_mated))
        ):
            inside = np.isin(probes.person, enrolled)
            wanted = inside if kind or leave_out else ~inside
            if group is not None:
                wanted = wanted & np.isin(probes.person, group)
            for row in np.flatnonzero(wanted):
                mine = scores[row, gallery].copy()
                if not kind and leave_out:
                    mine[enrolled == probes.person[row]] = -1
                self._one(tally, probes, row, mine, enrolled, known if kind else policy, kind)

    def _around(self, gallery: np.ndarray) -> Callable[[str], tuple[float, ...]]:
        """Return what `policy_for` gives: how near others of this gallery are to a person."""
        names, alike = self._half.names[gallery], self._alike[np.ix_(gallery, gallery)]
        place = {str(name): k for k, name in enumerate(names)}
        templates, more = self._half.templates[gallery], self._fillers
        near = None if self._near is None else self._near[gallery]

        @cache
        def around(person: str) -> tuple[float, ...]:
            if person in place:
                row = place[person]
                found = np.delete(alike[row], row)
                if near is not None:
                    found = np.concatenate([found, near[row]])
            else:  # a filler, whose index follows the plus
                assert more is not None
                number = int(person[1:])
                others = np.delete(more @ more[number], number)
                found = np.concatenate([templates @ more[number], others])
            return tuple(nearest(found, NEIGHBOURS + 1)[1].tolist()[1:])

        return around

    def _one(
        self, tally: Tally, probes: Probes, row: int, mine: np.ndarray, enrolled: np.ndarray,
        policy: Policy, kind: int,
    ) -> None:  # fmt: skip
        person = str(probes.person[row])
        top = np.argsort(-mine)[: NEIGHBOURS + 1]
        ranked = [Candidate(str(enrolled[k]), float(mine[k])) for k in top if mine[k] > -1]
        if self._fill:
            both = ranked + self._fill[kind][row]
            ranked = sorted(both, key=lambda c: -c.score)[: NEIGHBOURS + 1]
        expected = float(probes.expected[row])
        claim = Claim(
            0, tuple(ranked), 90.0, 0.1, 0.1, float(probes.norms[row]),
            impostor_mean=None if np.isnan(expected) else expected,
        )  # fmt: skip
        decision = decide([claim], policy)[0]
        best = ranked[0]
        tally.said.append(
            (policy.probability(best, claim.norm, policy.crowding(claim, best)), best.id == person)
        )
        tally.of_enrolled.append(bool(kind))
        if decision.id is not None:
            tally.shown.append(decision.probability)
        if kind:
            right = decision.id == person
            tally.mated.append((person, right, decision.id is not None and not right))
        else:
            tally.strangers.append((person, decision.id is not None))


def nearest(cosines: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices and cosines of the `count` highest, best first."""
    count = min(count, len(cosines))
    best = np.argpartition(-cosines, count - 1)[:count]
    best = best[np.argsort(-cosines[best])]
    return best, cosines[best]


def best_fillers(vectors: np.ndarray, fillers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices and cosines of the fillers most like each face, (n, NEIGHBOURS + 1)."""
    found = [
        nearest(row, NEIGHBOURS + 1)
        for part in np.array_split(vectors, max(1, len(vectors) // 100))
        for row in part @ fillers.T
    ]
    places, cosines = zip(*found, strict=True)
    return np.stack(places), np.stack(cosines)


def spread_of(templates: np.ndarray, people: int, fpir: float) -> ScoreModel:
    """Return the score model of a gallery, as `policy_for` does."""
    chosen = np.random.default_rng(0).permutation(len(templates))[:PEOPLE]
    return SCORES.for_gallery(templates[chosen], people, fpir)


def policy_of(people: int, fpir: float, scores: ScoreModel, *, stills: bool) -> Policy:
    """Return what decides, as `policy_for` does for a gallery of this size."""
    threshold = scores.threshold(people, fpir, stills=stills)
    return Policy(threshold, people, scores, stills=stills)


def fillers(half: Half, count: int, alike: float) -> np.ndarray:
    """Return templates of people who do not exist, with the real ones' mean and covariance.

    `alike` mixes each with a real person of the half that teaches, which thickens the tail.
    """
    rng = np.random.default_rng(SEED)
    mean, spread = half.templates.mean(axis=0), np.cov(half.templates.T)
    chance = rng.multivariate_normal(mean, spread, count, method="cholesky").astype(np.float32)
    real = half.templates[rng.integers(0, len(half.templates), count)]
    return unit(
        (alike * (real - mean) + np.sqrt(1 - alike**2) * (chance - mean) + mean).astype("f4")
    )
