"""Lines of a lower third that look like somebody's name, though nobody enrolled has it.

A line must be written as names are, begin with a given name or a Chinese family name, hold no word
that stands in no name, and must not be what another line's block says below its name. What passes
is shown as the caption's own words, never as a match.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gallery.titles.match import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engines.text_reading.lines import TextLine

_HERE = Path(__file__).parent
MOST_NAMES = 3
"""More lines that look like names are a table or a list: none of them is whoever is seen."""
MOST_LETTERS = 36
MOST_WORDS = 4
SMALLER = 0.85
"""A line above one that is this much larger is the head of a headline."""
APART, ASIDE = 1.6, 2.0
"""Lines are of one block whose middles are at most this many heights apart, and which begin, end or
have their middles within this many heights of each other."""
_JOINED = re.compile(r"(?<=[a-zà-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ])")
_PREFIX = re.compile(r"\b(Ma?c|De|Di|Du|La|Le|Van|Von)(?=[A-ZÀ-ÖØ-Þ])")
_WORD = re.compile(r"(?:[^\W\d_]+['\u2019`\u00b4.]?)+(?:-(?:[^\W\d_]+['\u2019`\u00b4.]?)+)*")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]{2,4}")
_FOREIGN = re.compile(
    "[\u3400-\u4dbf\u4e00-\u9fff]{2,6}(?:[·•・][\u3400-\u4dbf\u4e00-\u9fff]{1,6})+"
)


class _Words(msgspec.Struct, frozen=True):
    """What `name_words.toml` holds: words apart by spaces, and runs of Chinese characters."""

    particles: str
    titles: str
    in_no_name: str
    also_places: str
    family: str
    double_family: str
    words: str
    ends: str


@cache
def _known() -> _Words:
    return msgspec.toml.decode((_HERE / "name_words.toml").read_bytes(), type=_Words)


@cache
def _set(field: str) -> frozenset[str]:
    return frozenset(str(getattr(_known(), field)).split())


@cache
def given_names() -> frozenset[str]:
    """Return the given names that are known, folded; `tools/given_names.py` writes them."""
    text = (_HERE / "given_names.txt").read_text(encoding="ascii")
    return frozenset(text.split()) - _set("also_places")


def shown_names(lines: Sequence[TextLine]) -> tuple[str, ...]:
    """Return the lines of a picture's lower part that look like names, as they are shown.

    Args:
        lines: all of one picture.
    """
    found = [one for one in lines if is_name_like(one.text)]
    if len(found) > MOST_NAMES:
        return ()
    return tuple(spaced(one.text) for one in found if not _is_below(one, lines))


def spaced(line: str) -> str:
    """Return a line with a space where a reader has lost one: `AdaLovelace`, but `McKay`."""
    kept = _PREFIX.sub(lambda found: found[1] + "\0", line.strip())
    return _JOINED.sub(" ", kept).replace("\0", "")


def is_name_like(line: str) -> bool:
    """Return whether a line is written as a name is: `Ana Ruiz`, `DR. J. O'NEIL`, `王小明`."""
    text = spaced(line)
    han = text.replace(" ", "")
    if _HAN.fullmatch(han):
        return _is_chinese(han)
    words = text.split()
    if len(text) > MOST_LETTERS or not all(_WORD.fullmatch(word) for word in words):
        return bool(_FOREIGN.fullmatch(han))
    while words and _low(words[0]) in _set("titles"):
        words = words[1:]
    named = [word for word in words if _low(word) not in _set("particles")]
    return (
        2 <= len(named) <= MOST_WORDS
        and len(words) <= MOST_WORDS + 2
        and _are_cased(named)
        and not _set("in_no_name").intersection(map(_low, words))
        and _is_given(named)
    )


def _low(word: str) -> str:
    return word.casefold().strip(".'\u2019`\u00b4")


def _are_cased(words: Sequence[str]) -> bool:
    """Return whether all words are written large, or all begin so."""
    if all(word.removeprefix("Mc") == word.removeprefix("Mc").upper() for word in words):
        return True
    return all(word[0] == word[0].upper() for word in words) and not any(
        len(word.strip(".")) > 3 and word == word.upper() for word in words
    )


def _is_given(words: Sequence[str]) -> bool:
    """Return whether the first word that is no initial is a given name."""
    first = next((word for word in words[:-1] if len(word.strip(".")) > 1), "")
    return any(part in given_names() for part in fold(first).split())


def _is_chinese(name: str) -> bool:
    if name[:2] in _set("double_family"):
        return len(name) > 2
    if len(name) > 3 or name[:2] in _set("words") or name[-1] in _known().ends:
        return False
    return name[0] in _known().family


def _is_below(line: TextLine, lines: Sequence[TextLine]) -> bool:
    """Return whether a line is what its block says below the name, or a headline's head."""
    return any(
        other is not line
        and _belong(other, line)
        and (_middle(other) < _middle(line) or SMALLER * _height(other) > _height(line))
        for other in lines
    )


def _belong(one: TextLine, other: TextLine) -> bool:
    height = max(_height(one), _height(other))
    if not 0 < abs(_middle(one) - _middle(other)) <= APART * height:
        return False
    (left, right), (left2, right2) = _ends(one), _ends(other)
    aside = (left - left2, right - right2, (left + right - left2 - right2) / 2)
    return min(map(abs, aside)) <= ASIDE * height


def _height(line: TextLine) -> float:
    return float(np.linalg.norm(line.corners_px[3] - line.corners_px[0]))


def _middle(line: TextLine) -> float:
    return float(line.corners_px[:, 1].mean())


def _ends(line: TextLine) -> tuple[float, float]:
    return float(line.corners_px[:, 0].min()), float(line.corners_px[:, 0].max())
