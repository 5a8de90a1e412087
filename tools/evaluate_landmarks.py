"""How fine are the landmarks of small faces, and what does a second look from close by win?

Pictures of a population are shrunk until the face has so many pixels, blurred or not, and packed as
JPEG; the face is found as a film's is, its landmarks are compared with those of the full picture,
and its embedding with the person's template.

    python tools/evaluate_landmarks.py --keep population.npz --half 1 --pictures 40
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from population import halves

from calibration.openset.score_data import ENROLLED, SEED
from engines.align import align, similarity_transforms, with_fine_landmarks
from engines.pictures.read import read_picture
from engines.pipeline import load_pipeline, unit

if TYPE_CHECKING:
    from engines.pipeline import FacePipeline

SIDES_PX = (24, 32, 48)
FRAME_PX = 160
JPEG = 60
BLUR_PX = 5
Row = tuple[float, float, float]
"""Cosine with the template, error of scale, error of landmarks in sides of the face."""


def shrunk(bgr: np.ndarray, factor: float, *, blurred: bool) -> np.ndarray:
    """Return a picture as a film would show it, uint8 (>= 160, >= 160, 3), BGR."""
    small = cv2.resize(bgr, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    if blurred:
        small = cv2.blur(small, (BLUR_PX, 1))
    packed = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG])[1]
    small = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    lack = [max(0, FRAME_PX - n) for n in small.shape[:2]]
    return np.pad(small, ((0, lack[0]), (0, lack[1]), (0, 0)))


def compare(
    pipeline: FacePipeline, bgr: np.ndarray, template: np.ndarray, side: int, *, blurred: bool
) -> dict[str, Row] | None:
    """Return what each way makes of a face; None where it is not found or not that large."""
    detector = pipeline.detector
    large = detector.detect_pyramid(bgr)
    if not len(large):
        return None
    face = int(np.argmax(large.sides_px))
    factor = side / float(large.sides_px[face])
    if factor > 1:
        return None
    small, truth = shrunk(bgr, factor, blurred=blurred), large.landmarks_px[face] * factor
    found = detector.detect(small)
    apart = np.linalg.norm(found.landmarks_px.mean(axis=1) - truth.mean(axis=0), axis=1)
    if not len(found) or apart.min() > side / 2:
        return None
    mine = found[[int(np.argmin(apart))]]
    ways = {
        "full picture": truth,
        "once": mine.landmarks_px[0],
        "twice": with_fine_landmarks(detector, small, mine).landmarks_px[0],
    }
    right = np.linalg.norm(similarity_transforms(truth[None])[0][:, 0])
    rows = {}
    for way, landmarks in ways.items():
        vector = unit(pipeline.embedder.embed(align(small, landmarks[None])).vectors)[0]
        scale = float(np.linalg.norm(similarity_transforms(landmarks[None])[0][:, 0]) / right)
        off = float(np.linalg.norm(landmarks - truth, axis=1).mean() / side)
        rows[way] = (float(vector @ template), abs(scale - 1), off)
    return rows


def summary(rows: list[dict[str, Row]]) -> dict[str, dict[str, float]]:
    """Return the means of each way, and of its gain over `once`."""
    found = {}
    for way in rows[0] if rows else ():
        each = np.array([row[way] for row in rows])
        gain = each[:, 0] - np.array([row["once"][0] for row in rows])
        found[way] = {
            "cosine": float(each[:, 0].mean()),
            "gain": float(gain.mean()),
            "gain_error": float(gain.std() / np.sqrt(len(rows))),
            "scale_off": float(each[:, 1].mean()),
            "landmarks_off": float(each[:, 2].mean()),
        }
    return found


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="embedded pictures")
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--pictures", type=int, default=40)
    given = parser.parse_args()
    with np.load(given.keep) as file:
        faces = {name: file[name] for name in ("person", "path", "vec", "norm")}
    half = halves(faces, None)[given.half]
    pool = []
    for name, template in zip(half.names, half.templates, strict=True):
        rows = np.flatnonzero(faces["person"] == name)
        pool += [(template, row) for row in rows[max(1, min(ENROLLED, len(rows) - 1)) :]]
    np.random.default_rng(SEED).shuffle(pool)
    pipeline = load_pipeline(threads=1, precision="fp32")
    found: dict[str, list[dict[str, Row]]] = {}
    for template, row in pool[: given.pictures]:
        bgr = read_picture(Path(str(faces["path"][row])))
        for side in SIDES_PX:
            for blurred in (False, True):
                one = compare(pipeline, bgr, template, side, blurred=blurred)
                if one is not None:
                    found.setdefault(f"{side} px{', blurred' * blurred}", []).append(one)
    every = {key: {"faces": len(rows), **summary(rows)} for key, rows in found.items()}
    print(json.dumps(every, indent=1))


if __name__ == "__main__":
    main()
