"""Pictures of scenes: one where somebody comes, few of them, and none of strangers."""

from __future__ import annotations

import numpy as np

from edge.recognise.scene import Scene
from edge.serve.stills import Stills
from edge.video.frame import Frame
from tests.serving import Player, face


def push(stills: Stills, at_s: float, *people: str | None) -> None:
    faces = tuple(face(n, 60, person) for n, person in enumerate(people))
    bgr = np.full((90, 160, 3), 90, np.uint8)
    stills.take(Frame(bgr, at_s, 0, 0), Scene(at_s, 0, 160, 90, 0, faces, 1))


def test_a_picture_is_kept_where_somebody_comes_and_each_few_seconds() -> None:
    stills = Stills(Player())
    push(stills, 1.0, None)
    assert stills.near(0.0, 2.0) is None
    for n in range(100):
        push(stills, 2.0 + n / 10, "ada")
    assert stills.near(2.0, 30.0) == 2.0
    assert stills.near(2.5, 30.0) == 7.0
    push(stills, 9.35, "ada", "eve")  # eve comes
    assert stills.near(9.3, 30.0) == 9.35
    assert stills.at(2.0).startswith(b"\xff\xd8")
    assert stills.at(2.04) == b""


def test_the_oldest_goes_first() -> None:
    stills = Stills(Player(), most=2)
    for at_s in (1.0, 20.0, 10.0):
        push(stills, at_s)
        push(stills, at_s, "ada")
    assert stills.near(0.0, 5.0) is None
    assert (stills.near(5.0, 15.0), stills.near(15.0, 25.0)) == (10.0, 20.0)
