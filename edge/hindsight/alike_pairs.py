"""Pairs of vectors that are alike, the most alike first, without keeping all of them.

Vectors are compared many at a time in float32, as fast as a library of linear algebra can; how it
rounds depends on how many there are and where, so what matters for the order is worked out again in
float64, one pair like another. The order is the same on each machine.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

AT_ONCE = 16
"""Pairs that one vector keeps in sight; the next ones are searched for when these are spent."""
ROUNDING = 1e-4
"""More than float32 may be wrong by."""
BLOCK = 1 << 20
"""Cosines that are worked out at once."""
GONE = 0.2
"""Where more than this part of the vectors has become zero, the others are copied closer."""


@dataclass(slots=True)
class _Proposals:
    """The next pairs of one vector, the best last, and up to where they were had."""

    others: NDArray[np.intp]
    scores: NDArray[np.float32]
    left: int
    last: tuple[float, int]


class AlikePairs:
    """A queue of pairs, by their cosine.

    Each pair belongs to that one of the two which was proposed last, or to the lower number where
    neither has changed yet. It is gone when one of them changes, until that one is proposed again.

    Args:
        units: float32 (n, dimension), unit length or zero; the caller may change rows, and says so.
        least: cosine from which on two are alike, above 0.
    """

    def __init__(self, units: NDArray[np.float32], least: float) -> None:
        self._units, self._least = units, least
        self._since = np.zeros(len(units), np.int64)
        self._proposed: dict[int, _Proposals] = {}
        self._queue: list[tuple[float, int, int, int]] = []
        self._changes = 0
        self._pack()

    def changed(self, a: int) -> None:
        """Take that a vector is another one now: what was said of it is void."""
        self._changes += 1
        self._since[a] = self._changes
        self._proposed.pop(a, None)
        place = int(np.searchsorted(self._numbers, a))
        if place < len(self._numbers) and self._numbers[place] == a:
            self._packed[place] = self._units[a]
            self._gone += not self._units[a].any()
        if self._gone > GONE * len(self._numbers):
            self._pack()

    def propose(self, a: int) -> None:
        """Put down who is alike to a vector."""
        self._propose(a, self._packed @ self._units[a])

    def propose_all(self, numbers: Sequence[int]) -> None:
        """Put down who is alike to each of some vectors, none of which has changed yet."""
        step = max(1, BLOCK // max(1, len(self._numbers)))
        for start in range(0, len(numbers), step):
            part = numbers[start : start + step]
            for a, alike in zip(part, self._units[part] @ self._packed.T, strict=True):
                self._propose(a, alike)

    def pop(self) -> tuple[float, int, int] | None:
        """Return the cosine and the two numbers of the next pair; None where none is left."""
        while self._queue:
            negative, a, b, since = heapq.heappop(self._queue)
            if self._since[a] != since:
                continue
            self._queue_next(a)
            if self._since[b] <= since:
                return -negative, a, b
        return None

    def _pack(self) -> None:
        """Keep the vectors that are not zero side by side, float32 (k, dimension)."""
        self._numbers = np.flatnonzero(self._units.any(axis=1))
        self._packed = self._units[self._numbers]
        self._gone = 0

    def _propose(self, a: int, alike: NDArray[np.float32]) -> None:
        self._proposed[a] = self._best(a, alike, (-math.inf, -1))
        self._queue_next(a)

    def _queue_next(self, a: int) -> None:
        proposals = self._proposed[a]
        if not proposals.left and len(proposals.others) == AT_ONCE:
            alike = self._packed @ self._units[a]
            proposals = self._proposed[a] = self._best(a, alike, proposals.last)
        if proposals.left:
            proposals.left -= 1
            b, score = proposals.others[proposals.left], proposals.scores[proposals.left]
            heapq.heappush(self._queue, (-float(score), a, int(b), int(self._since[a])))

    def _best(self, a: int, alike: NDArray[np.float32], after: tuple[float, int]) -> _Proposals:
        """Return the best pairs of a vector that come after a negative cosine and a number.

        Args:
            a: its number.
            alike: float32 (k,), its cosine with each packed vector, nearly.
            after: where it left off.
        """
        near = np.flatnonzero((alike >= self._least - ROUNDING) & (alike <= ROUNDING - after[0]))
        others = self._numbers[near]
        mine = (others != a) & self._is_mine(a, others)
        near, others = self._foremost(alike[near[mine]], after), others[mine]
        others = others[near]
        scores = cosines(self._units[others], self._units[a])
        order = -scores.astype(np.float64)
        later = (order > after[0]) | ((order == after[0]) & (others > after[1]))
        later &= scores >= self._least
        others, scores, order = others[later], scores[later], order[later]
        best = np.lexsort((others, order))[:AT_ONCE][::-1]
        last = (float(order[best[0]]), int(others[best[0]])) if len(best) else after
        return _Proposals(others[best], scores[best], len(best), last)

    def _foremost(self, alike: NDArray[np.float32], after: tuple[float, int]) -> NDArray[np.intp]:
        """Return the places among which the best pairs are, however float32 was rounded."""
        enough = AT_ONCE + int((alike >= -after[0] - ROUNDING).sum())
        if enough >= len(alike):
            return np.arange(len(alike))
        bound = np.partition(alike, len(alike) - enough)[len(alike) - enough]
        return np.flatnonzero(alike >= bound - 2 * ROUNDING)

    def _is_mine(self, a: int, others: NDArray[np.intp]) -> NDArray[np.bool_]:
        since, its = self._since[a], self._since[others]
        return np.asarray((its < since) | ((its == since) & (others > a)), np.bool_)


def cosines(units: NDArray[np.float32], unit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosine of each row with a vector, float32 (n,), wherever the row stands.

    Args:
        units: float32 (n, dimension), of length 1.
        unit: float32 (dimension,), the same.
    """
    return np.asarray((units.astype(np.float64) * unit).sum(axis=1), np.float32)
