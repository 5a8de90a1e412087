"""What is it worth to shrink a large face by means of pixels before its chip is cut out?

Pictures of a population in which a pixel of the chip stands for two of the picture or more are cut
both ways, as they are and with noise as of a film, and compared with the other such pictures of the
same person and of everybody else. Intervals are by person; halves are told apart.

    python tools/evaluate_large_faces.py population/colour population/east_asian
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from calibration.openset.score_data import SEED, half_of
from calibration.pictures.faces import find_pictures
from engines.align import CHIP_SIZE_PX, align, similarity_transforms
from engines.pictures.read import read_picture
from engines.pipeline import FacePipeline, load_pipeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEARCHED_PX = 640
LEAST_PX = 240
"""A smaller picture has no face of which a pixel of the chip stands for two."""
NOISES = (0.0, 6.0)
"""Standard deviation of what is added to the picture, in levels."""
RESAMPLES = 1000


def found_in(pipeline: FacePipeline, bgr: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the largest face's landmarks, float32 (1, 5, 2), where it is large, or None."""
    scale = min(1.0, SEARCHED_PX / max(bgr.shape[:2]))
    small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    faces = pipeline.detector.detect(np.asarray(small, np.uint8))
    faces = faces[faces.scores > 0.6]
    if not len(faces):
        return None
    one = faces.landmarks_px[[int(np.argmax(faces.sides_px))]]
    landmarks = np.asarray((one + 0.5) / scale - 0.5, np.float32)
    return landmarks if np.hypot(*similarity_transforms(landmarks)[0][:, 0]) <= 0.5 else None


def every_pixel_alone(bgr: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a chip as it was cut before: of four pixels for each of its own."""
    size = (CHIP_SIZE_PX, CHIP_SIZE_PX)
    chip = cv2.warpAffine(bgr, similarity_transforms(landmarks)[0], size, flags=cv2.INTER_LINEAR)
    return np.asarray(chip[None], np.uint8)


def embedded(
    pipeline: FacePipeline, roots: list[Path]
) -> tuple[NDArray[np.str_], dict[tuple[str, float], NDArray[np.float32]]]:
    """Return whose each large face is, and its vectors by the way it is cut and the noise."""
    rng = np.random.default_rng(SEED)
    people: list[str] = []
    vectors: dict[tuple[str, float], list[NDArray[np.float32]]] = {}
    for picture in (p for root in roots for p in find_pictures(root)):
        bgr = read_picture(picture.path)
        landmarks = found_in(pipeline, bgr) if min(bgr.shape[:2]) >= LEAST_PX else None
        if landmarks is None:
            continue
        people.append(picture.person)
        for noise in NOISES:
            grain = rng.normal(0, noise, bgr.shape[:2])[..., None]
            seen = np.clip(bgr + grain, 0, 255).astype(np.uint8)
            for way, cut in (("before", every_pixel_alone), ("now", align)):
                vector = pipeline.embedder.embed(cut(seen, landmarks)).vectors[0]
                vectors.setdefault((way, noise), []).append(vector)
    return np.array(people), {key: np.stack(rows) for key, rows in vectors.items()}


def by_person(gains: NDArray[np.float64], whose: NDArray[np.str_]) -> list[float]:
    """Return the mean gain and its 95 % interval, people drawn again."""
    names, place = np.unique(whose, return_inverse=True)
    sums, counts = np.bincount(place, gains), np.bincount(place)
    drawn = np.random.default_rng(SEED).integers(0, len(names), (RESAMPLES, len(names)))
    spread = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), (0.025, 0.975))
    return [float(gains.mean()), *map(float, spread)]


def compared(
    people: NDArray[np.str_], vectors: dict[tuple[str, float], NDArray[np.float32]]
) -> dict[str, object]:
    """Return own and strangers' cosines of both ways; galleries are without added noise."""
    first, second = np.nonzero(~np.eye(len(people), dtype=bool))
    own = people[first] == people[second]
    rows: dict[str, object] = {"faces": len(people), "people": len(np.unique(people))}
    for noise in NOISES:
        cosines = {
            way: (vectors[way, noise] @ vectors[way, 0.0].T)[first, second].astype(float)
            for way in ("before", "now")
        }
        gains = cosines["now"][own] - cosines["before"][own]
        rows[f"noise {noise:g}"] = {
            "pairs": int(own.sum()),
            "own": {way: float(found[own].mean()) for way, found in cosines.items()},
            "gain": by_person(gains, people[first][own]),
            "strangers": {
                way: [float(found[~own].mean()), float(found[~own].std())]
                for way, found in cosines.items()
            },
        }
    return rows


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path, nargs="+", help="folders with a folder per person")
    given = parser.parse_args()
    pipeline = load_pipeline(threads=1, precision="fp32")
    people, vectors = embedded(pipeline, given.people)
    sides = np.array([half_of(name) for name in people])
    parts = {"all": sides >= 0, "first half": sides == 0, "second half": sides == 1}
    found = {
        name: compared(people[part], {key: rows[part] for key, rows in vectors.items()})
        for name, part in parts.items()
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
