"""The programme: its shots in their order, each a camera move over a still photograph."""

from __future__ import annotations

from dataclasses import dataclass

from edge.demo.camera import Move, View

WIDTH, HEIGHT, FPS = 1280, 720, 25
TITLE = ("Composed for this demonstration", "from photographs in the public domain")


@dataclass(frozen=True, slots=True)
class Shot:
    """One camera move, or several side by side.

    Attributes:
        seconds: how long it is seen, its dissolve included.
        moves: from left to right, each on an equal part of the screen.
        dissolve_s: how long it fades in over the end of the shot before; 0 is a hard cut.
        title: lines of text over the picture.
    """

    seconds: float
    moves: tuple[Move, ...]
    dissolve_s: float = 0.0
    title: tuple[str, ...] = ()


PROGRAMME = (
    Shot(
        4.0,
        (Move("rocket", View(0.5, 0.55, 0.98), View(0.5, 0.42, 0.72)),),
        title=TITLE,
    ),
    Shot(
        6.0,
        (Move("collins_portrait", View(0.7, 0.36, 0.52), View(0.47, 0.27, 0.48)),),
    ),
    Shot(
        3.6,
        # Framed and graded so that no galaxy looks like a face to YuNet; at full size some do.
        (Move("deep_field", View(0.3, 0.3, 0.3), View(0.6, 0.3, 0.3), grade="night"),),
        dissolve_s=1.2,
    ),
    Shot(
        5.0,
        (Move("obama_speech", View(0.52, 0.34, 0.38), View(0.48, 0.4, 0.68)),),
    ),
    Shot(
        5.5,
        (Move("obama_blue_room", View(0.52, 0.5, 0.5), View(0.53, 0.22, 0.38)),),
    ),
    Shot(
        5.0,
        (Move("biden_portrait", View(0.5, 0.42, 0.42), View(0.57, 0.19, 0.28)),),
    ),
    Shot(
        5.0,
        (
            Move("obama_blue_room", View(0.54, 0.22, 0.42), View(0.54, 0.2, 0.36)),
            Move("biden_portrait", View(0.58, 0.22, 0.42), View(0.58, 0.2, 0.36)),
        ),
    ),
    Shot(
        4.5,
        (Move("hopper_portrait", View(0.52, 0.5, 0.92), View(0.52, 0.4, 0.62), grade="warm"),),
    ),
    Shot(
        6.0,
        (Move("einstein_speech", View(0.46, 0.52, 0.66), View(0.5, 0.36, 0.4)),),
    ),
    Shot(
        4.5,
        (
            Move(
                "obama_speech",
                View(0.5, 0.36, 0.62),
                View(0.54, 0.35, 0.46),
                grade="night",
                mirror=True,
            ),
        ),
    ),
    Shot(
        4.0,
        (
            Move("collins_portrait", View(0.44, 0.28, 0.5), View(0.44, 0.25, 0.42), mirror=True),
            Move("hopper_portrait", View(0.52, 0.42, 0.8), View(0.52, 0.4, 0.7)),
        ),
    ),
    Shot(
        4.6,
        (Move("obama_portrait", View(0.55, 0.3, 0.58), View(0.54, 0.24, 0.44), grade="poor"),),
        dissolve_s=1.0,
    ),
    Shot(
        3.0,
        (Move("rocket", View(0.36, 0.74, 0.46), View(0.62, 0.7, 0.52)),),
        dissolve_s=1.2,
    ),
)
"""Barack Obama is enrolled with `obama_portrait` and shown in two other photographs before it. Only
one free photograph of each of the others was at hand, so Joe Biden and Eileen Collins are shown in
the photograph that enrols them, framed otherwise. Grace Hopper, Albert Einstein and the man who
sits behind him are not enrolled and must stay unnamed."""

PEOPLE = {
    "barack_obama": "obama_portrait",
    "joe_biden": "biden_portrait",
    "eileen_collins": "collins_portrait",
}
"""Who is enrolled, and with which photograph."""

STRANGER, STRANGER_PORTRAIT = "grace_hopper", "hopper_portrait"
"""Whom a release brings when the demonstration's button is pressed, and with which photograph: the
one that she is shown in, framed and graded otherwise, as only one free one was at hand."""
