"""A film of which nobody says what it is: who is surely named tells who else is likely in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edge.recognise.cues.belief import faces_llr
from edge.recognise.cues.cue import Evidence
from edge.recognise.search import search_cued

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from edge.recognise.decide import Claim, Decision, Policy
    from gallery.search.search import Gallery

    Supposed = Callable[[Mapping[str, float]], Mapping[str, float]]


def nobody(_named: Mapping[str, float]) -> Mapping[str, float]:
    """Expect nobody."""
    return {}


def with_supposed_title(
    claims: Sequence[Claim],
    probe: Callable[[int], NDArray[np.float32]],
    decisions: Iterable[Decision],
    gallery: Gallery,
    policy: Policy,
    supposed: Supposed,
) -> list[Claim] | None:
    """Return claims with what a first round of decisions lets expect; None where that is nothing.

    Args:
        claims: of the whole film.
        probe: returns the template of a claim with candidates, float32 (dimension,), by number.
        decisions: the first round.
        gallery: who is known.
        policy: thresholds.
        supposed: see `CueSource.supposed`.
    """
    told = bool(policy.cast) or any(e.kind == "title" for c in claims for e in c.evidence)
    named = {} if told else faces_llr((d.id, d.spoke) for d in decisions)
    llr = supposed(named) if named else {}
    if not llr:
        return None
    seen = [k for k, claim in enumerate(claims) if claim.candidates]
    evidence = [(*claims[k].evidence, Evidence("title", llr)) for k in seen]
    probes = np.stack([probe(claims[k].track) for k in seen])
    cued = search_cued(gallery, probes, evidence, [claims[k].candidates for k in seen])
    found = list(claims)
    for k, said, more in zip(seen, evidence, cued, strict=True):
        found[k] = replace(claims[k], evidence=said, cued=more)
    return found
