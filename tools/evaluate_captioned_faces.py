"""Measure whom a caption should speak for where several faces are about equally large.

    python tools/evaluate_captioned_faces.py POPULATION --keep FILE.npz [--same same.csv]

POPULATION, FILE and `--same` are those of `evaluate_weak_faces.py`. Composed: scenes of two and
three weak faces of one size, drawn from the people who taught no constant, 1,000 of them enrolled;
a caption names one of them. The others are strangers, or enrolled. Rows are rules: the caption is
left out, goes to whichever face happens to be largest, is shared between all (`Cue.shared`), or
goes to the right face, which nobody can know.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from evaluate_cues import WAYS, Trial
from evaluate_weak_faces import SIZES, embed
from pairs import same_people

from calibration.openset.score_data import SEED
from edge.recognise.cues.cue import Cue, Evidence
from engines.pipeline import load_pipeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rule = Literal["left out", "largest", "shared", "right face"]
RULES: tuple[Rule, ...] = ("left out", "largest", "shared", "right face")
SCENES = 260


def evidence_of(
    trial: Trial, rule: Rule, person: str, count: int, largest: int
) -> list[tuple[Evidence, ...]]:
    """Return what the caption says of each face, the first of which it means."""
    (told,) = trial.caption_of(person)
    if rule == "shared":
        shared = Cue("text", 0.0, 0.0, told.llr).shared(count)
        return [(Evidence("text", shared.llr),)] * count
    meant = {"left out": -1, "largest": largest, "right face": 0}[rule]
    return [(told,) if place == meant else () for place in range(count)]


def measure(
    trial: Trial,
    faces: dict[str, NDArray[np.generic]],
    way: str,
    count: int,
    *,
    known_others: bool,
    same: set[frozenset[str]],
) -> None:
    """Print the rows of one way and number of faces."""
    rows = {str(p): np.flatnonzero(faces["person"] == p) for p in np.unique(faces["person"])}
    vectors, norms = faces[f"{way} vectors"], faces[f"{way} norms"]
    enrolled = set(trial.names)
    twins = {p for pair in same for p in pair if pair & enrolled}
    known = [p for p in sorted(enrolled) if len(rows[p]) > 1 and p not in twins]
    pool = known if known_others else sorted(rows.keys() - enrolled - twins)
    for rule in RULES:
        random = np.random.default_rng(SEED)
        right = wrong = 0
        for person in known[:SCENES]:
            others = random.choice([p for p in pool if p != person], count - 1, replace=False)
            shown = [person, *map(str, others)]
            seen = [rows[p][1:] if p in enrolled else rows[p] for p in shown]
            tracks = [(vectors[s], norms[s]) for s in seen]
            told = evidence_of(trial, rule, person, count, int(random.integers(count)))
            names = trial.named_together(tracks, told)  # type: ignore[arg-type]
            right += names[0] == person
            wrong += sum(n not in {None, p} for n, p in zip(names, shown, strict=True))
        scenes = min(SCENES, len(known))
        who = "enrolled" if known_others else "strangers"
        cells = f"{right / scenes:.1%} of {scenes} | {wrong} of {scenes * count}"
        print(f"| {way} | {count}, others {who} | {rule} | {cells} |", flush=True)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("population", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--same", type=Path)
    parser.add_argument("--ways", default=",".join(WAYS))
    args = parser.parse_args()
    same = same_people(args.same)
    faces = embed(args.population, args.keep)
    people = sorted(map(str, np.unique(faces["person"])))
    enrolled = np.random.default_rng(SEED).choice(people, SIZES[-1], replace=False)
    clean, whose = faces["clean vectors"], faces["person"]
    gallery = {str(p): clean[np.flatnonzero(whose == p)[:1]] for p in enrolled}
    trial = Trial(load_pipeline(threads=1, precision="fp32"), gallery)  # type: ignore[arg-type]
    print("| faces | in the scene | the caption is | captioned, named right | wrong names |")
    print(f"|{'---|' * 5}")
    for way in args.ways.split(","):
        for count in (2, 3):
            for known_others in (False, True):
                measure(trial, faces, way, count, known_others=known_others, same=same)
    return 0


if __name__ == "__main__":
    sys.exit(main())
