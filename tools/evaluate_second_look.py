"""What does a second detector's alignment win, by how far a face is turned and how large it is?

Pictures of people with several are looked at, at their size and shrunk to a film's, packed as JPEG.
Each is compared with the person's other pictures and with 1,000 strangers of the other people, cut
out by the first detector's landmarks alone, and by both detectors' with the mean of the embeddings.
Films take a second look from a yaw of 0.35 on, pictures of every face.

    python tools/evaluate_second_look.py --keep population.npz --half 1
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from evaluate_composed import by_person
from evaluate_landmarks import shrunk

from calibration.openset.score_data import SEED, half_of
from engines.align import cut_out, with_fine_landmarks
from engines.catalog import SECOND_DETECTOR
from engines.fetch import fetch
from engines.pictures.read import read_picture
from engines.pipeline import FacePipeline, load_pipeline, unit
from engines.quality import yaw_of
from gallery.enrol.embed import faces_of

SIDES_PX = (0, 64, 36)
"""Sides of the face; 0 is the picture as it is."""
YAWS = (0.0, 0.2, 0.35, 0.5, 0.75, 9.0)
STRANGERS = 1000
WAYS = ("one look", "two looks")


@dataclass(frozen=True)
class Row:
    """One face, both ways: float (2,) each."""

    person: str
    side_px: int
    yaw: float
    own: np.ndarray
    strangers: np.ndarray
    best: np.ndarray


def compare(
    pipeline: FacePipeline,
    bgr: np.ndarray,
    person: str,
    own: np.ndarray,
    others: np.ndarray,
) -> list[Row]:
    """Return what both ways make of the largest face of a picture."""
    found, bgr = faces_of(pipeline, bgr)
    if not len(found):
        return []
    yaw, rows = float(yaw_of(found.landmarks_px)[0]), []
    for side in SIDES_PX:
        mine, seen = found[[0]], bgr
        if side:
            factor = side / float(mine.sides_px[0])
            if factor > 1:
                continue
            seen, middle = shrunk(bgr, factor, blurred=False), mine.xyxy_px[0] * factor
            small = pipeline.detector.detect(seen)
            apart = np.abs(small.xyxy_px - middle).max(axis=1, initial=0)
            if not len(small) or apart.min() > side / 2:
                continue
            mine = small[[int(np.argmin(apart))]]
        fine = with_fine_landmarks(pipeline.detector, seen, mine)
        (chips,) = cut_out(seen, fine, pipeline.second_px(seen, fine))
        vectors = pipeline.embedder.embed(chips).vectors
        vectors = np.stack([vectors[0], unit(vectors.sum(axis=0))])
        scores = vectors @ others.T
        rows.append(Row(person, side, yaw, vectors @ own, scores.mean(axis=1), scores.max(axis=1)))
    return rows


def summary(rows: list[Row]) -> dict[str, object]:
    """Return both ways' means, and what the second look wins, with intervals by person."""
    person = np.array([row.person for row in rows])
    own, best = np.stack([r.own for r in rows]), np.stack([r.best for r in rows])
    found: dict[str, object] = {"faces": len(rows), "people": len(np.unique(person))}
    for k, way in enumerate(WAYS):
        mean = float(np.mean([row.strangers[k] for row in rows]))
        found[way] = {
            "own": float(own[:, k].mean()),
            "strangers": mean,
            "best of strangers": float(best[:, k].mean()),
            "own above all strangers": float((own[:, k] > best[:, k]).mean()),
        }
    for name, values in (("own", own), ("own less best stranger", own - best)):
        gain = values[:, 1] - values[:, 0]
        found[f"gain: {name}"] = [float(gain.mean()), *by_person(gain, person)]
    return found


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="embedded pictures")
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--pictures", type=int, default=0, help="look at so many; 0 is all")
    given = parser.parse_args()
    with np.load(given.keep) as file:
        person, path, vectors = file["person"], file["path"], file["vec"]
    names, counts = np.unique(person, return_counts=True)
    sums = {name: vectors[person == name].sum(axis=0) for name in names}
    several = [name for name, n in zip(names, counts, strict=True) if n > 1]
    mine = [name for name in several if half_of(name) == given.half]
    rng = np.random.default_rng(SEED)
    pool = rng.permutation(np.flatnonzero(np.isin(person, mine)))
    fetch(SECOND_DETECTOR)
    pipeline, rows = load_pipeline(threads=1, precision="fp32"), list[Row]()
    for row in pool[: given.pictures or None].tolist():
        own = unit(sums[person[row]] - vectors[row])
        others = rng.choice(names[names != person[row]], STRANGERS, replace=False)
        strangers = unit(np.stack([sums[name] for name in others]))
        bgr = read_picture(Path(str(path[row])))
        rows += compare(pipeline, bgr, str(person[row]), own, strangers)
    found = {}
    for side in SIDES_PX:
        for low, high in pairwise(YAWS):
            some = [r for r in rows if r.side_px == side and low <= r.yaw < high]
            if some:
                found[f"{f'{side} px' if side else 'as it is'}, yaw {low} to {high}"] = summary(
                    some
                )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
