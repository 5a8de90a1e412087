"""From scores to names: threshold, margin, one person once, and steadiness.

Each track claims its best candidate. A claim holds when its score passes the threshold for the
gallery's size, its margin to the second is clear, and no better claim of a track that is on screen
at the same time names the same person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gallery.search.search import MAX_SCORE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.recognise.scene import Candidate, Why
    from engines.scores.model import ScoreModel

SMALL_GALLERY = 50
MIN_LEGIBLE_SIDE_PX = 32.0
MAX_LEGIBLE_YAW = 0.65
MIN_LEGIBLE_SHARPNESS = 0.006


@dataclass(frozen=True, slots=True)
class Claim:
    """What one track has to say.

    Attributes:
        track: its number.
        candidates: best first, with cosine scores; empty while nothing was compared.
        side_px, yaw, sharpness: of its best face, as in `engines.quality`.
        norm: of its embeddings before normalisation, weighted as its template is.
        said: the id that was shown for it last, or None.
        impostor_mean: expected of strangers with a track's template, where known; a still's is
            in its norm.
    """

    track: int
    candidates: tuple[Candidate, ...]
    side_px: float
    yaw: float
    sharpness: float
    norm: float
    said: str | None = None
    impostor_mean: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A name, or the reason why there is none; `probability` is that of the name being right."""

    id: str | None
    score: float
    why: Why | None
    candidates: tuple[Candidate, ...]
    probability: float = 0.0


def _never_alike(_a: str, _b: str) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Policy:
    """When a name may be said.

    Attributes:
        threshold: lowest cosine, see `engines.scores.threshold`.
        people: size of the gallery.
        scores: what cosines of this embedder mean.
        cast: ids of the title's cast, who are favoured.
        alike: the best cosine between the templates of two people.
        stills: faces of single pictures, not of tracks: a still's threshold falls with its norm, a
            track's with what its own faces let expect of strangers.
    """

    threshold: float
    people: int
    scores: ScoreModel
    cast: frozenset[str] = frozenset()
    alike: Callable[[str, str], float] = field(default=_never_alike, compare=False)
    stills: bool = True

    def probability(self, score: float) -> float:
        """Return how likely the best candidate with this score is the right one, 0 to 1."""
        kind = self.scores.stills if self.stills else self.scores.tracks
        return kind.cosines.probability(score, self.people)

    def margin(self, best: str, second: str) -> float:
        """Return how much better the best must be than the second."""
        alike, least, same = self.alike(best, second), self.scores.names.margin, self.scores.same
        if math.isnan(alike):
            return self.scores.names.most_margin
        if alike < same.alike:
            return least
        return max(least, same.alike_margin * math.sqrt(2 * max(1 - alike, 0.0)))

    def threshold_of(self, person: str, norm: float, impostor_mean: float | None) -> float:
        """Return the lowest cosine that names this person.

        Args:
            person: the candidate's id.
            norm: of a still's embedding.
            impostor_mean: expected of strangers with a track's template; None where it is unknown.
        """
        names = self.scores.names
        if self.stills:
            threshold = self.threshold - self.scores.norm_offset(norm)
        elif impostor_mean is None:
            threshold = self.threshold
        else:
            away = impostor_mean - self.scores.impostor_mean
            threshold = max(names.lowest, self.threshold + away)
        if not self.cast:
            return threshold
        return threshold - (names.cast if person in self.cast else -names.cast / 2)


def decide(
    claims: Sequence[Claim], policy: Policy, together: Callable[[int, int], bool] | None = None
) -> dict[int, Decision]:
    """Return the decision for each track.

    Args:
        claims: all tracks of a frame, or of a shot.
        policy: thresholds.
        together: whether two tracks (by number) are ever on screen at once; always, by default.
    """
    decisions: dict[int, Decision] = {}
    named: list[tuple[str, int]] = []
    ranked = sorted(claims, key=lambda claim: _strength(claim, policy), reverse=True)
    for relief in (0.0, policy.scores.names.context):
        for claim in ranked:
            if claim.track in decisions and decisions[claim.track].id:
                continue
            if relief and not _context_speaks_for(claim, claims, decisions, policy, together):
                continue
            taken = {
                person
                for person, track in named
                if together is None or together(track, claim.track)
            }
            decision = _judge(claim, policy, taken, relief)
            if decision.id:
                named.append((decision.id, claim.track))
            if not relief or decision.id:
                decisions[claim.track] = decision
    return decisions


def _judge(claim: Claim, policy: Policy, taken: set[str], relief: float) -> Decision:
    if not claim.candidates:
        return Decision(None, 0.0, _why_illegible(claim) or "too_small", ())
    names = policy.scores.names
    best = _steady_best(claim, names.takeover)
    threshold = policy.threshold_of(best.id, claim.norm, claim.impostor_mean) - relief
    if claim.said == best.id:
        threshold -= names.steady
    if not threshold <= best.score <= MAX_SCORE:  # nor where one of them is not a number
        why: Why = _why_illegible(claim) or "below_threshold"
        return Decision(None, best.score, why, claim.candidates)
    if best.id in taken:
        return Decision(None, best.score, "below_threshold", claim.candidates)
    rivals = _rivals(claim, best, policy, taken, names.context_margin if relief else names.margin)
    if rivals:
        either = tuple(c for c in claim.candidates if c.id in {best.id, *rivals})
        return Decision(None, best.score, "ambiguous", either)
    return Decision(best.id, best.score, None, claim.candidates, policy.probability(best.score))


def _strength(claim: Claim, policy: Policy) -> float:
    """Return what claims are ranked by; a name that was said is not taken by a trifle."""
    if not claim.candidates:
        return -1.0
    names = policy.scores.names
    best = _steady_best(claim, names.takeover)
    return best.score + (names.steady if claim.said == best.id else 0.0)


def _rivals(
    claim: Claim, best: Candidate, policy: Policy, taken: set[str], least: float
) -> list[str]:
    """Return who else may as well be meant; who is seen elsewhere in the picture cannot be."""
    names = policy.scores.names
    found = []
    for other in claim.candidates:
        if other.id == best.id or other.id in taken or best.score - other.score > names.most_margin:
            continue
        margin = policy.margin(best.id, other.id)
        if claim.said == best.id:
            # once said, a name stays; but between look-alikes the first impression must not win
            margin = margin / 2 if margin > names.margin else -1.0
        else:
            margin = max(margin, least)
        if not best.score - other.score >= margin:
            found.append(other.id)
    return found


def _steady_best(claim: Claim, takeover: float) -> Candidate:
    """Return the candidate that counts: the one said before, unless another is clearly better."""
    best = claim.candidates[0]
    for candidate in claim.candidates:
        if candidate.id == claim.said and best.score - candidate.score < takeover:
            return candidate
    return best


def _why_illegible(claim: Claim) -> Why | None:
    if claim.side_px < MIN_LEGIBLE_SIDE_PX:
        return "too_small"
    if claim.yaw > MAX_LEGIBLE_YAW:
        return "profile"
    if claim.sharpness < MIN_LEGIBLE_SHARPNESS:
        return "blurred"
    return None


def _context_speaks_for(
    claim: Claim,
    claims: Sequence[Claim],
    decisions: dict[int, Decision],
    policy: Policy,
    together: Callable[[int, int], bool] | None,
) -> bool:
    """Everybody else who can be told is named, and they are at least two."""
    named = {
        c.track: decisions[c.track].id is not None
        for c in claims
        if c.track != claim.track and (together is None or together(c.track, claim.track))
    }
    others = [
        named[c.track]
        for c in claims
        if c.track in named and (named[c.track] or _why_illegible(c) is None)
    ]
    poor = claim.norm < policy.scores.names.context_norm
    return poor and policy.people <= SMALL_GALLERY and len(others) >= 2 and all(others)
