"""What a press of the radar button is answered with."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge.recognise.cues.cue import Spoke
from edge.recognise.scene import Candidate, Why

REFINE_AFTER_S = 0.4
"""An answer is refined this long after a press: by then two or three more faces have been embedded,
and it still comes within half a second."""


class AnswerPerson(msgspec.Struct, frozen=True):
    """Somebody who is, or just was, on screen.

    Attributes:
        id: the person's id.
        names: by language.
        role: what they are known for, by language.
        score: cosine similarity of the best candidate.
        track: the track that shows them, for "not this person".
        box: left, top, right, bottom in pixels of the newest frame, or None when just gone.
        present: whether they are on screen at the moment of the press.
        seen_s: seconds between their last detection and the press.
        probability: how likely the name is the right one, 0 to 1.
        cues: what speaks for the name, the face first.
    """

    id: str
    names: dict[str, str]
    role: dict[str, str]
    score: float
    track: int
    box: tuple[float, float, float, float] | None
    present: Literal["now", "just_gone"]
    seen_s: float
    probability: float = 0.0
    cues: tuple[Spoke, ...] = ()


class AnswerAmbiguous(msgspec.Struct, frozen=True):
    """A face that is "A or B"."""

    track: int
    box: tuple[float, float, float, float]
    candidates: tuple[Candidate, ...]


class AnswerUnnamed(msgspec.Struct, frozen=True):
    """A face without a name, and why."""

    track: int
    box: tuple[float, float, float, float]
    why: Why


class Answer(msgspec.Struct, frozen=True):
    """The answer to one press.

    Attributes:
        press: number of the press; the refined answer carries the same.
        pts_s: the moment that was asked about.
        refined: false for the first answer, true for the one that follows.
        people: on screen first, the largest face first; then those just gone, newest first.
        ambiguous: faces that two people match about as well.
        unnamed: faces without a name.
        size: the picture's width and height in pixels.
        picture_age_s: seconds since the newest picture, at the press; None before the first.
        texts: what captions say that looks like names of people who are not enrolled: text, never a
            match. It is for the page and for whoever asked over HTTP, and goes nowhere else.
    """

    press: int
    pts_s: float
    refined: bool
    people: tuple[AnswerPerson, ...]
    ambiguous: tuple[AnswerAmbiguous, ...] = ()
    unnamed: tuple[AnswerUnnamed, ...] = ()
    size: tuple[int, int] = (0, 0)
    picture_age_s: float | None = None
    texts: tuple[str, ...] = ()
