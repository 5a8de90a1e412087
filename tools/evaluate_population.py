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
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from pairs import pairs_of, same_people
from population import (
    SCORES,
    SEED,
    Half,
    alike_of,
    compose,
    embed,
    halves,
    read_tracks,
    scores_of,
)
from population_measure import Measure, fillers

from calibration.openset.learn_scores import norm_relief
from calibration.openset.score_data import nearest_others
from engines.scores.spread import deviation
from engines.scores.threshold import NEIGHBOURS, share_for

if TYPE_CHECKING:
    from engines.scores.model import ScoreModel

RATES = (0.01, 0.003)
LEARNED_AT, LEARNED_FROM = (12, 100, 700), 40
"""Sizes of the galleries that teach the deviation, and how many of each: of eight, one in a hundred
of their strangers told it to 1.5 %."""
SMALL = 0.15
"""Own cosines below are taken for wrong labels when the person's own cosines are learned."""
FILLED = (10_000, 100_000)
SIZES_WITHIN = (6, 10, 20, 50)
"""Galleries of so few people of one group."""
FEW = 30
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
        for _ in range(LEARNED_FROM):
            gallery = rng.choice(len(half.names), size, replace=False)
            rows = np.flatnonzero(~own[:, gallery].any(axis=1))
            found = scores[np.ix_(rows, gallery)]
            near = nearest_others(alike[np.ix_(gallery, gallery)])
            ranked = np.argsort(-found, axis=1)[:, : NEIGHBOURS + 1]
            for row, of, order in zip(rows, found, ranked, strict=True):
                if of[order[0]] - of[order[1]] < SCORES.names.margin:  # "A or B": nobody is named
                    left.append(-1.0)
                    continue
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
        "enrolled_sd": deviation(enrolled),
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
                for size in (s for s in SIZES_WITHIN if s <= len(people) // 2):
                    rows[f"{name} only, {size} drawn, {fpir}"] = measure.disjoint(
                        people, fpir, size
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
    same = same_people(given.same)
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
