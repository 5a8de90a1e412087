"""Cast by filmography: who is surely seen tells which titles are likely, and those who else acts.

Where nobody says what plays, the works of the gallery's people do: two actors of one film make its
other actors likely. The title is a hidden variable: each enrolled person who is surely named is of
its cast with `IN_CAST`, else anybody; titles start out equally likely, and as likely as something
that nobody's works name.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from edge.recognise.cues.belief import IN_CAST, SURELY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

KNOWN_TITLE = 0.5
"""What plays is one of the works of the gallery so often; an assumption, with no film behind it."""
LEAST_LLR = 0.1
"""Who is hardly likelier than before is not told."""
MOST_EXPECTED = 200
"""The likeliest are expected; more would be nobody in particular."""


class Filmography:
    """The casts of all works that the people of a gallery are said to act in.

    Args:
        casts: ids of each work's people in this gallery.
        people: how many the gallery has.
    """

    def __init__(self, casts: Iterable[frozenset[str]], people: int) -> None:
        self._casts = tuple(cast for cast in casts if 0 < len(cast) < people)
        self._people = people
        self._of: dict[str, list[int]] = defaultdict(list)
        for number, cast in enumerate(self._casts):
            for person in cast:
                self._of[person].append(number)

    def expected(self, named: Mapping[str, float]) -> dict[str, float]:
        """Return the log-likelihood ratios of who is likelier beside these people than before.

        Nobody makes themselves likely: what is said of a person comes of the others alone, so that
        a false name does not confirm itself.

        Args:
            named: ids of who is named, and how probably rightly by the face alone.
        """
        sure = {p: min(q, 1.0) for p, q in named.items() if q >= SURELY and p in self._of}
        every = self._titles(sure)
        found = {}
        for person in sorted({p for title in every.numbers for p in self._casts[title]}):
            others = {p: q for p, q in sure.items() if p != person}
            titles = self._titles(others) if person in sure else every
            llr = titles.llr(person, self._of[person])
            if llr >= LEAST_LLR:
                found[person] = round(llr, 3)
        likeliest = sorted(found, key=lambda person: (-found[person], person))[:MOST_EXPECTED]
        return {person: found[person] for person in sorted(likeliest)}

    def _titles(self, sure: Mapping[str, float]) -> _Titles:
        return _Titles(self._casts, {t for p in sure for t in self._of[p]}, sure, self._people)


class _Titles:
    """How likely each title is that one of those who were named acts in; all others are alike.

    Args:
        casts: of all titles.
        numbers: of those that somebody acts in who was named.
        sure: who was named, and how probably rightly.
        people: size of the gallery.
    """

    def __init__(
        self,
        casts: Sequence[frozenset[str]],
        numbers: Iterable[int],
        sure: Mapping[str, float],
        people: int,
    ) -> None:
        self._casts, self._people = casts, people
        self.numbers = sorted(numbers)
        prior = KNOWN_TITLE / max(len(casts), 1)
        logs = {
            t: sum(math.log(self._explains(t, *one)) for one in sure.items()) for t in self.numbers
        }
        # works with none of those who were named show them by chance only
        elsewhere = sum(math.log(q * (1 - IN_CAST) + 1 - q) for q in sure.values())
        top = max([0.0, *logs.values()])
        self._weights = {title: prior * math.exp(log - top) for title, log in logs.items()}
        self._rest = (1 - KNOWN_TITLE) * math.exp(-top)
        self._rest += prior * (len(casts) - len(logs)) * math.exp(elsewhere - top)

    def _often(self, title: int, person: str) -> float:
        """Return how many times more often than by chance a title shows a person."""
        cast = self._casts[title]
        if person in cast:
            return IN_CAST * self._people / len(cast)
        return (1 - IN_CAST) * self._people / (self._people - len(cast))

    def _explains(self, title: int, person: str, sure: float) -> float:
        return sure * self._often(title, person) + 1 - sure

    def llr(self, person: str, titles: Iterable[int]) -> float:
        """Return how much likelier somebody is, by their titles, than who acts in none of them."""
        anybody = sum(w * self._often(t, "") for t, w in self._weights.items())
        more = sum(
            self._weights[t] * (self._often(t, person) - self._often(t, ""))
            for t in titles
            if t in self._weights
        )
        return math.log1p(more / (self._rest + anybody))
