"""Which faces of a film are surely one person's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge.offline.learn import sure_faces
from edge.offline.summary import IdentifiedFace
from edge.recognise.scene import Candidate

SURE = IdentifiedFace(
    pts_s=0.0,
    frame=0,
    track=1,
    box=(100, 100, 180, 200),
    id="ann",
    name="Ann",
    score=0.6,
    why=None,
    candidates=(Candidate("ann", 0.6), Candidate("bob", 0.3)),
)


def track(seconds: float = 2.0, **others: Any) -> list[IdentifiedFace]:
    frames = [SURE] * (round(seconds * 25) + 1)
    return [
        msgspec.structs.replace(face, frame=n, pts_s=n / 25, **others)
        for n, face in enumerate(frames)
    ]


def test_a_few_faces_of_a_track_are_offered() -> None:
    found = sure_faces(track(), {"ann"}, 0.4)
    assert [face.frame for face in found] == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize(
    "others",
    [
        {"id": None, "why": "below_threshold"},
        {"id": "bob"},  # of the cast is only Ann
        {"score": 0.39},
        {"candidates": (Candidate("ann", 0.6), Candidate("bob", 0.5))},
        {"candidates": (Candidate("bob", 0.7), Candidate("ann", 0.6))},
        {"candidates": ()},
        {"box": (100, 100, 140, 150)},
        {"seconds": 0.5},
    ],
)
def test_what_is_doubtful_is_not(others: dict[str, Any]) -> None:
    assert sure_faces(track(**others), {"ann"}, 0.4) == []


def test_a_track_that_changed_its_name_is_nobodys() -> None:
    faces = track()
    faces[7] = msgspec.structs.replace(faces[7], id="bob")
    assert sure_faces(faces, {"ann", "bob"}, 0.4) == []
