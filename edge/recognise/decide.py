"""From scores to names: threshold, margin, one person once, and steadiness.

Each track claims its best candidate. A claim holds when its score passes the threshold for the
gallery's size, its margin to the second is clear, and no better claim of a track that is on screen
at the same time names the same person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engines.scores.probability import STILLS, TRACKS
from engines.scores.threshold import LOWEST, PRIOR_MEAN, ImpostorModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.recognise.scene import Candidate, Why

MARGIN = 0.04
ALIKE = 0.6
"""Templates of two people at least this much alike are of look-alikes, or of one person who was
enrolled twice; different people of the test pictures reach 0.55."""
ALIKE_MARGIN = 0.33
"""The margin between two look-alikes, in units of the distance of their templates: about 2.7
standard deviations of the difference of their scores (measured: 0.11 to 0.15 units), so that a face
is "A or B" in 98 % of cases when both were enrolled with three pictures of one person."""
MAX_MARGIN = 0.3
"""No margin between two people is wider."""
STEADY = 0.06
"""A name that was said stays until its score falls this far below the threshold."""
TAKEOVER = 0.1
"""Another person replaces a name only with a score this much better."""
SMALL_GALLERY = 50
CONTEXT_RELIEF = 0.08
"""With a small gallery, when everybody else in the shot is named, a stranger there is less likely:
the threshold falls by this for a poor face with a clear margin. Only for a poor one: a good face of
the right person hardly ever scores so low, a poor one often does. See ADR 6 for its price."""
CONTEXT_MARGIN = 0.08
CONTEXT_MAX_NORM = 10.5
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
        strangers: the mean cosine of strangers with a track's template; a still's is in its norm.
    """

    track: int
    candidates: tuple[Candidate, ...]
    side_px: float
    yaw: float
    sharpness: float
    norm: float
    said: str | None = None
    strangers: float = PRIOR_MEAN


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
        cast: ids of the title's cast; they are favoured by `cast_relief`.
        impostors: how far the threshold may fall for a face that tells little.
        alike: the best cosine between the templates of two people.
        stills: faces of single pictures, not of tracks: a still is relieved by its norm, a track
            by what its own faces let expect of strangers.
    """

    threshold: float
    people: int
    cast: frozenset[str] = frozenset()
    cast_relief: float = 0.06
    impostors: ImpostorModel = field(default_factory=ImpostorModel)
    alike: Callable[[str, str], float] = field(default=_never_alike, compare=False)
    stills: bool = True

    def probability(self, score: float) -> float:
        """Return how likely the best candidate with this score is the right one, 0 to 1."""
        return (STILLS if self.stills else TRACKS).probability(score, self.people)

    def margin(self, best: str, second: str) -> float:
        """Return how much better the best must be than the second."""
        alike = self.alike(best, second)
        if alike < ALIKE:
            return MARGIN
        return max(MARGIN, ALIKE_MARGIN * math.sqrt(2 * max(1 - alike, 0.0)))

    def needed(self, person: str, norm: float, strangers: float = PRIOR_MEAN) -> float:
        """Return the lowest cosine that names this person.

        Args:
            person: the candidate's id.
            norm: of a still's embedding.
            strangers: what a track's template expects of strangers; see `expected_of_tracks`.
        """
        if self.stills:
            needed = self.threshold - self.impostors.relief(norm)
        else:
            needed = max(LOWEST, self.threshold + strangers - PRIOR_MEAN)
        if not self.cast:
            return needed
        return needed - (self.cast_relief if person in self.cast else -self.cast_relief / 2)


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
    ranked = sorted(claims, key=_strength, reverse=True)
    for relief in (0.0, CONTEXT_RELIEF):
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
    best = _steady_best(claim)
    needed = policy.needed(best.id, claim.norm, claim.strangers) - relief
    if claim.said == best.id:
        needed -= STEADY
    if not best.score >= needed:  # nor where one of them is not a number
        why: Why = _why_illegible(claim) or "below_threshold"
        return Decision(None, best.score, why, claim.candidates)
    if best.id in taken:
        return Decision(None, best.score, "below_threshold", claim.candidates)
    rivals = _rivals(claim, best, policy, taken, CONTEXT_MARGIN if relief else MARGIN)
    if rivals:
        either = tuple(c for c in claim.candidates if c.id in {best.id, *rivals})
        return Decision(None, best.score, "ambiguous", either)
    return Decision(best.id, best.score, None, claim.candidates, policy.probability(best.score))


def _strength(claim: Claim) -> float:
    """Return what claims are ranked by; a name that was said is not taken by a trifle."""
    if not claim.candidates:
        return -1.0
    best = _steady_best(claim)
    return best.score + (STEADY if claim.said == best.id else 0.0)


def _rivals(
    claim: Claim, best: Candidate, policy: Policy, taken: set[str], least: float
) -> list[str]:
    """Return who else may as well be meant; who is seen elsewhere in the picture cannot be."""
    found = []
    for other in claim.candidates:
        if other.id == best.id or other.id in taken or best.score - other.score > MAX_MARGIN:
            continue
        margin = policy.margin(best.id, other.id)
        if claim.said == best.id:
            # once said, a name stays; but between look-alikes the first impression must not win
            margin = margin / 2 if margin > MARGIN else -1.0
        else:
            margin = max(margin, least)
        if not best.score - other.score >= margin:
            found.append(other.id)
    return found


def _steady_best(claim: Claim) -> Candidate:
    """Return the candidate that counts: the one said before, unless another is clearly better."""
    best = claim.candidates[0]
    for candidate in claim.candidates:
        if candidate.id == claim.said and best.score - candidate.score < TAKEOVER:
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
    poor = claim.norm < CONTEXT_MAX_NORM
    return poor and policy.people <= SMALL_GALLERY and len(others) >= 2 and all(others)
