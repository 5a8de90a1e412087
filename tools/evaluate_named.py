"""Measure what faces that viewers named do to false names, on a population.

    python tools/evaluate_named.py POPULATION --keep FILE.npz [--same same.csv]

Galleries are drawn from the half of POPULATION that taught no constant of the score model: people
with a photograph each, as a signed gallery has them, and beside them people named from one press,
with one picture that is clear enough for the device to take it (`copy_face`). Everybody else is a
stranger, searched by a track of all their pictures. A false name is counted for the gallery and for
those who were named. `FILE.npz` is that of tools/evaluate_weak_faces.py; `--same` has pairs of
names that are one person or twins, which are not compared. Intervals are by person.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from evaluate_cues import FPIR, Trial
from evaluate_weak_faces import embed
from pairs import same_people

from calibration.openset.evaluate import share_by_person
from calibration.openset.score_data import SEED
from engines.pipeline import load_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from engines.pipeline import FacePipeline

CASES = ((20, 0), (20, 20), (100, 0), (100, 20), (100, 200), (600, 0), (600, 20), (600, 200))
DRAWS = 4


class Population:
    """The faces of everybody: each person's rows, their vectors and norms."""

    def __init__(self, faces: dict[str, NDArray[np.generic]], least_norm: float) -> None:
        self.vectors, self.norms = faces["clean vectors"], faces["clean norms"]
        whose = faces["person"]
        self.rows = {str(p): np.flatnonzero(whose == p) for p in np.unique(whose)}
        self.clear = [p for p, rows in self.rows.items() if self.norms[rows[0]] >= least_norm]

    def gallery(
        self, signed: int, named: int, random: np.random.Generator
    ) -> tuple[list[str], list[str]]:
        """Return who is in the signed gallery, and who was named."""
        local = [str(p) for p in random.choice(sorted(self.clear), named, replace=False)]
        rest = sorted(self.rows.keys() - set(local))
        return [str(p) for p in random.choice(rest, signed, replace=False)], local


def outcomes(
    pipeline: FacePipeline,
    population: Population,
    case: tuple[int, int],
    same: set[frozenset[str]],
) -> Iterator[tuple[str, bool, bool]]:
    """Yield each stranger, whether they got a name, and whether it is one that a viewer gave."""
    random = np.random.default_rng(SEED)
    for _ in range(DRAWS):
        signed, local = population.gallery(*case, random)
        rows, vectors = population.rows, population.vectors
        trial = Trial(pipeline, {p: vectors[rows[p][:1]] for p in signed + local})  # type: ignore[misc]
        inside = set(signed + local)
        for person in sorted(rows.keys() - inside):
            if any(frozenset({person, other}) in same for other in inside):
                continue
            track = vectors[rows[person]], population.norms[rows[person]]
            name = trial.named(track, ())  # type: ignore[arg-type]
            yield person, name is not None, name in set(local)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("population", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--same", type=Path)
    args = parser.parse_args()
    same = same_people(args.same)
    pipeline = load_pipeline(threads=1, precision="fp32")
    faces = embed(args.population, args.keep)
    population = Population(faces, pipeline.scores.same.reidentify_norm)
    print(f"promised {FPIR:.0%}; {len(population.clear)} of {len(population.rows)} clear enough")
    print("| enrolled | named | tracks of strangers | false names | of these a viewer's |")
    print(f"|{'---|' * 5}")
    for case in CASES:
        found = list(outcomes(pipeline, population, case, same))
        people = [person for person, _, _ in found]
        cells = []
        for wrong in ([w for _, w, _ in found], [w for _, _, w in found]):
            share, low, high = share_by_person(people, wrong) or (0.0, 0.0, 1.0)
            cells.append(f"{share:.2%} ({low:.2%} to {high:.2%})")
        print(f"| {case[0]} | {case[1]} | {len(found)} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
