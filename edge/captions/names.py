"""Lines as they were read -> people of a gallery.

A reader of text loses spaces, so that names are compared without them: whole, or at least 0.95
alike where they are long enough for that to allow one wrong letter. Of 400 invented look-alike
names none was that near to one of 50,000, of those at 0.90 a quarter was.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gallery.titles.match import LONGEST, fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gallery.titles.match import NameIndex

ALIKE = 0.95
LEAST_LETTERS = 20
"""Of two names that differ in one letter, shorter ones are less alike than `ALIKE`."""
_ONE_SHAPE = str.maketrans("i10", "llo")
"""In many fonts I, l and 1 are one shape, and so are O and 0: a reader takes one for another."""
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+(?:·[\u3400-\u9fff]+)*")
_ONE_WORD = re.compile(f"{_HAN.pattern}|[\uac00-\ud7a3]{{3,}}|[\u3040-\u30ff\u3400-\u9fff]{{4,}}")
"""Names that are written as one word: Chinese, Korean and Japanese."""
_END = re.compile(r"(?:[;:!?|]|(?<=\w\w\w)\.)\s")
_HEAD = re.compile(r"\s*[,;|(/\u2013\u2014]|\s-\s")
_JOINED = re.compile(r"(?<=[a-zà-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])")


class CaptionNames:
    """Finds whom a line names.

    Args:
        index: the names of a gallery.
    """

    def __init__(self, index: NameIndex) -> None:
        self.count = index.count
        self._ids: dict[str, tuple[str, ...]] = {}
        self._single: dict[str, tuple[str, ...]] = {}
        for name, ids in index.names():
            kept = self._ids if " " in name or _ONE_WORD.fullmatch(name) else self._single
            key = name.replace(" ", "").translate(_ONE_SHAPE)
            kept[key] = tuple(sorted({*kept.get(key, ()), *ids}))
        self._long = [key for key in self._ids if len(key) >= LEAST_LETTERS]

    def named(self, line: str) -> tuple[str, ...]:
        """Return the ids of all whom a line names; none where it names nobody of the gallery.

        A name of one word counts only where it is the whole line. No name goes on over the end of a
        sentence, nor is one that stands in small letters where others are capitals.
        """
        return tuple(self.shares(line))

    def shares(self, line: str) -> dict[str, float]:
        """Return whom a line names, and which share of its letters the name is, 0 to 1.

        What comes after a comma or a dash does not count: `Ada Chen, Professor of Law`.
        """
        head = _HEAD.split(line, maxsplit=1)[0]
        return self._shares(line) | (self._shares(head) if head != line else {})

    def _shares(self, line: str) -> dict[str, float]:
        parted = _JOINED.sub(" ", line)
        whole = fold(parted).translate(_ONE_SHAPE).replace(" ", "")
        return {i: min(n / max(len(whole), 1), 1.0) for i, n in self._found(line, whole).items()}

    def _found(self, line: str, whole: str) -> dict[str, int]:
        """Return the ids of all whom a line names, and how many letters each name has."""
        found: dict[str, int] = {}
        for run in _HAN.findall(line):
            if len(run) > 1:
                name = fold(run).replace(" ", "")
                found.update(dict.fromkeys(self._ids.get(name, ()), len(name)))
        parted = _JOINED.sub(" ", line)
        found.update(dict.fromkeys(self._single.get(whole, ()), len(whole)))
        cased = line != line.lower()
        for sentence in _END.split(parted):
            for span in _spans(_words(sentence, cased=cased)):
                if not _HAN.fullmatch(span):
                    ids = self._ids.get(span, ()) or self._nearly(span)
                    found |= {i: len(span) for i in ids if i not in found}
        return found

    def _nearly(self, span: str) -> tuple[str, ...]:
        if len(span) < LEAST_LETTERS or not self._long:
            return ()
        from rapidfuzz import fuzz, process  # noqa: PLC0415 - loaded where text is read

        best = process.extractOne(span, self._long, scorer=fuzz.ratio, score_cutoff=100 * ALIKE)
        return self._ids[best[0]] if best else ()


def _words(sentence: str, *, cased: bool) -> list[tuple[str, bool]]:
    """Return the words of a sentence as they are compared, and whether each may begin a name."""
    return [
        (word, not cased or token != token.lower() or token == token.upper())
        for token in sentence.split()
        for word in fold(token).translate(_ONE_SHAPE).split()
    ]


def _spans(words: list[tuple[str, bool]]) -> Iterator[str]:
    """Yield runs of words without spaces, the longest first, that may be names."""
    for count in range(min(len(words), LONGEST), 0, -1):
        for first in range(len(words) - count + 1):
            run = words[first : first + count]
            if any(may for _, may in run):
                yield "".join(word for word, _ in run)
