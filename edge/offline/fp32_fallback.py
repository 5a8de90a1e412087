"""Borderline faces of pictures and files, looked at again by the reference models.

An INT8 embedder's score differs a little from its FP32 reference's. Where a decision hangs on that
little, there is time to ask the reference, unless an answer is needed at once.
`edge.offline.fp32_fallback_video` does this for films.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from typing import TYPE_CHECKING

import msgspec

from edge.recognise.decide import decide
from engines.catalog import name_of
from engines.int8_files import current_int8, read_verdict
from engines.pipeline import load_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.recognise.decide import Claim, Policy
    from engines.pipeline import FacePipeline

log = logging.getLogger(__name__)

DEVIATIONS = 3.0
"""How far from its reference a score is taken to lie, in standard deviations."""
UNKNOWN_COSINE = 0.985
"""The gate's own bar for the first percentile, where a verdict does not tell it."""


class SecondOpinion:
    """The FP32 models, loaded when they are first needed.

    Args:
        band: scores this near to what a name needs are uncertain, see `score_band`.
        load: loads them.
    """

    def __init__(self, band: float, load: Callable[[], FacePipeline]) -> None:
        self.band = band
        self._load = load
        self._pipeline: FacePipeline | None = None
        self.asked = 0

    def is_needed(
        self,
        claims: Sequence[Claim],
        policy: Policy,
        co_occur: Callable[[int, int], bool] | None = None,
    ) -> bool:
        """Return whether scores that are off by up to the band would give other names.

        Args:
            claims: of one picture, or of one shot.
            policy: thresholds.
            co_occur: as `decide` takes it.
        """
        found = _names(claims, policy, co_occur)
        return any(
            _names([_shifted(claim, by) for claim in claims], policy, co_occur) != found
            for by in (-self.band, self.band)
        )

    def pipeline(self) -> FacePipeline:
        """Return the reference."""
        self.asked += 1
        if self._pipeline is None:
            self._pipeline = self._load()
        return self._pipeline


def score_band(cosine_p1: float, dimension: int) -> float:
    """Return how far an INT8 score may be from the FP32 one.

    A unit vector at cosine c to its reference is off by sqrt(1 - c**2) in a random direction,
    of which a template sees one part in sqrt(dimension).

    Args:
        cosine_p1: between the two, the first percentile that the parity gate measured.
        dimension: of an embedding.
    """
    return DEVIATIONS * math.sqrt(max(1 - cosine_p1**2, 0.0) / dimension)


def second_opinion_for(pipeline: FacePipeline) -> SecondOpinion | None:
    """Return the second opinion that a pipeline needs; None where it is the reference itself."""
    if not any("int8" in kind for kind in pipeline.kinds):
        return None
    band = score_band(_cosine_p1(pipeline.model), pipeline.embedder.dimension)
    log.info("INT8: scores within %.3f of a decision are taken again in FP32", band)
    embedder = name_of(pipeline.model)
    return SecondOpinion(
        band, lambda: load_pipeline(threads=2, precision="fp32", embedder=embedder)
    )


def _cosine_p1(identity: str) -> float:
    path = current_int8(name_of(identity))
    verdict = read_verdict(path) if path is not None else None
    cosine = verdict.figures.get("cosine") if verdict is not None else None
    found = cosine.get("p1") if isinstance(cosine, dict) else None
    return float(found) if isinstance(found, (int, float)) else UNKNOWN_COSINE


def _names(
    claims: Sequence[Claim], policy: Policy, co_occur: Callable[[int, int], bool] | None
) -> dict[int, str | None]:
    return {track: decision.id for track, decision in decide(claims, policy, co_occur).items()}


def _shifted(claim: Claim, by: float) -> Claim:
    """Return a claim whose best candidate has another score."""
    if not claim.candidates:
        return claim
    best = claim.candidates[0]
    moved = msgspec.structs.replace(best, score=best.score + by)
    candidates = sorted((moved, *claim.candidates[1:]), key=lambda c: -c.score)
    return dataclasses.replace(claim, candidates=tuple(candidates))
