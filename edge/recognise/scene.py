"""What is known of one frame: the immutable value that all outputs are made from."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge.recognise.cues.cue import Spoke

Why = Literal["too_small", "blurred", "profile", "below_threshold", "ambiguous"]
"""Why a face has no name."""


class Candidate(msgspec.Struct, frozen=True):
    """Somebody whom a face may show; `score` is the cosine similarity, -1 to 1."""

    id: str
    score: float


class Face(msgspec.Struct, frozen=True):
    """One face in one frame.

    Attributes:
        track: number of the track, unique in a session; a cut starts new ones.
        box: left, top, right, bottom in pixels of the frame.
        id: the person's id, or None while nobody is named.
        score: similarity of the best candidate, 0 where nothing was compared yet.
        why: None with a name; otherwise why there is none.
        candidates: best first, at most three; those shown as "A or B" when `why` is `ambiguous`.
        detection: the detector's score, 0 to 1; 0 where the face is turned away.
        probability: how likely the name is the right one, 0 to 1; 0 without a name.
        cues: what speaks for the name, the face first; empty without a name.
        away_s: 0, or for how long the face has been turned away, and its torso followed.
    """

    track: int
    box: tuple[float, float, float, float]
    id: str | None
    score: float
    why: Why | None
    candidates: tuple[Candidate, ...] = ()
    detection: float = 0.0
    probability: float = 0.0
    cues: tuple[Spoke, ...] = ()
    away_s: float = 0.0


class Scene(msgspec.Struct, frozen=True):
    """All faces of one frame.

    Attributes:
        pts_s: presentation time in seconds.
        index: number of the frame.
        width, height: the frame's size in pixels.
        shot: number of the shot, from 0; it rises at each cut.
        faces: in no particular order; a person is named at most once.
        release: number of the gallery's release that the names come from.
        gallery: what that release is, see `gallery.store.release.Release.identity`.
        dissolves: the picture is dissolving into another, or did a moment ago.
    """

    pts_s: float
    index: int
    width: int
    height: int
    shot: int
    faces: tuple[Face, ...]
    release: int
    gallery: str = ""
    dissolves: bool = False

    @property
    def seen(self) -> tuple[Face, ...]:
        """The faces without those that are turned away."""
        return tuple(face for face in self.faces if not face.away_s)
