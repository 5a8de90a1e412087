"""Does a threshold keep its promise on people that it was not learned from?

The constants of a track's threshold are learned again from some of the people, and the others are
searched for among each other. What a few people teach says how much the shipped constants, learned
from all of them, can be trusted on new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from calibration.errors import CalibrationError
from calibration.threshold import FACE_RANGE, NORM_REFERENCE, SHORTEST, ImpostorModel, threshold_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

TAIL = 0.01
"""The quantile that the normal distribution is made to meet."""
TAIL_SD = 2.3263
"""Where the normal distribution has it."""
ROUNDS = 100


@dataclass(frozen=True)
class TrackSearches:
    """Tracks against one template of each person.

    Attributes:
        truth: int (n,), whose track it is.
        faces: float32 (n, f, people), cosines of the single faces.
        norms, weights: float64 (n, f), of the faces; a track's weights sum up to 1.
        length: float64 (n,), of the weighted mean of the faces.
    """

    truth: NDArray[np.intp]
    faces: NDArray[np.float32]
    norms: NDArray[np.float64]
    weights: NDArray[np.float64]
    length: NDArray[np.float64]

    def scores(self) -> NDArray[np.float64]:
        """Return the templates' cosines, float64 (n, people)."""
        return np.asarray(
            (self.faces * self.weights[..., None]).sum(axis=1) / self.length[:, None], np.float64
        )


@dataclass(frozen=True, slots=True)
class TrackModel:
    """What the constants of `calibration.threshold` are, learned from some of the people."""

    face_mean: float
    face_slope: float
    sd: float

    def expected(self, searches: TrackSearches) -> NDArray[np.float64]:
        """Return the mean cosine of strangers with each track, float64 (n,)."""
        faces = self.face_mean - self.face_slope * _fall(searches.norms)
        return np.asarray(
            (searches.weights * faces).sum(axis=1) / np.maximum(searches.length, SHORTEST)
        )


def learn(searches: TrackSearches, people: NDArray[np.intp]) -> TrackModel:
    """Fit the mean of single faces by their norm, and the deviation by the tracks' upper tail."""
    rows = np.flatnonzero(np.isin(searches.truth, people))
    strangers = people[None, :] != searches.truth[rows, None]
    faces = searches.faces[rows][:, :, people]
    means = (faces * strangers[:, None, :]).sum(axis=2) / strangers.sum(axis=1)[:, None]
    fall = _fall(searches.norms[rows]).ravel()
    slope, mean = np.polyfit(fall, means.ravel(), 1)
    fitted = TrackModel(float(mean), float(-slope), 0.0)
    away = searches.scores()[rows][:, people] - fitted.expected(searches)[rows, None]
    tail = float(np.quantile(away[strangers], 1 - TAIL)) / TAIL_SD
    return TrackModel(fitted.face_mean, fitted.face_slope, max(tail, float(away[strangers].std())))


def held_out_rates(
    searches: TrackSearches, learned: int, size: int, fpir: float, seed: int = 0
) -> NDArray[np.float64]:
    """Return each person's rate of false names, float64 (people,), when left out of the learning.

    Args:
        searches: all people's.
        learned: how many people teach, anew in each round; the others are searched for.
        size: people in the gallery, all of them left out too, and none of them the stranger.
        fpir: the promised rate.
        seed: of the rounds.

    Raises:
        CalibrationError: there are too few people.
    """
    count = searches.faces.shape[2]
    if learned < 3 or count - learned <= size:
        raise CalibrationError(
            f"{count} people: {learned} to learn from and a gallery of {size} others, expected at "
            f"least 3 to learn from and {max(learned, 3) + size + 1} in all; lower one of the two"
        )
    rng = np.random.default_rng(seed)
    scores = searches.scores()
    found: list[list[float]] = [[] for _ in range(count)]
    for _ in range(ROUNDS):
        order = rng.permutation(count)
        model = learn(searches, np.sort(order[:learned]))
        expected = model.expected(searches)
        above = threshold_for(size, fpir, ImpostorModel(0.4, model.sd)) - 0.4
        for stranger in order[learned:]:
            others = order[learned:][order[learned:] != stranger]
            rows = np.flatnonzero(searches.truth == stranger)
            gallery = rng.permutation(others)[:size]
            best = scores[np.ix_(rows, gallery)].max(axis=1)
            found[stranger].append(float((best >= expected[rows] + above).mean()))
    return np.array([np.mean(rates) for rates in found])


def _fall(norms: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(NORM_REFERENCE - norms, 0.0, FACE_RANGE)
