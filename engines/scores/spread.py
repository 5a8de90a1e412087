"""How widely cosines between the people of one gallery spread, beside those of a mixed one.

The neighbours of a face and of a person tell how alike people here are in the mean. What one pair
has in common beyond that spreads further in some galleries: among women 6 % further than in a mixed
one, so that the best of a gallery scores higher than the neighbours let expect. A few people cannot
tell what kind of gallery theirs is: neither their spread nor their mean.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from engines.scores.threshold import NEIGHBOURS, expected_after_best, share_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

PEOPLE = 600
"""So many people of a larger gallery tell it."""
OUTER = 0.1
"""The range between these shares is measured: twins and people enrolled twice do not move it."""
BETWEEN = 0.05
"""Deviation of the true spread between galleries of one kind of people."""
NOISE = 1.3
"""Deviation of what n people let measure, times n; drawn galleries of 12 to 100 people."""
WIDEST, WIDEST_OF_TRACKS = 1.08, 1.04
"""What cannot be told is taken to be so: galleries of 6 to 20 women, who are more alike than people
are in a mixed one and spread further, then keep what is promised (docs/adr/0024 and 0026)."""
_DECILES = 2 * NormalDist().inv_cdf(1 - OUTER)


def spread(templates: NDArray[np.float32], usual_sd: float) -> float:
    """Return how many times as far as usual the cosines between a gallery's people spread.

    A few people tell little, and are believed as far as they tell: 3 hardly, 12 to a sixth, 100
    nearly whole.

    Args:
        templates: float32 (n, dimension), unit length, of people at random.
        usual_sd: deviation of the cosines between people of a mixed gallery.
    """
    count = len(templates)
    if count < 3:
        return 1.0
    found = deviation((templates @ templates.T)[np.triu_indices(count, 1)]) / usual_sd
    return 1 + _believed(count) * (found - 1)


def deviation(cosines: NDArray[np.float32]) -> float:
    """Return the deviation of cosines by the range of their middle 80 %.

    The usual one must be measured so, too: cosines of an embedder need not be normal.

    Args:
        cosines: between different people, float32 (n,).
    """
    low, high = np.quantile(cosines, (OUTER, 1 - OUTER))
    return float(high - low) / _DECILES


def _believed(count: int) -> float:
    return (BETWEEN * count) ** 2 / ((BETWEEN * count) ** 2 + NOISE**2)


def widening(templates: NDArray[np.float32], usual_sd: float, people: int, fpir: float) -> float:
    """Return by how much to multiply the deviation of strangers' cosines in a gallery.

    The neighbours, ranks 2 to 9, are further out where cosines spread further, and have told the
    part that lies below them; what is left is the part between them and the threshold.

    Args:
        templates: as for `spread`.
        usual_sd: as for `spread`.
        people: in the gallery.
        fpir: the promised share of strangers who get a name, between 0 and 1.

    Raises:
        ScoreError: `fpir` is not between 0 and 1.
    """
    return 1 + _untold(people, fpir) * (spread(templates, usual_sd) - 1)


def doubt(people: int, fpir: float, *, stills: bool = True) -> float:
    """Return by how much to multiply it where a gallery is too small to tell its kind.

    It moves what a name needs, not how likely it is: the promise is for each kind, the probability
    for what is usual.

    Args:
        people: in the gallery.
        fpir: the promised share of strangers who get a name, between 0 and 1.
        stills: pictures are searched, not tracks.

    Raises:
        ScoreError: `fpir` is not between 0 and 1.
    """
    widest = WIDEST if stills else WIDEST_OF_TRACKS
    return 1 + _untold(people, fpir) * (1 - _believed(min(people, PEOPLE))) * (widest - 1)


def _untold(people: int, fpir: float) -> float:
    """Return which part of the way from the mean to the threshold the neighbours do not tell."""
    told = min(NEIGHBOURS, people - 1)
    needed = NormalDist().inv_cdf(1 - share_for(people, fpir))
    if needed <= 0:
        return 0.0
    if told < 1:
        return 1.0
    return min(max(1 - expected_after_best(people, told) / needed, 0.0), 1.0)
