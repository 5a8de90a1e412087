"""Do templates name more small faces when they hold small views of their pictures as well?

A face of 30 pixels is compared with the template of a portrait. Each enrolled picture of a
population is shrunk to a chip of so many pixels and enlarged again, and the embedding of that is
added to the person's template at a weight. Composed tracks and pictures are searched with both
templates in the same drawn galleries; the thresholds of both are moved until so many strangers are
named, and the enrolled are counted. Intervals of the difference are by person.

    python tools/evaluate_small_views.py --keep population.npz --tracks tracks.npz \
        --same same.csv --small small.npz --half 0

`--keep` and `--tracks` are the files of tools/evaluate_population.py; `--small` is made once.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import msgspec
import numpy as np
from compare_rules import compare
from pairs import same_people
from population import SCORES, SEED, Half, Probes, alike_of, halves, read_tracks, scores_of

from calibration.openset.score_data import ENROLLED, half_of, nearest_others
from calibration.pictures.faces import give_room
from engines.align import align
from engines.pictures.read import read_picture
from engines.pipeline import FacePipeline, load_pipeline, unit
from engines.scores.threshold import NEIGHBOURS

if TYPE_CHECKING:
    from engines.scores.model import ScoreModel

SIZES_PX = (48, 32, 24)
JPEG = 60
CHIP_PX = 112
WAYS = (((0,), 0.5), ((0,), 1.0), ((1,), 0.5), ((1,), 1.0), ((2,), 0.5), ((0, 1), 1.0))
"""Which of `SIZES_PX`, and their weight beside the picture's own views."""
PEOPLE = 1000
DRAWS = 6
BANDS_PX = (0, 40, 60, 1000)
"""Tracks are told apart by the median size of their faces, too."""


def shrunk(chip: np.ndarray, size: int) -> np.ndarray:
    """Return a chip as it is when the face was small, uint8 (112, 112, 3)."""
    small = cv2.resize(chip, (size, size), interpolation=cv2.INTER_AREA)
    packed = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG])[1]
    small = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.resize(small, (CHIP_PX, CHIP_PX)), np.uint8)


def chip_of(pipeline: FacePipeline, path: Path) -> np.ndarray | None:
    """Return the largest face of a picture, aligned, or None."""
    bgr = read_picture(path)
    found = pipeline.detector.detect(bgr)
    if not len(found):
        bgr = give_room(bgr)
        found = pipeline.detector.detect_pyramid(bgr)
    if not len(found):
        return None
    face = int(np.argmax(found.sides_px * (found.scores > 0.6)))
    return align(bgr, found.landmarks_px[[face]])[0]


def embed_small(faces: dict[str, np.ndarray], side: int, keep: Path) -> None:
    """Embed the small views of the pictures that are enrolled in one half of the people."""
    pipeline = load_pipeline(threads=1, precision="fp32")
    rows, vectors = [], []
    for name in (n for n in np.unique(faces["person"]) if half_of(n) == side):
        mine = np.flatnonzero(faces["person"] == name)
        for row in mine[: max(1, min(ENROLLED, len(mine) - 1))]:
            chip = chip_of(pipeline, Path(str(faces["path"][row])))
            if chip is not None:
                views = np.stack([chip, *(shrunk(chip, size) for size in SIZES_PX)])
                rows.append(row)
                vectors.append(pipeline.embedder.embed(views).vectors)
    np.savez(keep, rows=rows, lows=np.stack(vectors))


def with_small(half: Half, owners: np.ndarray, small: np.ndarray, weight: float) -> Half:
    """Return a half whose templates hold small views, float32 (n, views, dimension), as well."""
    templates = half.templates.copy()
    for place, name in enumerate(half.names):
        mine = small[owners == name]
        if len(mine):
            both = templates[place] + weight * unit(mine.sum(axis=(0, 1)))
            templates[place] = unit(both)
    return replace(half, templates=templates)


def scored(half: Half, same: set[frozenset[str]], *, stills: bool) -> tuple[np.ndarray, ...]:
    """Return what thresholds are compared with, of strangers (n,) and the enrolled (m,), and which.

    A search of somebody enrolled whose best is somebody else has -1.
    """
    rng = np.random.default_rng(SEED)
    alike = alike_of(half, same)
    others = alike[(alike > -1) & ~np.eye(len(alike), dtype=bool)]
    model = msgspec.structs.replace(
        SCORES, enrolled_mean=float(others.mean()), enrolled_sd=float(others.std())
    )
    probes = half.strangers, half.mated
    of = [scores_of(one, half, same) for one in probes]
    strangers, mated, which = [], [], []
    for _ in range(DRAWS):
        gallery = rng.choice(len(half.names), PEOPLE, replace=False)
        enrolled = half.names[gallery]
        near = nearest_others(alike[np.ix_(gallery, gallery)])
        for known, searched in enumerate(probes):
            inside = np.isin(searched.person, enrolled)
            for row in np.flatnonzero(inside if known else ~inside):
                mine = of[known][row, gallery]
                order = np.argsort(-mine)[: NEIGHBOURS + 1]
                value = told(model, searched, row, mine[order], near[order[0]], stills=stills)
                right = enrolled[order[0]] == searched.person[row]
                (mated if known else strangers).append(value if right or not known else -1.0)
                which += [row] * known
    return np.array(strangers), np.array(mated), np.array(which)


def told(
    model: ScoreModel, probes: Probes, row: int, top: np.ndarray, near: np.ndarray, *, stills: bool
) -> float:
    """Return the best cosine less the crowding and with the relief, as decisions compare it."""
    crowding = model.crowding(
        top[1:].tolist(),
        near.tolist(),
        PEOPLE,
        stills=stills,
        impostor_mean=None if stills else float(probes.expected[row]),
    )
    return float(top[0]) - crowding + model.relief(float(probes.norms[row]), stills=stills)


def rows_of(
    half: Half, before: tuple[np.ndarray, ...], now: tuple[np.ndarray, ...], sides: np.ndarray
) -> dict[str, object]:
    """Return the recall of both templates, of all and by size of the face."""
    strangers = np.stack([before[0], now[0]], axis=1)
    mated, which = np.stack([before[1], now[1]], axis=1), before[2]
    whose = half.mated.person[which]
    found: dict[str, object] = {"all": compare(strangers, mated, whose)[:2]}
    for low, high in pairwise(BANDS_PX):
        band = (sides[which] >= low) & (sides[which] < high)
        if band.any() and not band.all():
            found[f"{low} to {high} px"] = compare(strangers, mated[band], whose[band])[:2]
    return found


def main() -> None:
    """Measure and print one JSON object, each way on standard error as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, required=True, help="embedded pictures")
    parser.add_argument("--tracks", type=Path, required=True, help="composed tracks")
    parser.add_argument("--small", type=Path, required=True, help="small views, made once")
    parser.add_argument("--same", type=Path)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    given = parser.parse_args()
    with np.load(given.keep) as kept:
        faces = {name: kept[name] for name in ("person", "path", "vec", "norm")}
    same = same_people(given.same)
    if not given.small.exists():
        embed_small(faces, given.half, given.small)
    with np.load(given.small) as kept:
        owners, small = faces["person"][kept["rows"]], kept["lows"][:, 1:]
    with np.load(given.tracks) as kept:
        people, size = kept["people"], np.median(kept["side_px"], axis=1)
    found: dict[str, object] = {}
    for stills in (False, True):
        half = halves(faces, None if stills else read_tracks(given.tracks))[given.half]
        several = np.isin(people, np.unique(half.mated.person))
        sides = np.zeros(len(half.mated.person)) if stills else size[several]
        before = scored(half, same, stills=stills)
        for which, weight in WAYS:
            changed = with_small(half, owners, small[:, list(which)], weight)
            now = scored(changed, same, stills=stills)
            sizes = " and ".join(f"{SIZES_PX[k]}" for k in which)
            key = f"{'pictures' if stills else 'tracks'}, {sizes} px, weight {weight}"
            found[key] = rows_of(half, before, now, sides)
            print(key, json.dumps(found[key]), file=sys.stderr, flush=True)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
