"""From scores to names: threshold, probability, margin, one person once, and steadiness.

Each track claims its best candidate. A claim holds when its score passes the threshold for the
gallery's size and its density around this face, the name is more likely right than not, its margin
to the second is clear, and no better claim of a track that is on screen at the same time names the
same person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from edge.recognise.cues.belief import Belief, cast_llr
from edge.recognise.cues.cue import Evidence, Spoke
from engines.scores.probability import IN_GALLERY
from gallery.search.search import MAX_SCORE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.recognise.scene import Candidate, Face, Why
    from engines.scores.model import ScoreModel

LEAST_PROBABILITY = 0.5
"""No name is shown that is less likely to be right than this."""
PUBLISHED = 3
"""Candidates of a decision; those after them only tell how dense the gallery is."""
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
        displayed_id: the id that was shown for it last, or None.
        impostor_mean: expected of strangers with a track's template, where known.
        evidence: what cues beside the face say of it.
        cued: whom they speak of, with cosine scores, where those are not among the candidates.
    """

    track: int
    candidates: tuple[Candidate, ...]
    side_px: float
    yaw: float
    sharpness: float
    norm: float
    displayed_id: str | None = None
    impostor_mean: float | None = None
    evidence: tuple[Evidence, ...] = ()
    cued: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A name, or the reason why there is none; `probability` is that of the name being right.

    `spoke` is what the face and each cue add to the log odds of a name.
    """

    id: str | None
    score: float
    why: Why | None
    candidates: tuple[Candidate, ...]
    probability: float = 0.0
    spoke: tuple[Spoke, ...] = ()


def with_decision(face: Face, decision: Decision) -> Face:
    """Return a face with another decision for its track."""
    return msgspec.structs.replace(
        face,
        id=decision.id,
        score=round(decision.score, 4),
        why=decision.why,
        candidates=decision.candidates,
        probability=round(decision.probability, 4),
        cues=decision.spoke,
    )


def _never_alike(_a: str, _b: str) -> float:
    return 0.0


def _nobody_around(_person: str) -> tuple[float, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Policy:
    """When a name may be given.

    Attributes:
        threshold: the usual cosine that names somebody, before crowding and the lower bound.
        people: size of the gallery.
        scores: what cosines of this embedder mean.
        cast: ids of the title's cast, who are expected; a title that a cue tells comes before it.
        alike: the best cosine between the templates of two people.
        around: cosines of a person with others of the gallery but the nearest, best first.
        stills: faces of single pictures, not of tracks.
    """

    threshold: float
    people: int
    scores: ScoreModel
    cast: frozenset[str] = frozenset()
    alike: Callable[[str, str], float] = field(default=_never_alike, compare=False)
    around: Callable[[str], tuple[float, ...]] = field(default=_nobody_around, compare=False)
    stills: bool = True

    def crowding(self, claim: Claim, best: Candidate) -> float:
        """Return how much higher than usual strangers are expected to score with a face."""
        others = [c.score for c in claim.candidates if c.id != best.id]
        return self.scores.crowding(
            others,
            self.around(best.id),
            self.people,
            stills=self.stills,
            impostor_mean=claim.impostor_mean,
        )

    def probability(self, best: Candidate, norm: float, crowding: float) -> float:
        """Return how likely a candidate with this score is the right one, 0 to 1."""
        cosines = self.scores.cosines(stills=self.stills, norm=norm)
        return cosines.probability(best.score, self.people, crowding=crowding)

    def margin(self, best: str, second: str) -> float:
        """Return how much better the best must be than the second."""
        alike, least, same = self.alike(best, second), self.scores.names.margin, self.scores.same
        if math.isnan(alike):
            return self.scores.names.most_margin
        if alike < same.alike:
            return least
        return max(least, same.alike_margin * math.sqrt(2 * max(1 - alike, 0.0)))

    def threshold_of(self, _person: str, norm: float, crowding: float) -> float:
        """Return the lowest cosine that names somebody on a face, see `crowding`."""
        return max(self.usual(norm, crowding), self.scores.names.lowest)

    def usual(self, norm: float, crowding: float) -> float:
        """Return the cosine that keeps the promise for a face, before the lower bound."""
        return self.threshold + crowding - self.scores.relief(norm, stills=self.stills)

    def belief(self, claim: Claim) -> CuedPolicy | None:
        """Return this policy as cues move it for one claim; None where none speaks."""
        evidence = claim.evidence
        if self.cast and not any(e.kind == "title" for e in evidence):
            evidence = (*evidence, Evidence("title", cast_llr(self.cast, self.people), typed=True))
        if not any(e.llr for e in evidence):
            return None
        return CuedPolicy(self, Belief(evidence, self.people), claim)

    def llr(self, best: Candidate, norm: float, crowding: float) -> float:
        """Return the log-likelihood ratio of a candidate's cosine."""
        return self.scores.cosines(stills=self.stills, norm=norm).llr(best.score, crowding=crowding)


@dataclass(frozen=True, slots=True)
class CuedPolicy:
    """A policy as the cues of one claim move it.

    Attributes:
        policy: without cues.
        belief: what they say.
        claim: of the track that they speak for.
    """

    policy: Policy
    belief: Belief
    claim: Claim

    def gain(self, person: str) -> float:
        """Return how much lower than usual the cosine is from which somebody may be named."""
        cosines = self.policy.scores.cosines(stills=self.policy.stills)
        threshold = self.policy.threshold
        return threshold - cosines.relaxed(threshold, self.belief.times_likelier(person))

    def threshold_of(self, person: str, norm: float, crowding: float) -> float:
        """Return the lowest cosine that names this person; who is expected may go below `lowest`.

        What is promised holds whether the cues are right or wrong, see `CosineModel.relaxed`.
        """
        gain = self.gain(person)
        usual = self.policy.threshold_of(person, norm, crowding - gain)
        if gain <= 0:
            return usual
        return min(usual, self.policy.usual(norm, crowding) - gain)

    def probability(self, best: Candidate, norm: float, crowding: float) -> float:
        """Return how likely a candidate is the right one: Bayes' rule over gallery and stranger.

        Whoever is not among the candidates is taken to be as likely as before their face.
        """
        cosines = self.policy.scores.cosines(stills=self.policy.stills, norm=norm)
        listed = {c.id: c.score for c in (*self.claim.candidates, *self.claim.cued)}
        odds = {
            person: self.belief.prior(person)
            * math.exp(min(cosines.llr(score, crowding=crowding), 50.0))
            for person, score in listed.items()
            if score == score  # noqa: PLR0124 - not a number
        }
        unlisted = max(0.0, 1 - sum(self.belief.prior(person) for person in listed))
        here = IN_GALLERY * odds.get(best.id, 0.0)
        return here / (IN_GALLERY * (sum(odds.values()) + unlisted) + 1 - IN_GALLERY)


def decide(
    claims: Sequence[Claim], policy: Policy, co_occur: Callable[[int, int], bool] | None = None
) -> dict[int, Decision]:
    """Return the decision for each track.

    Args:
        claims: all tracks of a frame, or of a shot.
        policy: thresholds.
        co_occur: whether two tracks (by number) are ever on screen at once; always, by default.
    """
    decisions: dict[int, Decision] = {}
    named: dict[str, list[int]] = {}
    for claim in sorted(claims, key=lambda claim: _strength(claim, policy), reverse=True):
        taken = {
            c.id
            for c in (*claim.candidates, *claim.cued)
            if c.id in named
            and (co_occur is None or any(co_occur(track, claim.track) for track in named[c.id]))
        }
        decision = _judge(claim, policy, taken)
        if decision.id:
            named.setdefault(decision.id, []).append(claim.track)
        decisions[claim.track] = decision
    return decisions


def _judge(claim: Claim, policy: Policy, taken: set[str]) -> Decision:
    if not claim.candidates:
        return Decision(None, 0.0, _why_illegible(claim) or "too_small", ())
    cued = policy.belief(claim)
    names, published = policy.scores.names, claim.candidates[:PUBLISHED]
    best = _displayed_or_best(claim, names.takeover, cued)
    if best not in published:
        published = (best, *published)[:PUBLISHED]
    crowding = policy.crowding(claim, best)
    threshold = (cued or policy).threshold_of(best.id, claim.norm, crowding)
    if claim.displayed_id == best.id:
        threshold -= names.hysteresis
    llr = policy.llr(best, claim.norm, crowding)
    probability = (cued or policy).probability(best, claim.norm, crowding)
    # nor where a score is not a number
    if not (threshold <= best.score <= MAX_SCORE and probability >= LEAST_PROBABILITY) or (
        cued is not None and not llr > 0
    ):
        why: Why = _why_illegible(claim) or "below_threshold"
        return Decision(None, best.score, why, published)
    if best.id in taken:
        return Decision(None, best.score, "below_threshold", published)
    rivals = _rivals(claim, best, policy, taken, cued)
    if rivals:
        either = tuple(c for c in claim.candidates if c.id in {best.id, *rivals})[:PUBLISHED]
        return Decision(None, best.score, "ambiguous", either)
    spoke = (Spoke("face", round(llr, 3)), *(cued.belief.spoke(best.id) if cued else ()))
    return Decision(best.id, best.score, None, published, probability, spoke)


def _strength(claim: Claim, policy: Policy) -> float:
    """Return what claims are ranked by; a displayed name is not lost to a tiny difference."""
    if not claim.candidates:
        return -1.0
    names, cued = policy.scores.names, policy.belief(claim)
    best = _displayed_or_best(claim, names.takeover, cued)
    return _counted(best, cued) + (names.hysteresis if claim.displayed_id == best.id else 0.0)


def _counted(candidate: Candidate, cued: CuedPolicy | None) -> float:
    """Return a candidate's score, and what cues are worth beside it."""
    return candidate.score + (cued.gain(candidate.id) if cued is not None else 0.0)


def _rivals(
    claim: Claim, best: Candidate, policy: Policy, taken: set[str], cued: CuedPolicy | None
) -> list[str]:
    """Return who else it may be; people seen elsewhere in the picture are ruled out."""
    names = policy.scores.names
    found = []
    for other in (*claim.candidates, *claim.cued):
        ahead = _counted(best, cued) - _counted(other, cued)
        if other.id == best.id or other.id in taken or ahead > names.most_margin:
            continue
        margin = policy.margin(best.id, other.id)
        if claim.displayed_id == best.id:
            # a displayed name stays; but between look-alikes the first impression must not win
            margin = margin / 2 if margin > names.margin else -1.0
        if not ahead >= margin:
            found.append(other.id)
    return found


def _displayed_or_best(claim: Claim, takeover: float, cued: CuedPolicy | None) -> Candidate:
    """Return the candidate that counts: the displayed one, unless another is clearly better."""
    every = (*claim.candidates, *claim.cued)
    best = max(every, key=lambda c: _counted(c, cued)) if cued is not None else every[0]
    for candidate in every:
        ahead = _counted(best, cued) - _counted(candidate, cued)
        if candidate.id == claim.displayed_id and ahead < takeover:
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
