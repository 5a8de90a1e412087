"""What does a person with few pictures cost, and does it help to drop poor ones?

People of the half that taught nothing who have eight pictures or more are enrolled with 1 to 7 of
them, drawn anew several times, among other people of that half; their other pictures are searched
and decided as `identify` does. With five and seven pictures, poor ones are also dropped where three
good ones are left: by the norm of their embedding, and by how well they agree with the others.
Intervals are by person.

    python tools/evaluate_enrolment.py --keep FILE.npz --same same.csv
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from pairs import pairs_of
from population import SEED, halves
from population_measure import nearest, policy_of, spread_of

from calibration.openset.evaluate import share_by_person
from calibration.openset.score_data import nearest_others
from edge.recognise.decide import Claim, decide
from edge.recognise.scene import Candidate
from engines.pipeline import unit
from engines.scores.threshold import NEIGHBOURS

PEOPLE = 1000
FPIR = 0.01
DRAWS = 20
LEAST_PICTURES = 8
COUNTS = (1, 2, 3, 5, 7)
LEFT = 3
"""No picture is dropped where fewer would be left."""
POOR_NORM = 10.0
POOR_AGREEMENT = 0.1
"""So much less alike the others than the median picture of a person is."""


def kept(vectors: np.ndarray, norms: np.ndarray, way: str) -> np.ndarray:
    """Return which pictures of a person make the template, bool (n,)."""
    every = np.ones(len(norms), bool)
    if way == "norm":
        good = norms >= POOR_NORM
    elif way == "agreement":
        alike = vectors @ vectors.T
        mean = (alike.sum(axis=1) - 1) / max(len(norms) - 1, 1)
        good = mean >= np.median(mean) - POOR_AGREEMENT
    else:
        good = every
    return good if good.sum() >= LEFT else every


class Enrolments:
    """Draws galleries and searches them.

    Args:
        faces: all pictures.
        side: which half of the people.
        left_out: people who are the same as another.
    """

    def __init__(self, faces: dict[str, np.ndarray], side: int, left_out: set[str]) -> None:
        half = halves(faces, None)[side]
        self._faces = faces
        rows = {str(n): np.flatnonzero(faces["person"] == n) for n in half.names}
        self._pictures = {n: r for n, r in rows.items() if len(r) >= LEAST_PICTURES}
        others = [k for k, n in enumerate(half.names) if str(n) not in {*self._pictures, *left_out}]
        self._names, self._templates = half.names[others], half.templates[others]

    def measure(self, count: int, way: str) -> dict[str, object]:
        """Return how often people enrolled with so many pictures are named rightly."""
        rng = np.random.default_rng(SEED)
        right: list[tuple[str, bool]] = []
        wrong = dropped = 0
        for _ in range(DRAWS):
            drawn = {n: rng.permutation(rows) for n, rows in self._pictures.items()}
            templates = []
            for rows in drawn.values():
                some = rows[:count]
                vectors = self._faces["vec"][some]
                good = kept(vectors, self._faces["norm"][some], way)
                dropped += int((~good).sum())
                templates.append(unit(vectors[good].sum(axis=0)))
            fill = rng.choice(len(self._names), PEOPLE - len(drawn), replace=False)
            names = np.concatenate([list(drawn), self._names[fill]])
            enrolled = np.concatenate([np.stack(templates), self._templates[fill]])
            for person, said in self._search(drawn, count, names, enrolled):
                right.append((person, said == person))
                wrong += said not in (None, person)
        found = share_by_person([p for p, _ in right], [r for _, r in right])
        of = len(self._pictures) * count * DRAWS
        return {
            "people": len(self._pictures),
            "searches": len(right),
            "right": found,
            "wrong": wrong,
            "dropped": dropped / of,
        }

    def _search(
        self, drawn: dict[str, np.ndarray], count: int, names: np.ndarray, enrolled: np.ndarray
    ) -> list[tuple[str, str | None]]:
        near = nearest_others(enrolled @ enrolled.T)
        around = dict(zip(names.tolist(), map(tuple, near.tolist()), strict=True))
        scores = spread_of(enrolled, PEOPLE, FPIR)
        policy = replace(policy_of(PEOPLE, FPIR, scores, stills=True), around=around.__getitem__)
        found = []
        for person, rows in drawn.items():
            for row in rows[count:]:
                best, cosines = nearest(enrolled @ self._faces["vec"][row], NEIGHBOURS + 1)
                ranked = zip(names[best].tolist(), cosines.tolist(), strict=True)
                claim = Claim(
                    0, tuple(Candidate(*one) for one in ranked), 90.0, 0.1, 0.1,
                    float(self._faces["norm"][row]),
                )  # fmt: skip
                found.append((person, decide([claim], policy)[0].id))
        return found


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="embedded pictures")
    parser.add_argument("--same", type=Path)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1, help="1 taught nothing")
    given = parser.parse_args()
    with np.load(given.keep) as file:
        faces = {name: file[name] for name in ("person", "path", "vec", "norm")}
    enrolments = Enrolments(faces, given.half, {b for _, b in pairs_of(given.same)})
    ways = [(count, "all") for count in COUNTS]
    ways += [(count, way) for count in (5, 7) for way in ("norm", "agreement")]
    rows = {f"{count}, {way}": enrolments.measure(count, way) for count, way in ways}
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
