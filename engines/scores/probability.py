"""How likely a name is the right one, from its score and the gallery's size.

Somebody on screen is in the gallery or not. If they are, their own score is drawn from the genuine
cosines and beats those of everybody else, or one of the others beats it; if not, the best of all
strangers' scores counts. Both families are close to normal, others' around what a face's own
neighbours let expect, so that Bayes' rule gives the probability in closed form; the threshold is
made of the same numbers.
`tools/evaluate_population.py` fits the constants to one half of a population and measures the
calibration error on the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import ScoreError
from engines.scores.threshold import share_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

IN_GALLERY = 0.5
"""Before a face is looked at, it may as well be somebody's who is enrolled as a stranger's."""
_LEAST = 1e-300


@dataclass(frozen=True, slots=True)
class CosineModel:
    """Cosines of one kind of probe with templates: normal, with these means and deviations.

    Attributes:
        genuine_mean, genuine_sd: with the person's own template.
        impostor_mean, impostor_sd: with anybody else's.
    """

    genuine_mean: float
    genuine_sd: float
    impostor_mean: float
    impostor_sd: float

    def threshold(self, people: int, fpir: float) -> float:
        """Return the cosine that the best of this many others reaches in this share of searches.

        Raises:
            ScoreError: `fpir` is not between 0 and 1.
        """
        return NormalDist(self.impostor_mean, self.impostor_sd).inv_cdf(1 - share_for(people, fpir))

    def relaxed(self, threshold: float, times: float) -> float:
        """Return the cosine that one person's share of false names is spread by.

        Among n people each has the same share of the promised rate. Weighted by what is expected
        of each beforehand, with weights that are n in sum, the rate is the same and whoever is
        expected needs less (Genovese, Roeder, Wasserman, "False discovery control with p-value
        weighting", 2006): the promise holds whether the expectation was right or wrong.

        Args:
            threshold: that all people share.
            times: one person's weight.
        """
        others = NormalDist(self.impostor_mean, self.impostor_sd)
        kept = math.log(max(others.cdf(threshold), _LEAST))
        share = min(max(-math.expm1(times * kept), _LEAST), 1 - 1e-12)
        return others.mean - others.stdev * NormalDist().inv_cdf(share)

    def llr(self, score: float, *, crowding: float = 0.0) -> float:
        """Return the log-likelihood ratio of a cosine: the person's own against somebody else's."""
        genuine, impostor = (
            (score - self.genuine_mean) / self.genuine_sd,
            (score - self.impostor_mean - crowding) / self.impostor_sd,
        )
        return (impostor**2 - genuine**2) / 2 + math.log(self.impostor_sd / self.genuine_sd)

    def probability(
        self, score: float, people: int, in_gallery: float = IN_GALLERY, *, crowding: float = 0.0
    ) -> float:
        """Return the probability, 0 to 1, that the best of a gallery is who a face shows.

        Args:
            score: cosine of the best.
            people: how many the gallery has.
            in_gallery: share of the faces that are of somebody enrolled.
            crowding: this much higher than usual others score, see `engines.scores.threshold`.
        """
        genuine = NormalDist(self.genuine_mean, self.genuine_sd)
        impostor = NormalDist(self.impostor_mean + crowding, self.impostor_sd)
        # Each as a logarithm: with a million people the powers are tiny.
        below = math.log(max(impostor.cdf(score), _LEAST))
        others = math.log(max(impostor.pdf(score), _LEAST)) + (people - 1) * below
        right = math.log(max(genuine.pdf(score), _LEAST)) + (people - 1) * below
        beaten = (
            math.log(max(genuine.cdf(score), _LEAST))
            + others
            - below
            + math.log(max(people - 1, _LEAST))
        )
        stranger = math.log(people) + others
        top = max(right, beaten, stranger)
        here = math.exp(right - top) * in_gallery
        wrong = math.exp(beaten - top) * in_gallery + math.exp(stranger - top) * (1 - in_gallery)
        return here / (here + wrong)


@dataclass(frozen=True, slots=True)
class Reliability:
    """One bin of a reliability diagram: `count` cases of mean `probability`, `right` a share."""

    count: int
    probability: float
    right: float


def reliability(
    probabilities: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10
) -> tuple[float, list[Reliability]]:
    """Return the expected calibration error and the diagram's bins that have a case.

    Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
    2015: the mean difference of probability and share of right ones, weighted by bin.

    Args:
        probabilities: float64 (n,), 0 to 1.
        right: bool (n,).
        bins: of equal width.

    Raises:
        ScoreError: there are no cases, or the arrays differ in length.
    """
    if not len(probabilities) or probabilities.shape != right.shape:
        raise ScoreError(
            f"probabilities {probabilities.shape}, outcomes {right.shape}, expected two (n,), n > 0"
        )
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    found, error = [], 0.0
    for number in range(bins):
        mine = place == number
        if mine.any():
            entry = Reliability(
                int(mine.sum()), float(probabilities[mine].mean()), float(right[mine].mean())
            )
            error += entry.count / len(right) * abs(entry.probability - entry.right)
            found.append(entry)
    return error, found
