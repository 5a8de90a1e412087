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
    from numpy.typing import NDArray

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

    def with_pairs(self, templates: NDArray[np.float32], weight: int) -> ImpostorModel:
        """Return this model corrected by the pairs of some templates of different people.

        Args:
            templates: float32 (n, dimension), unit length.
            weight: so many pairs this model counts for itself.
        """
        n = len(templates)
        if n < 2:
            return self
        pairs = n * (n - 1) // 2
        found_mean, found_sd = _moments_of_pairs(templates)
        share = pairs / (pairs + weight)
        mean = share * found_mean + (1 - share) * self.mean
        sd = share * max(found_sd, self.sd) + (1 - share) * self.sd
        return ImpostorModel(mean, sd)


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


def _moments_of_pairs(templates: NDArray[np.float32]) -> tuple[float, float]:
    """Return mean and deviation of the cosines between any two rows, without computing them.

    Their sum is the squared length of the rows' sum, the sum of their squares that of the rows'
    second moments; the rows' cosines with themselves are taken off.
    """
    rows = templates.astype(np.float64)
    n = len(rows)
    squares = np.einsum("nd,nd->n", rows, rows)
    total = float((rows.sum(axis=0) ** 2).sum() - squares.sum())
    square = float(((rows.T @ rows) ** 2).sum() - (squares**2).sum())
    mean = total / (n * (n - 1))
    return mean, math.sqrt(max(square / (n * (n - 1)) - mean**2, 0.0))


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
