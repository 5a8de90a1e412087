"""Count strangers who get a name at any look of a live track, beside those who get one at each.

A live track is searched again at each new face. The promise is one of a single search; whoever is
looked at six times has more chances. Composed tracks of people who taught no constant, galleries
drawn of the same half, faces added one by one as `run` does; nothing is displayed before, so that
no hysteresis counts.

    python tools/evaluate_repeated.py lfw colour east_asian --keep population.npz \
        --tracks tracks.npz --same same.csv

`--keep` and `--tracks` are the files of tools/evaluate_population.py. Prints one JSON object;
intervals are of 95 %, by person. `--half 0` searches those who taught the constants.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pairs import same_people
from population import SCORES, SEED, Half, Probes, alike_of, embed, halves, read_tracks, scores_of
from population_measure import policy_of

from calibration.openset.evaluate import share_by_person
from calibration.openset.score_data import nearest_others
from edge.recognise.decide import Claim, Policy, decide
from edge.recognise.scene import Candidate
from edge.recognise.template import TrackTemplate
from engines.scores.threshold import NEIGHBOURS

if TYPE_CHECKING:
    from collections.abc import Callable

AT_S = (0.0, 0.13, 0.26, 0.39, 1.2, 2.0)
"""When `run` embeds the faces of a track."""


def looks(path: Path, names: np.ndarray) -> Probes:
    """Return what is searched at each look, six rows for each track of these people."""
    with np.load(path) as kept:
        people, vectors, norms, overall = (
            kept[k] for k in ("people", "vectors", "norms", "overall")
        )
    rows = []
    for i in np.flatnonzero(np.isin(people, names)):
        template = TrackTemplate(SCORES)
        for k, at_s in enumerate(AT_S):
            template.add(vectors[i, k], float(norms[i, k]), float(overall[i, k]), at_s)
            said = template.mean(at_s), template.impostor_mean(at_s), template.norm()
            rows.append((str(people[i]), *said))
    person, found, expected, norm = zip(*rows, strict=True)
    return Probes(np.array(person), np.stack(found), np.array(expected), np.array(norm))


def around_of(names: np.ndarray, alike: np.ndarray) -> Callable[[str], tuple[float, ...]]:
    """Return how near others of a gallery are to a person, as `policy_for` does."""
    near = nearest_others(alike)
    place = {str(name): k for k, name in enumerate(names)}

    @cache
    def around(person: str) -> tuple[float, ...]:
        return tuple(near[place[person]].tolist())

    return around


def said(probes: Probes, row: int, scores: np.ndarray, names: np.ndarray, policy: Policy) -> str:
    """Return the name that a look gives, or nothing."""
    order = np.argsort(-scores)[: NEIGHBOURS + 1]
    ranked = tuple(Candidate(str(names[k]), float(scores[k])) for k in order if scores[k] > -1)
    claim = Claim(
        0, ranked, 90.0, 0.1, 0.1, float(probes.norms[row]),
        impostor_mean=float(probes.expected[row]),
    )  # fmt: skip
    return decide([claim], policy)[0].id or ""


def measure(
    half: Half, probes: Probes, same: set[frozenset[str]], size: int, given: argparse.Namespace
) -> dict[str, object]:
    """Return the shares of one size of gallery."""
    rng = np.random.default_rng(SEED)
    scores, alike = scores_of(probes, half, same), alike_of(half, same)
    count, several = len(AT_S), set(half.mated.person.tolist())
    strangers: list[str] = []
    each: list[list[bool]] = []
    known: list[list[bool]] = []
    for _ in range(given.draws):
        chosen = np.sort(rng.choice(len(half.names), size, replace=False))
        names = half.names[chosen]
        around = around_of(names, alike[np.ix_(chosen, chosen)])
        policy = replace(policy_of(size, given.fpir, SCORES, stills=False), around=around)
        for first in range(0, len(probes.person), count):
            person = str(probes.person[first])
            rows = range(first, first + count)
            found = [said(probes, r, scores[r, chosen], names, policy) for r in rows]
            if person in names:
                if person in several:
                    known.append([name == person for name in found])
            else:
                strangers.append(person)
                each.append([bool(name) for name in found])
    ever = [any(track) for track in each]
    return {
        "tracks": len(each),
        "named_at_each_look": [round(float(v), 5) for v in np.mean(each, axis=0)],
        "named_at_the_last": share_by_person(strangers, [track[-1] for track in each]),
        "named_at_any": share_by_person(strangers, ever),
        "named_twice_in_a_row": share_by_person(
            strangers, [any(a and b for a, b in pairwise(t)) for t in each]
        ),
        "rightly_at_the_last": float(np.mean([track[-1] for track in known])),
        "rightly_at_any": float(np.mean([any(track) for track in known])),
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path, nargs="+", help="folders with a folder per person")
    parser.add_argument("--keep", type=Path, required=True, help="embedded pictures")
    parser.add_argument("--tracks", type=Path, required=True, help="composed tracks")
    parser.add_argument("--same", type=Path, help="pairs of names that are one person")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--fpir", type=float, default=0.01)
    parser.add_argument(
        "--half", type=int, choices=(0, 1), default=1, help="0 are those who taught the constants"
    )
    given = parser.parse_args()
    faces = embed(given.people, given.keep, quick=True)
    other = halves(faces, read_tracks(given.tracks))[given.half]
    probes = looks(given.tracks, other.names)
    same = same_people(given.same)
    found = {str(size): measure(other, probes, same, size, given) for size in given.sizes}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
