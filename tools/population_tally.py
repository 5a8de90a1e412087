"""What became of searches: rates by person, and how far probabilities can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from calibration.openset.evaluate import share_by_person
from engines.scores.probability import reliability


@dataclass
class Tally:
    """What became of searches: outcomes by person, and probabilities of all best candidates.

    `said` has the probability of each best and whether it is right, `of_enrolled` whether the face
    is of somebody enrolled.
    """

    strangers: list[tuple[str, bool]]
    mated: list[tuple[str, bool, bool]]
    said: list[tuple[float, bool]]
    of_enrolled: list[bool]
    shown: list[float]

    def row(self) -> dict[str, Any]:
        """Return rates with their 95 % intervals by person."""
        named = share_by_person([p for p, _ in self.strangers], [n for _, n in self.strangers])
        right = share_by_person([p for p, _, _ in self.mated], [r for _, r, _ in self.mated])
        wrong = sum(w for _, _, w in self.mated)
        return {
            "searches": len(self.strangers),
            "people": len({p for p, _ in self.strangers}),
            "fpir": named,
            "tpir": right,
            "mated": len(self.mated),
            "mated_wrong": wrong,
            **self._calibration(),
            "least_probability_shown": min(self.shown, default=None),
        }

    def _calibration(self) -> dict[str, Any]:
        """Return calibration errors: as searched, and with as many enrolled as strangers.

        The model takes a face to be as likely somebody's who is enrolled as a stranger's. Where few
        searches are of somebody enrolled, these are counted again until they are half.
        """
        if not self.said:
            return {"ece": None}
        said, of = np.array(self.said, float), np.array(self.of_enrolled)
        found = {"ece": calibration_error(said)[0]}
        if of.any() and not of.all():
            strangers, enrolled = said[~of], said[of]
            count = max(len(strangers), len(enrolled))
            even = np.concatenate([np.resize(s, (count, 2)) for s in (strangers, enrolled)])
            error, diagram = calibration_error(even)
            found |= {"ece_even": error, "diagram_even": diagram}
        return found


def calibration_error(said: np.ndarray) -> tuple[float, list[list[float]]]:
    """Return the error, and of each bin the share, the mean probability and the share of right."""
    error, bins = reliability(said[:, 0], said[:, 1] > 0)
    return error, [
        [round(b.count / len(said), 3), round(b.probability, 3), round(b.right, 3)] for b in bins
    ]
