"""Clothes hand a sure name on, for a while, and only where nobody else wears the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.recognise.cues.belief import Belief
from edge.recognise.cues.body import FORGOTTEN_S, MARGIN, BodyCue, alike, torso_histogram
from edge.recognise.cues.cue import Evidence
from edge.recognise.decide import Claim, Policy, decide
from edge.recognise.evidence import TrackState, give_body
from edge.recognise.scene import Candidate
from edge.recognise.template import TrackTemplate
from edge.recognise.track import Track
from engines.scores.model import score_model

PEOPLE = 1000
RED, BLUE, DARK, DARKER = (30, 30, 200), (200, 60, 20), (40, 40, 40), (44, 40, 40)
LEFT, RIGHT = (np.array([x, 40, x + 40, 90], np.float32) for x in (60, 220))
SFACE = score_model("sface-2021dec")


def picture(*clothes: tuple[tuple[int, int, int], np.ndarray]) -> np.ndarray:
    """Return a picture of 320x240 with a torso of some colour below each face."""
    bgr = np.full((240, 320, 3), 128, np.uint8)
    rng = np.random.default_rng(1)
    for colour, face in clothes:
        x, y = int(face[0]) - 20, int(face[3])
        cv2.rectangle(bgr, (x, y), (x + 80, 239), colour, -1)
    noise = rng.integers(0, 6, bgr.shape, np.uint8)
    return np.asarray(bgr + noise, np.uint8)


def wore(
    body: BodyCue, who: str | None, colour: tuple[int, int, int], pts_s: float, track: int = 1
) -> None:
    body.look(picture((colour, LEFT)), {track: LEFT}, pts_s)
    body.end(track, who)


def test_who_comes_back_in_the_same_clothes_is_expected_and_less_each_moment() -> None:
    body = BodyCue()
    wore(body, "ann", RED, 1.0)
    body.look(picture((RED, RIGHT)), {7: RIGHT}, 3.0)
    soon = body.evidence(3.0, PEOPLE)
    assert set(soon) == {7}
    assert set(soon[7]) == {"ann"}
    assert 0 < body.evidence(40.0, PEOPLE)[7]["ann"] < soon[7]["ann"]
    assert body.evidence(1.1 + FORGOTTEN_S, PEOPLE) == {}
    assert body.evidence(0.5, PEOPLE) == {}  # the clock went back


def test_others_clothes_and_nameless_ones_say_nothing() -> None:
    body = BodyCue()
    wore(body, "ann", RED, 1.0)
    wore(body, None, BLUE, 1.0, track=2)
    body.look(picture((BLUE, RIGHT)), {7: RIGHT}, 3.0)
    assert body.evidence(3.0, PEOPLE) == {}


@pytest.mark.parametrize("where", ["before", "now"])
def test_two_people_dressed_alike_leave_it_open(where: str) -> None:
    body = BodyCue()
    wore(body, "ann", DARK, 1.0)
    now = {7: RIGHT}
    if where == "before":
        wore(body, "bo", DARKER, 1.0, track=2)
    else:
        now[8] = LEFT
    body.look(picture((DARKER, LEFT), (DARK, RIGHT)), now, 3.0)
    assert body.evidence(3.0, PEOPLE) == {}


def test_too_little_of_a_torso_tells_nothing() -> None:
    bgr = picture((RED, LEFT))
    assert torso_histogram(bgr, LEFT) is not None
    for box in ([60, 190, 100, 239], [0, 0, 6, 6], [310, 40, 350, 90]):
        assert torso_histogram(bgr, np.array(box, np.float32)) is None


boxes = st.lists(st.floats(-500, 800), min_size=4, max_size=4)


@given(boxes)
def test_any_box_is_a_share_of_colours_or_nothing(box: list[float]) -> None:
    found = torso_histogram(picture((RED, LEFT)), np.array(box, np.float32))
    if found is not None:
        assert float(found.sum()) == pytest.approx(1, abs=1e-5)
        assert float(alike(found[None], found[None])[0, 0]) == pytest.approx(1, abs=1e-4)


@given(st.lists(st.tuples(st.sampled_from(["ann", "bo", None]), st.integers(0, 3)), max_size=6))
def test_whatever_was_worn_each_track_is_told_of_one_person_of_whom_one_left(
    left: list[tuple[str | None, int]],
) -> None:
    body, colours = BodyCue(), (RED, BLUE, DARK, DARKER)
    for number, (who, colour) in enumerate(left):
        wore(body, who, colours[colour], 1.0, track=number)
    body.look(picture((RED, LEFT), (BLUE, RIGHT)), {50: LEFT, 51: RIGHT}, 2.0)
    found = body.evidence(2.0, PEOPLE)
    assert all(len(llr) == 1 and set(llr) <= {who for who, _ in left} for llr in found.values())
    assert len({person for llr in found.values() for person in llr}) == len(found)
    assert 0 < MARGIN < 1


def test_clothes_alone_name_nobody_and_a_name_by_clothes_is_not_handed_on() -> None:
    policy = Policy(
        SFACE.cosines(stills=False).threshold(PEOPLE, 0.01), PEOPLE, SFACE, stills=False
    )
    template = TrackTemplate(SFACE)
    template.add(np.eye(1, 128, dtype=np.float32)[0], 12.0, 1.0, 0.0)
    state = TrackState(Track(3, LEFT, 0.0, 1.0, 0.9), template)
    for score, name in ((0.2, None), (policy.threshold - 0.06, "ann"), (0.7, "ann")):
        state.candidates = (Candidate("ann", score),)
        give_body([state], {3: {"ann": 7.5}})
        claim = Claim(3, state.candidates, 90, 0.1, 0.1, 12.0, evidence=state.evidence)
        decision = decide([claim], policy)[3]
        state.displays(decision, policy)
        assert decision.id == name
        assert state.sure_id == ("ann" if score == 0.7 else None)
    give_body([state], {})
    assert state.evidence == ()


def test_clothes_replace_what_they_said_and_leave_other_cues_alone() -> None:
    state = TrackState(Track(3, LEFT, 0.0, 1.0, 0.9), TrackTemplate(SFACE))
    state.evidence = (Evidence("title", {"bo": 2.0}),)
    give_body([state], {3: {"ann": 5.0}})
    assert [e.kind for e in state.evidence] == ["title", "body"]
    state.fresh = False
    give_body([state], {3: {"ann": 5.0}})
    assert not state.fresh  # nothing new: nobody is searched again
    give_body([state], {3: {"ann": 4.5}})
    assert state.fresh
    prior = Belief(state.evidence, PEOPLE)
    assert prior.times_likelier("ann") > 1
