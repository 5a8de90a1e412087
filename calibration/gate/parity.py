"""The gate: does an INT8 model give the same names, faces and landmarks as its FP32 reference?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from calibration.openset.evaluate import threshold_at
from engines.box_voting import overlaps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from calibration.pictures.faces import Chips
    from engines.detections import Detections
    from engines.detector import YunetDetector
    from engines.embedder import Embedder

ENROLLED_PICTURES = 3
SPLITS = 10
RATES = (0.01, 0.003)
MIN_FACES = 50
"""A first percentile of fewer faces says nothing."""
TRUE_SCORE = 0.6
"""What FP32 finds with this score is the truth that INT8 is measured against."""
WEAK_SCORE = 0.3


@dataclass(frozen=True)
class Bars:
    """What an INT8 model must reach."""

    cosine_mean: float = 0.995
    cosine_p1: float = 0.985
    rank1_loss: float = 0.001
    tpir_loss: float = 0.003
    detector_ap: float = 0.995
    landmark_error_p95: float = 0.02


@dataclass(frozen=True)
class Parity:
    """The gate's figures and the bars that were missed."""

    figures: dict[str, object]
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every bar was met."""
        return not self.failures


def compare_embedders(
    fp32: Embedder,
    int8: Embedder,
    chips: Chips,
    bars: Bars | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Parity:
    """Measure an INT8 embedder on faces of people who were not calibrated with."""
    bars = bars or Bars()
    pairs = []
    for i in range(0, len(chips), 16):
        part = chips.bgr[i : i + 16]
        pairs.append((fp32.embed(part).vectors, int8.embed(part).vectors))
        progress()
    if len(chips) < MIN_FACES:
        return Parity(
            {"faces": len(chips), "passed": False},
            (f"{len(chips)} test faces, at least {MIN_FACES} are needed",),
        )
    a = np.concatenate([x for x, _ in pairs])
    b = np.concatenate([y for _, y in pairs])
    cosines = (a * b).sum(axis=1)
    figures: dict[str, object] = {
        "faces": len(chips),
        "people": len(set(chips.people)),
        "cosine": {
            "mean": float(cosines.mean()),
            "p1": float(np.percentile(cosines, 1)),
            "min": float(cosines.min()),
        },
    }
    failures = []
    if cosines.mean() < bars.cosine_mean:
        failures.append(f"cosine mean {cosines.mean():.4f}, at least {bars.cosine_mean}")
    if np.percentile(cosines, 1) < bars.cosine_p1:
        failures.append(f"cosine p1 {np.percentile(cosines, 1):.4f}, at least {bars.cosine_p1}")
    failures += _compare_names(figures, a, b, chips.people, bars)
    return Parity({**figures, "passed": not failures}, tuple(failures))


def _compare_names(
    figures: dict[str, object],
    fp32: NDArray[np.float32],
    int8: NDArray[np.float32],
    people: Sequence[str],
    bars: Bars,
) -> list[str]:
    """Add rank-1 and TPIR of FP32, INT8 and of INT8 probes on an FP32 gallery."""
    names = np.array(people)
    plenty = [p for p in sorted(set(people)) if (names == p).sum() > ENROLLED_PICTURES]
    if len(plenty) < 4:
        figures["names"] = "not measured: needs four people with four pictures each"
        return []
    runs = {
        "fp32": _identify(fp32, fp32, names, plenty),
        "int8": _identify(int8, int8, names, plenty),
        "int8_on_fp32": _identify(fp32, int8, names, plenty),
    }
    figures["mated"] = len(runs["fp32"][0]) // SPLITS
    figures["nonmated"] = len(runs["fp32"][2]) // SPLITS
    figures["rank1"] = {k: float(right.mean()) for k, (_, right, _) in runs.items()}
    for rate in RATES:
        if len(runs["fp32"][2]) * rate < 1:
            continue
        limits = {k: threshold_at(strangers, rate) for k, (_, _, strangers) in runs.items()}
        tpirs = {k: float((r & (s >= limits[k])).mean()) for k, (s, r, _) in runs.items()}
        figures[f"tpir_{rate}"] = tpirs
        figures[f"threshold_{rate}"] = limits
    return _name_failures(figures, bars)


def _name_failures(figures: dict[str, object], bars: Bars) -> list[str]:
    failures = []
    for key, bar in (("rank1", bars.rank1_loss), ("tpir_0.01", bars.tpir_loss)):
        values = figures.get(key)
        if not isinstance(values, dict):
            continue
        for kind in ("int8", "int8_on_fp32"):
            loss = values["fp32"] - values[kind]
            if loss > bar:
                failures.append(
                    f"{key} {kind} {values[kind]:.4f}, at most {bar} below FP32's "
                    f"{values['fp32']:.4f}"
                )
    return failures


def _identify(
    gallery: NDArray[np.float32],
    probes: NDArray[np.float32],
    names: NDArray[np.str_],
    people: list[str],
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return scores and hits of mated searches and scores of strangers, over several splits.

    In each split half of the people, drawn again, are enrolled with three pictures.
    """
    random = np.random.default_rng(0)
    scores, right, strangers = [], [], []
    for _ in range(SPLITS):
        order = [people[i] for i in random.permutation(len(people))]
        known = order[: len(order) // 2]
        templates, used = [], np.zeros(len(names), bool)
        for person in known:
            where = random.permutation(np.flatnonzero(names == person))[:ENROLLED_PICTURES]
            used[where] = True
            mean = gallery[where].sum(axis=0, dtype=np.float64)
            templates.append(mean / np.linalg.norm(mean))
        found = probes.astype(np.float64) @ np.array(templates).T
        best = np.array(known)[found.argmax(axis=1)]
        mated = np.isin(names, known) & ~used
        scores.append(found.max(axis=1)[mated])
        right.append(best[mated] == names[mated])
        strangers.append(found.max(axis=1)[np.isin(names, order[len(order) // 2 :])])
    return np.concatenate(scores), np.concatenate(right), np.concatenate(strangers)


def compare_detectors(
    fp32: YunetDetector,
    int8: YunetDetector,
    pictures: Sequence[NDArray[np.uint8]],
    bars: Bars | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Parity:
    """Measure an INT8 detector against what FP32 finds; both made with `WEAK_SCORE`."""
    bars = bars or Bars()
    scores: list[float] = []
    hits: list[bool] = []
    errors: list[float] = []
    truths = 0
    for bgr in pictures:
        wanted, found = fp32.detect(bgr), int8.detect(bgr)
        wanted = wanted[wanted.scores >= TRUE_SCORE]
        truths += len(wanted)
        matched = match_faces(wanted, found)
        scores += [float(s) for s in found.scores]
        hits += [int(i) in matched for i in range(len(found))]
        errors += [landmark_error(wanted, k, found, i) for i, k in matched.items()]
        progress()
    if truths < MIN_FACES:
        return Parity(
            {"faces": truths, "passed": False},
            (f"{truths} test faces, at least {MIN_FACES} are needed",),
        )
    precision = average_precision(np.array(scores), np.array(hits), truths)
    error = float(np.percentile(errors, 95)) if errors else 1.0
    failures = []
    if precision < bars.detector_ap:
        failures.append(f"AP against FP32 {precision:.4f}, at least {bars.detector_ap}")
    if error > bars.landmark_error_p95:
        failures.append(f"landmark error p95 {error:.4f}, at most {bars.landmark_error_p95}")
    figures: dict[str, object] = {
        "pictures": len(pictures),
        "faces": truths,
        "ap": {"fp32": 1.0, "int8": precision},
        "missed": truths - sum(hits),
        "landmark_error": {"mean": float(np.mean(errors)), "p95": error},
        "passed": not failures,
    }
    return Parity(figures, tuple(failures))


def match_faces(wanted: Detections, found: Detections, overlap: float = 0.5) -> dict[int, int]:
    """Map indices of `found` to indices of `wanted`, best first, each once."""
    matched: dict[int, int] = {}
    for i in range(len(found)):
        share = overlaps(found.xyxy_px[i], wanted.xyxy_px)
        share[list(matched.values())] = 0
        if len(share) and share.max() >= overlap:
            matched[i] = int(share.argmax())
    return matched


def landmark_error(wanted: Detections, k: int, found: Detections, i: int) -> float:
    """Return the mean distance of the five landmarks, in distances between the eyes."""
    a, b = wanted.landmarks_px[k], found.landmarks_px[i]
    eyes = max(float(np.linalg.norm(a[0] - a[1])), 1e-6)
    return float(np.linalg.norm(a - b, axis=1).mean()) / eyes


def average_precision(scores: NDArray[np.float64], hits: NDArray[np.bool_], truths: int) -> float:
    """Return the area under the precision-recall curve, interpolated at every point (VOC 2010)."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(hits[order])
    precision = right / np.arange(1, len(order) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recall = right / truths
    return float((np.diff(np.concatenate([[0.0], recall])) * envelope).sum())
