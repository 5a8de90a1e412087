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

PRIOR_MEAN = 0.11
PRIOR_SD = 0.094
"""Cosine of SFace between different people, template of three pictures against one: measured on
18 people, `docs/accuracy.md`."""
PRIOR_WEIGHT = 2000
"""A gallery's own pairs of people count against the prior as this many pairs."""
NORM_REFERENCE = 12.5
NORM_SLOPE = 0.0145
NORM_RANGE = 5.0
"""A small or blurred face has a short embedding, before normalisation, and is less like everybody,
strangers included: their mean cosine falls by the slope for each unit of norm while the deviation
stays (320 faces of 18 people shrunk to 20 to 110 px and blurred, `docs/accuracy.md`). So the
threshold may fall with it at the same rate of false names."""
FACE_MEAN = 0.1192
FACE_SLOPE = 0.0032
FACE_RANGE = 5.5
"""The same for the faces of composed tracks, which are poor in more ways than small and blurred:
18,720 faces of 26 people, mean at the reference norm, its fall for each unit below, and how far."""
TRACK_SD = 0.0911
"""Deviation of a track's cosine from what `expected_of_tracks` says, with what 26 people leave
uncertain of it: `calibration.openset.held_out` learns it."""
PAIR_MEAN = 0.140
"""Cosine between the templates, of three pictures each, of two of the 26 people."""
SHORTEST = 0.5
"""A mean of faces is never taken to be shorter: such faces are of several people."""
LOWEST = 0.34
"""No promise lets a name be said below; what the peers use for galleries of a few people."""


@dataclass(frozen=True, slots=True)
class ImpostorModel:
    """Cosines between different people.

    What two faces have in common with all faces is the mean; beyond it their directions are those
    of chance, in as many dimensions as give the deviation. Such a cosine is Student's t with one
    degree of freedom less, t = cos / sqrt((1 - cos²) / df): within three deviations the same as the
    normal distribution, past five much thinner, since a cosine ends at 1.
    """

    mean: float = PRIOR_MEAN
    sd: float = PRIOR_SD

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

    def relief(self, norm: float) -> float:
        """Return how much lower impostors score for an embedding of this norm."""
        return NORM_SLOPE * min(max(NORM_REFERENCE - norm, 0.0), NORM_RANGE)

    def of_tracks(self) -> ImpostorModel:
        """Return the model for a track whose expected cosine is the prior's mean.

        What the gallery teaches about the mean counts where its people are more alike than others:
        its templates are means of several pictures themselves, and of one length.
        """
        return ImpostorModel(PRIOR_MEAN + max(self.mean - PAIR_MEAN, 0.0), max(self.sd, TRACK_SD))

    @classmethod
    def of_templates(cls, templates: NDArray[np.float32]) -> ImpostorModel:
        """Learn from templates of different people, float32 (n, dimension), unit length.

        Few people are outweighed by the prior. A template of many pictures is smoother than a
        probe of one, so the deviation is never taken below the prior's.
        """
        n = len(templates)
        if n < 2:
            return cls()
        pairs = n * (n - 1) // 2
        found_mean, found_sd = _moments_of_pairs(templates)
        share = pairs / (pairs + PRIOR_WEIGHT)
        mean = share * found_mean + (1 - share) * PRIOR_MEAN
        sd = share * max(found_sd, PRIOR_SD) + (1 - share) * PRIOR_SD
        return cls(mean, sd)


def expected_of_tracks(
    norms: NDArray[np.float64],
    weights: NDArray[np.float64],
    length: NDArray[np.float64] | float,
    face_mean: float = FACE_MEAN,
    face_slope: float = FACE_SLOPE,
) -> NDArray[np.float64]:
    """Return the mean cosine of strangers with tracks' templates.

    The template is the weighted mean of unit embeddings, divided by its length. A cosine is linear
    before the division, so that its mean is that of the single faces over the length: faces that
    differ cancel their noise, which makes the template more like everybody, strangers included.

    Args:
        norms: of the faces' embeddings before normalisation, float64 (..., n).
        weights: of the faces, float64 (..., n).
        length: of the weighted means, (...), 0 to 1; 1 when all faces are the same.
        face_mean: of single faces at the reference norm.
        face_slope: its fall for each unit of norm below.
    """
    faces = face_mean - face_slope * norm_lack(norms)
    return np.asarray(np.average(faces, axis=-1, weights=weights) / np.maximum(length, SHORTEST))


def norm_lack(norms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far norms are below the reference, as far as it counts."""
    return np.clip(NORM_REFERENCE - norms, 0.0, FACE_RANGE)


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


def threshold_for(people: int, fpir: float, model: ImpostorModel | None = None) -> float:
    """Return the lowest cosine that may name somebody.

    Args:
        people: size of the gallery.
        fpir: the promised share of strangers who get a name, between 0 and 1.
        model: the impostor scores; the prior when nothing better is known.

    Raises:
        ScoreError: `fpir` is not between 0 and 1.
    """
    return max(LOWEST, (model or ImpostorModel()).reached_by(share_for(people, fpir)))


def share_for(people: int, fpir: float) -> float:
    """Return the share of impostors that may reach the threshold.

    Raises:
        ScoreError: `fpir` is not between 0 and 1.
    """
    if not 0 < fpir < 1:
        raise ScoreError(f"fpir: {fpir}, expected a rate between 0 and 1, such as 0.003")
    return -math.expm1(math.log1p(-fpir) / max(people, 1))
