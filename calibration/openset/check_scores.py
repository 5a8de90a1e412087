"""Does a learned score model keep its promise on the people who taught it nothing?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from calibration.openset.evaluate import share_by_person
from calibration.openset.learn_scores import probes_of_tracks
from engines.scores.spread import PEOPLE
from engines.scores.threshold import NEIGHBOURS

if TYPE_CHECKING:
    from calibration.openset.score_data import Faces, Half, Probes
    from engines.scores.model import ScoreModel

LEAST_PROBABILITY = 0.5


class Row(msgspec.Struct, frozen=True):
    """What became of searches; rates with their 95 % intervals by person.

    Attributes:
        kind: `pictures` or `tracks`.
        gallery: people enrolled; all others are strangers, or each in turn where it is all of them.
        promised: rate of strangers who get a name.
        searches: with strangers.
        named: the same, measured.
        right: of the enrolled, named rightly.
    """

    kind: str
    gallery: int
    promised: float
    searches: int
    named: tuple[float, float, float]
    right: tuple[float, float, float]


def check(model: ScoreModel, half: Half, faces: Faces, rates: tuple[float, ...]) -> list[Row]:
    """Return the rates of this half, all enrolled and each in turn the stranger."""
    tracks, expected = probes_of_tracks(model, half, faces.tracks)
    near, count = half.neighbours(), len(half.people)
    sample = half.templates[np.random.default_rng(0).permutation(count)[:PEOPLE]]
    nothing = np.full(len(half.stills.owner), np.nan)
    return [
        _row(kind, model.for_gallery(sample, count - 1, rate), probes, near, means, rate)
        for kind, probes, means in (
            ("pictures", half.stills, nothing),
            ("tracks", tracks, expected),
        )
        for rate in rates
    ]


def _row(
    kind: str,
    model: ScoreModel,
    probes: Probes,
    near: np.ndarray,
    means: np.ndarray,
    rate: float,
) -> Row:
    people = probes.scores.shape[1]
    named: list[bool] = []
    right: list[tuple[str, bool]] = []
    others = probes.others
    for row, owner in enumerate(probes.owner):
        mean, norm = float(means[row]), float(probes.norms[row])
        without = np.delete(near, owner, axis=0), np.delete(others[row], owner)
        named.append(_is_named(model, kind, *without, mean, norm, rate))
        if probes.mated[row]:
            best = int(probes.scores[row].argmax()) == owner
            told = _is_named(model, kind, near, probes.scores[row], mean, norm, rate)
            right.append((str(owner), bool(best and told)))
    whose = [str(owner) for owner in probes.owner]
    known = share_by_person([person for person, _ in right], [told for _, told in right])
    unknown = 0.0, 0.0, 1.0
    of_strangers = share_by_person(whose, named) or unknown
    return Row(kind, people - 1, rate, len(named), of_strangers, known or unknown)


def _is_named(
    model: ScoreModel,
    kind: str,
    near: np.ndarray,
    scores: np.ndarray,
    mean: float,
    norm: float,
    rate: float,
) -> bool:
    """Return whether the best is named, as decisions do it with one face on screen."""
    top = -np.sort(-scores)[: NEIGHBOURS + 1]
    stills, people = kind == "pictures", len(scores)
    crowd = model.crowding(
        top[1:].tolist(),
        near[int(scores.argmax())].tolist(),
        people,
        stills=stills,
        impostor_mean=None if np.isnan(mean) else mean,
    )
    cosines = model.cosines(stills=stills, norm=norm)
    usual = model.threshold(people, rate, stills=stills)
    needed = max(usual + crowd - model.relief(norm, stills=stills), model.names.lowest)
    best = float(top[0])
    return best >= needed and cosines.probability(best, people, crowding=crowd) >= LEAST_PROBABILITY
