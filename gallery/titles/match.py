"""Names of a cast -> people of a gallery, and the other way round: who is said to act in a title.

Names are compared without case, accents and punctuation, and as a whole: half a name is nobody's.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gallery.store.person import Person
    from gallery.titles.title import Title

LONGEST = 6
"""Words of the longest name that is looked for in a text."""
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff·]+")
_APOSTROPHES = re.compile("['`\u2019\u02bc]")
_WORDS = re.compile(r"[^\W_]+")
_ATOMS = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)


def fold(name: str) -> str:
    """Return a name as it is compared: `Penélope  CRUZ` becomes `penelope cruz`."""
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", name)).casefold()
    bare = "".join(c for c in plain if not unicodedata.combining(c)).translate(_ATOMS)
    return " ".join(_WORDS.findall(unicodedata.normalize("NFC", bare)))


class NameIndex:
    """Finds people of a gallery by their names, and by the titles of their works.

    Args:
        people: of the gallery.
    """

    def __init__(self, people: Iterable[Person]) -> None:
        self.count = 0
        self._ids: set[str] = set()
        self._names: dict[str, tuple[str, ...]] = {}
        self._works: dict[str, list[tuple[int | None, str]]] = defaultdict(list)
        for person in people:
            self.count += 1
            self._ids.add(person.id)
            for name in {fold(n) for n in person.names.values()} - {""}:
                self._names[name] = (*self._names.get(name, ()), person.id)
            for work in person.works:
                titles = {work.title} if isinstance(work.title, str) else {*work.title.values()}
                for title in {fold(t) for t in titles} - {""}:
                    self._works[title].append((work.year, person.id))

    def named(self, name: str) -> tuple[str, ...]:
        """Return the ids of all who have this name; an id is a name too."""
        return (name,) if name in self._ids else self._names.get(fold(name), ())

    def names(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield each folded name with the ids of all who have it."""
        yield from self._names.items()

    def casts(self) -> Iterator[frozenset[str]]:
        """Yield the ids of each work's people: years differ by one at most, or are not told."""
        for told in self._works.values():
            undated = {person for year, person in told if year is None}
            dated = sorted((year, person) for year, person in told if year is not None)
            if not dated:
                yield frozenset(undated)
                continue
            cast, last = set(undated), dated[0][0]
            for year, person in dated:
                if year - last > 1:
                    yield frozenset(cast)
                    cast = set(undated)
                cast.add(person)
                last = year
            yield frozenset(cast)

    def acting_in(self, title: Title) -> set[str]:
        """Return the ids of whom their works say that they act in a title.

        Where both years are known, they differ by at most one.
        """
        found = set()
        for name in (*title.names, title.series):
            for year, person in self._works.get(fold(name), ()) if name else ():
                if title.year is None or year is None or abs(title.year - year) <= 1:
                    found.add(person)
        return found

    def named_in(self, text: str) -> set[str]:
        """Return the ids of all whose whole name, of two words or more, stands in a text.

        Of Han characters whole runs are compared, since no space parts names from words.
        """
        found: set[str] = set()
        for run in _HAN.findall(text):
            if len(run) > 1:
                found.update(self._names.get(fold(run), ()))
        for sentence in re.split(r"[,;:/()|\n]|\.\s|\s[-–—]\s", text):  # noqa: RUF001
            words = fold(sentence).split()
            for first in range(len(words)):
                for count in range(2, LONGEST + 1):
                    found.update(self._names.get(" ".join(words[first : first + count]), ()))
        return found

    def cast_of(self, title: Title) -> tuple[frozenset[str], tuple[str, ...]]:
        """Return the ids of a title's cast, and the names that nobody of the gallery has."""
        ids, unknown = set(self.acting_in(title)), []
        for member in title.cast:
            found = self.named(member.name)
            ids.update(found)
            if not found:
                unknown.append(member.name)
        ids.update(self.named_in(title.text))
        return frozenset(ids), tuple(unknown)
