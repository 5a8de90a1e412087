"""The figures of a labelled film, as `tvradar evaluate --video --json` prints them."""

from __future__ import annotations

import msgspec


class Rates(msgspec.Struct, frozen=True):
    """Sums over some presses; rates of nothing are None.

    Attributes:
        presses: how many.
        precision: share of the names said to be on screen that are.
        recall: share of the people visible who are named as on screen.
        exact_set: share of presses that name all visible people and nobody else.
        false_names: names of people who are neither visible nor were in the last 2 s.
        false_names_per_100: the same per 100 presses.
        unknown_rate: share of the faces in the answers that carry no name, strangers included.
    """

    presses: int
    precision: float | None
    recall: float | None
    exact_set: float | None
    false_names: int
    false_names_per_100: float | None
    unknown_rate: float | None


class Answers(msgspec.Struct, frozen=True):
    """First and refined answers to the same presses."""

    first: Rates
    refined: Rates


class Faces(msgspec.Struct, frozen=True):
    """Faces in frames by outcome; `unnamed` holds strangers too, shots say not who is who."""

    right: int
    wrong: int
    unnamed: int


class JustGone(msgspec.Struct, frozen=True):
    """Presses up to 1 s after a cut, each with one person who was visible before it and is not now.

    Attributes:
        expected: pairs of press and person.
        listed: of them, listed and marked as just gone.
    """

    expected: int
    listed: int


class FalseName(msgspec.Struct, frozen=True):
    """One wrong name in an answer."""

    frame: int
    pts_s: float
    named: str
    visible: tuple[str, ...]
    refined: bool


class VideoEvaluation(msgspec.Struct, frozen=True):
    """All figures of one film.

    Attributes:
        first: answers at once, at frames where somebody enrolled is visible, usual shots.
        refined: the same presses, answered again 0.4 s later.
        apart: presses in shots with a note, by the note.
        nobody: presses at frames where nobody enrolled is visible.
        false_names: in all answers, of all shots, first and refined.
        flips: changes of a name on one track, a name lost and found again included.
        faces: by `side_px`, `yaw` and `sharpness`, then by range; only frames with detection.
        errors: up to 50 false names: frame, time, who was named, who was visible.
    """

    frames: int
    first: Rates
    refined: Rates
    apart: dict[str, Answers]
    nobody: Answers
    false_names: int
    just_gone: JustGone
    flips: int
    track_minutes: float
    flips_per_track_minute: float | None
    faces: dict[str, dict[str, Faces]]
    errors: tuple[FalseName, ...]
