"""Does the promise of false names hold for these people? The shipped thresholds beside pictures.

How like strangers are to each other depends on who they are. Whoever names other people than those
whom the shipped constants were measured on sees here what becomes of the promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from calibration.errors import CalibrationError
from calibration.openset.composed import read_sources
from calibration.openset.held_out import FEWEST, tail_sd
from engines.pipeline import unit
from engines.scores.threshold import (
    NEIGHBOURS,
    ImpostorModel,
    expected_after_best,
    share_for,
    threshold_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from calibration.pictures.faces import Picture
    from engines.pipeline import FacePipeline
    from engines.scores.model import ScoreModel

ENROLLED = 3
"""This many pictures of a person become the template; the others are searched with."""
RESAMPLES = 200


@dataclass(frozen=True)
class Pairs:
    """Pictures against templates.

    Attributes:
        person: int (n,), whose picture it is, a column of `scores`.
        scores: float64 (n, people), cosines with the template of each person.
    """

    person: NDArray[np.intp]
    scores: NDArray[np.float64]

    @property
    def impostors(self) -> NDArray[np.float64]:
        """Cosines with other people's templates, float64 (n * (people - 1),)."""
        others = np.arange(self.scores.shape[1]) != self.person[:, None]
        return np.asarray(self.scores[others])


@dataclass(frozen=True, slots=True)
class Promise:
    """What becomes of a promised rate of false names in a gallery of one size.

    Attributes:
        gallery: people in it.
        threshold: the shipped one, a cosine.
        fpir: rate of false names with it, by the distribution of these people.
        low, high: 95 % bootstrap interval of `fpir`, by person.
        counted: the same rate by counting pairs; None where there are too few to show it.
        fitting: the threshold with which these people's distribution keeps the promise.
        tpir: share of pictures named rightly at the shipped threshold; not more people than these
            were compared, so in a larger gallery it is a little lower.
    """

    gallery: int
    threshold: float
    fpir: float
    low: float
    high: float
    counted: float | None
    fitting: float
    tpir: float


def compare(
    pipeline: FacePipeline,
    pictures: Sequence[Picture],
    looked: Callable[[], None] = lambda: None,
) -> tuple[Pairs, list[str]]:
    """Enrol some pictures of each person, and compare the others with everybody.

    Args:
        pipeline: the models.
        pictures: with `person` set.
        looked: called for each picture.

    Returns:
        The cosines, and the people in the order of their columns.

    Raises:
        CalibrationError: faces of fewer than three people, or one picture of each only.
    """
    faces = read_sources(pipeline.detector, list(pictures), looked)
    by_person: dict[str, list[NDArray[np.float32]]] = {}
    for face in faces:
        (vector,) = pipeline.still_of(face.bgr, face.faces).vectors
        by_person.setdefault(face.person, []).append(vector)
    people = sorted(by_person)
    if len(people) < FEWEST or all(len(of) == 1 for of in by_person.values()):
        raise CalibrationError(
            f"pictures: faces of {len(people)} people, expected {FEWEST} or more, in one folder "
            "per person, some of them with two pictures or more"
        )
    enrolled = {p: max(1, min(ENROLLED, len(of) - 1)) for p, of in by_person.items()}
    templates = unit(np.stack([np.sum(by_person[p][: enrolled[p]], axis=0) for p in people]))
    probes = [(k, v) for k, p in enumerate(people) for v in by_person[p][enrolled[p] :]]
    scores = np.stack([vector for _, vector in probes]) @ templates.T
    return Pairs(np.array([k for k, _ in probes]), scores.astype(np.float64)), people


def learn(pairs: Pairs) -> ImpostorModel:
    """Return the distribution that has these people's mean and upper tail."""
    return _fitted(pairs.impostors)


def _fitted(impostors: NDArray[np.float64]) -> ImpostorModel:
    mean = float(impostors.mean())
    return ImpostorModel(mean, tail_sd(impostors - mean, mean))


def promises(pairs: Pairs, sizes: Sequence[int], fpir: float, scores: ScoreModel) -> list[Promise]:
    """Return what becomes of a promised rate in galleries of these sizes.

    Raises:
        CalibrationError: `fpir` is not between 0 and 1.
    """
    model, impostors = learn(pairs), pairs.impostors
    drawn = _resampled(pairs)
    right = pairs.scores.argmax(axis=1) == pairs.person
    best = pairs.scores.max(axis=1)
    found = []
    for size in sizes:
        threshold = _shipped(size, fpir, model, scores)
        share = share_for(size, fpir)
        rates = [_rate(m.share_above(threshold), size) for m in drawn]
        low, high = np.quantile(rates, (0.025, 0.975))
        shown = share * len(impostors) >= 1
        found.append(
            Promise(
                size,
                threshold,
                _rate(model.share_above(threshold), size),
                float(low),
                float(high),
                _rate(float((impostors >= threshold).mean()), size) if shown else None,
                threshold_for(size, fpir, model, scores.names.lowest),
                float((right & (best >= threshold)).mean()),
            )
        )
    return found


def _shipped(size: int, fpir: float, found: ImpostorModel, scores: ScoreModel) -> float:
    """Return the threshold that decisions take, by what a face's neighbours are expected to be."""
    usual = scores.threshold(size, fpir, stills=True)
    count = min(NEIGHBOURS, size - 1)
    if count < 1:
        return max(scores.names.lowest, usual)
    others = [found.mean + found.sd * expected_after_best(size, count)] * count
    around = [found.mean + found.sd * expected_after_best(max(size - 1, 2), count)] * count
    crowding = scores.crowding(others, around, size, stills=True, impostor_mean=None)
    return max(scores.names.lowest, usual + crowding)


def _rate(share: float, size: int) -> float:
    return float(-np.expm1(size * np.log1p(-share)))


def _resampled(pairs: Pairs) -> list[ImpostorModel]:
    """Return the distributions of people drawn from the same ones with replacement."""
    rng = np.random.default_rng(0)
    count = pairs.scores.shape[1]
    tables = [pairs.scores[pairs.person == k] for k in range(count)]
    found: list[ImpostorModel] = []
    while len(found) < RESAMPLES:
        drawn = rng.choice(count, size=(count,))
        if len(np.unique(drawn)) >= FEWEST:
            strangers = [tables[k][:, drawn[drawn != k]].ravel() for k in drawn.tolist()]
            found.append(_fitted(np.concatenate(strangers)))
    return found
