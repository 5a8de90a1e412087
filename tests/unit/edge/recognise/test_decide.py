import pytest

from edge.recognise.cues.belief import Belief, cast_llr
from edge.recognise.cues.cue import Evidence
from edge.recognise.decide import Claim, Policy, decide
from edge.recognise.scene import Candidate
from engines.scores.model import score_model

SFACE = score_model("sface-2021dec")
POLICY = Policy(0.4, 8, SFACE, stills=False)


def claim(track: int, *scores: tuple[str, float], **more: object) -> Claim:
    values = {
        "side_px": 90.0,
        "yaw": 0.1,
        "sharpness": 0.1,
        "norm": 13.0,
        "displayed_id": None,
        **more,
    }
    return Claim(track, tuple(Candidate(i, s) for i, s in scores), **values)  # type: ignore[arg-type]


def test_names_above_the_threshold_only() -> None:
    found = decide([claim(0, ("a", 0.41)), claim(1, ("b", 0.39))], POLICY)
    assert (found[0].id, found[0].why) == ("a", None)
    assert (found[1].id, found[1].why) == (None, "below_threshold")


def test_one_person_once_and_the_better_claim_wins() -> None:
    found = decide([claim(0, ("a", 0.5)), claim(1, ("a", 0.7))], POLICY)
    assert (found[0].id, found[1].id) == (None, "a")


def test_the_same_person_twice_when_never_on_screen_together() -> None:
    found = decide([claim(0, ("a", 0.5)), claim(1, ("a", 0.7))], POLICY, lambda *_: False)
    assert found[0].id == found[1].id == "a"


def test_look_alikes_are_a_or_b() -> None:
    found = decide([claim(0, ("a", 0.61), ("b", 0.6))], POLICY)
    assert (found[0].id, found[0].why) == (None, "ambiguous")
    assert [c.id for c in found[0].candidates] == ["a", "b"]


def test_templates_of_one_person_under_two_names_need_a_wider_margin() -> None:
    twins = Policy(0.4, 8, SFACE, alike=lambda a, b: 0.8 if {a, b} == {"a", "b"} else 0.1)
    assert decide([claim(0, ("a", 0.75), ("b", 0.6))], twins)[0].why == "ambiguous"
    assert decide([claim(0, ("a", 0.75), ("c", 0.6))], twins)[0].id == "a"
    assert decide([claim(0, ("a", 0.85), ("b", 0.6))], twins)[0].id == "a"
    # a first impression does not settle it for good, and does not flicker either
    assert decide([claim(0, ("a", 0.7), ("b", 0.6), displayed_id="a")], twins)[0].id is None
    assert decide([claim(0, ("a", 0.75), ("b", 0.6), displayed_id="a")], twins)[0].id == "a"
    either = decide([claim(0, ("a", 0.7), ("c", 0.5), ("b", 0.68))], twins)[0]
    assert [c.id for c in either.candidates] == ["a", "b"]


def test_who_is_named_elsewhere_in_the_picture_is_no_rival() -> None:
    pair = [claim(0, ("a", 0.8), ("b", 0.3)), claim(1, ("b", 0.6), ("a", 0.59))]
    found = decide(pair, POLICY)
    assert (found[0].id, found[1].id) == ("a", "b")


def test_a_name_does_not_wander_between_two_faces_alike() -> None:
    """The same face twice in the picture: scores jitter, the name stays where it was."""
    for first, second in ((0.7, 0.72), (0.72, 0.7)):
        found = decide([claim(0, ("a", first), displayed_id="a"), claim(1, ("a", second))], POLICY)
        assert (found[0].id, found[1].id) == ("a", None)


def test_says_why_a_face_cannot_be_told() -> None:
    low = ("a", 0.2)
    cases = {
        "too_small": claim(0, low, side_px=22.0),
        "profile": claim(0, low, yaw=0.9),
        "blurred": claim(0, low, sharpness=0.001),
        "below_threshold": claim(0, low),
    }
    for why, one in cases.items():
        assert decide([one], POLICY)[0].why == why


def test_a_name_that_was_said_does_not_flicker() -> None:
    near = ("a", 0.37)
    assert decide([claim(0, near, norm=10.0, displayed_id="a")], POLICY)[0].id == "a"
    assert decide([claim(0, near, norm=10.0)], POLICY)[0].id is None
    assert decide([claim(0, ("a", 0.3), displayed_id="a")], POLICY)[0].id is None


def test_another_person_takes_over_only_when_clearly_better() -> None:
    assert decide([claim(0, ("b", 0.66), ("a", 0.6), displayed_id="a")], POLICY)[0].id == "a"
    assert decide([claim(0, ("b", 0.76), ("a", 0.6), displayed_id="a")], POLICY)[0].id == "b"


def test_company_that_is_named_names_nobody_else() -> None:
    """An extra among four named actors has a cosine of 0.27, and is nobody."""
    company = [claim(1, ("b", 0.7)), claim(2, ("c", 0.7)), claim(3, ("e", 0.7))]
    poor = claim(0, ("a", 0.32), ("d", 0.1), norm=9.0)
    assert decide([poor, *company], POLICY)[0].id is None


def crowd(best: float, second: float) -> Claim:
    return claim(0, ("a", best), *crowd_scores(second))


def crowd_scores(second: float) -> list[tuple[str, float]]:
    return [(f"p{n}", second - 0.005 * n) for n in range(8)]


def test_who_has_many_alike_needs_more() -> None:
    policy = Policy(0.46, 1000, SFACE)
    assert decide([crowd(0.5, 0.33)], policy)[0].id == "a"
    assert decide([crowd(0.5, 0.44)], policy)[0].id is None
    assert decide([crowd(0.6, 0.44)], policy)[0].id == "a"


def test_who_has_many_alike_in_the_gallery_needs_more_too() -> None:
    twins = Policy(0.46, 1000, SFACE, around=lambda person: (0.5,) * 8 if person == "a" else ())
    assert decide([crowd(0.5, 0.33)], twins)[0].id is None
    assert decide([crowd(0.6, 0.33)], twins)[0].id == "a"
    assert decide([claim(0, ("b", 0.5), *crowd_scores(0.33))], twins)[0].id == "b"


@pytest.mark.parametrize("stills", [True, False])
def test_a_poor_face_needs_a_little_less_and_a_good_one_more(*, stills: bool) -> None:
    policy = Policy(0.46, 1000, SFACE, stills=stills)
    kind = SFACE.stills if stills else SFACE.tracks
    usual = kind.norm_reference - kind.norm_usual
    poor, middle, good = (policy.usual(norm, 0.0) for norm in (8.0, usual, 14.0))
    assert poor < middle < good
    assert middle == pytest.approx(0.46)
    assert good - poor < 0.06


def test_no_name_is_shown_that_is_more_likely_wrong() -> None:
    loose = Policy(0.35, 100_000, SFACE)
    found = decide([crowd(0.43, 0.4)], loose)[0]
    assert (found.id, found.why) == (None, "below_threshold")
    surely = decide([crowd(0.7, 0.4)], loose)[0]
    assert surely.id == "a"
    assert surely.probability > 0.9


def test_three_candidates_are_published() -> None:
    assert len(decide([crowd(0.7, 0.3)], POLICY)[0].candidates) == 3


def test_the_cast_is_expected_and_a_cameo_is_still_found() -> None:
    usual = SFACE.cosines(stills=False).threshold(1000, 0.01)
    told = Policy(usual, 1000, SFACE, cast=frozenset({"a", "c"}), stills=False)
    plain = Policy(usual, 1000, SFACE, stills=False)
    weak = claim(0, ("a", usual - 0.05), norm=10.0)
    assert decide([weak], plain)[0].id is None
    found = decide([weak], told)[0]
    assert (found.id, [spoke.kind for spoke in found.spoke]) == ("a", ["face", "title"])
    assert decide([claim(0, ("b", usual + 0.005), norm=10.0)], plain)[0].id == "b"
    assert decide([claim(0, ("b", usual + 0.005), norm=10.0)], told)[0].id is None
    assert decide([claim(0, ("b", usual + 0.04), norm=10.0)], told)[0].id == "b"
    # a title that a cue tells comes before it
    other = claim(0, ("a", usual - 0.05), norm=10.0, evidence=(Evidence("title", {"z": 3.0}),))
    assert decide([other], told)[0].id is None


def test_a_cast_that_was_typed_is_believed_more_and_its_shares_are_still_one() -> None:
    people, cast = 1000, frozenset({"a", "c", "d"})
    llr = cast_llr(cast, people)
    read, typed = (Belief((Evidence("title", llr, typed=t),), people) for t in (False, True))
    assert sum(map(typed.prior, cast)) == pytest.approx(0.8 * 0.8 + 0.2 * 3 / 1000, abs=1e-6)
    for belief in (read, typed, Belief((*typed.evidence, Evidence("text", {"a": 2.0})), people)):
        whole = sum(map(belief.prior, cast)) + (people - len(cast)) * belief.prior("z")
        assert whole == pytest.approx(1, abs=1e-9)
    assert typed.prior("a") > read.prior("a")
    # a wrong one costs everybody else at most a factor of five, and a caption that comes to it two
    assert typed.times_likelier("z") >= 0.2
    told = Belief((*typed.evidence, Evidence("text", {"b": 50.0})), people)
    assert told.prior("a") >= typed.prior("a") / 2
    silent = Belief((*typed.evidence, Evidence("text", {})), people)
    assert silent.prior("a") == typed.prior("a")


def test_nothing_compared_is_too_small() -> None:
    assert decide([claim(0, side_px=10.0)], POLICY)[0].why == "too_small"


def test_nothing_that_is_no_number_names_anybody() -> None:
    nan, infinite = float("nan"), float("inf")
    assert decide([claim(0, ("a", nan))], POLICY)[0].id is None
    assert decide([claim(0, ("a", 0.9), norm=nan, impostor_mean=nan)], POLICY)[0].id is None
    assert decide([claim(0, ("a", 0.9), ("b", nan))], POLICY)[0].id is None
    never = Policy(nan, 8, SFACE)
    assert decide([claim(0, ("a", 0.9))], never)[0].id is None
    unlike = Policy(0.4, 8, SFACE, alike=lambda _a, _b: nan)
    assert decide([claim(0, ("a", 0.9), ("b", 0.85))], unlike)[0].id is None
    assert decide([claim(0, ("a", -infinite))], POLICY)[0].id is None
    assert decide([claim(0, ("a", 1e38))], POLICY)[0].id is None
