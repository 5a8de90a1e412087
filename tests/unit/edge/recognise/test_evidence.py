"""Each look at a live track is one more chance for a stranger: a new name takes two of them."""

import numpy as np

from edge.recognise.decide import Decision, Policy, decide
from edge.recognise.evidence import AGAIN_S, TrackState, embedding_priority
from edge.recognise.scene import Candidate
from edge.recognise.template import TrackTemplate
from edge.recognise.track import Track
from engines.scores.model import score_model

SFACE = score_model("sface-2021dec")
POLICY = Policy(0.4, 8, SFACE, stills=False)
NAMED, MISSED, CLEAR = 0.45, 0.2, 0.9


def state() -> TrackState:
    track = Track(0, np.array([0, 0, 90, 90], np.float32), 0.0, 5.0, 0.9)
    made = TrackState(track, TrackTemplate(SFACE), 90.0, 0.1, 0.1)
    made.template.add(np.eye(128, dtype=np.float32)[0], 13.0, 1.0, 0.0)
    return made


def look(seen: TrackState, at_s: float, score: float, person: str = "a") -> Decision:
    """Decide of a track whose face was embedded at a moment, as the recogniser does."""
    seen.candidates, seen.embedded_s = (Candidate(person, score),), at_s
    return again(seen)


def again(seen: TrackState) -> Decision:
    decision = seen.confirmed(decide([seen.claim()], POLICY)[0], POLICY)
    seen.displays(decision, POLICY)
    return decision


def test_a_name_is_shown_once_the_second_look_gives_it_too() -> None:
    seen = state()
    first = look(seen, 0.0, NAMED)
    assert (first.id, first.why, first.spoke) == (None, "below_threshold", ())
    assert first.candidates == (Candidate("a", NAMED),)
    assert again(seen).id is None  # the next frame looks at nothing new
    assert look(seen, 0.2, NAMED).id == "a"


def test_one_look_of_many_that_passes_names_nobody() -> None:
    seen = state()
    scores = [MISSED, MISSED, NAMED, MISSED, NAMED, MISSED]
    assert [look(seen, 0.2 * n, score).id for n, score in enumerate(scores)] == [None] * 6


def test_two_looks_must_give_the_same_name() -> None:
    seen = state()
    assert look(seen, 0.0, NAMED, "a").id is None
    assert look(seen, 0.2, NAMED, "b").id is None
    assert look(seen, 0.4, NAMED, "b").id == "b"


def test_a_name_beyond_doubt_is_shown_at_once() -> None:
    assert look(state(), 0.0, CLEAR).id == "a"


def test_a_name_that_is_shown_needs_no_second_look() -> None:
    seen = state()
    look(seen, 0.0, NAMED)
    look(seen, 0.2, NAMED)
    assert again(seen).id == "a"
    assert look(seen, 0.4, NAMED - 0.04).id == "a"


def test_a_face_whose_name_waits_is_looked_at_again_soon() -> None:
    seen = state()
    for n in range(6):
        seen.template.add(np.eye(128, dtype=np.float32)[n], 13.0, 1.0, 0.1 * n)
    seen.rough_quality = 1.0
    look(seen, 1.0, MISSED)
    assert embedding_priority(seen, 1.0, 1.2) <= 0
    look(seen, 1.0, NAMED)
    assert embedding_priority(seen, 1.0, 1.0 + AGAIN_S / 2) <= 0
    assert embedding_priority(seen, 1.0, 1.2) > 0
