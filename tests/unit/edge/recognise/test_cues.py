"""Cues move the prior; no promise is broken, and nothing comes of nothing."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.recognise.cues.belief import Belief
from edge.recognise.cues.cue import Cue, CueBoard, Evidence, parse_kinds, with_cue
from edge.recognise.decide import Claim, Policy, decide
from edge.recognise.evidence import CueGate, TrackState, evidence_of_still
from edge.recognise.scene import Candidate
from edge.recognise.template import TrackTemplate
from edge.recognise.track import Track
from engines.scores.model import score_model

SFACE = score_model("sface-2021dec")
PEOPLE, FPIR = 1000, 0.01
COSINES = SFACE.cosines(stills=False)
POLICY = Policy(COSINES.threshold(PEOPLE, FPIR), PEOPLE, SFACE, stills=False)


def claim(
    *scores: tuple[str, float], cues: dict[str, float] | None = None, **more: object
) -> Claim:
    evidence = (Evidence("text", cues),) if cues else ()
    found = tuple(Candidate(i, s) for i, s in scores)
    return Claim(0, found, 90.0, 0.1, 0.1, 10.5, evidence=evidence, **more)  # type: ignore[arg-type]


def test_a_caption_names_a_face_that_is_too_weak_alone_and_both_are_told() -> None:
    weak = POLICY.threshold - 0.07
    assert decide([claim(("a", weak))], POLICY)[0].id is None
    found = decide([claim(("a", weak), cues={"a": 4.6})], POLICY)[0]
    assert found.id == "a"
    assert [s.kind for s in found.spoke] == ["face", "text"]
    assert found.spoke[0].llr > 0
    assert 0.5 <= found.probability < 1
    alone = decide([claim(("a", 0.7))], POLICY)[0]
    assert [s.kind for s in alone.spoke] == ["face"]


def test_a_name_of_whom_the_face_says_nothing_stays_away() -> None:
    for score in (0.0, 0.1, 0.2, 0.26):
        assert decide([claim(("a", score), cues={"a": 40.0})], POLICY)[0].id is None
    assert decide([claim(cues={"a": 40.0})], POLICY)[0].id is None


def test_who_is_not_among_the_neighbours_is_found_by_a_caption() -> None:
    neighbours = [(f"n{i}", 0.36 - i / 100) for i in range(9)]
    found = decide([claim(*neighbours, cues={"a": 6.0}, cued=(Candidate("a", 0.32),))], POLICY)[0]
    assert found.id is None  # others are as near: A or B
    few = [(f"n{i}", 0.2 - i / 100) for i in range(9)]
    found = decide([claim(*few, cues={"a": 6.0}, cued=(Candidate("a", 0.45),))], POLICY)[0]
    assert found.id == "a"
    assert found.candidates[0].id == "a"


def test_a_sure_face_keeps_its_name_under_another_ones_caption() -> None:
    found = decide([claim(("b", 0.6), ("a", 0.1), cues={"a": 4.6})], POLICY)[0]
    assert (found.id, [s.kind for s in found.spoke]) == ("b", ["face"])


@pytest.mark.parametrize("people", [3, 12, 1000, 100_000])
def test_a_wrong_cue_costs_little(people: int) -> None:
    policy = Policy(COSINES.threshold(people, FPIR), people, SFACE, stills=False)
    cued = policy.belief(claim(("b", 0.5), cues={"a": 40.0}))
    assert cued is not None
    assert 0 < -cued.gain("b") < 0.021


scores = st.lists(st.floats(-0.2, 1.0), min_size=1, max_size=9)
llrs = st.dictionaries(st.sampled_from("abcdefghij"), st.floats(-20, 20), max_size=6)


@given(scores, st.sampled_from(["", "a", "b"]))
def test_without_cues_a_decision_is_the_same_to_the_bit(values: list[float], before: str) -> None:
    found = [(chr(97 + i), v) for i, v in enumerate(sorted(values, reverse=True))]
    plain = claim(*found, displayed_id=before or None)
    silent = claim(*found, displayed_id=before or None)
    object.__setattr__(silent, "evidence", (Evidence("text", {}), Evidence("title", {})))
    assert decide([plain], POLICY) == decide([silent], POLICY)


@given(llrs, st.integers(10, 10_000))
def test_beliefs_are_shares_of_one(llr: dict[str, float], people: int) -> None:
    belief = Belief((Evidence("text", llr),), people)
    rest = (people - len(llr)) * belief.prior("nobody")
    assert sum(belief.prior(p) for p in llr) + rest == pytest.approx(1)
    assert belief.prior("nobody") >= 0.5 / people


@given(llrs, st.sampled_from([12, 1000]))
def test_the_rate_of_false_names_is_the_promised_one_whatever_cues_say(
    llr: dict[str, float], people: int
) -> None:
    """The chance that a stranger passes anybody's threshold, from the thresholds themselves."""
    policy = Policy(COSINES.threshold(people, FPIR), people, SFACE, stills=False)
    cued = policy.belief(claim(("a", 0.5), cues=llr or {"a": 1.0}))
    assert cued is not None
    others = NormalDist(COSINES.impostor_mean, COSINES.impostor_sd)
    named = llr or {"a": 1.0}
    kept = sum(
        times * math.log(others.cdf(policy.threshold - cued.gain(person)))
        for person, times in [*((p, 1) for p in named), ("nobody", people - len(named))]
    )
    assert -math.expm1(kept) <= FPIR * 1.001


def test_strangers_under_captions_of_enrolled_people_get_no_more_names_than_promised() -> None:
    """The attack: each stranger stands over the name of somebody enrolled."""
    rng = np.random.default_rng(7)
    people, strangers = 200, 4000
    policy = Policy(COSINES.threshold(people, FPIR), people, SFACE, stills=False)
    drawn = rng.normal(COSINES.impostor_mean, COSINES.impostor_sd, (strangers, people))
    names = [f"p{i}" for i in range(people)]
    named = {False: 0, True: 0}
    for row in drawn:
        order = np.argsort(-row)[:9]
        best = [(names[i], float(row[i])) for i in order]
        meant = "p0"
        cued = () if 0 in order else (Candidate(meant, float(row[0])),)
        named[False] += decide([claim(*best)], policy)[0].id is not None
        attacked = claim(*best, cues={meant: 6.0}, cued=cued)
        named[True] += decide([attacked], policy)[0].id is not None
    bound = strangers * FPIR + 3 * math.sqrt(strangers * FPIR)
    assert named[False] <= bound
    assert named[True] <= bound
    assert named[True] > 0  # the test can fail: some are named


def state(number: int, side: float, first_s: float = 0.0) -> TrackState:
    box = np.array([0, 0, side, side], np.float32)
    return TrackState(Track(number, box, first_s, first_s + 5, 0.9), TrackTemplate(SFACE))


def test_a_caption_speaks_for_the_largest_face_that_was_there_and_once() -> None:
    board = CueBoard(frozenset({"text", "title"}))
    gate = CueGate(board)
    small, large, later = state(1, 40), state(2, 90), state(3, 200, first_s=2.5)
    board.put(Cue("text", 2.0, 3.5, {"a": 4.6}))
    gate.give([small, large, later], 2.6)
    gate.give([small], 2.7)
    assert [bool(s.evidence) for s in (small, large, later)] == [False, True, False]
    assert large.fresh
    assert not small.fresh


def test_what_is_read_again_says_nothing_more() -> None:
    first = Cue("text", 0, 1, {"a": 4.6})
    once = with_cue((), first)
    assert with_cue(once, Cue("text", 1, 2, {"a": 4.6})) == once
    both = with_cue(once, Cue("text", 1, 2, {"b": 4.6}))
    assert both[0].llr == {"a": 4.6, "b": 4.6}


def test_a_title_speaks_for_all_and_the_next_one_replaces_it() -> None:
    board = CueBoard()
    gate, seen = CueGate(board), state(1, 50)
    board.stand("title", {"a": 2.8})
    gate.give([seen], 1.0)
    assert seen.evidence[0].llr == {"a": 2.8}
    board.stand("title", {"b": 2.8})
    gate.give([seen], 2.0)
    assert seen.evidence[0].llr == {"b": 2.8}
    board.stand("title", {})
    gate.give([seen], 3.0)
    assert not seen.evidence


def test_heard_and_not_seen_speaks_for_no_face_and_a_track_only_for_itself() -> None:
    board = CueBoard(frozenset({"voice", "body"}))
    gate, one, two = CueGate(board), state(1, 50), state(2, 90)
    board.put(Cue("voice", 0, 9, {"a": 5.0}, "nobody"))
    board.put(Cue("body", 0, 9, {"b": 1.0}, 1))
    gate.give([one, two], 1.0)
    assert [e.kind for e in one.evidence] == ["body"]
    assert not two.evidence


def test_a_still_picture_gives_its_caption_to_the_largest_face() -> None:
    cues = [Cue("text", 0, 0, {"a": 4.6}), Cue("title", 0, 0, {"b": 2.8}, "all")]
    kinds = [[e.kind for e in found] for found in evidence_of_still(cues, [10.0, 30.0])]
    assert kinds == [["title"], ["text", "title"]]
    assert evidence_of_still(cues, []) == []


def test_faces_about_as_large_share_what_a_caption_says() -> None:
    board = CueBoard()
    gate, one, two, small = CueGate(board), state(1, 80), state(2, 90), state(3, 40)
    board.put(Cue("text", 0, 9, {"a": 7.0, "b": 1.0}))
    gate.give([one, two, small], 1.0)
    (told,) = one.evidence
    assert 7.0 - 2.0 < told.llr["a"] < 7.0 - 1.0
    assert set(told.llr) == {"a"}  # too little is left of the other
    assert two.evidence == one.evidence
    assert not small.evidence
    gate.give([one, two, small], 2.0)  # what is given is given
    assert one.evidence == (told,)
    still = evidence_of_still([Cue("text", 0, 0, {"a": 7.0})], [10.0, 9.0, 3.0])
    assert still == [one.evidence, one.evidence, ()]


def test_a_board_takes_only_what_is_switched_on() -> None:
    board = CueBoard(frozenset())
    board.put(Cue("text", 0, 9, {"a": 4.6}))
    board.stand("title", {"a": 2.8})
    assert board.at(1.0) == ()


def test_kinds_are_told_by_words() -> None:
    assert parse_kinds("none") == frozenset()
    assert "title" in parse_kinds("all")
    assert parse_kinds("title") == {"title"}
    for wrong in ("", "smell", "none,title"):
        with pytest.raises(ValueError, match="expected none, all or"):
            parse_kinds(wrong)
