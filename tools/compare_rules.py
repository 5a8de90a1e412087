"""Recall at the same true rate of false names: the rule of decision 6 beside today's.

Each search of the half that taught nothing has the score that each rule compares with its
threshold: the best cosine and a relief for poor faces then (of tracks, less what their faces let
expect), the best cosine less the crowding and with a smaller relief now (decision 18). The
threshold of each is moved until so many strangers are named as the row says, which is then the true
rate of both, and the enrolled are counted. Galleries are drawn; intervals of the difference are by
person.

    python tools/compare_rules.py --keep FILE.npz --tracks TRACKS.npz --same same.csv \
        --groups groups.csv
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from pairs import pairs_of, same_people
from population import SCORES, SEED, Half, Probes, alike_of, halves, read_tracks, scores_of

from calibration.openset.score_data import nearest_others
from engines.scores.threshold import NEIGHBOURS

SIZES = (12, 100, 1000)
RATES = (0.003, 0.01, 0.0175, 0.03)
DRAWS = 8
RESAMPLES = 400
OLD_SLOPE, OLD_REFERENCE, OLD_RANGE = 0.0145, 12.5, 5.0
"""Decision 6: a picture's threshold fell by so much for each unit of norm below."""
OLD_FACE, OLD_FACE_SLOPE, OLD_FACE_RANGE = 0.1192, 0.0032, 5.5
"""Decision 6: the mean cosine of strangers with a face of a track, and its fall with the norm."""
MARGIN = 0.04


def both(
    probes: Probes, row: int, mine: np.ndarray, near: np.ndarray, *, stills: bool
) -> tuple[float, float]:
    """Return what each rule compares with its threshold; nothing where the second is as near."""
    order = np.argsort(-mine)[: NEIGHBOURS + 1]
    top = mine[order]
    if len(top) > 1 and top[0] - top[1] < MARGIN:
        return -1.0, -1.0
    crowding = SCORES.crowding(
        top[1:].tolist(),
        near[order[0]].tolist(),
        len(mine),
        stills=stills,
        impostor_mean=None if stills else float(probes.expected[row]),
    )
    relief = SCORES.relief(float(probes.norms[row]), stills=stills)
    if stills:
        lack = OLD_REFERENCE - float(probes.norms[row])
        old = float(top[0]) + OLD_SLOPE * min(max(lack, 0.0), OLD_RANGE)
    else:
        lack = min(max(OLD_REFERENCE - float(probes.norms[row]), 0.0), OLD_FACE_RANGE)
        length = SCORES.tracks.face_mean / float(probes.expected[row])
        old = float(top[0]) - (OLD_FACE - OLD_FACE_SLOPE * lack) / length
    return old, float(top[0]) - crowding + relief


def searches(
    half: Half, same: set[frozenset[str]], size: int, group: set[str], *, stills: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both rules' scores of strangers (n, 2) and of the enrolled (m, 2), and whose (m,).

    An enrolled person's search whose best is somebody else has -1: no threshold names it rightly.
    """
    rng = np.random.default_rng(SEED)
    of = scores_of(half.strangers, half, same), scores_of(half.mated, half, same)
    alike = alike_of(half, same)
    strangers, mated, whose = [], [], []
    for _ in range(DRAWS):
        gallery = rng.choice(len(half.names), size, replace=False)
        enrolled = half.names[gallery]
        near = nearest_others(alike[np.ix_(gallery, gallery)])
        for known, probes in enumerate((half.strangers, half.mated)):
            inside = np.isin(probes.person, enrolled)
            wanted = inside if known else ~inside
            if group:
                wanted &= np.isin(probes.person, sorted(group))
            for row in np.flatnonzero(wanted):
                mine = of[known][row, gallery]
                found = both(probes, row, mine, near, stills=stills)
                if known:
                    right = enrolled[int(mine.argmax())] == probes.person[row]
                    mated.append(found if right else (-1.0, -1.0))
                    whose.append(str(probes.person[row]))
                else:
                    strangers.append(found)
    return np.array(strangers), np.array(mated), np.array(whose)


def compare(strangers: np.ndarray, mated: np.ndarray, whose: np.ndarray) -> list[dict[str, float]]:
    """Return the recall of both rules at the same rates, and its difference by person."""
    names, place = np.unique(whose, return_inverse=True)
    drawn = np.random.default_rng(0).integers(0, len(names), (RESAMPLES, len(names)))
    counts = np.bincount(place, minlength=len(names))
    rows = []
    for rate in RATES:
        at = np.quantile(strangers, 1 - rate, axis=0)
        named = mated >= at
        gained = np.bincount(place, named[:, 1].astype(float) - named[:, 0], len(names))
        low, high = np.quantile(gained[drawn].sum(1) / counts[drawn].sum(1), (0.025, 0.975))
        before, now = named.mean(axis=0)
        rows.append(
            {
                "fpir": rate,
                "strangers": len(strangers),
                "before": float(before),
                "now": float(now),
                "low": float(low),
                "high": float(high),
            }
        )
    return rows


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="embedded pictures")
    parser.add_argument("--tracks", type=Path, required=True, help="composed tracks")
    parser.add_argument("--same", type=Path)
    parser.add_argument("--groups", type=Path)
    given = parser.parse_args()
    with np.load(given.keep) as kept:
        faces = {name: kept[name] for name in ("person", "path", "vec", "norm")}
    same = same_people(given.same)
    groups: dict[str, set[str]] = {"all": set()}
    for person, group in pairs_of(given.groups):
        groups.setdefault(group, set()).add(person)
    found = {}
    for stills in (True, False):
        half = halves(faces, None if stills else read_tracks(given.tracks))[1]
        for size in SIZES:
            for name in ("all", "women", "men"):
                if name in groups and (name == "all" or (size == SIZES[-1] and stills)):
                    what = searches(half, same, size, groups[name], stills=stills)
                    key = f"{'pictures' if stills else 'tracks'}, {size}, {name}"
                    found[key] = compare(*what)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
