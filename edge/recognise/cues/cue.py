"""Cues beside the face: what the title or a caption says of who somebody is.

A cue is a value. Whoever finds one puts it on the board; the recogniser gives it to the tracks that
it speaks for, and `decide` adds it to what the faces say. No cue makes a name by itself.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CueKind = Literal["title", "text", "voice", "body"]
CUE_KINDS: frozenset[CueKind] = frozenset({"title", "text", "voice", "body"})
"""All of them."""
Target = int | Literal["shot", "speaking", "all", "nobody"]
"""Whom a cue speaks for: a track by its number, the shot's largest face or those about as large,
the only face whose lips move, all faces, or nobody who is seen."""

LONGEST_AWAY_S = 2.0
"""A face that turns away keeps its name for so long at most; most are let go before."""
MOST_CUES = 256
"""A board keeps this many; the oldest go."""


class Spoke(msgspec.Struct, frozen=True):
    """What one cue, or the face, adds to the log odds of a name."""

    kind: Literal["face", "title", "text", "voice", "body"]
    llr: float


@dataclass(frozen=True, slots=True)
class Cue:
    """What was found once.

    Attributes:
        kind: of the cue.
        from_s, to_s: where in the source it holds, presentation time.
        llr: by person id, the logarithm of how many times more likely the cue is when it is them.
        speaks_for: see `Target`.
    """

    kind: CueKind
    from_s: float
    to_s: float
    llr: Mapping[str, float]
    speaks_for: Target = "shot"

    def shared(self, count: int) -> Cue:
        """Return the cue as it speaks for each of several faces, one of whom it means.

        Of two it may mean each is half as probable: odds of 7 to 3 become 7 to 13, a fourth. That
        is more than a half where it is sure, and about a half where it is not; more is taken off.
        """
        if count < 2:
            return self
        less = 2 * math.log(count)
        kept = {person: llr - less for person, llr in self.llr.items() if llr > less}
        return replace(self, llr=kept)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the cues of one kind say of one track: log-likelihood ratios by person id.

    `typed` where the user has told it of this very film.
    """

    kind: CueKind
    llr: Mapping[str, float]
    typed: bool = False


class CueSource(Protocol):
    """Where the recogniser asks for cues."""

    def at(self, pts_s: float) -> tuple[Cue, ...]:
        """Return the cues that hold at a time of the source."""

    def supposed(self, named: Mapping[str, float]) -> Mapping[str, float]:
        """Return log-likelihood ratios of who is likely beside these, where no title is told.

        Args:
            named: ids of who was named, and the log-likelihood ratio of the face.
        """


class CueBoard:
    """Keeps cues until they are over; any thread may call any method.

    Args:
        kinds: cues of other kinds are left out.
    """

    def __init__(self, kinds: frozenset[CueKind] = CUE_KINDS) -> None:
        self.kinds = kinds
        self._lock = threading.Lock()
        self._cues: deque[Cue] = deque(maxlen=MOST_CUES)
        self._standing: dict[CueKind, Cue] = {}

    def put(self, cue: Cue) -> None:
        """Take a cue."""
        if cue.kind in self.kinds:
            with self._lock:
                self._cues.append(cue)

    def stand(self, kind: CueKind, llr: Mapping[str, float]) -> None:
        """Let a cue speak for all faces from now on, in place of the one before; none if empty."""
        with self._lock:
            self._standing.pop(kind, None)
            if llr and kind in self.kinds:
                self._standing[kind] = Cue(kind, -math.inf, math.inf, llr, "all")

    def at(self, pts_s: float) -> tuple[Cue, ...]:
        """Return the cues that hold at a time of the source."""
        if not self._cues and not self._standing:
            return ()
        with self._lock:
            found = [cue for cue in self._cues if cue.from_s <= pts_s <= cue.to_s]
            return (*self._standing.values(), *found)

    def supposed(self, named: Mapping[str, float]) -> Mapping[str, float]:
        """Return nothing: a board knows no titles."""
        del named
        return {}


def parse_kinds(text: str, among: frozenset[CueKind] = CUE_KINDS) -> frozenset[CueKind]:
    """Return the kinds that `none`, `all` or a list with commas means.

    Raises:
        ValueError: there is no such kind.
    """
    words = {word.strip() for word in text.split(",") if word.strip()}
    if words == {"none"}:
        return frozenset()
    if words == {"all"}:
        return among
    unknown = sorted(words - among)
    if unknown or not words:
        told = ", ".join(unknown) or "nothing"
        raise ValueError(f"{told}, expected none, all or some of {','.join(sorted(among))}")
    return cast("frozenset[CueKind]", frozenset(words))


def with_cue(evidence: tuple[Evidence, ...], cue: Cue) -> tuple[Evidence, ...]:
    """Return a track's evidence with a cue: one kind says a thing once, however often it is read.

    What speaks for all faces, or for one that speaks, replaces what was said so before.
    """
    before = next((e for e in evidence if e.kind == cue.kind), None)
    llr = cue.llr
    if before is not None:
        if before.llr is llr:
            return evidence
        if cue.speaks_for not in {"all", "speaking"}:
            both = before.llr.keys() | llr.keys()
            llr = {p: max(before.llr.get(p, -math.inf), llr.get(p, -math.inf)) for p in both}
        if llr == before.llr:
            return evidence
    return (*(e for e in evidence if e.kind != cue.kind), Evidence(cue.kind, llr))


def people_of(evidence: Iterable[Evidence]) -> set[str]:
    """Return the ids of whom cues speak in favour."""
    return {person for one in evidence for person, llr in one.llr.items() if llr > 0}
