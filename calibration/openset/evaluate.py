"""Open-set identification, measured: rank-1, TPIR at a given FPIR, with intervals.

The terms are those of ISO/IEC 19795-1 and NIST FRTE 1:N: a mated search is of somebody enrolled, a
non-mated one of a stranger; TPIR is the share of mated searches that return the right person first
and above the threshold, FPIR the share of non-mated ones that return anybody above it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from calibration.errors import CalibrationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RATES = (0.01, 0.003)
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Searches:
    """The outcome of some searches, parallel arrays of length n.

    Attributes:
        people: whose picture was searched with, for resampling by person.
        scores: float64 (n,), the best candidate's cosine.
        right: bool (n,), whether the best candidate is that person; all false for strangers.
    """

    people: NDArray[np.str_]
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check the shapes."""
        shapes = {self.people.shape, self.scores.shape, self.right.shape}
        if shapes != {(len(self.people),)}:
            raise CalibrationError(f"searches: shapes {shapes}, expected three of (n,)")


@dataclass(frozen=True, slots=True)
class Rate:
    """TPIR at one FPIR.

    Attributes:
        fpir: the rate that was asked for.
        tpir: the share of mated searches that name the right person.
        low, high: 95 % bootstrap interval of `tpir`, resampled by person.
        threshold: the lowest cosine that names somebody.
        false_names: non-mated searches at or above the threshold.
        supported: false where there are fewer than 1 / fpir non-mated searches: the threshold is
            then just above the best of them, and the true FPIR may be larger.
    """

    fpir: float
    tpir: float
    low: float
    high: float
    threshold: float
    false_names: int
    supported: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of one evaluation."""

    rank1: float
    rank1_interval: tuple[float, float]
    rates: tuple[Rate, ...]
    mated: int
    nonmated: int


def threshold_at(nonmated_scores: NDArray[np.float64], fpir: float) -> float:
    """Return the lowest threshold at which at most this share of strangers is named.

    Raises:
        CalibrationError: there are no non-mated searches.
    """
    if not len(nonmated_scores):
        raise CalibrationError(
            "no search of a stranger: a false-name rate needs people who are not in the gallery"
        )
    total = len(nonmated_scores)
    allowed = math.floor(fpir * total)
    allowed += (allowed + 1) / total <= fpir  # 0.29 * 100 is 28.999…
    ranked = np.sort(nonmated_scores)[::-1]
    return float(np.nextafter(ranked[min(allowed, len(ranked) - 1)], np.inf))


def evaluate(mated: Searches, nonmated: Searches, rates: Sequence[float] = RATES) -> Evaluation:
    """Return rank-1 and TPIR at each rate, with bootstrap intervals by person.

    Raises:
        CalibrationError: there are no mated or no non-mated searches.
    """
    if not len(mated.scores):
        raise CalibrationError(
            "no search of an enrolled person: no folder's name is in the gallery"
        )
    thresholds = [threshold_at(nonmated.scores, rate) for rate in rates]
    samples = _bootstrap(mated, nonmated, rates)
    found = [
        Rate(
            rate,
            _tpir(mated, threshold),
            *_interval(samples[:, i + 1]),
            threshold,
            int((nonmated.scores >= threshold).sum()),
            len(nonmated.scores) >= math.ceil(1 / rate),
        )
        for i, (rate, threshold) in enumerate(zip(rates, thresholds, strict=True))
    ]
    return Evaluation(
        float(mated.right.mean()),
        _interval(samples[:, 0]),
        tuple(found),
        len(mated.scores),
        len(nonmated.scores),
    )


def _tpir(mated: Searches, threshold: float) -> float:
    return float((mated.right & (mated.scores >= threshold)).mean())


def _bootstrap(mated: Searches, nonmated: Searches, rates: Sequence[float]) -> NDArray[np.float64]:
    """Return float64 (resamples, 1 + rates): rank-1 and the TPIRs of resampled people."""
    rng = np.random.default_rng(0)
    mated_rows, nonmated_rows = (_rows_by_person(s) for s in (mated, nonmated))
    samples = np.empty((RESAMPLES, 1 + len(rates)))
    for i in range(RESAMPLES):
        m, n = (
            np.concatenate([rows[k] for k in rng.integers(0, len(rows), len(rows))])
            for rows in (mated_rows, nonmated_rows)
        )
        right, scores = mated.right[m], mated.scores[m]
        samples[i, 0] = right.mean()
        for k, rate in enumerate(rates):
            threshold = threshold_at(nonmated.scores[n], rate)
            samples[i, k + 1] = (right & (scores >= threshold)).mean()
    return samples


def _rows_by_person(searches: Searches) -> list[NDArray[np.intp]]:
    return [np.flatnonzero(searches.people == person) for person in np.unique(searches.people)]


def share_by_person(
    people: Sequence[str], outcomes: Sequence[bool]
) -> tuple[float, float, float] | None:
    """Return a share and its 95 % bootstrap interval, drawing people; None without a case.

    Where nothing was seen in n people the upper end is 3 / n (the rule of three).
    """
    if not people:
        return None
    names, place = np.unique(np.array(people), return_inverse=True)
    sums = np.bincount(place, np.array(outcomes, float), len(names))
    counts = np.bincount(place, minlength=len(names))
    drawn = np.random.default_rng(0).integers(0, len(names), (RESAMPLES, len(names)))
    low, high = _interval(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    if not sums.any():
        high = min(1.0, 3 / len(names))
    return float(sums.sum() / counts.sum()), low, high


def _interval(samples: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(samples, [0.025, 0.975])
    return float(low), float(high)
