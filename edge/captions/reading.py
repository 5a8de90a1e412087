"""Captions as cues: the lower part of the picture is read once a second, where it has changed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from edge.captions.name_like import shown_names
from edge.captions.names import CaptionNames
from edge.recognise.cues.cue import Cue
from gallery.titles.match import NameIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from edge.recognise.cues.cue import CueBoard
    from engines.text_reading.lines import TextLine
    from gallery.search.search import Gallery

EVERY_S = 1.0
HOLDS_S = 3.0
"""So late may a reading come, on a device that has little time; whom it speaks for is settled by
the moment of the picture that was read."""
LOWER = 0.4
"""Share of the picture's height, from below, where captions stand."""
CREDIT_LINES = 2
"""This many lines in the lower part, and no face, may be credits: the whole picture is read."""
NAMES_THE_FACE = 0.7
"""A caption that names somebody enrolled is taken to mean the largest face so often; an assumption,
with no broadcast behind it."""
SPOKEN_OF_IS_FACE = 0.1
"""Who is named within a longer line, as in a headline, or in what is said, is taken to be the face
so often; an assumption, too."""
MOST_OF_LINE = 0.5
"""A line of which a name is this share of the letters tells who is seen, not of whom is spoken."""
MOST_TEXT = 200
_LOOK = (96, 24)
_CHANGED = 6.0


class LineReader(Protocol):
    """Reads a picture; `engines.text_reading.lines.TextReader` is one."""

    def read(self, bgr: NDArray[np.uint8]) -> Sequence[TextLine]:
        """Return the lines of a picture, uint8 (height, width, 3) in BGR."""


@dataclass(frozen=True, slots=True)
class CaptionText:
    """A line that was read, and whom of the gallery it names, or None."""

    pts_s: float
    text: str
    person: str | None


class Captions:
    """Reads pictures and puts on the board whom they name; one thread uses it.

    Args:
        reader: of text.
        board: takes the cues.
        gallery: returns the one in use.

    Attributes:
        readings: how often a picture was read.
        strangers: what stands in the last picture and looks like the name of somebody who is not
            enrolled; credits are not of it.
    """

    def __init__(self, reader: LineReader, board: CueBoard, gallery: Callable[[], Gallery]) -> None:
        self._reader, self._board, self._gallery = reader, board, gallery
        self._names: tuple[str, CaptionNames] | None = None
        self._last: NDArray[np.float32] | None = None
        self._texts: tuple[CaptionText, ...] = ()
        self._headed: set[str] = set()
        self.readings = 0
        self.strangers: tuple[str, ...] = ()

    def look(
        self,
        part: NDArray[np.uint8],
        pts_s: float,
        whole: Callable[[], NDArray[np.uint8] | None] = lambda: None,
    ) -> tuple[CaptionText, ...]:
        """Take a picture's lower part; return the lines that were not there a second ago.

        Args:
            part: uint8 (height, width, 3), BGR, see `lower_part`.
            pts_s: of the picture.
            whole: returns all of it where no face is seen: credits are read there; asked only
                where there may be such.
        """
        look = np.asarray(cv2.resize(part, _LOOK, interpolation=cv2.INTER_AREA), np.float32)
        same = self._last is not None and float(np.abs(look - self._last).max()) < _CHANGED
        self._last = look
        if same:
            self._speak([(t.text, t.person) for t in self._texts], pts_s)
            return ()
        self.readings += 1
        read = self._reader.read(part)
        picture = whole() if len(read) >= CREDIT_LINES else None
        lines = [line.text for line in (read if picture is None else self._reader.read(picture))]
        names = self._named()
        self.strangers = () if picture is not None else _of_strangers(read, names)
        shares = {line: names.shares(line) for line in lines}
        found = [(line[:MOST_TEXT], person) for line in lines for person in shares[line] or (None,)]
        self._headed = {
            p for told in shares.values() for p, share in told.items() if share >= MOST_OF_LINE
        }
        before = {text.text for text in self._texts}
        self._texts = tuple(CaptionText(pts_s, line, person) for line, person in found)
        self._speak(found, pts_s)
        return tuple(text for text in self._texts if text.text not in before)

    def _named(self) -> CaptionNames:
        gallery = self._gallery()
        if self._names is None or self._names[0] != gallery.identity:
            names = CaptionNames(NameIndex(gallery.people()))
            self._names = (gallery.identity, names)
        return self._names[1]

    def _speak(self, found: Sequence[tuple[str, str | None]], pts_s: float) -> None:
        people = {person for _, person in found if person is not None}
        count = self._names[1].count if self._names else 0
        told = (
            (people & self._headed, NAMES_THE_FACE),
            (people - self._headed, SPOKEN_OF_IS_FACE),
        )
        for cue in caption_cues(told, count, pts_s, pts_s):
            self._board.put(cue)


def _of_strangers(lines: Sequence[TextLine], names: CaptionNames) -> tuple[str, ...]:
    return tuple(line for line in shown_names(lines) if not names.named(line))


def caption_llr(people: set[str], count: int, expected: float = NAMES_THE_FACE) -> dict[str, float]:
    """Return the log-likelihood ratio of each whom a text names, of this many people enrolled.

    Args:
        people: whom it names.
        count: size of the gallery.
        expected: so probably the face is one of them: a list of many names says little of each.
    """
    if not 0 < len(people) < count:
        return {}
    odds = expected / (1 - expected) * (count - len(people)) / len(people)
    return dict.fromkeys(sorted(people), math.log(odds)) if odds > 1 else {}


def caption_cues(
    told: Iterable[tuple[set[str], float]], count: int, from_s: float, to_s: float
) -> Iterator[Cue]:
    """Return what a text says of the shot's largest face; it holds for `HOLDS_S` after its end.

    Args:
        told: whom it names, and how probably the face is one of them.
        count: size of the gallery.
        from_s: when the text comes, presentation time.
        to_s: when it goes.
    """
    for people, expected in told:
        llr = caption_llr(people, count, expected)
        if llr:
            yield Cue("text", from_s, to_s + HOLDS_S, llr, "shot")


def lower_part(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the part of a picture where captions stand, a view."""
    return bgr[round(bgr.shape[0] * (1 - LOWER)) :]
