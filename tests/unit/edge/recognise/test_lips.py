"""Lips that move are told from a face that moves, and a voice is given to one mouth only."""

import cv2
import numpy as np
import pytest

from edge.recognise.cues.cue import Cue, CueBoard
from edge.recognise.cues.lips import MOVE, STILL, LipWatch, mouth_motion
from edge.recognise.evidence import CueGate, TrackState
from edge.recognise.template import TrackTemplate
from edge.recognise.track import Track
from engines.align import ARCFACE_TEMPLATE_PX
from engines.scores.model import score_model

SFACE = score_model("sface-2021dec")
RANDOM = np.random.default_rng(0)
TEXTURE = cv2.GaussianBlur(RANDOM.integers(60, 190, (160, 160, 3)).astype(np.uint8), (0, 0), 3)


def face(mouth: float, shift: int = 0) -> np.ndarray:
    """Return a face, uint8 (112, 112, 3), its mouth open by a share, moved by some pixels."""
    whole = TEXTURE.copy()
    cv2.ellipse(whole, (56 + 24, 92 + 24), (14, round(2 + 9 * mouth)), 0, 0, 360, (20, 20, 30), -1)
    return whole[24 + shift : 136 + shift, 24:136]


def grey(chip: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY)


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_a_mouth_that_opens_is_told_from_a_face_that_moves(shift: int) -> None:
    speaks = mouth_motion(grey(face(0)), grey(face(1, shift)))
    silent = mouth_motion(grey(face(0.3)), grey(face(0.3, shift)))
    assert speaks is not None
    assert speaks > MOVE
    assert silent is not None
    assert silent < STILL


def test_a_face_that_moves_too_far_is_not_judged() -> None:
    assert mouth_motion(grey(face(0)), grey(face(1, 12))) is None


def state(number: int, side: float, first_s: float = 0.0) -> TrackState:
    box = np.array([10, 10, 10 + side, 10 + side], np.float32)
    return TrackState(Track(number, box, first_s, first_s + 9, 0.9), TrackTemplate(SFACE))


def given(states: list[TrackState], speaking: set[int], *, begin_s: float = 0.0) -> list[int]:
    """Return whom a voice is given that is heard from 0 to 3 s, and again from 1 to 4 s."""
    board = CueBoard(frozenset({"voice"}))
    for from_s in (begin_s, begin_s + 1):
        board.put(Cue("voice", from_s, from_s + 3, {"ada": 2.0}, "speaking"))
    gate, random = CueGate(board), np.random.default_rng(1)
    for number in range(100):
        pts_s = begin_s + number / 25
        picture = np.zeros((112, 112 * len(states), 3), np.uint8)
        marks = {}
        for place, one in enumerate(states):
            open_by = random.random() if one.track.number in speaking else 0.3
            picture[:, 112 * place : 112 * (place + 1)] = face(open_by, number % 2)
            marks[one.track.number] = ARCFACE_TEMPLATE_PX + np.float32([112 * place, 0])
        gate.lips.found(marks, pts_s)
        gate.lips.look(pts_s, lambda: picture)  # noqa: B023 - asked at once
        gate.give(states, pts_s)
    return [one.track.number for one in states if one.evidence]


def test_a_voice_is_of_the_one_face_whose_lips_move() -> None:
    assert given([state(1, 80)], {1}) == [1]
    assert given([state(1, 80), state(2, 80)], {2}) == [2]


def test_a_voice_is_nobodys_where_no_lips_or_more_than_one_pair_move() -> None:
    assert given([state(1, 80)], set()) == []
    assert given([state(1, 80), state(2, 80)], {1, 2}) == []
    assert given([state(1, 50)], {1}) == []  # too small to be trusted
    assert given([state(1, 80, first_s=2.5)], {1}) == []  # a voice that goes on over a cut


def test_nothing_is_looked_at_while_no_voice_is_heard() -> None:
    lips = LipWatch()
    lips.found({1: ARCFACE_TEMPLATE_PX}, 0.0)
    lips.look(0.0, lambda: pytest.fail("a picture was converted"))
    assert lips.motion(1, 0.0, 1.0) is None
