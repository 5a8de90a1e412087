"""How somebody looks in a film names their weaker tracks, as far as its strangers allow it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from edge.hindsight.shown import USUAL_MORE, more_alike, with_shown
from edge.recognise.decide import Claim, Policy, decide
from edge.recognise.scene import Candidate
from engines.scores.model import score_model
from gallery.errors import GalleryError

SFACE = score_model("sface-2021dec")
AXES = np.eye(40, dtype=np.float32)
ENROLLED = AXES[0]
POLICY = Policy(0.46, 1000, SFACE, stills=False)
FEW = tuple(Candidate(f"n{k}", 0.3 - k / 100) for k in range(8))


class Known:
    """A gallery of one person."""

    def templates_of(self, person: str) -> np.ndarray:
        if person != "a":
            raise GalleryError(f"{person}: nobody")
        return ENROLLED[None]


def at(**cosines: float) -> np.ndarray:
    """Return a face with these cosines to the axes `x0`, `x1`, ...; the rest lies on one more."""
    face = np.zeros(40, np.float32)
    for name, cosine in cosines.items():
        face[int(name[1:])] = cosine
    face[39] = np.sqrt(max(1 - float((face**2).sum()), 0.0))
    return face


SURE = at(x0=0.8, x1=0.6)
WEAK = at(x0=0.43, x1=0.5)
"""Of one look with the sure face, and not enough like the picture."""


def claim(number: int, face: np.ndarray) -> Claim:
    mine = Candidate("a", round(float(face @ ENROLLED), 4))
    return Claim(number, (mine, *FEW), 90.0, 0.1, 0.1, 11.0, impostor_mean=0.08)


def names(
    faces: dict[int, np.ndarray], beside: frozenset[frozenset[int]] = frozenset()
) -> dict[int, str | None]:
    def apart(a: int, b: int) -> bool:
        return frozenset((a, b)) in beside

    claims = [claim(number, face) for number, face in faces.items()]
    first = decide(claims, POLICY, apart)
    told = with_shown(claims, faces, first, Known(), POLICY, apart)  # type: ignore[arg-type]
    found = decide(told or claims, POLICY, apart)
    return {number: decision.id for number, decision in found.items()}


def strangers(alike: float) -> dict[int, np.ndarray]:
    """Return six faces, so much alike, of nobody who is enrolled."""
    own = np.sqrt(1 - alike)
    return {10 + k: np.sqrt(alike) * AXES[20] + own * AXES[21 + k] for k in range(6)}


def pairs(numbers: dict[int, np.ndarray]) -> frozenset[frozenset[int]]:
    return frozenset(frozenset((a, b)) for a in numbers for b in numbers if a != b)


def test_a_film_tells_by_degrees_how_alike_its_strangers_are() -> None:
    assert more_alike([], 0) == USUAL_MORE
    one = more_alike([(0.08, 0.08)], 2)
    many = more_alike([(0.08, 0.08)] * 30, 12)
    assert USUAL_MORE > one > many > 0
    assert more_alike([(0.38, 0.08)] * 30, 12) > USUAL_MORE
    # pairs of a few tracks are no more than these tracks
    assert more_alike([(0.08, 0.08)] * 30, 2) > many


def test_how_somebody_looks_names_a_weaker_track_where_strangers_are_unlike() -> None:
    few = strangers(0.05)
    alone = names({2: WEAK})
    assert alone == {2: None}
    found = names({1: SURE, 2: WEAK} | few, pairs(few))
    assert (found[1], found[2]) == ("a", "a")
    assert all(found[number] is None for number in few)


def test_the_same_track_stays_unnamed_where_everybody_is_alike() -> None:
    many = strangers(0.45)
    assert names({1: SURE, 2: WEAK} | many, pairs(many))[2] is None


def test_whoever_is_beside_somebody_is_not_them() -> None:
    few = strangers(0.05)
    beside = pairs(few) | {frozenset((1, 2))}
    assert names({1: SURE, 2: WEAK} | few, beside)[2] is None


def test_nobody_is_sure_or_nobody_is_unnamed_or_somebody_is_gone() -> None:
    def never(_a: int, _b: int) -> bool:
        return False

    for faces in ({2: WEAK}, {1: SURE}):
        claims = [claim(number, face) for number, face in faces.items()]
        first = decide(claims, POLICY, never)
        assert with_shown(claims, faces, first, Known(), POLICY, never) is None  # type: ignore[arg-type]
    gone = SimpleNamespace(templates_of=lambda _person: Known().templates_of("b"))
    claims = [claim(1, SURE), claim(2, WEAK)]
    first = decide(claims, POLICY, never)
    assert first[1].id == "a"
    faces = {1: SURE, 2: WEAK}
    assert with_shown(claims, faces, first, gone, POLICY, never) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("score", [0.46, 0.6])
def test_who_has_a_name_keeps_it(score: float) -> None:
    faces = {1: SURE, 2: at(x0=score, x1=0.1)}
    assert names(faces) == {1: "a", 2: "a"}
