"""Learn a ScoreModel's constants from one half of a population, and measure decisions on the other.

People are split in two by a seeded hash of their names. The half that teaches gives the constants
of `engines/scores/*.toml`; everything else is measured on the other half through `decide`, which
`identify` and `run` name people by. Galleries are drawn, or are everybody else of a group (each
person in turn is the stranger), or half of a group, the other half searched. Intervals are by
person.

    python tools/evaluate_population.py LFW COLOUR EAST_ASIAN --keep FILE.npz --tracks TRACKS.npz \
        --groups groups.csv --same same.csv

`--groups` has lines `person,group`; `--same` has pairs of names that are one person or twins, whose
comparisons are left out. With `--quick` pictures are embedded from two views instead of twelve.
What was embedded before into the same files is used again.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from population import (
    SCORES,
    SEED,
    Half,
    Probes,
    alike_of,
    compose,
    embed,
    halves,
    read_tracks,
    scores_of,
)

from calibration.openset.evaluate import share_by_person
from calibration.openset.learn_scores import norm_relief
from calibration.openset.score_data import nearest_others
from edge.recognise.decide import Claim, Policy, decide
from edge.recognise.scene import Candidate
from engines.pipeline import unit
from engines.scores.probability import reliability
from engines.scores.spread import PEOPLE
from engines.scores.threshold import NEIGHBOURS, share_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from engines.scores.model import ScoreModel

RATES = (0.01, 0.003)
DRAWS = 8
LEARNED_AT = (12, 100, 700)
SMALL = 0.15
"""Own cosines below are taken for wrong labels when the person's own cosines are learned."""
FILLED = (10_000, 100_000)
FEW, GROUPS = 30, 400
"""A group of so few people is told beside so many groups of its size drawn of everybody."""


def learn(half: Half, same: set[frozenset[str]], *, stills: bool) -> dict[str, float]:
    """Return the constants that this half teaches."""
    scores = scores_of(half.strangers, half, same)
    own = half.strangers.person[:, None] == half.names[None]
    others = scores[~own & (scores > -1)]
    mean, sd = float(others.mean()), float(others.std())
    usual = SCORES.cosines(stills=stills).impostor_mean
    of_own = own_of(half, same, stills=stills)
    model = relieved(of_own, stills=stills)
    alike = alike_of(half, same)
    enrolled = alike[(alike > -1) & ~np.eye(len(alike), dtype=bool)]
    rng = np.random.default_rng(SEED)
    deviations = []
    for size in (s for s in LEARNED_AT if s < 0.85 * len(half.names)):
        left = []
        for _ in range(DRAWS):
            gallery = rng.choice(len(half.names), size, replace=False)
            rows = np.flatnonzero(~own[:, gallery].any(axis=1))
            rows = rows[rng.permutation(len(rows))[:2000]]
            found = scores[np.ix_(rows, gallery)]
            near = nearest_others(alike[np.ix_(gallery, gallery)])
            ranked = np.argsort(-found, axis=1)[:, : NEIGHBOURS + 1]
            for row, of, order in zip(rows, found, ranked, strict=True):
                known = half.strangers.expected[row]
                crowding = model.crowding(
                    of[order[1:]].tolist(), near[order[0]].tolist(), size, stills=stills,
                    impostor_mean=None if np.isnan(known) else float(known),
                )  # fmt: skip
                relief = model.relief(float(half.strangers.norms[row]), stills=stills)
                left.append(of[order[0]] - crowding + relief - usual)
        for rate in RATES:
            z = NormalDist().inv_cdf(1 - share_for(size, rate))
            deviations.append(float(np.quantile(left, 1 - rate)) / z)
    return {
        "impostor_mean": mean,
        "impostor_sd": sd,
        "enrolled_mean": float(enrolled.mean()),
        "enrolled_sd": float(enrolled.std()),
        "near_sd": float(np.mean(deviations)),
        "near_sd_least": min(deviations),
        "near_sd_most": max(deviations),
        "genuine_mean": of_own.mean,
        "genuine_sd": of_own.sd,
        "norm_slope": of_own.slope,
        "norm_relief": of_own.relief,
        "norm_usual": of_own.usual,
    }


@dataclass(frozen=True)
class Own:
    """What the norm says of a person's own cosine, and the relief that follows.

    Attributes:
        mean, sd: of good faces, and around what the norm lets expect.
        slope: how much lower for each unit of norm that a face lacks.
        usual: units that strangers lack in the mean.
        relief: for each unit.
    """

    mean: float
    sd: float
    slope: float
    usual: float
    relief: float


def own_of(half: Half, same: set[frozenset[str]], *, stills: bool) -> Own:
    """Return what this half teaches of a person's own cosines."""
    cosines = scores_of(half.mated, half, same)[half.mated.person[:, None] == half.names[None]]
    lacks = np.array([SCORES.lack(float(n), stills=stills) for n in half.mated.norms])
    kept = cosines > SMALL
    slope, mean = np.polyfit(lacks[kept], cosines[kept], 1).tolist()
    sd = float((cosines[kept] - mean - slope * lacks[kept]).std())
    usual = np.mean([SCORES.lack(float(n), stills=stills) for n in half.strangers.norms])
    model = replace(SCORES.cosines(stills=stills), genuine_mean=mean, genuine_sd=sd)
    relief = norm_relief(-slope, float(usual), model)
    return Own(mean, sd, -slope, float(usual), relief)


def relieved(own: Own, *, stills: bool) -> ScoreModel:
    """Return the shipped score model with this relief by norm."""
    kind = SCORES.stills if stills else SCORES.tracks
    changed = msgspec.structs.replace(kind, norm_relief=own.relief, norm_usual=own.usual)
    return msgspec.structs.replace(SCORES, **{"stills" if stills else "tracks": changed})


@dataclass
class Tally:
    """What became of searches: outcomes by person, and probabilities of all best candidates."""

    strangers: list[tuple[str, bool]]
    mated: list[tuple[str, bool, bool]]
    said: list[tuple[float, bool]]
    shown: list[float]

    def row(self) -> dict[str, Any]:
        """Return rates with their 95 % intervals by person."""
        named = share_by_person([p for p, _ in self.strangers], [n for _, n in self.strangers])
        right = share_by_person([p for p, _, _ in self.mated], [r for _, r, _ in self.mated])
        wrong = sum(w for _, _, w in self.mated)
        error = reliability(*map(np.array, zip(*self.said, strict=True)))[0] if self.said else None
        return {
            "searches": len(self.strangers),
            "people": len({p for p, _ in self.strangers}),
            "fpir": named,
            "tpir": right,
            "mated": len(self.mated),
            "mated_wrong": wrong,
            "ece": error,
            "least_probability_shown": min(self.shown, default=None),
        }


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
        tally = Tally([], [], [], [])
        for _ in range(DRAWS):
            gallery = rng.choice(len(self._half.names), size, replace=False)
            self._search(tally, gallery, fpir, group)
        return tally

    def each_in_turn(self, people: np.ndarray, fpir: float) -> Tally:
        """Return the outcome where all of these people but one are enrolled, each in turn."""
        tally = Tally([], [], [], [])
        everyone = np.flatnonzero(np.isin(self._half.names, people))
        self._search(tally, everyone, fpir, people, leave_out=True)
        return tally

    def disjoint(self, people: np.ndarray, fpir: float) -> Tally:
        """Return the outcome where half of a group is enrolled and the other half searched."""
        rng = np.random.default_rng(SEED)
        tally = Tally([], [], [], [])
        everyone = np.flatnonzero(np.isin(self._half.names, people))
        for _ in range(DRAWS):
            gallery = np.sort(rng.choice(everyone, len(everyone) // 2, replace=False))
            self._search(tally, gallery, fpir, people)
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
        at = scores.cosines(stills=self._stills).threshold(size, fpir)
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
    threshold = scores.cosines(stills=stills).threshold(people, fpir)
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


def pairs_of(path: Path | None) -> list[tuple[str, str]]:
    """Return the rows of a file of two columns."""
    if path is None:
        return []
    with path.open(encoding="utf-8") as file:
        return [(row[0], row[1]) for row in csv.reader(file) if len(row) >= 2]


class Rows(dict[str, object]):
    """The rows of a table, each told on standard error as soon as it is there."""

    def __setitem__(self, name: str, row: object) -> None:
        """Put down a row and tell it."""
        print(name, json.dumps(row), file=sys.stderr, flush=True)
        super().__setitem__(name, row)


def tables(
    both: list[Half], same: set[frozenset[str]], groups: dict[str, set[str]], *, stills: bool
) -> dict[str, object]:
    """Return all rows for pictures, or for tracks."""
    teach, other = both
    out: dict[str, object] = {"learned": learn(teach, same, stills=stills)}
    measure = Measure(other, same, stills=stills)
    everyone = other.names
    special = set().union(*(groups.get(g, set()) for g in ("east_asian", "colour")), set())
    main = np.array([n for n in everyone if n not in special])
    rows = Rows()
    for fpir in RATES:
        for size in (12, 100, 1000):
            if size < 0.9 * len(everyone):
                rows[f"{size} drawn, {fpir}"] = measure.drawn(size, fpir).row()
                for name in ("women", "men"):
                    if size == 1000 and name in groups:
                        group = np.array(sorted(groups[name]))
                        rows[f"{size} drawn, {name}, {fpir}"] = measure.drawn(
                            size, fpir, group
                        ).row()
        rows[f"all {len(main)}, {fpir}"] = measure.each_in_turn(main, fpir).row()
        for name, group in groups.items():
            people = np.array([n for n in everyone if n in group])
            if len(people) > 2:
                found = measure.each_in_turn(people, fpir).row()
                if len(people) <= FEW:
                    share = found["fpir"][0] if found["fpir"] else 0.0
                    found["as_many_by_chance"] = measure.chance(len(people), share, fpir)
                rows[f"{name} only, {len(people)}, {fpir}"] = found
                rows[f"{name} only, half of {len(people)}, {fpir}"] = measure.disjoint(
                    people, fpir
                ).row()
    for alike in (0.0, 0.5):
        for size in FILLED:
            more = fillers(teach, size - len(main), alike)
            filled = Measure(other, same, stills=stills, fillers=more)
            for fpir in RATES:
                rows[f"{size} filled, alike {alike}, {fpir}"] = filled.each_in_turn(
                    main, fpir
                ).row()
        cosines = (other.strangers.vectors[::5] @ more[:4000].T).ravel()
        rows[f"fillers, alike {alike}"] = quantiles(cosines)
    own = other.strangers.person[:, None] == other.names[None]
    found = scores_of(other.strangers, other, same)
    rows["real"] = quantiles(found[~own & (found > -1)])
    return out | {"rows": rows}


def quantiles(cosines: np.ndarray) -> dict[str, float]:
    """Return what galleries are compared by."""
    at = (0.5, 0.99, 0.999, 0.9999)
    return {str(q): float(v) for q, v in zip(at, np.quantile(cosines, at), strict=True)}


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", type=Path, nargs="+", help="folders with a folder per person")
    parser.add_argument("--keep", type=Path, required=True, help="embeddings, made once")
    parser.add_argument("--tracks", type=Path, help="composed tracks, made once")
    parser.add_argument("--each", type=int, default=2, help="tracks of each person")
    parser.add_argument("--groups", type=Path)
    parser.add_argument("--same", type=Path)
    parser.add_argument("--kind", choices=("pictures", "tracks"), help="one of both only")
    parser.add_argument("--quick", action="store_true", help="two views of a picture, not twelve")
    given = parser.parse_args()
    faces = embed(given.people, given.keep, quick=given.quick)
    groups: dict[str, set[str]] = {}
    for person, group in pairs_of(given.groups):
        groups.setdefault(group, set()).add(person)
    same = {frozenset(pair) for pair in pairs_of(given.same)}
    found = {}
    if given.kind != "tracks":
        found["pictures"] = tables(halves(faces, None), same, groups, stills=True)
    if given.tracks is not None and given.kind != "pictures":
        if not given.tracks.exists():
            compose(given.people, given.tracks, given.each)
        both = halves(faces, read_tracks(given.tracks))
        found["tracks"] = tables(both, same, groups, stills=False)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
