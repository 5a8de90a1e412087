"""Whom a film has surely shown is known by more than their pictures: by how they look in it.

A track without a name is compared with the mean of a person's enrolled template and of what the
film has surely shown of them elsewhere. Light, lens and codec make everybody in a film more alike,
strangers too, so that the score is lowered by as much as strangers then score higher: how much that
is, tracks that were on screen together tell, which are of different people.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edge.recognise.cues.belief import SURELY, faces_llr, surely
from edge.recognise.scene import Candidate
from engines.pipeline import unit
from gallery.errors import GalleryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from edge.recognise.decide import Claim, Decision, Policy
    from gallery.search.search import Gallery

USUAL_MORE = 0.12
"""Strangers' tracks in one film are so much more like each other than like enrolled people: in the
series of docs/accuracy.md. A film that tells nothing of itself is taken to be so."""
BELIEVED_FROM = 4.0
"""Of so many tracks, half of what they tell is believed: films differ by half of what one pair of
strangers differs from another."""
NEAR = 0.1
"""Scores this far below the lowest that names anybody are left as they are."""


def more_alike(pairs: Sequence[tuple[float, float]], tracks: int) -> float:
    """Return how much more strangers of a film are like each other than like enrolled people.

    Args:
        pairs: cosines of tracks of different people, and what is expected with enrolled ones.
        tracks: so many are in the pairs.
    """
    count = min(len(pairs), tracks)
    if not count:
        return USUAL_MORE
    found = float(np.mean([cosine - expected for cosine, expected in pairs]))
    return (found * count + USUAL_MORE * BELIEVED_FROM) / (count + BELIEVED_FROM)


def with_shown(
    claims: Sequence[Claim],
    probes: Mapping[int, NDArray[np.float32]],
    decisions: Mapping[int, Decision],
    gallery: Gallery,
    policy: Policy,
    apart: Callable[[int, int], bool],
) -> list[Claim] | None:
    """Return claims that know what the film has surely shown; None where it changes nothing.

    Args:
        claims: of the whole film, one for each group of joined tracks.
        probes: their templates, float32 (dimension,), by number; those that may be compared.
        decisions: the first round, by number.
        gallery: who is known.
        policy: thresholds.
        apart: whether two of them, by number, were ever on screen at once.
    """
    sure: dict[str, list[int]] = defaultdict(list)
    for number in probes:
        llr = faces_llr([(decisions[number].id, decisions[number].spoke)])
        for person in (p for p, value in llr.items() if surely(value, policy.people) >= SURELY):
            sure[person].append(number)
    unnamed = [k for k, c in enumerate(claims) if c.track in probes and not decisions[c.track].id]
    if not sure or not unnamed:
        return None
    level = _more_alike(claims, probes, apart), policy
    found, changed = list(claims), False
    for person, numbers in sure.items():
        try:
            enrolled = gallery.templates_of(person)[0]
        except GalleryError:  # removed, or a rotten disk
            continue
        looks = enrolled + unit(np.sum([probes[n] for n in numbers], axis=0))
        for k in unnamed:
            claim = found[k]
            if claim.candidates and not any(apart(claim.track, n) for n in numbers):
                found[k] = _compared(claim, person, probes[claim.track], (enrolled, looks), level)
                changed = changed or found[k] is not claim
    return found if changed else None


def _more_alike(
    claims: Iterable[Claim],
    probes: Mapping[int, NDArray[np.float32]],
    apart: Callable[[int, int], bool],
) -> float:
    usual = {c.track: c.impostor_mean for c in claims if c.track in probes and c.impostor_mean}
    numbers, pairs, seen = sorted(usual), [], set()
    for k, a in enumerate(numbers):
        for b in (b for b in numbers[:k] if apart(a, b)):
            pairs.append((float(probes[a] @ probes[b]), (usual[a] + usual[b]) / 2))
            seen |= {a, b}
    return more_alike(pairs, len(seen))


def _compared(
    claim: Claim,
    person: str,
    probe: NDArray[np.float32],
    known: tuple[NDArray[np.float32], NDArray[np.float32]],
    level: tuple[float, Policy],
) -> Claim:
    """Return a claim with the score of how somebody looks in the film, where that is higher."""
    (enrolled, looks), (more, policy) = known, level
    score, length = float(probe @ enrolled), float(np.linalg.norm(looks))
    both, usual = float(probe @ looks) / length, claim.impostor_mean or 0.0
    if _lowered(both, usual, more, length) < policy.scores.names.lowest - NEAR:
        return claim
    usual += policy.crowding(claim, Candidate(person, score))
    higher = _lowered(both, usual, more, length)
    if not higher > score:
        return claim
    others = [c for c in claim.candidates if c.id != person]
    candidates = sorted([*others, Candidate(person, round(higher, 4))], key=lambda c: -c.score)
    return replace(
        claim,
        candidates=tuple(candidates),
        cued=tuple(c for c in claim.cued if c.id != person),
    )


def _lowered(both: float, usual: float, more: float, length: float) -> float:
    """Return a score with how somebody looks, less what strangers have more with it than usual."""
    return both - (2 * usual + more) / length + usual
