"""Compare ways to score a set of faces of a track against a set of pictures of a person.

    python tools/set_scoring.py DATASET

DATASET has one folder of aligned 112x112 pictures for each person. Random splits: most people are
enrolled, the others are strangers; the rest of the pictures form tracks of four, shrunk to a few
pixels, since all ways name good faces. Printed is the
share of tracks that are named rightly (TPIR) at the threshold that lets in this many strangers
(FPIR), mean and standard error over the splits.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.pipeline import load_pipeline, unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

ENROLLED_SHARE = 2 / 3
PICTURES = 5
TRACK = 4
FPIRS = (0.01, 0.003)


def mean_to_mean(probes: Vectors, templates: Vectors) -> float:
    """Cosine of the two means: what the recogniser uses."""
    return float(unit(probes.mean(axis=0)) @ unit(templates.mean(axis=0)))


def best_pair(probes: Vectors, templates: Vectors) -> float:
    """Cosine of the two that are most alike."""
    return float((probes @ templates.T).max())


def mean_of_best(probes: Vectors, templates: Vectors) -> float:
    """For each probe the best picture, then the mean."""
    return float((probes @ templates.T).max(axis=1).mean())


def mean_to_best(probes: Vectors, templates: Vectors) -> float:
    """The probes' mean against the best picture."""
    return float((templates @ unit(probes.mean(axis=0))).max())


def soft_pairs(probes: Vectors, templates: Vectors) -> float:
    """All pairs, the more alike the more they count (softmax at 10)."""
    cosines = (probes @ templates.T).ravel()
    weights = np.exp(10 * (cosines - cosines.max()))
    return float((weights * cosines).sum() / weights.sum())


SCORES: tuple[Callable[[Vectors, Vectors], float], ...] = (
    mean_to_mean,
    best_pair,
    mean_of_best,
    mean_to_best,
    soft_pairs,
)


def embed(dataset: Path, side_px: int) -> dict[str, tuple[Vectors, Vectors]]:
    """Return each person's embeddings, float32 (n, 128), of the pictures and of shrunk ones."""
    embedder = load_pipeline(threads=2).embedder
    found = {}
    for folder in sorted(p for p in dataset.iterdir() if p.is_dir()):
        chips = [cv2.imread(str(p)) for p in sorted(folder.glob("*.png"))]
        whole = [c for c in chips if c is not None and c.shape == (112, 112, 3)]
        small = [
            cv2.resize(cv2.resize(c, (side_px, side_px), interpolation=cv2.INTER_AREA), (112, 112))
            for c in whole
        ]
        good, poor = (
            embedder.embed(np.asarray(np.stack(x), np.uint8)).vectors for x in (whole, small)
        )
        found[folder.name] = (good, poor)
    return found


def one_split(
    people: dict[str, tuple[Vectors, Vectors]],
    score: Callable[[Vectors, Vectors], float],
    seed: int,
) -> list[float]:
    """Return the TPIR at each of the FPIRs."""
    random = np.random.default_rng(seed)
    names = random.permutation(sorted(people)).tolist()
    enrolled = names[: round(ENROLLED_SHARE * len(names))]
    gallery, mated, strangers = [], [], []
    for name in names:
        good, poor = people[name]
        order = random.permutation(len(good))
        vectors = poor[order]
        if name in enrolled:
            gallery.append(good[order[:PICTURES]])
            vectors = vectors[PICTURES:]
        tracks = [vectors[i : i + TRACK] for i in range(0, len(vectors) - TRACK + 1, TRACK)]
        if name in enrolled:
            mated += [(enrolled.index(name), track) for track in tracks]
        else:
            strangers += tracks
    best = np.sort([max(score(track, person) for person in gallery) for track in strangers])
    scores = np.array([[score(track, person) for person in gallery] for _, track in mated])
    right = scores.argmax(axis=1) == [index for index, _ in mated]
    limits = [float(np.quantile(best, 1 - fpir)) for fpir in FPIRS]
    return [float((right & (scores.max(axis=1) > limit)).mean()) for limit in limits]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--splits", type=int, default=60)
    parser.add_argument("--side", type=int, default=16, help="the tracks' faces in pixels")
    words = parser.parse_args()
    people = embed(words.dataset, words.side)
    print("| score | " + " | ".join(f"TPIR at FPIR {f:.1%}" for f in FPIRS) + " |")
    for score in SCORES:
        rates = np.array([one_split(people, score, seed) for seed in range(words.splits)])
        error = rates.std(axis=0) / np.sqrt(words.splits)
        cells = " | ".join(
            f"{m:.1%} ± {e:.1%}" for m, e in zip(rates.mean(axis=0), error, strict=True)
        )
        print(f"| {score.__name__} | {cells} |")


if __name__ == "__main__":
    main()
