"""Other ways to make one decision of a track's views, beside today's at the same true rate.

Composed tracks of `tools/evaluate_population.py`, either half of the people, galleries of 1,000.
The threshold of each way is moved until so many strangers are named as the row says; intervals of
what a way names rightly beyond today's are by person. Views are weighted otherwise: "ratio" is what
the log-likelihood ratio of each one's cosine would weigh it by, and "length" divides the mean of
the cosines by a power of the template's length, which stands for how alike the views are (1 today;
0 is the mean alone).

    python tools/evaluate_view_weights.py --keep FILE.npz --tracks TRACKS.npz --same same.csv
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pairs import pairs_of
from population import SCORES, SEED, Half, halves, track_templates

from calibration.openset.score_data import nearest_others
from engines.pipeline import unit
from engines.scores.threshold import NEIGHBOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.recognise.template import TrackTemplate

PEOPLE = 1000
DRAWS = 8
RESAMPLES = 400
RATES = (0.01, 0.003)


def _ratio(template: TrackTemplate) -> np.ndarray:
    """Return the slope of each view's log-likelihood ratio in its cosine."""
    cosines = [SCORES.cosines(stills=False, norm=norm) for norm in template.norms]
    return np.array([max(c.genuine_mean - c.impostor_mean, 0.02) for c in cosines])


WEIGHTS: dict[str, Callable[[TrackTemplate], np.ndarray]] = {
    "today": lambda t: np.array(t.qualities),
    "even": lambda t: np.ones(t.count),
    "norm": lambda t: np.array([SCORES.norm_weight(norm) for norm in t.norms]),
    "ratio": _ratio,
    "ratio, squared": lambda t: _ratio(t) ** 2,
    "today, squared": lambda t: np.array(t.qualities) ** 2,
}
LENGTHS = {"length, power 0": 0.0, "length, power 0.5": 0.5}


@dataclass(frozen=True)
class Probe:
    """A track as one way sees it: float32 (dimension,), and what is expected of strangers."""

    vector: np.ndarray
    length: float
    norm: float
    expected: float


def probe_of(template: TrackTemplate, weights: np.ndarray) -> Probe:
    """Return a track's template with other weights."""
    total = (np.stack(template.vectors) * weights[:, None]).sum(axis=0)
    length = float(np.linalg.norm(total) / weights.sum())
    norms = np.array(template.norms)
    expected = float(SCORES.expected_of_tracks(norms, weights, length))
    norm = float(np.average(norms, weights=weights))
    return Probe(unit(total.astype(np.float32)), length, norm, expected)


def views(half: Half, people: np.ndarray, templates: list[TrackTemplate]) -> dict[str, object]:
    """Return what each way to weigh a track's views wins."""
    here = np.flatnonzero(np.isin(people, half.names))
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    whose: list[str] = []
    for name, weigh in WEIGHTS.items():
        probes = [probe_of(templates[i], weigh(templates[i])) for i in here]
        powers = {name: 1.0, **(LENGTHS if name == "today" else {})}
        for way, power in powers.items():
            strangers, mated, whose = searched(half, people[here], probes, power)
            found[way] = [(strangers, mated)]
    today = found["today"][0]
    return {
        way: [gain(today, other[0], np.array(whose), rate) for rate in RATES]
        for way, other in found.items()
    }


def searched(
    half: Half, people: np.ndarray, probes: Sequence[Probe], power: float
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return what is compared with a threshold: of strangers, of the enrolled, and whose.

    The enrolled have -1 where the best is somebody else.
    """
    rng = np.random.default_rng(SEED)
    several = set(half.mated.person.tolist())
    strangers, mated, whose = [], [], []
    for _ in range(DRAWS):
        chosen = rng.choice(len(half.names), PEOPLE, replace=False)
        names, enrolled = half.names[chosen], half.templates[chosen]
        near = nearest_others(enrolled @ enrolled.T)
        scores = np.stack([p.vector for p in probes]) @ enrolled.T
        inside = np.isin(people, names)
        for row, probe in enumerate(probes):
            if inside[row] and people[row] not in several:
                continue
            top = np.argsort(-scores[row])[: NEIGHBOURS + 1]
            cosines = scores[row, top].tolist()
            crowding = SCORES.crowding(
                cosines[1:], near[top[0]].tolist(), PEOPLE, stills=False,
                impostor_mean=probe.expected,
            )  # fmt: skip
            relief = SCORES.relief(probe.norm, stills=False)
            score = (cosines[0] - crowding + relief) * probe.length ** (1 - power)
            if not inside[row]:
                strangers.append(score)
            else:
                mated.append(score if names[top[0]] == people[row] else -1.0)
                whose.append(str(people[row]))
    return np.array(strangers), np.array(mated), whose


def gain(
    today: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
    whose: np.ndarray,
    rate: float,
) -> dict[str, float]:
    """Return what another way names rightly, and beyond today's, at one true rate."""
    before, now = (mated >= np.quantile(strangers, 1 - rate) for strangers, mated in (today, other))
    names, place = np.unique(whose, return_inverse=True)
    drawn = np.random.default_rng(0).integers(0, len(names), (RESAMPLES, len(names)))
    counts = np.bincount(place, minlength=len(names))
    gained = np.bincount(place, now.astype(float) - before, len(names))
    low, high = np.quantile(gained[drawn].sum(1) / counts[drawn].sum(1), (0.025, 0.975))
    more = float(now.mean() - before.mean())
    return {
        "fpir": rate,
        "right": float(now.mean()),
        "more": more,
        "low": float(low),
        "high": float(high),
    }


def read_faces(keep: Path, same: Path | None) -> dict[str, np.ndarray]:
    """Return embedded pictures; of two names of one person, only the first one's."""
    with np.load(keep) as kept:
        faces = {name: kept[name] for name in ("person", "path", "vec", "norm")}
    rows = ~np.isin(faces["person"], sorted({second for _, second in pairs_of(same)}))
    return {name: column[rows] for name, column in faces.items()}


def main() -> None:
    """Measure and print one JSON object for each half."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="embedded pictures")
    parser.add_argument("--tracks", type=Path, required=True, help="composed tracks")
    parser.add_argument("--same", type=Path)
    given = parser.parse_args()
    people, whole = track_templates(given.tracks)
    for side, half in enumerate(halves(read_faces(given.keep, given.same), None)):
        found = views(half, people, [template for (template,) in whole])
        print(json.dumps({"half": side, **found}), flush=True)


if __name__ == "__main__":
    main()
