"""Does a threshold keep its promise on people that it was not learned from?

The constants of a track's threshold are learned again from some of the people, and the others are
searched for among each other. What a few people teach says how much the shipped constants, learned
from all of them, can be trusted on new ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from calibration.errors import CalibrationError
from engines.scores.threshold import ImpostorModel, expected_of_tracks, share_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engines.scores.model import ScoreModel

TAIL = 0.01
"""The quantile that the distribution is made to meet."""
DESIGN = 0.003 / 12
"""The share of impostors for whom the deviation is widened by what few people leave uncertain."""
FEWEST = 3
"""Fewer people teach nothing."""
DRAWS = 40
ROUNDS = 50


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
    """What the constants of a `ScoreModel` for tracks are, learned from some of the people."""

    face_mean: float
    face_slope: float
    sd: float

    def expected(self, searches: TrackSearches, scores: ScoreModel) -> NDArray[np.float64]:
        """Return the mean cosine of strangers with each track, float64 (n,)."""
        faces = self.face_mean - self.face_slope * scores.norm_lack(searches.norms)
        return expected_of_tracks(faces, searches.weights, searches.length)


def learn(searches: TrackSearches, people: NDArray[np.intp], scores: ScoreModel) -> TrackModel:
    """Fit the mean of single faces by their norm, and the deviation by the tracks' upper tail.

    Which people teach is chance: some pairs look alike. So the tail is also fitted to people drawn
    from the same ones with replacement; the deviation is that which keeps the share of impostors on
    average over these draws.
    """
    rows = np.flatnonzero(np.isin(searches.truth, people))
    strangers = people[None, :] != searches.truth[rows, None]
    faces = searches.faces[rows][:, :, people]
    means = (faces * strangers[:, None, :]).sum(axis=2) / strangers.sum(axis=1)[:, None]
    fall = scores.norm_lack(searches.norms[rows]).ravel()
    slope, mean = np.polyfit(fall, means.ravel(), 1)
    fitted = TrackModel(float(mean), float(-slope), 0.0)
    away = searches.scores() - fitted.expected(searches, scores)[:, None]
    tracks = {person: away[searches.truth == person] for person in people}
    rng = np.random.default_rng(0)
    mean_all = scores.impostor_mean
    sds = [_tail(tracks, _drawn(people, rng), mean_all) for _ in range(DRAWS)]
    return replace(fitted, sd=_on_average(sds, mean_all))


def _drawn(people: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return as many people, drawn with replacement; a few different ones at least."""
    while True:
        drawn = rng.choice(people, len(people))
        if len(np.unique(drawn)) >= FEWEST:
            return drawn


def _tail(tracks: dict[int, NDArray[np.float64]], people: NDArray[np.intp], mean: float) -> float:
    """Return the deviation with which the distribution has these people's tail."""
    away = np.concatenate([tracks[p][:, people[people != p]].ravel() for p in people])
    return tail_sd(away, mean)


def tail_sd(away: NDArray[np.float64], mean: float) -> float:
    """Return the deviation of the `ImpostorModel` that has the upper tail of these cosines.

    Args:
        away: cosines of impostors less their mean, float64 (n,).
        mean: of the model.
    """
    return max(_sd_for(float(np.quantile(away, 1 - TAIL)), TAIL, mean), float(away.std()))


def _sd_for(above: float, share: float, mean: float) -> float:
    """Return the deviation of the `ImpostorModel` of which this share is so far above its mean."""
    sd = above / 2
    for _ in range(20):  # nearly linear, so that few are enough
        sd *= above / (ImpostorModel(mean, sd).reached_by(share) - mean)
    return sd


def _on_average(sds: list[float], mean: float) -> float:
    """Return the deviation with which the share is the average of that with each of these."""
    low, high = 0.0, 0.8 * (1 - mean)
    for _ in range(40):
        above = (low + high) / 2
        shares = [ImpostorModel(mean, sd).share_above(mean + above) for sd in sds]
        low, high = (above, high) if np.mean(shares) > DESIGN else (low, above)
    return _sd_for(high, DESIGN, mean)


@dataclass(frozen=True)
class Filled:
    """A gallery's templates beyond the real ones.

    Attributes:
        people: in the whole gallery.
        best: float32 (populations, n), each track's best cosine with them, several times over.
    """

    people: int
    best: NDArray[np.float32]


def held_out_rates(
    searches: TrackSearches,
    learned: int,
    size: int,
    cases: Sequence[tuple[float, Filled | None]],
    model: ScoreModel,
) -> NDArray[np.float64]:
    """Return rates of false names, float64 (cases, people), of people left out of the learning.

    Args:
        searches: all people's.
        learned: how many people teach, again in each round; the others are searched for.
        size: people in the gallery, all of them left out too, and none of them the stranger.
        cases: promised rates, each with who is in the gallery beside them.
        model: of the embedder; what is learned here takes the place of its constants for tracks.

    Raises:
        CalibrationError: there are too few people.
    """
    count = searches.faces.shape[2]
    if learned < FEWEST or count - learned <= size:
        raise CalibrationError(
            f"{count} people: {learned} to learn from and a gallery of {size} others, expected at "
            f"least {FEWEST} to learn from and {max(learned, FEWEST) + size + 1} in all; lower one "
            "of the two"
        )
    rng = np.random.default_rng(0)
    scores = searches.scores()
    found = np.zeros((len(cases), count))
    taken = np.zeros(count)
    for _ in range(ROUNDS):
        order = rng.permutation(count)
        taught = learn(searches, np.sort(order[:learned]), model)
        impostors = ImpostorModel(model.impostor_mean, taught.sd)
        expected = taught.expected(searches, model)
        taken[order[learned:]] += 1
        for stranger in order[learned:]:
            others = order[learned:][order[learned:] != stranger]
            rows = np.flatnonzero(searches.truth == stranger)
            gallery = rng.permutation(others)[:size]
            real = scores[np.ix_(rows, gallery)].max(axis=1)[None]
            for case, (fpir, filled) in enumerate(cases):
                best = np.maximum(real, filled.best[:, rows]) if filled else real
                share = share_for(filled.people if filled else size, fpir)
                needed = expected[rows] + impostors.reached_by(share) - impostors.mean
                found[case, stranger] += (best >= needed).mean()
    return found / taken
