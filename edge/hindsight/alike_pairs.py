"""Pairs of vectors that are alike, the most alike first, without keeping all of them."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

AT_ONCE = 16
"""Pairs that one vector keeps in sight; the next ones are searched for when these are spent."""


@dataclass(slots=True)
class _Proposals:
    """The next pairs of one vector, the best last, and up to where they were had."""

    others: NDArray[np.int32]
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

    def changed(self, a: int) -> None:
        """Take that a vector is another one now: what was said of it is void."""
        self._changes += 1
        self._since[a] = self._changes
        self._proposed.pop(a, None)

    def propose(self, a: int) -> None:
        """Put down who is alike to a vector."""
        self._proposed[a] = self._search(a, (-math.inf, -1))
        self._queue_next(a)

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

    def _queue_next(self, a: int) -> None:
        proposals = self._proposed[a]
        if not proposals.left and len(proposals.others) == AT_ONCE:
            proposals = self._proposed[a] = self._search(a, proposals.last)
        if proposals.left:
            proposals.left -= 1
            b, score = proposals.others[proposals.left], proposals.scores[proposals.left]
            heapq.heappush(self._queue, (-float(score), a, int(b), int(self._since[a])))

    def _search(self, a: int, after: tuple[float, int]) -> _Proposals:
        """Return the best pairs of a vector that come after a negative cosine and a number."""
        alike = self._units @ self._units[a]
        others = np.flatnonzero(alike >= self._least)
        others = others[(others != a) & self._is_mine(a, others)]
        order = -alike[others].astype(np.float64)
        later = (order > after[0]) | ((order == after[0]) & (others > after[1]))
        others, order = others[later], order[later]
        best = np.lexsort((others, order))[:AT_ONCE][::-1]
        others = others[best].astype(np.int32)
        last = (float(order[best[0]]), int(others[0])) if len(best) else after
        return _Proposals(others, alike[others], len(others), last)

    def _is_mine(self, a: int, others: NDArray[np.intp]) -> NDArray[np.bool_]:
        since, its = self._since[a], self._since[others]
        return np.asarray((its < since) | ((its == since) & (others > a)), np.bool_)
