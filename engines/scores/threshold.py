"""The score from which a name may be said: from a promised rate of false names.

A stranger is compared with everybody in the gallery and the best score counts, so that the
threshold must rise with the gallery: with n people and a promised false positive identification
rate (FPIR) it is the quantile of impostor scores at (1 - FPIR) ** (1 / n). For a dozen people that
is within what was measured; for many it follows from what a cosine is, see `ImpostorModel`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import ScoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NEIGHBOURS = 8
"""This many of the people who come after the best tell how dense the gallery is around a face."""
PROBES_PART = 0.5
"""Of the crowding around a face, and around the person it may be, so much each is believed."""
HALF_TRUSTED, HALF_TRUSTED_OF_TRACKS = 1.0, 2.0
"""Of this many people who come after the best, half of what they say is believed: of pictures, of
tracks. The best of strangers follows its neighbours rather as the first says; with tracks that
costs too many right names in galleries of three people (docs/adr/0026)."""
SHORTEST = 0.5
"""A mean of faces is never taken to be shorter: such faces are of several people."""


@dataclass(frozen=True, slots=True)
class ImpostorModel:
    """Cosines between different people.

    What two faces have in common with all faces is the mean; beyond it their directions are those
    of chance, in as many dimensions as give the deviation. Such a cosine is Student's t with one
    degree of freedom less, t = cos / sqrt((1 - cos²) / df): within three deviations the same as the
    normal distribution, past five much thinner, since a cosine ends at 1.
    """

    mean: float
    sd: float

    def reached_by(self, share: float) -> float:
        """Return the cosine that this share of impostors reach.

        Wallace's approximation of Student's t ("Bounds on normal approximations to Student's and
        the chi-square distributions", 1959); SciPy's costs a device 25 MB and half a second.
        """
        freedom = self._freedom
        z = -NormalDist().inv_cdf(share) * (8 * freedom + 3) / (8 * freedom + 1)
        cosine = math.sqrt(-math.expm1(-z * z / freedom))
        return self.mean + (1 - self.mean) * math.copysign(cosine, z)

    def share_above(self, score: float) -> float:
        """Return the share of impostors that reach a cosine; the inverse of `reached_by`."""
        freedom = self._freedom
        cosine = (score - self.mean) / (1 - self.mean)
        z = math.sqrt(-freedom * math.log1p(-(cosine**2))) * (8 * freedom + 1) / (8 * freedom + 3)
        return NormalDist().cdf(-math.copysign(z, cosine))

    @property
    def _freedom(self) -> float:
        return max(1.0, ((1 - self.mean) / self.sd) ** 2 - 1)


def expected_after_best(people: int, count: int) -> float:
    """Return where the `count` people after the best are expected, in deviations from the mean.

    The mean of normal order statistics 2 to count + 1 of this many, by Blom's approximation
    ("Statistical estimates and transformed beta-variables", 1958).
    """
    ranks = range(2, count + 2)
    places = [(people - rank + 0.625) / (people + 0.25) for rank in ranks]
    return sum(map(NormalDist().inv_cdf, places)) / count


def crowding(
    others: Sequence[float],
    people: int,
    mean: float,
    sd: float,
    half_trusted: float = HALF_TRUSTED,
) -> float:
    """Return how much higher strangers must be expected to score, from a face's own neighbours.

    Whoever comes after the best in a search is somebody else, and tells how dense the gallery is
    where this face lies: among people of one region or one sex they score higher than in a mixed
    gallery, and so does the best of them for a stranger. A smooth or a poor face shows in the same
    way. Few neighbours are believed in part only.

    Args:
        others: cosines of all people but the best one, best first; more than `NEIGHBOURS` are not
            needed.
        people: in the gallery.
        mean: of the cosines of different people in a mixed gallery.
        sd: their deviation.
        half_trusted: of so many neighbours half is believed.
    """
    count = min(len(others), NEIGHBOURS, people - 1)
    if count < 1:
        return 0.0
    found = sum(others[:count]) / count
    expected = mean + sd * expected_after_best(people, count)
    seen = people - 1 if count == NEIGHBOURS else count
    return (found - expected) * seen / (seen + half_trusted)


def expected_of_tracks(
    faces: NDArray[np.float64],
    weights: NDArray[np.float64],
    length: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """Return the mean cosine of strangers with tracks' templates.

    The template is the weighted mean of unit embeddings, divided by its length. A cosine is linear
    before the division, so that its mean is that of the single faces over the length: faces that
    differ cancel their noise, which makes the template more like everybody, strangers included.

    Args:
        faces: mean cosine of strangers with each face, float64 (..., n).
        weights: of the faces, float64 (..., n).
        length: of the weighted means, (...), 0 to 1; 1 when all faces are the same.
    """
    return np.asarray(np.average(faces, axis=-1, weights=weights) / np.maximum(length, SHORTEST))


def threshold_for(people: int, fpir: float, model: ImpostorModel, lowest: float) -> float:
    """Return the lowest cosine that may name somebody.

    Args:
        people: size of the gallery.
        fpir: the promised share of strangers who get a name, between 0 and 1.
        model: the impostor scores.
        lowest: no threshold is below.

    Raises:
        ScoreError: `fpir` is not between 0 and 1.
    """
    return max(lowest, model.reached_by(share_for(people, fpir)))


def share_for(people: int, fpir: float) -> float:
    """Return the share of impostors that may reach the threshold.

    Raises:
        ScoreError: `fpir` is not between 0 and 1.
    """
    if not 0 < fpir < 1:
        raise ScoreError(f"fpir: {fpir}, expected a rate between 0 and 1, such as 0.003")
    return -math.expm1(math.log1p(-fpir) / max(people, 1))
