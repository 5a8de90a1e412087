"""Other ways to cut a small face out of a film, beside today's: what becomes of own cosines?

Pictures of a population that are in no template move as small faces through H.264
(tools/small_faces.py). Two moments of each are cut out each way, embedded and made a track's
template. "Of nine" takes the chips of nine frames in a row, laid on each other by
`findTransformECC`. The last two are bounds: landmarks as they were drawn, and the picture as it was
before grain and codec. Errors are standard errors; strangers are everybody else of the half.

    python tools/evaluate_crops.py --keep population.npz --half 0 --films 5
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from population import SCORES, Half, halves
from small_faces import FILM, FRAMES, SIDES_PX, Clip, compose

from calibration.openset.composed import read_sources
from calibration.openset.score_data import ENROLLED, SEED
from calibration.pictures.faces import Picture
from edge.recognise.template import TrackTemplate
from engines.align import CHIP_SIZE_PX, similarity_transforms
from engines.detections import Detections
from engines.pipeline import load_pipeline, unit
from engines.quality import measure_quality

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from engines.pipeline import FacePipeline

Chips = list["NDArray[np.uint8]"]
MOMENTS = (4, 13)
SIZE = (CHIP_SIZE_PX, CHIP_SIZE_PX)
STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
MOST_SHIFT_PX = 14.0
FACE = cv2.ellipse(np.zeros(SIZE, np.uint8), (56, 66), (40, 50), 0, 0, 360, 255, -1)


def matrix(marks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the map from pixels of the picture to the chip's, (2, 3)."""
    return np.asarray(similarity_transforms(marks[None])[0])


def cut(
    bgr: NDArray[np.uint8], of: NDArray[np.float64], how: int = cv2.INTER_LINEAR
) -> NDArray[np.uint8]:
    """Return a chip."""
    return np.asarray(cv2.warpAffine(bgr, of, SIZE, flags=how), np.uint8)


def near(clip: Clip, t: int, reach: int) -> list[int]:
    """Return the frames around a moment in which the face was found."""
    around = range(max(0, t - reach), min(FRAMES, t + reach + 1))
    return [u for u in around if np.isfinite(clip.marks_px[u, 0, 0])]


def laid_on(clip: Clip, t: int, u: int) -> NDArray[np.float64] | None:
    """Return the map from another frame's pixels to the chip of this one, refined, or None."""
    own = matrix(clip.marks_px[u])
    if t == u:
        return own
    chips = (cut(clip.seen[k], matrix(clip.marks_px[k])) for k in (t, u))
    here, there = (cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY) for chip in chips)
    start = np.eye(2, 3, dtype=np.float32)
    try:
        step = cv2.findTransformECC(here, there, start, cv2.MOTION_EUCLIDEAN, STOP, FACE, 5)[1]
    except cv2.error:
        return None
    if np.abs(step[:, 2]).max() > MOST_SHIFT_PX:
        return None
    back = cv2.invertAffineTransform(step)
    return np.column_stack([back[:, :2] @ own[:, :2], back[:, :2] @ own[:, 2] + back[:, 2]])


def of_nine(clip: Clip, t: int, how: Callable[..., NDArray[np.float64]]) -> Chips:
    """Return the mean or the median of nine frames."""
    maps = [(u, laid_on(clip, t, u)) for u in near(clip, t, 4)]
    chips = np.stack([cut(clip.seen[u], m) for u, m in maps if m is not None])
    return [how(chips, axis=0).round().astype(np.uint8)]


def steady(clip: Clip, t: int) -> Chips:
    """Return the chip by the mean of the landmarks of nine frames, laid on each other."""
    maps = [(u, laid_on(clip, t, u)) for u in near(clip, t, 4)]
    marks = [clip.marks_px[u] @ m[:, :2].T + m[:, 2] for u, m in maps if m is not None]
    again, own = matrix(np.mean(marks, axis=0, dtype=np.float32)), matrix(clip.marks_px[t])
    both = np.column_stack([again[:, :2] @ own[:, :2], again[:, :2] @ own[:, 2] + again[:, 2]])
    return [cut(clip.seen[t], both)]


def sharpened(clip: Clip, t: int) -> Chips:
    """Return the chip, cubic, with half of what a blur of 0.7 pixels takes away added."""
    of = matrix(clip.marks_px[t])
    chip = cut(clip.seen[t], of, cv2.INTER_CUBIC).astype(np.float32)
    blurred = cv2.GaussianBlur(chip, (0, 0), 0.7 * float(np.hypot(*of[:, 0])))
    return [np.clip(1.5 * chip - 0.5 * blurred, 0, 255).astype(np.uint8)]


def sharpest(clip: Clip, t: int) -> Chips:
    """Return the chip of five frames that has most edges for its contrast."""
    chips = [cut(clip.seen[u], matrix(clip.marks_px[u])) for u in near(clip, t, 2)]
    return [max(chips, key=lambda chip: cv2.Laplacian(chip, cv2.CV_32F).std() / chip.std())]


def sizes(clip: Clip, t: int) -> Chips:
    """Return three chips, 5 % apart in size."""
    middle = np.array([56.0, 72.0])
    own = matrix(clip.marks_px[t])
    maps = [np.column_stack([z * own[:, :2], z * (own[:, 2] - middle) + middle]) for z in ZOOMS]
    return [cut(clip.seen[t], m) for m in maps]


def today(clip: Clip, t: int, how: int = cv2.INTER_LINEAR) -> Chips:
    """Return the chip as the product cuts it."""
    return [cut(clip.seen[t], matrix(clip.marks_px[t]), how)]


ZOOMS = (0.95, 1.0, 1.05)
TURNS = (slice(None), slice(None, None, -1))
WAYS: dict[str, Callable[[Clip, int], Chips]] = {
    "today": today,
    "cubic": lambda clip, t: today(clip, t, cv2.INTER_CUBIC),
    "cubic, sharpened": sharpened,
    "mean of nine frames": lambda clip, t: of_nine(clip, t, np.mean),
    "median of nine frames": lambda clip, t: of_nine(clip, t, np.median),
    "landmarks of nine frames": steady,
    "sharpest of five frames": sharpest,
    "with its mirror image": lambda clip, t: [c[:, s] for c in today(clip, t) for s in TURNS],
    "three sizes": sizes,
    "bound: landmarks as drawn": lambda clip, t: [cut(clip.seen[t], matrix(clip.true_px[t]))],
    "bound: before the codec": lambda clip, t: [cut(clip.drawn[t], matrix(clip.marks_px[t]))],
}


def template(
    pipeline: FacePipeline, clip: Clip, way: Callable[[Clip, int], Chips]
) -> NDArray[np.float32] | None:
    """Return a clip's template, float32 (dimension,), or None where no face was found."""
    found = TrackTemplate(SCORES)
    for t in MOMENTS:
        if t not in near(clip, t, 0):
            continue
        chips = np.stack(way(clip, t))
        embedded = pipeline.embedder.embed(chips)
        box = np.array([[0, 0, clip.side_px[t], clip.side_px[t]]], np.float32)
        face = Detections(box, clip.scores[[t]], clip.marks_px[[t]])
        quality = float(measure_quality(face, chips[:1]).overall[0])
        vector = unit(embedded.vectors.sum(axis=0))
        found.add(vector, float(embedded.norms.mean()), quality, t / 25)
    return found.overall() if found.count else None


def pictures(half: Half, faces: dict[str, np.ndarray], count: int) -> list[Picture]:
    """Return one picture each of people who are enrolled with others."""
    rng = np.random.default_rng(SEED)
    chosen = []
    for name in rng.permutation(np.unique(half.mated.person))[:count]:
        rows = np.flatnonzero(faces["person"] == name)
        row = rng.choice(rows[max(1, min(ENROLLED, len(rows) - 1)) :])
        chosen.append(Picture(Path(str(faces["path"][row])), str(name), ""))
    return chosen


def summary(
    half: Half, clips: list[Clip], found: dict[str, list[NDArray[np.float32] | None]]
) -> dict[str, object]:
    """Return the own cosines' gain of each way, by size, and the strangers' cosines."""
    kept = [k for k, vector in enumerate(found["today"]) if vector is not None]
    place = {name: k for k, name in enumerate(half.names)}
    whose = np.array([place[clips[k].person] for k in kept])
    side = np.array([clips[k].size for k in kept])
    others = np.ones((len(kept), len(half.names)), bool)
    others[np.arange(len(kept)), whose] = False
    rows: dict[str, object] = {"tracks": len(kept)}
    before = None
    for way, vectors in found.items():
        scores = np.array([vectors[k] for k in kept]) @ half.templates.T
        own = scores[np.arange(len(kept)), whose]
        before = own if before is None else before
        gain, strangers = own - before, scores[others].reshape(len(kept), -1)
        far = (own - strangers.mean(axis=1)) / strangers.std(axis=1)
        rows[way] = {
            "own": round(float(own.mean()), 4),
            "gain": round(float(gain.mean()), 4),
            "error": round(float(gain.std() / np.sqrt(len(gain))), 4),
            "by size": {s: round(float(gain[side == s].mean()), 4) for s in SIDES_PX},
            "strangers": [round(float(f), 4) for f in (strangers.mean(), strangers.std())],
            "deviations above strangers": round(float(far.mean()), 3),
        }
    return rows


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, required=True, help="embedded pictures")
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--films", type=int, default=5, help=f"of {FILM} faces each")
    given = parser.parse_args()
    with np.load(given.keep) as file:
        faces = {name: file[name] for name in ("person", "path", "vec", "norm")}
    half = halves(faces, None)[given.half]
    pipeline = load_pipeline(threads=1, precision="fp32")
    sources = read_sources(pipeline.detector, pictures(half, faces, given.films * FILM))
    rng = np.random.default_rng(SEED)
    clips: list[Clip] = []
    found: dict[str, list[NDArray[np.float32] | None]] = {way: [] for way in WAYS}
    for start in range(0, len(sources), FILM):
        film = compose(pipeline.detector, sources[start : start + FILM], rng)
        for name, way in WAYS.items():
            found[name] += [template(pipeline, clip, way) for clip in film]
        clips += film
        print(f"{len(clips)} of {len(sources)}", file=sys.stderr, flush=True)
    print(json.dumps(summary(half, clips, found), indent=1))


if __name__ == "__main__":
    main()
