"""Say how sure the gate's differences between INT8 and FP32 are, drawn again over people.

    python -m tools.int8_interval --test PEOPLE [MODEL] [--draws 400] [--enrolled 3]

Each draw takes as many people as there are, with replacement; a person drawn twice counts twice.
Half of the different people are enrolled with `--enrolled` pictures, by default three, as in the
gate; who has no more pictures than that is left out.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calibration.gate.parity import ENROLLED_PICTURES
from calibration.pictures.faces import find_pictures, read_chips
from engines.catalog import find_model
from engines.detector import YunetDetector
from engines.embedder import Embedder
from engines.fetch import fetch
from engines.int8_files import current_int8
from engines.onnxruntime_engine import OnnxRuntimeEngine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

RATE = 0.01
SPLITS = 10
ENDS = (2.5, 50, 97.5)
WRONG = -0.999
"""Above the score of a search whose best candidate is somebody else."""


def tpir(
    gallery: Vectors,
    probes: Vectors,
    names: NDArray[np.str_],
    drawn: dict[str, int],
    seed: int,
    enrolled: int,
) -> tuple[float, float]:
    """Return TPIR at `RATE` and rank-1, each person weighted by how often they were drawn."""
    random = np.random.default_rng(seed)
    people = sorted(drawn)
    weights = np.array([drawn.get(str(n), 0) for n in names])
    mated: list[NDArray[np.float64]] = []
    strangers: list[NDArray[np.float64]] = []
    for _ in range(SPLITS):
        order = [people[i] for i in random.permutation(len(people))]
        known, used, templates = order[: len(order) // 2], np.zeros(len(names), bool), []
        for person in known:
            where = random.permutation(np.flatnonzero(names == person))[:enrolled]
            used[where] = True
            mean = gallery[where].sum(axis=0, dtype=np.float64)
            templates.append(mean / np.linalg.norm(mean))
        found = probes.astype(np.float64) @ np.array(templates).T
        right = np.array(known)[found.argmax(axis=1)] == names
        best = found.max(axis=1)
        ours = np.isin(names, known) & ~used
        others = np.isin(names, order[len(order) // 2 :])
        mated.append(np.stack([np.where(right, best, -1)[ours], weights[ours]]))
        strangers.append(np.stack([best[others], weights[others]]))
    scores, counts = np.concatenate(strangers, axis=1)
    order_ = np.argsort(-scores)
    limit = scores[order_][np.searchsorted(np.cumsum(counts[order_]), RATE * counts.sum())]
    hits, counts = np.concatenate(mated, axis=1)
    named, right = (float(counts[hits >= least].sum() / counts.sum()) for least in (limit, WRONG))
    return named, right


def main() -> None:
    """Print the differences in points, each with its interval."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--enrolled", type=int, default=ENROLLED_PICTURES)
    parser.add_argument("model", nargs="?", default="sface")
    given = parser.parse_args()
    model, path = find_model(given.model), current_int8(given.model)
    assert path is not None, "no INT8 file; run make setup"
    detector = YunetDetector(OnnxRuntimeEngine(fetch("yunet")), blended=True)
    pictures = find_pictures(given.test)
    count = Counter(picture.person for picture in pictures)
    chips = read_chips(detector, [p for p in pictures if count[p.person] > given.enrolled])
    vectors = []
    for file, precision in ((fetch(given.model), "fp32"), (path, "int8")):
        embedder = Embedder(
            OnnxRuntimeEngine(file, precision=precision),
            dimension=model.dimension or 0,
            colour_order=model.colour_order,
        )
        parts = [embedder.embed(chips.bgr[i : i + 16]).vectors for i in range(0, len(chips), 16)]
        vectors.append(np.concatenate(parts))
    report(vectors[0], vectors[1], np.array(chips.people), given.draws, given.enrolled)


def report(
    fp32: Vectors, int8: Vectors, names: NDArray[np.str_], draws: int, enrolled: int
) -> None:
    """Print the cosines, and what was lost, for INT8 alone and on an FP32 gallery."""
    plenty = {str(n) for n in set(names.tolist()) if (names == n).sum() > enrolled}
    kept = np.isin(names, sorted(plenty))
    fp32, int8, names = fp32[kept], int8[kept], names[kept]
    cosines = (fp32 * int8).sum(axis=1)
    print(f"{len(names)} faces of {len(plenty)} people, {enrolled} pictures enrolled")
    print(f"cosine: mean {cosines.mean():.4f}, p1 {np.percentile(cosines, 1):.4f}")
    random = np.random.default_rng(0)
    people = sorted(plenty)
    sides = {"fp32": (fp32, fp32), "int8": (int8, int8), "int8_on_fp32": (fp32, int8)}
    rates = []
    for seed in range(draws):
        taken = random.integers(0, len(people), len(people))
        drawn = {people[i]: int((taken == i).sum()) for i in set(taken.tolist())}
        rates.append([tpir(*side, names, drawn, seed, enrolled) for side in sides.values()])
    found = 100 * np.array(rates)
    for k, figure in enumerate((f"TPIR at {RATE:.0%}", "rank-1")):
        for side, values in zip(sides, found[..., k].T, strict=True):
            low, middle, high = np.percentile(values, ENDS)
            print(f"{side}: {figure} {middle:.2f} %, 95 % {low:.2f} to {high:.2f}")
            if side != "fp32":
                low, middle, high = np.percentile(found[:, 0, k] - values, ENDS)
                print(f"    {middle:.2f} points below FP32, 95 % {low:.2f} to {high:.2f}")


if __name__ == "__main__":
    main()
