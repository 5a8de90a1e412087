"""Subtitles as weak cues: who speaks, where a line says so, and who is spoken of."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.captions.names import CaptionNames
from edge.captions.reading import SPOKEN_OF_IS_FACE, CaptionText, caption_cues
from edge.video.source import SubtitleLine
from gallery.errors import GalleryError
from gallery.titles.match import NameIndex, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from edge.captions.reading import LineReader
    from edge.recognise.cues.cue import CueBoard
    from edge.video.source import SubtitlePicture
    from gallery.search.search import Gallery
    from gallery.store.person import Person

SPEAKER_IS_FACE = 0.5
"""Whom a line calls its speaker is taken to be the largest face so often: an assumption, with no
film behind it."""
LEAST_WORD = 3
MOST_SO_CALLED = 20
"""A word that is part of more people's names or roles tells nobody."""
_UNSEEN = "\\s\ufeff\u200b-\u200f\u202a-\u202e\u2066-\u2069"
_DASH = re.compile(rf"^[{_UNSEEN}]*(?:[-–—*>»♪♫#_¶\"“„«‹¿¡]+[{_UNSEEN}]*)+|^[{_UNSEEN}]+")  # noqa: RUF001
_BRACKETED = re.compile(r"^[\[(（【［〔]([^\[\]()（）【】［］〔〕]{1,60})[\])）】］〕]\s*[:：]?\s*")  # noqa: RUF001
_PREFIX = re.compile(
    r"^([^\W\d_][^:：\n\[\]()]{0,59}?)_?\s*(?:[(\[][^()\[\]]{0,40}[)\]]\s*)?[:：](?![\d/])\s*"  # noqa: RUF001
)
_TURN = re.compile(
    r"(?<=\S)\s*(?=>>)(?<!>)|(?<=\S)\s+(?=[\[【][^\[\]【】]{1,60}[\]】])"
    r"|(?<=\S)\s+(?=[-–—]\s?[^\W\d_][^:：]{0,59}[:：](?![\d/]))"  # noqa: RUF001
)
_TOGETHER = re.compile(r"\s*[&/+,、]\s*|\s+(?:and|und|et|y|e|i|og|och|en)\s+", re.IGNORECASE)
_ASIDE = re.compile(r"\s*[,;]\s*|\s+[-–—]\s+")  # noqa: RUF001
MOST_TOGETHER = 4


def turns_of(line: str) -> list[str]:
    """Return a line's parts by who speaks: `>> JOEY: Hi. >> ROSS: Ho.`, `-Hi -ROSS: Ho` are two."""
    return [turn for turn in _TURN.split(line) if turn.strip()] or [line]


def speaker_of(line: str) -> tuple[str | None, str]:
    """Return who a line of a subtitle says that it is spoken by, and the rest of it.

    `JOEY: Hello`, `- Joey (off): Hello`, `[JOEY] Hello`, with a wide colon too.
    """
    bare = _DASH.sub("", line)
    found = _BRACKETED.match(bare)
    if found is not None:  # `[Joey, laughing]`
        return _ASIDE.split(found[1])[0].strip() or None, bare[found.end() :]
    found = _PREFIX.match(bare)
    if found is None:
        return None, line
    return found[1].strip() or None, bare[found.end() :]


class SubtitleNames:
    """Finds whom a subtitle's line tells of.

    Args:
        people: of the gallery.
    """

    def __init__(self, people: Iterable[Person]) -> None:
        known = list(people)
        index = NameIndex(known)
        self.count = index.count
        self._whole = CaptionNames(index)
        self._exact = index.named
        called: dict[str, set[str]] = defaultdict(set)
        joined: dict[str, set[str]] = defaultdict(set)
        for person in known:
            roles = (work.role for work in person.works)
            for words in map(fold, (*person.names.values(), *roles)):
                called[words].add(person.id)
                joined[words.replace(" ", "")].add(person.id)
                for word in words.split():
                    if len(word) >= LEAST_WORD:
                        called[word].add(person.id)
        self._called = {k: v for k, v in called.items() if k and len(v) <= MOST_SO_CALLED}
        self._joined = {k: v for k, v in joined.items() if k and len(v) <= MOST_SO_CALLED}

    def speaker(self, name: str) -> set[str]:
        """Return the ids of those whom a speaker's name may mean: by name, by role, by a word.

        A reader of pictures loses spaces, so that whole names count without them, too.
        """
        told = self._one(name)
        parts = _TOGETHER.split(name) if not told else []
        each = [self._one(part) for part in parts[:MOST_TOGETHER]]
        return set().union(*each) if each and all(each) else told

    def _one(self, name: str) -> set[str]:
        words = fold(name)
        told = (
            self._exact(name) or self._called.get(words) or self._joined.get(words.replace(" ", ""))
        )
        return set(told or ())

    def spoken_of(self, text: str) -> set[str]:
        """Return the ids of all whose whole name stands in what is said."""
        return set(self._whole.named(text))


class Subtitles:
    """Puts on the board whom subtitles tell of; one thread uses it.

    Args:
        board: takes the cues.
        gallery: returns the one in use.

    Attributes:
        known: how many were heard or read.
    """

    def __init__(self, board: CueBoard, gallery: Callable[[], Gallery]) -> None:
        self._board, self._gallery = board, gallery
        self.known = 0
        self._names: tuple[str, SubtitleNames] | None = None
        self._heard: tuple[SubtitleLine, ...] = ()
        self._seen: tuple[SubtitlePicture, ...] = ()

    def see(
        self, pictures: tuple[SubtitlePicture, ...], reader: Callable[[], LineReader | None]
    ) -> list[CaptionText]:
        """Take a source's newest subtitles that are pictures; read the new ones.

        Args:
            pictures: as `SourceStats.subtitle_pictures` has them.
            reader: of text; asked for where there is a new picture, None leaves it out.

        Returns:
            The lines that name somebody.
        """
        new = [one for one in pictures if one not in self._seen]
        self._seen = pictures
        if not new:
            return []
        try:
            names = self._named()
        except GalleryError:
            return []
        text = reader()
        if text is None:
            return []
        read = (SubtitleLine(one.from_s, one.to_s, _read(one, text)) for one in new)
        return [text for line in read for text in self._take(line, names)]

    def hear(self, lines: tuple[SubtitleLine, ...]) -> list[CaptionText]:
        """Take the newest lines of a source; return those of the new ones that name somebody."""
        if lines is self._heard or lines == self._heard:
            return []
        known, self._heard = set(self._heard), lines
        try:
            names = self._named()
        except GalleryError:  # a disk that rots: faces are named without subtitles
            return []
        return [text for line in lines if line not in known for text in self._take(line, names)]

    def _take(self, line: SubtitleLine, names: SubtitleNames) -> Iterator[CaptionText]:
        self.known += 1
        speak: set[str] = set()
        told_of: set[str] = set()
        for spoken in line.text.split("\n"):
            speaks, of = _told(spoken, names)
            yield from (CaptionText(line.from_s, spoken, p) for p in (*sorted(of), *sorted(speaks)))
            speak |= speaks
            told_of |= of
        told = (told_of - speak, SPOKEN_OF_IS_FACE), (speak, SPEAKER_IS_FACE)
        for cue in caption_cues(told, names.count, line.from_s, line.to_s):
            self._board.put(cue)

    def _named(self) -> SubtitleNames:
        gallery = self._gallery()
        if self._names is None or self._names[0] != gallery.identity:
            self._names = (gallery.identity, SubtitleNames(gallery.people()))
        return self._names[1]


def _told(spoken: str, names: SubtitleNames) -> tuple[set[str], set[str]]:
    """Return who speaks in a line, and who else is spoken of."""
    speak: set[str] = set()
    of: set[str] = set()
    for turn in turns_of(spoken):
        speaker, rest = speaker_of(turn)
        speaks = names.speaker(speaker) if speaker else set()
        if speaker and not speaks:  # `(sighs) JOEY: Hi`
            next_one, further = speaker_of(rest)
            speaks = names.speaker(next_one) if next_one else set()
            rest = further if speaks else rest
        of |= names.spoken_of(rest if speaks else turn)
        speak |= speaks
    return speak, of - speak


def _read(picture: SubtitlePicture, reader: LineReader) -> str:
    """Return what stands in a subtitle, as lines."""
    grey = np.frombuffer(picture.grey, np.uint8).reshape(picture.height, picture.width)
    bgr = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    return "\n".join(line.text for line in reader.read(bgr))
